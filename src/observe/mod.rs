//! From the kernel to facts, one file per source. Sources do not call each other: the drivers call them (`scan.rs`, and
//! `pins/mod.rs` for pins), and all write through one [`Context`].

mod candidate;
mod context;
mod covers;
mod devices;
mod files;
mod hidden;
mod limits;
pub mod lines;
mod nonusers;
mod pid_namespace;
mod procfs;
mod told;
mod users;

// For checks with any input (tests/fuzz), too.
pub mod bpf;
pub mod status;

// For the actions, too.
pub mod answer;
pub mod mountinfo;
pub mod reference;
pub mod sysctl;
pub mod visits;

// Sources.
pub mod caller;
pub mod cgroups;
pub mod credentials;
pub mod host;
pub mod listed;
pub mod maps;
pub mod names;
pub mod pins;
pub mod processes;
pub mod visibility;

pub use bpf::{Leaders, record_maps as maps_by_bpf, walk as walk_by_bpf};
pub use context::Context;
pub use procfs::Procfs;
