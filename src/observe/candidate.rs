//! Descriptors that BPF selected for reading.

/// A descriptor whose file procfs has to tell. Sorted by process, thread and number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    pub pid: i32,
    /// The thread with the descriptor table: the thread-group leader, or a thread with a table of its own.
    pub tid: i32,
    pub number: i32,
}
