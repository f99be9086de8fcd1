//! Builds of Dockerfiles as people write them, compared with what BuildKit made of them: configuration, history, and every
//! entry of every layer. `tests/build/NAME/expected` was recorded by `tests/build/record`; what depends on the version of
//! the base (files that `volatile` names) is compared by all but its content.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::{self, Sandbox, registry};

/// The context of `name` in the sandbox, with the modes that git does not keep.
fn context(sandbox: &Sandbox, name: &str) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/build")
        .join(name);
    let to = sandbox.work().join(name);
    let copied = Command::new("cp").arg("-r").args([&from, &to]).status();
    assert!(copied.unwrap().success());
    let tidy = Command::new("chmod")
        .args(["-R", "u=rwX,go=rX"])
        .arg(&to)
        .status();
    assert!(tidy.unwrap().success());
    for line in lines(&to.join("modes")) {
        let (mode, path) = line.split_once(' ').unwrap();
        support::set_mode(&to.join(path), u32::from_str_radix(mode, 8).unwrap());
    }
    to
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Builds the context `name` with more arguments and returns what differs.
fn compare(sandbox: &Sandbox, base: &str, name: &str, more: &[&str]) -> String {
    let folder = context(sandbox, name);
    let archive = sandbox.work().join("out.tar");
    let mut args: Vec<String> = ["build", "--progress", "plain", "--build-arg"]
        .map(str::to_owned)
        .into();
    args.push(format!("BASE={base}"));
    args.extend(lines(&folder.join("options")));
    args.extend(more.iter().map(|word| (*word).to_owned()));
    args.extend(["-t", "built:1", "."].map(str::to_owned));
    let built = sandbox.coracle(&args).current_dir(&folder).output();
    if built.code != 0 {
        return format!("{name}: {}\n", built.stderr);
    }
    // an OCI layout whose layers are not compressed
    let save = ["save", "-o", archive.to_str().unwrap(), "built:1"];
    sandbox.coracle(save).ok();
    let layers = base_layers(sandbox, base);
    let made = Image::read(&archive, &layers).describe(&layers, &lines(&folder.join("volatile")));
    let expected = std::fs::read_to_string(folder.join("expected")).unwrap();
    let (made, expected) = (parts(&made), parts(&expected));
    let mut differences = String::new();
    if made.0 != expected.0 {
        differences += &format!("{name}: config {} not {}\n", made.0, expected.0);
    }
    for n in 0..made.1.len().max(expected.1.len()) {
        let (ours, theirs) = (made.1.get(n), expected.1.get(n));
        if ours != theirs {
            differences += &format!("{name}: {ours:?} not {theirs:?}\n");
            break;
        }
    }
    differences
}

/// The configuration as a value, and the other lines.
fn parts(text: &str) -> (Value, Vec<&str>) {
    let (config, rest) = text.split_once("\nhistory\n").unwrap();
    let config = serde_json::from_str(config.strip_prefix("config\n").unwrap()).unwrap();
    (config, rest.lines().collect())
}

fn base_layers(sandbox: &Sandbox, base: &str) -> Vec<String> {
    let text = sandbox
        .coracle(["image", "inspect", "-f", "{{json .RootFS.Layers}}", base])
        .ok();
    serde_json::from_str(&text).unwrap()
}

/// An OCI archive.
struct Image {
    blobs: BTreeMap<String, Vec<u8>>,
    manifest: Value,
    config: Value,
}

impl Image {
    /// Reads all of it but the layers `base`, whose digests are their diff ids here.
    fn read(archive: &Path, base: &[String]) -> Image {
        let mut blobs = BTreeMap::new();
        let mut archive = tar::Archive::new(std::fs::File::open(archive).unwrap());
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            if base
                .iter()
                .any(|id| path == format!("blobs/{}", id.replace(':', "/")))
            {
                continue;
            }
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            blobs.insert(path, bytes);
        }
        let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
        let mut image = Image {
            manifest: json(&blobs["index.json"]),
            blobs,
            config: Value::Null,
        };
        // an index may lie between
        while image.manifest["manifests"].is_array() {
            image.manifest = json(image.blob(&image.manifest["manifests"][0]));
        }
        image.config = json(image.blob(&image.manifest["config"]));
        image
    }

    /// The bytes that a descriptor names.
    fn blob(&self, descriptor: &Value) -> &[u8] {
        let digest = descriptor["digest"].as_str().unwrap();
        &self.blobs[&format!("blobs/{}", digest.replace(':', "/"))]
    }

    fn describe(&self, base: &[String], volatile: &[String]) -> String {
        let of_base = |(ours, theirs): &(&Value, &String)| ours.as_str() == Some(theirs.as_str());
        let diff_ids = self.config["rootfs"]["diff_ids"].as_array().unwrap();
        let below = diff_ids.iter().zip(base).take_while(of_base).count();
        let mut text = format!("config\n{}\nhistory\n", self.config["config"]);
        let mut layers = 0;
        for step in self.config["history"].as_array().unwrap() {
            let has_layer = step["empty_layer"] != Value::Bool(true);
            layers += usize::from(has_layer);
            if layers <= below && (has_layer || layers < below) {
                continue;
            }
            let kind = if has_layer { "layer" } else { "empty" };
            write!(text, "{kind} {}", step["created_by"]).unwrap();
            if let Some(comment) = step["comment"].as_str() {
                write!(text, " {comment}").unwrap();
            }
            text.push('\n');
        }
        for layer in &self.manifest["layers"].as_array().unwrap()[below..] {
            text.push_str("layer\n");
            list(self.blob(layer), volatile, &mut text);
        }
        text
    }
}

/// A line for each entry of a layer.
fn list(blob: &[u8], volatile: &[String], text: &mut String) {
    let mut tar = Vec::new();
    if blob.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(blob)
            .read_to_end(&mut tar)
            .unwrap();
    } else {
        tar.extend_from_slice(blob);
    }
    for entry in tar::Archive::new(tar.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header().clone();
        let path = entry
            .path()
            .unwrap()
            .to_string_lossy()
            .trim_end_matches('/')
            .to_owned();
        let kind = match header.entry_type() {
            tar::EntryType::Regular => 'f',
            tar::EntryType::Directory => 'd',
            tar::EntryType::Symlink => 'l',
            tar::EntryType::Link => 'h',
            tar::EntryType::Char => 'c',
            tar::EntryType::Block => 'b',
            tar::EntryType::Fifo => 'p',
            other => panic!("{path} is a {other:?}"),
        };
        let extensions = pax(&mut entry);
        // ids above the octal field's reach are in the extensions
        let id = |key: &str, field: u64| {
            extensions
                .get(key)
                .map_or(field, |v| String::from_utf8_lossy(v).parse().unwrap())
        };
        let owner = (
            id("uid", header.uid().unwrap_or(0)),
            id("gid", header.gid().unwrap_or(0)),
        );
        write!(
            text,
            "{kind} {:04o} {}:{} {path}",
            header.mode().unwrap() & 0o7777,
            owner.0,
            owner.1
        )
        .unwrap();
        match kind {
            'l' | 'h' => write!(
                text,
                " -> {}",
                entry.link_name().unwrap().unwrap().display()
            )
            .unwrap(),
            'c' | 'b' => {
                let number = |n: std::io::Result<Option<u32>>| n.unwrap().unwrap_or(0);
                write!(
                    text,
                    " {}:{}",
                    number(header.device_major()),
                    number(header.device_minor())
                )
                .unwrap();
            }
            'f' if volatile.iter().any(|pattern| matches(pattern, &path)) => {
                text.push_str(" volatile")
            }
            'f' => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                let sum: String = Sha256::digest(&bytes)[..8]
                    .iter()
                    .map(|b| format!("{b:02x}"))
                    .collect();
                write!(text, " {} {sum}", bytes.len()).unwrap();
            }
            _ => {}
        }
        for (key, value) in &extensions {
            if let Some(name) = key.strip_prefix("SCHILY.xattr.") {
                let hex: String = value.iter().map(|b| format!("{b:02x}")).collect();
                write!(text, " {name}={hex}").unwrap();
            }
        }
        text.push('\n');
    }
}

fn pax(entry: &mut tar::Entry<'_, &[u8]>) -> BTreeMap<String, Vec<u8>> {
    let Some(extensions) = entry.pax_extensions().unwrap() else {
        return BTreeMap::new();
    };
    let pair = |e: tar::PaxExtension<'_>| (e.key().unwrap().to_owned(), e.value_bytes().to_vec());
    extensions.map(|e| pair(e.unwrap())).collect()
}

/// A pattern whose `*` stands for anything.
fn matches(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((head, rest)) => path.strip_prefix(head).is_some_and(|path| {
            (0..=path.len()).any(|n| path.is_char_boundary(n) && matches(rest, &path[n..]))
        }),
    }
}

#[test]
fn dockerfiles_of_all_kinds_make_what_buildkit_makes_of_them() {
    let Some(base) = registry::get().and_then(registry::Registry::workshop) else {
        return support::skipped("no Debian root with compilers: tests/run makes one");
    };
    let sandbox = Sandbox::new();
    sandbox.coracle(["pull", "-q", &base]).ok();
    let mut differences = String::new();
    for name in [
        "python-web",
        "c-two-stages",
        "node-copy",
        "postgres-like",
        "nginx-like",
        "static-scratch",
        "heredocs",
        "arg-matrix",
        "changes",
        "user-workdir",
        "graph",
    ] {
        differences += &compare(&sandbox, &base, name, &[]);
    }
    differences += &triggers_of_a_parent(&sandbox, &base);
    differences += &secrets_leave_no_trace(&sandbox, &base);
    let socket = sandbox.work().join("agent");
    let _agent = UnixListener::bind(&socket).unwrap();
    let option = |id: &str| format!("{id}={}", socket.display());
    let agents = ["--ssh", &option("default"), "--ssh", &option("other")];
    differences += &compare(&sandbox, &base, "ssh", &agents);
    assert!(differences.is_empty(), "{differences}");
}

fn triggers_of_a_parent(sandbox: &Sandbox, base: &str) -> String {
    let folder = context(sandbox, "onbuild");
    let argument = format!("BASE={base}");
    let parent = [
        "build",
        "-q",
        "-t",
        "parent:1",
        "--build-arg",
        &argument,
        "-f",
        "Dockerfile.parent",
        ".",
    ];
    sandbox.coracle(parent).current_dir(&folder).ok();
    std::fs::remove_dir_all(&folder).unwrap();
    compare(
        sandbox,
        base,
        "onbuild",
        &["--build-arg", "PARENT=parent:1"],
    )
}

fn secrets_leave_no_trace(sandbox: &Sandbox, base: &str) -> String {
    let differences = compare(
        sandbox,
        base,
        "secrets",
        &["--secret", "id=token,src=token"],
    );
    let found = Command::new("grep")
        .args(["-rl", "s3cr3t"])
        .arg(sandbox.data())
        .output()
        .unwrap();
    // the step's own words, in the configuration
    let found = String::from_utf8_lossy(&found.stdout);
    let with_words =
        |file: &&str| !std::fs::read_to_string(file).is_ok_and(|text| text.contains("= s3cr3t"));
    let traces: Vec<&str> = found.lines().filter(with_words).collect();
    assert_eq!(traces, Vec::<&str>::new());
    differences
}
