//! Answers to the calls that ask for ids and change them.

use nix::errno::Errno;

use super::worker::{Asked, CONTINUE, Outcome, Worker, value};
use crate::identity::calls::Call;
use crate::identity::credentials::{Four, MOST_GROUPS, cap};

impl Worker {
    pub(super) fn ids(&mut self, asked: &Asked<'_>) -> Outcome {
        use Call::*;
        let done = |()| value(0);
        let (a, b, c) = (asked.uid(0), asked.uid(1), asked.uid(2));
        match asked.call {
            SetUid => self.change(asked, |who| who.set_uid(a)).and_then(done),
            SetGid => self.change(asked, |who| who.set_gid(a)).and_then(done),
            SetReuid => self.change(asked, |who| who.set_reuid(a, b)).and_then(done),
            SetRegid => self.change(asked, |who| who.set_regid(a, b)).and_then(done),
            SetResuid => self
                .change(asked, |who| who.set_resuid([a, b, c]))
                .and_then(done),
            SetResgid => self
                .change(asked, |who| who.set_resgid([a, b, c]))
                .and_then(done),
            SetFsuid => value(self.change(asked, |who| Ok(who.set_fsuid(a)))?),
            SetFsgid => value(self.change(asked, |who| Ok(who.set_fsgid(a)))?),
            SetGroups => {
                if !self.credentials(asked)?.has(cap::SETGID) {
                    return Err(Errno::EPERM); // before anybody looks at them
                }
                let groups = self.read_groups(asked)?;
                self.change(asked, |who| who.set_groups(groups))
                    .and_then(done)
            }
            GetGroups => self.get_groups(asked),
            GetResuid => {
                let user = self.credentials(asked)?.user;
                self.write_three(asked, user)
            }
            GetResgid => {
                let group = self.credentials(asked)?.group;
                self.write_three(asked, group)
            }
            Umask => {
                self.change(asked, |who| {
                    who.umask = a & 0o777;
                    Ok(())
                })?;
                CONTINUE
            }
            Prctl => self.prctl(asked),
            _ => self.get(asked),
        }
    }

    /// What is asked of the filter: see [`Prctl`](crate::identity::calls::Call::Prctl).
    fn prctl(&mut self, asked: &Asked<'_>) -> Outcome {
        let [what, a, b, c, d, _] = asked.args;
        match what as i32 {
            libc::PR_CAP_AMBIENT => {
                value(self.change(asked, |who| who.change_ambient(a, b, [c, d]))?)
            }
            libc::PR_CAPBSET_DROP => {
                self.change(asked, |who| who.drop_bounding(a))?;
                CONTINUE
            }
            _ => {
                self.change(asked, |who| {
                    who.keep = a == 1;
                    Ok(())
                })?;
                CONTINUE
            }
        }
    }

    fn get(&mut self, asked: &Asked<'_>) -> Outcome {
        let who = self.credentials(asked)?;
        let id = match asked.call {
            Call::GetUid => who.user.real,
            Call::GetEuid => who.user.effective,
            Call::GetGid => who.group.real,
            _ => who.group.effective,
        };
        value(narrow(id, asked.id_size()))
    }

    fn write_three(&mut self, asked: &Asked<'_>, four: Four) -> Outcome {
        let tracee = self.tracee(asked)?;
        let size = asked.id_size();
        for (at, id) in [four.real, four.effective, four.saved]
            .into_iter()
            .enumerate()
        {
            tracee.write(asked.args[at], &narrow(id, size).to_le_bytes()[..size])?;
        }
        value(0)
    }

    fn get_groups(&mut self, asked: &Asked<'_>) -> Outcome {
        let groups = self.credentials(asked)?.groups;
        let (room, size) = (asked.int(0), asked.id_size());
        let count = groups.len() as i32;
        if room != 0 && room < count || room < 0 {
            return Err(Errno::EINVAL);
        }
        if room != 0 && count != 0 {
            let bytes: Vec<u8> = groups
                .iter()
                .flat_map(|gid| narrow(*gid, size).to_le_bytes().into_iter().take(size))
                .collect();
            self.tracee(asked)?.write(asked.args[1], &bytes)?;
        }
        value(count)
    }

    fn read_groups(&mut self, asked: &Asked<'_>) -> Result<Vec<u32>, Errno> {
        let (count, size) = (asked.args[0] as u32 as usize, asked.id_size());
        if count > MOST_GROUPS {
            return Err(Errno::EINVAL);
        }
        let mut bytes = vec![0; count * size];
        if count > 0 {
            self.tracee(asked)?.read(asked.args[1], &mut bytes)?;
        }
        let id = |bytes: &[u8]| {
            let word = bytes
                .iter()
                .rev()
                .fold(0u64, |word, byte| word << 8 | u64::from(*byte));
            asked.ids.read(word)
        };
        Ok(bytes.chunks_exact(size).map(id).collect())
    }
}

/// Ids too large for 16 bits are shown as 65534 there.
fn narrow(id: u32, size: usize) -> u32 {
    match size {
        2 if id > u32::from(u16::MAX) => 65534,
        _ => id,
    }
}
