//! Whether a process has a capability in a user namespace: user_namespaces(7), `cap_capable()` of the kernel.

use crate::facts::UserNamespace;

/// An answer to [`Snapshot::capable`](crate::Snapshot::capable).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// Whether the process has the capability; `None` if that cannot be known.
    pub holds: Option<bool>,
    /// What decides.
    pub reason: Reason,
}

/// What decides whether a process has a capability in a user namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The process is in the namespace, so its effective capabilities decide.
    Member,
    /// The process is in an ancestor of the namespace, so its effective capabilities decide.
    Ancestor,
    /// The process is in the parent of the namespace, or of an ancestor of the namespace, and has the UID of the owner. It
    /// has all capabilities.
    Owner,
    /// The process is neither in the namespace nor in an ancestor. It has no capability.
    Outside,
    /// A parent, owner or credential that decides is out of sight, or the scan did not read credentials.
    Hidden,
}

/// A process, as far as it is known.
pub struct Subject {
    /// The index of its user namespace.
    pub namespace: Option<u32>,
    /// Its effective UID, as the kernel shows it to the caller.
    pub uid: Option<u32>,
    /// Whether its effective set has the capability.
    pub has_capability: Option<bool>,
    /// The UID that the kernel shows the caller in place of one without a mapping; `None` if all have one.
    pub unmapped_uid: Option<u32>,
}

/// Decides as the kernel does: from the target upwards, until the user namespace of the process. `facts` are those of the
/// user namespace with an index, and have the index of the parent.
pub fn decide(subject: &Subject, target: u32, facts: &dyn Fn(u32) -> UserNamespace) -> Verdict {
    let verdict = |holds, reason| Verdict { holds, reason };
    let Some(own) = subject.namespace else { return verdict(None, Reason::Hidden) };
    let mut at = target;
    // Whether it has the UID of the owner of the last namespace before its own.
    let mut is_owner = Some(false);
    while at != own {
        let UserNamespace { parent, owner_uid, .. } = facts(at);
        let Some(parent) = parent else {
            return match facts(at).is_initial() || is_at_or_above(at, own, facts) {
                true => verdict(Some(false), Reason::Outside),
                false => verdict(None, Reason::Hidden), // it can be in the hidden parent
            };
        };
        is_owner = subject.has_uid(owner_uid);
        at = parent;
    }
    let reason = if target == own { Reason::Member } else { Reason::Ancestor };
    match (is_owner, subject.has_capability) {
        (Some(true), _) => verdict(Some(true), Reason::Owner),
        // Whoever the owner is.
        (_, Some(true)) => verdict(Some(true), reason),
        (Some(false), Some(false)) => verdict(Some(false), reason),
        _ => verdict(None, Reason::Hidden),
    }
}

/// Whether a user namespace is another one or an ancestor of it.
fn is_at_or_above(index: u32, other: u32, facts: &dyn Fn(u32) -> UserNamespace) -> bool {
    let mut next = Some(other);
    while let Some(at) = next.filter(|&at| at != index) {
        next = facts(at).parent;
    }
    next.is_some()
}

impl Subject {
    /// Whether the effective UID is that of an owner in a namespace with a visible parent, who has a mapping in the caller's
    /// namespace (see `Users::into_list`). The UID can be one without a mapping if it is shown as such; then it is another one
    /// than any owner, except for the owner with the UID that is shown.
    fn has_uid(&self, owner: Option<u32>) -> Option<bool> {
        let (uid, owner) = (self.uid?, owner?);
        if uid == owner && self.unmapped_uid == Some(uid) { None } else { Some(uid == owner) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const INITIAL: u64 = 4026531837;
    const OVERFLOW: u32 = 65534;

    /// `cap_capable_helper()` of the kernel's security/commoncap.c, which has levels, and knows everything.
    fn kernel(namespaces: &[UserNamespace], own: u32, uid: u32, has_capability: bool, target: u32) -> bool {
        let level = |mut index: u32| {
            let mut level = 0;
            while let Some(parent) = namespaces[index as usize].parent {
                (index, level) = (parent, level + 1);
            }
            level
        };
        let mut at = target;
        loop {
            if at == own {
                return has_capability;
            }
            if level(at) <= level(own) {
                return false;
            }
            let UserNamespace { parent, owner_uid, .. } = namespaces[at as usize];
            if parent == Some(own) && owner_uid == Some(uid) {
                return true;
            }
            at = parent.expect("a namespace at a level above 0 has a parent");
        }
    }

    /// A tree: the first one is the initial user namespace, each other one has a parent before it.
    fn tree() -> impl Strategy<Value = Vec<UserNamespace>> {
        prop::collection::vec((any::<prop::sample::Index>(), 0..3_u32), 0..9).prop_map(|others| {
            let initial = UserNamespace { inode: INITIAL, owner_uid: Some(0), ..UserNamespace::default() };
            let mut all = vec![initial];
            for (parent, owner) in others {
                let parent = Some(parent.index(all.len()) as u32);
                all.push(UserNamespace { inode: all.len() as u64, owner_uid: Some(owner), parent, ..initial });
            }
            all
        })
    }

    proptest! {
        #[test]
        fn where_all_is_known_the_verdict_is_that_of_the_kernel(
            namespaces in tree(),
            (own, target) in any::<(prop::sample::Index, prop::sample::Index)>(),
            uid in 0..3_u32,
            has_capability: bool,
        ) {
            let (own, target) = (own.index(namespaces.len()) as u32, target.index(namespaces.len()) as u32);
            let subject = Subject {
                namespace: Some(own),
                uid: Some(uid),
                has_capability: Some(has_capability),
                unmapped_uid: None,
            };
            let verdict = decide(&subject, target, &|index| namespaces[index as usize]);
            prop_assert_eq!(verdict.holds, Some(kernel(&namespaces, own, uid, has_capability, target)));
        }

        /// What is hidden makes a verdict unknown, but never another one. Where it does not decide, it does not matter.
        #[test]
        fn what_is_hidden_makes_no_other_verdict(
            namespaces in tree(),
            (own, target) in any::<(prop::sample::Index, prop::sample::Index)>(),
            uid in 0..3_u32,
            has_capability: bool,
            hidden in prop::collection::vec(any::<(bool, bool)>(), 9..10),
            (hides_own, hides_uid, hides_capability) in any::<(bool, bool, bool)>(),
        ) {
            let (own, target) = (own.index(namespaces.len()) as u32, target.index(namespaces.len()) as u32);
            let truth = kernel(&namespaces, own, uid, has_capability, target);
            let facts = |index: u32| {
                let mut facts = namespaces[index as usize];
                let (hides_parent, hides_owner) = hidden[index as usize];
                facts.parent = facts.parent.filter(|_| !hides_parent);
                facts.owner_uid = facts.owner_uid.filter(|_| !hides_owner);
                facts
            };
            let subject = Subject {
                namespace: Some(own).filter(|_| !hides_own),
                uid: Some(uid).filter(|_| !hides_uid),
                has_capability: Some(has_capability).filter(|_| !hides_capability),
                unmapped_uid: None,
            };
            let verdict = decide(&subject, target, &facts);
            prop_assert!(verdict.holds.is_none_or(|holds| holds == truth), "{verdict:?}, not {truth}");
            prop_assert_eq!(verdict.holds.is_none(), verdict.reason == Reason::Hidden);
        }
    }

    fn decide_as(uid: u32, owner: u32, has_capability: bool) -> Verdict {
        let namespaces = [
            UserNamespace { inode: 7, ..UserNamespace::default() },
            UserNamespace { inode: 8, parent: Some(0), owner_uid: Some(owner), ..UserNamespace::default() },
        ];
        let subject = Subject {
            namespace: Some(0),
            uid: Some(uid),
            has_capability: Some(has_capability),
            unmapped_uid: Some(OVERFLOW),
        };
        decide(&subject, 1, &|index| namespaces[index as usize])
    }

    /// To a nested caller 65534 is that UID, or any one without a mapping.
    #[test]
    fn a_uid_without_a_mapping_is_not_that_of_another_owner() {
        let no = Verdict { holds: Some(false), reason: Reason::Ancestor };
        let yes = Verdict { holds: Some(true), reason: Reason::Ancestor };
        assert_eq!(decide_as(OVERFLOW, 0, false), no);
        assert_eq!(decide_as(0, OVERFLOW, false), no);
        assert_eq!(decide_as(OVERFLOW, OVERFLOW, false), Verdict { holds: None, reason: Reason::Hidden });
        assert_eq!(decide_as(OVERFLOW, OVERFLOW, true), yes, "whoever the owner is");
        assert_eq!(decide_as(0, 0, false), Verdict { holds: Some(true), reason: Reason::Owner });
    }

    /// The parent of the target is hidden. A process in a namespace below the target is not in that parent.
    #[test]
    fn outside_of_a_hidden_parent() {
        let namespaces = [
            UserNamespace { inode: 7, ..UserNamespace::default() },
            UserNamespace { inode: 8, parent: Some(0), ..UserNamespace::default() },
            UserNamespace { inode: 9, ..UserNamespace::default() },
        ];
        let decide_from = |namespace, target| {
            let subject =
                Subject { namespace: Some(namespace), uid: None, has_capability: None, unmapped_uid: Some(OVERFLOW) };
            decide(&subject, target, &|index| namespaces[index as usize])
        };
        assert_eq!(decide_from(1, 0), Verdict { holds: Some(false), reason: Reason::Outside });
        assert_eq!(decide_from(2, 0), Verdict { holds: None, reason: Reason::Hidden });
        assert_eq!(decide_from(2, 1), Verdict { holds: None, reason: Reason::Hidden });
    }
}
