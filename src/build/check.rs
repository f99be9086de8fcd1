//! The lint rules on a build: those of the file alone, and those for which the store's images are looked at.

use super::plan;
use super::request::Request;
use crate::error::Result;
use crate::grammar::dockerfile::ignore::Patterns;
use crate::grammar::dockerfile::{self, Dockerfile, Fault, Warning, lint};
use crate::grammar::platform::Platform;
use crate::store::Store;

/// Checks the Dockerfile without building: the lint warnings of `--check`, and whether one fails the check.
pub(crate) fn check(store: &Store, request: &Request) -> Result<(Vec<Warning>, bool)> {
    let file = dockerfile::parse(&request.dockerfile).map_err(|f| plan::error(request, &f))?;
    let (warnings, options) = lint(store, request, &file)?;
    Ok((warnings, options.is_error))
}

pub(super) fn lint(
    store: &Store,
    request: &Request,
    file: &Dockerfile,
) -> Result<(Vec<Warning>, lint::Options)> {
    let whole = |text: String| plan::error(request, &Fault::whole(text));
    let directive = file.directives.check.as_ref().map(|(text, _)| text);
    let given = request.build_args.get("BUILDKIT_DOCKERFILE_CHECK");
    let options = match given.or(directive) {
        Some(text) => lint::Options::parse(text).map_err(whole)?,
        None => lint::Options::default(),
    };
    let ignored = Patterns::new(&request.ignore).map_err(whole)?;
    // only what is here: a check pulls nothing
    let environment = |name: &str| {
        let image = store.images().find(name).ok()?;
        let names = image.config.config.env.iter();
        let mut names: Vec<String> = names
            .map(|e| e.split('=').next().unwrap_or_default().to_owned())
            .collect();
        names.push("PATH".to_owned());
        Some(names)
    };
    let mut warnings = lint::lint(file, &options, &ignored, &environment);
    let rule = "InvalidBaseImagePlatform";
    // with --platform only an image that fits is taken
    if request.platforms.is_empty() && options.checks(rule) {
        let stages = file.stages.iter().filter(|stage| stage.platform.is_none());
        for stage in stages {
            let Ok(image) = store.images().find(&stage.base) else {
                continue;
            };
            let (actual, expected) = (image.config.platform(), Platform::host());
            if !expected.matches(&actual) {
                warnings.push(Warning {
                    rule,
                    text: format!(
                        "Base image {} was pulled with platform \"{actual}\", expected \"{expected}\" for current build",
                        stage.base
                    ),
                    lines: stage.lines,
                });
            }
        }
        warnings.sort_by_key(|warning| warning.lines);
    }
    Ok((warnings, options))
}
