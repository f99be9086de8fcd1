//! What the parser says about tars, and that it says it however the bytes arrive.

use proptest::prelude::*;

use super::build::{H, Tar, header, sum};
use super::*;

/// What came: entries with their bodies, and the raw bytes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    entries: Vec<(Entry, Vec<u8>)>,
    raw: Vec<u8>,
    is_open: bool,
}

impl Sink for Seen {
    fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.raw.extend_from_slice(bytes);
        Ok(())
    }

    fn begin(&mut self, entry: &Entry) -> Result<()> {
        assert!(!std::mem::replace(&mut self.is_open, true));
        self.entries.push((entry.clone(), Vec::new()));
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<()> {
        assert!(self.is_open && !bytes.is_empty());
        self.entries.last_mut().unwrap().1.extend_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        assert!(std::mem::replace(&mut self.is_open, false));
        Ok(())
    }

    fn payload(&mut self, _: &Entry) -> Result<()> {
        panic!("a whole tar was fed")
    }
}

fn parse(tar: &[u8], chunk: usize) -> Result<Seen> {
    let mut seen = Seen::default();
    let mut parser = Parser::new(Feed::Whole);
    for chunk in tar.chunks(chunk) {
        parser.feed(chunk, &mut seen)?;
    }
    parser.finish()?;
    Ok(seen)
}

/// Parses in several chunk sizes, which must not matter.
fn read(tar: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>> {
    let whole = parse(tar, usize::MAX);
    for chunk in [1, 511, 512, 513, 1000] {
        match (&whole, parse(tar, chunk)) {
            (Ok(a), Ok(b)) => assert_eq!(*a, b, "chunks of {chunk}"),
            (Err(a), Err(b)) => assert_eq!(a.to_string(), b.to_string(), "chunks of {chunk}"),
            (a, b) => panic!("chunks of {chunk}: {a:?} {b:?}"),
        }
    }
    Ok(whole?.entries)
}

/// The entries of a tar without their bodies.
pub(crate) fn entries(tar: &[u8]) -> Vec<Entry> {
    read(tar).unwrap().into_iter().map(|(e, _)| e).collect()
}

fn one(tar: &[u8]) -> (Entry, Vec<u8>) {
    let mut entries = read(tar).unwrap();
    assert_eq!(entries.len(), 1);
    entries.remove(0)
}

#[test]
fn a_header_says_all_it_says() {
    let tar = Tar::default()
        .add(H {
            path: b"./usr//bin/../bin/x",
            mode: 0o4755,
            ids: (33, 1_000_000),
            mtime: -5,
            body: b"text",
            ..H::default()
        })
        .end();
    let (entry, body) = one(&tar);
    assert_eq!(entry.path, b"usr/bin/x");
    assert_eq!((entry.folder(), entry.name()), (&b"usr/bin"[..], &b"x"[..]));
    assert_eq!(
        (entry.mode, entry.uid, entry.gid, entry.mtime),
        (0o4755, 33, 1_000_000, -5)
    );
    assert_eq!(
        (entry.kind, entry.size, &body[..]),
        (EntryType::File, 4, &b"text"[..])
    );
}

#[test]
fn types_are_gos() {
    for (kind, path, want) in [
        (b'0', "a", Some(EntryType::File)),
        (b'0', "a/", Some(EntryType::File)),
        (0, "a", Some(EntryType::File)),
        (0, "a/", Some(EntryType::Folder)),
        (b'7', "a", Some(EntryType::File)),
        (b'1', "a", Some(EntryType::HardLink)),
        (b'2', "a", Some(EntryType::Symlink)),
        (b'3', "a", Some(EntryType::Char)),
        (b'4', "a", Some(EntryType::Block)),
        (b'5', "a", Some(EntryType::Folder)),
        (b'6', "a", Some(EntryType::Fifo)),
        (b'V', "a", None),
        (b'M', "a", None),
        (b'8', "a", None),
        (b'\n', "a", None),
    ] {
        let tar = Tar::default()
            .add(H {
                kind,
                path: path.as_bytes(),
                ..H::default()
            })
            .end();
        assert_eq!(
            read(&tar).ok().map(|e| e[0].0.kind),
            want,
            "{:?}",
            kind as char
        );
    }
}

#[test]
fn only_files_have_bodies_whatever_the_size_says() {
    for kind in *b"123456" {
        let tar = Tar::default()
            .add(H {
                kind,
                path: b"a",
                size: Some(5000),
                ..H::default()
            })
            .file("b", b"x")
            .end();
        let entries = read(&tar).unwrap();
        assert_eq!(entries.len(), 2, "{:?}", kind as char);
        assert_eq!((entries[0].0.size, &entries[1].1[..]), (0, &b"x"[..]));
    }
}

#[test]
fn the_longer_word_about_a_name_wins_and_gnus_over_pax() {
    let long = b"very/".repeat(400);
    for (name, tar, want) in [
        ("gnu", Tar::default().long(b'L', &long), &long[..1999]),
        (
            "pax",
            Tar::default().pax(b'x', &[("path", &long)]),
            &long[..1999],
        ),
        (
            "both",
            Tar::default()
                .pax(b'x', &[("path", b"pax")])
                .long(b'L', b"gnu"),
            b"gnu",
        ),
        (
            "both, other order",
            Tar::default()
                .long(b'L', b"gnu")
                .pax(b'x', &[("path", b"pax")]),
            b"gnu",
        ),
        (
            "two pax",
            Tar::default()
                .pax(b'x', &[("path", b"one")])
                .pax(b'x', &[("uid", b"7")]),
            b"short",
        ),
        (
            "empty value",
            Tar::default().pax(b'x', &[("path", b"one"), ("path", b"")]),
            b"short",
        ),
        (
            "global",
            Tar::default().pax(b'g', &[("path", b"all"), ("size", b"0")]),
            b"short",
        ),
    ] {
        let tar = tar.file("short", b"body").file("next", b"").end();
        let entries = read(&tar).unwrap();
        assert_eq!(entries[0].0.path, want, "{name}");
        assert_eq!(entries[0].1, b"body", "{name}");
        assert_eq!(
            entries[1].0.path, b"next",
            "{name}: it counts for one entry"
        );
    }
    let tar = Tar::default()
        .long(b'K', b"../to/it")
        .symlink("l", "short")
        .end();
    assert_eq!(one(&tar).0.link, b"../to/it");
}

#[test]
fn a_prefix_belongs_to_ustar_and_star() {
    let mut block = header(&H {
        path: b"name",
        ..H::default()
    });
    block[345..351].copy_from_slice(b"prefix");
    for (magic, trailer, want) in [
        (&b"ustar\x0000"[..], &[0; 4], &b"prefix/name"[..]),
        (b"ustar\x0000", b"tar\0", b"prefix/name"),
        (b"ustar  \0", &[0; 4], b"name"),
        (b"\0\0\0\0\0\0\0\0", &[0; 4], b"name"),
    ] {
        block[257..265].copy_from_slice(magic);
        block[508..512].copy_from_slice(trailer);
        sum(&mut block);
        assert_eq!(
            one(&Tar::default().raw(&block).end()).0.path,
            want,
            "{magic:?}"
        );
    }
}

#[test]
fn pax_says_numbers_times_and_attributes() {
    let tar = Tar::default()
        .pax(
            b'x',
            &[
                ("uid", b"4000000000"),
                ("gid", b"5"),
                ("mtime", b"-1.25"),
                ("size", b"4"),
                ("SCHILY.xattr.user.a", b"1\0\n"),
                ("SCHILY.xattr.user.a", b"2"),
                ("LIBARCHIVE.xattr.user.b", b"x"),
                ("comment", b""),
            ],
        )
        .add(H {
            path: b"f",
            body: b"text",
            size: Some(0),
            ..H::default()
        })
        .end();
    let (entry, body) = one(&tar);
    assert_eq!(
        (entry.uid, entry.gid, entry.mtime, entry.mtime_nsec),
        (4_000_000_000, 5, -2, 750_000_000)
    );
    assert_eq!(entry.xattrs, [(b"user.a".to_vec(), b"2".to_vec())]);
    assert_eq!(body, b"text");
}

#[test]
fn times_in_pax_are_exact() {
    for (text, want) in [
        ("1.5", (1, 500_000_000)),
        ("1.", (1, 0)),
        ("1.0000000019", (1, 1)),
        ("-0.5", (-1, 500_000_000)),
        ("0", (0, 0)),
    ] {
        let tar = Tar::default()
            .pax(b'x', &[("mtime", text.as_bytes())])
            .file("f", b"")
            .end();
        let entry = one(&tar).0;
        assert_eq!((entry.mtime, entry.mtime_nsec), want, "{text}");
    }
}

#[test]
fn paths_are_cleaned_as_docker_does_and_never_lead_out() {
    for (path, want) in [
        ("a/b", Some("a/b")),
        ("./a/", Some("a")),
        ("/a", Some("a")),
        ("//a//./b", Some("a/b")),
        ("a/../b", Some("b")),
        ("a/b/../../c", Some("c")),
        ("/../a", Some("a")),
        ("/a/../../b", Some("b")),
        (".", Some("")),
        ("./", Some("")),
        ("a/..", Some("")),
        ("..", None),
        ("../a", None),
        ("a/../../b", None),
        ("./../a", None),
    ] {
        assert_eq!(
            clean(path.as_bytes()).as_deref(),
            want.map(str::as_bytes),
            "{path}"
        );
        let file = Tar::default().folder(path, 0o755).end();
        assert_eq!(read(&file).is_ok(), want.is_some(), "{path}");
        let hard = Tar::default().hard("l", path).end();
        assert_eq!(read(&hard).is_ok(), want.is_some(), "hard link to {path}");
    }
}

#[test]
fn what_ends_a_tar_is_gos() {
    let entry = Tar::default().file("f", b"body");
    for (name, tar, want) in [
        ("nothing at all", vec![], Some(0)),
        ("no end mark", entry.clone().0, Some(1)),
        ("one zero block", entry.clone().raw(&[0; 512]).0, Some(1)),
        ("last padding cut", entry.0[..512 + 4].to_vec(), Some(1)),
        ("part of the padding cut", entry.0[..700].to_vec(), Some(1)),
        (
            "a long tail of zeros",
            entry.clone().raw(&[0; 10_240]).0,
            Some(1),
        ),
        (
            "garbage behind the end",
            entry.clone().raw(&[0; 1024]).raw(b"garbage").0,
            Some(1),
        ),
        (
            "an archive behind the end",
            entry.clone().raw(&[0; 1024]).file("g", b"").end(),
            Some(1),
        ),
        (
            "a PAX header and no more",
            entry.clone().pax(b'x', &[("path", b"y")]).0,
            Some(1),
        ),
        (
            "a lone zero block",
            entry.clone().raw(&[0; 512]).file("g", b"").end(),
            None,
        ),
        ("cut in the body", entry.0[..512 + 3].to_vec(), None),
        ("cut in the header", entry.0[..100].to_vec(), None),
        (
            "a part of a block behind",
            entry.clone().raw(&[7; 100]).0,
            None,
        ),
        (
            "a part of a zero block behind",
            entry.clone().raw(&[0; 600]).0,
            None,
        ),
    ] {
        assert_eq!(read(&tar).ok().map(|e| e.len()), want, "{name}");
    }
}

#[test]
fn damage_and_malice_are_refused_in_one_line() {
    let flipped = {
        let mut tar = Tar::default().file("f", b"").end();
        tar[3] ^= 1;
        tar
    };
    let field = |at: usize, text: &[u8]| {
        let mut block = header(&H {
            path: b"f",
            ..H::default()
        });
        block[at..at + text.len()].copy_from_slice(text);
        sum(&mut block);
        Tar::default().raw(&block).end()
    };
    let pax = |body: &[u8]| {
        Tar::default()
            .add(H {
                kind: b'x',
                path: b"x",
                body,
                ..H::default()
            })
            .file("f", b"")
            .end()
    };
    let too_long = vec![b'a'; (1 << 20) + 1];
    for (tar, want) in [
        (flipped, "checksum"),
        (field(124, b"00000000009\0"), "not octal"),
        (
            field(124, b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
            "too large",
        ),
        (
            field(124, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
            "negative size",
        ),
        (field(108, b"zzzzzzz\0"), "not octal"),
        (pax(b"5 a=b\n"), "malformed PAX"),
        (pax(b"99 a=b\n"), "malformed PAX"),
        (pax(b"6 a=bc"), "malformed PAX"),
        (pax(b"6 =abc\n"), "malformed PAX"),
        (pax(b"abc"), "malformed PAX"),
        (pax(b"99999999999999999999999 a=b\n"), "malformed PAX"),
        (pax(b"12 path=a\0b\n"), "malformed PAX"),
        (pax(b"10 size=x\n"), "bad number"),
        (pax(b"11 size=-1\n"), "negative number"),
        (pax(b"14 mtime=1.5x\n"), "bad time"),
        (
            Tar::default().long(b'L', &too_long).file("f", b"").end(),
            "more than 1 MiB",
        ),
        (
            Tar::default()
                .long(b'L', &b"a/".repeat(9000))
                .file("f", b"")
                .end(),
            "a path of 18000 bytes",
        ),
        (
            Tar::default().file("../\x1b[31m\n", b"").end(),
            "leads out of the image: `../\\u{1b}[31m\\n`",
        ),
    ] {
        let e = read(&tar).unwrap_err();
        assert_eq!(e.kind(), Kind::Corrupt);
        let text = e.to_string();
        assert!(text.contains(want), "{text} has no `{want}`");
        assert!(!text.contains(['\n', '\x1b']), "{text:?}");
    }
}

/// A file of 2 MiB whose only bytes are `abc` at 1 MiB and `de` at its end, in each of GNU's forms.
pub(crate) fn sparse_forms() -> Vec<(&'static str, Vec<u8>)> {
    const SIZE: u64 = 2 << 20;
    let end = (SIZE - 2).to_string();
    let size = SIZE.to_string();
    let (at, size, end) = (b"1048576", size.as_bytes(), end.as_bytes());
    let map = [b"1048576,3,".as_slice(), end, b",2"].concat();
    let in_body = [b"2\n1048576\n3\n".as_slice(), end, b"\n2\n"].concat();
    let mut body = in_body.clone();
    body.resize(512, 0);
    body.extend_from_slice(b"abcde");
    let old = |extended: bool| {
        let mut block = header(&H {
            kind: b'S',
            path: b"s",
            size: Some(5),
            magic: b"ustar  \0",
            ..H::default()
        });
        let pairs = [
            format!("{:011o}\0{:011o}\0", 1 << 20, 3),
            format!("{:011o}\0{:011o}\0", SIZE - 2, 2),
        ];
        block[386..410].copy_from_slice(pairs[0].as_bytes());
        let mut extension = [0u8; 512];
        if extended {
            block[482] = 1;
            extension[..24].copy_from_slice(pairs[1].as_bytes());
        } else {
            block[410..434].copy_from_slice(pairs[1].as_bytes());
        }
        block[483..495].copy_from_slice(format!("{SIZE:011o}\0").as_bytes());
        sum(&mut block);
        let tar = Tar::default().raw(&block);
        let tar = if extended { tar.raw(&extension) } else { tar };
        tar.raw(b"abcde").raw(&[0; 507]).file("next", b"n").end()
    };
    let file = |tar: Tar, body: &[u8]| {
        tar.add(H {
            path: b"GNUSparseFile.0/s",
            body,
            ..H::default()
        })
        .file("next", b"n")
        .end()
    };
    let name: (&str, &[u8]) = ("GNU.sparse.name", b"s");
    vec![
        ("old", old(false)),
        ("old, extended", old(true)),
        (
            "0.0",
            file(
                Tar::default().pax(
                    b'x',
                    &[
                        ("path", b"s"),
                        ("GNU.sparse.size", size),
                        ("GNU.sparse.numblocks", b"2"),
                        ("GNU.sparse.offset", at),
                        ("GNU.sparse.numbytes", b"3"),
                        ("GNU.sparse.offset", end),
                        ("GNU.sparse.numbytes", b"2"),
                    ],
                ),
                b"abcde",
            ),
        ),
        (
            "0.1",
            file(
                Tar::default().pax(
                    b'x',
                    &[name, ("GNU.sparse.size", size), ("GNU.sparse.map", &map)],
                ),
                b"abcde",
            ),
        ),
        (
            "1.0",
            file(
                Tar::default().pax(
                    b'x',
                    &[
                        ("GNU.sparse.major", b"1"),
                        ("GNU.sparse.minor", b"0"),
                        name,
                        ("GNU.sparse.realsize", size),
                    ],
                ),
                &body,
            ),
        ),
    ]
}

#[test]
fn sparse_files_of_every_form_have_the_same_map() {
    for (name, tar) in sparse_forms() {
        let entries = read(&tar).unwrap();
        assert_eq!(entries.len(), 2, "{name}");
        let (entry, body) = &entries[0];
        let sparse = entry.sparse.as_ref().unwrap();
        assert_eq!(sparse.parts, [(1 << 20, 3), ((2 << 20) - 2, 2)], "{name}");
        assert_eq!(
            (sparse.real_size, &entry.path[..], &body[..]),
            (2 << 20, &b"s"[..], &b"abcde"[..]),
            "{name}"
        );
        assert!(!entry.is_cut());
        assert_eq!(entries[1].1, b"n", "{name}");
    }
}

#[test]
fn sparse_maps_that_lie_are_refused() {
    let with = |records: &[(&str, &[u8])], body: &[u8]| {
        Tar::default()
            .pax(b'x', records)
            .add(H {
                path: b"s",
                body,
                ..H::default()
            })
            .end()
    };
    for map in [
        "1,2,3",
        "5,1,2,4",
        "0,6",
        "0,5,9223372036854775807,1",
        "18446744073709551615,5",
        "a,b",
        "0,4",
        "-1,5",
    ] {
        let tar = with(
            &[
                ("GNU.sparse.size", b"5"),
                ("GNU.sparse.map", map.as_bytes()),
            ],
            b"abcde",
        );
        assert!(read(&tar).is_err(), "{map}");
    }
    let version = [
        ("GNU.sparse.major", &b"1"[..]),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.realsize", b"9"),
    ];
    for map in [
        "",
        "x\n",
        "1\n0\n",
        "9999999999999999999999\n",
        "2\n0\n1\n1\n1\n1\n",
    ] {
        let mut body = map.as_bytes().to_vec();
        body.resize(512, 0);
        assert!(read(&with(&version, &body)).is_err(), "{map:?}");
    }
    // a version that nobody knows is a plain file, as in Go
    let unknown = [("GNU.sparse.major", &b"7"[..]), ("GNU.sparse.minor", b"0")];
    assert!(one(&with(&unknown, b"abc")).0.sparse.is_none());
}

#[test]
fn entries_hold_all_but_the_payloads() {
    let tar = Tar::default()
        .file("f", &[7; 1000])
        .file("empty", b"")
        .file(".wh.gone", b"a body that nobody needs")
        .file(".wh..wh.plnk/1.2", b"aufs")
        .symlink("l", "f")
        .raw(&[0; 1024])
        .0;
    let seen = parse(&tar, usize::MAX).unwrap();
    assert_eq!(seen.raw, [&tar[..512], &tar[1512..]].concat());

    struct Again(Vec<u8>);
    impl Sink for Again {
        fn raw(&mut self, bytes: &[u8]) -> Result<()> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }
        fn begin(&mut self, _: &Entry) -> Result<()> {
            Ok(())
        }
        fn data(&mut self, _: &[u8]) -> Result<()> {
            Ok(())
        }
        fn end(&mut self) -> Result<()> {
            Ok(())
        }
        fn payload(&mut self, entry: &Entry) -> Result<()> {
            assert_eq!(entry.path, b"f");
            self.0.extend_from_slice(&[7; 1000]);
            Ok(())
        }
    }
    for chunk in [1, 512, 4096] {
        let mut again = Again(Vec::new());
        let mut parser = Parser::new(Feed::Cut);
        seen.raw
            .chunks(chunk)
            .for_each(|c| parser.feed(c, &mut again).unwrap());
        parser.finish().unwrap();
        assert!(again.0 == tar, "chunks of {chunk}");
    }
}

proptest! {
    /// Whatever comes, the parser neither panics nor depends on how the bytes are cut.
    #[test]
    fn any_bytes_are_read_the_same_in_any_chunks(
        blocks in prop::collection::vec((0..9u8, any::<u64>(), prop::collection::vec(any::<u8>(), 0..600)), 0..8),
        chunk in 1..2000usize,
        tail in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let mut tar = Tar::default();
        for (what, number, bytes) in &blocks {
            let kind = b"0512S3xLg"[usize::from(*what)];
            let path = &bytes[..bytes.len().min(40)];
            let path: Vec<u8> = path.iter().map(|b| if *b < 60 { b"/.."[usize::from(*b) % 3] } else { *b }).collect();
            let size = (number % 5 == 0).then_some(*number);
            tar = match number % 7 {
                0 => tar.raw(bytes),
                1 => tar.pax(b'x', &[("path", bytes), ("size", b"3"), ("GNU.sparse.map", b"0,3")]),
                _ => tar.add(H { kind, path: &path, link: &path, size, body: bytes, magic: b"ustar  \0", ..H::default() }),
            };
        }
        let tar = tar.raw(&tail).0;
        let whole = parse(&tar, usize::MAX);
        let cut = parse(&tar, chunk);
        prop_assert_eq!(whole.map_err(|e| e.to_string()), cut.map_err(|e| e.to_string()));
    }
}
