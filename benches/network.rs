//! The network's table of docs/PERFORMANCE.md: a container beside the host itself, both to an "outside" that is another
//! network namespace of the benchmark's own, both in one run.
//!
//! ```text
//! cargo bench --bench network [-- --image NAME] [--seconds N]
//! ```
//! Started by a plain user who has pulled NAME, with `ip`, `unshare` and `nsenter` at hand. Everything runs in a user
//! namespace of the benchmark's; nothing leaves the machine. Peers are this very program.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr)] // starting processes is what it does

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SETUP: &str = r#"
set -e
ip link set lo up
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

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|w| w != "--bench")
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["sink", at] => sink(at),
        ["source", at] => source(at),
        ["echo", at] => echo(at),
        ["udp-sink", at] => udp_sink(at),
        ["bulk", how, at, seconds] => println!("{:.2}", bulk(how, at, seconds.parse().unwrap())),
        ["rtt", at] => println!("{:.1}", rtt(at)),
        ["rate", at] => println!("{:.0}", rate(at)),
        ["udp", at, seconds] => println!("{:.2}", udp(at, seconds.parse().unwrap())),
        _ => table(&words),
    }
}

fn table(words: &[&str]) {
    let after = |flag: &str| {
        words
            .iter()
            .position(|w| *w == flag)
            .and_then(|i| words.get(i + 1))
    };
    let image = after("--image").copied().unwrap_or("debian:12").to_owned();
    let seconds = after("--seconds").copied().unwrap_or("3").to_owned();
    let world = World::new();
    let mut peers: Vec<Child> = [
        "sink 10.99.0.2:7001",
        "source 10.99.0.2:7002",
        "echo 10.99.0.2:7003",
        "udp-sink 10.99.0.2:7004",
    ]
    .map(|act| world.serve(act))
    .into();
    println!("| what | host | container | ratio |\n| --- | --- | --- | --- |");
    for (what, act) in [
        (
            "TCP up, Gbit/s",
            format!("bulk up 10.99.0.2:7001 {seconds}"),
        ),
        (
            "TCP down, Gbit/s",
            format!("bulk down 10.99.0.2:7002 {seconds}"),
        ),
        ("64-byte round trip, us", "rtt 10.99.0.2:7003".to_owned()),
        (
            "connect, ask, close, a second",
            "rate 10.99.0.2:7003".to_owned(),
        ),
        (
            "UDP of 1400 bytes arriving, Gbit/s",
            format!("udp 10.99.0.2:7004 {seconds}"),
        ),
    ] {
        let host = world.on_host(&act);
        let inside = world.inside(&image, &act);
        println!("| {what} | {host} | {inside} | {:.2} |", inside / host);
    }
    for peer in &mut peers {
        peer.kill().ok();
        peer.wait().ok();
    }
}

struct World {
    holder: Child,
    outside: String,
}

impl World {
    fn new() -> World {
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

    fn serve(&self, act: &str) -> Child {
        let mut child = self
            .enter(&self.outside)
            .arg(std::env::current_exe().expect("we have a file"))
            .args(act.split(' '))
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut ready = String::new();
        let out = child.stdout.take().expect("a pipe");
        BufReader::new(out)
            .read_line(&mut ready)
            .expect("it answers");
        child
    }

    fn on_host(&self, act: &str) -> f64 {
        let mut command = self.enter(&self.holder.id().to_string());
        command
            .arg(std::env::current_exe().expect("we have a file"))
            .args(act.split(' '));
        number(&mut command)
    }

    fn inside(&self, image: &str, act: &str) -> f64 {
        let own = std::env::current_exe().expect("we have a file");
        let mut command = self.enter(&self.holder.id().to_string());
        command
            .args([env!("CARGO_BIN_EXE_coracle"), "run", "--rm", "-v"])
            .arg(format!("{}:/bench:ro", own.display()))
            .args(["--entrypoint", "/bench", image])
            .args(act.split(' '));
        number(&mut command)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        self.holder.wait().ok();
    }
}

fn number(command: &mut Command) -> f64 {
    let out = command
        .stderr(Stdio::inherit())
        .output()
        .expect("it starts");
    let text = String::from_utf8_lossy(&out.stdout);
    text.trim().parse().unwrap_or(f64::NAN)
}

fn ready() {
    println!("ready");
    std::io::stdout().flush().ok();
}

fn serve(at: &str, act: impl Fn(TcpStream) + Copy + Send + 'static) {
    let listener = TcpListener::bind(at).expect("the address is ours");
    ready();
    while let Ok((stream, _)) = listener.accept() {
        std::thread::spawn(move || act(stream));
    }
}

fn sink(at: &str) {
    serve(at, |mut stream| {
        let mut buffer = vec![0; 1 << 20];
        while stream.read(&mut buffer).is_ok_and(|n| n > 0) {}
    });
}

fn source(at: &str) {
    serve(at, |mut stream| {
        let buffer = vec![7; 1 << 20];
        while stream.write_all(&buffer).is_ok() {}
    });
}

fn echo(at: &str) {
    serve(at, |mut stream| {
        stream.set_nodelay(true).ok();
        let mut buffer = [0; 4096];
        while let Ok(n) = stream.read(&mut buffer) {
            if n == 0 || stream.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
    });
}

/// Answers each "how many" with the bytes that have arrived since the last.
fn udp_sink(at: &str) {
    let socket = UdpSocket::bind(at).expect("the address is ours");
    ready();
    let (mut bytes, mut buffer) = (0u64, [0; 65_536]);
    while let Ok((n, from)) = socket.recv_from(&mut buffer) {
        if n == 1 {
            socket.send_to(&bytes.to_be_bytes(), from).ok();
            bytes = 0;
        } else {
            bytes += n as u64;
        }
    }
}

/// Gigabits a second.
fn bulk(how: &str, at: &str, seconds: u64) -> f64 {
    let mut stream = TcpStream::connect(at).expect("connect");
    let mut buffer = vec![7; 1 << 20];
    let (start, mut bytes) = (Instant::now(), 0u64);
    while start.elapsed() < Duration::from_secs(seconds) {
        bytes += match how {
            "up" => stream.write(&buffer).expect("write"),
            _ => stream.read(&mut buffer).expect("read"),
        } as u64;
    }
    bytes as f64 * 8e-9 / start.elapsed().as_secs_f64()
}

/// Median microseconds.
fn rtt(at: &str) -> f64 {
    let mut stream = TcpStream::connect(at).expect("connect");
    stream.set_nodelay(true).expect("option");
    let mut buffer = [0; 64];
    let mut times: Vec<f64> = (0..5000)
        .map(|_| {
            let start = Instant::now();
            stream.write_all(&buffer).expect("write");
            stream.read_exact(&mut buffer).expect("read");
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Connections a second, one after the other, each with a question of 64 bytes.
fn rate(at: &str) -> f64 {
    let (start, count) = (Instant::now(), 3000);
    let mut buffer = [0; 64];
    for _ in 0..count {
        let mut stream = TcpStream::connect(at).expect("connect");
        stream.write_all(&buffer).expect("write");
        stream.read_exact(&mut buffer).expect("read");
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}

/// Gigabits a second that arrive.
fn udp(at: &str, seconds: u64) -> f64 {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("bind");
    socket.connect(at).expect("connect");
    socket
        .set_read_timeout(Some(Duration::from_secs(1)))
        .expect("option");
    let (start, buffer) = (Instant::now(), [0; 1400]);
    while start.elapsed() < Duration::from_secs(seconds) {
        let _ = socket.send(&buffer); // a full queue loses it
    }
    let elapsed = start.elapsed().as_secs_f64();
    let mut answer = [0; 8];
    for _ in 0..5 {
        let _ = socket.send(&[0]);
        if socket.recv(&mut answer).is_ok() {
            return u64::from_be_bytes(answer) as f64 * 8e-9 / elapsed;
        }
    }
    f64::NAN
}
