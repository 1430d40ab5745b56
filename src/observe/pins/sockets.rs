//! Source: the network namespaces of sockets, SIOCGSKNS in netdevice(7).

use super::super::answer::Answer;
use super::threads::Thread;
use crate::error::Error;
use crate::facts::{Holder, NamespaceType, Target};
use crate::observe::Context;
use crate::sys::file::{self, Fd};
use crate::sys::{Errno, if_any, pidfd};
use crate::util::hash::IntMap;
use crate::util::parse;

/// The sockets found so far.
pub struct Sockets {
    /// The network namespace of each socket, by the inode number of the socket.
    known: IntMap<u64, Option<Target>>,
    /// Whether the procfs numbers threads as the caller's PID namespace does, so that pidfd_open(2) knows their TIDs.
    same_pids: bool,
}

/// The inode number in `socket:[26]`, the text of a link to a socket.
pub fn parse_link(link: &[u8]) -> Option<u64> {
    parse::number(link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?)
}

impl Sockets {
    pub fn new(same_pids: bool) -> Sockets {
        Sockets { known: IntMap::default(), same_pids }
    }

    /// Records the network namespace of a socket; false if it could not be determined.
    pub fn record(&mut self, context: &mut Context, thread: &Thread, number: i32, inode: u64) -> Result<bool, Error> {
        let target = match self.known.get(&inode) {
            Some(&known) => known,
            None if !self.same_pids => return Ok(false),
            None => match Answer::of(open_network_namespace(thread, number))? {
                Answer::Is(namespace) => {
                    let Some(identity) = if_any(file::identity(&namespace))? else { return Ok(false) };
                    context.target(NamespaceType::Net, identity.inode, || Ok(namespace))?
                }
                Answer::Gone => return Ok(true),
                Answer::Refused(_) => return Ok(false),
            },
        };
        self.known.try_reserve(1)?;
        self.known.insert(inode, target);
        if let Some(target) = target {
            context.hold(target, Holder::Socket { pid: thread.pid, tid: thread.tid, number })?;
        }
        Ok(true)
    }
}

/// Opens the network namespace of a socket of another thread, through a duplicate of the descriptor.
fn open_network_namespace(thread: &Thread, number: i32) -> Result<Fd, Errno> {
    let process = pidfd::open(thread.tid, thread.tid != thread.pid)?;
    let file = pidfd::duplicate(&process, number)?;
    match file::status(&file)?.is_socket() {
        // The descriptor is the scan's own, so an error about it does not say that the process has ended.
        true => pidfd::network_namespace(&file).map_err(|errno| if errno.is_gone() { Errno(libc::EIO) } else { errno }),
        false => Err(Errno(libc::ESRCH)), // the owner has replaced the socket
    }
}
