//! The restart policy: a function of how the container ended.

use std::time::Duration;

use crate::store::containers::RestartPolicy;

/// Pause before the first restart; each next one is twice as long.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
pub(crate) const LAST_PAUSE: Duration = Duration::from_secs(60);
/// After running for this long the pauses begin anew.
pub(crate) const STEADY: Duration = Duration::from_secs(10);

/// What to do with a container that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Start it again.
    Again,
    /// It stays down.
    Down,
}

/// Decides for a container that ended with `code` after `restarts` restarts by policy.
pub(crate) fn verdict(
    policy: &RestartPolicy,
    code: i32,
    restarts: u32,
    stopped_by_user: bool,
) -> Verdict {
    let again = !stopped_by_user
        && match policy.name.as_str() {
            "always" | "unless-stopped" => true,
            "on-failure" => {
                code != 0
                    && (policy.maximum_retry_count == 0 || restarts < policy.maximum_retry_count)
            }
            _ => false,
        };
    if again { Verdict::Again } else { Verdict::Down }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_docker_s() {
        let policy = |name: &str, n| RestartPolicy {
            name: name.to_owned(),
            maximum_retry_count: n,
        };
        for (name, most, code, restarts, stopped, expected) in [
            ("no", 0, 1, 0, false, Verdict::Down),
            ("always", 0, 0, 99, false, Verdict::Again),
            ("always", 0, 0, 0, true, Verdict::Down),
            ("unless-stopped", 0, 3, 0, false, Verdict::Again),
            ("on-failure", 0, 0, 0, false, Verdict::Down),
            ("on-failure", 0, 1, 7, false, Verdict::Again),
            ("on-failure", 2, 1, 1, false, Verdict::Again),
            ("on-failure", 2, 1, 2, false, Verdict::Down),
        ] {
            assert_eq!(
                verdict(&policy(name, most), code, restarts, stopped),
                expected,
                "{name} {code} {restarts}"
            );
        }
    }
}
