use super::*;

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn every_verb_builds_and_every_spelling_finds_it() {
    for verb in COMMANDS {
        verb.command().debug_assert();
        for path in verb.spellings() {
            let line: Vec<String> = path.iter().map(ToString::to_string).collect();
            match find(&line) {
                Found::Verb(found, used) => {
                    assert_eq!((found.path, used), (verb.path, path.len()), "{line:?}");
                }
                _ => panic!("{line:?} is not found"),
            }
        }
    }
}

#[test]
fn an_unknown_verb_is_found_nowhere() {
    assert!(matches!(find(&words("foo bar")), Found::Nothing));
}

#[test]
fn the_few_flags_built_for_a_run_read_as_all_of_them() {
    for line in [
        "img",
        "-it --rm -h name img -x --foo",
        "-dit --name=x -v /a:/b -e A=1 --net host --read-only=false img true",
        "-p 80:80 --gpus all --entrypoint -q img",
        "--help",
        "--foo img",
        "-xh",
        "--name",
        "-m 1q img",
    ] {
        for verb in [&run::VERB, &create::VERB] {
            let words = words(line);
            let all = verb.command().try_get_matches_from(&words);
            let few = verb.command_for(&words).try_get_matches_from(&words);
            match (all, few) {
                (Ok(all), Ok(few)) => {
                    for id in all.ids() {
                        let raw = |m: &ArgMatches| {
                            m.get_raw(id.as_str())
                                .map(|v| v.map(ToOwned::to_owned).collect::<Vec<_>>())
                        };
                        assert_eq!(raw(&all), raw(&few), "{line} {id}");
                    }
                }
                (Err(all), Err(few)) => {
                    let full = verb.whole();
                    let said = |e: &clap::Error| (e.kind(), usage::wrong_flag(e, &full, &words));
                    assert_eq!(said(&all), said(&few), "{line}");
                }
                (all, few) => panic!("{line}: {all:?} {few:?}"),
            }
        }
    }
}
