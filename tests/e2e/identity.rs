//! Many ids on one mapped id: what programs are told, what is kept of it, and what they can do to it.

use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::support::registry;
use crate::support::{Sandbox, eventually, set_mode, skipped};

/// A static program of tests/programs, made once in `folder`; `None` without a compiler.
pub(crate) fn program(folder: &Path, name: &str) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/programs/{name}.c"));
    let made = folder.join(name);
    let compiled = Command::new("cc")
        .args(["-O1", "-static", "-pthread", "-o"])
        .arg(&made)
        .arg(&source)
        .output();
    match compiled {
        Ok(output) if output.status.success() => Some(made),
        _ => {
            skipped("no C compiler with static libraries");
            None
        }
    }
}

/// A sandbox and the name of a Debian image in its registry.
fn debian() -> Option<(Sandbox, String)> {
    let found = registry::get().and_then(|registry| registry.debian());
    let Some(name) = found else {
        skipped("no registry or no Debian root");
        return None;
    };
    Some((Sandbox::new(), name))
}

macro_rules! debian {
    ($sandbox:ident, $image:ident) => {
        let Some(($sandbox, $image)) = debian() else {
            return;
        };
    };
}

/// Runs a script as root of a new container with `tests/programs` built at /p; returns its output.
fn script(sandbox: &Sandbox, image: &str, programs: &[&str], text: &str) -> Option<String> {
    let folder = sandbox.work().join("programs");
    std::fs::create_dir_all(&folder).unwrap();
    for name in programs {
        program(&folder, name)?;
    }
    let volume = format!("{}:/p:ro", folder.display());
    let args = ["run", "--rm", "-i", "-v", &volume, image, "sh"];
    Some(sandbox.coracle(args).stdin(text).ok())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn ids_change_by_the_kernels_rules() {
    debian!(sandbox, image);
    let Some(out) = script(&sandbox, &image, &["ids"], "exec /p/ids 300") else {
        return;
    };
    // recorded from the same program under real root, Linux 6.18: 7,800 lines
    assert_eq!(
        hex(&Sha256::digest(&out)),
        "6c0dfe53a961aeb626305148c375ff4806d8b0639c55bb7cc3eb56d38cbeda0b"
    );
}

#[test]
fn threads_children_and_orphans_keep_their_ids() {
    debian!(sandbox, image);
    let Some(out) = script(&sandbox, &image, &["threads"], "exec /p/threads") else {
        return;
    };
    let expected = "setgroups 0\nseteuid 0: 33\nseteuid 0: 0\nsetgid 0\nsetuid 0: 1000\nback -1\nthreads 16\n\
                    groups 2 50 60\nwrong children 0\norphan 1000 1000\n";
    assert_eq!(out, expected);
}

#[test]
fn sixty_four_processes_switch_ids_and_nobody_sees_another_s() {
    debian!(sandbox, image);
    // seconds; a minute finds more
    let time = std::env::var("CORACLE_TEST_STORM").unwrap_or_else(|_| "4".to_owned());
    let text = format!("mkdir -m 777 /tmp/s; exec /p/storm 64 {time} /tmp/s");
    let Some(out) = script(&sandbox, &image, &["storm"], &text) else {
        return;
    };
    assert_eq!(out, "right\n");
}

#[test]
fn a_file_that_several_give_away_is_whose_the_last_one_says() {
    debian!(sandbox, image);
    let Some(out) = script(&sandbox, &image, &["handed"], "exec /p/handed") else {
        return;
    };
    assert_eq!(out, "wrong 0, failed 0\n");
}

#[test]
fn a_new_file_does_not_belong_to_whom_its_inode_did() {
    debian!(sandbox, image);
    let folder = sandbox.work().join("programs");
    std::fs::create_dir_all(&folder).unwrap();
    let Some(_) = program(&folder, "reuse") else {
        return;
    };
    let programs = format!("{}:/p:ro", folder.display());
    let bind = format!("{}:/bind", sandbox.work().display());
    let words = [
        "-v",
        &programs,
        "-v",
        &bind,
        "-v",
        "named:/volume",
        "--tmpfs",
        "/tmpfs",
    ];
    let run = ["run", "--rm"].iter().chain(&words).copied();
    let run = run.chain([
        image.as_str(),
        "/p/reuse",
        "/tmp",
        "/tmpfs",
        "/volume",
        "/bind",
    ]);
    let none = "0/0 0/0 0/0 0/0";
    let want = format!("/tmp: {none}\n/tmpfs: {none}\n/volume: {none}\n/bind: {none}\n");
    assert_eq!(sandbox.coracle(run).ok(), want);
}

/// 35,400 random steps of three users among files, folders and links: what came of each, and whose and how all of it is.
#[test]
fn files_are_made_moved_and_refused_by_the_kernels_rules() {
    debian!(sandbox, image);
    // in two of these somebody names a link with a slash behind it that leads by a closed folder to nothing (ENOENT for EACCES)
    let text = "for seed in $(seq 120); do case $seed in 44 | 88) continue ;; esac
mkdir -p /srv/w$seed; /p/walk $seed 300 /srv/w$seed/x; done";
    let Some(out) = script(&sandbox, &image, &["walk"], text) else {
        return;
    };
    // recorded from the same program under real root, Linux 6.18 with fs.protected_hardlinks
    assert_eq!(
        hex(&Sha256::digest(&out)),
        "a9af6c20265118f9a6b57e5d696aea7317f9fb64da95b262b4a46284dbae51c5"
    );
}

#[test]
fn what_is_made_by_a_link_that_leads_to_nothing_is_its_makers_where_he_may() {
    debian!(sandbox, image);
    let programs = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs:/p:ro");
    let text = "mkdir -p /srv/p /srv/q/sub /srv/q/d; chown -R 33:33 /srv/q
setpriv --reuid 33 --regid 33 --clear-groups perl /p/links.pl
cd /srv; find . ! -type l -printf '%p %y %m %U:%G\\n' | sort";
    let run = ["run", "--rm", "-i", "-v", programs, &image, "sh"];
    let out = sandbox.coracle(run).stdin(text).ok();
    assert_eq!(out, include_str!("../programs/links.txt"));
}

#[test]
fn whom_a_folder_and_the_askers_own_links_belong_to_is_told_without_a_name() {
    debian!(sandbox, image);
    let text = "mkdir /d; chown 5:6 /d; stat -c %u:%g /proc/self /proc/thread-self; cd /d
perl -e 'sub look { my $e = \"\"; my $b = \"\\0\" x 256; syscall(262, -100, $e, $b, 0x1000) == 0 or return \"$!\"; join \":\", (unpack \"Q3L3\", $b)[4,5] }
print look(), \"\\n\"'";
    let out = script(&sandbox, &image, &[], text);
    let asked = cfg!(target_arch = "x86_64");
    let want = if asked {
        "0:0\n0:0\n5:6\n"
    } else {
        "0:0\n0:0\n"
    };
    assert!(out.unwrap().starts_with(want));
}

#[test]
fn a_program_that_is_given_away_is_no_set_id_program_any_more() {
    debian!(sandbox, image);
    let text = "cp /bin/true /tmp/a; cp /bin/true /tmp/b; chmod 6755 /tmp/a /tmp/b; chown 33 /tmp/a; chown 33 /tmp/b
stat -c %A:%u /tmp/a /tmp/b";
    let out = script(&sandbox, &image, &[], text);
    assert_eq!(out.unwrap(), "-rwxr-xr-x:33\n-rwxr-xr-x:33\n");
}

#[test]
fn a_go_program_changes_ids_on_all_its_threads() {
    debian!(sandbox, image);
    let folder = sandbox.work().join("go");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/ids.go");
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(folder.join("ids"))
        .arg(source)
        .envs([("CGO_ENABLED", "0"), ("GO111MODULE", "off")])
        .env("GOCACHE", sandbox.work().join("go-cache"))
        .output();
    if !built.is_ok_and(|output| output.status.success()) {
        return skipped("no Go compiler");
    }
    let volume = format!("{}:/go:ro", folder.display());
    let out = sandbox
        .coracle(["run", "--rm", "-v", &volume, &image, "/go/ids"])
        .ok();
    // recorded from the same program under real root
    let expected = "child: uid=33(www-data) gid=33(www-data) groups=33(www-data),50(staff)\n<nil>\n\
                    as root: 0\nset: <nil> <nil> <nil>\nas another: 0\nback: operation not permitted\n";
    assert_eq!(out, expected);
}

#[test]
fn another_than_root_enters_and_touches_what_is_its_own() {
    debian!(sandbox, image);
    let text = "touch /tmp/roots /tmp/shared; chmod 666 /tmp/shared; mkdir -m 700 /tmp/closed
cat >/tmp/try <<'END'
cd /root && echo entered; cd /tmp/closed && echo entered; cd /tmp && echo entered
touch /tmp/roots && echo touched; touch /tmp/shared && echo touched; touch -d @1 /tmp/shared && echo touched
touch /tmp/own; touch -d @1 /tmp/own && stat -c '%U %Y' /tmp/own
END
chmod 700 /root; setpriv --reuid 33 --regid 33 --clear-groups sh /tmp/try 2>&1 | sed 's/^[^ ]*: [0-9]*: //'";
    let Some(out) = script(&sandbox, &image, &[], text) else {
        return;
    };
    // recorded from the same script under real root
    let expected = "cd: can't cd to /root\ncd: can't cd to /tmp/closed\nentered\n\
                    touch: cannot touch '/tmp/roots': Permission denied\ntouched\n\
                    touch: setting times of '/tmp/shared': Operation not permitted\nwww-data 1\n";
    assert_eq!(out, expected);
}

#[test]
fn what_a_program_holds_it_need_not_come_to() {
    debian!(sandbox, image);
    let text = r"umask 022; mkdir -p /root/a/s /root/b /root/a/shut; chmod 700 /root /root/a/shut; echo hi >/root/a/x
ln -s ../b /root/a/out; ln -s /root/a/x /root/a/far; cd /root/a
cat >/tmp/try <<'END'
cat x s/../x; ls s; exec 3<.; cat /proc/self/fd/3/x; cat far; ls out; ls shut; cat shut/x; cat ../a/x; cat /root/a/x
END
setpriv --reuid 33 --regid 33 --clear-groups sh /tmp/try 2>&1; true";
    let Some(out) = script(&sandbox, &image, &[], text) else {
        return;
    };
    // recorded from the same script in docker 26
    let refused = |what| format!("{what}: Permission denied\n");
    let expected = [
        "hi\nhi\nhi\n".to_owned(),
        refused("cat: far"),
        refused("ls: cannot access 'out'"),
        refused("ls: cannot open directory 'shut'"),
        refused("cat: shut/x"),
        refused("cat: ../a/x"),
        refused("cat: /root/a/x"),
    ];
    assert_eq!(out, expected.concat());
}

#[test]
fn odd_calls_fail_as_they_do_on_a_kernel() {
    debian!(sandbox, image);
    let Some(out) = script(&sandbox, &image, &["odd"], "exec /p/odd") else {
        return;
    };
    // recorded from the same program under real root; only the limit is ours
    assert_eq!(out, include_str!("../programs/odd.txt"));
}

#[test]
fn attributes_hide_our_records_and_are_held_to_modes() {
    debian!(sandbox, image);
    let Some(out) = script(&sandbox, &image, &["attributes"], "exec /p/attributes") else {
        return;
    };
    // recorded from the same program in docker 26
    assert_eq!(out, include_str!("../programs/attributes.txt"));
}

#[test]
fn another_than_root_may_what_it_may_by_every_way_to_a_file() {
    debian!(sandbox, image);
    let Some(out) = script(&sandbox, &image, &["permissions"], "exec /p/permissions") else {
        return;
    };
    // recorded from the same program in docker 26
    assert_eq!(out, include_str!("../programs/permissions.txt"));
}

#[test]
fn what_is_wrong_with_a_name_is_found_before_it_is_asked_who_may() {
    debian!(sandbox, image);
    let Some(out) = script(&sandbox, &image, &["order"], "exec /p/order") else {
        return;
    };
    // recorded from the same program in docker 26
    assert_eq!(out, include_str!("../programs/order.txt"));
}

#[test]
fn a_hostile_program_gets_no_more_than_a_kernel_gives_and_nobody_hangs() {
    debian!(sandbox, image);
    let text =
        "timeout -s KILL 60 /p/hostile; echo; timeout -s KILL 60 /p/hostile refused | head -7";
    let Some(out) = script(&sandbox, &image, &["hostile"], text) else {
        return;
    };
    let (answered, refused) = out.split_once("\n\n").unwrap_or((&out, ""));
    // recorded from the same program in docker 26 with seccomp=unconfined
    assert_eq!(
        format!("{answered}\n"),
        include_str!("../programs/hostile.txt")
    );
    if cfg!(target_arch = "x86_64") {
        assert_eq!(refused, REFUSED);
    }
}

/// What hides calls from a filter is refused by ours, or by docker's before that (io_uring).
const REFUSED: &str = "== hidden
syscall(SYS_clone3, zero, sizeof zero): ENOSYS
syscall(425, 8, zero): EPERM
syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program): done
syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program): EBUSY
syscall(0x40000000 + SYS_getuid): ENOSYS
syscall(0x40000000 + SYS_setresuid, 0, 0, 0): ENOSYS
";

#[test]
fn from_a_namespace_of_ones_own_nobody_becomes_another() {
    debian!(sandbox, image);
    let Some(made) = program(&sandbox.work(), "hostile") else {
        return;
    };
    let volume = format!("{}:/hostile:ro", made.display());
    let text = "sleep 1000 & r=$!; setpriv --reuid 1000 --regid 1000 --clear-groups /hostile elsewhere $r $r; kill $r && echo alive";
    let options = ["--security-opt", "seccomp=unconfined", "-v", &volume];
    let args = [&["run", "--rm"], &options[..], &[&image, "sh", "-c", text]].concat();
    let expected =
        "unshare(CLONE_NEWUSER): done\nshown 0\nkill(roots, SIGKILL): EPERM\nsibling 0\nalive\n";
    assert_eq!(sandbox.coracle(args).ok(), expected);
}

#[test]
fn a_tmpfs_belongs_to_whom_it_was_given() {
    debian!(sandbox, image);
    for (mode, user, made) in [
        ("full", "0", "0:0"),
        ("full", "1000", "1000:0"),
        ("native", "1000", "1000:0"),
    ] {
        let look = "touch /t/x; stat -c '%u:%g %a' /t /t/x";
        let words = ["run", "--rm", "--identity", mode, "--user", user];
        let words =
            words
                .into_iter()
                .chain(["--tmpfs", "/t:uid=1000,mode=700", &image, "sh", "-c", look]);
        assert_eq!(
            sandbox.coracle(words).ok(),
            format!("1000:0 700\n{made} 644\n"),
            "{mode} {user}"
        );
    }
    // again at the next start
    let words = [
        "run",
        "--name",
        "c1",
        "--tmpfs",
        "/t:uid=33,gid=34,mode=750",
        &image,
        "stat",
        "-c",
        "%u:%g %a",
        "/t",
    ];
    assert_eq!(sandbox.coracle(words).ok(), "33:34 750\n");
    assert_eq!(sandbox.coracle(["start", "-a", "c1"]).ok(), "33:34 750\n");
}

#[test]
fn capabilities_are_dropped_for_good_and_handed_on_to_others() {
    debian!(sandbox, image);
    let text = r#"touch /tmp/f /tmp/six; chown 6 /tmp/six; chmod 644 /tmp/six
by() { setpriv --reuid 1001 --regid 1001 --clear-groups --inh-caps +chown,+kill --ambient-caps "$1" sh -c "$2"; }
by +chown 'grep -E "Cap(Inh|Prm|Eff|Amb)" /proc/self/status; chown 5 /tmp/f && stat -c %u /tmp/f'
by +kill 'chown 7 /tmp/f; kill -0 1 && echo killed'
setpriv --bounding-set -chown chown 8 /tmp/f
setpriv --bounding-set -fowner chmod 600 /tmp/six
setpriv --bounding-set -mknod mknod /tmp/n c 1 3
stat -c '%u %a' /tmp/f /tmp/six"#;
    let Some(out) = script(&sandbox, &image, &[], text) else {
        return;
    };
    // recorded from the same script in docker 26
    let expected = "CapInh:\t0000000000000021\nCapPrm:\t0000000000000001\nCapEff:\t0000000000000001\n\
                    CapAmb:\t0000000000000001\n5\nkilled\n5 644\n6 644\n";
    assert_eq!(out, expected);
    let text = "touch /tmp/f; chown 6 /tmp/f; chmod 600 /tmp/f; stat -c '%u %a' /tmp/f";
    let caps = ["--cap-drop", "ALL", "--cap-add", "CHOWN"];
    let run = [&["run", "--rm"], &caps[..], &[&image, "sh", "-c", text]].concat();
    assert_eq!(sandbox.coracle(run).ok(), "6 644\n");
}

#[test]
fn access_control_lists_name_others_and_count() {
    debian!(sandbox, image);
    let text = "exec /p/acl";
    let Some(out) = script(&sandbox, &image, &["acl"], text) else {
        return;
    };
    // recorded from the same program under real root
    assert_eq!(out, include_str!("../programs/acl.txt"));
}

#[test]
fn nameless_files_and_those_of_paths_with_rules_are_their_makers() {
    debian!(sandbox, image);
    let Some(out) = script(&sandbox, &image, &["made"], "exec /p/made") else {
        return;
    };
    // recorded from the same program under real root
    assert_eq!(out, include_str!("../programs/made.txt"));
}

#[test]
fn what_a_program_says_of_itself_over_a_socket_is_judged_and_sent() {
    debian!(sandbox, image);
    let Some(made) = program(&sandbox.work(), "claims") else {
        return;
    };
    let volume = format!("{}:/claims:ro", made.display());
    let run = |mode: &str| {
        let args = ["run", "--rm", "--identity", mode, "-v", &volume, &image];
        sandbox.coracle([&args[..], &["/claims"]].concat()).ok()
    };
    // recorded from the same program under real root
    let recorded = include_str!("../programs/claims.txt");
    assert_eq!(run("messages"), recorded);
    // where messages are not watched the kernel sends root's alone
    let full = run("full");
    assert!(full.contains("0:0 and a file 1  -> mine fd 1\n"), "{full}");
    assert!(full.contains("33:1000 -1 EINVAL -> nothing\n"), "{full}");
}

#[test]
fn a_container_with_a_message_bus_has_its_messages_watched() {
    debian!(sandbox, image);
    let mode = || {
        let format = ["inspect", "-f", "{{.State.Identity}}", "c1"];
        sandbox.coracle(format).ok()
    };
    let bus = "touch /usr/bin/dbus-daemon";
    let first = ["run", "--name", "c1", &image, "sh", "-c", bus];
    sandbox.coracle(first).ok();
    assert_eq!(mode(), "full\n");
    sandbox.coracle(["start", "-a", "c1"]).ok();
    assert_eq!(mode(), "messages\n");
}

#[test]
fn root_comes_to_a_container_that_is_natively_another_s() {
    debian!(s, image);
    let run = [
        "run", "-d", "--name", "app", "-u", "33:33", &image, "sleep", "100",
    ];
    s.coracle(run).ok();
    let root = |script: &str| {
        let words = ["exec", "-u", "0", "app", "sh", "-c", script];
        s.coracle(words).ok()
    };
    let script =
        "id -u; touch /f; chown 12:13 /f; stat -c %u:%g /f; su games -s /bin/sh -c 'id -u'";
    assert_eq!(root(script), "0\n12:13\n5\n");
    // a second one, also when the first's supervisor has gone
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(
        root("stat -c %u:%g /f; chown 14 /f; stat -c %u /f"),
        "12:13\n14\n"
    );
    assert_eq!(s.coracle(["exec", "app", "id", "-u"]).ok(), "33\n");
    // what is killed was root's alone: the program goes on, and root may come again
    kill_supervisor(&s);
    assert_eq!(root("stat -c %u:%g /f"), "14:13\n");
    // who made what is not known any more, also by the next start's monitor: nothing without a record is the program's
    s.coracle(["exec", "app", "touch", "/app"]).ok();
    s.coracle(["restart", "-t", "0", "app"]).ok();
    s.coracle(["commit", "app", "made"]).ok();
    let stat = ["stat", "-c", "%n %u:%g", "/app", "/f"];
    let told = s.coracle(["run", "--rm", "-u", "0", "made"].iter().chain(&stat));
    assert_eq!(told.ok(), "/app 0:0\n/f 14:13\n");
    let mode = s.coracle(["inspect", "-f", "{{.State.Status}}", "app"]);
    assert_eq!(mode.output().stdout, "running\n");
    s.coracle(["rm", "-f", "app"]).ok();
    assert_eq!(s.wait_until_quiet(), [""; 0]);
}

#[test]
fn a_set_id_program_gives_its_ids_only_when_it_runs() {
    debian!(sandbox, image);
    let text = "cp /usr/bin/id /tmp/i; chmod 4755 /tmp/i; \
                exec setpriv --reuid 1000 --regid 1000 --clear-groups /p/setid /tmp/i";
    let Some(out) = script(&sandbox, &image, &["setid"], text) else {
        return;
    };
    let expected = "bad arguments -1 EFAULT: 1000\nchild is root 0\nonce more -1: 1000\n\
                    without new privileges 1000\nwith 0\n";
    assert_eq!(out, expected);
}

#[test]
fn a_set_id_program_does_not_load_what_its_starter_names() {
    debian!(sandbox, image);
    let text = "cp /usr/bin/env /tmp/e; chmod 4755 /tmp/e; \
                by() { setpriv --reuid 1000 --regid 1000 --clear-groups env -i LD_PRELOAD= TMPDIR=/x A=1 LD_AUDIT=2 B=3 \"$@\"; }; \
                by /tmp/e; echo; by /tmp/e LD_AUDIT=4 env; echo; by env";
    let Some(out) = script(&sandbox, &image, &[], text) else {
        return;
    };
    // recorded from the same script in docker 26
    let secure = "A=1\nB=3\n";
    let all = "LD_PRELOAD=\nTMPDIR=/x\nA=1\nLD_AUDIT=2\nB=3\n";
    assert_eq!(out, format!("{secure}\n{secure}\n{all}"));
}

#[test]
fn a_signal_to_many_reaches_ones_own_alone() {
    debian!(sandbox, image);
    // a child of dash's that has not executed anything yet loses a signal that its parent traps
    let text = r#"mkfifo -m 666 /tmp/up; sleep 1000 & roots=$!
by() { setpriv --reuid 33 --regid 33 --clear-groups sh -c "$1"; }
by 'sleep 1000 & kill -9 -1; echo all $?; wait $!; echo $?'
by 'trap "echo got" TERM; sh -c "echo >/tmp/up; exec sleep 1000" & read up </tmp/up; kill -TERM 0; echo group $?; wait $!; echo $?'
by "kill -9 -$roots 2>/dev/null; echo none \$?; kill -0 -1; echo asked \$?"
kill -0 $roots && echo alive"#;
    let Some(out) = script(&sandbox, &image, &[], text) else {
        return;
    };
    // recorded from the same script in docker 26
    let expected = "all 0\n137\ngot\ngroup 0\n143\nnone 1\nasked 0\nalive\n";
    assert_eq!(out, expected);
}

#[test]
fn owners_are_kept_over_a_restart_and_the_host_sees_its_user() {
    debian!(sandbox, image);
    let make = "cd /srv; touch f; mkdir d; ln -s f l; mkfifo p; mknod c c 1 3; chown -h 7:8 f d l p c; \
                chmod 2775 d; touch d/x; mkdir d/y; chmod 4755 f; chown 7:9 f; \
                setpriv --reuid 33 --regid 34 --clear-groups sh -c 'cd /tmp; touch g; mkdir h; ln -s g i; mkfifo j'";
    let look = "cd /; stat -c '%n %u:%g %f' srv/* srv/d/* tmp/g tmp/h tmp/i tmp/j etc/shadow";
    let create = [
        "run",
        "--name",
        "c1",
        &image,
        "sh",
        "-c",
        &format!("test -e /srv/f || {{ {make}; }}; {look}"),
    ];
    let first = sandbox.coracle(create).ok();
    let expected = "srv/c 7:8 21a4\nsrv/d 7:8 45fd\nsrv/f 7:9 81ed\nsrv/l 7:8 a1ff\nsrv/p 7:8 11a4\nsrv/d/x 0:8 81a4\n\
                    srv/d/y 0:8 45ed\ntmp/g 33:34 81a4\ntmp/h 33:34 41ed\ntmp/i 33:34 a1ff\ntmp/j 33:34 11a4\n\
                    etc/shadow 0:42 81a0\n";
    assert_eq!(first, expected);
    assert_eq!(sandbox.coracle(["start", "-a", "c1"]).ok(), expected);
    let own = nix::unistd::geteuid().as_raw();
    let upper = sandbox.data().join("containers");
    let others = Command::new("find")
        .arg(&upper)
        .args(["!", "-uid", &own.to_string()])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&others.stdout), "");
}

#[test]
fn what_a_container_made_is_committed_as_it_was() {
    debian!(sandbox, image);
    let make = "cd /srv; touch f e; echo hi >g; ln g hard; mkdir d s; ln -s f l; mkfifo p; mknod c c 1 3; mknod b b 8 1; \
                chown -h 7:8 f d l p c; chown 70000:4294967294 g; chown 100:200 e s; chmod 4755 f; chmod 3777 d; chmod 0 e s; \
                chmod 6711 g; chmod 600 b; cp /bin/true able; touch /tmp/o; \
                setpriv --reuid 33 --regid 34 --clear-groups sh -c 'cd /tmp; touch g; mkdir h; ln -s g i; mkfifo j; ln g k'";
    let look =
        "cd /; find srv tmp -printf '%p %y %m %U:%G %n %l\\n' | sort; stat -c %t:%T srv/b srv/c";
    let text = format!("{make}; {look}");
    let first = sandbox.coracle(["run", "--name", "c1", &image, "sh", "-c", &text]);
    let first = first.ok();
    assert!(first.contains("srv/e f 0 100:200 1"), "{first}");
    sandbox.coracle(["commit", "c1", "made:1"]).ok();
    let again = ["run", "--rm", "made:1", "sh", "-c", look];
    assert_eq!(sandbox.coracle(again).ok(), first);
}

#[test]
fn the_users_own_files_get_no_attribute_and_keep_what_was_said_of_them() {
    debian!(sandbox, image);
    let own = sandbox.work().join("own");
    std::fs::create_dir_all(&own).unwrap();
    set_mode(&own, 0o777);
    std::fs::write(own.join("a"), "").unwrap();
    let volume = format!("{}:/w", own.display());
    let text = "cd /w; test -e b || { chown 5:6 a; setpriv --reuid 33 --regid 33 --clear-groups touch b; }; stat -c '%n %u:%g' *";
    let first = sandbox
        .coracle([
            "run", "--name", "c1", "-v", &volume, &image, "sh", "-c", text,
        ])
        .ok();
    assert_eq!(first, "a 5:6\nb 33:33\n");
    assert_eq!(sandbox.coracle(["start", "-a", "c1"]).ok(), first);
    let names = Command::new("python3")
        .args([
            "-c",
            "import os,sys; print([os.listxattr(p) for p in sys.argv[1:]])",
        ])
        .args([own.join("a"), own.join("b")])
        .output();
    match names {
        Ok(out) if out.status.success() => {
            assert_eq!(String::from_utf8_lossy(&out.stdout), "[[], []]\n");
        }
        _ => skipped("no python3 to list attributes with"),
    }
    use std::os::unix::fs::MetadataExt;
    assert_eq!(
        std::fs::metadata(own.join("b")).unwrap().uid(),
        nix::unistd::geteuid().as_raw()
    );
}

#[test]
fn a_tar_goes_in_and_comes_out_the_same() {
    debian!(sandbox, image);
    let text = "cd /tmp; mkdir -p t/d; echo a >t/f; ln t/f t/hard; ln -s f t/l; mkfifo t/p; mknod t/b b 8 1; \
                chown -hR 1000:2000 t; chown 3:4 t/d; chmod 4711 t/f; chmod 2750 t/d; touch -hd @1000 t/* t; \
                tar -cf 1.tar t; mkdir o; tar -xpf 1.tar -C o; tar -cf 2.tar -C o t; \
                tar --full-time -tvnf 1.tar >1; tar --full-time -tvnf 2.tar >2; diff 1 2 && wc -l <1; \
                cp -a t u; stat -c '%u:%g %f' t/* >1; stat -c '%u:%g %f' u/* >2; diff 1 2 && echo same";
    let out = sandbox
        .coracle(["run", "--rm", &image, "sh", "-c", text])
        .ok();
    assert_eq!(out, "7\nsame\n");
}

#[test]
fn users_of_the_command_line_are_who_they_are() {
    debian!(sandbox, image);
    let run = |flags: &[&str], text: &str| {
        let args = [&["run", "--rm"], flags, &[&image, "sh", "-c", text]].concat();
        sandbox.coracle(args).ok()
    };
    let who = "echo $(id -u):$(id -g):$(id -G); grep -E '^(Uid|CapEff)' /proc/self/status | tr -s '\\t\\n' ' '";
    // natively, as the kernel itself sees it
    assert_eq!(
        run(&["--user", "1000:1001"], who),
        "1000:1001:1001\nUid: 1000 1000 1000 1000 CapEff: 0000000000000000 "
    );
    assert_eq!(
        run(&["--user", "www-data"], "id -u; stat -c %u /etc/passwd"),
        "33\n33\n"
    );
    // groups of its own need more
    let all = "id -u; id -G; stat -c %U:%G /etc/shadow; test -r /etc/shadow && echo readable; test -w /etc/shadow || echo not writable";
    let out = run(&["--user", "www-data", "--group-add", "shadow"], all);
    assert_eq!(out, "33\n33 42\nroot:shadow\nreadable\nnot writable\n");
    let out = run(
        &["--identity", "full", "--user", "1000"],
        "id -u; id -g; touch /tmp/x; stat -c %u:%g /tmp/x; mkdir /srv/y; kill -0 1 && echo own",
    );
    assert_eq!(out, "1000\n0\n1000:0\nown\n");
    for (mode, seen) in [("full", "1:2\n"), ("ids", "0:0\n")] {
        assert_eq!(
            run(&["--identity", mode], "chown 1:2 /srv; stat -c %u:%g /srv"),
            seen,
            "{mode}"
        );
    }
    let off = sandbox.coracle([
        "run",
        "--rm",
        "--identity",
        "off",
        &image,
        "chown",
        "1:2",
        "/srv",
    ]);
    assert!(off.fails(1).contains("Invalid argument"));
}

#[test]
fn exec_is_somebody_in_the_same_world() {
    debian!(sandbox, image);
    sandbox
        .coracle(["run", "-d", "--name", "c1", &image, "sleep", "1000"])
        .ok();
    let exec = |user: &str, text: &str| {
        sandbox
            .coracle(["exec", "-u", user, "c1", "sh", "-c", text])
            .ok()
    };
    assert_eq!(
        exec("0", "id -u; chown 33:33 /srv; stat -c %u /srv"),
        "0\n33\n"
    );
    assert_eq!(
        exec(
            "www-data",
            "id -un; touch /srv/mine; stat -c %U /srv/mine; test -w /etc/passwd || echo no"
        ),
        "www-data\nwww-data\nno\n"
    );
    assert_eq!(
        exec("1234:5678", "id -u; id -g; kill -0 1 || echo not mine"),
        "1234\n5678\nnot mine\n"
    );
    assert_eq!(
        exec("root", "stat -c %U:%G /srv/mine"),
        "www-data:www-data\n"
    );
    // many at once, each with a filter of its own
    let children: Vec<_> = (0..12)
        .map(|n| {
            sandbox
                .coracle(["exec", "-u", &format!("{}", 2000 + n), "c1", "id", "-u"])
                .spawn()
        })
        .collect();
    for (n, child) in children.into_iter().enumerate() {
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            format!("{}\n", 2000 + n)
        );
    }
}

#[test]
fn a_native_container_lets_others_in() {
    debian!(sandbox, image);
    sandbox
        .coracle([
            "run", "-d", "--name", "c1", "-u", "1000", &image, "sleep", "1000",
        ])
        .ok();
    let exec = |user: &str, text: &str| {
        sandbox
            .coracle(["exec", "-u", user, "c1", "sh", "-c", text])
            .ok()
    };
    assert_eq!(exec("1000", "id -u"), "1000\n");
    assert_eq!(exec("0", "id -u; touch /root/x && echo root"), "0\nroot\n");
    assert_eq!(exec("77:78", "id -u; id -g"), "77\n78\n");
}

fn kill_supervisor(sandbox: &Sandbox) {
    let processes = sandbox.processes();
    let supervisor = processes.iter().find(|line| line.contains("__ids"));
    let pid = supervisor.expect("a supervisor").split(' ').next().unwrap();
    Command::new("kill").args(["-9", pid]).status().unwrap();
}

#[test]
fn without_its_supervisor_a_container_ends_and_says_so() {
    debian!(sandbox, image);
    sandbox
        .coracle([
            "run",
            "-d",
            "--name",
            "c1",
            &image,
            "sh",
            "-c",
            "echo up; while :; do id >/dev/null; done",
        ])
        .ok();
    // a program that is still being loaded ends by itself, with 127
    eventually("it runs", || sandbox.coracle(["logs", "c1"]).ok() == "up\n");
    kill_supervisor(&sandbox);
    let format = "{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}";
    eventually("it has ended", || {
        sandbox
            .coracle(["inspect", "-f", format, "c1"])
            .ok()
            .starts_with("exited")
    });
    let said = sandbox.coracle(["inspect", "-f", format, "c1"]).ok();
    assert_eq!(said, "exited 137 the identity supervisor was killed\n");
}

#[test]
fn another_root_below_the_container_s_has_its_own_paths() {
    debian!(sandbox, image);
    let text = "mkdir -p /r/bin /r/etc /r/lib /r/lib64; cp -a /bin/chown /bin/stat /r/bin/; \
                for l in $(ldd /bin/chown /bin/stat | grep -o '/lib[^ ]*'); do mkdir -p /r/${l%/*}; cp $l /r/$l; done; \
                touch /r/etc/real /etc/real; ln -s /etc/real /r/etc/link; \
                chroot /r /bin/chown 44:45 /etc/link; chroot /r /bin/stat -c %u:%g /etc/real; stat -c %u:%g /etc/real; \
                chroot --userspec=33:34 / id -u";
    let out = sandbox
        .coracle(["run", "--rm", &image, "sh", "-c", text])
        .ok();
    assert_eq!(out, "44:45\n0:0\n33\n");
}

#[test]
fn among_the_hosts_processes_others_are_seen_as_they_are() {
    debian!(sandbox, image);
    // the first process is another user's, of which nothing may be asked; one that has just ended is none
    let text = "stat -c %n:%U /proc/1 /proc/$$; ls -d /proc/[0-9]* 2>&1 >/dev/null | grep -v 'No such file'; echo all";
    let words = ["run", "--rm", "--pid", "host", &image, "sh", "-c", text];
    let out = sandbox.coracle(words).ok();
    let owners: Vec<_> = out.lines().filter_map(|l| l.split(':').nth(1)).collect();
    assert_eq!(owners, ["nobody", "root"], "{out}");
}

#[test]
fn what_the_user_does_not_own_is_remembered_for_the_run() {
    debian!(sandbox, image);
    let text = "chown www-data /dev/null && stat -c %U /dev/null; ln -s /dev/stdout /tmp/log; chown 33:33 /tmp/log && echo done";
    let out = sandbox
        .coracle(["run", "--rm", &image, "sh", "-c", text])
        .ok();
    assert_eq!(out, "www-data\ndone\n");
}

#[test]
fn a_supervisor_goes_while_nothing_is_asked_and_the_next_one_knows_all() {
    debian!(sandbox, image);
    // a program of another user's that asks nothing until it is told to
    let text = "mkfifo /tmp/ask /tmp/told; chmod 666 /tmp/ask /tmp/told; touch /srv/mine; chown 33:44 /srv/mine; \
                exec su -s /bin/sh www-data -c 'while read -r what < /tmp/ask; do eval \"$what\" > /tmp/told 2>&1; done'";
    let words = ["run", "-d", "--name", "c1", "--network", "none", &image];
    (sandbox.coracle(words.into_iter().chain(["sh", "-c", text]))).ok();
    let supervisors = || {
        let processes = sandbox.processes().into_iter();
        processes.filter(|line| line.contains("__ids")).count()
    };
    let rest = || eventually("nobody is asked and nobody answers", || supervisors() == 0);
    let ask = |what: &str| {
        let text = format!("echo '{what}' > /tmp/ask; cat /tmp/told");
        sandbox.coracle(["exec", "c1", "sh", "-c", &text]).ok()
    };
    rest();
    let told = ask("id -un; stat -c %u:%g /srv/mine; touch /srv/mine /etc/no");
    assert!(told.starts_with("www-data\n33:44\n"), "{told}");
    assert!(
        told.contains("cannot touch '/etc/no': Permission denied"),
        "{told}"
    );
    assert!(!told.contains("/srv/mine'"), "{told}");
    assert_eq!(supervisors(), 1);
    rest();
    let words = ["exec", "--user", "backup", "c1", "id", "-un"];
    assert_eq!(sandbox.coracle(words).ok(), "backup\n");
    rest();
    // another start, and the end of one that is not supervised just now
    sandbox.coracle(["restart", "-t", "0", "c1"]).ok();
    assert!(ask("id -un").starts_with("www-data\n"));
    rest();
    sandbox.coracle(["rm", "-f", "c1"]).ok();
    eventually("nothing is left", || sandbox.processes().is_empty());
}

#[test]
fn who_asks_just_when_a_supervisor_goes_is_answered() {
    debian!(sandbox, image);
    // it goes after one second in which nothing is asked, the next one after two: some of these ask in that very moment
    let said = std::thread::scope(|scope| {
        let one = |milliseconds: u32| {
            let text = format!(
                "touch f; for n in 1 2; do chown $n:7 f; sleep $n.{milliseconds:03}; stat -c %u:%g f; done"
            );
            let words = [
                "run",
                "--rm",
                "--network",
                "none",
                &image,
                "sh",
                "-c",
                &text,
            ];
            sandbox.coracle(words).ok()
        };
        let all: Vec<_> = (0..60)
            .step_by(4)
            .map(|n| scope.spawn(move || one(n)))
            .collect();
        all.into_iter()
            .map(|t| t.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert_eq!(said, vec!["1:7\n2:7\n"; 15]);
}
