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
