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
}
