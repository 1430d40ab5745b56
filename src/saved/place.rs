//! The places of the format, at which a value can be, and their names.

use super::words;
use crate::facts::{Gap, IdKind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// What this version does not know, or derives from something else.
    Ignored,
    Whole,
    /// The whole, if only the version of the format is of interest.
    Header,
    Format,
    Major,
    Time,
    Seconds,
    Nanoseconds,
    BootId,
    ProcPath,
    PidNamespace,
    Source,
    SourceError,
    SourceLog,
    EmptySource,
    Known,
    KnownFlag,
    Gaps,
    Gap(Gap),
    Own,
    UnmappedUid,
    Nodes,
    Node,
    OwnerUid,
    Maps,
    Map(IdKind),
    Extent,
    ExtentNumber,
    Setgroups,
    Charged,
    Limit,
    Members,
    Member,
    Nonusers,
    Nonuser,
    Type,
    Owner,
    // Of user namespaces and nonuser namespaces.
    Inode,
    Id,
    Device,
    Parent,
    Pins,
    Pin,
    PinKind,
    PinPid,
    PinTid,
    PinDescriptor,
    PinPath,
    PinOvermounted,
    PinNonuser,
    PinNonuserInode,
    Processes,
    Process,
    Pid,
    Name,
    Uid,
    Capabilities,
    Pids,
    NestedPid,
    Cgroup,
    /// A part of a string that is not UTF-8.
    Part,
}

impl Place {
    /// The members of the object here that are read. None has more than 32.
    fn members(self) -> &'static [(&'static str, Place)] {
        match self {
            Place::Whole => &WHOLE,
            Place::Header => &[("format", Place::Format)],
            Place::Format => &[("major", Place::Major)],
            Place::Time => &[("seconds", Place::Seconds), ("nanoseconds", Place::Nanoseconds)],
            Place::Gaps => &GAPS,
            Place::Node => &NODE,
            Place::Nonuser => &NONUSER,
            Place::Maps => &MAPS,
            Place::Pin => &PIN,
            // Its type follows from the kind of the pin.
            Place::PinNonuser => &[("inode", Place::PinNonuserInode)],
            Place::Process => &PROCESS,
            _ => &[],
        }
    }

    /// The place of a member of the object here, and the bit of this member.
    pub fn member(self, name: &str) -> (Place, u32) {
        let members = self.members();
        match members.iter().position(|&(known, _)| known == name) {
            Some(at) => (members[at].1, 1 << at),
            None => (Place::Ignored, 0),
        }
    }

    /// The place of an item of the array here; `None` if there can be no array.
    pub fn item(self) -> Option<Place> {
        Some(match self {
            Place::Ignored => Place::Ignored,
            Place::Known => Place::KnownFlag,
            Place::Nodes => Place::Node,
            Place::Nonusers => Place::Nonuser,
            Place::Processes => Place::Process,
            Place::Pins => Place::Pin,
            Place::Members => Place::Member,
            Place::Map(_) => Place::Extent,
            Place::Extent => Place::ExtentNumber,
            Place::Pids => Place::NestedPid,
            _ if self.is_string_of_bytes() => Place::Part,
            _ => return None,
        })
    }

    /// Whether there can be an object.
    pub fn is_object(self) -> bool {
        matches!(
            self,
            Place::Ignored
                | Place::Whole
                | Place::Header
                | Place::Format
                | Place::Time
                | Place::Gaps
                | Place::Node
                | Place::Maps
                | Place::Nonuser
                | Place::Pin
                | Place::PinNonuser
                | Place::Process
        )
    }

    /// Whether there is a string that need not be UTF-8.
    pub fn is_string_of_bytes(self) -> bool {
        matches!(
            self,
            Place::BootId | Place::ProcPath | Place::SourceLog | Place::PinPath | Place::Name | Place::Cgroup
        )
    }
}

const WHOLE: [(&str, Place); 16] = [
    ("format", Place::Format),
    ("time", Place::Time),
    ("boot_id", Place::BootId),
    ("proc_path", Place::ProcPath),
    ("pid_namespace", Place::PidNamespace),
    ("source", Place::Source),
    ("source_error", Place::SourceError),
    ("source_log", Place::SourceLog),
    ("empty_source", Place::EmptySource),
    ("known", Place::Known),
    ("gaps", Place::Gaps),
    ("self", Place::Own),
    ("unmapped_uid", Place::UnmappedUid),
    ("nodes", Place::Nodes),
    ("nonusers", Place::Nonusers),
    ("processes", Place::Processes),
];

const GAPS: [(&str, Place); Gap::ALL.len()] = {
    let mut members = [("", Place::Ignored); Gap::ALL.len()];
    let mut at = 0;
    while at < members.len() {
        members[at] = (words::GAPS[at], Place::Gap(Gap::ALL[at]));
        at += 1;
    }
    members
};

const NODE: [(&str, Place); 10] = [
    ("inode", Place::Inode),
    ("id", Place::Id),
    ("device", Place::Device),
    ("parent", Place::Parent),
    ("owner_uid", Place::OwnerUid),
    ("maps", Place::Maps),
    ("charged", Place::Charged),
    ("limit", Place::Limit),
    ("pids", Place::Members),
    ("pins", Place::Pins),
];

const NONUSER: [(&str, Place); 6] = [
    ("type", Place::Type),
    ("inode", Place::Inode),
    ("id", Place::Id),
    ("owner", Place::Owner),
    ("parent", Place::Parent),
    ("pins", Place::Pins),
];

const MAPS: [(&str, Place); 4] = [
    ("uid", Place::Map(IdKind::Uid)),
    ("gid", Place::Map(IdKind::Gid)),
    ("projid", Place::Map(IdKind::Projid)),
    ("setgroups", Place::Setgroups),
];

const PIN: [(&str, Place); 7] = [
    ("kind", Place::PinKind),
    ("pid", Place::PinPid),
    ("tid", Place::PinTid),
    ("descriptor", Place::PinDescriptor),
    ("path", Place::PinPath),
    ("overmounted", Place::PinOvermounted),
    ("nonuser", Place::PinNonuser),
];

const PROCESS: [(&str, Place); 6] = [
    ("pid", Place::Pid),
    ("name", Place::Name),
    ("uid", Place::Uid),
    ("capabilities", Place::Capabilities),
    ("pids", Place::Pids),
    ("cgroup", Place::Cgroup),
];
