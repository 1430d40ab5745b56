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

/// Of all kinds of pins.
pub const PINS: [&str; 13] = [
    "member",
    "for_children",
    "descriptor",
    "mount",
    "socket",
    "owned",
    "child_namespace",
    "io_uring",
    "credentials",
    "peer",
    "file_system",
    "pidfd",
    "out_of_sight",
];

/// Of the kind of a pin.
pub fn word_of_pin(pin: Pin) -> &'static str {
    match pin {
        Pin::Member { .. } => "member",
        Pin::ForChildren { .. } => "for_children",
        Pin::Descriptor { .. } => "descriptor",
        Pin::Mount { .. } => "mount",
        Pin::Socket { .. } => "socket",
        Pin::Owned(_) => "owned",
        Pin::ChildNamespace(_) => "child_namespace",
        Pin::IoUring { .. } => "io_uring",
        Pin::Credentials { .. } => "credentials",
        Pin::Peer { .. } => "peer",
        Pin::FileSystem { .. } => "file_system",
        Pin::Pidfd { .. } => "pidfd",
        Pin::OutOfSight => "out_of_sight",
    }
}
