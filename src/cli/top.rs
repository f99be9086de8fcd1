//! `coracle top`: the processes of a container.
//!
//! Docker's default columns (`ps -ef`) are made here; other options are given to the host's `ps`, of whose lines those of
//! the container stay.

use clap::{ArgMatches, Command};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use nix::unistd::{SysconfVar, sysconf};

use super::args::{self, command_line};
use super::{Session, Verb};
use crate::container::top::{Process, pids};
use crate::error::{Context, Error, Kind, Result};
use crate::ui::out;
use crate::ui::table::{Layout, align};

pub(super) const VERB: Verb = Verb {
    path: &["top"],
    aliases: &[&["container", "top"]],
    about: "Display the running processes of a container",
    args: |command: Command| command.arg(command_line("words", 1.., "CONTAINER [ps OPTIONS]")),
    run,
};

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let words: Vec<&String> = args::values(matches, "words").collect();
    let (name, options) = words
        .split_first()
        .expect("clap asks for one word at least");
    let found = session.store()?.containers().find(name)?;
    let pids = pids(&found)?;
    let table = match options {
        [] => own_table(&pids),
        options => ps_table(options, &pids)?,
    };
    out::text(align(&table, Layout::TOP))?;
    Ok(0)
}

/// Docker's default, `ps -ef`.
fn own_table(pids: &[i32]) -> String {
    let clock = Clock::now();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut text = "UID\tPID\tPPID\tC\tSTIME\tTTY\tTIME\tCMD\n".to_owned();
    for p in pids.iter().filter_map(|p| Process::read(*p)) {
        let cells = [
            user(&passwd, p.uid),
            p.pid.to_string(),
            p.parent.to_string(),
            clock.share(&p).to_string(),
            clock.start(&p),
            terminal(p.terminal),
            clock.spent(&p),
            p.command.replace(['\t', '\n'], " "),
        ];
        text.push_str(&cells.join("\t"));
        text.push('\n');
    }
    text
}

/// A user's name, cut as `ps` cuts it to eight letters; the number where there is none.
fn user(passwd: &str, uid: u32) -> String {
    let id = uid.to_string();
    let mut lines = passwd.lines().map(|l| l.split(':'));
    let name = lines.find_map(|mut l| Some((l.next()?, l.nth(1)?)).filter(|(_, u)| *u == id));
    match name {
        Some((name, _)) if name.chars().count() > 8 => name.chars().take(7).chain(['+']).collect(),
        Some((name, _)) => name.to_owned(),
        None => id,
    }
}

/// `pts/0`, `tty1`, or `?` (proc_pid_stat(5): major in bits 15 to 8, minor in 31 to 20 and 7 to 0).
fn terminal(device: u64) -> String {
    let (major, minor) = (
        (device >> 8) & 0xff,
        ((device >> 12) & 0xfff00) | (device & 0xff),
    );
    match major {
        136..=143 => format!("pts/{}", (major - 136) * 256 + minor),
        4 if minor < 64 => format!("tty{minor}"),
        4 => format!("ttyS{}", minor - 64),
        _ => "?".to_owned(),
    }
}

/// Turns clock ticks into times.
struct Clock {
    now: Timestamp,
    /// Seconds since boot.
    uptime: f64,
    ticks: f64,
    zone: TimeZone,
}

impl Clock {
    fn now() -> Clock {
        let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
        let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100);
        Clock {
            now: Timestamp::now(),
            uptime: text
                .split(' ')
                .next()
                .and_then(|t| t.parse().ok())
                .unwrap_or(0.0),
            ticks: ticks as f64,
            zone: TimeZone::system(),
        }
    }

    /// Seconds that the process is old.
    fn age(&self, p: &Process) -> f64 {
        (self.uptime - p.start_ticks as f64 / self.ticks).max(0.0)
    }

    /// Percent of one processor over its life.
    fn share(&self, p: &Process) -> u64 {
        let age = self.age(p);
        if age < 1.0 {
            0
        } else {
            ((p.cpu_ticks as f64 / self.ticks) * 100.0 / age).min(99.0) as u64
        }
    }

    /// `18:12` today, `Nov24` this year, else the year.
    fn start(&self, p: &Process) -> String {
        let age = jiff::SignedDuration::from_secs_f64(self.age(p));
        let now = self.now.to_zoned(self.zone.clone());
        let start = self
            .now
            .checked_sub(age)
            .unwrap_or(self.now)
            .to_zoned(self.zone.clone());
        let form = match (start.date() == now.date(), start.year() == now.year()) {
            (true, _) => "%H:%M",
            (false, true) => "%b%d",
            (false, false) => "%Y",
        };
        start.strftime(form).to_string()
    }

    /// `00:00:01`, with days before it where there are any.
    fn spent(&self, p: &Process) -> String {
        let all = (p.cpu_ticks as f64 / self.ticks) as u64;
        let (days, hours, minutes, seconds) =
            (all / 86400, all / 3600 % 24, all / 60 % 60, all % 60);
        let days = if days > 0 {
            format!("{days}-")
        } else {
            String::new()
        };
        format!("{days}{hours:02}:{minutes:02}:{seconds:02}")
    }
}

/// Runs the host's `ps` with the user's options.
#[expect(
    clippy::disallowed_methods,
    reason = "the options of `ps` are the host's own program's"
)]
fn ps_table(options: &[&String], pids: &[i32]) -> Result<String> {
    let output = std::process::Command::new("ps")
        .args(options)
        .output()
        .context(Kind::Host, || "cannot run `ps`")
        .map_err(|e| e.hint("install procps, or leave the options out"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let line = said
            .lines()
            .find(|l| !l.trim().is_empty())
            .unwrap_or_default();
        return Err(Error::new(Kind::Invalid, "ps").because(line));
    }
    chosen(&String::from_utf8_lossy(&output.stdout), pids)
}

/// Keeps the lines of the container; the last column may hold blanks.
fn chosen(text: &str, pids: &[i32]) -> Result<String> {
    let mut lines = text.lines();
    let head: Vec<&str> = lines
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let Some(place) = head.iter().position(|c| *c == "PID") else {
        return Err(Error::new(
            Kind::Invalid,
            "Couldn't find PID field in ps output",
        ));
    };
    let mut table = head.join("\t") + "\n";
    for line in lines {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let pid = fields.get(place).and_then(|f| f.parse::<i32>().ok());
        if pid.is_none_or(|p| !pids.contains(&p)) {
            continue;
        }
        let (cells, rest) = fields.split_at(fields.len().min(head.len() - 1));
        table.push_str(&format!("{}\t{}\n", cells.join("\t"), rest.join(" ")));
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_container_stay() {
        let ps = "    PID CMD\n   2401 sleep 10000\n   7 init\n";
        assert_eq!(
            chosen(ps, &[2401]).unwrap(),
            "PID\tCMD\n2401\tsleep 10000\n"
        );
        let e = chosen("CMD\nsleep\n", &[2401]).unwrap_err();
        assert_eq!(e.to_string(), "Couldn't find PID field in ps output");
    }

    #[test]
    fn columns_are_those_of_ps() {
        for (device, want) in [
            (0, "?"),
            (34816, "pts/0"),
            (34817, "pts/1"),
            (0x0401, "tty1"),
            (0x0440, "ttyS0"),
        ] {
            assert_eq!(terminal(device), want);
        }
        let passwd = "root:x:0:0::/:/bin/sh\nsystemd-network:x:998:1::/:/bin/sh\n";
        for (uid, want) in [(0, "root"), (998, "systemd+"), (1500, "1500")] {
            assert_eq!(user(passwd, uid), want);
        }
        let clock = Clock {
            now: "2026-11-24T18:12:00Z".parse().unwrap(),
            uptime: 1000.0,
            ticks: 100.0,
            zone: TimeZone::UTC,
        };
        let process = |start_ticks, cpu_ticks| Process {
            pid: 1,
            parent: 0,
            uid: 0,
            terminal: 0,
            cpu_ticks,
            reaped_ticks: 0,
            threads: 1,
            start_ticks,
            command: String::new(),
        };
        assert_eq!(clock.start(&process(0, 0)), "17:55");
        assert_eq!(clock.share(&process(0, 50_000)), 50);
        assert_eq!(clock.spent(&process(0, 9_000_061)), "1-01:00:00");
    }
}
