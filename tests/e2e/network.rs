//! Networks: out, in, between containers, and what must not be possible. Everything in a [`World`] of the test's own.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::support::world::{self, HOST, OUTSIDE, OUTSIDE6, World, inside, said};
use crate::support::{Output, Sandbox, eventually, skipped};

/// No test: what the world's peers and the containers' programs do.
#[test]
#[ignore = "started by tests of networks"]
fn peer() {
    world::peer();
}

/// A test's sandbox, image and world.
struct Stage {
    // the order of the fields is that of their end: containers before their world
    sandbox: Sandbox,
    image: String,
    world: World,
}

impl Stage {
    /// Runs a test where networks take this way; `CORACLE_NETWORK_RUNG` says it.
    fn of(rung: &str, test: fn(&mut Stage)) {
        if let Some(mut stage) = Stage::new(rung) {
            test(&mut stage);
        }
    }

    fn new(rung: &str) -> Option<Stage> {
        let Some((sandbox, image)) = Sandbox::with_busybox() else {
            skipped("no loopback registry (packages docker-registry, busybox-static)");
            return None;
        };
        let Some(world) = World::new(rung) else {
            skipped("no world of network namespaces (ip, unshare, nsenter; user namespaces)");
            return None;
        };
        let doctor = world.coracle(&sandbox, ["doctor"]).output().stdout;
        if let Some((_, why)) = doctor.split_once("the rules of nf_tables: ")
            && rung == "tproxy"
        {
            skipped(&format!(
                "no nf_tables: {}",
                why.lines().next().unwrap_or_default()
            ));
            return None;
        }
        Some(Stage {
            sandbox,
            image,
            world,
        })
    }

    /// One command line on the host.
    fn coracle(&self, line: &str) -> Output {
        let words: Vec<&str> = line
            .split(' ')
            .map(|w| if w == "IMAGE" { &self.image } else { w })
            .collect();
        self.world.coracle(&self.sandbox, words).output()
    }

    fn ok(&self, line: &str) -> String {
        self.coracle(line).expect_code(0).stdout.trim().to_owned()
    }

    /// Runs a peer in a container; `flags` come before the image.
    fn peer(&self, flags: &str, act: &str) -> String {
        said(&self.run("--rm", flags, act).expect_code(0).stdout)
    }

    /// Starts a peer in a container in the background, and waits until it is ready.
    fn serve(&self, flags: &str, act: &str) {
        let started = self.run("-d", flags, act).expect_code(0).stdout;
        let id = started.trim();
        eventually("the peer is ready", || {
            self.ok(&format!("logs {id}")).contains("| ready")
        });
    }

    /// Lets a peer act in a running container.
    fn exec(&self, name: &str, act: &str) -> String {
        let mut words: Vec<String> = ["exec", "-e"].map(str::to_owned).into();
        words.push(world::act(act));
        words.push(name.to_owned());
        words.extend(world::as_peer());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        said(&self.world.coracle(&self.sandbox, words).output().stdout)
    }

    /// Descriptors and resident KiB of each relay.
    fn costs(&self) -> Vec<(usize, u64)> {
        let all = self.sandbox.processes();
        let relays = all.iter().filter(|l| l.contains("__relay"));
        let pids = relays.filter_map(|l| l.split(' ').next());
        let cost = |pid: &str| {
            let fds = std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let rss = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
            let kib = rss.and_then(|rss| rss.trim().trim_end_matches(" kB").parse().ok());
            (fds, kib.unwrap_or(0))
        };
        pids.map(cost).collect()
    }

    /// What the kernel has counted of TCP in the only gateway.
    fn gateways_counters(&self) -> HashMap<String, u64> {
        let all = self.sandbox.processes();
        let relay = all.iter().find(|l| l.contains("__relay")).expect("a relay");
        let pid = relay.split(' ').next().expect("a pid");
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
        let is_gateways = |task: &PathBuf| {
            std::fs::read_to_string(task.join("comm")).is_ok_and(|c| c.trim() == "gateway")
        };
        let mut tasks = tasks.flatten().map(|t| t.path());
        let thread = tasks.find(is_gateways).expect("a thread in the gateway");
        let text = std::fs::read_to_string(thread.join("net/snmp")).expect("counters");
        let mut lines = text.lines().filter_map(|l| l.strip_prefix("Tcp: "));
        let (names, values) = (lines.next().expect("names"), lines.next().expect("values"));
        let values = values.split(' ').map(|v| v.parse().unwrap_or(0));
        names.split(' ').map(str::to_owned).zip(values).collect()
    }

    fn run(&self, how: &str, flags: &str, act: &str) -> Output {
        let mut words = vec!["run".to_owned(), how.to_owned()];
        words.extend(
            flags
                .split(' ')
                .filter(|w| !w.is_empty())
                .map(str::to_owned),
        );
        words.extend(inside(act).into_iter().map(|w| match w.as_str() {
            "IMAGE" => self.image.clone(),
            _ => w,
        }));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.world.coracle(&self.sandbox, words).output()
    }
}

fn kill(pid: &str) {
    let status = std::process::Command::new("kill")
        .args(["-9", pid])
        .status();
    assert!(status.unwrap().success());
}

/// Each test is two: one for each way that a gateway can work.
macro_rules! both {
    ($($name:ident)*) => {
        mod tproxy {
            $(#[test]
            fn $name() {
                super::Stage::of("tproxy", super::$name);
            })*
        }
        mod anyip {
            $(#[test]
            fn $name() {
                super::Stage::of("anyip", super::$name);
            })*
        }
    };
}

both! {
    connections_leave_and_refused_is_refused
    the_gateway_opens_what_leaves
    the_hosts_loopback_is_out_of_reach_also_by_hand_made_frames
    datagrams_keep_their_borders_sizes_and_mapping
    a_published_port_shows_the_clients_own_address
    published_datagrams_come_with_their_address_and_go_back
    containers_of_a_network_know_each_other_by_name
    an_internal_network_has_no_way_out
    what_a_program_wrote_before_it_ended_arrives
    a_killed_monitor_disturbs_nobody_and_nothing_stays
    a_killed_relay_is_followed_by_another
    the_next_container_has_the_gateway_and_the_address_of_the_last
    a_network_may_ask_for_busy_polling
    a_container_is_told_what_it_needs_to_know
    floods_from_inside_hurt_nobody_else
    many_connections_live_at_once
    what_is_odd_about_names_and_networks_is_told_in_dockers_words
    a_restarted_program_keeps_address_and_ports
    what_has_ended_gives_ports_and_address_back_at_once
    a_web_server_and_its_database_serve_a_client_of_the_outside
    programs_of_many_languages_work_through_it
    a_ping_leaves_where_the_host_allows_it
    a_port_scan_is_answered_and_leaves_nothing
    odd_questions_about_names_disturb_nobody
    dockers_name_server_answers_inside
    names_are_asked_by_tcp_too
    a_network_has_dockers_mtu
    another_containers_network_comes_with_its_names
    who_left_the_last_network_may_come_to_others
    files_follow_the_networks_of_a_running_container
    nothing_is_left_after_the_last_container
    a_link_tells_where_another_container_is
    an_address_is_given_on_when_its_last_words_are_delivered
    a_running_container_gets_an_address_when_its_last_words_are_delivered
}

fn connections_leave_and_refused_is_refused(s: &mut Stage) {
    s.world.outside(&format!("echo {OUTSIDE}:7000"));
    s.world.outside(&format!("echo [{OUTSIDE6}]:7000"));
    s.world.outside(&format!("reset {OUTSIDE}:7002"));
    s.world.outside(&format!("peername {OUTSIDE}:7003"));
    let acts = [
        (format!("mirror {OUTSIDE}:7000 8000000"), "the same"),
        (format!("mirror [{OUTSIDE6}]:7000 3000000"), "the same"),
        (format!("idle {OUTSIDE}:7000 300"), "300 of 300"),
        (format!("connect {OUTSIDE}:7001"), "ConnectionRefused"),
        (format!("connect [{OUTSIDE6}]:7001"), "ConnectionRefused"),
        // nobody has this address on the cable, somebody forbids this one, and from this one nothing ever comes
        ("connect 10.99.0.9:7000".to_owned(), "HostUnreachable"),
        ("connect 10.98.0.9:7000".to_owned(), "HostUnreachable"),
        ("connect 10.99.0.66:7000".to_owned(), "TimedOut"),
        (format!("epoll {OUTSIDE}:7000"), "early"),
        (format!("read {OUTSIDE}:7002"), "ConnectionReset"),
        (format!("reuse {OUTSIDE}:7003 300"), "300 of 300"),
    ];
    let act = acts
        .iter()
        .map(|(act, _)| act.as_str())
        .collect::<Vec<_>>()
        .join(";");
    let want: Vec<_> = acts.iter().map(|(_, want)| *want).collect();
    assert_eq!(s.peer("", &act), want.join("\n"));
}

/// A listener in the gateway would now and then answer first words by a reset (one connection in 60,000): the kernel does not
/// find a connection in the moment in which the half-open one becomes a whole one.
fn the_gateway_opens_what_leaves(s: &mut Stage) {
    s.world.outside(&format!("echo {OUTSIDE}:7000"));
    s.serve("--name one", "sleep");
    assert_eq!(
        s.exec("one", &format!("idle {OUTSIDE}:7000 200")),
        "200 of 200"
    );
    let counted = s.gateways_counters();
    let of = |name: &str| counted[name];
    assert_eq!((of("ActiveOpens"), of("PassiveOpens")), (200, 0));
    s.ok("rm -f one");
}

fn the_hosts_loopback_is_out_of_reach_also_by_hand_made_frames(s: &mut Stage) {
    let file = s.sandbox.work().join("accepted");
    s.world
        .host(&format!("accepts 127.0.0.1:7000 {}", file.display()));
    s.world.host(&format!("peername {HOST}:7100"));
    s.world
        .host(&format!("accepts [::1]:7000 {}", file.display()));
    s.world
        .outside(&format!("accepts {OUTSIDE}:7000 {}", file.display()));
    for at in ["127.0.0.1:7001", "[::1]:7001"] {
        s.world.host(&format!("hears {at} {}", file.display()));
    }
    // an address of 127/8 on eth0 is the kernel's to refuse; a packet socket sees it first
    let v6 = "[fd00:c0ac:1e::2]";
    let acts = [
        "frame 172.17.0.2:5555 127.0.0.1:7000".to_owned(),
        "frame 172.17.0.2:5556 127.0.0.1:7000".to_owned(),
        format!("frame {v6}:5555 [::1]:7000"),
        format!("frame {v6}:5556 [::ffff:127.0.0.1]:7000"),
        format!("frame {v6}:5557 [::127.0.0.1]:7000"),
        "udp-frame 172.17.0.2:5555 127.0.0.1:7001".to_owned(),
        format!("udp-frame {v6}:5555 [::1]:7001"),
        format!("udp-frame {v6}:5555 [::ffff:127.0.0.1]:7001"),
        // in the name of nobody here, and in that of the gateway
        format!("frame 172.17.0.99:5555 {OUTSIDE}:7000"),
        format!("frame 172.17.0.1:5555 {OUTSIDE}:7000"),
        format!("frame 8.8.8.8:5555 {OUTSIDE}:7000"),
    ];
    let said = s.peer("", &format!("{};connect 127.0.0.1:7000", acts.join(";")));
    let sent = "sent\n".repeat(acts.len());
    assert_eq!(said, format!("{sent}ConnectionRefused"));
    // the gateway stands for the host, whose services for others it shows, and no other
    let said = s.peer(
        "",
        "get 172.17.0.1:7100;connect 172.17.0.1:7000;get host.docker.internal:7100",
    );
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with(&format!("you are {HOST}:")), "{said}");
    assert_eq!(lines[1], "ConnectionRefused");
    assert!(lines[2].starts_with(&format!("you are {HOST}:")), "{said}");
    assert!(!file.exists(), "a container came where it must not");
}

fn a_ping_leaves_where_the_host_allows_it(s: &mut Stage) {
    // this world's host does not
    let refused = s.peer("", &format!("ping {OUTSIDE};ping 172.17.0.1"));
    assert_eq!(refused, "HostUnreachable\n12 bytes back");
    s.world = World::that_pings(&s.world.rung).expect("as the first");
    let said = s.peer("", &format!("ping {OUTSIDE}"));
    assert_eq!(said, "12 bytes back");
}

fn a_port_scan_is_answered_and_leaves_nothing(s: &mut Stage) {
    s.serve("--name scan", "sleep");
    let said = s.exec("scan", &format!("scan {OUTSIDE} 1500"));
    assert_eq!(said, "1500 refused");
    let most = s.costs().into_iter().max().expect("a relay");
    assert!(most.0 < 64, "{} descriptors", most.0);
}

fn odd_questions_about_names_disturb_nobody(s: &mut Stage) {
    s.world.outside(&format!("dns {OUTSIDE}:53"));
    s.ok("network create one");
    let said = s.peer(
        &format!("--network one --dns {OUTSIDE} --name asker"),
        "odd-dns 172.18.0.1:53;resolve known.test;resolve asker",
    );
    assert_eq!(said, "asked\n10.99.0.77\n172.18.0.2");
}

fn dockers_name_server_answers_inside(s: &mut Stage) {
    s.world.outside(&format!("dns {OUTSIDE}:53"));
    s.ok("network create one");
    s.serve("--name web --network one", "sleep");
    s.serve(&format!("--name asker --dns {OUTSIDE}"), "sleep");
    let ask = |names: &str| {
        s.ok("exec asker sh -c echo${IFS}nameserver${IFS}127.0.0.11>/etc/resolv.conf");
        let acts: Vec<String> = names.split(' ').map(|n| format!("resolve {n}")).collect();
        s.exec("asker", &acts.join(";"))
    };
    // the default network has none, as with docker
    assert!(ask("web").starts_with("no: "));
    s.ok("network connect one asker");
    let known = "172.18.0.2\n10.99.0.77";
    assert_eq!(ask("web known.test"), known);
    s.ok("restart -t 0 asker");
    assert_eq!(ask("web known.test"), known);
    if s.world.rung == "tproxy" {
        // the port is free, as with docker
        s.serve("--network one", "hears 0.0.0.0:53 /tmp/x");
    }
    // a program that is a name server itself finds its port free
    s.serve("--network one --expose 53/udp", "hears 0.0.0.0:53 /tmp/x");
    let all = s.ok("ps -q").replace('\n', " ");
    s.ok(&format!("rm -f {all}"));
}

fn names_are_asked_by_tcp_too(s: &mut Stage) {
    s.world.outside(&format!("dns {OUTSIDE}:53"));
    s.ok("network create one");
    s.ok("network create --internal within");
    // more addresses than an answer of 512 bytes has room for
    let mut addresses: Vec<_> = (2..36).map(|n| format!("172.18.0.{n}")).collect();
    for _ in &addresses {
        s.serve("--network one --network-alias all", "sleep");
    }
    s.serve("--network within --name inner", "sleep");
    s.serve(
        &format!("--network one --name asker --dns {OUTSIDE}"),
        "sleep",
    );
    let ask = |name: &str, conf: &[&str], acts: &str| {
        for (line, to) in conf.iter().zip([">", ">>"]) {
            let line = line.replace(' ', "${IFS}");
            s.ok(&format!(
                "exec {name} sh -c echo${{IFS}}{line}{to}/etc/resolv.conf"
            ));
        }
        s.exec(name, acts)
    };
    addresses.sort();
    let all = addresses.join(" ");
    let gateway = "nameserver 172.18.0.1";
    assert_eq!(ask("asker", &[gateway], "resolve all"), all);
    let by_tcp = "options use-vc";
    let acts = "resolve all;resolve known.test;resolve all";
    let known = format!("{all}\n10.99.0.77\n{all}");
    assert_eq!(ask("asker", &[gateway, by_tcp], acts), known);
    if s.world.rung == "tproxy" {
        let dockers = "nameserver 127.0.0.11";
        assert_eq!(ask("asker", &[dockers, by_tcp], acts), known);
    }
    // of a network that has no way out nobody outside is asked
    let acts = "resolve inner;resolve known.test";
    let said = ask("inner", &["nameserver 172.19.0.1", by_tcp], acts);
    let (own, other) = said.split_once('\n').unwrap_or_default();
    assert_eq!(own, "172.19.0.2");
    assert!(other.starts_with("no: "), "{said}");
}

fn a_network_has_dockers_mtu(s: &mut Stage) {
    s.ok("network create -o com.docker.network.driver.mtu=1400 small");
    let mtu = s.ok("run --rm --network small IMAGE cat /sys/class/net/eth0/mtu");
    assert_eq!(mtu, "1400");
}

/// As docker's: who shares a network shares its names.
fn another_containers_network_comes_with_its_names(s: &mut Stage) {
    s.world.outside(&format!("dns {OUTSIDE}:53"));
    s.ok("network create one");
    s.serve(
        &format!(
            "--name web --hostname its-own --add-host foo:1.2.3.4 --network one --dns {OUTSIDE}"
        ),
        "sleep",
    );
    let beside = "run --rm --network container:web IMAGE";
    let files = ["hosts", "hostname", "resolv.conf"].map(|name| {
        let file = format!("cat /etc/{name}");
        let theirs = s.ok(&format!("exec web {file}"));
        assert_eq!(s.ok(&format!("{beside} {file}")), theirs);
        theirs
    });
    assert!(files[0].contains("1.2.3.4\tfoo"), "{}", files[0]);
    assert_eq!(s.ok(&format!("{beside} hostname")), "its-own");
    assert_eq!(
        s.peer("--network container:web", "resolve web"),
        "172.18.0.2"
    );
}

fn who_left_the_last_network_may_come_to_others(s: &mut Stage) {
    s.world.outside(&format!("echo {OUTSIDE}:7000"));
    s.serve("--name wanderer", "sleep");
    s.ok("network disconnect bridge wanderer");
    let reach = format!("mirror {OUTSIDE}:7000 1000");
    assert_ne!(s.exec("wanderer", &reach), "the same");
    s.ok("network connect bridge wanderer");
    assert_eq!(s.exec("wanderer", &reach), "the same");
    s.ok("network disconnect bridge wanderer");
    s.ok("stop -t 0 wanderer");
    s.ok("network connect bridge wanderer");
    // one that was made without may not
    s.ok("run -d --name lone --network none IMAGE sleep 100");
    let told = s.coracle("network connect bridge lone").expect_code(1);
    assert!(
        told.stderr.contains("in private (none) mode"),
        "{}",
        told.stderr
    );
}

fn files_follow_the_networks_of_a_running_container(s: &mut Stage) {
    s.ok("network create one");
    s.serve("--name cc --hostname h --restart always", "sleep");
    let lines = |file: &str| s.ok(&format!("exec cc cat {file}"));
    s.ok("exec cc sh -c echo${IFS}10.1.1.1${IFS}mine>>/etc/hosts");
    let has = |file: &str, line: &str| lines(file).lines().any(|l| l == line);
    s.ok("network connect one cc");
    assert!(has("/etc/hosts", "172.17.0.2\th") && has("/etc/hosts", "172.18.0.2\th"));
    assert!(has("/etc/resolv.conf", "nameserver 172.18.0.1"));
    s.ok("network disconnect bridge cc");
    let hosts = lines("/etc/hosts");
    assert!(
        !hosts.contains("172.17.") && hosts.contains("10.1.1.1 mine"),
        "{hosts}"
    );
    assert!(has("/etc/hosts", "172.18.0.2\th"), "{hosts}");
    assert!(has(
        "/etc/hosts",
        "172.18.0.1\thost.docker.internal host.containers.internal"
    ));
    let servers = lines("/etc/resolv.conf");
    assert!(!servers.contains("nameserver 172.17.0.1"), "{servers}");
    // a program that its policy starts again has the files of today's networks
    s.ok("network connect --driver-opt coracle.busy-poll=1ms bridge cc");
    s.ok("network disconnect one cc");
    let pid = || s.ok("inspect -f {{.State.Pid}} cc");
    let first = pid();
    kill(&first);
    eventually("it runs again", || !["0", &first].contains(&&pid()[..]));
    let hosts = lines("/etc/hosts");
    assert!(has("/etc/hosts", "172.17.0.2\th") && !hosts.contains("172.18."));
    assert!(has("/etc/resolv.conf", "nameserver 172.17.0.1"));
    let told = s.coracle("network connect --driver-opt x one cc");
    let want = "invalid key/value pair format in driver options";
    assert!(told.stderr.contains(want), "{}", told.stderr);
}

/// A kernel without nf_tables, as far as what the test starts can see.
#[test]
fn without_nf_tables_networks_take_the_other_way_by_themselves() {
    let Some(mut s) = Stage::new("") else { return };
    s.world.lacks_nf_tables = true;
    let doctor = s.coracle("doctor").stdout;
    let want = "anyip, since nf_tables cannot be used (the rules of nf_tables: ";
    assert!(doctor.contains(want), "{doctor}");
    s.world.outside(&format!("echo {OUTSIDE}:7000"));
    s.serve("--name first", "sleep");
    let members = s.sandbox.runtime().join("networks/members");
    let members = std::fs::read_to_string(members).unwrap();
    assert!(members.contains("anyip"), "{members}");
    let act = format!("mirror {OUTSIDE}:7000 3000000;connect {OUTSIDE}:7001");
    assert_eq!(s.peer("", &act), "the same\nConnectionRefused");
}

/// Texts of docker 26.
fn a_link_tells_where_another_container_is(s: &mut Stage) {
    s.serve(
        "--name db --hostname dbhost -e PASS=sec --expose 5432",
        "peername 0.0.0.0:5432",
    );
    let said = s.peer(
        "--link db:database --link db",
        "get database:5432;get db:5432",
    );
    assert!(
        said.lines().all(|l| l.starts_with("you are 172.17.0.3:")),
        "{said}"
    );
    let told = s.ok("run --rm --name web --link db:database IMAGE sh -c env;cat${IFS}/etc/hosts");
    for line in [
        "172.17.0.2\tdatabase dbhost db",
        "DATABASE_NAME=/web/database",
        "DATABASE_PORT=tcp://172.17.0.2:5432",
        "DATABASE_PORT_5432_TCP_ADDR=172.17.0.2",
        "DATABASE_ENV_PASS=sec",
    ] {
        assert!(
            told.lines().any(|l| l == line),
            "{line:?} is not in\n{told}"
        );
    }
    s.ok("network create one");
    s.serve("--name web --network one", "peername 0.0.0.0:80");
    let said = s.peer("--network one --link web:w", "get w:80");
    assert!(said.starts_with("you are 172.18.0.3:"), "{said}");
    let said = s.peer("--network one", "resolve w");
    assert!(said.starts_with("no: "), "{said}");
    for (line, want) in [
        (
            "--link nosuch:x IMAGE true",
            "could not get container for nosuch: No such container: nosuch",
        ),
        ("--link a:b:c IMAGE true", "bad format for links: a:b:c"),
        (
            "--network host --link db:x IMAGE true",
            "links are only supported for user-defined networks",
        ),
        (
            "--link web:x IMAGE true",
            "Cannot link to /web, as it does not belong to the default network",
        ),
    ] {
        let told = s
            .coracle(&format!("run --rm {line}"))
            .expect_code(125)
            .stderr;
        assert!(told.contains(want), "{line}: {told}");
    }
    s.ok("stop -t 0 db");
    let told = s
        .coracle("run --rm --name y1 --link db:x IMAGE true")
        .expect_code(125);
    let want = "Cannot link to a non running container: /db AS /y1/x";
    assert!(told.stderr.contains(want), "{}", told.stderr);
}

fn nothing_is_left_after_the_last_container(s: &mut Stage) {
    s.ok("network create one");
    s.serve("--name aa -p 8080:80", "peername 0.0.0.0:80");
    s.serve(
        "--name bb --network one -p 9000:90/udp",
        "udp-echo 0.0.0.0:90",
    );
    s.ok("rm -f aa bb");
    eventually("no process is left, and with it no namespace", || {
        s.sandbox.processes().is_empty()
    });
    let members = s.sandbox.runtime().join("networks/members");
    assert_eq!(std::fs::read_to_string(members).unwrap().trim(), "[]");
    // the ports are free again
    s.serve("--name aa -p 8080:80 -p 9000:90/udp", "peername 0.0.0.0:80");
    s.ok("rm -f aa");
}

fn datagrams_keep_their_borders_sizes_and_mapping(s: &mut Stage) {
    for at in ["10.99.0.2:7001", "10.99.0.2:7002", "[fd99::2]:7001"] {
        s.world.outside(&format!("udp-echo {at}"));
    }
    let said = s.peer(
        "",
        "udp-size 10.99.0.2:7001 10;udp-size 10.99.0.2:7001 1400;udp-size 10.99.0.2:7001 9000;\
         udp-size [fd99::2]:7001 1200;udp-mapping 10.99.0.2:7001 10.99.0.2:7002;udp 10.99.0.2:7003 x",
    );
    let lines: Vec<&str> = said.lines().collect();
    // the answer is the sender's address, a space, and what came
    for (line, size) in lines.iter().zip([10usize, 1400, 9000, 1200]) {
        let n: usize = line.parse().unwrap();
        assert!((size + 12..size + 32).contains(&n), "{size}: {said}");
    }
    assert_eq!(lines[4..], ["true", "ConnectionRefused"], "{said}");
}

fn a_published_port_shows_the_clients_own_address(s: &mut Stage) {
    s.serve(
        "--name web -p 8080:80 -p 127.0.0.1:8081:80 -p 9000:90/udp",
        "peername 0.0.0.0:80",
    );
    let from = s.world.ask_from_outside(&format!("get {HOST}:8080"));
    // "you are ADDRESS (i am ADDRESS)": both the same
    let seen = from
        .strip_prefix("you are ")
        .and_then(|t| t.split_once(" (i am "));
    let (seen, own) = seen.unwrap_or_else(|| panic!("{from}"));
    assert_eq!(format!("{seen})"), own);
    // from the host's loopback the gateway asks
    let from = s.world.ask_from_host("get 127.0.0.1:8081");
    assert!(from.starts_with("you are 172.17.0.1:"), "{from}");
    // a program that knows IPv4 only is reached by IPv6 too
    let from = s.world.ask_from_host("get [::1]:8080");
    assert!(from.starts_with("you are 172.17.0.1:"), "{from}");
    let from = s.world.ask_from_outside("get [fd99::1]:8080");
    assert!(from.starts_with("you are 172.17.0.1:"), "{from}");
    assert_eq!(
        s.ok("port web"),
        "80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n80/tcp -> 127.0.0.1:8081\n90/udp -> 0.0.0.0:9000\n90/udp -> [::]:9000"
    );
    // bound before anything starts, in docker's words
    let taken = s
        .coracle("run --name second -p 8080:80 IMAGE true")
        .expect_code(125)
        .stderr;
    assert!(
        taken.contains("driver failed programming external connectivity on endpoint second"),
        "{taken}"
    );
    assert!(
        taken.contains("Bind for 0.0.0.0:8080 failed: port is already allocated."),
        "{taken}"
    );
    assert_eq!(s.ok("inspect -f {{.State.Status}} second"), "created");
    let low = s
        .coracle("run --rm -p 81:80 IMAGE true")
        .expect_code(125)
        .stderr;
    assert!(
        low.contains("bind: permission denied") && low.contains("privileged"),
        "{low}"
    );
}

fn published_datagrams_come_with_their_address_and_go_back(s: &mut Stage) {
    s.serve("--name ud -p 9000:90/udp", "udp-echo 0.0.0.0:90");
    let answer = s.world.ask_from_outside(&format!("udp {HOST}:9000 hello"));
    assert!(
        answer.starts_with(&format!("{OUTSIDE}:")) && answer.ends_with(" hello"),
        "{answer}"
    );
    let answer = s.world.ask_from_host("udp 127.0.0.1:9000 hello");
    assert!(
        answer.starts_with("172.17.0.1:") && answer.ends_with(" hello"),
        "{answer}"
    );
}

fn containers_of_a_network_know_each_other_by_name(s: &mut Stage) {
    s.world.outside(&format!("dns {OUTSIDE}:53"));
    s.ok("network create one");
    s.ok("network create two");
    s.serve(
        "--name web --network one --network-alias w",
        "peername 0.0.0.0:80",
    );
    let dns = format!("--dns {OUTSIDE}");
    let said = s.peer(
        &format!("--network one {dns}"),
        "get web:80;get w:80;resolve web.one;resolve known.test;resolve nobody.test",
    );
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("you are 172.18.0.3:"), "{said}");
    assert!(lines[1].starts_with("you are 172.18.0.3:"), "{said}");
    assert!(lines[2].split(' ').any(|a| a == "172.18.0.2"), "{said}");
    assert_eq!(lines[3], "10.99.0.77");
    assert!(lines[4].starts_with("no: "), "{said}");
    // another network knows nothing of it, and cannot reach it
    let said = s.peer(
        &format!("--network two {dns}"),
        "resolve web;connect 172.18.0.2:80",
    );
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].starts_with("no: ") && lines[1] != "connected to 172.18.0.2:80",
        "{said}"
    );
    // until it is connected
    s.serve(&format!("--name late --network two {dns}"), "sleep");
    s.ok("network connect one late");
    assert!(
        s.exec("late", "get web:80")
            .starts_with("you are 172.18.0.3:")
    );
    assert_eq!(
        s.ok("inspect -f {{.NetworkSettings.Networks.one.IPAddress}} late"),
        "172.18.0.3"
    );
    let again = s.coracle("network connect one late").expect_code(1).stderr;
    assert!(
        again.contains("endpoint with name late already exists in network one"),
        "{again}"
    );
    let used = s.coracle("network rm one").expect_code(1).stderr;
    assert!(used.contains("has active endpoints"), "{used}");
    s.ok("network disconnect one late");
    let off = s
        .coracle("network disconnect one late")
        .expect_code(1)
        .stderr;
    assert!(off.contains("is not connected to the network one"), "{off}");
    s.ok("rm -f web late");
    s.ok("network rm one two");
}

fn an_internal_network_has_no_way_out(s: &mut Stage) {
    s.world.outside(&format!("echo {OUTSIDE}:7000"));
    s.ok("network create --internal --subnet 10.7.0.0/24 in");
    let said = s.peer(
        "--network in",
        &format!("connect {OUTSIDE}:7000;connect 10.7.0.1:7000"),
    );
    assert_eq!(said, "NetworkUnreachable\nConnectionRefused");
    let refused = s
        .coracle("network create --subnet 10.7.0.0/16 out")
        .expect_code(1)
        .stderr;
    assert!(
        refused.contains("Pool overlaps with other one on this address space"),
        "{refused}"
    );
    s.ok("network rm in");
}

fn what_a_program_wrote_before_it_ended_arrives(s: &mut Stage) {
    let file = s.sandbox.work().join("count");
    s.world
        .outside(&format!("count {OUTSIDE}:7000 {}", file.display()));
    for _ in 0..3 {
        s.peer("", &format!("last-words {OUTSIDE}:7000 3000000"));
        eventually("all bytes arrive", || {
            std::fs::read_to_string(&file).is_ok_and(|t| t == "3000000 Ok(())")
        });
        std::fs::remove_file(&file).unwrap();
    }
}

/// A newcomer with the address of one that ended speaks for itself only, and the last words arrive.
fn an_address_is_given_on_when_its_last_words_are_delivered(s: &mut Stage) {
    let file = s.sandbox.work().join("counted");
    // it looks away for a second and a half, with a small buffer
    s.world
        .outside(&format!("slow-count {OUTSIDE}:7001 {}", file.display()));
    s.world.outside(&format!("echo {OUTSIDE}:7000"));
    s.ok("network create --subnet 10.97.0.0/24 n");
    let flags = "--network n --ip 10.97.0.9";
    for _ in 0..2 {
        s.peer(flags, &format!("last-words {OUTSIDE}:7001 6000000"));
        let said = s.peer(flags, &format!("idle {OUTSIDE}:7000 100"));
        assert_eq!(said, "100 of 100");
        eventually("all bytes have arrived", || {
            std::fs::read_to_string(&file).is_ok_and(|t| t == "6000000 Ok(())")
        });
        std::fs::remove_file(&file).unwrap();
    }
}

fn a_running_container_gets_an_address_when_its_last_words_are_delivered(s: &mut Stage) {
    let file = s.sandbox.work().join("counted");
    s.world
        .outside(&format!("slow-count {OUTSIDE}:7001 {}", file.display()));
    s.world.outside(&format!("echo {OUTSIDE}:7000"));
    s.ok("network create --subnet 10.97.0.0/24 n");
    s.serve("--name late", "sleep");
    let flags = "--network n --ip 10.97.0.9";
    s.peer(flags, &format!("last-words {OUTSIDE}:7001 6000000"));
    s.ok("network connect --ip 10.97.0.9 n late");
    s.ok("network disconnect bridge late");
    assert_eq!(
        s.exec("late", &format!("idle {OUTSIDE}:7000 100")),
        "100 of 100"
    );
    eventually("all bytes have arrived", || {
        std::fs::read_to_string(&file).is_ok_and(|t| t == "6000000 Ok(())")
    });
    s.ok("rm -f late");
}

fn a_killed_monitor_disturbs_nobody_and_nothing_stays(s: &mut Stage) {
    s.world.outside(&format!("echo {OUTSIDE}:7000"));
    // the first makes the network, the second lives on it
    s.serve("--name first", "sleep");
    s.serve("--name second -p 8080:80", "peername 0.0.0.0:80");
    let pid = s.ok("inspect -f {{.State.Pid}} first");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let monitor = status
        .lines()
        .find_map(|l| l.strip_prefix("PPid:"))
        .unwrap()
        .trim()
        .to_owned();
    kill(&monitor);
    let from = s.world.ask_from_outside(&format!("get {HOST}:8080"));
    assert!(from.starts_with(&format!("you are {OUTSIDE}:")), "{from}");
    // and a third joins
    assert_eq!(
        s.peer("", &format!("mirror {OUTSIDE}:7000 100000")),
        "the same"
    );
    s.ok("rm -f first second");
    eventually("no relay is left", || s.sandbox.processes().is_empty());
}

fn a_killed_relay_is_followed_by_another(s: &mut Stage) {
    s.world.outside(&format!("echo {OUTSIDE}:7000"));
    s.ok("network create one");
    s.serve("--name web --network one -p 8080:80", "peername 0.0.0.0:80");
    let relays = |s: &Stage| {
        let all = s.sandbox.processes();
        let relays = all.iter().filter(|l| l.contains("__relay"));
        let pids = relays.filter_map(|l| l.split(' ').next());
        pids.map(str::to_owned).collect::<Vec<_>>()
    };
    let address = s.ok("inspect -f {{.NetworkSettings.Networks.one.IPAddress}} web");
    // alone on its network, and then, within the same second, with another who keeps it
    for neighbours in 0..2 {
        let first = relays(s);
        if neighbours == 1 {
            s.serve("--name next --network one", "sleep");
        }
        kill(&first[0]);
        eventually("another relay", || {
            relays(s).len() == 1 + neighbours && !relays(s).contains(&first[0])
        });
        eventually("the port", || {
            let from = s.world.ask_from_outside(&format!("get {HOST}:8080"));
            from.starts_with(&format!("you are {OUTSIDE}:"))
        });
        let said = s.exec("web", &format!("mirror {OUTSIDE}:7000 100000;resolve web"));
        assert_eq!(said, format!("the same\n{address}"));
        let same = s.ok("inspect -f {{.NetworkSettings.Networks.one.IPAddress}} web");
        assert_eq!(same, address);
    }
    s.ok("rm -f web next");
    eventually("no process is left", || s.sandbox.processes().is_empty());
}

fn the_next_container_has_the_gateway_and_the_address_of_the_last(s: &mut Stage) {
    s.world.outside(&format!("echo {OUTSIDE}:7000"));
    for round in 0..5 {
        s.serve("--name web -p 8080:80", "peername 0.0.0.0:80");
        let address = s.ok("inspect -f {{.NetworkSettings.IPAddress}} web");
        assert_eq!(address, "172.17.0.2", "round {round}");
        let from = s.world.ask_from_outside(&format!("get {HOST}:8080"));
        assert!(
            from.starts_with(&format!("you are {OUTSIDE}:")),
            "round {round}: {from}"
        );
        s.ok("rm -f web");
        eventually("its relay only keeps the gateway", || {
            let list = std::fs::read_to_string(s.sandbox.runtime().join("networks/members"));
            list.is_ok_and(|l| !l.contains("172.17.0.2"))
        });
    }
    eventually("no relay is left", || s.sandbox.processes().is_empty());
}

fn a_network_may_ask_for_busy_polling(s: &mut Stage) {
    s.world.outside(&format!("echo {OUTSIDE}:7000"));
    let flags = "--network name=bridge,driver-opt=coracle.busy-poll=1ms";
    let said = s.peer(flags, &format!("mirror {OUTSIDE}:7000 3000000"));
    assert_eq!(said, "the same");
}

fn a_container_is_told_what_it_needs_to_know(s: &mut Stage) {
    let said = s.ok(
        "run --rm --hostname h --mac-address 02:42:ac:11:00:77 IMAGE cat \
                     /etc/resolv.conf /etc/hosts /sys/class/net/eth0/address",
    );
    for line in [
        "nameserver 172.17.0.1",
        "172.17.0.1\thost.docker.internal host.containers.internal",
        "172.17.0.2\th",
        "02:42:ac:11:00:77",
    ] {
        assert!(
            said.lines().any(|l| l == line),
            "{line:?} is not in\n{said}"
        );
    }
    let mtu = s.ok(
        "run --rm IMAGE cat /sys/class/net/eth0/mtu /proc/sys/net/ipv4/ip_unprivileged_port_start",
    );
    assert_eq!(mtu, "1500\n0");
}

fn floods_from_inside_hurt_nobody_else(s: &mut Stage) {
    s.world.outside(&format!("echo {OUTSIDE}:7000"));
    s.world.outside(&format!("udp-echo {OUTSIDE}:7001"));
    // connections to nobody, a source port for each datagram, and hand-made SYNs from everywhere
    s.serve("--name flood", "flood 10.99.0.99 10.99.0.2:7001");
    let said = s.peer(
        "",
        &format!("mirror {OUTSIDE}:7000 500000;idle {OUTSIDE}:7000 50;udp-size {OUTSIDE}:7001 100"),
    );
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[..2], ["the same", "50 of 50"], "{said}");
    // documented limits hold, of the flooded relay too
    for (descriptors, kib) in s.costs() {
        assert!(descriptors < 1024 + 4096 + 600, "{descriptors} descriptors");
        assert!(kib < 64 * 1024, "{kib} KiB");
    }
    s.ok("rm -f flood");
}

fn many_connections_live_at_once(s: &mut Stage) {
    s.world.outside(&format!("crowd {OUTSIDE}:7000"));
    // two descriptors of the relay's are one connection
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let hard = limits
        .lines()
        .find_map(|l| l.strip_prefix("Max open files"));
    let hard = hard.and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok());
    let count = hard.map_or(9000, |hard| (hard.saturating_sub(1000) / 2).min(9000));
    s.serve("--name crowd", &format!("hold {OUTSIDE}:7000 {count}"));
    for thousand in 1..=count / 1000 {
        eventually("a thousand more stand", || {
            s.ok("logs crowd")
                .contains(&format!("| {thousand}000 stand"))
        });
    }
    eventually("each of them answers", || {
        s.ok("logs crowd").contains(&format!("{count} of {count}"))
    });
    let (descriptors, kib) = s.costs().into_iter().max().expect("a relay");
    assert!(descriptors as u64 >= 2 * count, "{descriptors} descriptors");
    assert!(kib < 64 * 1024, "{kib} KiB");
    s.ok("rm -f crowd");
}

fn what_is_odd_about_names_and_networks_is_told_in_dockers_words(s: &mut Stage) {
    s.ok("network create one");
    for (line, code, want) in [
        (
            "run --rm --network nosuch IMAGE true",
            125,
            "network nosuch not found",
        ),
        (
            "run --rm --network-alias x IMAGE true",
            125,
            "network-scoped aliases are only supported for user-defined networks",
        ),
        (
            "run --rm --ip 172.17.0.9 IMAGE true",
            125,
            "user specified IP address is supported on user defined networks only",
        ),
        (
            "run --rm --network one --ip 10.0.0.1 IMAGE true",
            125,
            "no configured subnet or ip-range contain the IP address 10.0.0.1",
        ),
        (
            "run --rm --mac-address x IMAGE true",
            125,
            "x is not a valid mac address",
        ),
        (
            "network create one",
            1,
            "network with name one already exists",
        ),
        (
            "network create --subnet x two",
            1,
            "invalid subnet x: invalid CIDR block notation",
        ),
        (
            "network create bridge",
            1,
            "operation is not permitted on predefined bridge network",
        ),
        (
            "network rm bridge",
            1,
            "bridge is a pre-defined network and cannot be removed",
        ),
        ("network rm nosuch", 1, "network nosuch not found"),
        (
            "network create -d macvlan two",
            1,
            "plugin \"macvlan\" not found",
        ),
    ] {
        let told = s.coracle(line).expect_code(code).stderr;
        assert!(told.contains(want), "{line}: {told}");
    }
    assert_eq!(s.ok("network prune -f"), "Deleted Networks:\none");
    assert_eq!(s.ok("network ls --format {{.Name}}"), "bridge\nhost\nnone");
}

fn a_restarted_program_keeps_address_and_ports(s: &mut Stage) {
    s.serve(
        "--name web --restart always -p 8080:80",
        "peername 0.0.0.0:80",
    );
    let address = s.ok("inspect -f {{.NetworkSettings.IPAddress}} web");
    let pid = s.ok("inspect -f {{.State.Pid}} web");
    kill(&pid);
    eventually("it runs again and answers", || {
        s.ok("inspect -f {{.State.Pid}} web") != pid
            && s.world
                .ask_from_outside(&format!("get {HOST}:8080"))
                .starts_with("you are ")
    });
    assert_eq!(
        s.ok("inspect -f {{.NetworkSettings.IPAddress}} web"),
        address
    );
    assert!(
        s.ok("ps --format {{.Ports}}")
            .contains("0.0.0.0:8080->80/tcp")
    );
}

fn what_has_ended_gives_ports_and_address_back_at_once(s: &mut Stage) {
    s.ok("network create --subnet 10.98.0.0/24 n");
    s.serve(
        "--name web --network n --ip 10.98.0.9 -p 8080:80 -p 9000:90/udp",
        "peername 0.0.0.0:80",
    );
    for _ in 0..10 {
        eventually("it answers", || {
            let from = s.world.ask_from_outside(&format!("get {HOST}:8080"));
            from.starts_with("you are ")
        });
        s.ok("stop -t 0 web");
        s.ok("start web");
    }
    s.ok("rm -f web");
    for _ in 0..10 {
        s.ok("run --rm --network n --ip 10.98.0.9 -p 8080:80 -p 9000:90/udp IMAGE true");
    }
    s.ok("network rm n");
}

fn a_web_server_and_its_database_serve_a_client_of_the_outside(s: &mut Stage) {
    s.ok("network create app");
    s.serve("--name db --network app", "peername 0.0.0.0:5432");
    s.serve(
        "--name web --network app -p 8080:80",
        "web 0.0.0.0:80 db:5432",
    );
    let want = format!("page for {OUTSIDE}, row: you are 172.18.0.3:");
    let mut page = String::new();
    eventually("the page comes", || {
        page = s.world.ask_from_outside(&format!("get {HOST}:8080"));
        page.starts_with("page for ")
    });
    assert!(page.starts_with(&want), "{page}");
}

/// The host's own programs, in a container whose root is the host's.
fn programs_of_many_languages_work_through_it(s: &mut Stage) {
    s.world.outside(&format!("http {OUTSIDE}:7005"));
    let url = format!("http://{OUTSIDE}:7005/");
    let python = format!("import urllib.request as u; print(u.urlopen('{url}').read().decode())");
    let node = format!("require('http').get('{url}', r => r.pipe(process.stdout))");
    let perl = format!(
        "use IO::Socket::INET; $s = IO::Socket::INET->new('{OUTSIDE}:7005') or die; print $s \"GET / HTTP/1.0\\r\\n\\r\\n\"; print <$s>"
    );
    s.world.outside(&format!("files {OUTSIDE}:7006"));
    let java = format!(
        "cat >/tmp/H.java <<E\nclass H {{ public static void main(String[] a) throws Exception {{ \
         System.out.println(java.net.http.HttpClient.newHttpClient().send(java.net.http.HttpRequest.newBuilder(\
         java.net.URI.create(\"{url}\")).build(), java.net.http.HttpResponse.BodyHandlers.ofString()).body()); }} }}\nE\n\
         exec java -Xshare:auto /tmp/H.java"
    );
    let go = format!(
        "cat >/tmp/h.go <<E\npackage main\nimport (\"io\"; \"net/http\"; \"os\")\nfunc main() {{ r, e := http.Get(\"{url}\"); \
         if e != nil {{ panic(e) }}; io.Copy(os.Stdout, r.Body) }}\nE\nGOCACHE=/tmp/go exec go run /tmp/h.go"
    );
    let git = format!("http://{OUTSIDE}:7006/r.git");
    let apt = format!(
        "echo deb [trusted=yes] http://{OUTSIDE}:7006/ ./ >/tmp/s.list; mkdir -p /tmp/l/partial; \
         apt-get update -o Dir::Etc::sourcelist=/tmp/s.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=/tmp/l \
         -o APT::Sandbox::User=root -o Acquire::AllowInsecureRepositories=true"
    );
    let mut tried = 0;
    for (program, command, want) in [
        ("curl", vec!["curl", "-s", &url], "hello"),
        ("wget", vec!["wget", "-qO-", &url], "hello"),
        ("python3", vec!["/usr/bin/python3", "-c", &python], "hello"),
        ("perl", vec!["perl", "-e", &perl], "hello"),
        ("node", vec!["node", "-e", &node], "hello"),
        ("javac", vec!["sh", "-c", &java], "hello"),
        ("go", vec!["sh", "-c", &go], "hello"),
        (
            "git",
            vec!["/usr/bin/git", "ls-remote", &git],
            "refs/heads/main",
        ),
        ("apt-get", vec!["sh", "-c", &apt], "./ Packages ["),
    ] {
        if !std::path::Path::new("/usr/bin").join(program).exists() {
            continue;
        }
        tried += 1;
        let words: Vec<&str> = ["run", "--rm", "host"].into_iter().chain(command).collect();
        let told = s.world.coracle(&s.sandbox, words.clone()).output();
        assert!(
            told.stdout.contains(want),
            "{words:?}: {} {}",
            told.stdout,
            told.stderr
        );
    }
    if tried == 0 {
        skipped("none of curl, wget, python3, perl, node, java, go, git and apt-get is installed");
    }
}

/// Whether a program can be a network here; else why not is what `run` says, and the test is skipped.
fn starts(s: &Stage, name: &str) -> bool {
    let told = s.coracle(&format!("run --rm --network {name} IMAGE true"));
    let missing = [" needs the program ", " needs the device "];
    if missing.iter().any(|m| told.stderr.contains(m)) {
        assert!(told.stderr.contains("--network host"), "{}", told.stderr);
        skipped(&format!("{name}: {}", told.stderr.trim()));
        return false;
    }
    told.expect_code(0);
    true
}

/// The same, and whether it is good enough to be asked for more.
fn has_program(s: &Stage, name: &str) -> bool {
    // Debian 12's, of 2023, loses what a server says right before it closes
    let version = s.sandbox.command(name).arg("--version").output();
    let is_old =
        version.is_ok_and(|v| String::from_utf8_lossy(&v.stdout).contains("unknown version"));
    if is_old {
        skipped(&format!(
            "{name} is too old to be asked for more than that it starts"
        ));
    }
    !is_old
}

fn a_program_is_the_network(name: &str) {
    let Some(mut s) = Stage::new("tproxy") else {
        return;
    };
    if !starts(&s, name) {
        return;
    }
    // the first one's keeper is not taken for this one's
    assert_eq!(s.sandbox.wait_until_quiet(), [""; 0]);
    s.ok(&format!(
        "run -d --network {name} --name kept IMAGE sleep 100"
    ));
    let of = |name: &str| -> Option<String> {
        let all = s.sandbox.processes();
        all.into_iter().find(|l| l.contains(name))
    };
    let keeper = of("__relay").expect("somebody keeps it");
    kill(keeper.split(' ').next().unwrap_or_default());
    eventually("the program ends with its keeper", || of(name).is_none());
    s.ok("rm -f kept");
    if !has_program(&s, name) {
        return;
    }
    s.world.outside(&format!("echo {OUTSIDE}:7000"));
    let said = s.peer(
        &format!("--network {name}"),
        &format!("epoll {OUTSIDE}:7000"),
    );
    assert_eq!(said, "early");
    s.serve(
        &format!("--name web --network {name} -p 8080:80 -p 9000:90/udp"),
        "peername 0.0.0.0:80",
    );
    let from = s.world.ask_from_outside(&format!("get {HOST}:8080"));
    assert!(from.starts_with("you are "), "{from}");
    assert!(s.ok("port web").contains("80/tcp -> 0.0.0.0:8080"));
    let taken = s.coracle(&format!("run --rm --network {name} -p 8080:80 IMAGE true"));
    let taken = taken.expect_code(125).stderr;
    assert!(taken.contains("port is already allocated"), "{taken}");
    s.ok("rm -f web");
    eventually("the program ends with its container", || {
        s.sandbox.processes().is_empty()
    });
}

#[test]
fn pasta_is_a_network_where_it_is_installed() {
    a_program_is_the_network("pasta");
}

#[test]
fn slirp4netns_is_a_network_where_it_is_installed() {
    a_program_is_the_network("slirp4netns");
}
