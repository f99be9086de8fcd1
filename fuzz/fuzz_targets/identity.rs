#![no_main]

use coracle::identity::credentials::{Credentials, Four};
use coracle::identity::permission::{self, Seen};
use coracle::store::ids::Ids;
use coracle::store::owners::{Mark, Place, Sidecar};
use libfuzzer_sys::fuzz_target;

/// A sequence of calls, and bytes that claim to be records.
type Input<'a> = (u32, u32, Vec<u32>, u64, Vec<(u8, u32, u32, u32)>, &'a [u8], u32);

fuzz_target!(|input: Input<'_>| {
    let (uid, gid, groups, bounding, calls, bytes, mode) = input;
    let mut who = Credentials::new(uid, gid, &groups, bounding);
    let begun_without_power = who.permitted == 0;
    let ids = |four: &Four| [four.real, four.effective, four.saved, four.fs];
    let own = [ids(&who.user), ids(&who.group)].concat();
    for (call, a, b, c) in calls {
        let old = who.clone();
        let result = match call % 12 {
            0 => who.set_uid(a),
            1 => who.set_gid(a),
            2 => who.set_reuid(a, b),
            3 => who.set_regid(a, b),
            4 => who.set_resuid([a, b, c]),
            5 => who.set_resgid([a, b, c]),
            6 => who.set_groups(vec![a, b, c]),
            7 => {
                who.set_fsuid(a);
                Ok(())
            }
            8 => {
                who.set_fsgid(a);
                Ok(())
            }
            9 => who.set_capabilities(u64::from(a), u64::from(b)),
            10 => {
                who.keep = a & 1 == 1;
                Ok(())
            }
            _ => {
                who = who.executed((None, None));
                Ok(())
            }
        };
        if result.is_err() {
            assert_eq!(who, old, "a call that fails changes nothing");
        }
        assert_eq!(who.effective & !who.permitted, 0);
        assert_eq!(who.permitted & !who.bounding, 0);
        if begun_without_power && uid != 0 {
            let now = [ids(&who.user), ids(&who.group)].concat();
            assert!(now.iter().all(|id| own.contains(id)), "ids out of nowhere");
            assert_eq!(who.groups, old.groups);
        }
        let file = Seen { uid: a, gid: b, mode };
        if let Ok((new_uid, new_gid)) = permission::chown(&who, &file, c, a)
            && begun_without_power
            && uid != 0
        {
            assert_eq!(new_uid, file.uid);
            assert!(new_gid == file.gid || who.is_in(new_gid));
        }
        permission::access(&file, c, who.user.fs, |gid| who.is_in(gid), false);
    }
    if let Some(ids) = Ids::parse(bytes) {
        assert_eq!(Ids::parse(ids.to_string().as_bytes()), Some(ids));
        ids.mode(mode);
    }
    if let Some(mark) = Mark::parse(bytes) {
        assert_eq!(Mark::parse(&mark.to_bytes()), Some(mark));
    }
    let _ = Place::of(mode).read(bytes);
    Sidecar::parse(bytes);
});
