//! What docker 26 answers, recorded with `docker inspect --format` on an image (its data as below) and `docker ps --format`.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const INSPECT: Rules<'static> = Rules {
    omitted: &[],
    objects: Objects::Structs {
        maps: &["Labels", "Data", "Volumes", "Ports"],
        lists: &["Entrypoint"],
    },
    method: None,
    header: false,
};

fn image() -> Value {
    json!({
        "Id": "sha256:538f", "RepoTags": ["a/debian:12"], "Parent": "", "Os": "linux", "Size": 173313053,
        "Config": {
            "Tty": false, "Env": ["A=1", "B=2"], "Cmd": ["bash"], "Volumes": null, "Entrypoint": null,
            "Labels": null, "Healthcheck": null
        },
        "GraphDriver": {"Data": {"WorkDir": "/w", "UpperDir": "/u"}, "Name": "overlay2"},
        "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "81/tcp": null}},
        "Mounts": [{"Type": "bind", "Name": "", "RW": true}]
    })
}

fn run(text: &str, data: &Value, rules: Rules<'_>) -> String {
    match Template::parse(text).and_then(|template| template.execute(data, rules)) {
        Ok(text) => text,
        Err(e) => format!("! {}", e.to_string().trim_start_matches("template: ")),
    }
}

fn check(cases: &[(&str, &str)]) {
    let data = image();
    for (text, expected) in cases {
        assert_eq!(&run(text, &data, INSPECT), expected, "{text}");
    }
}

#[test]
fn fields_are_printed_as_go_prints_them() {
    check(&[
        ("{{.Id}}", "sha256:538f"),
        ("{{$.Id}} {{ .Size }}", "sha256:538f 173313053"),
        ("{{.RepoTags}}", "[a/debian:12]"),
        ("{{.GraphDriver.Data}}", "map[UpperDir:/u WorkDir:/w]"),
        ("{{.GraphDriver}}", "{map[UpperDir:/u WorkDir:/w] overlay2}"),
        (
            "{{printf \"%+v\" .GraphDriver}}",
            "{Data:map[UpperDir:/u WorkDir:/w] Name:overlay2}",
        ),
        ("{{.Mounts}}", "[{bind  true}]"),
        ("{{.Config.Tty}}", "false"),
        ("{{.Config.Entrypoint}} {{.Config.Volumes}}", "[] map[]"),
        ("{{.Config.Labels.foo}}", "<no value>"),
        ("{{.Config.Labels.a.b}}", "<no value>"),
        ("{{index .Config.Labels \"foo\"}}", ""),
        (
            "{{json .RepoTags}} {{json .Config.Entrypoint}}",
            "[\"a/debian:12\"] null",
        ),
        ("{{json \"<&>\"}} {{json nil}}", "\"<&>\" null"),
        (
            "{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}",
            "8080",
        ),
        (
            "{{range $p, $c := .NetworkSettings.Ports}}{{$p}}={{range $c}}{{.HostPort}}{{end}};{{end}}",
            "80/tcp=8080;81/tcp=;",
        ),
        ("{{index .NetworkSettings.Ports \"99/tcp\"}}", "[]"),
        ("{{.Id}}", "sha256:538f"),
    ]);
}

#[test]
fn what_is_not_there_is_an_error_that_names_it() {
    check(&[
        (
            "{{.id}}",
            "! :1:2: executing \"\" at <.id>: map has no entry for key \"id\"",
        ),
        (
            "{{.Config.Foo}}",
            "! :1:9: executing \"\" at <.Config.Foo>: map has no entry for key \"Foo\"",
        ),
        (
            "a\n {{.Foo}}",
            "! :2:3: executing \"\" at <.Foo>: map has no entry for key \"Foo\"",
        ),
        (
            "{{with .Nope}}a{{end}}",
            "! :1:7: executing \"\" at <.Nope>: map has no entry for key \"Nope\"",
        ),
        (
            "{{.Os.Foo}}",
            "! :1:5: executing \"\" at <.Os.Foo>: can't evaluate field Foo in type interface {}",
        ),
        (
            "{{.Os.Foo 1}}",
            "! :1:5: executing \"\" at <.Os.Foo>: can't evaluate field Foo in type interface {}",
        ),
        (
            "{{.Config.Env.Foo}}",
            "! :1:9: executing \"\" at <.Config.Env.Foo>: can't evaluate field Foo in type interface {}",
        ),
        (
            "{{.Config.Entrypoint.Foo}}",
            "! :1:9: executing \"\" at <.Config.Entrypoint.Foo>: nil pointer evaluating interface {}.Foo",
        ),
        ("{{.Config.Healthcheck}}", "<nil>"),
        (
            "{{(1).Foo}}",
            "! :1:3: executing \"\" at <1>: can't evaluate field Foo in type int",
        ),
        (
            "{{.Os 1}}",
            "! :1:2: executing \"\" at <.Os>: Os is not a method but has arguments",
        ),
        (
            "{{ .Id .Os }}",
            "! :1:3: executing \"\" at <.Id>: Id is not a method but has arguments",
        ),
        (
            "{{nil}}",
            "! :1:2: executing \"\" at <nil>: nil is not a command",
        ),
        ("{{print nil}}", "<nil>"),
        (
            "{{(nil)}}",
            "! :1:3: executing \"\" at <nil>: nil is not a command",
        ),
        (
            "{{ \"a\" \"b\" }}",
            "! :1:3: executing \"\" at <\"a\">: can't give argument to non-function \"a\"",
        ),
        (
            "{{1 2}}",
            "! :1:2: executing \"\" at <1>: can't give argument to non-function 1",
        ),
        (
            "{{template \"nope\"}}",
            "! :1:11: executing \"\" at <{{template \"nope\"}}>: template \"nope\" not defined",
        ),
        (
            "{{$x = 1}}",
            "! :1:7: executing \"\" at <1>: undefined variable: $x",
        ),
        (
            "{{9223372036854775808}}",
            "! :1:2: executing \"\" at <9223372036854775808>: 9223372036854775808 overflows int",
        ),
        (
            "{{template \"x\"}}{{define \"x\"}}{{template \"x\"}}{{end}}",
            "! :1:41: executing \"x\" at <{{template \"x\"}}>: exceeded maximum template depth (400)",
        ),
    ]);
}

#[test]
fn control_flow_is_gos() {
    check(&[
        (
            "{{if .RepoTags}}y{{else}}n{{end}}{{if .Config.Tty}}a{{end}}",
            "y",
        ),
        (
            "{{if eq .Os \"x\"}}X{{else if eq .Os \"linux\"}}L{{else}}N{{end}}",
            "L",
        ),
        ("{{with 0}}a{{else with 1}}{{.}}{{end}}", "1"),
        ("{{with .Os}}{{.}}{{else}}n{{end}}", "linux"),
        ("{{range .Config.Env}}[{{.}}]{{end}}", "[A=1][B=2]"),
        (
            "{{range $i, $e := .Config.Env}}{{$i}}={{$e}};{{end}}",
            "0=A=1;1=B=2;",
        ),
        (
            "{{range $k, $v := .GraphDriver}}{{$k}};{{end}}",
            "Data;Name;",
        ),
        (
            "{{range 3}}{{.}}{{end}}{{range $i := 2}}{{$i}}{{end}}",
            "01201",
        ),
        (
            "{{range 0}}{{else}}e{{end}}{{range .Config.Labels}}x{{else}}e{{end}}",
            "ee",
        ),
        ("{{range .Config.Env}}{{break}}{{end}}x", "x"),
        (
            "{{range .Config.Env}}{{if eq . \"A=1\"}}{{continue}}{{end}}{{.}}{{end}}",
            "B=2",
        ),
        (
            "{{range \"abc\"}}{{end}}",
            "! :1:8: executing \"\" at <\"abc\">: range can't iterate over abc",
        ),
        (
            "{{range 1.5}}{{end}}",
            "! :1:8: executing \"\" at <1.5>: range can't iterate over 1.5",
        ),
        ("{{$x := .Os}}{{$x}}{{$x = \"b\"}}{{$x}}", "linuxb"),
        (
            "{{$x := 1}}{{if 1}}{{$x := 2}}{{$x = 3}}{{$x}}{{end}}{{$x}}",
            "31",
        ),
        (
            "{{$x := 1}}{{range .Config.Env}}{{$x = .}}{{end}}{{$x}}",
            "B=2",
        ),
        (
            "{{with $x := .Os}}{{$x}}{{end}}{{if $x := .Os}}{{$x}}{{end}}",
            "linuxlinux",
        ),
        ("{{$x := 1 | printf \"%d\"}}{{$x}}", "1"),
        (
            "{{define \"x\"}}<{{.}}>{{end}}{{template \"x\" .Os}}",
            "<linux>",
        ),
        ("{{block \"y\" .Os}}({{.}}){{end}}", "(linux)"),
        (
            "{{template \"a\"}}{{define \"a\"}}{{.}}{{end}}",
            "<no value>",
        ),
        (
            "{{and 1 0 2}} {{or 0 \"\" \"x\"}} {{not 0}} {{or 0}}",
            "0 x true 0",
        ),
        ("{{and 0 (index .RepoTags 9)}}", "0"),
        (
            "{{and 1 (index .RepoTags 9)}}",
            "! :1:9: executing \"\" at <index .RepoTags 9>: error calling index: index out of range: 9",
        ),
    ]);
}

#[test]
fn the_text_is_cut_as_go_cuts_it() {
    check(&[
        ("{{/* c */}}a{{- /* d */ -}} b", "ab"),
        ("{{- .Os -}} x", "linuxx"),
        ("a \n {{- 3 -}} \n b", "a3b"),
        ("a{{\"{{\"}}b{{`}}`}}", "a{{b}}"),
        ("{{`a\nb`}} {{\"a\\tb\\x41\\u00e9\\101\"}}", "a\nb a\tbAéA"),
        (
            "{{1.5}} {{0x10}} {{1e3}} {{'a'}} {{'\\n'}} {{true}} {{-5}} {{+5}} {{1_000}} {{0b11}} {{0o17}} {{017}} {{.5}} {{1.}}",
            "1.5 16 1000 97 10 true -5 5 1000 3 15 15 0.5 1",
        ),
        (
            "{{1.50}} {{1e21}} {{1e20}} {{0.00001}} {{1e6}} {{123456789.5}}",
            "1.5 1e+21 1e+20 1e-05 1e+06 1.234567895e+08",
        ),
        ("{{.Id }}}}", "sha256:538f}}"),
        ("}}", "}}"),
        ("{{.Id | }}", "sha256:538f"),
        ("{{(.Config).Cmd}} {{(index .Config.Env 0)}}", "[bash] A=1"),
        ("{{ .Id", "! :1: unclosed action"),
        ("a\n{{ .Id\n", "! :3: unclosed action started at :2"),
        ("{{.Id}", "! :1: bad character U+007D '}'"),
        (
            "{{.Id | 1}}",
            "! :1: non executable command in pipeline stage 2",
        ),
        ("{{| .Id}}", "! :1: unexpected \"|\" in command"),
        ("{{(.Id}}", "! :1: unclosed left paren"),
        ("{{.Id)}}", "! :1: unexpected right paren"),
        ("{{if .Id}}x", "! :1: unexpected EOF"),
        ("{{else}}", "! :1: unexpected {{else}}"),
        ("{{else if 1}}", "! :1: unexpected {{else}}"),
        ("{{end}}", "! :1: unexpected {{end}}"),
        (
            "{{if 1}}{{else}}{{else}}{{end}}",
            "! :1: expected end; found {{else}}",
        ),
        ("{{if}}", "! :1: missing value for if"),
        ("{{with}}{{end}}", "! :1: missing value for with"),
        (
            "{{if 1}} {{ else if }}{{end}}",
            "! :1: missing value for if",
        ),
        (
            "{{if 1}}{{else foo}}{{end}}",
            "! :1: unexpected \"foo\" in else",
        ),
        ("{{$y}}", "! :1: undefined variable \"$y\""),
        (
            "{{if $x := .Os}}{{end}}{{$x}}",
            "! :1: undefined variable \"$x\"",
        ),
        (
            "{{range $i,$j,$k := .RepoTags}}{{end}}",
            "! :1: too many declarations in range",
        ),
        ("{{foo}}", "! :1: function \"foo\" not defined"),
        ("{{. Os}}", "! :1: function \"Os\" not defined"),
        ("{{'ab'}}", "! :1: malformed character constant: 'ab'"),
        ("{{\"\\q\"}}", "! :1: invalid syntax"),
        ("{{\"a", "! :1: unterminated quoted string"),
        ("{{/* a }}", "! :1: unclosed comment"),
        (
            "{{/* a */ }}",
            "! :1: comment ends before closing delimiter",
        ),
        ("{{-.Os}}", "! :1: bad number syntax: \"-.O\""),
        ("{{.Os..Id}}", "! :1: unexpected <.> in operand"),
        ("{{..}}", "! :1: unexpected <.> in operand"),
        ("{{1..2}}", "! :1: unexpected \".2\" in operand"),
        ("{{12ab}}", "! :1: bad number syntax: \"12a\""),
        ("{{1e}}", "! :1: illegal number syntax: \"1e\""),
        ("{{0x}}", "! :1: illegal number syntax: \"0x\""),
        ("{{-}}", "! :1: illegal number syntax: \"-\""),
        ("{{+ 1}}", "! :1: illegal number syntax: \"+\""),
        ("{{1e400}}", "! :1: illegal number syntax: \"1e400\""),
        (
            "{{1000000000000000000000}}",
            "! :1: integer overflow: \"1000000000000000000000\"",
        ),
        ("{{#}}", "! :1: unexpected \"#\" in command"),
        ("{{.Os,}}", "! :1: unexpected \",\" in operand"),
        (
            "{{template \"x\" 1 2}}{{define \"x\"}}{{end}}",
            "! :1:15: executing \"\" at <1>: can't give argument to non-function 1",
        ),
        (
            "{{template x}}",
            "! :1: unexpected \"x\" in template clause",
        ),
        ("{{template}}", "! :1: unexpected \"}}\" in template clause"),
        (
            "{{define x}}{{end}}",
            "! :1: unexpected \"x\" in define clause",
        ),
        (
            "{{if 1}}{{define \"x\"}}{{end}}{{end}}",
            "! :1: unexpected <define> in command",
        ),
        (
            "{{block \"x\"}}{{end}}",
            "! :1: missing value for block clause",
        ),
        (
            "{{define \"a\"}}A{{end}}{{define \"a\"}}B{{end}}",
            "! :1: template: multiple definition of template \"a\"",
        ),
        ("{{true.Foo}}", "! :1: unexpected . after term \"true\""),
        (
            "{{\"a\".Foo}}",
            "! :1: unexpected . after term \"\\\"a\\\"\"",
        ),
        ("{{break}}", "! :1: {{break}} outside {{range}}"),
        ("{{break 1}}", "! :1: unexpected \"1\" in {{break}}"),
        ("{{}}", "! :1: missing value for command"),
    ]);
}

#[test]
fn functions_are_gos_and_dockers() {
    check(&[
        ("{{println .Id .Size}}", "sha256:538f 173313053\n"),
        (
            "{{print .Os .Size 1 2 \"a\" \"b\" 3}}",
            "linux173313053 1 2ab3",
        ),
        ("{{print}}|{{println}}|{{html}}|{{js}}", "|\n||"),
        (
            "{{len .RepoTags}} {{len .Os}} {{len .GraphDriver}} {{len .Config.Labels}}",
            "1 5 2 0",
        ),
        (
            "{{index .RepoTags 0}} {{index .Os 0}} {{index .Config \"Env\"}}",
            "a/debian:12 108 [A=1 B=2]",
        ),
        ("{{.Os | upper | printf \"%s-%s\" \"a\"}}", "a-LINUX"),
        (
            "{{split .Os \"n\"}} {{join .RepoTags \",\"}}",
            "[li ux] a/debian:12",
        ),
        (
            "{{title .Os}} {{upper .Os}} {{lower \"ABC\"}} {{pad .Os 2 3}}| {{truncate .Os 3}} {{truncate .Os 30}}",
            "Linux LINUX abc   linux   | lin linux",
        ),
        ("{{title \"é abc-def ghi_j\"}}", "É Abc-Def Ghi_j"),
        (
            "{{pad \"\" 1 1}}|{{pad \"a\" 0 0}}|{{truncate \"é\" 1}}",
            "|a|",
        ),
        (
            "{{html \"<a&\\\"'>\"}} {{js \"a<b>'\\\"\\n\"}} {{urlquery \"a b&c/é\"}}",
            "&lt;a&amp;&#34;&#39;&gt; a\\u003Cb\\u003E\\'\\\"\\u000A a+b%26c%2F%C3%A9",
        ),
        (
            "{{html 1 \"a\" 2}} {{urlquery \"a\" \"b\"}} {{urlquery 1 2}}",
            "1a2 ab 1+2",
        ),
        (
            "{{slice .Os 1 3}} {{slice .Os 1}} {{slice .Os}} {{slice .RepoTags 0 1}}",
            "in inux linux [a/debian:12]",
        ),
        (
            "{{eq 1 1}} {{eq \"a\" \"b\" \"a\"}} {{eq nil nil}} {{eq .Config.Labels nil}} {{eq true true}}",
            "true true true true true",
        ),
        (
            "{{lt 1 2}} {{le 1 1}} {{gt 1.5 1.2}} {{ge \"b\" \"a\"}} {{ne 1 2}}",
            "true true true true true",
        ),
        ("{{1 | print 2}} {{.Os | printf}}", "2 1 linux"),
        (
            "{{eq 1 1.0}}",
            "! :1:2: executing \"\" at <eq 1 1.0>: error calling eq: incompatible types for comparison",
        ),
        (
            "{{eq 1}}",
            "! :1:2: executing \"\" at <eq 1>: error calling eq: missing argument for comparison",
        ),
        (
            "{{eq .RepoTags 1}}",
            "! :1:2: executing \"\" at <eq .RepoTags 1>: error calling eq: incompatible types for comparison",
        ),
        (
            "{{lt 1 \"a\"}}",
            "! :1:2: executing \"\" at <lt 1 \"a\">: error calling lt: incompatible types for comparison",
        ),
        (
            "{{lt true false}}",
            "! :1:2: executing \"\" at <lt true false>: error calling lt: invalid type for comparison",
        ),
        (
            "{{and}}",
            "! :1:2: executing \"\" at <and>: wrong number of args for and: want at least 1 got 0",
        ),
        (
            "{{len 1 2}}",
            "! :1:2: executing \"\" at <len>: wrong number of args for len: want 1 got 2",
        ),
        (
            "{{len 3}}",
            "! :1:2: executing \"\" at <len 3>: error calling len: len of type int",
        ),
        (
            "{{len nil}}",
            "! :1:2: executing \"\" at <len nil>: error calling len: reflect: call of reflect.Value.Type on zero Value",
        ),
        (
            "{{index .RepoTags 5}}",
            "! :1:2: executing \"\" at <index .RepoTags 5>: error calling index: index out of range: 5",
        ),
        (
            "{{index .Config.Env -1}}",
            "! :1:2: executing \"\" at <index .Config.Env -1>: error calling index: index out of range: -1",
        ),
        (
            "{{index .RepoTags \"a\"}}",
            "! :1:2: executing \"\" at <index .RepoTags \"a\">: error calling index: cannot index slice/array with type string",
        ),
        (
            "{{index 3 1}}",
            "! :1:2: executing \"\" at <index 3 1>: error calling index: can't index item of type int",
        ),
        (
            "{{upper 1}}",
            "! :1:8: executing \"\" at <1>: expected string; found 1",
        ),
        (
            "{{upper .RepoTags}}",
            "! :1:8: executing \"\" at <.RepoTags>: wrong type for value; expected string; got []interface {}",
        ),
        (
            "{{join \"a\" \",\"}}",
            "! :1:7: executing \"\" at <\"a\">: can't handle \"a\" for arg of type []string",
        ),
        (
            "{{pad \"a\" -1 0}}",
            "! :1:2: executing \"\" at <pad \"a\" -1 0>: error calling pad: strings: negative Repeat count",
        ),
        (
            "{{truncate \"abc\" -1}}",
            "! :1:2: executing \"\" at <truncate \"abc\" -1>: error calling truncate: runtime error: slice bounds out of range [:-1]",
        ),
        (
            "{{slice \"abc\" 2 1}}",
            "! :1:2: executing \"\" at <slice \"abc\" 2 1>: error calling slice: invalid slice index: 2 > 1",
        ),
        (
            "{{slice \"abc\" 4}}",
            "! :1:2: executing \"\" at <slice \"abc\" 4>: error calling slice: index out of range: 4",
        ),
        (
            "{{slice \"abc\" 0 1 2}}",
            "! :1:2: executing \"\" at <slice \"abc\" 0 1 2>: error calling slice: cannot 3-index slice a string",
        ),
        (
            "{{slice 1}}",
            "! :1:2: executing \"\" at <slice 1>: error calling slice: can't slice item of type int",
        ),
        (
            "{{call nil}}",
            "! :1:2: executing \"\" at <call nil>: error calling call: call of nil",
        ),
    ]);
}

#[test]
fn printf_is_gos() {
    check(&[
        (
            "{{printf \"%s %d %q %v %5d|%-5s|%x %T %t %05d %+v %%\" .Id .Size .Os .RepoTags 42 \"ab\" \"hi\" .Size true 7 .Os}}",
            "sha256:538f 173313053 \"linux\" [a/debian:12]    42|ab   |6869 int true 00007 linux %",
        ),
        (
            "{{printf \"%d\" \"a\"}} {{printf \"%s\" 1}} {{printf \"%d\"}} {{printf \"a\" 1}} {{printf \"%z\" 1}}",
            "%!d(string=a) %!s(int=1) %!d(MISSING) a%!(EXTRA int=1) %!z(int=1)",
        ),
        (
            "{{printf \"%.12s|%8.3f|%e|%g|%x|%X|%o|%c|%U|%+d|% d\" \"sha256:0123456789\" 3.14159 1234.5 0.5 255 255 8 97 97 5 5}}",
            "sha256:01234|   3.142|1.234500e+03|0.5|ff|FF|10|a|U+0061|+5| 5",
        ),
        (
            "{{printf \"%*d|%-*d|%[2]d %[1]d\" 5 42}}",
            "   42|%!(BADWIDTH)%!d(MISSING)|42 5",
        ),
        ("{{printf \"%[2]d %[1]d\" 5 42}}", "42 5"),
        (
            "{{printf \"%v %d\" nil nil}} {{printf \"%\"}} {{printf \"%5t|%v\" true .Config.Entrypoint}}",
            "<nil> %!d(<nil>) %!(NOVERB)  true|[]",
        ),
        (
            "{{printf \"%q %v %03d %06.2f %-6d|\" 97 1.0 -5 -1.5 3}}",
            "'a' 1 -05 -01.50 3     |",
        ),
        (
            "{{printf \"%05s|%#q|%-05d|%+05d|%x|%.3d|%5.3d|\" \"ab\" \"a\" 3 3 -255 7 7}}",
            "000ab|`a`|3    |+0003|-ff|007|  007|",
        ),
        (
            "{{printf \"%G %E %F %.2g %.f %.0f %5.1f\" 1e-7 1.5 2.5 123.4 2.5 3.5 2.25}}",
            "1E-07 1.500000E+00 2.500000 1.2e+02 2 4   2.2",
        ),
        (
            "{{printf \"%d %s\" .Config.Cmd .Config.Tty}} {{printf \"%!\"}} {{printf \"%é\" 1}}",
            "[%!d(string=bash)] %!s(bool=false) %!!(MISSING) %!é(int=1)",
        ),
        (
            "{{printf \"%[5]d\" 1}} {{printf \"%[x]d\" 1}} {{printf \"%[1\" 1}}",
            "%!d(BADINDEX) %!d(BADINDEX) %!(NOVERB)",
        ),
        (
            "{{printf \"%c %q %q %q %.*f|%.*f\" -1 10 39 34 2 3.14159 -1 2.5}}",
            "\u{fffd} '\\n' '\\'' '\"' 3.14|%!(BADPREC)2.500000",
        ),
        ("{{printf \"%2147483648d\" 1}}", "%!(BADWIDTH)1"),
        (
            "{{printf \"%08.3f|%+.2e|%08d\" -3.14159 12345.678 -42}}",
            "-003.142|+1.23e+04|-0000042",
        ),
    ]);
}

#[test]
fn a_row_has_methods_and_names_its_type() {
    let row = json!({"ID": "935af21826ac", "Names": "tt", "State": "created"});
    let label = |name: &str, args: &[Value]| {
        let value = match args {
            _ if name != "Label" => return None,
            [Value::String(key)] if key == "a" => "b",
            [_] => "",
            _ => {
                return Some(Err(format!(
                    "wrong number of args for Label: want 1 got {}",
                    args.len()
                )));
            }
        };
        Some(Ok(Value::from(value)))
    };
    let rules = Rules {
        objects: Objects::Row("*formatter.ContainerContext"),
        method: Some(&label),
        header: false,
        omitted: &[],
    };
    let cases = [
        ("{{.ID}}\t{{.Names}}", "935af21826ac\ttt"),
        (
            "{{.Label \"a\"}} {{.Label \"zz\"}}|{{\"a\" | .Label}}",
            "b |b",
        ),
        (
            "{{.Label}}",
            "! :1:2: executing \"\" at <.Label>: wrong number of args for Label: want 1 got 0",
        ),
        (
            "{{.Label \"a\" \"b\"}}",
            "! :1:2: executing \"\" at <.Label>: wrong number of args for Label: want 1 got 2",
        ),
        (
            "{{.Foo}}",
            "! :1:2: executing \"\" at <.Foo>: can't evaluate field Foo in type *formatter.ContainerContext",
        ),
        (
            "{{.Nope \"a\"}}",
            "! :1:2: executing \"\" at <.Nope>: can't evaluate field Nope in type *formatter.ContainerContext",
        ),
        (
            "{{.ID.Foo}}",
            "! :1:5: executing \"\" at <.ID.Foo>: can't evaluate field Foo in type string",
        ),
        (
            "{{range .Names}}x{{end}}",
            "! :1:8: executing \"\" at <.Names>: range can't iterate over tt",
        ),
        ("{{if eq .State \"created\"}}c{{end}}", "c"),
    ];
    for (text, expected) in cases {
        assert_eq!(run(text, &row, rules), expected, "{text}");
    }
}

#[test]
fn a_header_is_not_changed_by_functions() {
    let header = json!({"ID": "CONTAINER ID", "Names": "NAMES"});
    let rules = Rules {
        header: true,
        ..Rules::default()
    };
    let cases = [
        (
            "{{.ID}} {{lower .Names}} {{truncate .Names 2}}",
            "CONTAINER ID NAMES NAMES",
        ),
        ("{{json .ID}} {{join .Names \",\"}}", "CONTAINER ID NAMES"),
        ("{{.Foo}}", "<no value>"),
    ];
    for (text, expected) in cases {
        assert_eq!(run(text, &header, rules), expected, "{text}");
    }
}

#[test]
fn deep_nesting_is_refused_and_not_a_crash() {
    let deep = |n: usize| "{{if 1}}".repeat(n) + &"{{end}}".repeat(n);
    assert_eq!(run(&deep(90), &image(), INSPECT), "");
    assert!(run(&deep(5000), &image(), INSPECT).contains("exceeded maximum nesting depth"));
    let parens = |n: usize| format!("{{{{{}1{}}}}}", "(".repeat(n), ")".repeat(n));
    assert_eq!(run(&parens(90), &image(), INSPECT), "1");
    assert!(run(&parens(5000), &image(), INSPECT).contains("exceeded maximum nesting depth"));
    let both = format!(
        "{{{{define \"x\"}}}}{}{{{{end}}}}{{{{template \"x\"}}}}",
        deep(80).replacen("{{end}}", "{{template \"x\"}}{{end}}", 1)
    );
    assert!(run(&both, &image(), INSPECT).contains("exceeded maximum template depth"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn any_text_is_answered(text in "\\PC{0,20}|(\\{\\{|-|\\}\\}|if |range |end|else|\\.|Os|Config| |\\(|\\)|\\||:=|\\$|x|\"a\"|`|1|print |index |,|define |template |with |\n){0,16}") {
        let data = image();
        for rules in [INSPECT, Rules::default()] {
            run(&text, &data, rules);
        }
    }

    #[test]
    fn any_expression_is_answered(text in "(print|printf|len|index|slice|eq|lt|join|split|pad|truncate|html|and|or|not|json|call)( (\\.Os|\\.Config|\\.Config\\.Env|nil|1|-1|0|\"%[a-z]\"|\"%-+5.2v\"|1\\.5|true|\\.Size|\\.Config\\.Labels|\\(len \\.Os\\))){0,4}") {
        let data = image();
        for rules in [INSPECT, Rules::default(), Rules { header: true, ..INSPECT }] {
            run(&format!("{{{{{text}}}}}"), &data, rules);
        }
    }

    #[test]
    fn any_printf_is_answered(format in "(%|[-+# 0]|[0-9]{1,2}|\\*|\\.|\\[[0-9]\\]|[a-zA-Zé]){0,10}") {
        let data = image();
        run(&format!("{{{{printf {} 1 \"é\" 2.5 .Config nil}}}}", crate::grammar::go::quote(&format)), &data, INSPECT);
    }
}
