use super::array;
use super::node::userns_node;
use super::scan::guard;
use crate::error::Error;
use crate::facts::{Extent, IdKind};
use std::ffi::c_int;
use std::mem::offset_of;

/// A range of ids in a map: inside, inside + 1 and so on of the namespace are outside,
/// outside + 1 and so on of the caller's own user namespace.
#[repr(C)]
pub struct userns_extent {
    /// The first id in the namespace.
    pub inside: u32,
    /// The same id in the user namespace of the process that scanned. An id that a namespace
    /// maps is mapped in each of its ancestors, so it is never UINT32_MAX.
    pub outside: u32,
    /// The number of ids.
    pub count: u32,
}

// Arrays of extents are returned as they are.
const _: () = assert!(
    size_of::<userns_extent>() == size_of::<Extent>()
        && offset_of!(userns_extent, inside) == offset_of!(Extent, inside)
        && offset_of!(userns_extent, outside) == offset_of!(Extent, outside)
        && offset_of!(userns_extent, count) == offset_of!(Extent, count)
);

/// == Maps ==
///
/// List the UIDs that a user namespace maps (USERNS_SCAN_MAPS), see proc_pid_uid_map(5). The
/// numbers outside are those of the caller's own user namespace, not of the parent. The map of
/// the caller's own namespace maps each id to itself.
///
/// Returns an array of *count extents, in the order of the file; at most 340. No two of them
/// have an id in common, on either side. It is empty if the map was not written yet and, without
/// USERNS_NODE_MAPS in userns_flags(), if the map is not known: the scan did not read maps; or
/// the namespace is neither the caller's own nor a descendant of it; or the map could not be
/// read, see USERNS_GAP_MAPS.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_uid_map(node: *const userns_node, count: *mut usize) -> *const userns_extent {
    // SAFETY: the caller passes NULL or a node, and NULL or where to write.
    unsafe { map(IdKind::Uid, node, count) }
}

/// List the GIDs that a user namespace maps (USERNS_SCAN_MAPS), see userns_uid_map().
///
/// Returns an array of *count extents.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_gid_map(node: *const userns_node, count: *mut usize) -> *const userns_extent {
    // SAFETY: the caller passes NULL or a node, and NULL or where to write.
    unsafe { map(IdKind::Gid, node, count) }
}

/// List the project ids (quotactl(2)) that a user namespace maps (USERNS_SCAN_MAPS), see
/// userns_uid_map().
///
/// Returns an array of *count extents.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_projid_map(node: *const userns_node, count: *mut usize) -> *const userns_extent {
    // SAFETY: the caller passes NULL or a node, and NULL or where to write.
    unsafe { map(IdKind::Projid, node, count) }
}

/// # Safety
///
/// `node` is NULL or a node, `count` is NULL or may be written.
unsafe fn map(kind: IdKind, node: *const userns_node, count: *mut usize) -> *const userns_extent {
    // SAFETY: as this function's.
    let map = unsafe { node.as_ref() }.and_then(|node| node.node().map(kind)).unwrap_or_default();
    // SAFETY: as this function's.
    unsafe { array(map, count) }.cast()
}

/// Translate a UID of one user namespace to another one: what the kernel shows in `to` for the
/// user that has this UID in `from`, as the owner of a file, for example. Needs
/// USERNS_SCAN_MAPS. The namespaces can be nested in any way.
///
///     uid_t uid;
///     int error = userns_translate_uid(container, 0, userns_root(snapshot), &uid);
///     if (error == 0)
///         printf("root in the container is %lu on the host\n", (unsigned long)uid);
///     else
///         printf("%s\n", userns_strerror(error));
///
/// from: a node.
/// uid: a UID in that user namespace. (uid_t)-1 is never one, and not mapped.
/// to: a node of the same snapshot.
/// result: receives the UID in `to`.
///
/// Returns 0, or a negative errno value.
///
///     -ENOENT           one of the namespaces does not map the UID. stat(2) shows the overflow
///                       UID in its place, see user_namespaces(7)
///     -ENODATA          a map that decides is not known: a node lacks USERNS_NODE_MAPS
///     -EINVAL           from, to or result is NULL, or the nodes are of different snapshots
///     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
///
/// Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_translate_uid(
    from: *const userns_node,
    uid: libc::uid_t,
    to: *const userns_node,
    result: *mut libc::uid_t,
) -> c_int {
    // SAFETY: the caller passes NULL or nodes, and NULL or where to write.
    unsafe { translate(IdKind::Uid, from, uid, to, result) }
}

/// Translate a GID of one user namespace to another one, see userns_translate_uid().
///
/// from: a node.
/// gid: a GID in that user namespace.
/// to: a node of the same snapshot.
/// result: receives the GID in `to`.
///
/// Returns 0, or one of the errors of userns_translate_uid().
///
/// Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_translate_gid(
    from: *const userns_node,
    gid: libc::gid_t,
    to: *const userns_node,
    result: *mut libc::gid_t,
) -> c_int {
    // SAFETY: the caller passes NULL or nodes, and NULL or where to write.
    unsafe { translate(IdKind::Gid, from, gid, to, result) }
}

/// Translate a project id of one user namespace to another one, see userns_translate_uid().
///
/// from: a node.
/// projid: a project id in that user namespace.
/// to: a node of the same snapshot.
/// result: receives the project id in `to`.
///
/// Returns 0, or one of the errors of userns_translate_uid().
///
/// Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_translate_projid(
    from: *const userns_node,
    projid: u32,
    to: *const userns_node,
    result: *mut u32,
) -> c_int {
    // SAFETY: the caller passes NULL or nodes, and NULL or where to write.
    unsafe { translate(IdKind::Projid, from, projid, to, result) }
}

/// # Safety
///
/// `from` and `to` are NULL or nodes, `result` is NULL or may be written.
unsafe fn translate(
    kind: IdKind,
    from: *const userns_node,
    id: u32,
    to: *const userns_node,
    result: *mut u32,
) -> c_int {
    // SAFETY: as this function's.
    let nodes = unsafe { from.as_ref().zip(to.as_ref()) }.filter(|_| !result.is_null());
    let translated = guard(|| {
        let (from, to) = nodes.ok_or(Error::INVALID)?;
        from.node().translate(kind, id, to.node())
    });
    match translated {
        Ok(id) => {
            // SAFETY: it is not NULL, so the caller lets us write there.
            unsafe { *result = id };
            0
        }
        Err(error) => -error.errno(),
    }
}
