//! What a layer's tar says about its files, seen from a container; and layers after a bad end of the machine.

use serde_json::json;

use crate::support::image::{Layer, Tar, busybox_root, shell};
use crate::support::{registry, skipped};

/// `cap_net_raw=ep`: version 2 with the effective flag (linux/capability.h).
const NET_RAW: [u8; 20] = [
    1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

#[test]
fn file_capabilities_count_for_a_user_who_is_not_root() {
    let Some(registry) = registry::get() else {
        return skipped("no registry");
    };
    let (Some(root), Ok(busybox)) = (busybox_root(), std::fs::read("/bin/busybox")) else {
        return skipped("no busybox");
    };
    let capable = Tar::default()
        .attributes(&[("security.capability", &NET_RAW)])
        .file("bin/busybox-capable", 0o755, &busybox)
        .finish();
    let layers = [Layer::from_tar(&root), Layer::from_tar(&capable)];
    let image = registry.push("capable:1", &layers, shell());
    let sandbox = crate::support::Sandbox::new();
    sandbox.coracle(["pull", "-q", &image]).ok();
    for (program, effective) in [
        ("/bin/busybox", "0000000000000000"),
        ("/bin/busybox-capable", "0000000000002000"),
    ] {
        let seen = sandbox
            .coracle([
                "run",
                "--rm",
                "--user",
                "1000",
                &image,
                program,
                "grep",
                "CapEff",
                "/proc/self/status",
            ])
            .ok();
        assert_eq!(seen, format!("CapEff:\t{effective}\n"), "{program}");
    }
}

/// A power cut after a pull: the layer was not on the disk yet.
#[test]
fn a_layer_that_a_power_cut_emptied_is_noticed_before_it_is_used() {
    busybox!(sandbox, image);
    let layers = sandbox.data().join("layers");
    let layer = std::fs::read_dir(layers)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let older_boot = || {
        let path = layer.join("layer");
        let mut record: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        record["boot_id"] = json!("an older one");
        record["synced"] = json!(false);
        std::fs::write(path, record.to_string()).unwrap();
    };
    let run = || sandbox.coracle(["run", "--rm", &image, "cat", "/etc/group"]);
    let group = run().ok();

    older_boot();
    assert_eq!(run().ok(), group);

    older_boot();
    std::fs::write(layer.join("tree/etc/group"), "").unwrap();
    let text = run().fails(125);
    assert!(
        text.contains("was damaged when the machine went down")
            && text.contains("pull the image again"),
        "{text}"
    );
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    assert!(!layer.exists());
    sandbox.coracle(["pull", "-q", &image]).ok();
    assert_eq!(run().ok(), group);
}
