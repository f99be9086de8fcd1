//! The way to the user's ssh agent: a socket of a step's own, with the mode that the step asked for. The agent's own socket
//! is never in a container, so what a step does to its socket nobody else notices.

use std::fs::File;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Context, Kind, Result};
use crate::sys::thread;

/// Listens until it is dropped.
pub(super) struct Agent {
    path: PathBuf,
    /// Makes `path` lead somewhere.
    _folder: File,
    is_over: Arc<AtomicBool>,
}

impl Agent {
    /// Passes on what comes to `path` to the agent at `socket`.
    pub(super) fn listen(path: &Path, socket: &Path, mode: u32) -> Result<Agent> {
        let cannot = || format!("cannot forward the agent `{}`", socket.display());
        let folder = fs_err::File::open(path.parent().unwrap_or(Path::new("/")))?;
        // an address of a socket has room for 107 bytes: this one is short wherever the folder is
        let name = path.file_name().unwrap_or_default();
        let short = Path::new("/proc/self/fd")
            .join(folder.as_raw_fd().to_string())
            .join(name);
        let listener = UnixListener::bind(&short).context(Kind::System, cannot)?;
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, socket) = (is_over.clone(), socket.to_owned());
        thread::spawn("agent", move || serve(&listener, &socket, &over))?;
        Ok(Agent {
            path: short,
            _folder: folder.into(),
            is_over,
        })
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // the listener sits in accept(2); one that cannot be reached has no guests either
        UnixStream::connect(&self.path).ok();
    }
}

fn serve(listener: &UnixListener, socket: &Path, is_over: &AtomicBool) {
    while let Ok((guest, _)) = listener.accept() {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        // an agent that is gone: the guest finds its connection closed
        let Ok(agent) = UnixStream::connect(socket) else {
            continue;
        };
        let (Ok(guest_too), Ok(agent_too)) = (guest.try_clone(), agent.try_clone()) else {
            continue;
        };
        // without a thread to copy, the connection closes
        thread::spawn("agent", move || copy(guest, agent)).ok();
        thread::spawn("agent", move || copy(agent_too, guest_too)).ok();
    }
}

fn copy(mut from: UnixStream, mut to: UnixStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    // whoever still listens has heard everything
    to.shutdown(Shutdown::Write).ok();
}
