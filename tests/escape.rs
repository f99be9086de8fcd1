//! Known ways out of a container, replayed: each must lead nowhere.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr)] // a test is not the program

mod support;

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use support::image::{Layer, Tar, digest};
use support::{Sandbox, registry, skipped};

/// A sandbox with busybox and one more layer on top of it.
fn with_layer(name: &str, tar: Tar) -> Option<(Sandbox, String)> {
    let registry = registry::get()?;
    let base = Layer::from_tar(&support::image::busybox_root()?);
    let top = Layer::from_tar(&tar.finish());
    let name = registry.push(name, &[base, top], support::image::shell());
    let sandbox = Sandbox::new();
    sandbox.coracle(["pull", "-q", &name]).ok();
    Some((sandbox, name))
}

/// A copy of our program that a container may try to reach: it is the user's own file, as every installed one is.
struct Prey {
    path: PathBuf,
    digest: String,
    mode: u32,
}

impl Prey {
    fn install(path: PathBuf) -> Prey {
        // an older one may still be executed
        std::fs::remove_file(&path).ok();
        std::fs::copy(support::program(), &path).unwrap();
        support::set_mode(&path, 0o755);
        let digest = digest(&std::fs::read(&path).unwrap());
        Prey {
            path,
            digest,
            mode: 0o755,
        }
    }

    fn assert_untouched(&self) {
        assert_eq!(
            digest(&std::fs::read(&self.path).unwrap()),
            self.digest,
            "our program was written"
        );
        assert_eq!(
            std::fs::metadata(&self.path).unwrap().permissions().mode() & 0o7777,
            self.mode
        );
    }
}

/// Opens every process's program for writing, as fast as it can, and changes its mode.
const WATCHER: &str = r#"while :; do for p in /proc/[0-9]*; do
  case $(readlink $p/exe) in */busybox|"") ;; *) echo "saw $(readlink $p/exe)" ;; esac
  ( : >>$p/exe ) 2>/dev/null && echo x 2>/dev/null >>$p/exe
  chmod 777 $p/exe 2>/dev/null
done; done"#;

#[test]
fn cve_2019_5736_our_program_is_out_of_reach_also_after_an_upgrade() {
    let tar = Tar::default()
        .file("evil", 0o755, "#!/proc/self/exe\n")
        .link("self", "/proc/self/exe");
    let Some((sandbox, image)) = with_layer("evil:1", tar) else {
        return skipped("no registry or no busybox");
    };
    for privileged in [false, true] {
        let old = Prey::install(sandbox.work().join("coracle"));
        let ours = || sandbox.command(&old.path);
        let mut run = ours();
        run.args(["run", "-d", "--name", "cage", "--network", "none"]);
        if privileged {
            run.arg("--privileged");
        }
        let started = run.args([&image, "sh", "-c", WATCHER]).output().unwrap();
        assert!(started.status.success(), "{started:?}");
        // the upgrade: the old file is still held by the monitor, and no longer protected by being executed anew
        let kept = sandbox.work().join("old");
        std::fs::hard_link(&old.path, &kept).unwrap();
        std::fs::rename(Prey::install(sandbox.work().join("new")).path, &old.path).unwrap();
        for program in ["true", "/evil", "/self", "/proc/self/exe", "/proc/1/exe"] {
            for _ in 0..6 {
                let done = ours().args(["exec", "cage", program]).output().unwrap();
                assert!(
                    !String::from_utf8_lossy(&done.stdout).contains("Usage"),
                    "{program} ran our program"
                );
            }
        }
        let logs = ours().args(["logs", "cage"]).output().unwrap();
        let logs = String::from_utf8_lossy(&logs.stdout).into_owned();
        assert!(!logs.contains("coracle"), "seen inside: {logs}");
        Prey {
            path: kept.clone(),
            digest: old.digest.clone(),
            mode: 0o755,
        }
        .assert_untouched();
        old.assert_untouched();
        ours().args(["rm", "-f", "cage"]).output().unwrap();
        std::fs::remove_file(kept).unwrap();
    }
}

#[test]
fn cve_2019_5736_an_entry_point_that_names_itself_ends() {
    let tar = Tar::default()
        .file("evil", 0o755, "#!/proc/self/exe\n")
        .link("self", "/proc/self/exe");
    let Some((sandbox, image)) = with_layer("evil:2", tar) else {
        return skipped("no registry or no busybox");
    };
    for program in ["/evil", "/self"] {
        let out = sandbox
            .coracle(["run", "--rm", "--network", "none", &image, program])
            .output();
        assert!([126, 127].contains(&out.code), "{program}: {out:?}");
    }
}

#[test]
fn cve_2024_21626_no_descriptor_of_the_host_is_a_working_directory() {
    let Some((sandbox, image)) = Sandbox::with_busybox() else {
        return skipped("no registry or no busybox");
    };
    let look = "ls -l /proc/self/fd; pwd; cat ../../../../../../../../etc/hostname /proc/self/cwd/../../../../etc/hostname";
    sandbox
        .coracle([
            "run",
            "-d",
            "--name",
            "c1",
            "--hostname",
            "inside",
            &image,
            "sleep",
            "60",
        ])
        .ok();
    for n in 0..20 {
        let folder = format!("/proc/self/fd/{n}");
        for command in [
            vec![
                "run",
                "--rm",
                "--hostname",
                "inside",
                "-w",
                &folder,
                &image,
                "sh",
                "-c",
                look,
            ],
            vec!["exec", "-w", &folder, "c1", "sh", "-c", look],
        ] {
            let out = sandbox.coracle(&command).output();
            if out.code == 0 {
                assert_eq!(
                    out.stdout.matches("inside").count(),
                    2,
                    "{command:?} left the container: {out:?}"
                );
            }
        }
    }
}

#[test]
fn a_program_gets_its_three_descriptors_and_no_more() {
    let Some((sandbox, image)) = Sandbox::with_busybox() else {
        return skipped("no registry or no busybox");
    };
    sandbox
        .coracle(["run", "-d", "--name", "c1", &image, "sleep", "60"])
        .ok();
    // the shell's glob opens one descriptor of its own: the folder
    let list = "for f in /proc/self/fd/*; do [ -e $f ] && echo ${f##*/}; done; true";
    for command in [
        vec!["run", "--rm", &image, "sh", "-c", list],
        vec!["exec", "c1", "sh", "-c", list],
    ] {
        assert_eq!(sandbox.coracle(&command).ok(), "0\n1\n2\n", "{command:?}");
    }
}

#[test]
fn cve_2021_30465_mounts_onto_symbolic_links_stay_inside() {
    let victim = Path::new("/var/tmp").join(format!("ct-victim-{}", std::process::id()));
    std::fs::create_dir_all(&victim).unwrap();
    let outside = format!("../../../../../../../..{}", victim.display());
    let tar = Tar::default()
        .folder("mnt", 0o755)
        .link("mnt/up", &outside)
        .link("mnt/root", "/proc/1/root")
        .link("mnt/cwd", "/proc/self/cwd")
        .link("mnt/abs", &victim.display().to_string());
    let Some((sandbox, image)) = with_layer("links:1", tar) else {
        std::fs::remove_dir_all(&victim).ok();
        return skipped("no registry or no busybox");
    };
    let given = sandbox.work().join("given");
    std::fs::create_dir_all(&given).unwrap();
    std::fs::write(given.join("mark"), "x").unwrap();
    for target in [
        "/mnt/up",
        "/mnt/abs",
        "/mnt/up/new",
        "/mnt/root/new",
        "/mnt/cwd/new",
    ] {
        let volume = format!("{}:{target}", given.display());
        let out = sandbox
            .coracle([
                "run",
                "--rm",
                "-v",
                &volume,
                &image,
                "sh",
                "-c",
                &format!("cat {target}/mark; echo x >{target}/y"),
            ])
            .output();
        assert!(out.code != 0 || out.stdout == "x", "{target}: {out:?}");
        assert_eq!(
            std::fs::read_dir(&victim).unwrap().count(),
            0,
            "{target} reached the host"
        );
    }
    std::fs::remove_dir_all(&victim).ok();
}

#[test]
fn cve_2025_31133_and_52565_masks_and_the_console_are_not_the_image_s() {
    let tar = Tar::default()
        .link("dev/null", "/proc/sys/kernel/core_pattern")
        .link("dev/console", "/proc/sysrq-trigger")
        .folder("dev/pts", 0o755)
        .link("dev/pts/0", "/proc/sys/kernel/core_pattern");
    let Some((sandbox, image)) = with_layer("masks:1", tar) else {
        return skipped("no registry or no busybox");
    };
    let out = sandbox
        .coracle(["run", "--rm", "-t", "--network", "none", &image, "sh", "-c",
            "stat -c %F,%t:%T /dev/null /proc/keys /dev/console; (echo x >/proc/sys/kernel/core_pattern) 2>/dev/null || echo refused"])
        .ok();
    let lines: Vec<&str> = out.lines().map(str::trim_end).collect();
    assert_eq!(
        lines,
        [
            "character special file,1:3",
            "character special file,1:3",
            "character special file,88:0",
            "refused"
        ]
    );
}

#[test]
fn folders_that_we_mount_on_must_not_be_links_of_the_image() {
    let Some(registry) = registry::get() else {
        return skipped("no registry");
    };
    let victim = Path::new("/var/tmp").join(format!("ct-dev-{}", std::process::id()));
    std::fs::create_dir_all(&victim).unwrap();
    let Some(busybox) = ["/bin/busybox", "/usr/bin/busybox"]
        .into_iter()
        .find(|p| Path::new(p).exists())
    else {
        return skipped("no busybox");
    };
    let sandbox = Sandbox::new();
    for folder in ["dev", "proc", "sys"] {
        let tar = Tar::default()
            .file("sh", 0o755, std::fs::read(busybox).unwrap())
            .link(folder, &victim.display().to_string());
        let name = registry.push(
            &format!("link-{folder}:1"),
            &[Layer::from_tar(&tar.finish())],
            support::image::shell(),
        );
        sandbox.coracle(["pull", "-q", &name]).ok();
        let said = sandbox
            .coracle(["run", "--rm", &name, "/sh", "-c", "echo in"])
            .fails(125);
        assert!(said.contains(folder), "{said}");
        assert_eq!(std::fs::read_dir(&victim).unwrap().count(), 0);
    }
    std::fs::remove_dir_all(&victim).ok();
}

#[test]
fn a_device_or_a_set_id_program_of_an_image_has_no_power() {
    let Some((sandbox, image)) = Sandbox::with_busybox() else {
        return skipped("no registry or no busybox");
    };
    // CAP_MKNOD is docker's default; the kernel refuses it in a user namespace, and what is made instead is an empty file
    let out = sandbox
        .coracle([
            "run",
            "--rm",
            &image,
            "sh",
            "-c",
            "mknod /tmp/sda b 8 0; test -b /tmp/sda; cat /tmp/sda",
        ])
        .output();
    assert_eq!((out.code, out.stdout.as_str()), (0, ""), "{out:?}");
    let given = sandbox.work().join("bin");
    std::fs::create_dir_all(&given).unwrap();
    let volume = format!("{}:/out", given.display());
    sandbox
        .coracle([
            "run",
            "--rm",
            "-v",
            &volume,
            &image,
            "sh",
            "-c",
            "cp /bin/busybox /out/su; chmod 4755 /out/su",
        ])
        .ok();
    // what it leaves on the host is the user's own: no other id can come out of it
    let meta = std::fs::metadata(given.join("su")).unwrap();
    assert_eq!(meta.uid(), nix::unistd::geteuid().as_raw());
}

#[test]
fn a_link_in_a_volume_is_no_way_out_of_it() {
    let Some((sandbox, image)) = Sandbox::with_busybox() else {
        return skipped("no registry or no busybox");
    };
    let victim = sandbox.work().join("victim");
    std::fs::create_dir_all(&victim).unwrap();
    std::fs::write(victim.join("secret"), "x").unwrap();
    let prepare = format!(
        "mkdir /v/real && echo in >/v/real/file && ln -s {} /v/abs && ln -s ../../../../../../../../..{0} /v/up && ln -s real /v/rel",
        victim.display()
    );
    sandbox
        .coracle(["run", "--rm", "-v", "vol:/v", &image, "sh", "-c", &prepare])
        .ok();
    let mount = |part: &str| {
        let mount = format!("type=volume,src=vol,dst=/m,volume-subpath={part}");
        sandbox
            .coracle([
                "run",
                "--rm",
                "--mount",
                &mount,
                &image,
                "sh",
                "-c",
                "ls /m; echo y >/m/new",
            ])
            .output()
    };
    for inside in ["real", "rel"] {
        let out = mount(inside);
        assert!(
            out.code == 0 && out.stdout.contains("file"),
            "{inside}: {out:?}"
        );
    }
    for outside in ["abs", "up"] {
        let out = mount(outside);
        assert!(!out.stdout.contains("secret"), "{outside}: {out:?}");
        assert!(!victim.join("new").exists(), "{outside} was written");
    }
}
