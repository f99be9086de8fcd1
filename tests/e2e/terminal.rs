//! `-t`: a real terminal on our side, a real terminal in the container.

use crate::support::eventually;
use crate::support::pty::Terminal;

#[test]
fn a_terminal_has_our_size_follows_it_and_is_given_back() {
    busybox!(sandbox, image);
    let script =
        "tty; stty size; trap 'stty size; exit 6' WINCH; echo ready; while :; do sleep 0.05; done";
    let terminal = Terminal::start(
        sandbox.coracle(["run", "--rm", "-it", &image, "sh", "-c", script]),
        30,
        100,
    );
    let before = terminal.settings();
    terminal.expect("ready");
    terminal.expect("/dev/pts/0\r\n30 100\r\n");
    assert_ne!(terminal.settings(), before, "our terminal is raw meanwhile");
    terminal.resize(40, 120);
    terminal.expect("40 120");
    let settings = terminal.settings();
    let (code, _) = terminal.finish();
    assert_eq!(code, 6);
    drop(settings);
}

#[test]
fn a_shell_reads_what_is_typed() {
    busybox!(sandbox, image);
    let mut terminal = Terminal::start(
        sandbox.coracle(["run", "--rm", "-it", &image, "sh"]),
        24,
        80,
    );
    terminal.expect("# ");
    terminal.send("echo $((6*7))\n");
    terminal.expect("42\r\n");
    // ^C goes to the program inside, not to us
    terminal.send("sleep 100\n");
    std::thread::sleep(std::time::Duration::from_millis(300));
    terminal.send("\x03");
    terminal.send("echo again\n");
    terminal.expect("again\r\n");
    terminal.send("exit 4\n");
    assert_eq!(terminal.finish().0, 4);
}

#[test]
fn detach_keys_leave_the_container_running_and_attach_comes_back() {
    busybox!(sandbox, image);
    let mut terminal = Terminal::start(
        sandbox.coracle(["run", "-it", "--name", "c1", &image, "sh"]),
        24,
        80,
    );
    terminal.expect("# ");
    terminal.send("x=kept\n");
    terminal.send("\x10\x11"); // ctrl-p ctrl-q
    let (code, screen) = terminal.finish();
    assert_eq!(code, 0, "{screen}");
    assert!(sandbox.coracle(["ps"]).ok().contains("Up "));

    // whoever closes the window of an attach leaves the program alone
    let mut terminal = Terminal::start(sandbox.coracle(["attach", "c1"]), 24, 80);
    terminal.send("echo hello\n");
    terminal.expect("hello\r\n");
    terminal.hang_up();
    assert!(sandbox.coracle(["ps"]).ok().contains("Up "));

    let mut terminal = Terminal::start(sandbox.coracle(["attach", "c1"]), 24, 80);
    terminal.send("echo $x\n");
    terminal.expect("kept\r\n");
    terminal.send("exit 3\n");
    assert_eq!(terminal.finish().0, 3);
}

/// As docker's: a program of full screens draws anew, and a shell shows its prompt, when somebody comes back.
#[test]
fn who_attaches_has_the_program_draw_anew() {
    busybox!(sandbox, image);
    let script = "trap 'echo drawn anew' WINCH; echo ready; while :; do sleep 0.05; done";
    let run = ["run", "-it", "--name", "c1", &image, "sh", "-c", script];
    let mut terminal = Terminal::start(sandbox.coracle(run), 24, 80);
    terminal.expect("ready");
    terminal.send("\x10\x11");
    terminal.finish();
    let mut terminal = Terminal::start(sandbox.coracle(["attach", "c1"]), 24, 80);
    terminal.expect("drawn anew");
    terminal.send("\x10\x11");
    terminal.finish();
    let size = sandbox.coracle(["exec", "c1", "stty", "-F", "/proc/1/fd/0", "size"]);
    assert_eq!(size.ok(), "24 80\n");
}

#[test]
fn exec_has_a_terminal_too() {
    busybox!(sandbox, image);
    sandbox
        .coracle(["run", "-d", "--name", "c1", &image, "sleep", "1000"])
        .ok();
    let command = sandbox.coracle(["exec", "-it", "c1", "sh", "-c", "tty; stty size; exit 9"]);
    let (code, screen) = Terminal::start(command, 33, 77).finish();
    assert_eq!(code, 9, "{screen}");
    assert!(
        screen.contains("/dev/pts/") && screen.contains("33 77"),
        "{screen}"
    );
}

#[test]
fn without_a_terminal_it_is_refused_as_docker_does() {
    busybox!(sandbox, image);
    let text = sandbox
        .docker(["run", "--rm", "-it", &image, "sh"])
        .fails(1);
    assert_eq!(text, "the input device is not a TTY\n");
    // -t alone needs none on our side
    assert_eq!(
        sandbox.coracle(["run", "--rm", "-t", &image, "tty"]).ok(),
        "/dev/pts/0\r\n"
    );
}

/// Starts a program that tells of signals, sends `signal` to its `run`, and returns how that ended.
fn signalled(flags: &[&str], signal: &str) -> Option<crate::support::Output> {
    let (sandbox, image) = crate::support::Sandbox::with_busybox()?;
    let script = "trap 'echo term; exit 5' TERM; trap 'echo hup; exit 6' HUP; echo ready; while :; do sleep 0.05; done";
    let words = [&["run", "--rm", "--name", "c1"], flags].concat();
    let child = sandbox
        .coracle(words.into_iter().chain([&*image, "sh", "-c", script]))
        .spawn();
    eventually("it is ready", || {
        let logs = sandbox.coracle(["logs", "c1"]).output();
        logs.stdout.contains("ready")
    });
    let pid = child.id().to_string();
    let kill = std::process::Command::new("kill")
        .args(["-s", signal, &pid])
        .status();
    assert!(kill.unwrap().success());
    let limit = std::time::Duration::from_secs(10);
    Some(crate::support::finish(
        child,
        Vec::new(),
        limit,
        "run".to_owned(),
    ))
}

#[test]
fn signals_to_run_go_to_the_program_and_to_one_with_a_terminal_as_well() {
    for (flags, signal, want) in [
        (&[][..], "TERM", (5, "ready\nterm\n")),
        (&["-t"], "TERM", (5, "ready\r\nterm\r\n")),
        (&["-t"], "HUP", (6, "ready\r\nhup\r\n")),
    ] {
        let Some(output) = signalled(flags, signal) else {
            return;
        };
        assert_eq!(
            (output.code, output.stdout.as_str()),
            want,
            "{flags:?} {signal}"
        );
    }
}

#[test]
fn output_that_cannot_be_written_is_told() {
    busybox!(sandbox, image);
    sandbox
        .coracle(["run", "-d", "--name", "c1", &image, "sleep", "60"])
        .ok();
    for words in [
        &["run", "--rm", &image, "echo", "hi"][..],
        &["run", &image, "echo", "hi"],
        &["exec", "c1", "seq", "100000"],
    ] {
        let script = "\"$@\" > /dev/full";
        let mut command = sandbox.command("sh");
        command
            .args(["-c", script, "sh"])
            .arg(crate::support::program())
            .args(words);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // docker's word and exit status
        assert!(
            said.starts_with("write /dev/stdout: no space left on device\n"),
            "{words:?}: {said}"
        );
        assert_eq!(output.status.code(), Some(1), "{words:?}");
    }
}
