//! A terminal for a command: what a person would see and type.

use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::Coracle;

/// A command on a terminal of its own.
pub struct Terminal {
    child: Child,
    master: std::fs::File,
    name: std::path::PathBuf,
    seen: Arc<Mutex<Vec<u8>>>,
    /// Kept open, so that reading the master does not fail when the command closes its side.
    _slave: OwnedFd,
}

impl Terminal {
    /// Starts `coracle` with a controlling terminal of this many rows and columns.
    pub fn start(coracle: Coracle, rows: u16, columns: u16) -> Terminal {
        let size = nix::pty::Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = nix::pty::openpty(Some(&size), None).unwrap();
        let name = nix::unistd::ttyname(pty.slave.as_fd()).unwrap();
        // setsid --ctty makes its stdin the controlling terminal and executes the program in its own place
        let mut command = Command::new("setsid");
        command
            .arg("--ctty")
            .arg(super::program())
            .args(&coracle.args);
        command.env_clear();
        for (name, value) in coracle.command.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        if let Some(folder) = coracle.command.get_current_dir() {
            command.current_dir(folder);
        }
        let side = || Stdio::from(pty.slave.try_clone().unwrap());
        let child = command
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .unwrap();
        let master = std::fs::File::from(pty.master);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, sink) = (master.try_clone().unwrap(), seen.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n) = reader.read(&mut buffer) {
                if n == 0 {
                    break;
                }
                sink.lock().unwrap().extend_from_slice(&buffer[..n]);
            }
        });
        Terminal {
            child,
            master,
            name,
            seen,
            _slave: pty.slave,
        }
    }

    /// Types.
    pub fn send(&mut self, text: impl AsRef<[u8]>) {
        self.master.write_all(text.as_ref()).unwrap();
    }

    /// Returns all that was shown.
    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }

    /// Waits until this is shown, at most 20 seconds.
    pub fn expect(&self, text: &str) {
        let end = Instant::now() + Duration::from_secs(20);
        while !self.screen().contains(text) {
            assert!(
                Instant::now() < end,
                "`{text}` does not appear in:\n{}",
                self.screen()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Changes the size of the window.
    pub fn resize(&self, rows: u16, columns: u16) {
        let (rows, columns) = (rows.to_string(), columns.to_string());
        let status = Command::new("stty")
            .arg("-F")
            .arg(&self.name)
            .args(["rows", &rows, "cols", &columns])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Returns the terminal's settings as `stty -g` prints them.
    pub fn settings(&self) -> String {
        let output = Command::new("stty")
            .arg("-F")
            .arg(&self.name)
            .arg("-g")
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Ends the program as closing its window does.
    pub fn hang_up(mut self) {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGHUP).unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end of the command and returns its exit status and all that was shown.
    pub fn finish(mut self) -> (i32, String) {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                use std::os::unix::process::ExitStatusExt;
                std::thread::sleep(Duration::from_millis(50)); // the reader takes what is still in the terminal
                let code = status
                    .code()
                    .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
                return (code, self.screen());
            }
            if Instant::now() > end {
                self.child.kill().ok();
                self.child.wait().ok();
                panic!("still running after 30 seconds:\n{}", self.screen());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
