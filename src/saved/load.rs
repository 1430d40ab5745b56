//! From a file to a snapshot.

use super::link::{self, require};
use super::loader::{Loader, NO_UID};
use super::place::Place;
use super::{LONGEST_STRING, MAJOR};
use crate::error::Error;
use crate::facts::{Facts, Source};
use crate::snapshot::Snapshot;
use crate::sys::{file, stream};
use crate::util::arrays::sort_by_number;
use std::ffi::c_int;
use std::os::fd::{AsFd, AsRawFd};

/// Four million processes, of which all is known, take less.
const MOST_BYTES: usize = 1 << 30;
impl Snapshot {
    /// Reads a snapshot that [`save`](Snapshot::save) wrote, on this or another machine, from a file, pipe or socket, to the
    /// end. It answers every question as the saved one does; [`Node::open`](crate::Node::open) opens namespaces if it is of the
    /// same boot.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), userns::Error> {
    /// let snapshot = userns::Snapshot::load(std::io::stdin())?;
    /// println!("{} user namespaces", snapshot.nodes().len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// EBADMSG: not a saved snapshot. Others are those of `userns_load()` in the C header.
    pub fn load(from: impl AsFd) -> Result<Snapshot, Error> {
        Snapshot::load_from_number(from.as_fd().as_raw_fd())
    }

    /// The same for a number that may be none of a descriptor.
    pub(crate) fn load_from_number(number: c_int) -> Result<Snapshot, Error> {
        let json = read(number)?;
        let facts = facts_of(&json)?;
        drop(json);
        Snapshot::assemble(facts)
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn load_json(json: &[u8]) -> Result<Snapshot, Error> {
        Snapshot::assemble(facts_of(json)?)
    }
}

fn read(number: c_int) -> Result<Vec<u8>, Error> {
    let fd = file::borrow(number);
    let (mut bytes, mut filled) = (Vec::new(), 0);
    loop {
        if filled == bytes.len() {
            bytes.try_reserve(1 << 16)?;
            bytes.resize(bytes.capacity(), 0);
        }
        match stream::read(&fd, &mut bytes[filled..])? {
            0 => break,
            length => filled += length,
        }
        if filled > MOST_BYTES {
            return Err(Error::TOO_LARGE);
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn facts_of(json: &[u8]) -> Result<Facts, Error> {
    require(has_short_strings(json))?;
    let mut loader = Loader::default();
    loader.facts.source = Source::Unknown;
    let is_json = loader.read(json, Place::Whole);
    match if is_json { loader.finish() } else { Err(Error::NOT_SAVED) } {
        // Another format looks wrong. Which one it is can be at its end.
        Err(Error::NOT_SAVED) if major_of(json) > MAJOR => Err(Error::LATER_FORMAT),
        result => result,
    }
}

fn major_of(json: &[u8]) -> u64 {
    let mut loader = Loader::default();
    loader.read(json, Place::Header);
    loader.major
}

/// serde_json copies a string with an escape. It would take any memory for that, and abort without.
fn has_short_strings(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(start) = rest.iter().position(|&byte| byte == b'"') {
        rest = &rest[start + 1..];
        let mut end = 0;
        loop {
            match rest.get(end) {
                None => return true, // not closed, so it is no JSON
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(_) => end += 1,
            }
            if end > LONGEST_STRING {
                return false;
            }
        }
        rest = &rest[end + 1..];
    }
    true
}

impl Loader {
    /// Completes the facts, when all have been read.
    fn finish(mut self) -> Result<Facts, Error> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        require(self.major == MAJOR)?;
        let facts = &mut self.facts;
        facts.loaded = true;
        link::resolve(facts, &self.links)?;
        sort_by_number(&mut facts.members, &|member| member.pid as u64)?;
        require(facts.members.is_sorted_by(|one, two| one.pid < two.pid))?;
        sort_by_number(&mut facts.processes, &|process| process.pid as u64)?;
        require(facts.processes.is_sorted_by(|one, two| one.pid < two.pid))?;
        for credentials in facts.processes.iter_mut().filter_map(|process| process.credentials.as_mut()) {
            if credentials.uid == NO_UID {
                credentials.uid = facts.unmapped_uid.ok_or(Error::NOT_SAVED)?;
            }
        }
        for (pid, name) in self.names {
            // A process that is no member has no name.
            if let Ok(at) = facts.members.binary_search_by_key(&pid, |member| member.pid) {
                facts.members[at].name = name;
            }
        }
        Ok(self.facts)
    }
}
