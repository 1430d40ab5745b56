//! What a scan is asked for.

use std::path::PathBuf;

/// The options of a scan. The default is a plain scan of the procfs at `/proc`.
///
/// ```
/// let snapshot = userns::Options::new().proc_path("/proc").pinned().names().scan()?;
/// for node in snapshot.nodes().filter(|node| node.is_only_pinned()) {
///     println!("{} has no process, but {:?}", node.inode(), node.pins().next());
/// }
/// # Ok::<(), userns::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub(crate) proc_path: Option<PathBuf>,
    pub(crate) wanted: Wanted,
}

/// What a scan looks for besides processes and ancestors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Descriptors and mounts of namespaces, and the namespaces of all threads.
    pub pinned: bool,
    /// The network namespaces of sockets; implies `pinned`.
    pub sockets: bool,
    /// The nonuser namespaces of processes.
    pub owned: bool,
    /// Command names.
    pub names: bool,
    /// Effective UIDs and capabilities, and PIDs in nested PID namespaces.
    pub credentials: bool,
    /// Paths of cgroups.
    pub cgroups: bool,
    /// Use BPF if possible.
    pub bpf: bool,
    /// Id maps.
    pub maps: bool,
    /// The largest number of pins; 0 stands for the default.
    pub limit: u64,
}

impl Wanted {
    /// Whether there is to be a record for each process.
    pub fn has_process_facts(self) -> bool {
        self.credentials || self.cgroups
    }
}

impl Options {
    /// A plain scan of the procfs at `/proc`.
    pub fn new() -> Options {
        Options::default()
    }

    /// Scans the procfs that is mounted at `path`.
    ///
    /// ```
    /// let error = userns::Options::new().proc_path("/").scan().unwrap_err();
    /// assert!(error.to_string().contains("not the root directory of a procfs"));
    /// ```
    pub fn proc_path(mut self, path: impl Into<PathBuf>) -> Options {
        self.proc_path = Some(path.into());
        self
    }

    /// Also finds namespaces without processes, and what keeps each namespace alive, see
    /// [`Node::pins`](crate::Node::pins). Includes [`owned`](Options::owned). `USERNS_SCAN_PINNED` in C.
    pub fn pinned(mut self) -> Options {
        self.wanted.pinned = true;
        self
    }

    /// [`pinned`](Options::pinned), and also finds network namespaces that only a socket keeps alive. Needs permission for
    /// PTRACE_MODE_ATTACH_REALCREDS, see ptrace(2), and CAP_NET_ADMIN. `USERNS_SCAN_SOCKETS` in C.
    pub fn sockets(mut self) -> Options {
        self.wanted.pinned = true;
        self.wanted.sockets = true;
        self
    }

    /// Also finds the nonuser namespaces that each user namespace owns, see [`Node::owned`](crate::Node::owned).
    /// `USERNS_SCAN_OWNED` in C.
    pub fn owned(mut self) -> Options {
        self.wanted.owned = true;
        self
    }

    /// Also reads the command names of processes, see [`Snapshot::process_name`](crate::Snapshot::process_name).
    /// `USERNS_SCAN_NAMES` in C.
    pub fn names(mut self) -> Options {
        self.wanted.names = true;
        self
    }

    /// Also reads the id maps of user namespaces, see [`Node::uid_map`](crate::Node::uid_map) and
    /// [`Node::translate_uid`](crate::Node::translate_uid). `USERNS_SCAN_MAPS` in C.
    pub fn maps(mut self) -> Options {
        self.wanted.maps = true;
        self
    }

    /// Also reads the credentials of processes and their PIDs in nested PID namespaces, see
    /// [`Snapshot::process_uid`](crate::Snapshot::process_uid) and [`Snapshot::capable`](crate::Snapshot::capable).
    /// `USERNS_SCAN_CREDENTIALS` in C.
    pub fn credentials(mut self) -> Options {
        self.wanted.credentials = true;
        self
    }

    /// Also reads the cgroups of processes, see [`Snapshot::process_cgroup`](crate::Snapshot::process_cgroup).
    /// `USERNS_SCAN_CGROUPS` in C.
    pub fn cgroups(mut self) -> Options {
        self.wanted.cgroups = true;
        self
    }

    /// Finds processes by a BPF program: many times faster than through procfs with thousands of processes. If BPF cannot
    /// be used, the scan reads procfs. `USERNS_SCAN_BPF` in C.
    ///
    /// ```
    /// let snapshot = userns::Options::new().bpf().scan()?;
    /// if let Some(error) = snapshot.source_error() {
    ///     eprintln!("slower, without BPF: {error}");
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn bpf(mut self) -> Options {
        self.wanted.bpf = true;
        self
    }

    /// Records at most so many pins, and reads at most four times as many threads, descriptors and mounts each. The default
    /// is 1,000,000, for which 0 stands. What is beyond is counted, see [`Gap::Pins`](crate::Gap::Pins). `limit` in C.
    ///
    /// ```
    /// let snapshot = userns::Options::new().pinned().limit(10_000).scan()?;
    /// if snapshot.gaps().has(userns::Gap::Pins) {
    ///     eprintln!("{} pins more", snapshot.gaps().count(userns::Gap::Pins));
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn limit(mut self, limit: u64) -> Options {
        self.wanted.limit = limit;
        self
    }
}
