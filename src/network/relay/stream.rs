//! One TCP connection through the relay: bytes from either end to the other, without a copy once it is busy.
//!
//! Both sockets are watched edge-triggered: what is readable or writable is remembered here until a call says EAGAIN.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use crate::sys::inet::{self, Pipe};

/// Bytes of the one buffer that all quiet connections share.
const BUFFER: usize = 256 * 1024;
/// A read of so many bytes counts as full.
const FULL: usize = 64 * 1024;
/// A spliced read below this makes a direction less busy.
const SMALL: usize = 16 * 1024;
/// After so many full reads a direction gets a pipe.
const HOT: u8 = 2;
/// Reads of one direction before others get their turn.
const TURN: u32 = 16;
/// Pipes kept for the next busy connection.
const SPARE_PIPES: usize = 8;

/// What connections share.
pub(super) struct Room {
    buffer: Vec<u8>,
    pipes: Vec<Pipe>,
}

impl Room {
    pub(super) fn new() -> Room {
        Room {
            buffer: Vec::new(),
            pipes: Vec::new(),
        }
    }

    /// Gives memory back while nothing moves.
    pub(super) fn rest(&mut self) {
        *self = Room::new();
    }

    fn buffer(&mut self) -> &mut [u8] {
        if self.buffer.is_empty() {
            self.buffer = vec![0; BUFFER];
        }
        &mut self.buffer
    }

    fn pipe(&mut self) -> Option<Pipe> {
        // without one the bytes are copied
        self.pipes.pop().or_else(|| Pipe::new().ok())
    }
}

/// What is to be done with a connection after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// Nothing until an event.
    Wait,
    /// Another turn, when the others have had theirs.
    More,
    /// Close it: both ends have said all.
    Over,
    /// Reset it: one end failed.
    Broken,
}

/// One direction.
#[derive(Default)]
struct Way {
    pipe: Option<Pipe>,
    in_pipe: usize,
    /// Bytes that were read and not yet taken by the other end.
    waiting: Vec<u8>,
    taken: usize,
    full_reads: u8,
    /// The reading end said that nothing more comes.
    ended: bool,
    /// The other end knows.
    told: bool,
}

/// One end.
struct End {
    fd: OwnedFd,
    readable: bool,
    writable: bool,
    /// The peer has said its last: short reads then do not mean that all was read.
    hung_up: bool,
    /// Epoll is to say when it is writable. Only of an end that was full once: of a short connection nobody asks.
    asks_for_room: bool,
}

/// Both ends: 0 is the container's, 1 the outside's.
pub(super) struct Stream {
    ends: [End; 2],
    ways: [Way; 2],
    /// A turn is due without an event.
    pub(super) is_due: bool,
}

/// What epoll said of one end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ready {
    pub(super) readable: bool,
    pub(super) writable: bool,
    pub(super) hung_up: bool,
}

impl Stream {
    /// Joins two sockets that are connected.
    pub(super) fn new(inside: OwnedFd, outside: OwnedFd) -> Stream {
        Stream::with(inside, outside, true)
    }

    /// Joins two of which the inner is being connected.
    pub(super) fn connecting(inside: OwnedFd, outside: OwnedFd) -> Stream {
        Stream::with(inside, outside, false)
    }

    fn with(inside: OwnedFd, outside: OwnedFd, is_connected: bool) -> Stream {
        // epoll says at once what is there to be read
        let end = |fd, is_connected: bool| End {
            fd,
            readable: false,
            writable: is_connected,
            hung_up: false,
            asks_for_room: !is_connected,
        };
        Stream {
            ends: [end(inside, is_connected), end(outside, true)],
            ways: Default::default(),
            is_due: false,
        }
    }

    /// Returns a socket, for epoll, and whether it is to be asked for room.
    pub(super) fn end(&self, side: usize) -> (BorrowedFd<'_>, bool) {
        (self.ends[side].fd.as_fd(), self.ends[side].asks_for_room)
    }

    /// Says whether an end is full for the first time: epoll must be told.
    pub(super) fn is_newly_full(&mut self, side: usize) -> bool {
        let end = &mut self.ends[side];
        let is_new = !end.writable && !end.asks_for_room;
        end.asks_for_room |= is_new;
        is_new
    }

    /// Asks the outside from time to time whether it lives.
    pub(super) fn keep_alive(&self) {
        // a connection that is gone needs none
        let _ = inet::set_keepalive(self.ends[1].fd.as_fd());
    }

    /// Notes what epoll said.
    pub(super) fn note(&mut self, side: usize, ready: Ready) {
        let end = &mut self.ends[side];
        end.readable |= ready.readable || ready.hung_up;
        end.writable |= ready.writable;
        end.hung_up |= ready.hung_up;
    }

    /// Says whether everything that the container has said is delivered, and it will say no more.
    pub(super) fn has_delivered(&self) -> bool {
        self.ways[0].told
    }

    /// Moves what can be moved.
    pub(super) fn turn(&mut self, room: &mut Room) -> After {
        let mut more = false;
        for from in 0..2 {
            match self.way(from, room) {
                Ok(unfinished) => more |= unfinished,
                Err(_) => {
                    // what was said the other way before still arrives, and no end after it
                    self.ways[1 - from].told = true;
                    let _ = self.way(1 - from, room);
                    return After::Broken;
                }
            }
        }
        if self.ways.iter().all(|w| w.told) {
            return After::Over;
        }
        if more { After::More } else { After::Wait }
    }

    /// Moves one direction; true when its turn was over before the bytes were.
    fn way(&mut self, from: usize, room: &mut Room) -> nix::Result<bool> {
        for _ in 0..TURN {
            if !self.flush(from)? {
                return Ok(false);
            }
            let way = &mut self.ways[from];
            if way.ended {
                if !way.told {
                    way.told = true;
                    way.give_back(room);
                    // of the second one the close tells
                    if !self.ways[1 - from].told {
                        inet::shut_down_writing(self.ends[1 - from].fd.as_fd());
                    }
                }
                return Ok(false);
            }
            if !self.ends[from].readable {
                self.ways[from].give_back(room);
                return Ok(false);
            }
            self.read(from, room)?;
        }
        Ok(true)
    }

    /// Sends what was read before; true when nothing is left.
    fn flush(&mut self, from: usize) -> nix::Result<bool> {
        let (way, end) = (&mut self.ways[from], &mut self.ends[1 - from]);
        while way.in_pipe > 0 || way.taken < way.waiting.len() {
            if !end.writable {
                return Ok(false);
            }
            let moved = match &way.pipe {
                Some(pipe) if way.in_pipe > 0 => pipe.empty(end.fd.as_fd(), way.in_pipe),
                _ => inet::send(end.fd.as_fd(), &way.waiting[way.taken..]),
            };
            match moved {
                Ok(n) if way.in_pipe > 0 => way.in_pipe -= n,
                Ok(n) => way.taken += n,
                Err(Errno::EAGAIN) => end.writable = false,
                Err(Errno::EINTR) => {}
                Err(e) => return Err(e),
            }
        }
        way.taken = 0;
        if !way.waiting.is_empty() {
            // what one connection once held back must not stay its own for ever
            way.waiting = Vec::new();
        }
        Ok(true)
    }

    fn read(&mut self, from: usize, room: &mut Room) -> nix::Result<()> {
        let (way, end) = (&mut self.ways[from], &mut self.ends[from]);
        if way.full_reads >= HOT && way.pipe.is_none() {
            // and as many small ones take it away
            way.pipe = room.pipe();
        }
        let got = match &way.pipe {
            Some(pipe) => pipe.fill(end.fd.as_fd()),
            None => inet::receive(end.fd.as_fd(), room.buffer()),
        };
        match got {
            Ok(0) => way.ended = true,
            Ok(n) if way.pipe.is_some() => {
                way.in_pipe = n;
                if n < SMALL {
                    way.full_reads = way.full_reads.saturating_sub(1); // copies cost less than a pipe
                }
            }
            Ok(n) => {
                way.full_reads = match n >= FULL {
                    true => way.full_reads.saturating_add(1).min(2 * HOT),
                    false => 0,
                };
                if n < BUFFER && !end.hung_up {
                    end.readable = false; // new bytes are a new edge
                }
                self.pass(from, &room.buffer[..n])?;
            }
            Err(Errno::EAGAIN) => end.readable = false,
            Err(Errno::EINTR) => {}
            Err(e) => return Err(e),
        }
        Ok(())
    }

    /// Sends bytes from the shared buffer; what the other end does not take is kept.
    fn pass(&mut self, from: usize, bytes: &[u8]) -> nix::Result<()> {
        let end = &mut self.ends[1 - from];
        let mut sent = 0;
        while sent < bytes.len() && end.writable {
            match inet::send(end.fd.as_fd(), &bytes[sent..]) {
                Ok(n) => sent += n,
                Err(Errno::EAGAIN) => end.writable = false,
                Err(Errno::EINTR) => {}
                Err(e) => return Err(e),
            }
        }
        self.ways[from].waiting.extend_from_slice(&bytes[sent..]);
        Ok(())
    }

    /// Closes both ends with a reset.
    pub(super) fn reset(self) {
        for end in &self.ends {
            inet::set_reset(end.fd.as_fd());
        }
    }

    /// Gives its pipes back.
    pub(super) fn finish(mut self, room: &mut Room) {
        for way in &mut self.ways {
            way.give_back(room);
        }
    }
}

impl Way {
    /// A quiet direction needs no pipe of its own.
    fn give_back(&mut self, room: &mut Room) {
        if self.in_pipe == 0
            && let Some(pipe) = self.pipe.take()
            && room.pipes.len() < SPARE_PIPES
        {
            room.pipes.push(pipe);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};

    use super::*;

    /// A program, the relay's end of its connection.
    fn pair() -> (TcpStream, OwnedFd) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let client = TcpStream::connect(listener.local_addr().expect("name")).expect("connect");
        let (server, _) = listener.accept().expect("accept");
        server.set_nonblocking(true).expect("flag");
        (client, server.into())
    }

    fn all(ready: bool) -> Ready {
        Ready {
            readable: ready,
            writable: ready,
            hung_up: false,
        }
    }

    #[test]
    fn bytes_and_ends_pass_both_ways() {
        let ((mut inner, a), (mut outer, b)) = (pair(), pair());
        let mut stream = Stream::new(a, b);
        let mut room = Room::new();
        inner.write_all(b"question").expect("write");
        inner.shutdown(Shutdown::Write).expect("shutdown");
        let mut after = After::Wait;
        for _ in 0..3 {
            stream.note(0, all(true));
            after = stream.turn(&mut room);
        }
        assert_eq!((after, stream.has_delivered()), (After::Wait, true));
        let mut text = String::new();
        outer.read_to_string(&mut text).expect("read");
        outer.write_all(b"answer").expect("write");
        drop(outer);
        for _ in 0..3 {
            stream.note(
                1,
                Ready {
                    hung_up: true,
                    ..all(true)
                },
            );
            after = stream.turn(&mut room);
        }
        assert_eq!(after, After::Over);
        stream.finish(&mut room); // the close is the last word
        inner.read_to_string(&mut text).expect("read");
        assert_eq!(text, "questionanswer");
    }

    #[test]
    fn a_slow_reader_holds_back_and_nothing_is_lost() {
        let ((mut inner, a), (mut outer, b)) = (pair(), pair());
        let mut stream = Stream::new(a, b);
        let mut room = Room::new();
        let bytes: Vec<u8> = (0..24u32 << 18).map(|n| (n >> 4) as u8).collect();
        let sent = bytes.clone();
        let writer = crate::sys::thread::spawn("writer", move || {
            inner.write_all(&sent).expect("write");
            inner
        })
        .expect("a thread");
        let reader = crate::sys::thread::spawn("reader", move || {
            let mut got = Vec::new();
            std::thread::sleep(std::time::Duration::from_millis(100));
            outer.read_to_end(&mut got).expect("read");
            got
        })
        .expect("a thread");
        let mut had_pipe = false;
        let mut ended = false;
        loop {
            for side in 0..2 {
                stream.note(side, all(true));
            }
            assert_ne!(stream.turn(&mut room), After::Broken);
            had_pipe |= stream.ways[0].pipe.is_some() || !room.pipes.is_empty();
            if writer.is_finished() && !ended {
                ended = true;
            }
            if ended && !stream.ways[0].told {
                // the writer's end is still open: closing it ends the stream
                break;
            }
        }
        drop(writer.join().expect("writer"));
        while !stream.has_delivered() {
            for side in 0..2 {
                stream.note(side, all(true));
            }
            assert_ne!(stream.turn(&mut room), After::Broken);
        }
        assert!(had_pipe, "a busy direction is spliced");
        assert!(reader.join().expect("reader") == bytes);
    }

    #[test]
    fn an_answer_before_a_reset_arrives_and_has_no_end() {
        let ((mut inner, a), (mut outer, b)) = (pair(), pair());
        let mut stream = Stream::new(a, b);
        inner.write_all(b"question").expect("write");
        stream.note(0, all(true));
        assert_eq!(stream.turn(&mut Room::new()), After::Wait);
        outer.write_all(b"too long").expect("write");
        drop(outer); // with the question unread: a reset
        inner.write_all(b"more").expect("write");
        for side in 0..2 {
            stream.note(
                side,
                Ready {
                    hung_up: side == 1,
                    ..all(true)
                },
            );
        }
        assert_eq!(stream.turn(&mut Room::new()), After::Broken);
        stream.reset();
        let (mut text, mut end) = ([0; 8], [0]);
        inner.read_exact(&mut text).expect("read");
        assert_eq!(&text, b"too long");
        let end = inner.read(&mut end).map_err(|e| e.kind());
        assert_eq!(end, Err(std::io::ErrorKind::ConnectionReset));
    }

    #[test]
    fn a_reset_breaks_both() {
        let ((inner, a), (_outer, b)) = (pair(), pair());
        let mut stream = Stream::new(a, b);
        inet::set_reset(inner.as_fd());
        drop(inner);
        stream.note(
            0,
            Ready {
                hung_up: true,
                ..all(true)
            },
        );
        assert_eq!(stream.turn(&mut Room::new()), After::Broken);
    }
}
