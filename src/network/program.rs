//! ROLE. A network by somebody else's program, pasta or slirp4netns: for hosts where a gateway cannot be had, and for those who
//! ask for it. Plays the relay's part towards the monitor: takes the container's network namespace, lets the first process go
//! on when the program has made the network, and ends the program with the container.
//!
//! Runs in U0, the host's network namespace, and a mount namespace of its own, where the container's network namespace has a
//! name. Killed at any line: slirp4netns sees that its `--exit-fd` is closed; of pasta the
//! container's monitor takes the name away, which ends it.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::plan::{Program, Protocol, Tool};
use super::relay::{Bound, Order, Report, report};
use crate::error::{Context, Error, Kind, Result};
use crate::sys::{self, namespace, socket};

/// Of pasta, which writes its process id there.
const PID_FILE: &str = "pasta.pid";
/// Of slirp4netns, which is told there what to publish.
const API_SOCKET: &str = "slirp4netns.sock";
/// The container's network namespace, to be opened by its name.
const NAMESPACE: &str = "netns";
/// Name of the link inside.
const LINK: &str = "eth0";

/// Everything that the role begins with.
pub(crate) struct Setup<'a> {
    /// The program.
    pub(crate) program: &'a Program,
    /// Published ports; they are let go of when the program takes them.
    pub(crate) ports: Vec<Bound>,
    /// The container's runtime folder.
    pub(crate) folder: &'a Path,
    /// To the monitor.
    pub(crate) control: OwnedFd,
}

/// A port as the program is told it.
struct Forward {
    outside: SocketAddr,
    inside: u16,
    protocol: Protocol,
}

/// A program that runs.
enum Running {
    /// In the background, nobody's child.
    Pasta(OwnedFd),
    /// With the pipe whose end ends it, and its standard error.
    Slirp(Child),
}

/// Runs the role in a fork of a monitor; never returns.
pub(crate) fn main(mut setup: Setup<'_>) -> ! {
    sys::process::rename("__relay");
    let mut keep = vec![setup.control.as_fd()];
    keep.extend(setup.ports.iter().map(Bound::as_fd));
    // what an odd kernel leaves open is not used
    sys::fd::close_all_but(&keep).ok();
    // where the namespace has a name; without it the programs say that they cannot open it
    namespace::new_mounts().ok();
    let forwards: Vec<Forward> = setup.ports.iter().map(Forward::new).collect();
    let mut running = None;
    // until the monitor ends
    while let Ok(Some(message)) = socket::receive(setup.control.as_fd()) {
        let told = match serde_json::from_slice(&message.bytes) {
            Ok(Order::Plug) => {
                running.take().into_iter().for_each(Running::end);
                setup.ports.clear();
                let plugged = message.fds.into_iter().next();
                let plugged = plugged.map(|socket| plug(&setup, &forwards, &socket));
                plugged.unwrap_or(Ok(None)).map(|made| running = made)
            }
            Ok(Order::Close) => {
                running.take().into_iter().for_each(Running::end);
                setup.ports.clear();
                report(setup.control.as_fd(), &Report::Closed)
            }
            _ => Err(Error::new(
                Kind::Invalid,
                format!("a container on {} has no other network", setup.program.tool),
            )),
        };
        if let Err(e) = told {
            // a monitor that is gone needs no report
            let _ = report(setup.control.as_fd(), &Report::Failed(e));
        }
    }
    running.take().into_iter().for_each(Running::end);
    sys::process::exit_now(0)
}

/// Ends pasta when the process that would is gone: the namespace loses the name that it watches.
pub(crate) fn abandon(folder: &Path) {
    // gone with its keeper's last order: as good
    let _ = std::fs::remove_file(folder.join(NAMESPACE));
}

/// The container's first process sends its network namespace and waits for one byte.
fn plug(setup: &Setup<'_>, forwards: &[Forward], socket: &OwnedFd) -> Result<Option<Running>> {
    let message = socket::receive(socket.as_fd())?;
    let Some(namespace) = message.and_then(|m| m.fds.into_iter().next()) else {
        return Ok(None); // it ended before it came so far
    };
    let path = setup.folder.join(NAMESPACE);
    show(&namespace, &path)?;
    let running = match setup.program.tool {
        Tool::Pasta => pasta(setup, forwards, &path)?,
        Tool::Slirp4netns => slirp4netns(setup, forwards, &path)?,
    };
    // the process may have ended meanwhile
    let _ = socket::send(socket.as_fd(), b"n", &[]);
    Ok(Some(running))
}

/// Makes a namespace a file that the programs can open: what a descriptor of ours is they may not see in /proc. pasta ends
/// when the file is removed with its folder.
fn show(namespace: &OwnedFd, path: &Path) -> Result<()> {
    let cannot = || format!("cannot make `{}`", path.display());
    // of an earlier start
    let _ = nix::mount::umount2(path, nix::mount::MntFlags::MNT_DETACH);
    File::create(path).context(Kind::System, cannot)?;
    let from = PathBuf::from(format!("/proc/self/fd/{}", namespace.as_raw_fd()));
    let bind = nix::mount::MsFlags::MS_BIND;
    nix::mount::mount(Some(&from), path, None::<&str>, bind, None::<&str>)
        .map_err(std::io::Error::from)
        .context(Kind::System, cannot)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the network that the user asked for is a program; this process has one thread"
)]
fn command(setup: &Setup<'_>) -> Command {
    let mut command = Command::new(&setup.program.path);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .current_dir(setup.folder);
    command
}

fn failed(setup: &Setup<'_>, said: &[u8]) -> Error {
    let said = String::from_utf8_lossy(said);
    let mut lines = said.lines().map(str::trim).filter(|l| !l.is_empty());
    let last = lines.next_back().unwrap_or("it says nothing").to_owned();
    let text = format!("cannot make the network with {}", setup.program.tool);
    Error::new(Kind::Host, text).because(last).hint(
        "without --network none of these programs is needed; --network host shares the host's",
    )
}

/// pasta goes into the background when the network is there (pasta(1)).
fn pasta(setup: &Setup<'_>, forwards: &[Forward], namespace: &Path) -> Result<Running> {
    let cannot = || format!("cannot start {}", setup.program.path.display());
    let pid_file = setup.folder.join(PID_FILE);
    let mut command = command(setup);
    command
        .args([
            "--config-net",
            "--quiet",
            "--no-map-gw",
            "--ns-ifname",
            LINK,
        ])
        .args([
            "-T",
            "none",
            "-U",
            "none",
            "--dns-forward",
            setup.program.tool.name_server(),
        ])
        .arg("--pid")
        .arg(&pid_file)
        .args(forwarding(forwards))
        .args(&setup.program.options)
        .arg("--netns")
        .arg(namespace);
    let done = command.output().context(Kind::Host, cannot)?;
    if !done.status.success() {
        return Err(failed(setup, &done.stderr));
    }
    let pid = std::fs::read_to_string(&pid_file).context(Kind::Host, cannot)?;
    let pid = pid.trim().parse().context(Kind::Host, cannot)?;
    let start = sys::process::start_time(pid).unwrap_or(0);
    let process = sys::process::open_pid(pid, start)?;
    process
        .map(Running::Pasta)
        .ok_or_else(|| failed(setup, &done.stderr))
}

/// `-t [ADDRESS/]OUTSIDE:INSIDE` for TCP, `-u` for UDP; without an address both versions are meant.
fn forwarding(forwards: &[Forward]) -> Vec<String> {
    let mut all = Vec::new();
    for (protocol, flag) in [(Protocol::Tcp, "-t"), (Protocol::Udp, "-u")] {
        let mut some = false;
        for f in forwards.iter().filter(|f| f.protocol == protocol) {
            let address = match f.outside.ip() {
                ip if ip == Ipv6Addr::UNSPECIFIED => continue,
                ip if ip == Ipv4Addr::UNSPECIFIED => String::new(),
                ip => format!("{ip}/"),
            };
            some = true;
            let port = format!("{address}{}:{}", f.outside.port(), f.inside);
            all.extend([flag.to_owned(), port]);
        }
        if !some {
            all.extend([flag.to_owned(), "none".to_owned()]);
        }
    }
    all
}

/// slirp4netns stays in the foreground and writes `1` to a descriptor when the network is there (slirp4netns(1)).
fn slirp4netns(setup: &Setup<'_>, forwards: &[Forward], namespace: &Path) -> Result<Running> {
    let cannot = || format!("cannot start {}", setup.program.path.display());
    let mut command = command(setup);
    command
        .args(["--configure", "--mtu=65520", "--disable-host-loopback"])
        .args(["--netns-type=path", "--exit-fd=0", "--ready-fd=2"])
        .arg(format!("--api-socket={API_SOCKET}"))
        .args(&setup.program.options)
        .arg(namespace)
        .arg(LINK)
        .stdin(Stdio::piped());
    // of an earlier start
    let _ = std::fs::remove_file(setup.folder.join(API_SOCKET));
    let mut child = command.spawn().context(Kind::Host, cannot)?;
    let mut said = Vec::new();
    let mut buffer = [0; 1024];
    let is_ready = |said: &[u8]| matches!(said, [b'1'] | [.., b'\n', b'1']);
    while let Some(stderr) = child.stderr.as_mut().filter(|_| !is_ready(&said)) {
        match stderr.read(&mut buffer) {
            Ok(n) if n > 0 => said.extend(&buffer[..n]),
            _ => return Err(failed(setup, &said)),
        }
    }
    let running = Running::Slirp(child);
    for forward in forwards {
        if let Err(e) = publish(setup, forward) {
            running.end();
            return Err(e);
        }
    }
    Ok(running)
}

/// One port, by slirp4netns' API.
fn publish(setup: &Setup<'_>, forward: &Forward) -> Result<()> {
    let IpAddr::V4(address) = forward.outside.ip() else {
        return Ok(()); // it knows IPv4 only, and the same port of IPv4 is among the others or was asked for
    };
    let cannot = || format!("cannot publish port {}", forward.outside.port());
    let question = serde_json::json!({
        "execute": "add_hostfwd",
        "arguments": {
            "proto": forward.protocol.to_string(),
            "host_addr": address.to_string(),
            "host_port": forward.outside.port(),
            "guest_port": forward.inside,
        }
    });
    let folder = File::open(setup.folder)?;
    // a path that is short enough, wherever the folder is
    let at = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(API_SOCKET);
    let mut stream = UnixStream::connect(at).context(Kind::Host, cannot)?;
    let mut answer = String::new();
    stream
        .write_all(question.to_string().as_bytes())
        .and_then(|()| stream.shutdown(std::net::Shutdown::Write))
        .and_then(|()| stream.read_to_string(&mut answer))
        .context(Kind::Host, cannot)?;
    match answer.contains("error") {
        true => Err(failed(setup, answer.as_bytes())),
        false => Ok(()),
    }
}

impl Forward {
    fn new(bound: &Bound) -> Forward {
        Forward {
            outside: bound.address(),
            inside: bound.inside(),
            protocol: bound.protocol(),
        }
    }
}

impl Running {
    /// One that is gone already is as good.
    fn end(self) {
        match self {
            Running::Pasta(fd) => drop(sys::process::signal(fd.as_fd(), libc::SIGTERM)),
            Running::Slirp(mut child) => {
                drop(child.kill());
                drop(child.wait());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasta_is_told_each_port_once() {
        let forward = |outside: &str, inside, protocol| Forward {
            outside: outside.parse().expect(outside),
            inside,
            protocol,
        };
        let all = [
            forward("0.0.0.0:8080", 80, Protocol::Tcp),
            forward("[::]:8080", 80, Protocol::Tcp),
            forward("127.0.0.1:81", 80, Protocol::Tcp),
        ];
        let want = ["-t", "8080:80", "-t", "127.0.0.1/81:80", "-u", "none"];
        assert_eq!(forwarding(&all), want);
    }
}
