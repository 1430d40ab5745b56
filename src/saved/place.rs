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
    /// The place of a member of the object here.
    pub fn member(self, name: &str) -> Place {
        match self {
            Place::Whole => member_of_whole(name),
            Place::Header if name == "format" => Place::Format,
            Place::Format if name == "major" => Place::Major,
            Place::Time if name == "seconds" => Place::Seconds,
            Place::Time if name == "nanoseconds" => Place::Nanoseconds,
            Place::Gaps => gap(name).map_or(Place::Ignored, Place::Gap),
            Place::Node | Place::Nonuser => member_of_namespace(self == Place::Nonuser, name),
            Place::Maps => match name {
                "uid" => Place::Map(IdKind::Uid),
                "gid" => Place::Map(IdKind::Gid),
                "projid" => Place::Map(IdKind::Projid),
                "setgroups" => Place::Setgroups,
                _ => Place::Ignored,
            },
            Place::Pin => match name {
                "kind" => Place::PinKind,
                "pid" => Place::PinPid,
                "tid" => Place::PinTid,
                "descriptor" => Place::PinDescriptor,
                "path" => Place::PinPath,
                "overmounted" => Place::PinOvermounted,
                "nonuser" => Place::PinNonuser,
                _ => Place::Ignored,
            },
            // Its type follows from the kind of the pin.
            Place::PinNonuser if name == "inode" => Place::PinNonuserInode,
            Place::Process => match name {
                "pid" => Place::Pid,
                "name" => Place::Name,
                "uid" => Place::Uid,
                "capabilities" => Place::Capabilities,
                "pids" => Place::Pids,
                "cgroup" => Place::Cgroup,
                _ => Place::Ignored,
            },
            _ => Place::Ignored,
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

fn member_of_whole(name: &str) -> Place {
    match name {
        "format" => Place::Format,
        "time" => Place::Time,
        "boot_id" => Place::BootId,
        "proc_path" => Place::ProcPath,
        "pid_namespace" => Place::PidNamespace,
        "source" => Place::Source,
        "source_error" => Place::SourceError,
        "source_log" => Place::SourceLog,
        "empty_source" => Place::EmptySource,
        "known" => Place::Known,
        "gaps" => Place::Gaps,
        "self" => Place::Own,
        "unmapped_uid" => Place::UnmappedUid,
        "nodes" => Place::Nodes,
        "nonusers" => Place::Nonusers,
        "processes" => Place::Processes,
        _ => Place::Ignored,
    }
}

fn member_of_namespace(is_nonuser: bool, name: &str) -> Place {
    match (name, is_nonuser) {
        ("inode", _) => Place::Inode,
        ("id", _) => Place::Id,
        ("parent", _) => Place::Parent,
        ("pins", _) => Place::Pins,
        ("device", false) => Place::Device,
        ("owner_uid", false) => Place::OwnerUid,
        ("maps", false) => Place::Maps,
        ("charged", false) => Place::Charged,
        ("limit", false) => Place::Limit,
        ("pids", false) => Place::Members,
        ("type", true) => Place::Type,
        ("owner", true) => Place::Owner,
        _ => Place::Ignored,
    }
}

fn gap(name: &str) -> Option<Gap> {
    Gap::ALL.into_iter().find(|&gap| words::GAPS[gap as usize] == name)
}
