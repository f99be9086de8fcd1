//! The runtime folder may vanish while a container lives (the last logout takes /run/user/UID), or the store may have another
//! one now. A command that does not see our lock calls us; lock, control socket and the list of networks' members are then
//! made where they are looked for. A relay that was killed is followed by another one.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::super::net::{self, Entered};
use super::Life;
use crate::host::paths;
use crate::store::paths::Paths;
use crate::store::{self, Store};
use crate::sys::lock::Lock;

/// A relay that lived for less is renewed later.
const PAUSE: Duration = Duration::from_secs(1);

impl Life<'_> {
    /// Folder of the lock and the control socket.
    pub(super) fn runtime(&self) -> PathBuf {
        self.store.containers().runtime(&self.plan.id)
    }

    /// After a call. What cannot be made is tried again at the next one.
    pub(super) fn follow(&mut self) {
        let old = self.store.paths();
        let uid = nix::unistd::geteuid().as_raw();
        let agreed = paths::agreed(&old.data).filter(|path| paths::private(path, uid).is_ok());
        let runtime = agreed.unwrap_or_else(|| old.runtime.clone());
        let is_here = self.lock.as_ref().is_none_or(Lock::is_named);
        if is_here && runtime == old.runtime {
            return; // some other signal
        }
        let store = Store::known(Paths {
            data: old.data.clone(),
            runtime,
        });
        let runtime = store.containers().runtime(&self.plan.id);
        let left = self.runtime();
        // whoever sees the lock finds somebody who answers
        let listens = store::folder(&runtime).is_ok() && self.clients.listen_anew(&runtime).is_ok();
        let lock = listens.then(|| store.containers().take(&self.plan.id));
        let Some(Ok(Some(lock))) = lock else {
            return;
        };
        if let Some(old) = self.lock.replace(lock)
            && is_here
        {
            // nobody looks there any more: what stays goes with the next boot
            std::fs::remove_file(left.join("ctl")).ok();
            old.remove().ok();
            std::fs::remove_dir(&left).ok();
        }
        self.is_noted = false;
        self.store = store;
        if let Some(net) = &self.net {
            net.follow(&self.store.paths().runtime);
        }
    }

    /// The relay was killed. Another one takes its place, with the same addresses and ports; connections are lost. Where that
    /// fails the program runs on, cut off until its next start.
    pub(super) fn renew_network(&mut self) {
        self.renew_at = None;
        let (Some(network), Some(child), None) = (&self.start.network, &self.child, &self.net)
        else {
            return;
        };
        // it may be killed again and again
        let earliest = self.renewed.map(|at| at + PAUSE);
        self.renew_at = earliest.filter(|at| Instant::now() < *at);
        if self.renew_at.is_some() {
            return;
        }
        self.renewed = Some(Instant::now());
        let begun = net::begin(self.plan, network, self.store.paths(), Entered::Other);
        let Ok(net) = begun.and_then(|net| net.plug_running(child.pid).map(|()| net)) else {
            return;
        };
        net.note(&mut self.state);
        self.net = Some(net);
        self.save();
    }
}
