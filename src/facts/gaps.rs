//! What a scan could not see.

use std::fmt;

/// A reason why a scan can be incomplete. Most have a unit and are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Gap {
    /// The caller may not read some processes, or something is mounted over their entries in the procfs; they are in no
    /// node. Counts processes.
    Unreadable,
    /// The procfs hides, or may hide, processes from this caller (mount option `hidepid`, see proc(5)).
    Hidepid,
    /// The procfs does not, or may not, belong to the initial PID namespace, and does not show processes outside its own.
    Pidns,
    /// The caller is not, or may not be, in the initial user namespace. User namespaces that are not descendants of its own
    /// are not visible.
    Nested,
    /// Some references to namespaces could not be read or opened; namespaces and their owners can be missing. Counts
    /// references, as the C header says.
    Links,
    /// The descriptors of some processes could not be read, or are more than a scan reads. Counts processes.
    Descriptors,
    /// The network namespace of some sockets or network devices could not be determined. Counts descriptors, and sockets
    /// that are registered with an io_uring.
    Sockets,
    /// The mounts of some processes could not be read, or are more than a scan reads. Counts processes.
    Mounts,
    /// Some mount namespaces have no process, and their mounts could not be read. Counts mount namespaces.
    MountNamespaces,
    /// Every process of some mount namespaces is in a chroot(2), or has a root directory that is not in the mount namespace, so
    /// that mounts outside of it are not visible. Counts mount namespaces.
    Chrooted,
    /// Some mounted namespaces could not be opened, or are more than a scan records. Counts mounts.
    UnopenedMounts,
    /// The parent, owner or id of some namespaces could not be read. Counts namespaces.
    Relations,
    /// The names of some processes could not be read. Counts processes.
    Names,
    /// There are more pins than a scan records, see [`Options::limit`](crate::Options::limit). Counts pins.
    Pins,
    /// The id maps of some user namespaces, which are the caller's own or below it, could not be read. Counts namespaces.
    Maps,
    /// The credentials of some processes could not be read. Counts processes.
    Credentials,
    /// The cgroups of some processes could not be read. Counts processes.
    Cgroups,
}

impl Gap {
    /// All gaps, in the order of their bits in C.
    pub const ALL: [Gap; 17] = [
        Gap::Unreadable,
        Gap::Hidepid,
        Gap::Pidns,
        Gap::Nested,
        Gap::Links,
        Gap::Descriptors,
        Gap::Sockets,
        Gap::Mounts,
        Gap::MountNamespaces,
        Gap::Chrooted,
        Gap::UnopenedMounts,
        Gap::Relations,
        Gap::Names,
        Gap::Pins,
        Gap::Maps,
        Gap::Credentials,
        Gap::Cgroups,
    ];
}

/// A count for each [`Gap`]; zero where the scan was complete.
///
/// ```
/// let snapshot = userns::scan()?;
/// for gap in snapshot.gaps().iter() {
///     eprintln!("incomplete: {gap:?} ({})", snapshot.gaps().count(gap));
/// }
/// # Ok::<(), userns::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Gaps {
    counts: [usize; Gap::ALL.len()],
}

impl Gaps {
    /// Whether there is no gap.
    pub fn is_empty(&self) -> bool {
        self.counts == [0; Gap::ALL.len()]
    }

    /// Whether there is this gap.
    pub fn has(&self, gap: Gap) -> bool {
        self.count(gap) > 0
    }

    /// The number of things that a gap counts; 1 for a gap without a unit; 0 if there is no such gap.
    pub fn count(&self, gap: Gap) -> usize {
        self.counts[gap as usize]
    }

    /// The gaps that there are.
    pub fn iter(&self) -> impl Iterator<Item = Gap> + use<> {
        let gaps = *self;
        Gap::ALL.into_iter().filter(move |&gap| gaps.has(gap))
    }

    pub(crate) fn add(&mut self, gap: Gap, count: usize) {
        let total = &mut self.counts[gap as usize];
        *total = total.saturating_add(count);
    }

    /// Adds what came to one set of gaps since another one.
    pub(crate) fn add_since(&mut self, before: &Gaps, after: &Gaps) {
        for gap in Gap::ALL {
            self.add(gap, after.count(gap) - before.count(gap));
        }
    }

    /// Sets a gap without a unit.
    pub(crate) fn set(&mut self, gap: Gap, is_set: bool) {
        self.counts[gap as usize] = is_set.into();
    }
}

impl fmt::Debug for Gaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|gap| (gap, self.count(gap)))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_gap_is_listed_at_its_index() {
        for (index, gap) in Gap::ALL.into_iter().enumerate() {
            assert_eq!(gap as usize, index);
            let mut gaps = Gaps::default();
            gaps.add(gap, 2);
            assert_eq!((gaps.iter().collect::<Vec<_>>(), gaps.count(gap)), (vec![gap], 2));
        }
    }
}
