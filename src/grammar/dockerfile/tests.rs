//! What BuildKit does with files, asked from a real one (v0.13) unless a line says otherwise.

use super::*;

fn file(text: &str) -> Dockerfile {
    parse(text.as_bytes()).unwrap_or_else(|fault| panic!("{text:?}: {fault:?}"))
}

fn steps(text: &str) -> Vec<Step> {
    file(&format!("FROM b\n{text}")).stages.remove(0).steps
}

fn run(text: &str) -> Run {
    match steps(text).remove(0).instruction {
        Instruction::Run(run) => run,
        other => panic!("{other:?}"),
    }
}

fn command(text: &str) -> String {
    run(text).command.words.join("|")
}

#[test]
fn lines_join_with_nothing_between_them() {
    assert_eq!(
        command("RUN echo one && \\\n    echo two"),
        "echo one &&     echo two"
    );
    assert_eq!(command("RUN a \\  \t\n b \\"), "a  b");
    assert_eq!(command("RUN a \\\n# comment\n  # another\n b"), "a  b");
    assert_eq!(command("RUN a \\\\\n"), "a \\\\");
    assert_eq!(command("run\techo # no comment"), "echo # no comment");
    assert_eq!(command("  \tRUN x\r\n"), "x");
}

#[test]
fn an_empty_line_in_a_continuation_swallows_the_next() {
    let file = file("FROM b\nRUN echo a \\\n\nENV b=1\n");
    assert_eq!(file.warnings[0].rule, "NoEmptyContinuation");
    assert_eq!(file.warnings[0].lines, Lines { first: 2, last: 4 });
    assert_eq!(file.stages[0].steps.len(), 1);
    assert_eq!(command("RUN echo a \\\n\nENV b=1\n"), "echo a ENV b=1");
}

#[test]
fn directives_end_with_the_first_other_line() {
    let escape = |text: &str| file(text).directives.escape;
    assert_eq!(escape("# escape=`\nFROM b\n"), '`');
    assert_eq!(escape("#ESCAPE = `\nFROM b\n"), '`');
    assert_eq!(escape("# hi\n# escape=`\nFROM b\n"), '\\');
    assert_eq!(escape("\n# escape=`\nFROM b\n"), '\\');
    let both = file("# syntax=docker/dockerfile:1\n# escape=`\nFROM b\nRUN a `\n b\n");
    assert_eq!(
        both.directives.syntax.as_ref().unwrap().0,
        "docker/dockerfile:1"
    );
    assert_eq!(both.stages[0].steps[0].text, "RUN a  b");
    let check = file("# check=skip=all;error=true\nFROM b\n")
        .directives
        .check;
    assert_eq!(check.unwrap().0, "skip=all;error=true");
}

#[test]
fn a_mark_of_byte_order_and_windows_lines_are_taken() {
    let file = file("\u{feff}from b\r\nrun <<EOF\r\necho a\r\nEOF\r\n");
    let Instruction::Run(run) = &file.stages[0].steps[0].instruction else {
        panic!()
    };
    assert_eq!(run.heredocs[0].content, "echo a\r\n");
}

#[test]
fn heredocs_follow_in_the_order_of_their_words() {
    let run = run("RUN <<A cat - 3<<\"B\" ; cat <&3\none $x\nA\ntwo\nB\n");
    let [a, b] = run.heredocs.as_slice() else {
        panic!()
    };
    assert_eq!(
        (a.name.as_str(), a.expand, a.content.as_str()),
        ("A", true, "one $x\n")
    );
    assert_eq!(
        (b.name.as_str(), b.expand, b.descriptor.as_str()),
        ("B", false, "3")
    );
    assert_eq!(b.content, "two\n");
    assert_eq!(run.command.words, ["<<A cat - 3<<\"B\" ; cat <&3"]);
}

#[test]
fn files_of_heredocs() {
    let text = "COPY <<-\"a b\" <<f2 plain /x/\n\tx $v\n\t\ta\n\ta b\ny\nf2\n";
    let Instruction::Copy(copy) = steps(text).remove(0).instruction else {
        panic!()
    };
    assert_eq!(copy.sources, ["plain"]);
    assert_eq!(copy.destination, "/x/");
    assert_eq!(copy.heredocs[0].name, "a b");
    assert_eq!(copy.heredocs[0].chomped(), "x $v\na\n");
    assert!(!copy.heredocs[0].expand && copy.heredocs[1].expand);
    let trigger = steps("ONBUILD RUN <<EOF\nx\nEOF\n").remove(0).instruction;
    assert_eq!(
        trigger,
        Instruction::OnBuild("RUN <<EOF\nx\nEOF".to_owned())
    );
    assert!(parse_trigger("RUN <<EOF\nx\nEOF", Lines { first: 1, last: 1 }).is_ok());
}

#[test]
fn both_forms() {
    assert!(!run("RUN [\"a\", \"b c\"]").command.shell);
    assert_eq!(command("RUN [\"a\", \"b c\"]"), "a|b c");
    assert!(run("RUN [ \"a\", 'b' ]").command.shell);
    assert_eq!(
        command("RUN [ \"a\", 'b' ] || true"),
        "[ \"a\", 'b' ] || true"
    );
    let Instruction::Copy(copy) = steps("COPY [\"a b\", \"/c d/\"]").remove(0).instruction else {
        panic!()
    };
    assert_eq!(
        (copy.sources[0].as_str(), copy.destination.as_str()),
        ("a b", "/c d/")
    );
}

#[test]
fn pairs_keep_their_quotes_until_they_expand() {
    let pairs = |text| match steps(text).remove(0).instruction {
        Instruction::Env(pairs, old) | Instruction::Label(pairs, old) => (pairs, old),
        other => panic!("{other:?}"),
    };
    let own = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        list.iter()
            .map(|(a, b)| (a.to_string(), b.to_string()))
            .collect()
    };
    assert_eq!(
        pairs("ENV a=\"q \"\"two\"\" x\" b=c\\ d"),
        (own(&[("a", "\"q \"\"two\"\" x\""), ("b", "c\\ d")]), false)
    );
    assert_eq!(
        pairs("ENV k  two   spaces \"q\" "),
        (own(&[("k", "two   spaces \"q\"")]), true)
    );
    assert_eq!(pairs("ENV a="), (own(&[("a", "")]), false));
    assert_eq!(
        pairs("LABEL \"sp ace\"=\"x y\" k="),
        (own(&[("\"sp ace\"", "\"x y\""), ("k", "")]), false)
    );
}

#[test]
fn stages_have_names_in_lower_case() {
    let file = file("ARG V=1\nFROM --platform=$BUILDPLATFORM a:$V AS One\nFROM one as x.y-z_2\n");
    assert_eq!(file.arguments.len(), 1);
    assert_eq!(file.stages[0].name.as_deref(), Some("one"));
    assert_eq!(file.stages[0].platform.as_deref(), Some("$BUILDPLATFORM"));
    assert_eq!(file.stages[1].base, "one");
    assert_eq!(file.stages[1].name.as_deref(), Some("x.y-z_2"));
}

#[test]
fn wrong_files_have_buildkits_sentences() {
    for (text, line, want) in [
        ("", 0, "the Dockerfile cannot be empty"),
        ("# only\n", 0, "file with no instructions"),
        ("ARG a\n", 0, "dockerfile contains no stages to build"),
        ("RUN x\n", 1, "no build stage in current context"),
        (
            "FROM b\nRUNN x\n",
            2,
            "dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)",
        ),
        (
            "FROM b\nCMD <<EOF\nx\nEOF\n",
            3,
            "dockerfile parse error on line 3: unknown instruction: x",
        ),
        (
            "FROM b\nCMD [1, 2]\n",
            2,
            "when using JSON array syntax, arrays must be comprised of strings only",
        ),
        ("FROM b\nENV a\n", 2, "ENV must have two arguments"),
        (
            "FROM b\nENV a=1 b\n",
            2,
            "Syntax error - can't find = in \"b\". Must be of the form: name=value",
        ),
        (
            "FROM b\nENV =x\n",
            2,
            "dockerfile parse error on line 2: ENV names can not be blank",
        ),
        (
            "FROM b\nLABEL =x\n",
            2,
            "dockerfile parse error on line 2: LABEL names can not be blank",
        ),
        (
            "FROM b\nCOPY --form=x a /a\n",
            2,
            "dockerfile parse error on line 2: unknown flag: form (did you mean from?)",
        ),
        (
            "FROM b\nRUN --foo x\n",
            2,
            "dockerfile parse error on line 2: unknown flag: foo",
        ),
        (
            "FROM b\nCOPY a\n",
            2,
            "dockerfile parse error on line 2: COPY requires at least two arguments, but only one was provided. Destination could not be determined",
        ),
        (
            "FROM a b\n",
            1,
            "dockerfile parse error on line 1: FROM requires either one or three arguments",
        ),
        (
            "FROM b AS 1x\n",
            1,
            "dockerfile parse error on line 1: invalid name for build stage: \"1x\", name can't start with a number or contain symbols",
        ),
        (
            "FROM b\nHEALTHCHECK FOO x\n",
            2,
            "dockerfile parse error on line 2: Unknown type \"FOO\" in HEALTHCHECK (try CMD)",
        ),
        (
            "FROM b\nHEALTHCHECK NONE x\n",
            2,
            "dockerfile parse error on line 2: HEALTHCHECK NONE takes no arguments",
        ),
        (
            "FROM b\nHEALTHCHECK --interval=1 CMD x\n",
            2,
            "dockerfile parse error on line 2: time: missing unit in duration \"1\"",
        ),
        (
            "FROM b\nSHELL bash\n",
            2,
            "dockerfile parse error on line 2: SHELL requires the arguments to be in JSON form",
        ),
        (
            "FROM b\nONBUILD ONBUILD RUN x\n",
            2,
            "dockerfile parse error on line 2: Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed",
        ),
        (
            "FROM b\nONBUILD FROM x\n",
            2,
            "dockerfile parse error on line 2: FROM isn't allowed as an ONBUILD trigger",
        ),
        (
            "FROM b\nWORKDIR\n",
            2,
            "dockerfile parse error on line 2: WORKDIR requires exactly one argument",
        ),
        (
            "FROM b\nVOLUME [\"\"]\n",
            2,
            "dockerfile parse error on line 2: VOLUME specified can not be an empty string",
        ),
        (
            "FROM b\nCOPY --link=foo a b\n",
            2,
            "dockerfile parse error on line 2: expecting boolean value for flag link, not: foo",
        ),
        (
            "FROM b\nCOPY --chown a b\n",
            2,
            "dockerfile parse error on line 2: missing a value on flag: chown",
        ),
        (
            "FROM b\nCOPY --from=x --from=y a b\n",
            2,
            "dockerfile parse error on line 2: duplicate flag specified: from",
        ),
        (
            "FROM b\nRUN --network=foo x\n",
            2,
            "dockerfile parse error on line 2: invalid network mode \"foo\"",
        ),
        (
            "FROM b\nRUN --mount=type=bnd,target=/x ls\n",
            2,
            "unsupported mount type \"bnd\" (did you mean bind?)",
        ),
        ("FROM b\nCOPY <<EOF /x\nabc\n", 2, "unterminated heredoc"),
        (
            "# escape=x\nFROM b\n",
            1,
            "invalid escape token 'x' does not match ` or \\",
        ),
        (
            "# escape=`\n# escape=`\nFROM b\n",
            2,
            "only one escape parser directive can be used",
        ),
        ("FROM b\nRUN a\0b\n", 2, "a NUL byte"),
    ] {
        let fault = parse(text.as_bytes()).unwrap_err();
        assert_eq!(fault.text, want, "{text:?}");
        assert_eq!(fault.lines.map_or(0, |l| l.first), line, "{text:?}");
    }
    let long = format!("FROM b\nRUN {}\n", "x".repeat(65536));
    assert_eq!(
        parse(long.as_bytes()).unwrap_err().text,
        "dockerfile line greater than max allowed size of 65535"
    );
}

#[test]
fn bytes_that_are_not_text_become_replacement_characters() {
    let file = parse(b"FROM b\nRUN echo \xff\n").unwrap();
    assert_eq!(file.stages[0].steps[0].text, "RUN echo \u{fffd}");
}

#[test]
fn health_checks_are_nanoseconds() {
    let text = "HEALTHCHECK --interval=5s --timeout=1m --retries=3 CMD curl x";
    let Instruction::Healthcheck(check) = steps(text).remove(0).instruction else {
        panic!()
    };
    assert_eq!(check.test, ["CMD-SHELL", "curl x"]);
    assert_eq!(
        (check.interval, check.timeout, check.retries),
        (5_000_000_000, 60_000_000_000, 3)
    );
}

#[test]
fn any_bytes_end_in_an_answer() {
    use proptest::prelude::*;
    let word = prop_oneof![
        Just("FROM b\n".to_owned()),
        Just("RUN ".to_owned()),
        Just("COPY ".to_owned()),
        Just("<<EOF".to_owned()),
        Just("EOF\n".to_owned()),
        Just("\\\n".to_owned()),
        Just("ONBUILD ".to_owned()),
        Just("--mount=".to_owned()),
        Just("ENV ".to_owned()),
        "[ -~\\n]{0,8}",
        any::<char>().prop_map(String::from),
    ];
    proptest!(|(words in prop::collection::vec(word, 0..24))| {
        let text = words.concat();
        if let Ok(file) = parse(text.as_bytes()) {
            let count = text.split('\n').count();
            for step in file.stages.iter().flat_map(|s| &s.steps) {
                prop_assert!(step.lines.first >= 1 && step.lines.last <= count);
            }
        }
    });
}
