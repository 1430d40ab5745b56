//! One observation of the host: its options, and which sources run in which order.

use crate::error::Error;
use crate::observe::{
    Depth, Gaps, Holders, Namespaces, Observations, Processes, Procfs, Search, Source,
    is_caller_in_initial_pid_namespace, overflow_uid, own_namespace, shows_kthreadd, walk_by_bpf,
};
use crate::tree::Snapshot;
use std::ffi::{CStr, CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// What to scan.
///
/// ```
/// let snapshot = userns::Options::new().proc_path("/proc").names().scan()?;
/// # Ok::<(), userns::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    proc_path: Option<PathBuf>,
    wanted: Wanted,
}

/// What to look for beyond members and ancestors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub pinned: bool,
    pub sockets: bool,
    pub owned: bool,
    pub names: bool,
    pub bpf: bool,
}

impl Options {
    /// The options of [`scan`](crate::scan): the procfs at `/proc`, and a plain scan.
    ///
    /// ```
    /// assert_eq!(userns::Options::new(), userns::Options::default());
    /// ```
    pub fn new() -> Options {
        Options::default()
    }

    /// Scans the procfs that is mounted here instead of the one at `/proc`.
    ///
    /// ```
    /// let error = userns::Options::new().proc_path("/").scan().unwrap_err();
    /// assert!(error.to_string().contains("not the root directory of a procfs"));
    /// ```
    pub fn proc_path(mut self, path: impl Into<PathBuf>) -> Options {
        self.proc_path = Some(path.into());
        self
    }

    /// Also finds namespaces that no process lives in, through descriptors, mounts, threads and the namespaces of other
    /// types that they own; and what keeps each namespace alive, see [`Node::pins`](crate::Node::pins).
    ///
    /// ```
    /// let snapshot = userns::Options::new().pinned().scan()?;
    /// for node in snapshot.nodes().filter(|node| node.is_known_by_pin()) {
    ///     println!("{} has no process, but {:?}", node.inode(), node.pins().next());
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn pinned(mut self) -> Options {
        self.wanted.pinned = true;
        self
    }

    /// Like [`pinned`](Options::pinned), and finds network namespaces that only a socket keeps. The kernel asks for the
    /// right of PTRACE_MODE_ATTACH_REALCREDS, see ptrace(2), and for CAP_NET_ADMIN there.
    ///
    /// ```
    /// let snapshot = userns::Options::new().sockets().scan()?;
    /// if snapshot.gaps().sockets {
    ///     eprintln!("not all network namespaces of sockets could be found out");
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn sockets(mut self) -> Options {
        self.wanted.pinned = true;
        self.wanted.sockets = true;
        self
    }

    /// Also finds the namespaces of other types that each user namespace owns, see
    /// [`Node::owned`](crate::Node::owned).
    ///
    /// ```
    /// let snapshot = userns::Options::new().owned().scan()?;
    /// for node in snapshot.nodes() {
    ///     println!("{} owns {:?}", node.inode(), node.owned().collect::<Vec<_>>());
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn owned(mut self) -> Options {
        self.wanted.owned = true;
        self
    }

    /// Also reads the command names of processes, see [`Node::names`](crate::Node::names).
    ///
    /// ```
    /// let snapshot = userns::Options::new().names().scan()?;
    /// for node in snapshot.nodes() {
    ///     assert_eq!(node.names().len(), node.pids().len());
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn names(mut self) -> Options {
        self.wanted.names = true;
        self
    }

    /// Takes a BPF program for it where the kernel and the caller's privileges permit, which is much quicker, and procfs
    /// where they do not; [`Snapshot::source`] tells which it was. The answer is the same.
    ///
    /// ```
    /// let snapshot = userns::Options::new().bpf().scan()?;
    /// if let Some(error) = snapshot.source_error() {
    ///     eprintln!("not through BPF: {error}");
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn bpf(mut self) -> Options {
        self.wanted.bpf = true;
        self
    }

    /// Observes the host.
    ///
    /// # Errors
    ///
    /// Those of `userns_scan()` in the C header, and EINVAL for a path that contains a NUL byte. Processes that vanish
    /// or refuse are no error, see [`Snapshot::gaps`].
    ///
    /// ```
    /// let options = userns::Options::new();
    /// let (first, second) = (options.scan()?, options.scan()?);
    /// println!("{} user namespaces, and then {}", first.nodes().len(), second.nodes().len());
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn scan(&self) -> Result<Snapshot, Error> {
        match &self.proc_path {
            None => scan_procfs(c"/proc", self.wanted),
            Some(path) => {
                let path = OsString::from(path).into_vec();
                scan_procfs(&CString::new(path).map_err(|_| Error::INVALID)?, self.wanted)
            }
        }
    }
}

/// Observes the processes of the procfs at `proc_path`.
pub(crate) fn scan_procfs(proc_path: &CStr, wanted: Wanted) -> Result<Snapshot, Error> {
    let procfs = Procfs::open(proc_path)?;
    let mut namespaces = Namespaces::default();
    let own = match own_namespace(&procfs)? {
        Some(namespace) => namespaces.record(namespace)?,
        None => None,
    };
    let is_initial = is_caller_in_initial_pid_namespace(&procfs);
    let (mut processes, source, source_error) = walk(&procfs, is_initial, &mut namespaces, wanted)?;
    let mut holders = find_holders(&procfs, &mut namespaces, &processes, source, wanted)?;
    if wanted.names {
        processes.read_names(&procfs, &mut holders.text)?;
    }
    let nested = !own.is_some_and(|own| namespaces.is_initial(own));
    let through_procfs = source == Source::Procfs || wanted.pinned || wanted.owned || wanted.names;
    // BPF serves only where the procfs is that of the caller's own PID namespace.
    let pidns = !is_initial && (source != Source::Procfs || !shows_kthreadd(&procfs)?);
    let gaps = Gaps::of(&procfs, through_procfs, pidns, &processes, &holders, nested)?;
    // The initial namespace maps every UID, so there the overflow UID is an owner like any other.
    let unmapped = if nested { Some(overflow_uid(&procfs)?) } else { None };
    Snapshot::assemble(Observations {
        namespaces: namespaces.into_list(unmapped),
        members: processes.members,
        own,
        gaps,
        unreadable: processes.unreadable,
        others: holders.others.into_list(),
        holds: holders.holds,
        text: holders.text,
        named: wanted.names,
        missed: holders.missed,
        source,
        source_error,
    })
}

/// Sees all processes by the quickest way that is allowed and works; also says which it was, and why it is not another.
fn walk(
    procfs: &Procfs,
    is_initial: bool,
    namespaces: &mut Namespaces,
    wanted: Wanted,
) -> Result<(Processes, Source, Option<Error>), Error> {
    let source_error = match wanted.bpf.then(|| walk_by_bpf(procfs, !is_initial, namespaces)) {
        Some(Ok((processes, source))) => return Ok((processes, source, None)),
        Some(Err(error)) => Some(error),
        None => None,
    };
    Ok((Processes::walk(procfs, namespaces)?, Source::Procfs, source_error))
}

fn find_holders(
    procfs: &Procfs,
    namespaces: &mut Namespaces,
    processes: &Processes,
    source: Source,
    wanted: Wanted,
) -> Result<Holders, Error> {
    if !wanted.pinned && !wanted.owned {
        return Ok(Holders::default());
    }
    let depth = Depth { pinned: wanted.pinned, sockets: wanted.sockets };
    let mut search = Search::new(procfs, namespaces, depth);
    if source != Source::Procfs {
        search.use_bpf();
    }
    for member in &processes.members {
        search.visit(member.pid)?;
    }
    search.finish(processes.unreadable)
}
