use super::bits;
use super::snapshot::userns_snapshot;
use crate::facts::Gap;

/// userns_gaps(): some processes could not be read; they are in no node. The caller may not
/// read them; or something is mounted over their entries in the procfs; or the kernel does
/// not answer: a process inside execve(2) that waits for a file server blocks its readers. A
/// scan waits at most half a second for each of the first three such processes and 10
/// milliseconds for each other, and from Linux 6.11 on finds the user namespace of the process
/// nevertheless. Counts processes.
pub const USERNS_GAP_UNREADABLE: u32 = 0x1;
/// userns_gaps(): the procfs hides, or may hide, processes from this caller (mount option
/// hidepid, see proc(5)), even from root if a security module denies root to read them.
pub const USERNS_GAP_HIDEPID: u32 = 0x2;
/// userns_gaps(): the procfs does not, or may not, belong to the initial PID namespace. It
/// does not show processes outside its PID namespace, see pid_namespaces(7).
pub const USERNS_GAP_PIDNS: u32 = 0x4;
/// userns_gaps(): the caller is not, or may not be, in the initial user namespace. User
/// namespaces that are not descendants of its own are not visible, see user_namespaces(7).
pub const USERNS_GAP_NESTED: u32 = 0x8;
/// userns_gaps(), with USERNS_SCAN_OWNED: some references to namespaces could not be read or
/// opened, so that namespaces and their owners can be missing. Counts references, without those
/// of the processes that USERNS_GAP_UNREADABLE counts: links in /proc/PID/task/TID/ns,
/// descriptors of namespaces, namespaces registered with an io_uring (of which only the inode
/// number is known, if the scan did not find them elsewhere), ids that listns(2) lists, one for
/// all files of an io_uring that is busy, or of one after 64 MiB of text about others, one for all
/// links of a process that blocks its readers, or that BPF shows but procfs hides, one for a
/// process whose threads end or call execve(2) all the time, and one for all threads of a process
/// that are beyond options->limit. With USERNS_SCAN_BPF the links of threads need not be read from
/// Linux 6.4 on.
pub const USERNS_GAP_LINKS: u32 = 0x10;
/// userns_gaps(), with USERNS_SCAN_PINNED: the descriptors of some processes could not be
/// read, or are more than options->limit permits to read. Counts processes, including those of
/// USERNS_GAP_UNREADABLE.
pub const USERNS_GAP_DESCRIPTORS: u32 = 0x20;
/// userns_gaps(), with USERNS_SCAN_PINNED: the network namespace of some descriptors of tun,
/// tap, macvtap or ipvtap devices or, with USERNS_SCAN_SOCKETS, of sockets could not be
/// determined. Counts descriptors, and sockets that are registered with an io_uring.
pub const USERNS_GAP_SOCKETS: u32 = 0x40;
/// userns_gaps(), with USERNS_SCAN_PINNED: the mounts of some processes could not be read, or
/// are more than a scan reads. Counts processes, including those of USERNS_GAP_UNREADABLE.
pub const USERNS_GAP_MOUNTS: u32 = 0x80;
/// userns_gaps(), with USERNS_SCAN_PINNED: some mount namespaces have no process, and their
/// mounts could not be read. The scan reads them from Linux 6.12 on, as root in the initial
/// PID namespace: it needs CAP_SYS_ADMIN and CAP_SYS_CHROOT in the initial user namespace, and
/// a procfs of the initial PID namespace. Otherwise it knows and counts only those that a
/// descriptor or mount shows. Counts mount namespaces.
pub const USERNS_GAP_MOUNT_NAMESPACES: u32 = 0x100;
/// userns_gaps(), with USERNS_SCAN_PINNED: every process of some mount namespaces is in a
/// chroot(2), or has a root directory that is not in the mount namespace, so that mounts outside
/// of it are not visible; or the time that a scan takes for lookups was over before this was
/// known. Before Linux 5.12 not detected if the root directory is itself a mount point. Counts
/// mount namespaces.
pub const USERNS_GAP_CHROOTED: u32 = 0x200;
/// userns_gaps(), with USERNS_SCAN_PINNED: some mounted namespaces could not be opened, or are
/// more than a scan records. Unless the scan found such a namespace elsewhere, only its inode
/// number is known: a user namespace is then a root, a nonuser namespace has no owner. Counts
/// mounts.
pub const USERNS_GAP_UNOPENED_MOUNTS: u32 = 0x400;
/// userns_gaps(): the kernel, or a security policy such as a seccomp filter, refused to report
/// the parent, owner or id of some namespaces. Such a namespace can be a root, or have no
/// owner or id. Counts namespaces.
pub const USERNS_GAP_RELATIONS: u32 = 0x800;
/// userns_gaps(), with USERNS_SCAN_NAMES: the names of some processes could not be read. They
/// are empty. Counts processes.
pub const USERNS_GAP_NAMES: u32 = 0x1000;
/// userns_gaps(), with USERNS_SCAN_OWNED or USERNS_SCAN_PINNED: there are more pins than
/// options->limit, so that some are not recorded. The namespaces that they keep are in the
/// snapshot, each with at least one pin. Counts pins.
pub const USERNS_GAP_PINS: u32 = 0x2000;
/// userns_gaps(), with USERNS_SCAN_MAPS: the maps of some user namespaces, which are the
/// caller's own or below it, could not be read; some of these may have ended meanwhile. The
/// nodes lack USERNS_NODE_MAPS. Counts namespaces.
pub const USERNS_GAP_MAPS: u32 = 0x4000;
/// userns_gaps(), with USERNS_SCAN_CREDENTIALS: the credentials of some processes could not be
/// read. Counts processes, including those of USERNS_GAP_UNREADABLE of which that is true.
pub const USERNS_GAP_CREDENTIALS: u32 = 0x8000;
/// userns_gaps(), with USERNS_SCAN_CGROUPS: the cgroups of some processes could not be read. The
/// kernel tells no path of 4095 bytes or more, or cuts it off. Counts processes, including those
/// of USERNS_GAP_UNREADABLE of which that is true.
pub const USERNS_GAP_CGROUPS: u32 = 0x10000;

fn gap_bit(gap: Gap) -> u32 {
    match gap {
        Gap::Unreadable => USERNS_GAP_UNREADABLE,
        Gap::Hidepid => USERNS_GAP_HIDEPID,
        Gap::Pidns => USERNS_GAP_PIDNS,
        Gap::Nested => USERNS_GAP_NESTED,
        Gap::Links => USERNS_GAP_LINKS,
        Gap::Descriptors => USERNS_GAP_DESCRIPTORS,
        Gap::Sockets => USERNS_GAP_SOCKETS,
        Gap::Mounts => USERNS_GAP_MOUNTS,
        Gap::MountNamespaces => USERNS_GAP_MOUNT_NAMESPACES,
        Gap::Chrooted => USERNS_GAP_CHROOTED,
        Gap::UnopenedMounts => USERNS_GAP_UNOPENED_MOUNTS,
        Gap::Relations => USERNS_GAP_RELATIONS,
        Gap::Names => USERNS_GAP_NAMES,
        Gap::Pins => USERNS_GAP_PINS,
        Gap::Maps => USERNS_GAP_MAPS,
        Gap::Credentials => USERNS_GAP_CREDENTIALS,
        Gap::Cgroups => USERNS_GAP_CGROUPS,
    }
}

/// == Gaps ==
///
/// Get the reasons why a snapshot can be incomplete.
///
/// Returns USERNS_GAP_ bits; 0 if the scan noticed no gap. Some things cannot be noticed:
/// processes that a security module hides from BPF, for example, and, unless
/// userns_empty_source() is USERNS_EMPTY_SOURCE_LISTNS, descriptors in flight over a UNIX
/// socket.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_gaps(snapshot: *const userns_snapshot) -> u32 {
    // SAFETY: the caller passes NULL or a snapshot.
    let Some(snapshot) = (unsafe { snapshot.as_ref() }) else { return 0 };
    bits(Gap::ALL.map(|gap| (snapshot.tree().gaps().has(gap), gap_bit(gap))))
}

/// Count the things that a gap concerns.
///
/// gap: one of the USERNS_GAP_ bits.
///
/// Returns a number of things, in the unit that the comment of the bit states, or 1 for a
/// gap without a unit; 0 if the gap is not set, or if gap is not exactly one known bit.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_gap_count(snapshot: *const userns_snapshot, gap: u32) -> usize {
    // SAFETY: the caller passes NULL or a snapshot.
    let Some(snapshot) = (unsafe { snapshot.as_ref() }) else { return 0 };
    let gap = Gap::ALL.into_iter().find(|&known| gap_bit(known) == gap);
    gap.map_or(0, |gap| snapshot.tree().gaps().count(gap))
}
