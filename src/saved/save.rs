//! From a snapshot to JSON. The file is written piece by piece: the memory that this takes does not depend on the snapshot.

use super::bytes::Bytes;
use super::fields::{List, Number, Object, Record};
use super::lines::Lines;
use super::record::{NodeRecord, NonuserRecord, ProcessRecord};
use super::words::{self, word_of};
use super::{MAJOR, MINOR};
use crate::error::Error;
use crate::facts::{EmptySource, Gap};
use crate::snapshot::Snapshot;
use crate::sys::Errno;
use crate::sys::file::{self, Fd};
use crate::sys::stream::{self, WithoutSigpipe};
use crate::util::arrays::reserved;
use serde::ser::{Serialize, SerializeMap};
use serde_json::Serializer;
use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

const BUFFER_SIZE: usize = 16384;

impl Snapshot {
    /// Writes the snapshot as JSON, see userns-json(5), to a file, pipe or socket. [`load`](Snapshot::load) reads it.
    ///
    /// ```
    /// # fn main() -> Result<(), userns::Error> {
    /// let snapshot = userns::scan()?;
    /// snapshot.save(std::io::stdout())?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `userns_save()` in the C header: what write(2) returns. What was written until then stays.
    pub fn save(&self, to: impl AsFd) -> Result<(), Error> {
        self.save_to_number(to.as_fd().as_raw_fd())
    }

    /// The same for a number that may be none of a descriptor.
    pub(crate) fn save_to_number(&self, number: c_int) -> Result<(), Error> {
        let without_sigpipe = WithoutSigpipe::begin();
        let mut buffer = reserved(BUFFER_SIZE)?;
        buffer.resize(BUFFER_SIZE, 0);
        let mut out = Out { fd: &file::borrow(number), buffer, used: 0, failure: None };
        self.write(&mut out);
        out.send();
        drop(without_sigpipe);
        out.failure.map_or(Ok(()), |errno| Err(errno.into()))
    }

    /// `out` never fails, and numbers, strings and their lists can always be written.
    pub(crate) fn write<W: io::Write>(&self, out: W) {
        let written = Object(Whole(self)).serialize(&mut Serializer::with_formatter(out, Lines::default()));
        debug_assert!(written.is_ok(), "{written:?}");
    }
}

/// A descriptor. Keeps its failure to itself, since an error of `io` and serde_json would need memory.
struct Out<'f> {
    fd: &'f Fd,
    /// The first `used` bytes wait to be written.
    buffer: Vec<u8>,
    used: usize,
    failure: Option<Errno>,
}

impl Out<'_> {
    fn send(&mut self) {
        if self.failure.is_none() {
            self.failure = stream::write_all(self.fd, &self.buffer[..self.used]).err();
        }
        self.used = 0;
    }
}

impl io::Write for Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    #[inline(never)] // It would be inlined hundreds of times.
    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        loop {
            let room = &mut self.buffer[self.used..];
            let taken = bytes.len().min(room.len());
            room[..taken].copy_from_slice(&bytes[..taken]);
            self.used += taken;
            bytes = &bytes[taken..];
            if bytes.is_empty() {
                return Ok(());
            }
            self.send();
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Whole<'s>(&'s Snapshot);

impl Record for Whole<'_> {
    fn write<M: SerializeMap>(&self, to: &mut M) -> Result<(), M::Error> {
        let Whole(snapshot) = *self;
        to.serialize_entry("format", &Object(Format))?;
        to.serialize_entry("time", &Object(Time(snapshot.time())))?;
        if let Some(boot_id) = snapshot.boot_id() {
            to.serialize_entry("boot_id", &Bytes(boot_id))?;
        }
        to.serialize_entry("proc_path", &Bytes(snapshot.proc_path()))?;
        if let Some(inode) = snapshot.pid_namespace() {
            to.serialize_entry("pid_namespace", &Number(inode))?;
        }
        if let Some(word) = word_of(&words::SOURCES, &snapshot.source()) {
            to.serialize_entry("source", word)?;
        }
        if let Some(error) = snapshot.source_error() {
            match word_of(&words::ERRORS, &error.errno()) {
                Some(word) => to.serialize_entry("source_error", word)?,
                None => to.serialize_entry("source_error", &error.errno())?,
            }
        }
        if let Some(log) = snapshot.source_log() {
            to.serialize_entry("source_log", &Bytes(log))?;
        }
        to.serialize_entry("empty_source", &word_of(&words::EMPTY_SOURCES, &snapshot.empty_source()))?;
        to.serialize_entry("known", &List(|| known(snapshot)))?;
        to.serialize_entry("gaps", &Object(Gaps(snapshot)))?;
        if let Some(own) = snapshot.self_node() {
            to.serialize_entry("self", &Number(own.inode()))?;
        }
        if let Some(uid) = snapshot.unmapped_uid() {
            to.serialize_entry("unmapped_uid", &uid)?;
        }
        to.serialize_entry("nodes", &List(|| snapshot.nodes().map(|node| Object(NodeRecord(node)))))?;
        to.serialize_entry("nonusers", &List(|| snapshot.nonusers().map(|nonuser| Object(NonuserRecord(nonuser)))))?;
        to.serialize_entry("processes", &List(|| ProcessRecord::all(snapshot).map(Object)))
    }
}

struct Format;

impl Record for Format {
    fn write<M: SerializeMap>(&self, to: &mut M) -> Result<(), M::Error> {
        to.serialize_entry("major", &MAJOR)?;
        to.serialize_entry("minor", &MINOR)
    }
}

/// In nanoseconds, which are too many for some languages.
struct Time(u64);

impl Record for Time {
    fn write<M: SerializeMap>(&self, to: &mut M) -> Result<(), M::Error> {
        const SECOND: u64 = 1_000_000_000;
        to.serialize_entry("seconds", &(self.0 / SECOND))?;
        to.serialize_entry("nanoseconds", &(self.0 % SECOND))
    }
}

struct Gaps<'s>(&'s Snapshot);

impl Record for Gaps<'_> {
    fn write<M: SerializeMap>(&self, to: &mut M) -> Result<(), M::Error> {
        let gaps = self.0.gaps();
        gaps.iter()
            .try_for_each(|gap: Gap| to.serialize_entry(words::GAPS[gap as usize], &Number(gaps.count(gap) as u64)))
    }
}

/// What the scan was asked for and found, by the names of the flags of a scan.
fn known(snapshot: &Snapshot) -> impl Iterator<Item = &'static str> {
    let words = [
        ("pinned", snapshot.empty_source() >= EmptySource::Pins),
        ("owned", snapshot.nonusers().len() > 0),
        ("names", snapshot.are_names_known()),
        ("maps", snapshot.nodes().any(|node| node.uid_map().is_some())),
        ("credentials", snapshot.processes().iter().any(|process| process.credentials.is_some())),
        ("cgroups", snapshot.processes().iter().any(|process| snapshot.process_cgroup(process.pid).is_some())),
    ];
    words.into_iter().filter_map(|(word, is_known)| is_known.then_some(word))
}
