//! Where facts come from.

/// Where a scan read the processes and the user namespace of each.
///
/// ```
/// match userns::Options::new().bpf().scan()?.source() {
///     userns::Source::Procfs => println!("BPF could not be used"),
///     source => println!("read by BPF: {source:?}"),
/// }
/// # Ok::<(), userns::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// procfs, one link per process.
    #[default]
    Procfs,
    /// A BPF program that iterates over processes (Linux 6.7).
    BpfProcesses,
    /// A BPF program that the kernel runs for each thread (Linux 5.8).
    BpfTasks,
    /// The file of a loaded snapshot names none that this version knows.
    Unknown,
}

/// How far a scan looked for namespaces without processes. Each way includes those before it.
///
/// ```
/// if userns::Options::new().pinned().scan()?.empty_source() < userns::EmptySource::Listns {
///     println!("a descriptor in flight can keep a namespace that the scan did not find");
/// }
/// # Ok::<(), userns::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum EmptySource {
    /// Only the ancestors of namespaces with processes, and the owners of their nonuser namespaces.
    #[default]
    Ancestors,
    /// The descriptors, mounts and other pins of all processes.
    Pins,
    /// The mounts in all mount namespaces (Linux 6.12).
    MountNamespaces,
    /// The kernel's list of all namespaces in use, listns(2) (Linux 6.19).
    Listns,
}
