//! The id maps of a user namespace, and what an id is in another one.

use super::Node;
use crate::error::Error;
use crate::facts::{Extent, IdKind};
use crate::idmap;

impl<'s> Node<'s> {
    /// The UIDs that the namespace maps, in the order of `/proc/PID/uid_map`; empty if the map was not written yet. `None` if
    /// it is not known: the scan did not read [maps](crate::Options::maps), or the namespace is neither the caller's own nor
    /// below it, or they could not be read ([`Gap::Maps`](crate::Gap::Maps)).
    ///
    /// ```
    /// let snapshot = userns::Options::new().maps().scan()?;
    /// for node in snapshot.nodes() {
    ///     for extent in node.uid_map().unwrap_or_default() {
    ///         println!("{}: {} is {} here", node.inode(), extent.inside, extent.outside);
    ///     }
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn uid_map(&self) -> Option<&'s [Extent]> {
        self.map(IdKind::Uid)
    }

    /// The GIDs that the namespace maps.
    pub fn gid_map(&self) -> Option<&'s [Extent]> {
        self.map(IdKind::Gid)
    }

    /// The project ids that the namespace maps.
    pub fn projid_map(&self) -> Option<&'s [Extent]> {
        self.map(IdKind::Projid)
    }

    /// Whether setgroups(2) is known to be denied in the namespace.
    pub fn is_setgroups_denied(&self) -> bool {
        self.facts().maps.is_some_and(|maps| maps.is_setgroups_denied)
    }

    /// What a UID of this namespace is in another one of the same snapshot.
    ///
    /// ```
    /// let snapshot = userns::Options::new().maps().scan()?;
    /// if let Some((root, own)) = snapshot.root().zip(snapshot.self_node()) {
    ///     match own.translate_uid(0, root) {
    ///         Ok(uid) => println!("root is {uid}"),
    ///         Err(error) => println!("root: {error}"),
    ///     }
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// ENOENT: it is not mapped. ENODATA: a map that this takes is not known. EINVAL: `to` is of another snapshot.
    pub fn translate_uid(&self, uid: u32, to: Node<'_>) -> Result<u32, Error> {
        self.translate(IdKind::Uid, uid, to)
    }

    /// What a GID of this namespace is in another one, as [`translate_uid`](Node::translate_uid).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn translate_gid(&self, gid: u32, to: Node<'_>) -> Result<u32, Error> {
        self.translate(IdKind::Gid, gid, to)
    }

    /// What a project id of this namespace is in another one, as [`translate_uid`](Node::translate_uid).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn translate_projid(&self, projid: u32, to: Node<'_>) -> Result<u32, Error> {
        self.translate(IdKind::Projid, projid, to)
    }

    pub(crate) fn map(&self, kind: IdKind) -> Option<&'s [Extent]> {
        self.facts().maps.map(|maps| &self.snapshot().extents[maps.range(kind)])
    }

    pub(crate) fn translate(&self, kind: IdKind, id: u32, to: Node<'_>) -> Result<u32, Error> {
        if !std::ptr::eq(self.snapshot(), to.snapshot()) {
            return Err(Error::INVALID);
        }
        idmap::translate(self.map(kind), id, to.map(kind))
    }
}
