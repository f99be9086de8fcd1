//! Make, find, list, change and remove containers.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Context, Error, Kind, Result};
use crate::image::config::{ContainerConfig, Empty};
use crate::store::containers::names::{self, Names, is_id};
use crate::store::containers::note;
use crate::store::containers::{
    HostConfig, MountPoint, Orphan, PortBinding, Record, RestartPolicy, State, Status,
};
use crate::store::events::Event;
use crate::store::networks::Wish;
use crate::store::record::Folder;
use crate::store::{Store, images, record};
use crate::sys::lock::Lock;

/// The door to the containers.
#[derive(Debug)]
pub struct Containers<'a> {
    pub(super) store: &'a Store,
}

/// A container as it is now.
#[derive(Debug, Clone)]
pub struct Found {
    /// What it is; `name` is its name of now.
    pub record: Box<Record>,
    /// What it does: the truth, also when its monitor was killed.
    pub state: State,
    /// Its program runs, or is paused, or its monitor waits to start it again.
    pub is_running: bool,
    /// Its monitor was killed and may have left this program behind.
    pub orphan: Option<Orphan>,
}

/// What `ps` shows and filters by.
#[derive(Serialize, Deserialize)]
pub(super) struct Brief {
    id: String,
    created: String,
    image_id: String,
    platform: String,
    #[serde(default)]
    layers: Vec<String>,
    config: BriefConfig,
    host: BriefHost,
    #[serde(default)]
    networks: Vec<Wish>,
    mounts: Vec<MountPoint>,
    #[serde(default)]
    writable: Option<PathBuf>,
}

/// See [`Brief`].
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct BriefConfig {
    image: String,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    labels: BTreeMap<String, String>,
    exposed_ports: BTreeMap<String, Empty>,
}

/// See [`Brief`].
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BriefHost {
    #[serde(default)]
    network_mode: String,
    #[serde(default)]
    port_bindings: BTreeMap<String, Vec<PortBinding>>,
}

impl From<Brief> for Record {
    fn from(b: Brief) -> Record {
        let host = HostConfig {
            network_mode: b.host.network_mode,
            port_bindings: b.host.port_bindings,
            ..HostConfig::default()
        };
        let config = ContainerConfig {
            image: b.config.image,
            entrypoint: b.config.entrypoint,
            cmd: b.config.cmd,
            labels: b.config.labels,
            exposed_ports: b.config.exposed_ports,
            ..ContainerConfig::default()
        };
        Record {
            id: b.id,
            created: b.created,
            image_id: b.image_id,
            platform: b.platform,
            layers: b.layers,
            config,
            host,
            networks: b.networks,
            mounts: b.mounts,
            writable: b.writable,
            ..Record::default()
        }
    }
}

impl Found {
    fn new(record: Record, state: State, orphan: Option<Orphan>) -> Found {
        let is_running = matches!(
            state.status,
            Status::Running | Status::Paused | Status::Restarting
        );
        Found {
            record: Box::new(record),
            state,
            is_running,
            orphan,
        }
    }

    /// Returns the id.
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.record.name
    }
}

impl<'a> Containers<'a> {
    pub(crate) fn new(store: &'a Store) -> Containers<'a> {
        Containers { store }
    }

    /// Returns `<data>/containers/<id>`.
    pub fn path(&self, id: &str) -> PathBuf {
        self.store.data("containers").join(id)
    }

    /// Makes a container: its folder, its record, and last its name, which makes it exist.
    ///
    /// `Kind::Conflict` with docker's text when the name is taken, `Kind::NotFound` when a layer was removed meanwhile.
    pub fn create(&self, record: &Record) -> Result<()> {
        names::check(&record.name)?;
        let dir = self.make_folder(&record.id)?;
        let config = dir.join("config");
        let made = record::write_new(&config, record)
            .and_then(|()| begin_writing(record, &config))
            .and_then(|()| self.names().claim(&record.name, &record.id))
            .and_then(|()| self.check_layers(record));
        if made.is_err() {
            // whole or not: it is nobody's yet, and the sweep would find what stays
            self.store.trash().put(&dir).ok();
            self.names().release(&record.id, &record.name).ok();
        } else {
            self.store.tell(|| Some(Event::of(record, "create", &[])));
        }
        made
    }

    /// Makes a container without a name: its folder and its record. Nothing lists it; whoever made it removes it, and the
    /// sweep when he could not. A build's steps are such.
    pub fn create_unnamed(&self, record: &Record) -> Result<()> {
        let dir = self.make_folder(&record.id)?;
        record::write_new(&dir.join("config"), record)
    }

    fn make_folder(&self, id: &str) -> Result<PathBuf> {
        let dir = self.path(id);
        let made = std::fs::DirBuilder::new().mode(0o700).create(&dir);
        made.context(Kind::System, || {
            format!("cannot make the container's folder `{}`", dir.display())
        })?;
        Ok(dir)
    }

    /// Removes what [`Containers::create_unnamed`] made, after its monitor.
    pub fn remove_unnamed(&self, id: &str) -> Result<()> {
        self.remove_runtime(id);
        crate::store::trash::remove_tree(&self.path(id))
    }

    /// Returns the container that `word` means: a whole id, a name (a leading `/` is docker's own habit), or the unique
    /// beginning of an id. `Kind::NotFound` or `Kind::Invalid` with docker's text.
    pub fn find(&self, word: &str) -> Result<Found> {
        if is_id(word)
            && let Some(found) = self.get(word)?
        {
            return Ok(found);
        }
        let name = word.strip_prefix('/').unwrap_or(word);
        if let Some(id) = self.names().owner(name)?
            && is_id(&id)
            && let Some(mut record) = self.read_record(&id)?
        {
            name.clone_into(&mut record.name);
            return self.with_state(record);
        }
        self.by_prefix(word)
    }

    /// Returns the id of the container that `word` means, as [`Containers::find`] does.
    pub fn id_of(&self, word: &str) -> Result<String> {
        Ok(self.find(word)?.record.id)
    }

    /// Returns the container of that whole id; `None` when there is none.
    pub fn get(&self, id: &str) -> Result<Option<Found>> {
        let Some(mut record) = self.read_record(id)? else {
            return Ok(None);
        };
        let Some(name) = self.names().of(id, &record.name)? else {
            return Ok(None);
        };
        record.name = name;
        self.with_state(record).map(Some)
    }

    /// Returns all containers, the newest first. One whose record cannot be read is left out: `system check` tells of it.
    pub fn list(&self) -> Result<Vec<Found>> {
        self.list_as::<Record>(|_, _| None)
    }

    /// As [`Containers::list`], but of each record only what `ps` shows and filters by: [`Brief`]'s members. The others
    /// have their defaults. A third of the time of a `ps` would else go into reading what it does not print.
    pub(crate) fn list_brief(&self) -> Result<Vec<Found>> {
        let mut buffer = vec![0; note::MOST];
        self.list_as::<Brief>(|dir, lock| note::read(dir, lock, &mut buffer))
    }

    /// `noted` may know a living container by its lock file, below a folder.
    fn list_as<R: DeserializeOwned + Into<Record>>(
        &self,
        mut noted: impl FnMut(BorrowedFd<'_>, &Path) -> Option<(Record, State)>,
    ) -> Result<Vec<Found>> {
        let Some(mut folder) = Folder::open(self.store.data("containers"))? else {
            return Ok(Vec::new());
        };
        let runtimes = self.runtimes();
        let is_held = |id: &str| match &runtimes {
            Some(dir) => Ok(Lock::is_held_at(dir.as_fd(), &Path::new(id).join("lock"))?),
            None => Ok(false),
        };
        let named = self.named_ids()?;
        let mut all = Vec::with_capacity(named.len());
        for (name, id) in named {
            let lock = Path::new(&id).join("lock");
            let told = runtimes.as_ref().and_then(|dir| noted(dir.as_fd(), &lock));
            if let Some((mut record, state)) = told {
                record.name = name;
                all.push(Found::new(record, state, None));
                continue;
            }
            let Ok(Some(record)) = folder.read::<R>(&format!("{id}/config")) else {
                continue;
            };
            let record = Record {
                name,
                ..record.into()
            };
            // it may be removed at this moment
            let state = folder
                .read(&format!("{id}/state"))
                .map(Option::unwrap_or_default);
            let truth = state.and_then(|state| self.truth_by(&id, state, || is_held(&id)));
            all.extend(truth.map(|(state, orphan)| Found::new(record, state, orphan)));
        }
        // ids differ, so nothing is left to chance, and no second copy of the list is made
        all.sort_unstable_by(|a, b| {
            let by_time = b.record.created.cmp(&a.record.created);
            by_time.then_with(|| a.record.id.cmp(&b.record.id))
        });
        Ok(all)
    }

    /// Returns the records of all containers without their states.
    pub(crate) fn records(&self) -> Result<Vec<Record>> {
        let Some(mut folder) = Folder::open(self.store.data("containers"))? else {
            return Ok(Vec::new());
        };
        let ids = self.named_ids()?;
        ids.iter()
            .filter_map(|(_, id)| folder.read(&format!("{id}/config")).transpose())
            .collect()
    }

    /// Returns each container's id once, with its name.
    fn named_ids(&self) -> Result<Vec<(String, String)>> {
        let mut all = self.names().all()?;
        all.retain(|(_, id)| is_id(id));
        // two names of one container: a killed rename on a file system without RENAME_NOREPLACE
        all.sort_by(|a, b| a.1.cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
        all.dedup_by(|a, b| a.1 == b.1);
        Ok(all)
    }

    /// Returns which container uses which image.
    pub fn image_users(&self) -> Result<Vec<images::User>> {
        let all = self.list()?.into_iter();
        Ok(all
            .map(|found| images::User {
                container: found.record.id,
                image: found.record.image_id,
                is_running: found.is_running,
            })
            .collect())
    }

    /// Returns what a container is.
    pub fn record(&self, id: &str) -> Result<Record> {
        let mut record = self.read_record(id)?.ok_or_else(|| super::no_such(id))?;
        record.name = self.name_of(id)?.ok_or_else(|| super::no_such(id))?;
        Ok(record)
    }

    /// Returns what a container does: the truth, also when its monitor was killed.
    pub fn state(&self, id: &str) -> Result<State> {
        Ok(self.truth(id, self.written_state(id)?)?.0)
    }

    /// Returns the state as its monitor last wrote it; a container that was never started has the default.
    pub fn written_state(&self, id: &str) -> Result<State> {
        Ok(record::read(&self.path(id).join("state"))?.unwrap_or_default())
    }

    /// Writes what a container does. Only the holder of its lock may.
    pub fn write_state(&self, id: &str, state: &State) -> Result<()> {
        record::write(&self.path(id).join("state"), state)
    }

    /// As [`Containers::write_state`] in two steps: nobody reads it until it is published.
    pub(crate) fn prepare_state(&self, id: &str, state: &State) -> Result<()> {
        record::prepare(&self.path(id).join("state"), state)
    }

    /// The second step of [`Containers::prepare_state`].
    pub(crate) fn publish_state(&self, id: &str) -> Result<()> {
        record::publish(&self.path(id).join("state"))
    }

    /// Writes which networks a container is on from its next start on.
    pub(crate) fn set_networks(&self, id: &str, networks: Vec<Wish>) -> Result<()> {
        self.change(id, |record| {
            record.host.network_mode = match networks.first() {
                Some(first) => first.network.clone(),
                None => "none".to_owned(),
            };
            record.is_off_all = networks.is_empty();
            record.networks = networks;
            Ok(())
        })
    }

    /// Changes what a container is, from its next start on. Nobody else changes a record meanwhile.
    pub(crate) fn change(
        &self,
        id: &str,
        change: impl FnOnce(&mut Record) -> Result<()>,
    ) -> Result<()> {
        let _lock = self.names().lock()?;
        let mut record = self.read_record(id)?.ok_or_else(|| super::no_such(id))?;
        change(&mut record)?;
        record::write(&self.path(id).join("config"), &record)?;
        self.drop_note(id);
        Ok(())
    }

    /// Returns the restart policy of now; `None` for a container that is gone.
    pub(crate) fn restart_policy(&self, id: &str) -> Result<Option<RestartPolicy>> {
        #[derive(Deserialize)]
        struct Policy {
            host: Host,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Host {
            restart_policy: RestartPolicy,
        }
        let read = record::read::<Policy>(&self.path(id).join("config"))?;
        Ok(read.map(|policy| policy.host.restart_policy))
    }

    /// Gives a container another name. `Kind::Conflict` when it is taken, docker's texts.
    pub fn rename(&self, id: &str, new: &str) -> Result<()> {
        let old = self.name_of(id)?.ok_or_else(|| super::no_such(id))?;
        let new = new.strip_prefix('/').unwrap_or(new);
        if old == new {
            return Err(Error::new(
                Kind::Invalid,
                "Renaming a container with the same name as its current name",
            ));
        }
        let cannot = |e: Error| Error::new(e.kind(), "Error when allocating new name").because(e);
        // docker shows the name with its slash here, and without it at `create`
        names::check(new).map_err(|_| {
            cannot(Error::new(
                Kind::Invalid,
                format!(
                    "Invalid container name (/{new}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
                ),
            ))
        })?;
        self.names().rename(id, &old, new).map_err(cannot)?;
        let old = format!("/{old}");
        self.store.tell_of(id, "rename", &[("oldName", &old)]);
        Ok(())
    }

    /// Removes a container that does not run. `Kind::State` when its monitor lives.
    pub fn remove(&self, id: &str) -> Result<()> {
        if !self.path(id).join("config").exists() {
            return Err(super::no_such(id));
        }
        let lock = self.hold(id)?;
        self.remove_held(id, &lock)
    }

    fn remove_held(&self, id: &str, lock: &Lock) -> Result<()> {
        let hint = self.read_record(id).ok().flatten();
        let hint = hint.map(|record| record.name).unwrap_or_default();
        let taken = self.take_out(id, &hint, lock);
        if taken.as_ref().is_err_and(|e| e.kind() == Kind::NotFound) {
            return taken;
        }
        self.remove_runtime(id);
        taken
    }

    /// Takes a container whose lock the caller holds out of the store, and its name; `hint` may be that name. The runtime
    /// folder with the lock stays, for [`Containers::remove_runtime`].
    pub(crate) fn take_out(&self, id: &str, hint: &str, _lock: &Lock) -> Result<()> {
        let last = match self.store.is_heard() {
            true => self.record(id).ok(),
            false => None,
        };
        if !self.store.trash().put(&self.path(id))? {
            return Err(super::no_such(id));
        }
        let released = self.names().release(id, hint);
        self.store
            .tell(|| last.map(|last| Event::of(&last, "destroy", &[])));
        released
    }

    /// Removes the runtime folder of a container that is gone. What cannot be removed vanishes with the next boot.
    pub(crate) fn remove_runtime(&self, id: &str) {
        let runtime = self.runtime(id);
        for name in ["ctl", "lock"] {
            std::fs::remove_file(runtime.join(name)).ok();
        }
        if std::fs::remove_dir(&runtime).is_err_and(|e| e.kind() == ErrorKind::DirectoryNotEmpty) {
            crate::store::trash::remove_tree(&runtime).ok();
        }
    }

    pub(crate) fn names(&self) -> Names<'a> {
        Names::new(self.store)
    }

    fn name_of(&self, id: &str) -> Result<Option<String>> {
        match self.read_record(id)? {
            Some(record) => self.names().of(id, &record.name),
            None => Ok(None),
        }
    }

    fn read_record(&self, id: &str) -> Result<Option<Record>> {
        let mut record: Option<Record> = record::read(&self.path(id).join("config"))?;
        for mount in record.iter_mut().flat_map(|r| &mut r.mounts) {
            // the store may have been moved since
            let own = format!("/volumes/{}/data", mount.name);
            if mount.kind == "volume" && !mount.name.is_empty() && mount.source.ends_with(&own) {
                let path = self.store.volumes().path(&mount.name);
                mount.source = path.to_string_lossy().into_owned();
            }
        }
        Ok(record)
    }

    fn with_state(&self, record: Record) -> Result<Found> {
        let written = self.written_state(&record.id)?;
        self.found(record, written)
    }

    fn found(&self, record: Record, written: State) -> Result<Found> {
        let (state, orphan) = self.truth(&record.id, written)?;
        Ok(Found::new(record, state, orphan))
    }

    /// Only folders whose names begin so are looked into: `rm` of a thousand short ids asks a thousand times.
    fn by_prefix(&self, word: &str) -> Result<Found> {
        if word.is_empty() || word.len() > 64 || !word.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(super::no_such(word));
        }
        let mut only = None;
        for id in self.ids_beginning(word)? {
            // a folder without a name is a build's, or on its way in or out
            let Some(found) = self.get(&id)? else {
                continue;
            };
            if only.replace(found).is_some() {
                return Err(Error::new(
                    Kind::Invalid,
                    format!("multiple IDs found with provided prefix: {word}"),
                ));
            }
        }
        only.ok_or_else(|| super::no_such(word))
    }

    fn ids_beginning(&self, word: &str) -> Result<Vec<String>> {
        let folder = self.store.data("containers");
        let cannot = || format!("cannot list `{}`", folder.display());
        let mut ids = Vec::new();
        match std::fs::read_dir(&folder) {
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e).context(Kind::System, cannot),
            Ok(entries) => {
                for entry in entries {
                    let name = entry.context(Kind::System, cannot)?.file_name();
                    ids.extend(
                        name.to_str()
                            .filter(|n| n.starts_with(word) && is_id(n))
                            .map(str::to_owned),
                    );
                }
            }
        }
        Ok(ids)
    }

    /// The other half of the handshake with `rmi`, which removes a layer first and then looks once more for containers
    /// that use it: either it sees this container's name, or this sees that the layer is gone.
    fn check_layers(&self, record: &Record) -> Result<()> {
        match record
            .layers
            .iter()
            .find(|layer| !self.store.layers().stays(layer))
        {
            None => Ok(()),
            Some(_) => Err(Error::new(
                Kind::NotFound,
                format!("No such image: {}", record.config.image),
            )
            .because("it was removed a moment ago")),
        }
    }
}

/// Has the kernel write the record of a container that is meant to stay soon, and waits for nothing: 20 microseconds, where
/// a sync costs the disk's milliseconds. Without it the file could stay empty for half a minute after its name is on the
/// disk (delayed allocation of ext4 and XFS), and a power cut in that time would lose the container.
fn begin_writing(record: &Record, config: &Path) -> Result<()> {
    if record.host.auto_remove {
        return Ok(());
    }
    let file = File::open(config).context(Kind::System, || {
        format!("cannot open `{}`", config.display())
    })?;
    crate::sys::writeback::begin(&file);
    Ok(())
}
