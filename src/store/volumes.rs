//! Volumes: folders with a name that outlive containers.
//!
//! ```text
//! <data>/volumes/<name>/data      what the containers see; its being there is what makes a volume
//! <data>/volumes/<name>/volume    Volume, JSON; lost in a power cut, the volume still exists, without labels
//! <data>/staging/volume-<random>  one being made; it appears by one rename, which fails when the name is taken
//! ```

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Context, Error, Kind, Result};
use crate::store::events::Event;
use crate::store::{Store, containers, new_id, random_hex, record};

/// Label of a volume that was made without a name (docker's).
pub const ANONYMOUS: &str = "com.docker.volume.anonymous";

/// What a volume is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its name; 64 hex digits for an anonymous one.
    pub name: String,
    /// RFC 3339, UTC, whole seconds.
    pub created: String,
    /// User's labels; `None` when none were given (docker then says `null`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// `--opt`; `None` when none were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<BTreeMap<String, String>>,
}

impl Volume {
    /// Returns mount(8)'s options (`--opt o=`) of a volume that is a tmpfs; `None` for one that is files.
    pub fn tmpfs(&self) -> Option<&str> {
        let options = self.options.as_ref()?;
        (options.get("type")? == "tmpfs").then(|| options.get("o").map_or("", String::as_str))
    }

    /// Returns the folder of the host that is mounted in its place (`--opt o=bind`), and whether it is mounted read-only.
    pub fn device(&self) -> Option<(&str, bool)> {
        let options = self.options.as_ref().filter(|_| self.tmpfs().is_none())?;
        let is_read_only = options
            .get("o")
            .is_some_and(|o| o.split(',').any(|w| w == "ro"));
        Some((options.get("device")?, is_read_only))
    }

    /// Says whether it was made without a name.
    pub fn is_anonymous(&self) -> bool {
        self.labels
            .as_ref()
            .is_some_and(|labels| labels.contains_key(ANONYMOUS))
    }
}

/// A volume to be made.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `None` for an anonymous one.
    pub name: Option<String>,
    /// `--label`.
    pub labels: BTreeMap<String, String>,
    /// `--opt`: the local driver's `type`, `o`, `device`; only bind mounts and tmpfs.
    pub options: BTreeMap<String, String>,
}

/// A container that mounts a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The volume's name.
    pub volume: String,
    /// The container's id.
    pub container: String,
}

/// The door to the volumes.
#[derive(Debug)]
pub struct Volumes<'a> {
    store: &'a Store,
}

impl<'a> Volumes<'a> {
    pub(super) fn new(store: &'a Store) -> Volumes<'a> {
        Volumes { store }
    }

    /// Makes a volume, or returns the one that has the name already (docker does so without a word).
    ///
    /// `Kind::Invalid` for a bad name, `Kind::Conflict` when a volume of that name has other options.
    pub fn create(&self, request: Request) -> Result<Volume> {
        let mut labels = request.labels;
        let name = match request.name.filter(|name| !name.is_empty()) {
            Some(name) => name,
            None => {
                labels.insert(ANONYMOUS.to_owned(), String::new());
                new_id()?
            }
        };
        check_name(&name)?;
        check_options(&name, &request.options)?;
        let some = |map: BTreeMap<String, String>| (!map.is_empty()).then_some(map);
        let volume = Volume {
            created: jiff::Timestamp::now()
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string(),
            labels: some(labels),
            options: some(request.options),
            name,
        };
        loop {
            if let Some(there) = self.get(&volume.name)? {
                return same_options(&volume, there);
            }
            if self.make(&volume)? {
                self.tell("create", &volume.name);
                return Ok(volume);
            }
        }
    }

    /// Returns the volume of that name; `None` when there is none.
    pub fn get(&self, name: &str) -> Result<Option<Volume>> {
        if check_name(name).is_err() || !self.dir(name).join("data").is_dir() {
            return Ok(None);
        }
        if let Some(volume) = record::read(&self.dir(name).join("volume"))? {
            return Ok(Some(volume));
        }
        let created = std::fs::metadata(self.dir(name))
            .ok()
            .and_then(|meta| meta.modified().ok())
            .and_then(|time| jiff::Timestamp::try_from(time).ok())
            .map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
            .unwrap_or_default();
        Ok(Some(Volume {
            name: name.to_owned(),
            created,
            ..Volume::default()
        }))
    }

    /// Returns the volume of that name; `Kind::NotFound` with docker's text when there is none.
    pub fn find(&self, name: &str) -> Result<Volume> {
        self.get(name)?.ok_or_else(|| no_such(name))
    }

    /// Returns all volumes, sorted by name.
    pub fn list(&self) -> Result<Vec<Volume>> {
        let folder = self.store.data("volumes");
        let mut all = Vec::new();
        for entry in std::fs::read_dir(&folder).context(Kind::System, || cannot_list(&folder))? {
            let entry = entry.context(Kind::System, || cannot_list(&folder))?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if let Some(volume) = self.get(&name)? {
                all.push(volume);
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Returns the folder that containers see.
    pub fn mountpoint(&self, volume: &Volume) -> PathBuf {
        match volume.device() {
            Some((device, _)) => PathBuf::from(device),
            None => self.path(&volume.name),
        }
    }

    /// Returns the folder of the volume's own data.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir(name).join("data")
    }

    /// Returns which container mounts which volume. A container whose record cannot be read is an error: it may mount any.
    pub fn users(&self) -> Result<Vec<User>> {
        let mut users = Vec::new();
        for record in self.store.containers().records()? {
            let volumes = record
                .mounts
                .into_iter()
                .filter(|mount| mount.kind == "volume");
            users.extend(volumes.map(|mount| User {
                volume: mount.name,
                container: record.id.clone(),
            }));
        }
        Ok(users)
    }

    /// Removes a volume. `Kind::NotFound`, or `Kind::Conflict` when one of `users` mounts it, with docker's texts.
    pub fn remove(&self, name: &str, users: &[User]) -> Result<()> {
        let volume = self.find(name)?;
        let ids: Vec<&str> = users
            .iter()
            .filter(|user| user.volume == volume.name)
            .map(|user| user.container.as_str())
            .collect();
        if !ids.is_empty() {
            return Err(Error::new(
                Kind::Conflict,
                format!("remove {name}: volume is in use - [{}]", ids.join(", ")),
            ));
        }
        match self.store.trash().put(&self.dir(name))? {
            true => {
                self.tell("destroy", name);
                Ok(())
            }
            false => Err(no_such(name)),
        }
    }

    fn tell(&self, action: &str, name: &str) {
        let more = [("driver", "local")];
        self.store
            .tell(|| Some(Event::new("volume", action, name, &more)));
    }

    /// Makes the folder of a volume and renames it to its place; false when somebody else was first.
    fn make(&self, volume: &Volume) -> Result<bool> {
        let cannot = || format!("cannot make volume `{}`", volume.name);
        let staging = self
            .store
            .data("staging")
            .join(format!("volume-{}", random_hex::<8>()?));
        let data = staging.join("data");
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&staging)
            .context(Kind::System, cannot)?;
        std::fs::create_dir(&data).context(Kind::System, cannot)?;
        // as docker's: any user of the container may look in
        std::fs::set_permissions(&data, PermissionsExt::from_mode(0o755))
            .context(Kind::System, cannot)?;
        record::write_new(&staging.join("volume"), volume)?;
        match std::fs::rename(&staging, self.dir(&volume.name)) {
            Ok(()) => Ok(true),
            // a volume's folder is never empty, so a rename onto one always fails
            Err(e)
                if matches!(
                    e.kind(),
                    ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty
                ) =>
            {
                self.store.trash().put(&staging)?;
                // a folder without data is no volume and would stand in the way for ever
                if !data_of(&self.dir(&volume.name)).is_dir() {
                    self.store.trash().put(&self.dir(&volume.name))?;
                }
                Ok(false)
            }
            Err(e) => Err(e).context(Kind::System, cannot),
        }
    }

    fn dir(&self, name: &str) -> PathBuf {
        self.store.data("volumes").join(name)
    }
}

fn data_of(dir: &Path) -> PathBuf {
    dir.join("data")
}

fn cannot_list(folder: &Path) -> String {
    format!("cannot list `{}`", folder.display())
}

fn no_such(name: &str) -> Error {
    Error::new(Kind::NotFound, format!("get {name}: no such volume"))
}

fn check_name(name: &str) -> Result<()> {
    if name.len() == 1 {
        return Err(Error::new(
            Kind::Invalid,
            format!(
                "create {name}: volume name is too short, names should be at least two alphanumeric characters"
            ),
        ));
    }
    if containers::is_name(name) {
        return Ok(());
    }
    Err(Error::new(
        Kind::Invalid,
        format!(
            "create {name}: \"{name}\" includes invalid characters for a local volume name, \
             only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. \
             If you intended to pass a host directory, use absolute path"
        ),
    ))
}

/// Accepts the one use of options that needs no privilege: another folder of the host as the volume's data.
fn check_options(name: &str, options: &BTreeMap<String, String>) -> Result<()> {
    let refuse = |text: String| Err(Error::new(Kind::Invalid, format!("create {name}: {text}")));
    if options.contains_key("size") {
        return refuse("quota size requested but no quota support".to_owned());
    }
    if let Some(unknown) = options
        .keys()
        .find(|key| !matches!(key.as_str(), "type" | "o" | "device"))
    {
        return refuse(format!("invalid option: {unknown:?}"));
    }
    if options.is_empty() {
        return Ok(());
    }
    for required in ["device", "type"] {
        if !options.contains_key(required) {
            return refuse(format!("missing required option: {required:?}"));
        }
    }
    let is_tmpfs = options["type"] == "tmpfs";
    let is_bind = options
        .get("o")
        .is_some_and(|o| o.split(',').any(|word| matches!(word, "bind" | "rbind")));
    match options["device"].as_str() {
        _ if is_tmpfs => Ok(()),
        device if is_bind && device.starts_with('/') => Ok(()),
        device if is_bind => refuse(format!("device `{device}` is not an absolute path")),
        _ => refuse(
            "only `type=tmpfs` and `type=none` with `o=bind` and `device=PATH` can be mounted without root"
                .to_owned(),
        ),
    }
}

fn same_options(wanted: &Volume, there: Volume) -> Result<Volume> {
    if wanted.options.is_some() && wanted.options != there.options {
        return Err(Error::new(
            Kind::Conflict,
            format!(
                "create {0}: conflict: volume \"{0}\" already exists with different options",
                wanted.name
            ),
        ));
    }
    Ok(there)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;

    fn named(name: &str) -> Request {
        Request {
            name: Some(name.to_owned()),
            ..Request::default()
        }
    }

    #[test]
    fn a_volume_is_made_once_and_found_again() {
        let s = Scratch::new();
        let labels = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        let v = s
            .store
            .volumes()
            .create(Request {
                labels: labels.clone(),
                ..named("v1")
            })
            .unwrap();
        assert_eq!(v.labels, Some(labels));
        std::fs::write(s.store.volumes().mountpoint(&v).join("f"), "x").unwrap();
        assert_eq!(s.store.volumes().create(named("v1")).unwrap(), v);
        assert_eq!(s.store.volumes().find("v1").unwrap(), v);
        assert!(s.store.volumes().path("v1").join("f").exists());
        let mode = std::fs::metadata(s.store.volumes().path("v1"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o755);
        assert_eq!(
            std::fs::read_dir(s.store.data("staging")).unwrap().count(),
            0
        );
    }

    #[test]
    fn names_are_refused_in_dockers_words() {
        let s = Scratch::new();
        for (name, text) in [
            (
                "a",
                "create a: volume name is too short, names should be at least two alphanumeric characters",
            ),
            (
                "a b",
                "create a b: \"a b\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path",
            ),
        ] {
            assert_eq!(
                s.store
                    .volumes()
                    .create(named(name))
                    .unwrap_err()
                    .to_string(),
                text
            );
        }
        for name in ["../x", "..", ".lock", "nope"] {
            assert_eq!(
                s.store.volumes().find(name).unwrap_err().to_string(),
                format!("get {name}: no such volume")
            );
        }
    }

    #[test]
    fn an_anonymous_volume_has_an_id_and_dockers_label() {
        let s = Scratch::new();
        let v = s.store.volumes().create(Request::default()).unwrap();
        assert_eq!(v.name.len(), 64);
        assert!(v.is_anonymous());
    }

    #[test]
    fn a_volume_in_use_stays() {
        let s = Scratch::new();
        s.store.volumes().create(named("v1")).unwrap();
        let users = [User {
            volume: "v1".to_owned(),
            container: "abc".to_owned(),
        }];
        let e = s.store.volumes().remove("v1", &users).unwrap_err();
        assert_eq!(
            (e.kind(), e.to_string().as_str()),
            (Kind::Conflict, "remove v1: volume is in use - [abc]")
        );
        s.store.volumes().remove("v1", &[]).unwrap();
        assert_eq!(
            s.store.volumes().remove("v1", &[]).unwrap_err().kind(),
            Kind::NotFound
        );
    }

    #[test]
    fn a_lost_record_loses_no_data_and_a_folder_without_data_is_replaced() {
        let s = Scratch::new();
        s.store.volumes().create(named("v1")).unwrap();
        std::fs::write(s.store.data("volumes/v1/volume"), "").unwrap();
        assert_eq!(s.store.volumes().list().unwrap()[0].name, "v1");
        std::fs::remove_dir(s.store.volumes().path("v1")).unwrap();
        assert!(s.store.volumes().list().unwrap().is_empty());
        s.store.volumes().create(named("v1")).unwrap();
        assert!(s.store.volumes().path("v1").is_dir());
    }

    #[test]
    fn options_bind_another_folder_or_make_a_tmpfs_or_are_refused() {
        let s = Scratch::new();
        let with = |pairs: &[(&str, &str)]| Request {
            options: pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            ..named("v1")
        };
        for (bad, want) in [
            (&[("nonsense", "x")][..], "invalid option: \"nonsense\""),
            (&[("type", "tmpfs")], "missing required option: \"device\""),
            (&[("o", "size=1m")], "missing required option: \"device\""),
            (&[("device", "/x")], "missing required option: \"type\""),
            (
                &[("size", "1")],
                "quota size requested but no quota support",
            ),
            (
                &[("type", "none"), ("o", "bind"), ("device", "rel")],
                "device `rel` is not an absolute path",
            ),
            (
                &[("type", "nfs"), ("device", ":/x")],
                "only `type=tmpfs` and `type=none` with `o=bind` and `device=PATH` can be mounted without root",
            ),
        ] {
            let e = s.store.volumes().create(with(bad)).unwrap_err();
            assert_eq!(e.kind(), Kind::Invalid, "{bad:?}");
            assert_eq!(e.to_string(), format!("create v1: {want}"));
        }
        let v = s
            .store
            .volumes()
            .create(with(&[("type", "none"), ("o", "bind"), ("device", "/srv")]))
            .unwrap();
        assert_eq!(s.store.volumes().mountpoint(&v), Path::new("/srv"));
        let e = s
            .store
            .volumes()
            .create(with(&[("type", "none"), ("o", "bind"), ("device", "/mnt")]))
            .unwrap_err();
        assert_eq!(e.kind(), Kind::Conflict);
        let tmpfs = Request {
            name: Some("v2".to_owned()),
            ..with(&[("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=1m")])
        };
        let v = s.store.volumes().create(tmpfs).unwrap();
        assert_eq!((v.tmpfs(), v.device()), (Some("size=1m"), None));
        assert_eq!(
            s.store.volumes().mountpoint(&v),
            s.store.volumes().path("v2")
        );
    }
}
