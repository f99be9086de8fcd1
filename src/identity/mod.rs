//! Many ids for a user who may map one: who each process of a container believes to be, and whom each file belongs to.
//!
//! Every file and process of a container is the calling user's; the kernel knows no other id in it. What programs are told
//! instead comes from here: a seccomp filter ([`filter`]) stops the calls that ask for ids or change them, and a
//! supervisor ([`serve`]) answers by the kernel's own rules ([`credentials`], [`permission`]) from the credentials that
//! each process carries ([`table`]) and the owners that are recorded with each file (`store::owners`). It has no right
//! that the container itself does not have: nothing here is a boundary, the container is. docs/IDENTITY.md tells more.

pub mod acl;
pub mod calls;
pub mod claim;
pub mod credentials;
pub mod filter;
mod layout;
pub mod permission;
pub mod serve;
pub mod table;

use serde::{Deserialize, Serialize};

/// How ids other than the one mapped are provided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Ids, owners, and credentials that programs send over sockets.
    Messages,
    /// Ids and owners.
    Full,
    /// Ids; owners are recorded but not shown.
    Ids,
    /// One other id, by the kernel.
    Native,
    /// None.
    Off,
}

impl Mode {
    /// Its name on the command line and in the container's state.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Messages => "messages",
            Mode::Full => "full",
            Mode::Ids => "ids",
            Mode::Native => "native",
            Mode::Off => "off",
        }
    }

    /// The mode of a name; `None` for `auto` and others.
    pub fn parse(name: &str) -> Option<Mode> {
        use Mode::{Full, Ids, Messages, Native, Off};
        [Messages, Full, Ids, Native, Off]
            .into_iter()
            .find(|mode| mode.name() == name)
    }

    /// Whether there is a supervisor.
    pub fn is_supervised(self) -> bool {
        matches!(self, Mode::Messages | Mode::Full | Mode::Ids)
    }
}
