//! Images made for tests: layers as tar files, configurations as JSON.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// `sha256:...` of some bytes.
pub fn digest(bytes: &[u8]) -> String {
    let sum = Sha256::digest(bytes);
    format!(
        "sha256:{}",
        sum.iter().map(|b| format!("{b:02x}")).collect::<String>()
    )
}

/// A layer: its tar, and the same compressed.
pub struct Layer {
    /// The tar's digest.
    pub diff_id: String,
    /// gzip.
    pub blob: Vec<u8>,
}

impl Layer {
    /// From the bytes of a tar.
    pub fn from_tar(tar: &[u8]) -> Layer {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(tar).unwrap();
        Layer {
            diff_id: digest(tar),
            blob: gzip.finish().unwrap(),
        }
    }
}

/// One file of a layer to be.
pub struct Tar(tar::Builder<Vec<u8>>);

impl Default for Tar {
    fn default() -> Tar {
        Tar(tar::Builder::new(Vec::new()))
    }
}

impl Tar {
    /// Adds a folder.
    pub fn folder(mut self, path: &str, mode: u32) -> Tar {
        self.add(tar::EntryType::Directory, path, mode, (0, 0), &[]);
        self
    }

    /// Adds a file of root's.
    pub fn file(self, path: &str, mode: u32, content: impl AsRef<[u8]>) -> Tar {
        self.owned(path, mode, (0, 0), content)
    }

    /// Adds a file of another owner's.
    pub fn owned(
        mut self,
        path: &str,
        mode: u32,
        owner: (u64, u64),
        content: impl AsRef<[u8]>,
    ) -> Tar {
        self.add(tar::EntryType::Regular, path, mode, owner, content.as_ref());
        self
    }

    /// Gives the next file extended attributes.
    pub fn attributes(mut self, attributes: &[(&str, &[u8])]) -> Tar {
        let records = attributes
            .iter()
            .map(|(name, value)| (format!("SCHILY.xattr.{name}"), *value));
        let records: Vec<_> = records.collect();
        let records = records.iter().map(|(name, value)| (name.as_str(), *value));
        self.0.append_pax_extensions(records).unwrap();
        self
    }

    /// Adds a symbolic link.
    pub fn link(mut self, path: &str, target: &str) -> Tar {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_mode(0o777);
        self.0.append_link(&mut header, path, target).unwrap();
        self
    }

    fn add(
        &mut self,
        kind: tar::EntryType,
        path: &str,
        mode: u32,
        owner: (u64, u64),
        content: &[u8],
    ) {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(owner.0);
        header.set_gid(owner.1);
        header.set_mtime(1_700_000_000);
        header.set_size(content.len() as u64);
        self.0.append_data(&mut header, path, content).unwrap();
    }

    /// Returns the bytes.
    pub fn finish(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

/// A root of busybox: every applet, the usual files, root and nobody. `None` without a static busybox on this machine.
pub fn busybox_root() -> Option<Vec<u8>> {
    let program = ["/bin/busybox", "/usr/bin/busybox"]
        .into_iter()
        .find(|p| Path::new(p).exists())?;
    let applets = Command::new(program).arg("--list").output().ok()?;
    let applets = String::from_utf8(applets.stdout).ok()?;
    let mut tar = Tar::default();
    for (path, mode) in [
        ("bin", 0o755),
        ("dev", 0o755),
        ("etc", 0o755),
        ("home", 0o755),
        ("proc", 0o555),
        ("root", 0o700),
        ("sys", 0o555),
        ("tmp", 0o1777),
        ("usr", 0o755),
        ("usr/bin", 0o755),
        ("var", 0o755),
    ] {
        tar = tar.folder(path, mode);
    }
    tar = tar
        .file("bin/busybox", 0o755, std::fs::read(program).ok()?)
        .file(
            "etc/passwd",
            0o644,
            "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/home:/bin/false\n",
        )
        .file(
            "etc/group",
            0o644,
            "root:x:0:\nusers:x:100:\nnogroup:x:65534:\n",
        );
    for applet in applets.lines().filter(|a| *a != "busybox") {
        tar = tar.link(&format!("bin/{applet}"), "busybox");
    }
    Some(tar.finish())
}

/// An image configuration of these layers; `config` is its `config` member.
pub fn configuration(layers: &[Layer], config: Value) -> Vec<u8> {
    let diff_ids: Vec<&str> = layers.iter().map(|l| l.diff_id.as_str()).collect();
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    serde_json::to_vec(&json!({
        "architecture": architecture,
        "os": "linux",
        "created": "2024-01-02T03:04:05Z",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created": "2024-01-02T03:04:05Z", "created_by": "a test"}],
    }))
    .unwrap()
}

/// The usual configuration: a PATH and a shell.
pub fn shell() -> Value {
    json!({"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["sh"]})
}
