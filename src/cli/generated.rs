//! `man/` and `share/completions/` are generated from the table of verbs; this test keeps them in step.
//!
//! `CORACLE_BLESS=1 cargo test --lib generated` writes them anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};
use clap_complete::Shell;

use super::{COMMANDS, Verb};

/// A spelling and what it spells.
type Spelled = (&'static [&'static str], &'static Verb);

/// The whole tree as clap sees it, management groups with it.
fn tree() -> Command {
    let root = Command::new("coracle")
        .about("Containers and images for one user: no daemon, no root, no subordinate ids")
        .disable_help_subcommand(true)
        .subcommand_required(true);
    let mut spelled: Vec<Spelled> = Vec::new();
    for verb in COMMANDS {
        spelled.extend(verb.spellings().into_iter().map(|path| (path, *verb)));
    }
    spelled.sort_by(|a, b| a.0.cmp(b.0));
    grow(root, &spelled, 0)
}

fn grow(parent: Command, spelled: &[Spelled], depth: usize) -> Command {
    let mut below: BTreeMap<&'static str, Vec<Spelled>> = BTreeMap::new();
    for &(path, verb) in spelled.iter().filter(|(path, _)| path.len() > depth) {
        below.entry(path[depth]).or_default().push((path, verb));
    }
    below.into_iter().fold(parent, |parent, (word, members)| {
        let own = members.iter().find(|(path, _)| path.len() == depth + 1);
        let command = match own {
            Some((_, verb)) => switches(verb.command()).no_binary_name(false).name(word),
            None => Command::new(word)
                .about(format!("The commands of the group {word}"))
                .disable_help_subcommand(true),
        };
        parent.subcommand(grow(command, &members, depth + 1))
    })
}

/// Of a flag whose value may only stand behind `=` the next word is not the value.
fn switches(command: Command) -> Command {
    command.mut_args(|arg| match arg.is_require_equals_set() {
        true => Arg::new(arg.get_id().clone())
            .short(arg.get_short())
            .long(arg.get_long().map(|name| lasting(name.to_owned())))
            .help(arg.get_help().cloned().unwrap_or_default())
            .hide(arg.is_hide_set())
            .action(ArgAction::SetTrue),
        false => arg,
    })
}

/// File name and content of everything that is generated.
fn files() -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        let mut bytes = Vec::new();
        clap_complete::generate(shell, &mut tree(), "coracle", &mut bytes);
        let generated = text(bytes);
        let (name, script) = match shell {
            Shell::Bash => (
                "coracle.bash",
                generated + include_str!("completion/names.bash"),
            ),
            Shell::Fish => (
                "coracle.fish",
                generated + include_str!("completion/names.fish"),
            ),
            _ => ("_coracle", with_names(&generated)),
        };
        all.insert(Path::new("share/completions").join(name), script);
    }
    for verb in COMMANDS {
        let name = format!("coracle-{}", verb.path.join("-"));
        all.insert(
            Path::new("man").join(format!("{name}.1")),
            page(&name, verb.command()),
        );
    }
    let verbs = COMMANDS
        .iter()
        .map(|v| Command::new(lasting(v.path.join("-"))).about(v.about));
    let root = Command::new("coracle")
        .about("Containers and images for one user: no daemon, no root, no subordinate ids")
        .disable_help_subcommand(true)
        .subcommands(verbs);
    all.insert(PathBuf::from("man/coracle.1"), page("coracle", root));
    all
}

/// zsh asks a function for what stands at each place; the functions must be there before the file's last lines call it.
fn with_names(generated: &str) -> String {
    let mut script = generated.to_owned();
    for (places, function) in [
        (["CONTAINER", "containers"], "_coracle_containers"),
        (["IMAGE", "image"], "_coracle_images"),
        (["images", "SOURCE_IMAGE[:TAG]"], "_coracle_images"),
        (["VOLUME", "volumes"], "_coracle_volumes"),
        (["NETWORK", "network"], "_coracle_networks"),
    ] {
        for place in places {
            script = script.replace(
                &format!(":{place}:_default"),
                &format!(":{place}:{function}"),
            );
        }
    }
    let last = script
        .rfind("\nif [ ")
        .expect("clap's last lines call the function");
    script.insert_str(last, include_str!("completion/names.zsh"));
    script
}

/// Clap wants names that last as long as the program.
fn lasting(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

fn page(name: &str, command: Command) -> String {
    let title = name.replacen("coracle-", "coracle ", 1);
    // `name` is what the page calls the program in its synopsis
    let command = command
        .name(lasting(name.to_owned()))
        .bin_name(title)
        .disable_help_flag(true);
    let mut bytes = Vec::new();
    clap_mangen::Man::new(command)
        .title(name.to_uppercase())
        .source("coracle")
        .date("")
        .render(&mut bytes)
        .unwrap();
    text(bytes)
}

fn text(bytes: Vec<u8>) -> String {
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

#[test]
fn pages_and_completions_are_in_step_with_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wanted = files();
    if super::variable("CORACLE_BLESS").is_some() {
        let _ = std::fs::remove_dir_all(root.join("man")); // absent on the first run
        for (path, text) in &wanted {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }
    let mut stale = Vec::new();
    for (path, text) in &wanted {
        if std::fs::read_to_string(root.join(path)).unwrap_or_default() != *text {
            stale.push(path.display().to_string());
        }
    }
    for entry in std::fs::read_dir(root.join("man")).unwrap() {
        let path = Path::new("man").join(entry.unwrap().file_name());
        if !wanted.contains_key(&path) {
            stale.push(format!("{} (of no verb)", path.display()));
        }
    }
    assert!(
        stale.is_empty(),
        "run `CORACLE_BLESS=1 cargo test --lib generated`; out of step: {stale:#?}"
    );
}
