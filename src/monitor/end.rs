//! Removing a container with `--rm`: its name and folder go before the exit is told, its files after.

use crate::container::plan::{Kind, Plan};
use crate::store::Store;
use crate::sys::lock::Lock;

/// Takes the container out of the store; what is left of it lies in the trash. `None` when it could not be moved.
pub(super) fn remove<'a>(store: &'a Store, plan: &Plan, lock: &Lock) -> Option<&'a Store> {
    let Kind::Start(start) = &plan.kind else {
        return None;
    };
    store.containers().remove_held(&plan.id, lock).ok()?;
    if !start.anonymous_volumes.is_empty() {
        let users = store.volumes().users().unwrap_or_default();
        for volume in &start.anonymous_volumes {
            // in use by another container (`--volumes-from`): it stays until that one goes
            let _ = store.volumes().remove(volume, &users);
        }
    }
    Some(store)
}

/// Empties the trash, when nobody else does.
pub(super) fn clean(store: Option<&Store>) {
    if let Some(store) = store {
        // what stays is taken by the next command that removes something
        let _ = store.trash().empty();
    }
}
