//! Where this user's store and runtime folder are: the only room beside `main` and `cli` that reads the environment.
//!
//! ```text
//! data      --root, else $CORACLE_ROOT, else $XDG_DATA_HOME/coracle, else <home>/.local/share/coracle
//! runtime   --runroot, else $CORACLE_RUNROOT, else $XDG_RUNTIME_DIR/coracle, else /run/user/UID/coracle,
//!           else /tmp/coracle-UID
//! ```
//! Where none was asked for by name, the one counts that the store's last command on this host used, as long as it is there
//! (`<data>/runtime/HOSTNAME`, a symbolic link): a cron job, a login and a shell after `su` have different variables and must
//! see the same containers. Living monitors follow the link when they are called (`store/containers/life.rs`).
//!
//! The runtime folder is made here when it is missing, because sockets and locks of a stranger's folder must never be
//! trusted: it is ours, a real folder, and closed to others, or the next candidate is taken. `/run/user/UID` is tried
//! even when XDG_RUNTIME_DIR is not set, so that a cron job sees the containers of the login session.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Kind, Result};
use crate::store::paths::Paths;

/// What the command line says about the folders.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `--root`.
    pub root: Option<PathBuf>,
    /// `--runroot`.
    pub runroot: Option<PathBuf>,
}

/// The variables that matter here, read once.
#[derive(Debug, Default)]
struct Env {
    home: Option<PathBuf>,
    root: Option<PathBuf>,
    runroot: Option<PathBuf>,
    data_home: Option<PathBuf>,
    runtime_dir: Option<PathBuf>,
}

impl Env {
    fn read() -> Env {
        Env {
            home: variable("HOME"),
            root: variable("CORACLE_ROOT"),
            runroot: variable("CORACLE_RUNROOT"),
            data_home: variable("XDG_DATA_HOME"),
            runtime_dir: variable("XDG_RUNTIME_DIR"),
        }
    }
}

/// Returns the folders of the calling user. The runtime folder exists afterwards, 0700; the data folder may not.
pub fn paths(options: &Options) -> Result<Paths> {
    let env = Env::read();
    let uid = nix::unistd::geteuid().as_raw();
    let data = match options.root.as_ref().or(env.root.as_ref()) {
        Some(root) => absolute(root)?,
        None => default_data(&env, || home_of(&read_passwd(), uid)).ok_or_else(|| {
            Error::new(Kind::Host, "cannot find your home folder")
                .because(format!(
                    "HOME is not set and user {uid} is not in /etc/passwd"
                ))
                .hint("set HOME, or name a folder for the store with CORACLE_ROOT")
        })?,
    };
    let agreed = agreed(&data);
    let runtime = match options.runroot.as_ref().or(env.runroot.as_ref()) {
        Some(runroot) => private(&absolute(runroot)?, uid)?,
        None => match agreed.clone().filter(|path| is_private(path, uid)) {
            Some(agreed) => agreed,
            None => default_runtime(&env, Path::new("/run/user"), Path::new("/tmp"), uid)?,
        },
    };
    if agreed.as_ref() != Some(&runtime) {
        // what cannot be written is not agreed on
        let _ = agree(&data, &runtime, uid);
    }
    Ok(Paths { data, runtime })
}

/// Returns the runtime folder that the store in `data` was last used with on this host. It may be gone.
pub(crate) fn agreed(data: &Path) -> Option<PathBuf> {
    std::fs::read_link(agreement(data)?).ok()
}

fn agreement(data: &Path) -> Option<PathBuf> {
    let host = nix::unistd::gethostname().ok()?;
    let is_name = !host.is_empty() && !host.to_string_lossy().contains('/');
    is_name.then(|| data.join("runtime").join(host))
}

/// Before the first container there is no store, and nothing to agree on; somebody else's (`sudo`) is not ours to change.
fn agree(data: &Path, runtime: &Path, uid: u32) -> std::io::Result<()> {
    let is_ours = || std::fs::metadata(data).is_ok_and(|m| m.uid() == uid);
    let Some(link) = agreement(data).filter(|_| is_ours()) else {
        return Ok(());
    };
    let new = link.with_extension(format!("new-{}", std::process::id()));
    std::fs::create_dir(data.join("runtime")).ok();
    std::os::unix::fs::symlink(runtime, &new)?;
    std::fs::rename(&new, &link).inspect_err(|_| drop(std::fs::remove_file(&new)))
}

fn is_private(path: &Path, uid: u32) -> bool {
    path.symlink_metadata().is_ok() && private(path, uid).is_ok()
}

/// Returns the home folder of the calling user: `HOME`, else the one in /etc/passwd; `None` when neither knows.
pub fn home() -> Option<PathBuf> {
    let uid = nix::unistd::geteuid().as_raw();
    variable("HOME")
        .filter(|p| p.is_absolute())
        .or_else(|| home_of(&read_passwd(), uid))
}

/// Returns a storage driver named by CORACLE_STORAGE_DRIVER.
pub fn forced_driver() -> Option<String> {
    variable("CORACLE_STORAGE_DRIVER").and_then(|v| v.into_os_string().into_string().ok())
}

/// Returns the way of networks named by CORACLE_NETWORK_RUNG.
pub fn forced_rung() -> Option<String> {
    variable("CORACLE_NETWORK_RUNG").and_then(|v| v.into_os_string().into_string().ok())
}

/// Returns the kind of container that says in `container` that we are in it.
pub(super) fn container_variable() -> Option<String> {
    variable("container").map(|kind| kind.to_string_lossy().into_owned())
}

/// Returns the folders of `PATH`, in order, for looking up a helper program.
#[expect(clippy::disallowed_methods, reason = "this room reads the environment")]
pub fn program_folders() -> Vec<PathBuf> {
    let path =
        std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/local/bin:/usr/bin:/bin"));
    std::env::split_paths(&path)
        .filter(|p| p.is_absolute())
        .collect()
}

/// Returns where a program is found.
pub fn program(name: &str) -> Option<PathBuf> {
    let mut candidates = program_folders().into_iter().map(|f| f.join(name));
    candidates.find(|p| nix::unistd::access(p, nix::unistd::AccessFlags::X_OK).is_ok())
}

/// An empty variable counts as not set, as the XDG base directory specification wants.
#[expect(clippy::disallowed_methods, reason = "this room reads the environment")]
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|v| !v.is_empty())
        .map(PathBuf::from)
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|e| {
        Error::new(Kind::Usage, format!("invalid folder `{}`", path.display())).because(e)
    })
}

/// The data folder where none was named. Relative XDG paths are ignored, as the specification wants.
fn default_data(env: &Env, passwd_home: impl FnOnce() -> Option<PathBuf>) -> Option<PathBuf> {
    if let Some(data_home) = env.data_home.as_ref().filter(|p| p.is_absolute()) {
        return Some(data_home.join("coracle"));
    }
    let home = env
        .home
        .clone()
        .filter(|p| p.is_absolute())
        .or_else(passwd_home)?;
    Some(home.join(".local/share/coracle"))
}

/// The runtime folder where none was named: the first candidate whose parent is ours, else the one in /tmp.
fn default_runtime(env: &Env, run_user: &Path, tmp: &Path, uid: u32) -> Result<PathBuf> {
    let session = run_user.join(uid.to_string());
    let candidates = env
        .runtime_dir
        .iter()
        .filter(|p| p.is_absolute())
        .chain([&session]);
    for parent in candidates {
        // after `su` the variable still names the other user's folder
        if fs_err::metadata(parent).is_ok_and(|m| m.is_dir() && m.uid() == uid)
            && let Ok(runtime) = private(&parent.join("coracle"), uid)
        {
            return Ok(runtime);
        }
    }
    private(&tmp.join(format!("coracle-{uid}")), uid)
}

/// Makes `path` (0700) unless it is there, and returns it when it is a real folder of `uid` that is closed to others.
pub(crate) fn private(path: &Path, uid: u32) -> Result<PathBuf> {
    let refuse = |cause: String| {
        Error::new(
            Kind::Host,
            format!("cannot use `{}` as the runtime folder", path.display()),
        )
        .because(cause)
        .hint("name a folder of yours with CORACLE_RUNROOT")
    };
    // lstat first: on the way of `run` the folder is there nearly always
    let meta = match fs_err::symlink_metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let made = std::fs::DirBuilder::new()
                .mode(0o700)
                .recursive(true)
                .create(path);
            // two first commands at once: the other one made it
            if let Err(e) = made
                && e.kind() != ErrorKind::AlreadyExists
            {
                return Err(refuse(e.to_string()));
            }
            fs_err::symlink_metadata(path).map_err(|e| refuse(e.to_string()))?
        }
        other => other.map_err(|e| refuse(e.to_string()))?,
    };
    if !meta.is_dir() {
        return Err(refuse("it is not a folder".to_owned()));
    }
    if meta.uid() != uid {
        return Err(refuse(format!("it belongs to user {}", meta.uid())));
    }
    if meta.mode() & 0o077 != 0 {
        return Err(refuse(format!(
            "mode {:o} lets others in",
            meta.mode() & 0o7777
        )));
    }
    Ok(path.to_owned())
}

fn read_passwd() -> String {
    // without NSS: a static program cannot load its modules, and a folder named by HOME is the normal case
    fs_err::read("/etc/passwd")
        .map(|b| String::from_utf8_lossy(&b).into_owned())
        .unwrap_or_default()
}

/// Returns the home folder that the text of a passwd(5) file gives to `uid`.
fn home_of(passwd: &str, uid: u32) -> Option<PathBuf> {
    passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|f| f.len() >= 6 && f[2].parse() == Ok(uid))
        .map(|f| PathBuf::from(f[5]))
        .filter(|home| home.is_absolute())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("coracle-paths-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path); // left by an earlier run of the same pid, or absent
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    fn chmod(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_data_folder_follows_xdg_then_home_then_passwd() {
        let some = |s: &str| Some(PathBuf::from(s));
        let cases = [
            (some("/x"), some("/h"), some("/x/coracle")),
            (
                some("relative"),
                some("/h"),
                some("/h/.local/share/coracle"),
            ),
            (None, some("/h"), some("/h/.local/share/coracle")),
            (
                None,
                some("not/absolute"),
                some("/passwd/.local/share/coracle"),
            ),
            (None, None, some("/passwd/.local/share/coracle")),
        ];
        for (data_home, home, want) in cases {
            let env = Env {
                data_home,
                home,
                ..Env::default()
            };
            assert_eq!(default_data(&env, || some("/passwd")), want, "{env:?}");
        }
        assert_eq!(default_data(&Env::default(), || None), None);
    }

    #[test]
    fn a_passwd_text_gives_the_home_of_an_id() {
        let text = "root:x:0:0:root:/root:/bin/sh\nbroken\nbob:x:1500:1500::/home/bob:/bin/sh\nrel:x:7:7::home:/\n";
        assert_eq!(home_of(text, 1500), Some(PathBuf::from("/home/bob")));
        assert_eq!(home_of(text, 0), Some(PathBuf::from("/root")));
        assert_eq!(home_of(text, 7), None);
        assert_eq!(home_of(text, 8), None);
    }

    #[test]
    fn a_store_remembers_its_runtime_folder() {
        let base = scratch("agreed");
        let (data, runtime) = (base.join("data"), base.join("run"));
        let uid = nix::unistd::geteuid().as_raw();
        agree(&data, &runtime, uid).unwrap();
        assert_eq!(agreed(&data), None, "no store, nothing to agree on");
        std::fs::create_dir_all(&data).unwrap();
        agree(&data, &runtime, uid + 1).unwrap();
        assert_eq!(agreed(&data), None, "another user's store");
        for runtime in [&runtime, &base] {
            agree(&data, runtime, uid).unwrap();
            assert_eq!(agreed(&data).as_ref(), Some(runtime));
        }
        assert_eq!(std::fs::read_dir(data.join("runtime")).unwrap().count(), 1);
        assert!(!is_private(&runtime, uid), "what is not there is not made");
        std::fs::remove_dir_all(&base).unwrap();
    }

    #[test]
    fn the_runtime_folder_is_made_closed_and_kept() {
        let uid = nix::unistd::geteuid().as_raw();
        let base = scratch("kept");
        let env = Env {
            runtime_dir: Some(base.clone()),
            ..Env::default()
        };
        for _ in 0..2 {
            let runtime = default_runtime(&env, Path::new("/nowhere"), &base, uid).unwrap();
            assert_eq!(runtime, base.join("coracle"));
            assert_eq!(std::fs::metadata(&runtime).unwrap().mode() & 0o7777, 0o700);
        }
        std::fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn a_session_folder_without_the_variable_is_found() {
        let uid = nix::unistd::geteuid().as_raw();
        let base = scratch("session");
        std::fs::create_dir(base.join(uid.to_string())).unwrap();
        let runtime = default_runtime(&Env::default(), &base, Path::new("/nowhere"), uid).unwrap();
        assert_eq!(runtime, base.join(uid.to_string()).join("coracle"));
        std::fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn a_strangers_or_open_folder_or_a_link_is_not_trusted() {
        let uid = nix::unistd::geteuid().as_raw();
        let base = scratch("stranger");
        let name = format!("coracle-{uid}");
        let from_tmp = || default_runtime(&Env::default(), Path::new("/nowhere"), &base, uid);

        std::fs::create_dir(base.join(&name)).unwrap();
        chmod(&base.join(&name), 0o755);
        assert!(
            from_tmp()
                .unwrap_err()
                .to_string()
                .contains("mode 755 lets others in")
        );
        std::fs::remove_dir(base.join(&name)).unwrap();

        std::fs::create_dir(base.join("real")).unwrap();
        std::os::unix::fs::symlink("real", base.join(&name)).unwrap();
        assert!(from_tmp().unwrap_err().to_string().contains("not a folder"));
        std::fs::remove_file(base.join(&name)).unwrap();

        std::fs::create_dir(base.join("theirs")).unwrap();
        chmod(&base.join("theirs"), 0o700);
        let error = private(&base.join("theirs"), uid + 1)
            .unwrap_err()
            .to_string();
        assert!(error.contains(&format!("belongs to user {uid}")), "{error}");

        // XDG_RUNTIME_DIR of another user, as after `su`: the next candidate is taken
        let env = Env {
            runtime_dir: Some(PathBuf::from("/proc/1")),
            ..Env::default()
        };
        if uid != 0 {
            assert_eq!(
                default_runtime(&env, Path::new("/nowhere"), &base, uid).unwrap(),
                base.join(&name)
            );
        }
        std::fs::remove_dir_all(base).unwrap();
    }
}
