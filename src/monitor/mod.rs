//! ROLE. One monitor per container, and a short-lived one per exec session.

/// argv[1] of this role.
pub const ROLE: &str = "__monitor";

/// Runs the role; never returns.
pub fn main() -> ! {
    std::process::exit(125)
}
