//! What a Dockerfile can build and what it takes for that, without building (dockerfile2llb/outline.go): `--call=targets`,
//! `--call=outline`.

use super::plan;
use super::planner::Planner;
use super::request::Request;
use crate::error::Result;
use crate::grammar::dockerfile::mount::Kind;
use crate::grammar::dockerfile::words::Lexer;
use crate::grammar::dockerfile::{self, Instruction, Lines, Stage, Step};

/// A stage that can be built.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Its name; `None` for one without.
    pub(crate) name: Option<String>,
    /// What the comment above it says.
    pub(crate) description: String,
    /// It is built when nothing is asked for.
    pub(crate) is_default: bool,
    /// What it begins with, as it is written.
    pub(crate) base: String,
    /// The platform, as it is written.
    pub(crate) platform: Option<String>,
    /// Its FROM.
    pub(crate) lines: Lines,
}

/// What one target takes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    /// The target's name, empty for none.
    pub(crate) name: String,
    /// What the comment above it says.
    pub(crate) description: String,
    /// Arguments.
    pub(crate) args: Vec<Arg>,
    /// Secrets.
    pub(crate) secrets: Vec<Given>,
    /// Sockets of ssh agents.
    pub(crate) ssh: Vec<Given>,
}

/// An ARG.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arg {
    /// Its name.
    pub(crate) name: String,
    /// Its value, empty for none.
    pub(crate) value: String,
    /// What the comment above it says.
    pub(crate) description: String,
    /// Where it stands.
    pub(crate) lines: Lines,
}

/// What a RUN is given from outside.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Given {
    /// Its id.
    pub(crate) name: String,
    /// The build fails without it.
    pub(crate) is_required: bool,
    /// The RUN.
    pub(crate) lines: Lines,
}

/// Returns the stages that can be asked for: those with a name, and the last one.
pub(crate) fn targets(request: &Request) -> Result<Vec<Target>> {
    let file = dockerfile::parse(&request.dockerfile).map_err(|f| plan::error(request, &f))?;
    let last = file.stages.len() - 1;
    let stages = file.stages.iter().enumerate();
    let targets = stages.map(|(at, stage)| Target {
        name: stage.name.clone(),
        description: describe(stage),
        is_default: at == last,
        base: stage.base.clone(),
        platform: stage.platform.clone(),
        lines: stage.lines,
    });
    Ok(targets
        .filter(|t| t.name.is_some() || t.is_default)
        .collect())
}

fn describe(stage: &Stage) -> String {
    let name = stage.name.as_deref().unwrap_or_default();
    description(&stage.comments, name)
}

/// The comment that begins with the name of what it describes.
fn description(comments: &[String], name: &str) -> String {
    let about = |line: &String| {
        Some(
            line.trim()
                .strip_prefix(name)?
                .strip_prefix(' ')?
                .to_owned(),
        )
    };
    comments.iter().find_map(about).unwrap_or_default()
}

/// Returns what the target takes, and the stages that it needs.
pub(crate) fn outline(request: &Request) -> Result<Outline> {
    let file = dockerfile::parse(&request.dockerfile).map_err(|f| plan::error(request, &f))?;
    let platform = request.targets().swap_remove(0);
    // no base is looked for
    let planner = Planner::new(request, &file, &Nowhere, platform)?;
    let needed = planner.order()?;
    let target = &file.stages[planner.target];
    let mut found = Outline {
        name: target.name.clone().unwrap_or_default(),
        description: describe(target),
        ..Outline::default()
    };
    let lexer = Lexer {
        escape: file.directives.escape,
        ..Lexer::default()
    };
    let mut globals = Vec::new();
    for step in &file.arguments {
        let is_used = |name: &str| {
            let stages = needed.iter().map(|at| &file.stages[*at]);
            let mut texts = stages.flat_map(|s| [Some(&s.base), s.platform.as_ref()]);
            texts.any(|text| text.is_some_and(|text| names(text, name)))
        };
        found.arguments(request, &lexer, step, &mut globals, &is_used);
    }
    for at in &needed {
        let mut known = globals.clone();
        let steps = &file.stages[*at].steps;
        for (at, step) in steps.iter().enumerate() {
            let after = &steps[at + 1..];
            let is_used = |name: &str| {
                // a RUN sees them all
                let mut after = after.iter();
                after.any(|s| matches!(s.instruction, Instruction::Run(_)) || names(&s.text, name))
            };
            found.arguments(request, &lexer, step, &mut known, &is_used);
            found.mounts(step);
        }
    }
    found.args.sort_by_key(|arg| arg.lines);
    found.secrets.sort_by_key(|given| given.lines);
    found.ssh.sort_by_key(|given| given.lines);
    Ok(found)
}

/// Whether a text takes a variable's value.
fn names(text: &str, name: &str) -> bool {
    text.contains(&format!("${{{name}")) || {
        text.match_indices(&format!("${name}")).any(|(at, found)| {
            let next = text[at + found.len()..].chars().next();
            !next.is_some_and(|c| c.is_alphanumeric() || c == '_')
        })
    }
}

impl Outline {
    fn arguments(
        &mut self,
        request: &Request,
        lexer: &Lexer,
        step: &Step,
        known: &mut Vec<(String, String)>,
        is_used: &dyn Fn(&str) -> bool,
    ) {
        let Instruction::Arg(list) = &step.instruction else {
            return;
        };
        for (name, default) in list {
            let given = request.build_args.get(name).cloned();
            let default = default.as_ref().map(|text| match lexer.word(text, known) {
                Ok(word) => word.text,
                Err(_) => text.clone(),
            });
            let inherited = || {
                known
                    .iter()
                    .find(|(n, _)| n == name)
                    .map(|(_, v)| v.clone())
            };
            let value = given.or(default).or_else(inherited);
            if is_used(name) && !self.args.iter().any(|arg| arg.name == *name) && !is_platform(name)
            {
                self.args.push(Arg {
                    name: name.clone(),
                    value: value.clone().unwrap_or_default(),
                    description: description(&step.comments, name),
                    lines: step.lines,
                });
            }
            known.push((name.clone(), value.unwrap_or_default()));
        }
    }

    fn mounts(&mut self, step: &Step) {
        let Instruction::Run(run) = &step.instruction else {
            return;
        };
        for mount in &run.mounts {
            let target = mount.target.as_deref().unwrap_or_default();
            let (list, default) = match mount.kind {
                Kind::Secret => (
                    &mut self.secrets,
                    target.rsplit('/').next().unwrap_or_default(),
                ),
                Kind::Ssh => (&mut self.ssh, "default"),
                _ => continue,
            };
            let name = mount.id.clone().unwrap_or_else(|| default.to_owned());
            if !list.iter().any(|known| known.name == name) {
                list.push(Given {
                    name,
                    is_required: mount.required,
                    lines: step.lines,
                });
            }
        }
    }
}

/// The platform's own are nobody's to give.
fn is_platform(name: &str) -> bool {
    ["TARGET", "BUILD"].iter().any(|start| {
        let rest = name.strip_prefix(start);
        rest.is_some_and(|rest| ["PLATFORM", "OS", "ARCH", "VARIANT", "STAGE"].contains(&rest))
    })
}

/// Knows no image.
struct Nowhere;

impl plan::Bases for Nowhere {
    fn find(&self, name: &str, _: &crate::grammar::platform::Platform) -> Result<plan::BaseImage> {
        let text = format!("{name}: not looked for");
        Err(crate::error::Error::new(crate::error::Kind::NotFound, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# VERSION is the version
ARG VERSION=12
ARG UNUSED=1
# base is where all begins
FROM debian:${VERSION} AS base
# NAME says who
ARG NAME=you
ARG LATER
ARG NOTUSED=x
RUN echo $NAME
FROM base AS other
ARG OTHER=1
RUN --mount=type=secret,id=tok,required=true --mount=type=ssh echo $OTHER
# final is the end
FROM scratch AS final
ARG TARGETARCH
ARG COPYARG=base
LABEL a=$COPYARG
COPY --from=base /etc/hostname /
RUN --mount=type=secret,id=opt --mount=type=cache,target=/c true
";

    fn request(target: &str) -> Request {
        Request {
            dockerfile: FILE.into(),
            target: Some(target.to_owned()),
            build_args: [("LATER".to_owned(), "5".to_owned())].into(),
            ..Request::default()
        }
    }

    /// Recorded from buildx 0.13 with BuildKit 0.13.
    #[test]
    fn outlines_are_buildkits() {
        let lines = |first, last| Lines { first, last };
        let arg = |name: &str, value: &str, description: &str, line| Arg {
            name: name.to_owned(),
            value: value.to_owned(),
            description: description.to_owned(),
            lines: lines(line, line),
        };
        let given = |name: &str, is_required, line| Given {
            name: name.to_owned(),
            is_required,
            lines: lines(line, line),
        };
        let base = [
            arg("VERSION", "12", "is the version", 2),
            arg("NAME", "you", "says who", 7),
            arg("LATER", "5", "", 8),
            arg("NOTUSED", "x", "", 9),
        ];
        let found = outline(&request("")).unwrap();
        assert_eq!(
            (found.name.as_str(), found.description.as_str()),
            ("final", "is the end")
        );
        assert_eq!(found.args[..4], base);
        assert_eq!(found.args[4..], [arg("COPYARG", "base", "", 17)]);
        assert_eq!(found.secrets, [given("opt", false, 20)]);
        assert_eq!(found.ssh, []);
        let found = outline(&request("other")).unwrap();
        assert_eq!(found.args[..4], base);
        assert_eq!(found.args[4..], [arg("OTHER", "1", "", 12)]);
        assert_eq!(found.secrets, [given("tok", true, 13)]);
        assert_eq!(found.ssh, [given("default", false, 13)]);
        let target = |name: &str, about: &str, base: &str, line| Target {
            name: Some(name.to_owned()),
            description: about.to_owned(),
            is_default: name == "final",
            base: base.to_owned(),
            platform: None,
            lines: lines(line, line),
        };
        assert_eq!(
            targets(&request("")).unwrap(),
            [
                target("base", "is where all begins", "debian:${VERSION}", 5),
                target("other", "", "base", 11),
                target("final", "is the end", "scratch", 15),
            ]
        );
    }
}
