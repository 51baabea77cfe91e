//! What the process may do: found out at the start, and said in the words of whoever has to grant it.
//!
//! A program's file may grant capabilities (`setcap ...+p`) without the flag that makes them effective at once. With that
//! flag the kernel refuses to start the program at all where one of them cannot be had, and names none; so the program takes
//! up by itself what it is permitted, and says what is missing.

use rustix::thread::{CapabilitySet, capabilities, capability_is_in_bounding_set, no_new_privs, set_capabilities};
use std::fmt;

/// A capability that causewayd may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// `CAP_NET_ADMIN`: make TAP ports and the host interface, give addresses and routes.
    NetAdmin,
    /// `CAP_NET_RAW`: open packet sockets.
    NetRaw,
}

impl Right {
    fn set(self) -> CapabilitySet {
        match self {
            Self::NetAdmin => CapabilitySet::NET_ADMIN,
            Self::NetRaw => CapabilitySet::NET_RAW,
        }
    }

    /// The name without `CAP_`, as Docker wants it.
    fn name(self) -> &'static str {
        match self {
            Self::NetAdmin => "NET_ADMIN",
            Self::NetRaw => "NET_RAW",
        }
    }
}

/// A right that the process does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("CAP_{} is missing, which {purpose} needs: {}", right.name(), Advice { right: *right, cause: *cause })]
pub struct MissingRight {
    /// The right.
    pub right: Right,
    /// What it is needed for.
    pub purpose: &'static str,
    /// Why it is missing.
    pub cause: Cause,
}

/// Why a right is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Whoever started the process withheld the right from it and all its children, as Docker does by default.
    Withheld,
    /// The process must not gain rights by starting a program.
    NoNewPrivileges,
    /// Nobody granted it.
    NotGranted,
}

/// What to do about a missing right.
struct Advice {
    right: Right,
    cause: Cause,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.right.name();
        let lower = name.to_lowercase();
        match self.cause {
            Cause::Withheld => write!(
                f,
                "the container or unit was started without it; add it (docker run `--cap-add {name}`, compose \
                 `cap_add: [{name}]`, systemd `CapabilityBoundingSet=CAP_{name}`)"
            ),
            Cause::NoNewPrivileges => write!(
                f,
                "`no-new-privileges` keeps an ordinary user from getting it by the program's file; start without that \
                 option (docker run `--security-opt no-new-privileges`), or as root"
            ),
            Cause::NotGranted => {
                write!(f, "start as root, or grant it by the program's file (`setcap cap_{lower}+p` and its path)")
            }
        }
    }
}

/// Makes effective what this thread, and with it every thread that it starts later, is permitted. Has no effect on a thread
/// that has all its rights in force, and none where the kernel refuses: [`require`] then says what is missing.
pub fn take_up() {
    let Ok(mut sets) = capabilities(None) else { return };
    if !sets.effective.contains(sets.permitted) {
        sets.effective = sets.permitted;
        if let Err(error) = set_capabilities(None, sets) {
            tracing::debug!(target: "dpdk::rights", "permitted capabilities are not taken up: {error}");
        }
    }
}

/// Checks that this thread has `right` in force.
///
/// # Errors
/// If not, with its name, what it is for, and how to grant it. A kernel that does not tell is taken to grant it.
pub fn require(right: Right, purpose: &'static str) -> Result<(), MissingRight> {
    match capabilities(None) {
        Ok(sets) if !sets.effective.contains(right.set()) => Err(MissingRight { right, purpose, cause: cause(right) }),
        _ => Ok(()),
    }
}

fn cause(right: Right) -> Cause {
    if !capability_is_in_bounding_set(right.set()).unwrap_or(true) {
        Cause::Withheld
    } else if no_new_privs().unwrap_or(false) {
        Cause::NoNewPrivileges
    } else {
        Cause::NotGranted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_the_right_what_it_is_for_and_who_can_grant_it() {
        let said = |cause| MissingRight { right: Right::NetAdmin, purpose: "the host interface", cause }.to_string();
        let withheld = said(Cause::Withheld);
        for word in ["CAP_NET_ADMIN is missing", "the host interface", "--cap-add NET_ADMIN", "cap_add: [NET_ADMIN]"] {
            assert!(withheld.contains(word), "{withheld}");
        }
        assert!(said(Cause::NoNewPrivileges).contains("no-new-privileges"));
        assert!(said(Cause::NotGranted).contains("setcap cap_net_admin+p"));
    }

    #[test]
    fn a_right_that_is_permitted_but_not_in_force_is_taken_up() {
        // On a thread of its own: capabilities are a thread's.
        let found = std::thread::spawn(|| {
            let mut sets = capabilities(None).ok()?;
            if !sets.permitted.contains(CapabilitySet::NET_ADMIN) {
                return None;
            }
            sets.effective.remove(CapabilitySet::NET_ADMIN);
            set_capabilities(None, sets).ok()?;
            let before = require(Right::NetAdmin, "this test");
            take_up();
            Some((before.map_err(|error| error.right), require(Right::NetAdmin, "this test")))
        });
        match found.join().expect("it does not panic") {
            Some(found) => assert_eq!(found, (Err(Right::NetAdmin), Ok(()))),
            None => eprintln!("skipped: this test has no CAP_NET_ADMIN to lay down"),
        }
    }
}
