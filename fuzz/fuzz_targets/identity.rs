#![no_main]

use coracle::identity::acl::Acl;
use coracle::identity::claim;
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
        let result = match call % 14 {
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
            9 => who.set_capabilities(u64::from(a), u64::from(b), u64::from(c)),
            10 => {
                who.keep = a & 1 == 1;
                Ok(())
            }
            11 => who.change_ambient(u64::from(a), u64::from(b), [u64::from(c), 0]).map(drop),
            12 => who.drop_bounding(u64::from(a)),
            _ => {
                who = who.executed((None, None));
                Ok(())
            }
        };
        if result.is_err() {
            assert_eq!(who, old, "a call that fails changes nothing");
        }
        assert_eq!(who.effective & !who.permitted, 0);
        let rights = |who: &Credentials| who.permitted | who.inheritable | who.bounding;
        assert_eq!(rights(&who) & !rights(&old), 0, "rights out of nowhere");
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
        judge(&who, &file, &Credentials::new(b, c, &groups, bounding), c);
        lists(bytes, &file, &who, c);
    }
    messages(bytes, &who);
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

/// What holds of every permission, whoever asks and whatever for.
fn judge(who: &Credentials, file: &Seen, other: &Credentials, wanted: u32) {
    let may = |wanted| permission::access(file, wanted, who.user.fs, |gid| who.is_in(gid), false);
    assert_eq!(may(wanted), [1, 2, 4].iter().all(|bit| wanted & bit == 0 || may(*bit)), "each bit by itself");
    let new = permission::mode_after_chmod(who, file, wanted);
    assert_eq!(new & !0o7777, 0);
    assert!(new & 0o2000 == 0 || who.is_in(file.gid) || who.effective != 0, "a group's program by a stranger");
    let given = permission::mode_after_chown(file.mode);
    assert_eq!(given & !file.mode, 0, "a chown gives no bit");
    let is_program = permission::has_privileges(file.mode) || file.mode & 0o170000 != 0o100000;
    assert!(is_program || given == file.mode, "plain files keep theirs");
    if who.effective == 0 {
        let ids = [who.user.real, who.user.effective];
        assert!(!permission::kill(who, other) || ids.contains(&other.user.real) || ids.contains(&other.user.saved));
        assert!(!permission::schedule(who, other) || [other.user.real, other.user.effective].contains(&who.user.effective));
    }
    let is_same = permission::trace(&who.user.real, &who.group.real, other);
    assert!(!is_same || other.user.effective == who.user.real && other.group.saved == who.group.real);
    permission::is_safe_to_link(file);
}

/// A list is what it was read from, follows a chmod, and gives nobody more than one of its entries does.
fn lists(bytes: &[u8], file: &Seen, who: &Credentials, wanted: u32) {
    let Some(list) = Acl::parse(bytes) else { return };
    assert_eq!(list.to_bytes(), bytes);
    let changed = list.clone().with_mode(file.mode);
    assert_eq!(changed.mode(), file.mode & 0o777);
    assert_eq!(list.clone().masked(wanted).mode() & !wanted, 0, "more than its maker asked for");
    let may = |list: &Acl, wanted| list.allows((file.uid, file.gid), wanted, who.user.fs, |gid| who.is_in(gid));
    assert!(!may(&list, wanted) || [1, 2, 4].iter().all(|bit| may(&list, wanted & bit)));
    assert!(!may(&changed, wanted) || wanted & 7 & !(file.mode >> 6 | file.mode >> 3 | file.mode) == 0);
    list.names_others();
}

/// What is found in a message lies in it, and who has no right to it says nothing but what it is.
fn messages(control: &[u8], who: &Credentials) {
    let Some((at, ids)) = claim::find(control) else { return };
    let half = |at: usize| u32::from_ne_bytes(control[at..at + 4].try_into().unwrap());
    assert_eq!([half(at), half(at + 4)], ids);
    if claim::may(who, ids[0], ids[1]).is_ok() && who.effective == 0 {
        assert!([who.user.real, who.user.effective, who.user.saved].contains(&ids[0]));
        assert!([who.group.real, who.group.effective, who.group.saved].contains(&ids[1]));
    }
}
