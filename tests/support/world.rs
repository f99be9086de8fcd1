//! A world for tests of networks: a "host" and an "outside" as two network namespaces in a user namespace of the test's own,
//! joined by a cable. No privileges are needed, and nothing leaves the machine.
//!
//! ```text
//! outside 10.99.0.2, fd99::2 <--- veth ---> host 10.99.0.1, fd99::1 (default route to the outside) --- containers
//! ```
//! Peers in the outside and programs inside containers are this very test binary, started as `peer` (see [`peer`]).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, setsockopt, socket,
    sockopt,
};

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
    /// The way that containers' networks take.
    pub rung: String,
    /// For commands of ours the kernel has no nf_tables.
    pub lacks_nf_tables: bool,
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
# somebody whose answers never come, and somewhere nobody may go
ip neigh add 10.99.0.66 lladdr 02:00:00:00:00:66 dev h0
ip route add prohibit 10.98.0.0/24
[ -z "$PINGS" ] || echo "$(id -g) $(id -g)" >/proc/sys/net/ipv4/ping_group_range
echo $outside
exec 2>/dev/null
cat
"#;

impl World {
    /// Makes one whose containers' networks take the way `rung`; `None` where this host does not let a plain user, or lacks `ip`, `unshare` or `nsenter`.
    pub fn new(rung: &str) -> Option<World> {
        World::with(rung, "")
    }

    /// As [`World::new`], of a host whose administrator lets its users ping.
    pub fn that_pings(rung: &str) -> Option<World> {
        World::with(rung, "yes")
    }

    fn with(rung: &str, pings: &str) -> Option<World> {
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
            .env("PINGS", pings)
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
            lacks_nf_tables: false,
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
        let mut command = sandbox.command("nsenter");
        if self.lacks_nf_tables {
            hide_nf_tables(&mut command);
        }
        Coracle {
            command,
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

/// Refuses what a kernel without nf_tables refuses: sockets of NETLINK_NETFILTER (seccomp(2)).
#[allow(unsafe_code)] // what a child does before its exec has no safe face
fn hide_nf_tables(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    const LOAD: u16 = 0x20;
    const IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    // struct seccomp_data: number, architecture, address, and from 16 on arguments of eight bytes
    const NUMBER: u32 = 0;
    const FAMILY: u32 = 16;
    const PROTOCOL: u32 = 32;
    let refused = libc::SECCOMP_RET_ERRNO | libc::EPROTONOSUPPORT as u32;
    let program = [
        (LOAD, 0, NUMBER),
        (IF_EQUAL, 5, libc::SYS_socket as u32),
        (LOAD, 0, FAMILY),
        (IF_EQUAL, 3, libc::AF_NETLINK as u32),
        (LOAD, 0, PROTOCOL),
        (IF_EQUAL, 1, libc::NETLINK_NETFILTER as u32),
        (RETURN, 0, refused),
        (RETURN, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let mut program = program.map(|(code, jf, k)| libc::sock_filter { code, jt: 0, jf, k });
    let install = move || {
        let whole = libc::sock_fprog {
            len: program.len() as u16,
            filter: program.as_mut_ptr(),
        };
        // SAFETY: the kernel copies the program, which lives until the call returns.
        let done = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                && libc::prctl(
                    libc::PR_SET_SECCOMP,
                    libc::SECCOMP_MODE_FILTER,
                    &raw const whole,
                ) == 0
        };
        match done {
            true => Ok(()),
            false => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: two system calls, and no memory is asked for.
    unsafe { command.pre_exec(install) };
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
        ["reset", at] => serve_tcp(at, |mut stream, _| {
            // something unread, and a close that says so
            let _ = stream.read(&mut [0]);
            let linger = libc::linger {
                l_onoff: 1,
                l_linger: 0,
            };
            setsockopt(&stream, sockopt::Linger, &linger).ok();
        }),
        ["http", at] => serve_tcp(at, |mut stream, _| {
            let mut request = [0; 4096];
            let _request = stream.read(&mut request);
            stream
                .write_all(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello")
                .ok();
        }),
        ["files", at] => serve_tcp(at, |mut stream, _| {
            let mut request = [0; 4096];
            let n = stream.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..n]).into_owned();
            let path = request.split([' ', '?']).nth(1).unwrap_or_default();
            let text = match path.rsplit('/').next() {
                // a git repository for `ls-remote`, and a Debian one for `update`
                Some("refs") => format!("{}\trefs/heads/main\n", "1".repeat(40)),
                Some("HEAD") => "ref: refs/heads/main\n".to_owned(),
                Some("Packages") => {
                    "Package: greeting\nVersion: 1\nArchitecture: all\n\n".to_owned()
                }
                _ => String::new(),
            };
            let status = if text.is_empty() {
                "404 Not Found"
            } else {
                "200 OK"
            };
            let length = text.len();
            write!(
                stream,
                "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{text}"
            )
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
        ["read", at] => match connect(at) {
            Ok(mut stream) => {
                stream.write_all(b"xy").ok();
                let read = stream.read_to_end(&mut Vec::new());
                say(read.map_or_else(|e| error(&e), |n| format!("{n} bytes")));
            }
            Err(e) => say(error(&e)),
        },
        ["reuse", at, count] => {
            // the other side closes first, and the same few ports come again at once; nobody else gets them by chance
            let mut good = 0;
            for n in 0..count.parse::<u16>().unwrap() {
                let from = format!("0.0.0.0:{}", 20_000 + n % 20);
                let mut text = String::new();
                let stream = connect_from(&from, at);
                let told = stream.and_then(|mut s| s.read_to_string(&mut text));
                good += u32::from(told.is_ok() && text.starts_with("you are "));
            }
            say(format!("{good} of {count}"));
        }
        ["epoll", at] => say(match epoll_first(at) {
            Ok(text) => text,
            Err(e) => error(&e),
        }),
        ["scan", host, count] => {
            let refused = |port: u16| {
                let at = SocketAddr::new(host.parse().unwrap(), port);
                let tried = TcpStream::connect_timeout(&at, Duration::from_secs(4));
                tried.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionRefused)
            };
            let all = 20_000..20_000 + count.parse::<u16>().unwrap();
            say(format!("{} refused", all.filter(|p| refused(*p)).count()));
        }
        ["ping", host] => say(match ping(host.parse().unwrap()) {
            Ok(n) => format!("{n} bytes back"),
            Err(e) => error(&e),
        }),
        ["odd-dns", at] => {
            for message in odd_questions() {
                let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
                socket.send_to(&message, at).ok();
            }
            say("asked");
        }
        ["udp-frame", source, destination] => {
            say(match udp_frame(source, destination) {
                true => "sent",
                false => "not sent",
            });
        }
        ["hears", at, file] => {
            let file = std::path::PathBuf::from(file);
            let socket = UdpSocket::bind(at).unwrap();
            say("ready");
            while let Ok((_, from)) = socket.recv_from(&mut [0; 2048]) {
                std::fs::write(&file, from.to_string()).ok();
            }
        }
        ["mirror", at, size] => mirror(at, size.parse().unwrap()),
        ["idle", at, count] => drop(hold(at, count.parse().unwrap())),
        ["hold", at, count] => {
            say("ready");
            let _held = hold(at, count.parse().unwrap());
            act_out(&["sleep"]);
        }
        ["crowd", at] => crowd(at).unwrap(),
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
        ["slow-count", at, file] => {
            let listener = TcpListener::bind(at).unwrap();
            setsockopt(&listener, sockopt::RcvBuf, &8192).ok();
            say("ready");
            while let Ok((mut stream, _)) = listener.accept() {
                std::thread::sleep(Duration::from_millis(1500));
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

/// Opens connections, and then asks each of them something.
fn hold(at: &str, count: usize) -> Vec<std::io::Result<TcpStream>> {
    let mut all = Vec::new();
    for n in 1..=count {
        all.push(connect(at));
        if n % 1000 == 0 {
            say(format!("{n} stand"));
        }
    }
    let mut good = 0;
    for mut stream in all.iter().flatten() {
        let mut byte = [0];
        if stream.write_all(b"x").is_ok() && stream.read_exact(&mut byte).is_ok() {
            good += 1;
        }
    }
    say(format!("{good} of {}", all.len()));
    all
}

/// An echo for more than there are threads.
fn crowd(at: &str) -> std::io::Result<()> {
    use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
    let listener = TcpListener::bind(at)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
    say("ready");
    let mut all: Vec<TcpStream> = Vec::new();
    let mut events = [EpollEvent::empty(); 64];
    let mut buffer = [0; 4096];
    loop {
        let n = epoll.wait(&mut events, nix::sys::epoll::EpollTimeout::NONE)?;
        for event in &events[..n] {
            if event.data() == 0 {
                all.push(listener.accept()?.0);
                let id = all.len() as u64;
                epoll.add(
                    &all[id as usize - 1],
                    EpollEvent::new(EpollFlags::EPOLLIN, id),
                )?;
                continue;
            }
            let mut stream = &all[event.data() as usize - 1];
            match stream.read(&mut buffer) {
                Ok(n) if n > 0 => stream.write_all(&buffer[..n])?,
                _ => epoll.delete(stream)?,
            }
        }
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

/// Connects from a port that may have been used a moment ago.
fn connect_from(from: &str, to: &str) -> std::io::Result<TcpStream> {
    let (from, to) = ends(from, to);
    let fd = socket(
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    bind(fd.as_raw_fd(), &SockaddrStorage::from(from))?;
    nix::sys::socket::connect(fd.as_raw_fd(), &SockaddrStorage::from(to))?;
    let stream = TcpStream::from(fd);
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(stream)
}

/// What event loops do: registered before it connects, then used by a copy of the descriptor.
fn epoll_first(to: &str) -> std::io::Result<String> {
    use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
    let to: SocketAddr = to.parse().unwrap();
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let interest = EpollFlags::EPOLLOUT | EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
    epoll.add(&fd, EpollEvent::new(interest, 7))?;
    match nix::sys::socket::connect(fd.as_raw_fd(), &SockaddrStorage::from(to)) {
        Err(nix::errno::Errno::EINPROGRESS) => {}
        other => other?,
    }
    let stream = TcpStream::from(fd);
    let mut copy = stream.try_clone()?;
    let mut events = [EpollEvent::empty()];
    let mut back = Vec::new();
    let mut sent = false;
    while back.len() < 5 && epoll.wait(&mut events, 5000u16)? > 0 {
        if let Some(e) = stream.take_error()? {
            return Err(e);
        }
        if !sent && events[0].events().contains(EpollFlags::EPOLLOUT) {
            copy.write_all(b"early")?;
            sent = true;
        }
        let mut buffer = [0; 16];
        while let Ok(n) = copy.read(&mut buffer) {
            back.extend(&buffer[..n]);
            if n == 0 {
                break;
            }
        }
    }
    Ok(String::from_utf8_lossy(&back).into_owned())
}

/// One echo request, by the kernel's own ping socket.
fn ping(host: std::net::IpAddr) -> std::io::Result<usize> {
    let fd = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::Icmp,
    )?;
    let to = SockaddrStorage::from(SocketAddr::new(host, 0));
    nix::sys::socket::connect(fd.as_raw_fd(), &to)?;
    let socket = UdpSocket::from(fd);
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    socket.send(&[8, 0, 0, 0, 0, 0, 0, 1, b'p', b'i', b'n', b'g'])?;
    socket.recv(&mut [0; 100])
}

/// Questions that no resolver asks.
fn odd_questions() -> Vec<Vec<u8>> {
    let head = |flags: u8, questions: u8| vec![1, 2, flags, 0, 0, questions, 0, 0, 0, 0, 0, 0];
    let with = |head: Vec<u8>, rest: &[u8]| [head, rest.to_vec()].concat();
    let long: Vec<u8> = (0..20)
        .flat_map(|_| [vec![63], vec![b'a'; 63]].concat())
        .collect();
    let mut all = vec![
        vec![],
        vec![0],
        vec![0xff; 11],
        head(1, 0),
        head(1, 1),
        head(0xff, 255),
        with(head(1, 1), &[0xc0, 12, 0, 1, 0, 1]),
        with(head(1, 1), &[63, b'x', 0, 0, 1]),
        with(head(1, 1), &[3, 0, 0xff, b'.', 0, 0, 1, 0, 1]),
        with(head(1, 2), &[1, b'a', 0, 0, 1, 0, 1, 0xc0, 12, 0, 1, 0, 1]),
        with(head(0x81, 1), &[1, b'a', 0, 0, 1, 0, 1]),
        with(head(1, 1), &[1, b'a', 0, 0, 255, 0, 255]),
        with(head(1, 1), &[&long[..], &[0, 0, 1, 0, 1]].concat()),
        vec![0x55; 60_000],
    ];
    let mut seed = 1u32;
    all.extend((0..300).map(|n| {
        let byte = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        };
        std::iter::repeat_with(byte).take(n).collect()
    }));
    all
}

/// Knows `known.test`; every other name does not exist. By UDP and TCP.
fn serve_dns(at: &str) {
    let socket = UdpSocket::bind(at).unwrap();
    let listener = TcpListener::bind(at).unwrap();
    say("ready");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut length = [0; 2];
            while stream.read_exact(&mut length).is_ok() {
                let mut query = vec![0; u16::from_be_bytes(length).into()];
                stream.read_exact(&mut query).unwrap();
                let reply = dns_reply(&query);
                let length = (reply.len() as u16).to_be_bytes();
                stream.write_all(&[&length[..], &reply].concat()).unwrap();
            }
        }
    });
    let mut buffer = [0; 1500];
    while let Ok((n, from)) = socket.recv_from(&mut buffer) {
        if n >= 12 {
            socket.send_to(&dns_reply(&buffer[..n]), from).ok();
        }
    }
}

fn dns_reply(query: &[u8]) -> Vec<u8> {
    let is_known = query.windows(12).any(|w| w == b"\x05known\x04test\0");
    let is_v4 = query.windows(4).any(|w| w == [0, 1, 0, 1]);
    // the question ends with its type and class
    let end = 12 + query[12..].iter().position(|b| *b == 0).unwrap_or(0) + 5;
    let mut reply = query[..end.min(query.len())].to_vec();
    reply[2..4].copy_from_slice(&[0x81, if is_known { 0x80 } else { 0x83 }]);
    reply[6..12].fill(0);
    if is_known && is_v4 {
        reply[7] = 1;
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 99, 0, 77]);
    }
    reply
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
    let (source, destination) = ends(source, destination);
    let mut segment = ports(source, destination);
    segment.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0]);
    send_frame(&packet(
        source,
        destination,
        libc::IPPROTO_TCP as u8,
        &segment,
    ))
}

/// The same with a datagram.
fn udp_frame(source: &str, destination: &str) -> bool {
    let (source, destination) = ends(source, destination);
    let mut datagram = ports(source, destination);
    datagram.extend([0, 12, 0, 0]);
    datagram.extend(b"odd!");
    send_frame(&packet(
        source,
        destination,
        libc::IPPROTO_UDP as u8,
        &datagram,
    ))
}

fn ends(source: &str, destination: &str) -> (SocketAddr, SocketAddr) {
    (source.parse().unwrap(), destination.parse().unwrap())
}

fn ports(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    [source.port(), destination.port()]
        .map(u16::to_be_bytes)
        .concat()
}

/// A frame for the gateway, whose hardware address is made of its own, 172.17.0.1.
fn packet(source: SocketAddr, destination: SocketAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    use std::net::IpAddr;
    let mut bytes = vec![2, 0x42, 172, 17, 0, 1, 2, 0x42, 9, 9, 9, 9];
    match (source.ip(), destination.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let length = 20 + payload.len() as u8;
            bytes.extend([8, 0, 0x45, 0, 0, length, 0, 1, 0, 0, 64, protocol, 0, 0]);
            bytes.extend(from.octets());
            bytes.extend(to.octets());
            let pairs = bytes[14..34].chunks(2);
            let mut sum: u32 = pairs.map(|p| u32::from(p[0]) * 256 + u32::from(p[1])).sum();
            while sum >> 16 != 0 {
                sum = (sum & 0xffff) + (sum >> 16);
            }
            bytes[24..26].copy_from_slice(&(!(sum as u16)).to_be_bytes());
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            bytes.extend([
                0x86,
                0xdd,
                0x60,
                0,
                0,
                0,
                0,
                payload.len() as u8,
                protocol,
                64,
            ]);
            bytes.extend(from.octets());
            bytes.extend(to.octets());
        }
        _ => panic!("two versions of IP in one packet"),
    }
    bytes.extend(payload);
    bytes
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
