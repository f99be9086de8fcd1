//! The image `hello`, which is built into this program: what a new user runs first, with no registry in reach.
//!
//! Its one file is a program of its own, written here byte by byte (share/hello): our own binary must never lie in a
//! container, whose root owns the user's files. The image takes the way of every other: a tar through the unpacker, then
//! manifest and configuration, then the name; so whatever holds for images holds for it.

use std::path::Path;

use serde_json::json;

use crate::error::Result;
use crate::grammar::platform::Platform;
use crate::grammar::reference::Reference;
use crate::image::unpack::{self, Limits};
use crate::store::blobs::digest_of;
use crate::store::images::Name;
use crate::store::layers::{Stage, Unpacked};
use crate::store::{Store, now};

/// Its canonical name.
const NAME: &str = "docker.io/library/hello:latest";
/// Fixed, so that the digests are the same everywhere.
const CREATED: &str = "2026-01-01T00:00:00Z";
const TEXT: &[u8] = include_bytes!("../../share/hello/hello.txt");

/// Puts the image into the store when `name`, as a user writes it, means it. Returns whether it did.
///
/// Called when no image of that name is there: an image `hello` of the user's own wins.
pub fn install(store: &Store, name: &str) -> Result<bool> {
    let Some(machine) = Machine::here() else {
        return Ok(false);
    };
    if Reference::parse(name)
        .map(|r| r.or_latest().to_string())
        .ok()
        .as_deref()
        != Some(NAME)
    {
        return Ok(false);
    }
    let tar = tar(&machine.program(TEXT));
    let diff_id = digest_of(&tar);
    if let Stage::Make(staging) = store.layers().stage(&diff_id)? {
        let unpacked = unpack_tar(&tar, staging.path())?;
        staging.publish(&unpacked, None)?;
    }
    let config = configuration(&diff_id);
    let manifest = manifest(&config, &diff_id, tar.len());
    for document in [&config, &manifest] {
        store.blobs().put(&digest_of(document), document)?;
    }
    store.images().put(Name {
        name: NAME.to_owned(),
        manifest: digest_of(&manifest),
        config: digest_of(&config),
        size: store.layers().size(&diff_id)?,
        created: CREATED.to_owned(),
        tagged: now(),
        digest: String::new(),
        index: String::new(),
    })?;
    Ok(true)
}

fn unpack_tar(tar: &[u8], staging: &Path) -> Result<Unpacked> {
    let mut whole = Some(tar.to_vec());
    unpack::layer(|| whole.take(), staging, &Limits::default())
}

fn configuration(diff_id: &str) -> Vec<u8> {
    let host = Platform::host();
    json!({
        "created": CREATED,
        "architecture": host.architecture,
        "os": "linux",
        "config": {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "Cmd": ["/hello"],
            "WorkingDir": "/",
        },
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created": CREATED, "created_by": "COPY hello / # built into coracle"}],
    })
    .to_string()
    .into_bytes()
}

fn manifest(config: &[u8], diff_id: &str, tar_size: usize) -> Vec<u8> {
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": digest_of(config),
            "size": config.len(),
        },
        "layers": [{
            "mediaType": "application/vnd.oci.image.layer.v1.tar",
            "digest": diff_id,
            "size": tar_size,
        }],
    })
    .to_string()
    .into_bytes()
}

/// A tar of one file, `hello`, owned by root and executable.
fn tar(program: &[u8]) -> Vec<u8> {
    const MTIME: u64 = 1_767_225_600; // CREATED
    let mut header = [0u8; 512];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"hello");
    put(100, b"0000755\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", program.len()).as_bytes());
    put(136, format!("{MTIME:011o}\0").as_bytes());
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut tar = header.to_vec();
    tar.extend_from_slice(program);
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    tar
}

/// A processor that we can write a program for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Machine {
    Amd64,
    Arm64,
}

impl Machine {
    fn here() -> Option<Machine> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Machine::Amd64),
            "aarch64" => Some(Machine::Arm64),
            _ => None,
        }
    }

    /// `e_machine` in elf(5).
    fn number(self) -> u16 {
        match self {
            Machine::Amd64 => 62,
            Machine::Arm64 => 183,
        }
    }

    /// Returns an ELF file that writes `text` to descriptor 1 and ends: status 0, or 1 when not all could be written.
    fn program(self, text: &[u8]) -> Vec<u8> {
        const ADDRESS: u64 = 0x40_0000;
        const ALIGN: u64 = 0x1_0000; // pages are up to 64 KiB large
        const HEADER: u16 = 64;
        const SEGMENT: u16 = 56;
        let start = u64::from(HEADER + SEGMENT);
        let code = self.code(u16::try_from(text.len()).unwrap_or(u16::MAX));
        let size = start + code.len() as u64 + text.len() as u64;
        let mut file = Vec::with_capacity(size as usize);
        file.extend_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
        file.extend_from_slice(&2u16.to_le_bytes()); // ET_EXEC
        file.extend_from_slice(&self.number().to_le_bytes());
        file.extend_from_slice(&1u32.to_le_bytes());
        file.extend_from_slice(&(ADDRESS + start).to_le_bytes()); // entry
        file.extend_from_slice(&u64::from(HEADER).to_le_bytes()); // program headers
        file.extend_from_slice(&0u64.to_le_bytes()); // no section headers
        file.extend_from_slice(&0u32.to_le_bytes());
        for half in [HEADER, SEGMENT, 1, 0, 0, 0] {
            file.extend_from_slice(&half.to_le_bytes());
        }
        file.extend_from_slice(&1u32.to_le_bytes()); // PT_LOAD
        file.extend_from_slice(&5u32.to_le_bytes()); // readable, executable
        for word in [0, ADDRESS, ADDRESS, size, size, ALIGN] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(&code);
        file.extend_from_slice(text);
        file
    }

    /// `write(1, text, length) == length ? exit_group(0) : exit_group(1)`; the text follows the code.
    fn code(self, length: u16) -> Vec<u8> {
        match self {
            Machine::Amd64 => {
                let mut code = Vec::new();
                code.extend_from_slice(&[0xb8, 1, 0, 0, 0]); // mov eax, 1 (write)
                code.extend_from_slice(&[0xbf, 1, 0, 0, 0]); // mov edi, 1
                code.extend_from_slice(&[0x48, 0x8d, 0x35, 22, 0, 0, 0]); // lea rsi, [rip + 22]
                code.extend_from_slice(&[0xba]); // mov edx, length
                code.extend_from_slice(&u32::from(length).to_le_bytes());
                code.extend_from_slice(&[0x0f, 0x05]); // syscall
                code.extend_from_slice(&[0x31, 0xff]); // xor edi, edi
                code.extend_from_slice(&[0x39, 0xd0]); // cmp eax, edx
                code.extend_from_slice(&[0x40, 0x0f, 0x95, 0xc7]); // setne dil
                code.extend_from_slice(&[0xb8, 231, 0, 0, 0]); // mov eax, 231 (exit_group)
                code.extend_from_slice(&[0x0f, 0x05]); // syscall
                code
            }
            Machine::Arm64 => {
                let words: [u32; 10] = [
                    0xd280_0020,                          // mov x0, #1
                    0x1000_0121,                          // adr x1, . + 36
                    0xd280_0002 | u32::from(length) << 5, // mov x2, #length
                    0xd280_0808,                          // mov x8, #64 (write)
                    0xd400_0001,                          // svc #0
                    0xeb02_001f,                          // cmp x0, x2
                    0x1a9f_07e0,                          // cset w0, ne
                    0xd280_0bc8,                          // mov x8, #94 (exit_group)
                    0xd400_0001,                          // svc #0
                    0xd503_201f,                          // nop, so that the text is at 8 bytes
                ];
                words.iter().flat_map(|word| word.to_le_bytes()).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    #[test]
    fn the_image_is_a_real_one_and_comes_by_its_name_alone() {
        let s = Scratch::new();
        for other in [
            "hello:other",
            "debian",
            "docker.io/me/hello",
            "localhost/hello",
            "Hello",
            "hello@sha256:12",
        ] {
            assert!(!install(&s.store, other).unwrap(), "{other}");
        }
        for name in ["hello", "hello:latest", "docker.io/library/hello"] {
            assert!(install(&s.store, name).unwrap(), "{name}");
        }
        let image = s.store.images().find("hello").unwrap();
        assert_eq!(image.config.config.cmd, Some(vec!["/hello".to_owned()]));
        assert_eq!(image.config.rootfs.diff_ids.len(), 1);
        assert!(image.size > TEXT.len() as u64);
        let manifest = s.store.blobs().need(&image.manifest).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(manifest["config"]["digest"], image.id);
        assert_eq!(
            manifest["layers"][0]["digest"],
            image.config.rootfs.diff_ids[0]
        );
        let layer = s.store.layers().path(&image.config.rootfs.diff_ids[0]);
        assert_eq!(
            crate::image::regenerate::diff_id(&layer).unwrap(),
            image.config.rootfs.diff_ids[0]
        );
        // it can be removed like any other
        s.store.images().find("hello:latest").unwrap();
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the program is run as it is")]
    fn its_program_prints_the_text_and_says_when_it_could_not() {
        let s = Scratch::new();
        if !install(&s.store, "hello").unwrap() {
            return; // a processor that we write no program for
        }
        let image = s.store.images().find("hello").unwrap();
        let program = s
            .store
            .layers()
            .tree(&image.config.rootfs.diff_ids[0])
            .join("hello");
        assert_eq!(
            std::fs::metadata(&program).unwrap().permissions().mode() & 0o7777,
            0o755
        );
        let output = Command::new(&program).output().unwrap();
        assert_eq!(output.stdout, TEXT);
        assert_eq!(output.status.code(), Some(0));
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        assert_eq!(
            Command::new(&program).stdout(full).status().unwrap().code(),
            Some(1)
        );
    }

    #[test]
    fn the_text_lies_where_the_code_of_both_machines_looks_for_it() {
        for (machine, lea, origin) in [(Machine::Amd64, 13, 17), (Machine::Arm64, 4, 4)] {
            let code = machine.code(TEXT.len() as u16);
            let word = u32::from_le_bytes(code[lea..lea + 4].try_into().unwrap());
            let distance = match machine {
                Machine::Amd64 => word as usize,
                Machine::Arm64 => ((word >> 5 & 0x7_ffff) << 2 | word >> 29 & 3) as usize,
            };
            assert_eq!(origin + distance, code.len(), "{machine:?}");
            let file = machine.program(TEXT);
            assert_eq!(&file[120 + code.len()..], TEXT);
            assert_eq!(
                u64::from_le_bytes(file[96..104].try_into().unwrap()),
                file.len() as u64
            );
        }
        assert!(TEXT.len() < usize::from(u16::MAX));
        assert!(
            TEXT.iter().all(u8::is_ascii),
            "a terminal may not know UTF-8"
        );
        assert!(TEXT.split(|b| *b == b'\n').all(|line| line.len() <= 100));
    }
}
