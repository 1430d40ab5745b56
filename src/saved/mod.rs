//! Saved snapshots: facts as JSON. The format is documented in userns-json(5), man/man5.
//!
//! Both directions go through serde_json. A file names things by words of the C interface in lower case, and namespaces by
//! inode number: within one snapshot each type of namespaces has each number once, and all tools know it.

mod build;
mod bytes;
mod fields;
mod lines;
mod link;
mod load;
mod loader;
mod place;
mod reader;
mod record;
mod save;
pub mod words;

/// The version of the format. A later minor version adds to it; a later major one is another format.
const MAJOR: u64 = 1;
const MINOR: u64 = 0;

/// From here on, not all languages have exact numbers: these are written as a string of digits.
const INEXACT: u64 = 1 << 53;

/// As a file has it. A scan records paths of less than 8 KiB, of which each byte can take six (`\u0001`).
const LONGEST_STRING: usize = 1 << 16;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
