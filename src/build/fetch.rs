//! What ADD takes from elsewhere: files by http, checked by digest, and git repositories by the host's git program.

use std::path::{Path, PathBuf};

use super::copy::{Fetched, is_remote};
use super::plan::CopyOp;
use super::request::Request;
use super::state::is_url;
use crate::error::{Error, Kind, Result};
use crate::registry::download;
use crate::store::sum::Sum;

/// Returns what tells one content of an address from another: its checksum, what its server says of it, a commit; when a
/// server says nothing, the digest of its bytes.
pub(super) fn identity(request: &Request, op: &CopyOp, word: &str) -> Result<String> {
    if let Some(checksum) = &op.checksum {
        return Ok(format!("{word} {checksum}"));
    }
    if let Some(repository) = Repository::parse(word) {
        return Ok(format!("{word} {}", repository.commit()?));
    }
    // a server that does not know HEAD may still give the file
    let about = download::ask(&request.settings, word).unwrap_or_default();
    if about.etag.is_some() || about.modified.is_some() {
        return Ok(format!("{word} {:?} {:?}", about.etag, about.modified));
    }
    let mut sum = Sum::new();
    download::fetch(&request.settings, word, &mut sum)?;
    Ok(format!("{word} {}", sum.finish()))
}

/// Fetches the sources of an ADD that are addresses, each into `scratch`.
pub(super) fn fetch(request: &Request, op: &CopyOp, scratch: &Path) -> Result<Vec<Fetched>> {
    let mut all = Vec::new();
    for (number, word) in op.sources.iter().filter(|w| is_remote(op, w)).enumerate() {
        let path = scratch.join(format!("fetched-{number}"));
        all.push(match Repository::parse(word) {
            Some(repository) => Fetched {
                word: word.clone(),
                path: repository.check_out(&path, op.keep_git_dir)?,
                name: String::new(),
                mtime: None,
            },
            None => file(request, op, word, path)?,
        });
    }
    Ok(all)
}

fn file(request: &Request, op: &CopyOp, word: &str, path: PathBuf) -> Result<Fetched> {
    let mut out = fs_err::File::create(&path)?;
    let about = download::fetch(&request.settings, word, &mut out)?;
    if let Some(wanted) = &op.checksum {
        let mut sum = Sum::new();
        std::io::copy(&mut fs_err::File::open(&path)?, &mut sum)?;
        let got = sum.finish();
        if got != *wanted {
            return Err(Error::new(
                Kind::Corrupt,
                format!("digest mismatch {got}: {wanted}"),
            ));
        }
    }
    Ok(Fetched {
        word: word.to_owned(),
        path,
        name: name(word),
        mtime: Some(about.modified.unwrap_or(0)),
    })
}

/// The last part of an address's path.
fn name(word: &str) -> String {
    let path = word.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    match path
        .split_once('/')
        .and_then(|(_, path)| path.rsplit('/').next())
    {
        None | Some("") => "__unnamed__".to_owned(),
        Some(name) => name.to_owned(),
    }
}

/// Whether an address is a git repository.
pub(super) fn is_git(word: &str) -> bool {
    Repository::parse(word).is_some()
}

/// `https://host/r.git#ref:folder`, `git@host:r.git`, or with `?ref=..&subdir=..`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repository {
    address: String,
    reference: String,
    /// The folder in it that is taken.
    folder: String,
}

impl Repository {
    /// Reads an address; `None` when it is no repository.
    pub(crate) fn parse(word: &str) -> Option<Repository> {
        let (rest, fragment) = word.split_once('#').unwrap_or((word, ""));
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let is_it = ["git@", "git://", "ssh://"]
            .iter()
            .any(|start| word.starts_with(start))
            || (is_url(word) && address.ends_with(".git"));
        if !is_it {
            return None;
        }
        let (mut reference, mut folder) = fragment.split_once(':').unwrap_or((fragment, ""));
        for pair in query.split('&') {
            match pair.split_once('=') {
                Some(("ref" | "branch" | "tag" | "commit", value)) => reference = value,
                Some(("subdir", value)) => folder = value,
                _ => {}
            }
        }
        Some(Repository {
            address: address.to_owned(),
            reference: reference.to_owned(),
            folder: folder.trim_matches('/').to_owned(),
        })
    }

    fn wanted(&self) -> &str {
        match self.reference.as_str() {
            "" => "HEAD",
            reference => reference,
        }
    }

    /// The commit that it is at now.
    fn commit(&self) -> Result<String> {
        let wanted = self.wanted();
        if wanted.len() == 40 && wanted.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(wanted.to_owned());
        }
        let text = git(None, &["ls-remote", "--", &self.address, wanted])?;
        let commit = text.split_whitespace().next().map(str::to_owned);
        commit.ok_or_else(|| {
            Error::new(
                Kind::NotFound,
                format!("repository does not contain ref {wanted}, output: {text:?}"),
            )
        })
    }

    /// Puts its files into `folder`, with the time of the commit: the same commit gives the same files. Returns the folder that
    /// is taken.
    pub(crate) fn check_out(&self, folder: &Path, keep_git: bool) -> Result<PathBuf> {
        fs_err::create_dir(folder)?;
        let commit = self.commit()?;
        git(Some(folder), &["init", "-q"])?;
        git(Some(folder), &["remote", "add", "origin", &self.address])?;
        let shallow = ["fetch", "-q", "--depth", "1", "origin", &commit];
        if git(Some(folder), &shallow).is_err() {
            // a server that gives no single commits
            git(Some(folder), &["fetch", "-q", "--tags", "origin"])?;
        }
        git(Some(folder), &["checkout", "-q", &commit])?;
        let time = git(Some(folder), &["log", "-1", "--format=%ct"])?;
        let modules = folder.join(".gitmodules");
        if modules.exists() {
            let update = [
                "submodule",
                "update",
                "-q",
                "--init",
                "--recursive",
                "--depth",
                "1",
            ];
            git(Some(folder), &update)?;
        }
        if !keep_git {
            crate::store::trash::remove_tree(&folder.join(".git"))?;
        }
        set_times(folder, time.trim().parse().unwrap_or(0))?;
        self.below(folder)
    }

    /// The folder that is taken, below the checkout: neither `..` nor a link of the repository's leads to files of the host.
    fn below(&self, folder: &Path) -> Result<PathBuf> {
        let refuse = |text: String| Err(Error::new(Kind::Invalid, text));
        let mut path = folder.to_owned();
        for part in self.folder.split('/').filter(|p| !matches!(*p, "" | ".")) {
            path.push(part);
            match path.symlink_metadata() {
                _ if part == ".." => return refuse(format!("invalid subdir /{}", self.folder)),
                Err(e) => {
                    let text = format!(
                        "invalid subdir /{}: failed to lstat {part:?}: {e}",
                        self.folder
                    );
                    return refuse(text);
                }
                Ok(meta) if !meta.is_dir() => {
                    let text = format!(
                        "git subpath \"/{}\" contains non-directory {part:?}",
                        self.folder
                    );
                    return refuse(text);
                }
                Ok(_) => {}
            }
        }
        Ok(path)
    }
}

fn set_times(folder: &Path, seconds: u64) -> Result<()> {
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            set_times(&entry.path(), seconds)?;
        }
        if !kind.is_symlink() {
            fs_err::File::open(entry.path())?
                .file()
                .set_modified(time)?;
        }
    }
    Ok(fs_err::File::open(folder)?.file().set_modified(time)?)
}

/// Runs the host's git; returns what it printed.
fn git(folder: Option<&Path>, args: &[&str]) -> Result<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "git speaks more protocols than we should; nothing of ours is inherited but the environment"
    )]
    let mut command = std::process::Command::new("git");
    command
        .args(args)
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(std::process::Stdio::null());
    if let Some(folder) = folder {
        command
            .env("GIT_DIR", folder.join(".git"))
            .env("GIT_WORK_TREE", folder);
        command.current_dir(folder);
    }
    let output = command.output().map_err(|e| {
        Error::new(Kind::Host, "cannot start git")
            .because(e)
            .hint("contexts and sources that are repositories need the program `git`")
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let why = String::from_utf8_lossy(&output.stderr)
        .trim()
        .replace('\n', "; ");
    Err(Error::new(Kind::Network, format!("git {} failed", args[0])).because(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_repositories() {
        let of = |word: &str| {
            Repository::parse(word).map(|r| format!("{} {} {}", r.address, r.reference, r.folder))
        };
        let https = "https://h/r.git";
        assert_eq!(
            of("https://h/r.git#v1:sub/").unwrap(),
            format!("{https} v1 sub")
        );
        assert_eq!(of("https://h/r.git").unwrap(), format!("{https}  "));
        assert_eq!(of("git@h:r.git#:d").unwrap(), "git@h:r.git  d");
        assert_eq!(
            of("https://h/r.git?tag=v2&subdir=x").unwrap(),
            format!("{https} v2 x")
        );
        assert_eq!(of("https://h/r.tar.gz"), None);
        assert_eq!(of("a.git"), None);
    }

    #[test]
    fn names_of_files() {
        assert_eq!(name("http://h/a/b.txt?q=1"), "b.txt");
        assert_eq!(name("http://h/"), "__unnamed__");
        assert_eq!(name("http://h"), "__unnamed__");
    }
}
