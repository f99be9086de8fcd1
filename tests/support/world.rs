//! A world for tests of networks: a "host" and an "outside" as two network namespaces in a user namespace of the test's own,
//! joined by a cable. No privileges are needed, and nothing leaves the machine.
//!
//! ```text
//! outside 10.99.0.2, fd99::2 <--- veth ---> host 10.99.0.1, fd99::1 (default route to the outside) --- containers
//! ```
//! Peers in the outside and programs inside containers are this very test binary, started as `peer` (see [`peer`]).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{Coracle, Sandbox};

/// The outside's addresses.
pub const OUTSIDE: &str = "10.99.0.2";
/// Of IPv6.
pub const OUTSIDE6: &str = "fd99::2";
/// The host's own.
pub const HOST: &str = "10.99.0.1";

/// Names the test that is no test but a peer.
const PEER: &str = "network::peer";
/// What the peer is to do.
const ACT: &str = "CORACLE_TEST_PEER";

/// The two namespaces and everything that was started in them.
pub struct World {
    holder: Child,
    outside: String,
    rung: String,
    peers: Vec<Child>,
}

const SETUP: &str = r#"
set -e
ip link set lo up
unshare --net sleep 3600 & outside=$!
trap 'kill $outside' EXIT
until [ "$(readlink /proc/$outside/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
ip link add h0 type veth peer name o0 netns $outside
ip addr add 10.99.0.1/24 dev h0
ip -6 addr add fd99::1/64 dev h0 nodad
ip link set h0 up
in="nsenter --net=/proc/$outside/ns/net"
$in ip link set lo up
$in ip addr add 10.99.0.2/24 dev o0
$in ip -6 addr add fd99::2/64 dev o0 nodad
$in ip link set o0 up
$in sh -c 'echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start'
ip route add default via 10.99.0.2
ip -6 route add default via fd99::2
[ -z "$PINGS" ] || echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range
echo $outside
exec 2>/dev/null
cat
"#;

impl World {
    /// Makes one whose containers' networks take the way `rung`; `None` where this host does not let a plain user, or lacks `ip`, `unshare` or `nsenter`.
    pub fn new(rung: &str) -> Option<World> {
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
            .env("PATH", "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut outside = String::new();
        BufReader::new(holder.stdout.take()?)
            .read_line(&mut outside)
            .ok()?;
        if outside.trim().is_empty() {
            holder.wait().ok();
            return None;
        }
        Some(World {
            holder,
            outside: outside.trim().to_owned(),
            rung: rung.to_owned(),
            peers: Vec::new(),
        })
    }

    /// `nsenter` into the host's namespaces, to be followed by a program.
    fn enter(&self) -> Vec<String> {
        let pid = self.holder.id();
        let net = format!("--net=/proc/{pid}/ns/net");
        let user = format!("--user=/proc/{pid}/ns/user");
        [&user, &net, "--preserve-credentials", "--"]
            .map(str::to_owned)
            .into()
    }

    /// A command of ours on the host.
    pub fn coracle<'a>(
        &self,
        sandbox: &Sandbox,
        args: impl IntoIterator<Item = &'a str>,
    ) -> Coracle {
        let mut words = self.enter();
        words.push(super::program().display().to_string());
        words.extend(args.into_iter().map(str::to_owned));
        Coracle {
            command: sandbox.command("nsenter"),
            args: words.into_iter().map(Into::into).collect(),
            stdin: Vec::new(),
            limit: super::LIMIT,
        }
        .env("CORACLE_NETWORK_RUNG", &self.rung)
    }

    /// Starts a peer in the outside, and waits until it is ready.
    pub fn outside(&mut self, act: &str) {
        let mut words = self.enter();
        words.truncate(1); // the user namespace; the network namespace is the other one
        words.push(format!("--net=/proc/{}/ns/net", self.outside));
        words.extend(["--preserve-credentials", "--"].map(str::to_owned));
        self.start("nsenter", words, act);
    }

    /// Starts a peer on the host, and waits until it is ready.
    pub fn host(&mut self, act: &str) {
        let words = self.enter();
        self.start("nsenter", words, act);
    }

    fn start(&mut self, program: &str, words: Vec<String>, act: &str) {
        let mut child = Command::new(program)
            .args(words)
            .arg(own_program())
            .args(PEER_ARGUMENTS)
            .env(ACT, act)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let is_ready = lines.any(|l| l.is_ok_and(|l| l.contains("ready")));
        // what it says later must find a reader
        std::thread::spawn(move || lines.for_each(drop));
        self.peers.push(child);
        assert!(is_ready, "the peer `{act}` did not begin");
    }

    /// Lets a peer act in the outside; returns what it says.
    pub fn ask_from_outside(&self, act: &str) -> String {
        let mut words = self.enter();
        words.truncate(1);
        words.push(format!("--net=/proc/{}/ns/net", self.outside));
        words.extend(["--preserve-credentials", "--"].map(str::to_owned));
        self.ask(words, act)
    }

    /// Lets a peer act on the host; returns what it says.
    pub fn ask_from_host(&self, act: &str) -> String {
        self.ask(self.enter(), act)
    }

    fn ask(&self, words: Vec<String>, act: &str) -> String {
        let out = Command::new("nsenter")
            .args(words)
            .arg(own_program())
            .args(PEER_ARGUMENTS)
            .env(ACT, act)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        said(&String::from_utf8_lossy(&out.stdout))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for peer in &mut self.peers {
            peer.kill().ok();
            peer.wait().ok();
        }
        // its standard input ends, and with it its shell and the outside
        drop(self.holder.stdin.take());
        self.holder.wait().ok();
    }
}

const PEER_ARGUMENTS: [&str; 4] = [PEER, "--exact", "--ignored", "--nocapture"];

fn own_program() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// Words for `run` that let a container be a peer: the test binary is its program.
pub fn inside(act: &str) -> Vec<String> {
    let mut words = vec![
        "-v".to_owned(),
        format!("{}:/peer:ro", own_program().display()),
        "-e".to_owned(),
        format!("{ACT}={act}"),
        "--entrypoint".to_owned(),
        "/peer".to_owned(),
    ];
    words.push("IMAGE".to_owned());
    words.extend(PEER_ARGUMENTS.map(str::to_owned));
    words
}

/// The variable that tells a peer what to do.
pub fn act(act: &str) -> String {
    format!("{ACT}={act}")
}

/// The words that start a peer in a container made with [`inside`].
pub fn as_peer() -> Vec<String> {
    let mut words = vec!["/peer".to_owned()];
    words.extend(PEER_ARGUMENTS.map(str::to_owned));
    words
}

/// What a peer said, without what the test harness says.
pub fn said(stdout: &str) -> String {
    let lines = stdout
        .lines()
        .filter_map(|l| l.split_once("| ").map(|(_, l)| l));
    lines.collect::<Vec<_>>().join("\n")
}

fn say(text: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "| {text}").ok();
    out.flush().ok();
}

/// Does what the environment says; the whole of the test that is none.
pub fn peer() {
    let Ok(acts) = std::env::var(ACT) else { return };
    for act in acts.split(';') {
        let words: Vec<&str> = act.split_whitespace().collect();
        act_out(&words);
    }
}

fn act_out(words: &[&str]) {
    match words {
        ["echo", at] => serve_tcp(at, |mut stream, _| {
            let mut buffer = [0; 65_536];
            while let Ok(n) = stream.read(&mut buffer) {
                if n == 0 || stream.write_all(&buffer[..n]).is_err() {
                    break;
                }
            }
        }),
        ["peername", at] => serve_tcp(at, |mut stream, from| {
            write!(stream, "you are {from}").ok();
        }),
        ["http", at] => serve_tcp(at, |mut stream, _| {
            let mut request = [0; 4096];
            let _request = stream.read(&mut request);
            stream
                .write_all(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello")
                .ok();
        }),
        ["web", at, database] => {
            let database = (*database).to_owned();
            let listener = TcpListener::bind(at).unwrap();
            say("ready");
            while let Ok((mut stream, from)) = listener.accept() {
                let mut row = String::new();
                if let Ok(mut asked) = connect(&database) {
                    asked.read_to_string(&mut row).ok();
                }
                write!(stream, "page for {}, row: {row}", from.ip()).ok();
            }
        }
        ["udp-echo", at] => {
            let socket = UdpSocket::bind(at).unwrap();
            say("ready");
            let mut buffer = [0; 65_536];
            while let Ok((n, from)) = socket.recv_from(&mut buffer) {
                let reply = [format!("{from} ").as_bytes(), &buffer[..n]].concat();
                socket.send_to(&reply, from).ok();
            }
        }
        ["dns", at] => serve_dns(at),
        ["get", at] => match connect(at) {
            Ok(mut stream) => {
                let mut text = String::new();
                stream.read_to_string(&mut text).ok();
                say(format!("{text} (i am {})", stream.local_addr().unwrap()));
            }
            Err(e) => say(error(&e)),
        },
        ["connect", at] => match connect(at) {
            Ok(stream) => say(format!("connected to {}", stream.peer_addr().unwrap())),
            Err(e) => say(error(&e)),
        },
        ["mirror", at, size] => mirror(at, size.parse().unwrap()),
        ["idle", at, count] => {
            let all: Vec<_> = (0..count.parse().unwrap()).map(|_| connect(at)).collect();
            let mut good = 0;
            for stream in all.iter().flatten() {
                let mut stream: &TcpStream = stream;
                let mut byte = [0];
                if stream.write_all(b"x").is_ok() && stream.read_exact(&mut byte).is_ok() {
                    good += 1;
                }
            }
            say(format!("{good} of {}", all.len()));
        }
        ["last-words", at, size] => {
            // writes and ends at once: everything must arrive
            let mut stream = connect(at).unwrap();
            stream.write_all(&vec![7; size.parse().unwrap()]).unwrap();
            std::process::exit(0);
        }
        ["count", at, file] => {
            let listener = TcpListener::bind(at).unwrap();
            say("ready");
            while let Ok((mut stream, _)) = listener.accept() {
                let mut all = Vec::new();
                let end = stream.read_to_end(&mut all).map(drop);
                std::fs::write(file, format!("{} {end:?}", all.len())).ok();
            }
        }
        ["udp", at, text] => say(udp(at, text.as_bytes())),
        ["udp-size", at, size] => {
            let answer = udp(at, &vec![b'u'; size.parse().unwrap()]);
            say(answer.len());
        }
        ["udp-mapping", first, second] => {
            // one source, two peers: both must see the same mapping
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            socket
                .set_read_timeout(Some(Duration::from_secs(5)))
                .unwrap();
            let seen = [first, second].map(|at| {
                socket.send_to(b"x", at).unwrap();
                let mut buffer = [0; 100];
                let n = socket.recv(&mut buffer).unwrap();
                String::from_utf8_lossy(&buffer[..n]).into_owned()
            });
            say(seen[0] == seen[1]);
        }
        ["resolve", name] => {
            use std::net::ToSocketAddrs;
            match (*name, 0).to_socket_addrs() {
                Ok(all) => {
                    let mut all: Vec<String> = all.map(|a| a.ip().to_string()).collect();
                    all.sort();
                    all.dedup();
                    say(all.join(" "));
                }
                Err(e) => say(format!("no: {e}")),
            }
        }
        ["frame", source, destination] => frame(source, destination),
        ["accepts", at, file] => {
            let file = std::path::PathBuf::from(file);
            let listener = TcpListener::bind(at).unwrap();
            say("ready");
            while let Ok((_, from)) = listener.accept() {
                std::fs::write(&file, from.to_string()).ok();
            }
        }
        ["flood", nobody, udp] => flood(nobody, udp),
        ["sleep"] => {
            say("ready");
            std::thread::sleep(Duration::from_secs(3600));
        }
        other => panic!("no such act: {other:?}"),
    }
}

/// Connections to nobody on many ports, datagrams from many, and SYNs that are written by hand, until it is killed.
fn flood(nobody: &str, udp: &str) {
    let bytes = [0u8; 20];
    say("ready");
    for round in 0u32.. {
        let from = format!("172.17.0.2:{}", 1 + round % 65_000);
        frame_quietly(
            &from,
            &format!("10.{}.{}.9:7", round >> 8 & 255, round & 255),
        );
        if let Ok(socket) = UdpSocket::bind("0.0.0.0:0") {
            socket.send_to(&bytes, udp).ok();
        }
        if round % 16 == 0 {
            let at = format!("{nobody}:{}", 1 + round % 60_000);
            let at = at.parse().unwrap();
            TcpStream::connect_timeout(&at, Duration::from_millis(1)).ok();
        }
    }
}

fn connect(at: &str) -> std::io::Result<TcpStream> {
    use std::net::ToSocketAddrs;
    let address = at
        .to_socket_addrs()?
        .next()
        .ok_or(std::io::ErrorKind::NotFound)?;
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(4))?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok();
    Ok(stream)
}

fn error(e: &std::io::Error) -> String {
    format!("{:?}", e.kind())
}

fn serve_tcp(at: &str, act: impl Fn(TcpStream, SocketAddr) + Copy + Send + 'static) {
    let listener = TcpListener::bind(at).unwrap();
    say("ready");
    while let Ok((stream, from)) = listener.accept() {
        std::thread::spawn(move || act(stream, from));
    }
}

/// Knows `known.test`; every other name does not exist.
fn serve_dns(at: &str) {
    let socket = UdpSocket::bind(at).unwrap();
    say("ready");
    let mut buffer = [0; 1500];
    while let Ok((n, from)) = socket.recv_from(&mut buffer) {
        let query = &buffer[..n];
        let is_known = query.windows(12).any(|w| w == b"\x05known\x04test\0");
        let is_v4 = query.windows(4).any(|w| w == [0, 1, 0, 1]);
        // the question ends with its type and class
        let end = 12 + query[12..].iter().position(|b| *b == 0).unwrap_or(0) + 5;
        let mut reply = query[..end.min(n)].to_vec();
        reply[2..4].copy_from_slice(&[0x81, if is_known { 0x80 } else { 0x83 }]);
        reply[6..12].fill(0);
        if is_known && is_v4 {
            reply[7] = 1;
            reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 99, 0, 77]);
        }
        socket.send_to(&reply, from).ok();
    }
}

/// Sends `size` bytes to an echo and compares what comes back, with a half-close between.
fn mirror(at: &str, size: usize) {
    let stream = match connect(at) {
        Ok(stream) => stream,
        Err(e) => return say(error(&e)),
    };
    let bytes: Vec<u8> = (0..size as u64)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let mut writer = stream.try_clone().unwrap();
    let sent = bytes.clone();
    let thread = std::thread::spawn(move || {
        writer.write_all(&sent).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut back = Vec::new();
    let mut reader = &stream;
    reader.read_to_end(&mut back).unwrap();
    thread.join().unwrap();
    say(if back == bytes {
        "the same"
    } else {
        "DIFFERENT"
    });
}

fn udp(at: &str, bytes: &[u8]) -> String {
    let any = if at.starts_with('[') {
        "[::]:0"
    } else {
        "0.0.0.0:0"
    };
    let socket = UdpSocket::bind(any).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    if let Err(e) = socket.connect(at).and_then(|()| socket.send(bytes)) {
        return error(&e);
    }
    let mut buffer = vec![0; 65_536];
    match socket.recv(&mut buffer) {
        Ok(n) => String::from_utf8_lossy(&buffer[..n]).into_owned(),
        Err(e) => error(&e),
    }
}

/// Puts a hand-made SYN from `source` to `destination` on eth0, as a container with CAP_NET_RAW can.
fn frame(source: &str, destination: &str) {
    say(match frame_quietly(source, destination) {
        true => "sent",
        false => "not sent",
    });
}

fn frame_quietly(source: &str, destination: &str) -> bool {
    let (source, destination): (SocketAddr, SocketAddr) =
        (source.parse().unwrap(), destination.parse().unwrap());
    let (std::net::IpAddr::V4(from), std::net::IpAddr::V4(to)) = (source.ip(), destination.ip())
    else {
        panic!("IPv4 only");
    };
    // the gateway's hardware address is made of its own, 172.17.0.1
    let mut bytes = vec![2, 0x42, 172, 17, 0, 1, 2, 0x42, 9, 9, 9, 9, 8, 0];
    bytes.extend([0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0]);
    bytes.extend(from.octets());
    bytes.extend(to.octets());
    let pairs = bytes[14..34].chunks(2);
    let mut sum: u32 = pairs.map(|p| u32::from(p[0]) * 256 + u32::from(p[1])).sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    bytes[24..26].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    bytes.extend(source.port().to_be_bytes());
    bytes.extend(destination.port().to_be_bytes());
    bytes.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0]);
    send_frame(&bytes)
}

#[allow(unsafe_code)] // a packet socket has no safe face in the libraries at hand
fn send_frame(bytes: &[u8]) -> bool {
    let index = nix::net::if_::if_nametoindex("eth0").unwrap_or(0);
    // SAFETY: plain numbers, and pointers to values that outlive the calls.
    unsafe {
        let fd = libc::socket(libc::AF_PACKET, libc::SOCK_RAW, 0);
        let mut to: libc::sockaddr_ll = std::mem::zeroed();
        to.sll_family = libc::AF_PACKET as u16;
        to.sll_ifindex = index as i32;
        to.sll_halen = 6;
        let length = std::mem::size_of::<libc::sockaddr_ll>() as u32;
        let sent = libc::sendto(
            fd,
            bytes.as_ptr().cast(),
            bytes.len(),
            0,
            (&raw const to).cast(),
            length,
        );
        sent == bytes.len() as isize
    }
}
