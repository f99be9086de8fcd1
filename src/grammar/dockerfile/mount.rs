//! The value of `RUN --mount`, with BuildKit's texts (instructions/commands_runmount.go).

use super::suggest;
use crate::grammar::{csv, go, units};

/// What is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Files of the context, a stage or an image.
    Bind,
    /// A folder that stays between builds.
    Cache,
    /// Memory.
    Tmpfs,
    /// A file or variable that stays outside of every layer.
    Secret,
    /// The agent's socket.
    Ssh,
}

/// How several steps use one cache folder at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sharing {
    /// Together.
    #[default]
    Shared,
    /// The second gets one of its own.
    Private,
    /// The second waits.
    Locked,
}

/// One `--mount`; texts are not expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// What is mounted.
    pub kind: Kind,
    /// `from`: a stage, an image, a context; `None` for the build's context (bind) or nothing (cache).
    pub from: Option<String>,
    /// `source`: path in `from`.
    pub source: Option<String>,
    /// `target`.
    pub target: Option<String>,
    /// `ro` or `rw` as given; the default is the kind's.
    pub read_only: bool,
    /// `id`.
    pub id: Option<String>,
    /// `sharing`.
    pub sharing: Sharing,
    /// `required`.
    pub required: bool,
    /// `size` of tmpfs, bytes.
    pub size: Option<u64>,
    /// `mode`, octal digits.
    pub mode: Option<String>,
    /// `uid`.
    pub uid: Option<String>,
    /// `gid`.
    pub gid: Option<String>,
    /// `env` of a secret: the variable's name.
    pub env: Option<String>,
}

const KINDS: [(&str, Kind); 5] = [
    ("bind", Kind::Bind),
    ("cache", Kind::Cache),
    ("tmpfs", Kind::Tmpfs),
    ("secret", Kind::Secret),
    ("ssh", Kind::Ssh),
];

const KEYS: [&str; 16] = [
    "type",
    "from",
    "source",
    "src",
    "target",
    "dst",
    "destination",
    "readonly",
    "ro",
    "readwrite",
    "rw",
    "id",
    "sharing",
    "required",
    "size",
    "mode",
];

/// Reads a value.
pub fn parse(value: &str) -> Result<Mount, String> {
    let fields = csv::fields(value).map_err(|e| format!("failed to parse csv mounts: {e}"))?;
    let mut mount = Mount {
        kind: Kind::Bind,
        from: None,
        source: None,
        target: None,
        read_only: false,
        id: None,
        sharing: Sharing::Shared,
        required: false,
        size: None,
        mode: None,
        uid: None,
        gid: None,
        env: None,
    };
    let mut read_only = None;
    for field in &fields {
        if let Some(kind) = field
            .split_once('=')
            .filter(|(k, _)| k.eq_ignore_ascii_case("type"))
        {
            mount.kind = self::kind(kind.1)?;
        }
    }
    for field in &fields {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.to_ascii_lowercase(), Some(value)),
            None => (field.to_ascii_lowercase(), None),
        };
        let flag = || match value {
            None => Ok(true),
            Some(value) => {
                go::boolean(value).ok_or_else(|| format!("invalid value for {key}: {value}"))
            }
        };
        match key.as_str() {
            "readonly" | "ro" => {
                read_only = Some(flag()?);
                continue;
            }
            "readwrite" | "rw" => {
                read_only = Some(!flag()?);
                continue;
            }
            "required" if matches!(mount.kind, Kind::Secret | Kind::Ssh) => {
                mount.required = flag()?;
                continue;
            }
            _ => {}
        }
        let Some(value) = value else {
            return Err(format!("invalid field '{field}' must be a key=value pair"));
        };
        let is_file = matches!(mount.kind, Kind::Secret | Kind::Ssh);
        let text = Some(value.to_owned());
        match key.as_str() {
            "type" => {}
            "from" => mount.from = text,
            "source" | "src" => mount.source = text,
            "target" | "dst" | "destination" => mount.target = text,
            "id" => mount.id = text,
            "sharing" => mount.sharing = sharing(value)?,
            "size" if mount.kind == Kind::Tmpfs => {
                let size = units::bytes(value).map_err(|_| format!("invalid size: {value}"))?;
                mount.size = u64::try_from(size).ok();
            }
            "mode" if is_file || mount.kind == Kind::Cache => mount.mode = text,
            "uid" if is_file || mount.kind == Kind::Cache => mount.uid = text,
            "gid" if is_file || mount.kind == Kind::Cache => mount.gid = text,
            "env" if mount.kind == Kind::Secret => mount.env = text,
            _ => {
                let text = format!("unexpected key '{key}' in '{field}'");
                return Err(suggest::hinted(text, &key, &KEYS, true));
            }
        }
    }
    mount.read_only = read_only.unwrap_or(mount.kind == Kind::Bind);
    check(&mount)?;
    Ok(mount)
}

fn kind(word: &str) -> Result<Kind, String> {
    let lower = word.to_ascii_lowercase();
    match KINDS.iter().find(|(name, _)| *name == lower) {
        Some((_, kind)) => Ok(*kind),
        None => {
            let names = KINDS.map(|(name, _)| name);
            let text = format!("unsupported mount type {}", go::quote(word));
            Err(suggest::hinted(text, &lower, &names, true))
        }
    }
}

fn sharing(word: &str) -> Result<Sharing, String> {
    match word.to_ascii_lowercase().as_str() {
        "shared" => Ok(Sharing::Shared),
        "private" => Ok(Sharing::Private),
        "locked" => Ok(Sharing::Locked),
        _ => Err(suggest::hinted(
            format!("unsupported sharing value {}", go::quote(word)),
            word,
            &["shared", "private", "locked"],
            true,
        )),
    }
}

fn check(mount: &Mount) -> Result<(), String> {
    if mount.kind == Kind::Secret {
        if mount.from.is_some() {
            return Err("secret mount should not have a from".to_owned());
        }
        if mount.id.is_none()
            && mount.source.is_none()
            && mount.target.is_none()
            && mount.env.is_none()
        {
            return Err("invalid secret mount. one of source, target required".to_owned());
        }
    }
    if mount.kind == Kind::Tmpfs && (mount.source.is_some() || mount.from.is_some()) {
        return Err("tmpfs mount should not have a source".to_owned());
    }
    let needs_target = matches!(mount.kind, Kind::Bind | Kind::Cache | Kind::Tmpfs);
    match mount.target.as_deref() {
        None | Some("") if needs_target => Err("target is required".to_owned()),
        Some(target) if needs_target && go::clean(target) == "/" => {
            Err(format!("invalid mount target {}", go::quote(target)))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read() {
        let m = parse("type=cache,target=/c,sharing=locked,ro,mode=0755,uid=5").unwrap();
        assert_eq!((m.kind, m.sharing), (Kind::Cache, Sharing::Locked));
        assert!(m.read_only);
        assert_eq!(m.mode.as_deref(), Some("0755"));
        assert!(parse("target=/x,source=a,from=b").unwrap().read_only);
        assert!(!parse("target=/x,rw").unwrap().read_only);
        assert!(parse("type=secret,id=x,required").unwrap().required);
        assert_eq!(
            parse("type=tmpfs,dst=/t,size=1m").unwrap().size,
            Some(1 << 20)
        );
        let s = parse("type=secret,id=x,env=TOKEN").unwrap();
        assert_eq!(s.env.as_deref(), Some("TOKEN"));
        assert_eq!(parse("type=ssh").unwrap().kind, Kind::Ssh);
    }

    #[test]
    fn wrong_mounts_have_buildkits_sentences() {
        for (value, want) in [
            (
                "type=bnd,target=/x",
                "unsupported mount type \"bnd\" (did you mean bind?)",
            ),
            (
                "targt=/x",
                "unexpected key 'targt' in 'targt=/x' (did you mean target?)",
            ),
            ("target=/", "invalid mount target \"/\""),
            ("type=tmpfs", "target is required"),
            (
                "type=cache,target=/x,sharing=lockd",
                "unsupported sharing value \"lockd\" (did you mean locked?)",
            ),
            ("foo", "invalid field 'foo' must be a key=value pair"),
        ] {
            assert_eq!(parse(value).unwrap_err(), want, "{value}");
        }
    }
}
