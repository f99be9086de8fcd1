//! Both ends of every measurement of the network's table, as acts of the benchmark's own program.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// Does what the words say; false when they are no act.
pub(crate) fn act(words: &[&str]) -> bool {
    match *words {
        ["sink", at] => sink(at),
        ["source", at] => source(at),
        ["echo", at] => echo(at),
        ["accept", at] => accept(at),
        ["udp-sink", at] => udp_sink(at),
        ["bulk", how, at, seconds] => println!("{:.2}", bulk(how, at, seconds.parse().unwrap())),
        ["rtt", at] => println!("{:.1}", rtt(at)),
        ["connect", at] => println!("{:.1}", connect(at)),
        ["rate", at] => println!("{:.0}", rate(at)),
        ["udp", at, seconds] => println!("{:.2}", udp(at, seconds.parse().unwrap())),
        ["turns", ref words @ ..] => {
            for _ in std::io::stdin().lines() {
                act(words);
            }
        }
        ["hold", at, count] => hold(at, count.parse().unwrap()),
        _ => return false,
    }
    true
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

/// Takes connections and says nothing.
fn accept(at: &str) {
    let listener = TcpListener::bind(at).expect("the address is ours");
    ready();
    let taken: Vec<_> = listener.incoming().collect();
    drop(taken);
}

/// Opens connections and keeps them until its input ends.
fn hold(at: &str, count: usize) {
    let streams: Vec<_> = (0..count)
        .map_while(|_| TcpStream::connect(at).ok())
        .collect();
    println!("{}", streams.len());
    std::io::stdout().flush().ok();
    std::io::stdin().read_to_end(&mut Vec::new()).ok();
}

/// Median microseconds of connect(2) alone.
fn connect(at: &str) -> f64 {
    median((0..500).map(|_| {
        let start = Instant::now();
        let stream = TcpStream::connect(at).expect("connect");
        let time = start.elapsed().as_secs_f64() * 1e6;
        drop(stream);
        time
    }))
}

pub(crate) fn median(times: impl Iterator<Item = f64>) -> f64 {
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
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
    median((0..5000).map(|_| {
        let start = Instant::now();
        stream.write_all(&buffer).expect("write");
        stream.read_exact(&mut buffer).expect("read");
        start.elapsed().as_secs_f64() * 1e6
    }))
}

/// Connections a second, one after the other, each with a question of 64 bytes.
fn rate(at: &str) -> f64 {
    let (start, count) = (Instant::now(), 500);
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
