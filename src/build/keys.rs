//! The content key of each step: the key before it, what it does, and the digest of what it takes.

use super::cache::Key;
use super::plan::{CopyOp, Op, Origin, RunOp, Step};
use super::solve::{Outcome, Solver};
use super::{copy, fetch};
use crate::error::Result;

impl Solver<'_> {
    /// The digest of what a step takes from somewhere; of layers it is remembered.
    pub(super) fn content(&self, op: &CopyOp) -> Result<String> {
        if op.sources.is_empty() {
            return Ok(String::new());
        }
        let remembered = self.layers_of(&op.origin).map(|layers| {
            let mut key = Key::new("content");
            for layer in &layers {
                key.add("layer", layer);
            }
            for text in op.sources.iter().chain(&op.excludes) {
                key.add("text", text);
            }
            key.add("parents", &op.parents.to_string());
            key.finish().0
        });
        if let Some(digest) = remembered
            .as_ref()
            .and_then(|key| self.store.builds().content(key))
        {
            return Ok(digest);
        }
        let tree = self.tree(&op.origin)?;
        let stats = self.stats.as_ref().filter(|_| op.origin == Origin::Context);
        let digest = copy::content(&tree, op, stats)?;
        if let Some(key) = remembered {
            self.store.builds().put_content(&key, &digest)?;
        }
        Ok(digest)
    }

    pub(super) fn key(&self, step: &Step, outcome: &Outcome) -> Result<Key> {
        match &step.op {
            Op::Nothing => unreachable!("it has no key"),
            Op::Workdir { path, user } => {
                let mut key = Key::new(&outcome.key);
                key.add("workdir", path);
                key.add("user", user);
                Ok(key)
            }
            Op::Copy(op) => {
                let mut key = match op.is_linked() {
                    true => Key::new("link"),
                    false => Key::new(&outcome.key),
                };
                self.copy_key(op, &mut key)?;
                Ok(key)
            }
            Op::Run(op) => self.run_key(op, Key::new(&outcome.key)),
        }
    }

    fn copy_key(&self, op: &CopyOp, key: &mut Key) -> Result<()> {
        key.add("add", &op.is_add.to_string());
        key.add_all("sources", &op.sources);
        key.add("destination", &op.destination);
        key.add("folder", &op.is_folder.to_string());
        key.add("chown", op.chown.as_deref().unwrap_or_default());
        key.add("chmod", &format!("{:?}", op.chmod));
        key.add(
            "flags",
            &format!("{} {} {:?}", op.parents, op.keep_git_dir, op.unpack),
        );
        key.add_all("excludes", &op.excludes);
        for (name, text) in &op.files {
            key.add_all("file", [name, text]);
        }
        for word in op.sources.iter().filter(|word| copy::is_remote(op, word)) {
            key.add("remote", &fetch::identity(self.request, op, word)?);
        }
        key.add("content", &self.content(op)?);
        Ok(())
    }

    fn run_key(&self, op: &RunOp, mut key: Key) -> Result<Key> {
        let request = self.request;
        key.add_all("argv", &op.command.argv);
        if let Some((name, text)) = &op.command.script {
            key.add_all("script", [name, text]);
        }
        for (name, value) in &op.env {
            key.add("env", &format!("{name}={value}"));
        }
        key.add("cwd", &op.cwd);
        key.add("user", &op.user);
        let network = op.network.as_deref().unwrap_or(&request.network);
        key.add("network", network);
        key.add("insecure", &op.insecure.to_string());
        key.add("shm-size", &request.shm_size.to_string());
        key.add("ulimits", &format!("{:?}", request.ulimits));
        for host in &request.add_hosts {
            let name = host.split(':').next().unwrap_or_default();
            key.add("add-host", name);
        }
        for (wanted, origin) in &op.mounts {
            use crate::grammar::dockerfile::mount::Kind as Mounted;
            let mut shown = wanted.clone();
            if wanted.kind == Mounted::Cache {
                // which folder it is and who else uses it is nobody's business but the host's
                (shown.id, shown.sharing) = (None, Default::default());
            }
            key.add("mount", &format!("{shown:?}"));
            if wanted.kind == Mounted::Bind {
                let source = wanted.source.clone().unwrap_or_else(|| "/".to_owned());
                let origin = origin.clone().unwrap_or(Origin::Context);
                key.add(
                    "content",
                    &self.content(&CopyOp::taking(origin, vec![source]))?,
                );
            }
        }
        Ok(key)
    }
}
