use super::node::userns_node;
use super::scan::guard;
use super::snapshot::userns_snapshot;
use super::write_if_some;
use crate::capability::{Reason, Verdict};
use crate::error::Error;
use std::ffi::c_int;

/// What decides whether a process has a capability in a user namespace, see userns_capable().
/// Later versions can add values.
#[repr(C)]
#[derive(Clone, Copy)]
pub enum userns_why {
    /// The process is in the namespace, so its effective capabilities decide.
    USERNS_WHY_MEMBER = 1,
    /// The process is in an ancestor of the namespace, so its effective capabilities decide.
    USERNS_WHY_ANCESTOR = 2,
    /// The process is in the parent of the namespace, or of an ancestor of the namespace, and its
    /// effective UID is that of the owner there. It has all capabilities.
    USERNS_WHY_OWNER = 3,
    /// The process is neither in the namespace nor in an ancestor. It has no capability.
    USERNS_WHY_OUTSIDE = 4,
    /// A parent, owner or credential that decides is out of sight, or the scan did not read
    /// credentials.
    USERNS_WHY_HIDDEN = 5,
}

/// == Capabilities ==
///
/// Find out whether a process has a capability in a user namespace (USERNS_SCAN_CREDENTIALS), as
/// the kernel decides it, see user_namespaces(7). A process needs CAP_SYS_ADMIN (21) to enter the
/// namespace or to mount in it, for example.
///
/// The answer is about the thread-group leader at the time of the scan. A security module can
/// refuse what the capability permits.
///
/// pid: the PID of a process in the snapshot, or of one whose user namespace could not be read.
/// capability: a number of linux/capability.h, at most 63. A capability that the running kernel
///   does not know is in no effective set.
/// node: the user namespace, of the same snapshot.
/// why: receives an enum userns_why, if the function returns 1, 0 or -ENODATA; may be NULL.
///
/// Returns 1 if the process has the capability, 0 if it has not, or a negative errno value.
///
///     -ENODATA          it cannot be known (USERNS_WHY_HIDDEN): the user namespace of the
///                       process, its credentials, or the owner or parent of node or of one of
///                       its ancestors is unknown; or the process and the owner both have the
///                       overflow UID, which can stand for different ones
///     -ESRCH            the scan did not see the process
///     -EINVAL           snapshot or node is NULL, node is of another snapshot, or there is no
///                       such capability
///     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
///
/// Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_capable(
    snapshot: *const userns_snapshot,
    pid: libc::pid_t,
    capability: c_int,
    node: *const userns_node,
    why: *mut u32,
) -> c_int {
    // SAFETY: the caller passes NULL or a snapshot, and NULL or a node.
    let (Some(snapshot), Some(node)) = (unsafe { (snapshot.as_ref(), node.as_ref()) }) else {
        return -Error::INVALID.errno();
    };
    let decided = guard(|| {
        let capability = u32::try_from(capability).map_err(|_| Error::INVALID)?;
        snapshot.tree().capable(pid, capability, node.node())
    });
    match decided {
        Ok(Verdict { holds, reason }) => {
            // SAFETY: the caller passes NULL or where to write.
            unsafe { write_if_some(Some(number_of(reason) as u32), why) };
            holds.map_or(-Error::NOT_KNOWN.errno(), c_int::from)
        }
        Err(error) => -error.errno(),
    }
}

fn number_of(reason: Reason) -> userns_why {
    match reason {
        Reason::Member => userns_why::USERNS_WHY_MEMBER,
        Reason::Ancestor => userns_why::USERNS_WHY_ANCESTOR,
        Reason::Owner => userns_why::USERNS_WHY_OWNER,
        Reason::Outside => userns_why::USERNS_WHY_OUTSIDE,
        Reason::Hidden => userns_why::USERNS_WHY_HIDDEN,
    }
}
