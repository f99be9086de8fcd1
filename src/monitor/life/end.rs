//! How a container ends: it is told, and then tidied up after.

use super::super::clients::Clients;
use super::super::joiner;
use super::super::{group, net::Net, root};
use super::Life;
use crate::error::{Error, Kind, Result};
use crate::store::containers::Status;
use crate::sys;

impl Life<'_> {
    /// Tells the end first, then cleans up.
    pub(super) fn end(mut self, code: i32) -> Result<()> {
        // from the moment that the end is told the container may be started again: by then nothing of ours is in the way
        self.clients.close(&self.runtime());
        self.net.iter().for_each(Net::close_ports);
        let removed = self.start.remove && self.remove();
        if !removed {
            self.save();
        }
        drop(self.pledge.take());
        let lock = self.lock.take();
        if !removed {
            drop(lock);
        }
        self.clients.tell_exit(code);
        self.clients = Clients::default();
        // the relay delivers last words and ends while we tidy
        drop(self.net.take());
        self.end_supervisor();
        drop(self.log.take());
        while self.io.has_backlog() {
            for fd in joiner::wait_for(&self.io, &[])? {
                self.io.ready(fd, None);
            }
        }
        root::release(self.start);
        group::release(self.start);
        if removed {
            self.sweep();
        }
        Ok(())
    }

    /// Clears what a removed container leaves, when nobody waits for it any more. What stays if we are killed is taken by
    /// the next command that removes something.
    pub(super) fn sweep(&self) {
        sys::priority::lowest();
        self.store.containers().remove_runtime(&self.plan.id);
        let _ = self.store.trash().empty();
    }

    /// Takes the container out of the store, for `--rm`: its name is free when the end is told.
    pub(super) fn remove(&self) -> bool {
        let Some(lock) = &self.lock else { return false };
        let containers = self.store.containers();
        if containers
            .take_out(&self.plan.id, &self.plan.name, lock)
            .is_err()
        {
            return false;
        }
        if !self.start.anonymous_volumes.is_empty() {
            let users = self.store.volumes().users().unwrap_or_default();
            for volume in &self.start.anonymous_volumes {
                // in use by another container (`--volumes-from`): it stays until that one goes
                let _ = self.store.volumes().remove(volume, &users);
            }
        }
        true
    }

    /// The program could not be started: as docker, the container stays "created" with the reason, or goes with `--rm`.
    pub(super) fn not_started(&mut self, why: &Error) {
        self.clients.close(&self.runtime());
        self.end_supervisor();
        if self.start.remove {
            if self.remove() {
                self.sweep();
            }
            return;
        }
        self.state.status = Status::Created;
        self.state.pid = 0;
        self.state.exit_code = match why.kind() {
            Kind::CannotInvoke | Kind::CommandNotFound => why.kind().exit_code().into(),
            _ => 128, // docker's
        };
        self.state.error = why.to_string();
        self.save();
    }
}
