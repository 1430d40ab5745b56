//! The words of the format for values of enums: those of the C interface, in lower case, without the prefix.

use crate::facts::{EmptySource, Gap, Source};
use crate::snapshot::Pin;

/// Of each [`Gap`], by its index.
pub const GAPS: [&str; Gap::ALL.len()] = [
    "unreadable",
    "hidepid",
    "pidns",
    "nested",
    "links",
    "descriptors",
    "sockets",
    "mounts",
    "mount_namespaces",
    "chrooted",
    "unopened_mounts",
    "relations",
    "names",
    "pins",
    "maps",
    "credentials",
    "cgroups",
];

pub const SOURCES: [(&str, Source); 3] =
    [("procfs", Source::Procfs), ("bpf_processes", Source::BpfProcesses), ("bpf_tasks", Source::BpfTasks)];

pub const EMPTY_SOURCES: [(&str, EmptySource); 4] = [
    ("ancestors", EmptySource::Ancestors),
    ("pins", EmptySource::Pins),
    ("mount_namespaces", EmptySource::MountNamespaces),
    ("listns", EmptySource::Listns),
];

/// The numbers differ between architectures. These are those of `userns_source_error()`.
pub const ERRORS: [(&str, i32); 7] = [
    ("EPERM", libc::EPERM),
    ("EXDEV", libc::EXDEV),
    ("EOPNOTSUPP", libc::EOPNOTSUPP),
    ("ENOEXEC", libc::ENOEXEC),
    ("ENOMEM", libc::ENOMEM),
    ("EMFILE", libc::EMFILE),
    ("ENFILE", libc::ENFILE),
];

pub fn word_of<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> Option<&'static str> {
    table.iter().find(|(_, known)| known == value).map(|&(word, _)| word)
}

pub fn value_of<T: Copy>(table: &[(&'static str, T)], word: &str) -> Option<T> {
    table.iter().find(|(known, _)| *known == word).map(|&(_, value)| value)
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PinKind {
    Member,
    ForChildren,
    Descriptor,
    Mount,
    Socket,
    Owned,
    ChildNamespace,
    IoUring,
    Credentials,
    Peer,
    FileSystem,
    Pidfd,
    OutOfSight,
}

pub const PINS: [(&str, PinKind); 13] = [
    ("member", PinKind::Member),
    ("for_children", PinKind::ForChildren),
    ("descriptor", PinKind::Descriptor),
    ("mount", PinKind::Mount),
    ("socket", PinKind::Socket),
    ("owned", PinKind::Owned),
    ("child_namespace", PinKind::ChildNamespace),
    ("io_uring", PinKind::IoUring),
    ("credentials", PinKind::Credentials),
    ("peer", PinKind::Peer),
    ("file_system", PinKind::FileSystem),
    ("pidfd", PinKind::Pidfd),
    ("out_of_sight", PinKind::OutOfSight),
];

pub fn kind_of(pin: Pin) -> PinKind {
    match pin {
        Pin::Member { .. } => PinKind::Member,
        Pin::ForChildren { .. } => PinKind::ForChildren,
        Pin::Descriptor { .. } => PinKind::Descriptor,
        Pin::Mount { .. } => PinKind::Mount,
        Pin::Socket { .. } => PinKind::Socket,
        Pin::Owned(_) => PinKind::Owned,
        Pin::ChildNamespace(_) => PinKind::ChildNamespace,
        Pin::IoUring { .. } => PinKind::IoUring,
        Pin::Credentials { .. } => PinKind::Credentials,
        Pin::Peer { .. } => PinKind::Peer,
        Pin::FileSystem { .. } => PinKind::FileSystem,
        Pin::Pidfd { .. } => PinKind::Pidfd,
        Pin::OutOfSight => PinKind::OutOfSight,
    }
}
