//! The user's mounts: trees are opened while the host's are still there, and attached below the new root.

use std::ffi::CString;

use super::{Builder, DEV, FIRST_TREE, RDONLY, STRICT, escaped, path, text};
use crate::container::plan::{Mount, Source, Start, Submounts};
use crate::error::{Error, Kind, Result};
use crate::sys::spawn::{Op, SLOTS, Slot};

impl Builder {
    /// Opens what the host gives while the host's tree is still there; returns what mounts it later, inside.
    pub(super) fn open_trees(
        &mut self,
        start: &Start,
        etc: &[(String, String)],
    ) -> Result<Vec<Op>> {
        let mut later = Vec::new();
        let mut slot = FIRST_TREE;
        let mut next = || {
            slot += 1;
            if slot > SLOTS {
                Err(Error::new(
                    Kind::Usage,
                    format!("more than {} mounts", SLOTS - FIRST_TREE),
                ))
            } else {
                Ok(slot - 1)
            }
        };
        // a mount at /etc lies below these files, one at a file itself replaces ours, as with docker
        for mount in &start.mounts {
            self.user_mount(mount, next()?, &mut later)?;
        }
        let is_taken = |at: &str| start.mounts.iter().any(|m| m.destination == at);
        // made in the container's own /dev, and taken from there once they are mounted
        self.ops.push(Op::OpenDir {
            path: c"dev".to_owned(),
            slot: DEV,
        });
        for (name, content) in etc {
            if is_taken(&format!("/etc/{name}")) {
                continue;
            }
            let (slot, made) = (next()?, format!(".{name}"));
            let path = text(&format!("dev/{made}"))?;
            self.ops.extend([
                Op::Text {
                    path: path.clone(),
                    mode: 0o644,
                    text: text(content)?,
                },
                Op::OpenTree {
                    path,
                    below: CString::default(),
                    recursive: false,
                    slot,
                },
            ]);
            later.push(Op::Attach {
                slot,
                target: text(&format!("/etc/{name}"))?,
                // on networks they follow `network connect` and `disconnect`
                attributes: if start.read_only && start.network.is_none() {
                    RDONLY
                } else {
                    0
                },
                recursive: false,
                propagation: 0,
            });
            later.push(Op::Unlink {
                slot: DEV,
                name: text(&made)?,
            });
        }
        later.push(Op::Close(DEV));
        for (host, inside) in &start.devices {
            let slot = next()?;
            self.ops.push(Op::OpenTree {
                path: path(host)?,
                below: CString::default(),
                recursive: false,
                slot,
            });
            later.push(Op::Attach {
                slot,
                target: text(inside)?,
                attributes: 0,
                recursive: false,
                propagation: 0,
            });
        }
        Ok(later)
    }

    fn user_mount(&mut self, mount: &Mount, slot: Slot, later: &mut Vec<Op>) -> Result<()> {
        let target = text(&mount.destination)?;
        let attributes = mount.flags & STRICT | if mount.read_only { RDONLY } else { 0 };
        match &mount.source {
            Source::Bind {
                path: source,
                below,
                copy_up,
            } => {
                let source = path(source)?;
                if *copy_up {
                    self.ops.push(Op::CopyUp {
                        from: target.clone(),
                        to: source.clone(),
                    });
                }
                self.ops.push(Op::OpenTree {
                    path: source,
                    below: text(below)?,
                    recursive: mount.submounts != Submounts::Absent,
                    slot,
                });
            }
            Source::Overlay { lower, upper, work } => {
                match lower.as_slice() {
                    [only] => self.ops.push(Op::NewTree {
                        fstype: c"overlay".to_owned(),
                        options: vec![
                            (c"lowerdir".to_owned(), path(only)?),
                            (c"upperdir".to_owned(), escaped(upper)?),
                            (c"workdir".to_owned(), escaped(work)?),
                            (c"userxattr".to_owned(), CString::default()),
                        ],
                        slot,
                    }),
                    // fsconfig takes 255 bytes in one option: mounted as the root is, over its own upper folder
                    several => {
                        let point = path(upper)?;
                        self.overlay(several, upper, work, false, &point)?;
                        self.ops.push(Op::OpenTree {
                            path: point,
                            below: CString::default(),
                            recursive: false,
                            slot,
                        });
                    }
                }
                self.ops.push(Op::Mode {
                    path: path(&work.join("work"))?,
                    mode: 0o700,
                });
            }
            Source::Tmpfs { data, .. } => {
                let mut options = vec![(c"source".to_owned(), c"tmpfs".to_owned())];
                for option in data.split(',').filter(|o| !o.is_empty()) {
                    let (key, value) = option.split_once('=').unwrap_or((option, ""));
                    // the kernel knows the container's one id
                    if matches!(key, "uid" | "gid") {
                        continue;
                    }
                    options.push((text(key)?, text(value)?));
                }
                later.push(Op::NewTree {
                    fstype: c"tmpfs".to_owned(),
                    options,
                    slot,
                });
            }
        }
        later.push(Op::Attach {
            slot,
            target,
            attributes,
            recursive: mount.submounts == Submounts::Same,
            propagation: mount.propagation,
        });
        Ok(())
    }
}
