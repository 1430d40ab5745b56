//! Plain data: sources write it, snapshots are made of it. See docs/architecture.md.

mod gaps;
mod holder;
mod maps;
mod namespace;
mod process;
mod source;
mod text;

pub use gaps::{Gap, Gaps};
pub use holder::{Hold, Holder, Target};
pub use maps::{Extent, IdKind, Maps, add_extents, add_map};
pub use namespace::{
    INITIAL_PID_NAMESPACE, INITIAL_USER_NAMESPACE, NamespaceType, Nonuser, UserNamespace, parse_link, parse_socket_link,
};
pub use process::{Credentials, Member, Process};
pub use source::{EmptySource, Source};
pub use text::{Known, Text, TextRef};

/// Everything that one scan observed. References between facts are indices.
#[derive(Debug, Default)]
pub struct Facts {
    /// User namespaces.
    pub users: Vec<UserNamespace>,
    /// The extents of all their maps.
    pub extents: Vec<Extent>,
    /// The index in `users` of the caller's own user namespace.
    pub own: Option<u32>,
    /// Namespaces of other types.
    pub nonusers: Vec<Nonuser>,
    pub members: Vec<Member>,
    /// Whether the names of the members were read.
    pub named: bool,
    /// The processes of which more than the user namespace was to be read, and those whose user namespace could not be read;
    /// ascending by PID.
    pub processes: Vec<Process>,
    /// The PIDs of processes that have several, from the PID namespace of the procfs downwards.
    pub pids: Vec<i32>,
    /// The UID that the kernel shows the caller in place of one without a mapping; `None` if all have one.
    pub unmapped_uid: Option<u32>,
    /// The largest number of user namespaces that each user may have, in the caller's own one, if known.
    pub limit: Option<u64>,
    /// What keeps namespaces alive.
    pub holds: Vec<Hold>,
    /// Paths and names.
    pub text: Text,
    pub gaps: Gaps,
    pub source: Source,
    pub empty_source: EmptySource,
    /// The errno value for which another source was not used; 0 for none.
    pub source_error: i32,
    /// What the kernel's verifier said about that, if anything.
    pub source_log: Option<TextRef>,
    /// CLOCK_REALTIME in nanoseconds when the scan began.
    pub time: u64,
    /// The boot id in text form, if known.
    pub boot_id: Option<TextRef>,
    /// The path of the procfs, as it was given; `None` for `/proc`.
    pub proc_path: Option<TextRef>,
    /// The inode number of the PID namespace of the procfs, if known.
    pub pid_namespace: Option<u64>,
    /// Whether they come from a file, and not from a scan of this process.
    pub loaded: bool,
}
