//! The records of a file: user namespaces, nonuser namespaces, pins, processes.

use super::bytes::Bytes;
use super::fields::{List, Number, Object, Record, Text};
use super::words::{self, word_of};
use crate::facts::{Extent, Process};
use crate::snapshot::{Charge, Node, Nonuser, Pin, Snapshot};
use serde::ser::SerializeMap;
use std::ffi::CStr;
use std::iter;

pub struct NodeRecord<'s>(pub Node<'s>);

impl Record for NodeRecord<'_> {
    fn write<M: SerializeMap>(&self, to: &mut M) -> Result<(), M::Error> {
        let NodeRecord(node) = *self;
        to.serialize_entry("inode", &Number(node.inode()))?;
        if let Some(id) = node.id() {
            to.serialize_entry("id", &Text(id))?;
        }
        if node.device() != 0 {
            to.serialize_entry("device", &Number(node.device()))?;
        }
        if let Some(parent) = node.parent() {
            to.serialize_entry("parent", &Number(parent.inode()))?;
        }
        to.serialize_entry("depth", &node.depth())?;
        if let Some(uid) = node.owner_uid() {
            to.serialize_entry("owner_uid", &uid)?;
        }
        to.serialize_entry("flags", &List(|| flags(node)))?;
        if node.uid_map().is_some() {
            to.serialize_entry("maps", &Object(Maps(node)))?;
        }
        if let Some(count) = node.charged() {
            to.serialize_entry("charged", &Number(count))?;
        }
        if let Some(limit) = node.limit() {
            to.serialize_entry("limit", &Number(limit))?;
        }
        if !node.charges().is_empty() {
            to.serialize_entry("charges", &List(|| node.charges().iter().map(|charge| Object(ChargeRecord(charge)))))?;
        }
        to.serialize_entry("pids", node.pids())?;
        write_pins(to, || node.pins())
    }
}

/// As `userns_flags()` returns them.
fn flags(node: Node<'_>) -> impl Iterator<Item = &'static str> {
    let words = [
        ("initial", node.is_initial()),
        ("parent_hidden", node.is_parent_hidden()),
        ("empty", node.is_empty()),
        ("only_pinned", node.is_only_pinned()),
        ("maps", node.uid_map().is_some()),
        ("setgroups_denied", node.is_setgroups_denied()),
    ];
    words.into_iter().filter_map(|(word, is_set)| is_set.then_some(word))
}

/// As the files in procfs: proc_pid_uid_map(5), proc_pid_setgroups(5).
struct Maps<'s>(Node<'s>);

impl Record for Maps<'_> {
    fn write<M: SerializeMap>(&self, to: &mut M) -> Result<(), M::Error> {
        let Maps(node) = *self;
        for (name, map) in [("uid", node.uid_map()), ("gid", node.gid_map()), ("projid", node.projid_map())] {
            let extents = map.unwrap_or_default();
            to.serialize_entry(
                name,
                &List(|| extents.iter().map(|&Extent { inside, outside, count }| [inside, outside, count])),
            )?;
        }
        to.serialize_entry("setgroups", if node.is_setgroups_denied() { "deny" } else { "allow" })
    }
}

struct ChargeRecord<'s>(&'s Charge);

impl Record for ChargeRecord<'_> {
    fn write<M: SerializeMap>(&self, to: &mut M) -> Result<(), M::Error> {
        let Charge { uid, count } = *self.0;
        to.serialize_entry("uid", &Some(uid).filter(|&uid| uid != u32::MAX))?;
        to.serialize_entry("count", &count)
    }
}

pub struct NonuserRecord<'s>(pub Nonuser<'s>);

impl Record for NonuserRecord<'_> {
    fn write<M: SerializeMap>(&self, to: &mut M) -> Result<(), M::Error> {
        let NonuserRecord(nonuser) = *self;
        write_name(to, nonuser)?;
        if let Some(id) = nonuser.id() {
            to.serialize_entry("id", &Text(id))?;
        }
        if let Some(owner) = nonuser.owner() {
            to.serialize_entry("owner", &Number(owner.inode()))?;
        }
        if let Some(parent) = nonuser.parent() {
            to.serialize_entry("parent", &Number(parent.inode()))?;
        }
        to.serialize_entry("member_count", &nonuser.member_count())?;
        write_pins(to, || nonuser.pins())
    }
}

/// What identifies a nonuser namespace.
fn write_name<M: SerializeMap>(to: &mut M, nonuser: Nonuser<'_>) -> Result<(), M::Error> {
    to.serialize_entry("type", &Bytes(nonuser.namespace_type().name()))?;
    to.serialize_entry("inode", &Number(nonuser.inode()))
}

fn write_pins<'s, M: SerializeMap, I: ExactSizeIterator<Item = Pin<'s>>>(
    to: &mut M,
    pins: impl Fn() -> I,
) -> Result<(), M::Error> {
    if pins().len() == 0 {
        return Ok(());
    }
    to.serialize_entry("pins", &List(|| pins().map(|pin| Object(PinRecord(pin)))))
}

struct PinRecord<'s>(Pin<'s>);

impl Record for PinRecord<'_> {
    fn write<M: SerializeMap>(&self, to: &mut M) -> Result<(), M::Error> {
        let PinRecord(pin) = *self;
        to.serialize_entry("kind", &word_of(&words::PINS, &words::kind_of(pin)))?;
        match pin {
            Pin::Mount { path, namespace, is_overmounted, may_be_locked, pid } => {
                to.serialize_entry("path", &Bytes(path))?;
                if pid != 0 {
                    to.serialize_entry("pid", &pid)?;
                }
                to.serialize_entry("overmounted", &is_overmounted)?;
                to.serialize_entry("may_be_locked", &may_be_locked)?;
                namespace.map_or(Ok(()), |namespace| to.serialize_entry("nonuser", &Object(Name(namespace))))
            }
            Pin::Owned(nonuser) | Pin::ChildNamespace(nonuser) => to.serialize_entry("nonuser", &Object(Name(nonuser))),
            _ => {
                for (name, number) in [("pid", pin.pid()), ("tid", pin.tid()), ("descriptor", pin.descriptor())] {
                    number.map_or(Ok(()), |number| to.serialize_entry(name, &number))?;
                }
                Ok(())
            }
        }
    }
}

struct Name<'s>(Nonuser<'s>);

impl Record for Name<'_> {
    fn write<M: SerializeMap>(&self, to: &mut M) -> Result<(), M::Error> {
        write_name(to, self.0)
    }
}

/// A process of which more is known than its user namespace.
pub struct ProcessRecord<'s> {
    snapshot: &'s Snapshot,
    pid: i32,
    process: Option<&'s Process>,
    name: Option<&'s CStr>,
}

impl<'s> ProcessRecord<'s> {
    /// Ascending by PID: merges the processes and, if they have names, the members.
    pub fn all(snapshot: &'s Snapshot) -> impl Iterator<Item = ProcessRecord<'s>> {
        let named = if snapshot.are_names_known() { snapshot.members() } else { &[] };
        let mut members = named.iter().map(|member| member.pid).peekable();
        let mut processes = snapshot.processes().iter().peekable();
        iter::from_fn(move || {
            let pid = match (members.peek(), processes.peek()) {
                (Some(&member), Some(process)) => member.min(process.pid),
                (Some(&member), None) => member,
                (None, process) => process?.pid,
            };
            members.next_if_eq(&pid);
            let process = processes.next_if(|process| process.pid == pid);
            Some(ProcessRecord { snapshot, pid, process, name: snapshot.process_name(pid) })
        })
    }
}

impl Record for ProcessRecord<'_> {
    fn write<M: SerializeMap>(&self, to: &mut M) -> Result<(), M::Error> {
        let ProcessRecord { snapshot, pid, process, name } = *self;
        to.serialize_entry("pid", &pid)?;
        if let Some(name) = name {
            to.serialize_entry("name", &Bytes(name))?;
        }
        if let Some(credentials) = process.and_then(|process| process.credentials) {
            // Null: it has no mapping.
            to.serialize_entry("uid", &snapshot.process_uid(pid))?;
            to.serialize_entry("capabilities", &Text(format_args!("{:016x}", credentials.capabilities)))?;
            to.serialize_entry("pids", snapshot.process_pids(pid))?;
        }
        snapshot.process_cgroup(pid).map_or(Ok(()), |path| to.serialize_entry("cgroup", &Bytes(path)))
    }
}
