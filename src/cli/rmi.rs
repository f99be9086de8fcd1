//! `coracle rmi`.

use clap::{ArgMatches, Command};

use super::args::{flag, is_set, operands, values};
use super::{Session, Verb};
use crate::container::sweep;
use crate::error::{Kind, Result};
use crate::ui::out;

pub(super) const VERB: Verb = Verb {
    path: &["rmi"],
    aliases: &[&["image", "rm"], &["image", "remove"]],
    about: "Remove one or more images",
    args: |command: Command| {
        command
            .arg(operands("images", 1..).value_name("IMAGE [IMAGE...]"))
            .arg(flag("force", 'f', "Force removal of the image"))
            .arg(flag("no-prune", None, "Do not delete untagged parents"))
    },
    run,
};

fn run(matches: &ArgMatches, session: &mut Session) -> Result<u8> {
    let force = is_set(matches, "force");
    let users = session.store()?.containers().image_users()?;
    let mut status = 0;
    for word in values(matches, "images") {
        match session.store()?.images().remove(word, force, &users) {
            Ok(removed) => {
                let untagged = removed
                    .untagged
                    .iter()
                    .map(|name| format!("Untagged: {name}\n"));
                let deleted = removed
                    .deleted
                    .iter()
                    .map(|digest| format!("Deleted: {digest}\n"));
                out::text(untagged.chain(deleted).collect::<String>())?;
            }
            Err(e) => {
                // what is not there need not be removed by force; docker says so and is content
                let is_fine = force && e.kind() == Kind::NotFound;
                session.complain(&e);
                status = status.max(u8::from(!is_fine));
            }
        }
    }
    sweep::finish(session.store()?);
    Ok(status)
}
