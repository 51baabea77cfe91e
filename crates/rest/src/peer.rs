//! Who is at the other end, as the kernel says, and what they may do.

use std::ffi::CString;

use nix::unistd::{Gid, Group, Uid, User, geteuid, getgrouplist};
use tokio::net::{UnixStream, unix::UCred};

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) uid: Uid,
    pub(crate) gid: Gid,
}

impl Peer {
    pub(crate) fn of(stream: &UnixStream) -> std::io::Result<Self> {
        stream.peer_cred().map(Self::from)
    }
}

impl From<UCred> for Peer {
    fn from(credentials: UCred) -> Self {
        Self { uid: Uid::from_raw(credentials.uid()), gid: Gid::from_raw(credentials.gid()) }
    }
}

/// Who may change things: root, the daemon's own user, and the members of one group.
#[derive(Clone, Debug)]
pub(crate) struct Privileged {
    own_uid: Uid,
    group: Option<Gid>,
}

impl Privileged {
    pub(crate) fn new(group: Option<Gid>) -> Self {
        Self { own_uid: geteuid(), group }
    }

    /// Looks into the user database when the user and primary group do not settle it.
    pub(crate) fn includes(&self, peer: Peer) -> bool {
        peer.uid.is_root()
            || peer.uid == self.own_uid
            || self.group.is_some_and(|group| peer.gid == group || is_member(peer, group))
    }
}

/// The id of the group of that name; `None` if there is none, or if the group database cannot be read.
pub(crate) fn group_id(name: &str) -> Option<Gid> {
    Group::from_name(name).ok().flatten().map(|group| group.gid)
}

fn is_member(peer: Peer, group: Gid) -> bool {
    let Ok(Some(user)) = User::from_uid(peer.uid) else { return false };
    let Ok(name) = CString::new(user.name) else { return false };
    getgrouplist(&name, user.gid).is_ok_and(|groups| groups.contains(&group))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATORS: u32 = 4_000_000_001;

    fn peer(uid: u32, gid: u32) -> Peer {
        Peer { uid: Uid::from_raw(uid), gid: Gid::from_raw(gid) }
    }

    #[test]
    fn root_the_own_user_and_the_group_may_change_things_and_nobody_else() {
        let privileged = Privileged { own_uid: Uid::from_raw(777_001), group: Some(Gid::from_raw(OPERATORS)) };
        assert!(privileged.includes(peer(0, 0)));
        assert!(privileged.includes(peer(777_001, 65_534)));
        assert!(privileged.includes(peer(777_002, OPERATORS)));
        assert!(!privileged.includes(peer(777_002, 0)), "group 0 is not the user root");
        assert!(!privileged.includes(peer(65_534, 65_534)));
    }

    #[test]
    fn without_a_group_membership_counts_for_nothing() {
        let privileged = Privileged { own_uid: Uid::from_raw(0), group: None };
        assert!(privileged.includes(peer(0, 12)));
        assert!(!privileged.includes(peer(777_002, OPERATORS)));
    }

    #[test]
    fn membership_is_read_from_the_user_database() {
        let Some(root) = User::from_uid(Uid::from_raw(0)).ok().flatten() else { return };
        assert!(is_member(peer(0, OPERATORS), root.gid));
        assert!(!is_member(peer(0, 0), Gid::from_raw(OPERATORS)));
        assert!(!is_member(peer(4_000_000_002, 0), root.gid), "an unknown user is in no group");
    }

    #[test]
    fn a_group_that_does_not_exist_has_no_id() {
        assert_eq!(group_id("no-such-group-causeway"), None);
        assert_eq!(group_id("root"), Some(Gid::from_raw(0)));
    }
}
