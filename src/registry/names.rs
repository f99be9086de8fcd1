//! Host names to addresses, by our own stub resolver.
//!
//! getaddrinfo(3) of a static glibc loads the host's NSS modules (`myhostname`, `resolve`, `mdns4_minimal`) with the host's
//! C library into a program that holds another one; where the versions differ that may crash. What nearly every machine
//! does is hosts(5) and then the servers of resolv.conf(5) (systemd-resolved and Docker write themselves into it).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::grammar::dns::{Answer, Family, Resolv, answer, hosts, loopback, query, resolv};

const HOSTS: &str = "/etc/hosts";
const RESOLV: &str = "/etc/resolv.conf";
/// Largest answer by UDP without EDNS is 512; some servers send more.
const UDP_LIMIT: usize = 4096;

/// Looks names up for reqwest.
pub(super) struct Resolver;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses = look_up(name.as_str()).await?;
            // port 0 means: the one of the URL
            Ok(Box::new(addresses.into_iter().map(|a| SocketAddr::new(a, 0))) as Addrs)
        })
    }
}

/// Returns the addresses of `name`, IPv4 first; connecting tries both families anyway.
async fn look_up(name: &str) -> Result<Vec<IpAddr>, BoxError> {
    if let Some(both) = loopback(name) {
        return Ok(both.to_vec());
    }
    let local = hosts(&std::fs::read_to_string(HOSTS).unwrap_or_default(), name);
    if !local.is_empty() {
        return Ok(local);
    }
    let conf = resolv(&std::fs::read_to_string(RESOLV).unwrap_or_default());
    ask_servers(&conf, 53, name).await
}

async fn ask_servers(conf: &Resolv, port: u16, name: &str) -> Result<Vec<IpAddr>, BoxError> {
    let mut trouble = None;
    for full in conf.names(name) {
        match ask_all(conf, port, &full).await {
            Ok(addresses) if !addresses.is_empty() => return Ok(addresses),
            Ok(_) => {}
            Err(e) => trouble = Some(e),
        }
    }
    let server = SocketAddr::new(conf.servers[0], port);
    let why = trouble.unwrap_or_else(|| "no such host".to_owned());
    Err(format!("lookup {name} on {server}: {why}").into())
}

/// Asks server after server for one full name; empty means that the name has no address.
async fn ask_all(conf: &Resolv, port: u16, name: &str) -> Result<Vec<IpAddr>, String> {
    let wait = Duration::from_secs(conf.timeout);
    let mut trouble = "no answer".to_owned();
    for _ in 0..conf.attempts {
        for server in &conf.servers {
            match ask_server(SocketAddr::new(*server, port), name, wait).await {
                Ok(Some(addresses)) => return Ok(addresses),
                Ok(None) => trouble = "server misbehaving".to_owned(),
                Err(e) => trouble = e.to_string(),
            }
        }
    }
    Err(trouble)
}

/// Asks one server for both families; None when it could not say.
async fn ask_server(
    server: SocketAddr,
    name: &str,
    wait: Duration,
) -> std::io::Result<Option<Vec<IpAddr>>> {
    let (v4, v6) = futures_util::future::join(
        ask(server, name, Family::V4, wait),
        ask(server, name, Family::V6, wait),
    )
    .await;
    match (v4, v6) {
        (Ok(Some(mut all)), Ok(other)) => {
            all.extend(other.unwrap_or_default());
            Ok(Some(all))
        }
        // some servers never answer one of the two
        (Ok(Some(some)), _) | (_, Ok(Some(some))) if !some.is_empty() => Ok(Some(some)),
        (Err(e), _) | (_, Err(e)) => Err(e),
        _ => Ok(None),
    }
}

async fn ask(
    server: SocketAddr,
    name: &str,
    family: Family,
    wait: Duration,
) -> std::io::Result<Option<Vec<IpAddr>>> {
    let Some(message) = query(random_id(), name, family) else {
        return Ok(Some(Vec::new()));
    };
    let late = |_| std::io::Error::new(std::io::ErrorKind::TimedOut, "i/o timeout");
    let mut said = timeout(wait, by_udp(server, &message))
        .await
        .map_err(late)??;
    if said == Answer::Truncated {
        said = timeout(wait, by_tcp(server, &message))
            .await
            .map_err(late)??;
    }
    Ok(match said {
        Answer::Addresses(addresses) => Some(addresses),
        Answer::NoSuchName => Some(Vec::new()),
        Answer::Truncated | Answer::Refused => None,
    })
}

async fn by_udp(server: SocketAddr, message: &[u8]) -> std::io::Result<Answer> {
    let any = if server.is_ipv4() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    } else {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    };
    // a fresh port for each question and answers from the asked server only: hard to forge
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    socket.connect(server).await?;
    socket.send(message).await?;
    let mut buffer = [0; UDP_LIMIT];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if let Some(said) = answer(message, &buffer[..length]) {
            return Ok(said);
        }
    }
}

async fn by_tcp(server: SocketAddr, message: &[u8]) -> std::io::Result<Answer> {
    let stream = TcpStream::connect(server).await?;
    let mut framed = (message.len() as u16).to_be_bytes().to_vec();
    framed.extend(message);
    let mut sent = 0;
    while sent < framed.len() {
        stream.writable().await?;
        sent += again(stream.try_write(&framed[sent..]))?.unwrap_or(0);
    }
    let mut answered = Vec::new();
    let mut buffer = [0; UDP_LIMIT];
    loop {
        if let [high, low, body @ ..] = &answered[..]
            && body.len() >= usize::from(u16::from_be_bytes([*high, *low]))
        {
            return Ok(answer(message, body).unwrap_or(Answer::Refused));
        }
        stream.readable().await?;
        match again(stream.try_read(&mut buffer))? {
            Some(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            Some(length) => answered.extend(&buffer[..length]),
            None => {}
        }
    }
}

/// A wake-up without cause is no error.
fn again(result: std::io::Result<usize>) -> std::io::Result<Option<usize>> {
    match result {
        Ok(length) => Ok(Some(length)),
        Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
        Err(e) => Err(e),
    }
}

fn random_id() -> u16 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish() as u16
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    /// A server that knows `r.corp.io` (one A record) and says of `big.io` that only TCP can hold the answer.
    fn server() -> SocketAddr {
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let address = udp.local_addr().expect("bound");
        let tcp = std::net::TcpListener::bind(address).expect("the same port");
        crate::sys::thread::spawn("dns-udp", move || {
            let mut buffer = [0; 512];
            while let Ok((length, peer)) = udp.recv_from(&mut buffer) {
                let reply = reply(&buffer[..length], false);
                // noise first: a stray message must be passed over
                udp.send_to(b"noise", peer)
                    .and_then(|_| udp.send_to(&reply, peer))
                    .expect("sent");
            }
        })
        .expect("a thread");
        crate::sys::thread::spawn("dns-tcp", move || {
            for mut stream in tcp.incoming().flatten() {
                let mut head = [0; 2];
                stream.read_exact(&mut head).expect("a length");
                let mut query = vec![0; u16::from_be_bytes(head).into()];
                stream.read_exact(&mut query).expect("a query");
                let reply = reply(&query, true);
                stream
                    .write_all(&(reply.len() as u16).to_be_bytes())
                    .expect("sent");
                stream.write_all(&reply).expect("sent");
            }
        })
        .expect("a thread");
        address
    }

    fn reply(query: &[u8], is_tcp: bool) -> Vec<u8> {
        let is_v4 = query[query.len() - 3] == 1;
        let name = &query[12..query.len() - 4];
        let mut reply = query.to_vec();
        let (flags, answers): (u16, u8) = match name {
            b"\x01r\x04corp\x02io\x00" => (0x8180, is_v4.into()),
            b"\x03big\x02io\x00" if is_tcp => (0x8180, is_v4.into()),
            b"\x03big\x02io\x00" => (0x8380, 0),
            _ => (0x8183, 0),
        };
        reply[2..4].copy_from_slice(&flags.to_be_bytes());
        reply[7] = answers;
        if answers == 1 {
            reply.extend(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x07");
        }
        reply
    }

    fn find(conf: &str, port: u16, name: &str) -> Result<Vec<String>, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let found = runtime.block_on(ask_servers(&resolv(conf), port, name));
        found
            .map(|all| all.iter().map(IpAddr::to_string).collect())
            .map_err(|e| e.to_string())
    }

    #[test]
    fn a_short_name_is_found_in_its_domain_and_a_big_answer_by_tcp() {
        let address = server();
        let conf = "nameserver 127.0.0.1\nsearch lab.io corp.io";
        assert_eq!(
            find(conf, address.port(), "r"),
            Ok(vec!["10.0.0.7".to_owned()])
        );
        assert_eq!(
            find(conf, address.port(), "big.io"),
            Ok(vec!["10.0.0.7".to_owned()])
        );
        let text = format!("lookup none.io on {address}: no such host");
        assert_eq!(
            find("nameserver 127.0.0.1", address.port(), "none.io"),
            Err(text)
        );
    }

    #[test]
    fn a_dead_server_is_passed_over() {
        let address = server();
        let conf = "nameserver 127.0.0.2\nnameserver 127.0.0.1\noptions timeout:1 attempts:1";
        assert_eq!(
            find(conf, address.port(), "r.corp.io"),
            Ok(vec!["10.0.0.7".to_owned()])
        );
    }
}
