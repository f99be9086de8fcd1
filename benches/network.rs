//! The network's table of docs/PERFORMANCE.md: a container beside the host itself, both to an "outside" that is another
//! network namespace of the benchmark's own, both in one run.
//!
//! ```text
//! cargo bench --bench network [-- --image NAME] [--seconds N] [--turns N] [--only WORD] [--coracle FILE] [--peers]
//! ```
//! Started by a plain user who has pulled NAME, with `ip`, `unshare` and `nsenter` at hand; `--peers` has pasta and
//! slirp4netns beside it. Everything runs in a user
//! namespace of the benchmark's; nothing leaves the machine. Peers are this very program.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr)] // starting processes is what it does

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

#[path = "rows/peers.rs"]
mod peers;

const SETUP: &str = r#"
set -e
ip link set lo up
# every connection leaves a port in TIME_WAIT
echo 1024 65535 > /proc/sys/net/ipv4/ip_local_port_range
unshare --net sleep 3600 & outside=$!
trap 'kill $outside' EXIT
until [ "$(readlink /proc/$outside/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
ip link add h0 type veth peer name o0 netns $outside
ip addr add 10.99.0.1/24 dev h0; ip link set h0 up
in="nsenter --net=/proc/$outside/ns/net"
$in ip link set lo up; $in ip addr add 10.99.0.2/24 dev o0; $in ip link set o0 up
ip route add default via 10.99.0.2
echo $outside
cat
"#;

/// slirp4netns has no way to run a command in what it makes.
const SLIRP: &str = r#"
unshare --user --net --map-root-user sleep 600 & inside=$!
until [ "$(readlink /proc/$inside/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
sleep 0.1
slirp4netns --configure --mtu=65520 $inside tap0 >/dev/null 2>&1 & slirp=$!
trap 'kill $slirp $inside' EXIT
sleep 0.5
nsenter --preserve-credentials --user=/proc/$inside/ns/user --net=/proc/$inside/ns/net "$@"
"#;

/// pasta starts the command before it has made the way out.
const LATER: &str = "sleep 0.5; exec \"$@\"";

const ACTS: &[(&str, &str)] = &[
    ("TCP up, Gbit/s", "bulk up 10.99.0.2:7001 SECONDS"),
    ("TCP down, Gbit/s", "bulk down 10.99.0.2:7002 SECONDS"),
    ("connect, us", "connect 10.99.0.2:7003"),
    ("connect, ask, close, a second", "rate 10.99.0.2:7003"),
    ("64-byte round trip, us", "rtt 10.99.0.2:7003"),
    (
        "UDP of 1400 bytes arriving, Gbit/s",
        "udp 10.99.0.2:7004 SECONDS",
    ),
];

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|w| w != "--bench")
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if !peers::act(&words) {
        table(&words);
    }
}

fn table(words: &[&str]) {
    let after = |flag: &str| {
        let at = words.iter().position(|w| *w == flag)?;
        words.get(at + 1).map(|w| (*w).to_owned())
    };
    let seconds = after("--seconds").unwrap_or_else(|| "3".to_owned());
    let only = after("--only").unwrap_or_default();
    let turns = after("--turns").map_or(5, |n| n.parse().expect("a number"));
    let world = World::new(
        after("--coracle").unwrap_or_else(|| env!("CARGO_BIN_EXE_coracle").to_owned()),
        after("--image").unwrap_or_else(|| "debian:12".to_owned()),
    );
    let others: &[&str] = match words.contains(&"--peers") {
        true => &["pasta", "slirp4netns"],
        false => &[],
    };
    println!(
        "| what | host | Coracle | of host | {} |",
        others.join(" | ")
    );
    println!("| --- | --- | --- | --- |{}", " --- |".repeat(others.len()));
    let _peers: Vec<Peer> = [
        "sink 10.99.0.2:7001",
        "source 10.99.0.2:7002",
        "echo 10.99.0.2:7003",
        "udp-sink 10.99.0.2:7004",
        "accept 10.99.0.2:7005",
    ]
    .map(|act| world.serve(act))
    .into();
    for (what, act) in ACTS.iter().filter(|(what, _)| what.contains(&only)) {
        let act = act.replace("SECONDS", &seconds);
        let mut sides = vec![world.on_host(), world.inside(&[])];
        sides.extend(others.iter().map(|other| world.by(other)));
        row(what, &world.turns(sides, &act, turns));
    }
    for name in ["busy", "neighbours", "cost", "start"] {
        if !only.is_empty() && only != name {
            continue;
        }
        match name {
            "busy" => busy(&world, turns),
            "neighbours" => neighbours(&world, &seconds, turns),
            "cost" => cost(&world),
            _ => start(&world),
        }
    }
}

/// Medians of what each side said, of which the first is the host, and of the second's part of the host in each turn.
fn row(what: &str, said: &[Vec<f64>]) {
    let parts = said[1].iter().zip(&said[0]).map(|(a, b)| a / b);
    let part = peers::median(parts);
    let medians = said.iter().map(|all| peers::median(all.iter().copied()));
    let mut cells: Vec<String> = medians.map(|m| format!("{m}")).collect();
    cells.insert(2, format!("{part:.2}"));
    println!("| {what} | {} |", cells.join(" | "));
}

/// The round trip on a network whose relays look for traffic instead of sleeping.
fn busy(world: &World, turns: usize) {
    let network = "name=bridge,driver-opt=coracle.busy-poll=1ms";
    let sides = vec![world.on_host(), world.inside(&["--network", network])];
    row(
        "64-byte round trip with busy-poll, us",
        &world.turns(sides, "rtt 10.99.0.2:7003", turns),
    );
}

/// A container to its neighbour, beside a plain veth pair.
fn neighbours(world: &World, seconds: &str, turns: usize) {
    let (own, one) = (own(), "network-bench-server");
    let mount = format!("{own}:/bench:ro");
    world.coracle(&[
        "run",
        "-d",
        "--rm",
        "--name",
        one,
        "-v",
        &mount,
        "--entrypoint",
        "/bench",
        &world.image,
        "sink",
        "0.0.0.0:7001",
    ]);
    let address = world.coracle(&["inspect", "-f", "{{.NetworkSettings.IPAddress}}", one]);
    let act = |to: &str| format!("bulk up {to}:7001 {seconds}");
    let mut pair = world.begin(&world.on_host(), &act("10.99.0.2"));
    let mut inside = world.begin(&world.inside(&[]), &act(&address));
    let said: Vec<[f64; 2]> = (0..turns).map(|_| [pair.turn(), inside.turn()]).collect();
    drop(inside);
    world.coracle(&["rm", "-f", one]);
    row(
        "container to container, Gbit/s (host: a veth pair)",
        &[0, 1].map(|side| said.iter().map(|turn| turn[side]).collect()),
    );
}

/// As many connections as the aim names, or as the hard limit of descriptors allows a relay.
fn most_connections() -> u64 {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|l| l.starts_with("Max open files"));
    let hard = line.and_then(|l| l.split_whitespace().nth(4)?.parse::<u64>().ok());
    hard.map_or(10_000, |hard| (hard.saturating_sub(1_000) / 2).min(10_000))
}

/// What a relay costs while nothing moves.
fn cost(world: &World) {
    let mount = format!("{}:/bench:ro", own());
    let mut command = world.enter(&world.holder.id().to_string());
    command.args([
        &world.coracle,
        "run",
        "--rm",
        "-i",
        "-v",
        &mount,
        "--entrypoint",
        "/bench",
    ]);
    let most = most_connections().to_string();
    command.args([&world.image, "hold", "10.99.0.2:7005", &most]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut held = String::new();
    let out = child.stdout.take().expect("a pipe");
    BufReader::new(out)
        .read_line(&mut held)
        .expect("it answers");
    let relay = relay().expect("there is one relay");
    std::thread::sleep(Duration::from_secs(8));
    let kib = status(&relay, "VmRSS:");
    println!(
        "| MiB of a relay with {} connections | | {:.1} | |",
        held.trim(),
        kib as f64 / 1024.0
    );
    let woken = || status(&relay, "voluntary_ctxt_switches:");
    let before = woken();
    std::thread::sleep(Duration::from_secs(5));
    println!(
        "| wakeups of it a second | | {:.1} | |",
        (woken() - before) as f64 / 5.0
    );
    drop(child.stdin.take());
    child.wait().ok();
}

/// Pid of the only relay of this user.
fn relay() -> Option<String> {
    let all = std::fs::read_dir("/proc").ok()?.flatten();
    let mut names = all.map(|e| e.file_name().to_string_lossy().into_owned());
    names.find(|pid| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
        name.is_ok_and(|n| n.trim() == "__relay")
            && std::fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|fds| fds.count() > 1000)
    })
}

/// Sum of a number over all threads of a process (one for all for memory).
fn status(pid: &str, field: &str) -> u64 {
    let number = |status: String| -> Option<u64> {
        let line = status.lines().find(|l| l.starts_with(field))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
    let all = tasks
        .flatten()
        .filter_map(|t| number(std::fs::read_to_string(t.path().join("status")).ok()?));
    match field {
        "VmRSS:" => all.max().unwrap_or(0),
        _ => all.sum(),
    }
}

/// Starts, one after the other.
fn start(world: &World) {
    let times = |network: &str, count: usize| {
        let mut times: Vec<f64> = (0..count)
            .map(|_| {
                let start = Instant::now();
                world.coracle(&["run", "--rm", "--network", network, &world.image, "true"]);
                let time = start.elapsed().as_secs_f64() * 1e3;
                std::thread::sleep(Duration::from_millis(12));
                time
            })
            .collect();
        times.sort_by(f64::total_cmp);
        times
    };
    times("none", 10);
    let (none, bridge) = (times("none", 100), times("bridge", 300));
    let at = |times: &[f64], part: f64| times[(times.len() as f64 * part) as usize];
    let (without, with) = (at(&none, 0.5), at(&bridge, 0.5));
    println!(
        "| run --network bridge, ms (host: none), median of 300 | {without:.2} | {with:.2} | +{:.2} ms |",
        with - without
    );
    for part in [0.95, 0.99] {
        let (a, b) = (at(&none, part), at(&bridge, part));
        println!(
            "| the same, p{:.0} | {a:.2} | {b:.2} | {:.2} of its median |",
            part * 100.0,
            b / with
        );
    }
}

/// Our own program.
fn own() -> String {
    let own = std::env::current_exe().expect("we have a file");
    own.to_string_lossy().into_owned()
}

/// A server; it ends with us.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// How a side starts our own program.
type Side = Vec<String>;

/// A side that waits for its next turn.
struct Actor {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Actor {
    /// Acts once; what it says is a number.
    fn turn(&mut self) -> f64 {
        // a connection that the last turn has closed is over by then
        std::thread::sleep(Duration::from_millis(50));
        let mut line = String::new();
        let stdin = self
            .child
            .stdin
            .as_mut()
            .expect("it is there until the end");
        let asked = stdin.write_all(b"\n").is_ok();
        match asked && self.said.read_line(&mut line).is_ok() {
            true => line.trim().parse().unwrap_or(f64::NAN),
            false => f64::NAN,
        }
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().ok();
    }
}

struct World {
    holder: Child,
    outside: String,
    coracle: String,
    image: String,
}

impl World {
    fn new(coracle: String, image: String) -> World {
        let mut holder = Command::new("unshare")
            .args([
                "--user",
                "--net",
                "--map-current-user",
                "--keep-caps",
                "sh",
                "-c",
                SETUP,
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare(1) is there");
        let mut outside = String::new();
        let out = holder.stdout.take().expect("a pipe");
        BufReader::new(out)
            .read_line(&mut outside)
            .expect("it answers");
        World {
            holder,
            outside: outside.trim().to_owned(),
            coracle,
            image,
        }
    }

    fn enter(&self, net: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--user=/proc/{}/ns/user", self.holder.id()))
            .arg(format!("--net=/proc/{net}/ns/net"))
            .args(["--preserve-credentials", "--"]);
        command
    }

    fn serve(&self, act: &str) -> Peer {
        let mut child = self
            .enter(&self.outside)
            .arg(own())
            .args(act.split(' '))
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut ready = String::new();
        let out = child.stdout.take().expect("a pipe");
        BufReader::new(out)
            .read_line(&mut ready)
            .expect("it answers");
        Peer(child)
    }

    fn on_host(&self) -> Side {
        vec![own()]
    }

    fn inside(&self, flags: &[&str]) -> Side {
        let mount = format!("{}:/bench:ro", own());
        let mut words = vec![&self.coracle[..], "run", "--rm", "-i", "-v", &mount];
        words.extend(flags);
        words.extend(["--entrypoint", "/bench", &self.image]);
        words.into_iter().map(str::to_owned).collect()
    }

    /// Another tool's way.
    fn by(&self, tool: &str) -> Side {
        let own = own();
        let words: &[&str] = match tool {
            "pasta" => &[
                "pasta",
                "-4",
                "--config-net",
                "--no-map-gw",
                "--quiet",
                "--",
                "sh",
                "-c",
                LATER,
                "sh",
                &own,
            ],
            _ => &["sh", "-c", SLIRP, "sh", &own],
        };
        words.iter().map(|&word| word.to_owned()).collect()
    }

    /// All sides do the same, in turns; returns what each has said.
    fn turns(&self, sides: Vec<Side>, act: &str, count: usize) -> Vec<Vec<f64>> {
        let mut actors: Vec<Actor> = sides.iter().map(|side| self.begin(side, act)).collect();
        let mut said = vec![Vec::new(); actors.len()];
        for _ in 0..count {
            for (actor, said) in actors.iter_mut().zip(&mut said) {
                said.push(actor.turn());
            }
        }
        said
    }

    fn begin(&self, side: &Side, act: &str) -> Actor {
        let mut command = self.enter(&self.holder.id().to_string());
        command.args(side).arg("turns").args(act.split(' '));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let said = BufReader::new(child.stdout.take().expect("a pipe"));
        Actor { child, said }
    }

    fn coracle(&self, words: &[&str]) -> String {
        self.say(&[&[&self.coracle[..]], words].concat())
    }

    /// What a command says on the host.
    fn say(&self, words: &[&str]) -> String {
        let mut command = self.enter(&self.holder.id().to_string());
        let out = command.args(words).stderr(Stdio::inherit()).output();
        let out = out.expect("it starts").stdout;
        String::from_utf8_lossy(&out).trim().to_owned()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        self.holder.wait().ok();
    }
}
