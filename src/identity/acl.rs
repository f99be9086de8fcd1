//! Access control lists (acl(5)) in the form of the attributes `system.posix_acl_access` and `system.posix_acl_default`.
//! Pure. The kernel takes no list that names ids which it cannot map, so such lists are kept and judged here.
//!
//! ```text
//! 4 bytes  version, 2
//! 8 bytes  an entry: tag (16 bits), permissions (16), id (32), in the order of the tags
//! ```

const VERSION: u32 = 2;
const OWNER: u16 = 1;
const USER: u16 = 2;
const OWNING_GROUP: u16 = 4;
const GROUP: u16 = 8;
const MASK: u16 = 16;
const OTHER: u16 = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    tag: u16,
    bits: u16,
    id: u32,
}

/// A list that names users or groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acl {
    entries: Vec<Entry>,
}

impl Acl {
    /// Reads the attribute's value; `None` for what the kernel would refuse (posix_acl_valid).
    pub fn parse(bytes: &[u8]) -> Option<Acl> {
        let (version, rest) = bytes.split_first_chunk::<4>()?;
        if u32::from_le_bytes(*version) != VERSION || rest.len() % 8 != 0 {
            return None;
        }
        let entries: Vec<Entry> = rest
            .chunks_exact(8)
            .map(|e| Entry {
                tag: u16::from_le_bytes([e[0], e[1]]),
                bits: u16::from_le_bytes([e[2], e[3]]),
                id: u32::from_le_bytes([e[4], e[5], e[6], e[7]]),
            })
            .collect();
        let acl = Acl { entries };
        acl.is_valid().then_some(acl)
    }

    fn is_valid(&self) -> bool {
        let known = [OWNER, USER, OWNING_GROUP, GROUP, MASK, OTHER];
        let is_known = self
            .entries
            .iter()
            .all(|e| known.contains(&e.tag) && e.bits & !7 == 0);
        let is_ordered = self.entries.is_sorted_by_key(|e| e.tag);
        let count = |tag| self.entries.iter().filter(|e| e.tag == tag).count();
        let has_all = [OWNER, OWNING_GROUP, OTHER]
            .iter()
            .all(|tag| count(*tag) == 1);
        is_known
            && is_ordered
            && has_all
            && count(MASK) <= 1
            && (!self.has_names() || count(MASK) == 1)
    }

    fn has_names(&self) -> bool {
        self.entries.iter().any(|e| matches!(e.tag, USER | GROUP))
    }

    /// Whether it names another than root, so that the kernel cannot keep it.
    pub fn names_others(&self) -> bool {
        self.entries
            .iter()
            .any(|e| matches!(e.tag, USER | GROUP) && e.id != 0)
    }

    /// The attribute's value.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = VERSION.to_le_bytes().to_vec();
        for Entry { tag, bits, id } in &self.entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(bits.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        bytes
    }

    fn bits(&self, tag: u16) -> Option<u16> {
        self.entries.iter().find(|e| e.tag == tag).map(|e| e.bits)
    }

    /// The nine bits of a mode that a file with this list has: the group's are the mask.
    pub fn mode(&self) -> u32 {
        let group = self.bits(MASK).or(self.bits(OWNING_GROUP));
        [self.bits(OWNER), group, self.bits(OTHER)]
            .into_iter()
            .fold(0, |mode, bits| mode << 3 | u32::from(bits.unwrap_or(0)))
    }

    /// The list of a file whose mode is this one by now (chmod(2) changes owner, mask and others).
    pub fn with_mode(mut self, mode: u32) -> Acl {
        let group = if self.bits(MASK).is_some() {
            MASK
        } else {
            OWNING_GROUP
        };
        for (tag, shift) in [(OWNER, 6), (group, 3), (OTHER, 0)] {
            let entry = self.entries.iter_mut().find(|e| e.tag == tag);
            entry
                .into_iter()
                .for_each(|e| e.bits = (mode >> shift & 7) as u16);
        }
        self
    }

    /// The list of a new file whose folder hands this one on, where its maker asked for `mode` (posix_acl_create).
    pub fn masked(self, mode: u32) -> Acl {
        let mode = self.mode() & mode;
        self.with_mode(mode)
    }

    /// Whether `uid` may do what is `wanted` (R_OK, W_OK, X_OK) to a file of this owner and group (posix_acl_permission).
    pub fn allows(
        &self,
        owner: (u32, u32),
        wanted: u32,
        uid: u32,
        is_in: impl Fn(u32) -> bool,
    ) -> bool {
        let wanted = wanted as u16 & 7;
        let mask = self.bits(MASK).unwrap_or(7);
        let mut is_member = false;
        for entry in &self.entries {
            let granted = match entry.tag {
                OWNER if uid == owner.0 => return entry.bits & wanted == wanted,
                USER if uid == entry.id => return entry.bits & mask & wanted == wanted,
                OWNING_GROUP if is_in(owner.1) => entry.bits,
                GROUP if is_in(entry.id) => entry.bits,
                OTHER => return !is_member && entry.bits & wanted == wanted,
                _ => continue,
            };
            is_member = true;
            // of several groups one that gives everything is enough
            if granted & wanted == wanted {
                return mask & wanted == wanted;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acl(entries: &[(u16, u16, u32)]) -> Option<Acl> {
        let mut bytes = VERSION.to_le_bytes().to_vec();
        for (tag, bits, id) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(bits.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        let acl = Acl::parse(&bytes)?;
        assert_eq!(acl.to_bytes(), bytes);
        Some(acl)
    }

    const NONE: u32 = u32::MAX;

    fn of_two() -> Acl {
        acl(&[
            (OWNER, 6, NONE),
            (USER, 6, 33),
            (OWNING_GROUP, 0, NONE),
            (GROUP, 4, 50),
            (MASK, 4, NONE),
            (OTHER, 0, NONE),
        ])
        .unwrap()
    }

    #[test]
    fn what_the_kernel_refuses_is_no_list() {
        assert!(acl(&[(OWNER, 6, NONE), (OWNING_GROUP, 4, NONE), (OTHER, 4, NONE)]).is_some());
        for wrong in [
            vec![],
            vec![(OWNER, 6, NONE), (OTHER, 4, NONE)],
            vec![
                (OWNER, 6, NONE),
                (USER, 4, 33),
                (OWNING_GROUP, 4, NONE),
                (OTHER, 4, NONE),
            ],
            vec![(OTHER, 4, NONE), (OWNER, 6, NONE), (OWNING_GROUP, 4, NONE)],
            vec![(OWNER, 9, NONE), (OWNING_GROUP, 4, NONE), (OTHER, 4, NONE)],
            vec![
                (OWNER, 6, NONE),
                (3, 4, 33),
                (OWNING_GROUP, 4, NONE),
                (OTHER, 4, NONE),
            ],
        ] {
            assert_eq!(acl(&wrong), None, "{wrong:?}");
        }
        assert_eq!(Acl::parse(b"\x02\0\0\0short"), None);
        assert_eq!(Acl::parse(b""), None);
    }

    #[test]
    fn named_users_and_groups_get_what_the_mask_leaves() {
        let acl = of_two();
        let may =
            |uid, groups: &[u32], wanted| acl.allows((0, 0), wanted, uid, |g| groups.contains(&g));
        for (uid, groups, wanted, expected) in [
            (33, &[][..], 4, true),
            (33, &[], 2, false), // masked
            (34, &[50], 4, true),
            (34, &[50], 6, false),
            (34, &[0, 50], 4, true), // one of the groups is enough
            (34, &[0], 4, false),    // the owning group has nothing, and others do not count then
            (34, &[], 4, false),
            (0, &[], 6, true),
        ] {
            assert_eq!(
                may(uid, groups, wanted),
                expected,
                "{uid} {groups:?} {wanted}"
            );
        }
        assert!(acl.names_others());
    }

    #[test]
    fn a_mode_and_a_list_follow_each_other() {
        assert_eq!(of_two().mode(), 0o640);
        let changed = of_two().with_mode(0o100_767);
        assert_eq!(changed.mode(), 0o767);
        assert!(changed.allows((0, 0), 2, 33, |_| false));
        assert_eq!(changed.bits(OWNING_GROUP), Some(0));
        let new = of_two().masked(0o100_751);
        assert_eq!((new.mode(), new.bits(MASK)), (0o640, Some(4)));
        assert_eq!(of_two().masked(0o400).mode(), 0o400);
    }
}
