//! Chooses the role before anything else happens; never starts a thread.

fn main() -> std::process::ExitCode {
    let args: Vec<std::ffi::OsString> = std::env::args_os().collect();
    if args.get(1).is_some_and(|a| a == coracle::monitor::ROLE) {
        coracle::monitor::main();
    }
    if args.get(1).is_some_and(|a| a == coracle::host::probe::ROLE) {
        return coracle::host::probe::main(&args[2..], coracle::network::TRIES);
    }
    if args
        .get(1)
        .is_some_and(|a| a == coracle::container::sweep::ROLE)
    {
        return coracle::container::sweep::main(&args[2..]);
    }
    if args
        .get(1)
        .is_some_and(|a| a == coracle::image::capabilities::ROLE)
    {
        return coracle::image::capabilities::main();
    }
    coracle::cli::main(args)
}
