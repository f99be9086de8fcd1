//! What others read of a container: its state, and the note that spares listings the reading.

use super::Life;

impl Life<'_> {
    /// A state that cannot be written (full disk) leaves the old one: the lock still tells the truth about running.
    pub(super) fn save(&mut self) {
        self.drop_note();
        let _ = self
            .store
            .containers()
            .write_state(&self.plan.id, &self.state);
    }

    /// A favour to listings.
    pub(super) fn note(&mut self) {
        if let (false, Some(lock)) = (self.is_noted, &self.lock) {
            let noted = self
                .store
                .containers()
                .note(&self.plan.id, lock, &self.state);
            self.is_noted = noted.is_ok();
        }
    }

    /// Before the state changes.
    pub(super) fn drop_note(&mut self) {
        if let (true, Some(lock)) = (self.is_noted, &self.lock) {
            self.is_noted = lock.note("").is_err();
        }
    }
}
