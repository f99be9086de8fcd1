//! `/proc/PID/status` as ps, top and pkill read it: the kernel's text with the ids that the process believes to have.

use std::ffi::CString;
use std::fmt::Write;
use std::os::fd::AsFd;

use super::worker::{Asked, CONTINUE, Outcome, Worker};
use crate::identity::credentials::{Credentials, Four};
use crate::sys::{fd, task};

impl Worker {
    /// The process whose status the path in `self.path` names; `None` for any other path.
    pub(super) fn status_of(&self, asked: &Asked<'_>) -> Option<i32> {
        let who = self
            .path
            .strip_prefix(b"/proc/")?
            .strip_suffix(b"/status")?;
        match who {
            b"self" | b"thread-self" => task::pid_there(self.shared.pids(), asked.tid as i32),
            _ => std::str::from_utf8(who).ok()?.parse().ok(),
        }
    }

    /// Gives the asker a copy of the text, with the ids changed.
    pub(super) fn status(&mut self, asked: &Asked<'_>, pid: i32, flags: i32) -> Outcome {
        let here = task::pid_here(self.shared.pids(), pid);
        let Some(who) = here.and_then(|pid| self.credentials_of(pid as u32).ok().flatten()) else {
            return CONTINUE;
        };
        if who.is_root() {
            return CONTINUE;
        }
        // by the container's own /proc, for the container's numbers
        let path = CString::new(format!("/proc/{pid}/status")).expect("digits hold no zero byte");
        let text = fd::open(&path, libc::O_RDONLY)
            .ok()
            .and_then(|fd| std::io::read_to_string(std::fs::File::from(fd)).ok());
        let Some(text) = text else {
            return CONTINUE;
        };
        let Ok(copy) = fd::sealed(c"status", shown(&text, &who).as_bytes(), false) else {
            return CONTINUE;
        };
        fd::rewind(&copy);
        asked
            .lead
            .listener
            .answer_with(asked.id, copy.as_fd(), flags & libc::O_CLOEXEC != 0)?;
        Ok(None)
    }
}

/// The text with a process's own ids and capabilities (proc_pid_status(5)).
fn shown(text: &str, who: &Credentials) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let four = |id: &Four| format!("{}\t{}\t{}\t{}", id.real, id.effective, id.saved, id.fs);
    for line in text.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = match name {
            "Umask" => format!("\t{:04o}", who.umask),
            "Uid" => format!("\t{}", four(&who.user)),
            "Gid" => format!("\t{}", four(&who.group)),
            "Groups" => {
                let groups = who.groups.iter().map(|gid| format!("{gid} "));
                format!("\t{}", groups.collect::<String>())
            }
            "CapInh" => format!("\t{:016x}", who.inheritable),
            "CapAmb" => format!("\t{:016x}", who.ambient),
            "CapPrm" => format!("\t{:016x}", who.permitted),
            "CapEff" => format!("\t{:016x}", who.effective),
            _ => value.to_owned(),
        };
        // a string takes everything
        let _ = writeln!(out, "{name}:{value}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_ids_are_other_than_the_kernels() {
        let who = Credentials::new(33, 34, &[34, 4], u64::MAX);
        let text = "Name:\tsh\nUmask:\t0000\nPid:\t7\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t0 \nCapEff:\t00000000a80425fb\n";
        let expected = "Name:\tsh\nUmask:\t0022\nPid:\t7\nUid:\t33\t33\t33\t33\nGid:\t34\t34\t34\t34\nGroups:\t4 34 \nCapEff:\t0000000000000000\n";
        assert_eq!(shown(text, &who), expected);
    }
}
