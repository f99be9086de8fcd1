use proptest::prelude::*;

use super::*;

/// Prints what differs from the default, in a fixed order.
fn show(result: Result<Spec>) -> String {
    let spec = match result {
        Ok(spec) => spec,
        Err(e) => return format!("! {e}"),
    };
    let mut words = vec![spec.kind.name().to_owned(), spec.source, spec.target];
    let flags = [
        (spec.read_only, "ro"),
        (spec.create_source, "create"),
        (spec.no_copy, "nocopy"),
    ];
    words.extend(
        flags
            .into_iter()
            .filter(|(on, _)| *on)
            .map(|(_, word)| word.to_owned()),
    );
    for (name, value) in [
        ("mode", spec.mode),
        ("propagation", spec.propagation),
        ("recursive", spec.recursive),
        ("subpath", spec.subpath),
        ("driver", spec.driver),
        ("tmpfs", spec.tmpfs_options),
    ] {
        if !value.is_empty() {
            words.push(format!("{name}={value}"));
        }
    }
    words.extend(
        spec.driver_options
            .iter()
            .map(|(k, v)| format!("opt:{k}={v}")),
    );
    words.extend(spec.labels.iter().map(|(k, v)| format!("label:{k}={v}")));
    words.join(" ")
}

#[test]
fn short_volumes_are_read_as_docker_reads_them() {
    let cases = [
        ("/a", "volume  /a"),
        ("rel/x", "volume  /rel/x"),
        ("/a:/b", "bind /a /b create"),
        ("/:/x", "bind / /x create"),
        ("/a:/b:ro", "bind /a /b ro create mode=ro"),
        (
            "/a:/b:z,ro,rslave,cached",
            "bind /a /b ro create mode=z,ro,rslave,cached propagation=rslave",
        ),
        ("/a:/b:U,noexec", "bind /a /b create mode=U,noexec"),
        ("/a/../tmp:/b/../c/", "bind /tmp /c create"),
        ("./x:/b", "bind ./x /b create"),
        (".:/b", "bind . /b create"),
        ("vol:/b:nocopy", "volume vol /b nocopy mode=nocopy"),
        ("", "! invalid empty volume spec"),
        ("/a:", "! invalid spec: /a:: empty section between colons"),
        (":/a", "! invalid spec: :/a: empty section between colons"),
        (
            "/a:/b:",
            "! invalid spec: /a:/b:: empty section between colons",
        ),
        ("/a:/b:ro,rw", "! invalid mode: ro,rw"),
        ("/a:/b:foo", "! invalid mode: foo"),
        ("/a:/b:O", "! invalid mode: O"),
        ("/a:/b:ro:x", "! invalid spec: /a:/b:ro:x: too many colons"),
        ("/a:ro", "! invalid volume specification: '/a:ro'"),
        (
            "/a:b",
            "! invalid volume specification: '/a:b': invalid mount config for type \"bind\": invalid mount path: 'b' mount path must be absolute",
        ),
        (
            "/a:/",
            "! invalid volume specification: '/a:/': invalid mount config for type \"bind\": invalid specification: destination can't be '/'",
        ),
        (
            "a/b:/x",
            "! create a/b: \"a/b\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path",
        ),
        (
            "v:/x",
            "! create v: volume name is too short, names should be at least two alphanumeric characters",
        ),
        (
            "/a:/b:nocopy",
            "! invalid volume specification: '/a:/b:nocopy': invalid mount config for type \"bind\": field VolumeOptions must not be specified",
        ),
        (
            "vol:/b:rslave",
            "! invalid volume specification: 'vol:/b:rslave': invalid mount config for type \"volume\": field BindOptions must not be specified",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(show(parse_volume(text)), expected, "{text}");
    }
}

#[test]
fn long_mounts_are_read_as_docker_reads_them() {
    let cases = [
        ("target=/x", "volume  /x"),
        ("type=bind,src=/tmp,target=/x", "bind /tmp /x"),
        ("TYPE=BIND,SRC=/tmp,DST=/x,RO", "bind /tmp /x ro"),
        ("type=bind,src=/tmp,dst=/x,readonly=T", "bind /tmp /x ro"),
        ("type=bind,src=.,dst=/x", "bind . /x"),
        (
            "type=bind,src=/tmp,dst=/x,bind-propagation=RSLAVE",
            "bind /tmp /x propagation=rslave",
        ),
        (
            "type=bind,src=/tmp,dst=/x,bind-recursive=readonly,ro,bind-propagation=rprivate",
            "bind /tmp /x ro propagation=rprivate recursive=readonly",
        ),
        (
            "type=bind,src=/tmp,dst=/x,bind-nonrecursive",
            "bind /tmp /x recursive=disabled",
        ),
        ("src=vol,dst=/x,bind-recursive=enabled", "volume vol /x"),
        (
            "type=bind,source=/a,target=/b,consistency=cached",
            "bind /a /b",
        ),
        ("type=bind,\"src=/a,b\",dst=/x", "bind /a,b /x"),
        (
            "type=bind,src=/tmp,dst=/x,bind-create-src=true",
            "bind /tmp /x create",
        ),
        (
            "src=vol,dst=/x,volume-nocopy,volume-label=a=b,volume-label=c,volume-driver=local,volume-opt=type=tmpfs,volume-opt=x",
            "volume vol /x nocopy driver=local opt:type=tmpfs opt:x= label:a=b label:c=",
        ),
        (
            "src=vol,dst=/x,volume-subpath=a/b",
            "volume vol /x subpath=a/b",
        ),
        (
            "type=tmpfs,dst=/x,tmpfs-size=1m,tmpfs-mode=1777",
            "tmpfs  /x tmpfs=mode=1777,size=1048576",
        ),
        ("type=tmpfs,dst=/x,ro", "tmpfs  /x ro tmpfs=ro"),
        (
            "type=image,src=debian,dst=/x,image-subpath=etc",
            "image debian /x subpath=etc",
        ),
        ("", "! EOF"),
        ("type=bind", "! target is required"),
        (
            "type=bind,target=/x",
            "! invalid mount config for type \"bind\": field Source must not be empty",
        ),
        (
            "type=foo,target=/x",
            "! invalid mount config for type \"foo\": mount type unknown",
        ),
        ("type=,target=/x", "! type is required"),
        ("foo", "! invalid field 'foo' must be a key=value pair"),
        (
            "type=bind,src=/tmp,dst=/x,",
            "! invalid field '' must be a key=value pair",
        ),
        ("foo=bar", "! unexpected key 'foo' in 'foo=bar'"),
        (" type=bind", "! unexpected key ' type' in ' type=bind'"),
        (
            "dst=/x,READONLY=maybe",
            "! invalid value for readonly: maybe",
        ),
        (
            "type=bind,src=../tmp,dst=x",
            "! invalid mount config for type \"bind\": invalid mount path: 'x' mount path must be absolute",
        ),
        (
            "type=bind,src=tmp,dst=/x",
            "! invalid mount config for type \"bind\": invalid mount path: 'tmp' mount path must be absolute",
        ),
        (
            "type=bind,src=/tmp,dst=/",
            "! invalid mount config for type \"bind\": invalid specification: destination can't be '/'",
        ),
        (
            "type=bind,src=/tmp,dst=/x,bind-propagation=foo",
            "! invalid mount config for type \"bind\": invalid propagation mode: foo",
        ),
        (
            "dst=/x,bind-recursive=foo",
            "! invalid value for bind-recursive: foo (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")",
        ),
        (
            "type=bind,src=/tmp,dst=/x,bind-recursive=writable",
            "! option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction",
        ),
        (
            "type=bind,src=/tmp,dst=/x,bind-recursive=readonly,ro",
            "! option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction",
        ),
        (
            "type=bind,src=/tmp,dst=/x,volume-nocopy",
            "! cannot mix 'volume-*' options with mount type 'bind'",
        ),
        (
            "src=vol,dst=/x,tmpfs-size=1m",
            "! cannot mix 'tmpfs-*' options with mount type 'volume'",
        ),
        (
            "src=vol,dst=/x,bind-propagation=rslave",
            "! cannot mix 'bind-*' options with mount type 'volume'",
        ),
        (
            "src=vol,dst=/x,volume-subpath=../b",
            "! invalid mount config for type \"volume\": subpath must be a relative path within the volume",
        ),
        (
            "dst=/x,ro",
            "! invalid mount config for type \"volume\": must not set ReadOnly mode when using anonymous volumes",
        ),
        (
            "type=tmpfs,dst=/x,src=a",
            "! invalid mount config for type \"tmpfs\": field Source must not be specified",
        ),
        (
            "type=tmpfs,dst=/x,tmpfs-size=1x",
            "! invalid value for tmpfs-size: 1x",
        ),
        (
            "type=tmpfs,dst=/x,tmpfs-mode=9",
            "! invalid value for tmpfs-mode: 9",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(show(parse_mount(text)), expected, "{text}");
    }
}

#[test]
fn a_tmpfs_has_dockers_defaults_and_the_last_word_wins() {
    let cases = [
        ("/x", "noexec,nosuid,nodev"),
        ("/x:", "noexec,nosuid,nodev"),
        ("/x:rw,size=64m", "noexec,nosuid,nodev,rw,size=64m"),
        (
            "/x:size=1g,mode=1777,uid=5,exec",
            "nosuid,nodev,size=1g,mode=1777,uid=5,exec",
        ),
        ("/x:rw,ro", "noexec,nosuid,nodev,ro"),
        ("/x:size=1,defaults,size=2", "noexec,nosuid,nodev,size=2"),
        (
            "/x:nr_inodes=5,rslave,private",
            "noexec,nosuid,nodev,nr_inodes=5,private",
        ),
        ("/x:foo", "! invalid tmpfs option \"foo\""),
        ("/x:a:b", "! invalid tmpfs option \"a:b\""),
        ("/x:size", "! invalid tmpfs option \"size\""),
        ("/x:exec=1", "! invalid tmpfs option \"exec\""),
        ("/x:,ro", "! invalid tmpfs option \"\""),
        ("", "! invalid mount path: '' mount path must be absolute"),
        ("x", "! invalid mount path: 'x' mount path must be absolute"),
        ("/", "! invalid specification: destination can't be '/'"),
    ];
    for (text, expected) in cases {
        let words = parse_tmpfs(text).and_then(|spec| tmpfs_options(&spec.tmpfs_options));
        let words = words.map_or_else(|e| format!("! {e}"), |words| words.join(","));
        assert_eq!(words, expected, "{text}");
    }
}

#[test]
fn a_relative_source_is_below_the_working_folder() {
    let mut spec = parse_volume("../x/./y:/b").unwrap();
    spec.make_absolute("/home/me");
    assert_eq!(spec.source, "/home/x/y");
}

proptest! {
    #[test]
    fn any_text_is_answered(short in "[a/.:,é]{0,12}", long in "(type|src|dst|ro|bind-x|,|=|\"|/|bind|tmpfs){0,12}", any in "\\PC{0,12}") {
        for text in [short, long, any] {
            let _ = (parse_volume(&text), parse_mount(&text), parse_tmpfs(&text));
        }
    }

    #[test]
    fn a_target_is_absolute_and_clean(text in "[a./]{1,8}") {
        if let Ok(spec) = parse_volume(&text) {
            prop_assert!(spec.target.starts_with('/') && !spec.target.split('/').any(|part| part == ".."));
        }
    }
}
