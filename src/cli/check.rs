//! `coracle system check`.

use clap::{ArgMatches, Command};

use super::args::{flag, is_set};
use super::{Session, Verb};
use crate::container::sweep;
use crate::error::Result;
use crate::image::regenerate::diff_id;
use crate::store::Store;
use crate::store::check::{Finding, Mode, Weight, check};
use crate::ui::out;

/// `system check`, which docker does not have.
pub(super) const VERB: Verb = Verb {
    path: &["system", "check"],
    aliases: &[],
    about: "Verify the store: records, names, images, volumes and what killed commands left",
    args: |command: Command| {
        command
            .arg(flag(
                "digests",
                None,
                "Also read every layer and compare its digest",
            ))
            .arg(flag(
                "repair",
                None,
                "Take away what cannot be used, and sweep",
            ))
    },
    run,
};

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let mode = if is_set(matches, "repair") {
        Mode::Repair
    } else {
        Mode::Look
    };
    let store = session.store()?;
    let mut findings = check(store, mode)?;
    if is_set(matches, "digests") {
        findings.extend(check_digests(store, mode)?);
    }
    for finding in &findings {
        out::line(sentence(finding))?;
    }
    if findings.is_empty() {
        out::line(format_args!(
            "The store {} is in order.",
            store.paths().data.display()
        ))?;
    }
    if mode == Mode::Repair {
        sweep::start(store);
    }
    let is_bad = |finding: &Finding| finding.weight == Weight::Broken && !finding.repaired;
    Ok(findings.iter().any(is_bad).into())
}

/// Writes the tar of every layer again and compares its digest; a layer that has changed goes, so that a pull brings it.
fn check_digests(store: &Store, mode: Mode) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for layer in store.layers().list()? {
        let path = store.layers().path(&layer);
        let text = match diff_id(&path) {
            Ok(found) if found == layer => continue,
            Ok(found) => format!("the layer has changed: its digest is {found}"),
            Err(e) => format!("the layer has changed: {e}"),
        };
        let repaired = mode == Mode::Repair && store.trash().put(&path)?;
        findings.push(Finding {
            weight: Weight::Broken,
            path,
            text,
            repaired,
        });
    }
    Ok(findings)
}

fn sentence(finding: &Finding) -> String {
    let weight = match (finding.repaired, finding.weight) {
        (true, _) => "repaired",
        (false, Weight::Broken) => "broken",
        (false, Weight::Leftover) => "leftover",
    };
    format!("{weight}: {}: {}", finding.path.display(), finding.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line() {
        let finding = Finding {
            weight: Weight::Broken,
            path: "/s/names".into(),
            text: "image `a`: layer x is missing".to_owned(),
            repaired: false,
        };
        assert_eq!(
            sentence(&finding),
            "broken: /s/names: image `a`: layer x is missing"
        );
        assert!(
            sentence(&Finding {
                repaired: true,
                ..finding
            })
            .starts_with("repaired: ")
        );
    }
}
