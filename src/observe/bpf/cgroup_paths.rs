//! The paths of cgroups, as proc_pid_cgroup(5) shows them, from the records of cgroups.

use super::layout::Layout;
use super::process_tables::CgroupNode;
use super::tables::Header;
use crate::error::Error;
use crate::facts::{Text, TextRef};
use crate::util::arrays::{push, reserved, zeros};

/// `PATH_MAX` of the kernel. Procfs does not show a longer path, and counts it.
const PATH_MAX: usize = 4096;
/// `CSS_ONLINE` of include/linux/cgroup-defs.h.
const ONLINE: u32 = 1 << 1;

/// A cgroup and its name.
type Node<'a> = (CgroupNode, &'a [u8]);

/// The cgroups that a program recorded, and the paths that were asked for.
pub struct Paths<'a> {
    nodes: Vec<Node<'a>>,
    /// The index of the root of the caller's cgroup namespace, plus 1.
    root: u32,
    /// Of each cgroup, once it was asked for.
    paths: Vec<Option<TextRef>>,
    buffer: Vec<u8>,
}

impl<'a> Paths<'a> {
    pub fn new(array: &'a [u8], layout: Layout) -> Result<Paths<'a>, Error> {
        let header = Header::parse(array).ok_or(Error::BUG)?;
        let records = array[layout.cgroups()].chunks_exact(Layout::CGROUP_SIZE).take(header.cgroup_count as usize);
        let mut nodes = reserved(records.len())?;
        nodes.extend(records.map(|record| {
            let name = record[CgroupNode::SIZE..].split(|&byte| byte == 0).next().unwrap_or_default();
            (CgroupNode::parse(record).unwrap_or_default(), name)
        }));
        let paths = zeros(nodes.len())?;
        Ok(Paths { nodes, root: header.root_cgroup, paths, buffer: Vec::new() })
    }

    /// The path of the cgroup with this index, plus 1. The empty string: procfs has to tell it.
    pub fn path(&mut self, number: u32, text: &mut Text) -> Result<TextRef, Error> {
        let Some(&known) = number.checked_sub(1).and_then(|index| self.paths.get(index as usize)) else {
            return Ok(TextRef::default());
        };
        if let Some(known) = known {
            return Ok(known);
        }
        self.buffer.clear();
        let is_told = self.write(number)?.is_some() && self.buffer.len() < PATH_MAX - 1;
        let path = if is_told { text.add(&self.buffer)? } else { TextRef::default() };
        self.paths[number as usize - 1] = Some(path);
        Ok(path)
    }

    /// Writes a path as kernfs_path_from_node() of fs/kernfs/dir.c does. `None`: a cgroup on the way was not recorded.
    fn write(&mut self, number: u32) -> Result<Option<()>, Error> {
        let (Some(mut from), Some(to)) = (self.node(self.root), self.node(number)) else { return Ok(None) };
        let (mut at, mut names) = (to, Vec::new());
        // Up to the first cgroup above both. Levels descend, so this ends.
        while from.0.id != at.0.id {
            let (moves_from, moves_at) = (from.0.level >= at.0.level, at.0.level >= from.0.level);
            if moves_from {
                self.add(b"/..")?;
                let Some(parent) = self.parent(from) else { return Ok(None) };
                from = parent;
            }
            if moves_at {
                push(&mut names, at.1)?;
                let Some(parent) = self.parent(at) else { return Ok(None) };
                at = parent;
            }
        }
        for name in names.into_iter().rev() {
            if name.is_empty() {
                return Ok(None);
            }
            self.add(b"/")?;
            self.add(name)?;
        }
        if self.buffer.is_empty() {
            self.add(b"/")?;
        }
        if to.0.flags & ONLINE == 0 {
            self.add(b" (deleted)")?;
        }
        Ok(Some(()))
    }

    fn node(&self, number: u32) -> Option<Node<'a>> {
        self.nodes.get(number.checked_sub(1)? as usize).copied()
    }

    fn parent(&self, node: Node) -> Option<Node<'a>> {
        self.node(node.0.parent).filter(|parent| Some(parent.0.level) == node.0.level.checked_sub(1))
    }

    fn add(&mut self, text: &[u8]) -> Result<(), Error> {
        self.buffer.try_reserve(text.len())?;
        self.buffer.extend_from_slice(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEAD: u32 = 0;

    /// The path of the last of these cgroups: index of the parent plus 1, level, flags and name. The id is the number of the
    /// cgroup modulo 20.
    fn path(root: u32, cgroups: &[(u32, u32, u32, &str)]) -> String {
        let layout = Layout { cgroups: cgroups.len() as u32, ..Layout::default() };
        let mut array = vec![0; layout.size()];
        let mut put = |at: usize, bytes: &[u8]| array[at..at + bytes.len()].copy_from_slice(bytes);
        put(Header::cgroup_count.offset as usize, &(cgroups.len() as u64).to_ne_bytes());
        put(Header::root_cgroup.offset as usize, &root.to_ne_bytes());
        for (index, &(parent, level, flags, name)) in cgroups.iter().enumerate() {
            let at = layout.cgroups().start + index * Layout::CGROUP_SIZE;
            put(at, &((index as u64 + 1) % 20).to_ne_bytes());
            put(at + 8, [flags, level, parent].map(u32::to_ne_bytes).as_flattened());
            put(at + CgroupNode::SIZE, name.as_bytes());
        }
        let (mut paths, mut text) = (Paths::new(&array, layout).unwrap(), Text::default());
        let number = cgroups.len() as u32;
        let path = paths.path(number, &mut text).unwrap();
        assert_eq!(paths.path(number, &mut text), Ok(path));
        assert_eq!(paths.path(number + 1, &mut text), Ok(TextRef::default()));
        text.get(path).to_str().unwrap().into()
    }

    #[test]
    fn paths_as_the_kernel_prints_them() {
        let top = (0, 0, ONLINE, "");
        let (a, b) = ((1, 1, ONLINE, "a"), (2, 2, ONLINE, "b"));
        assert_eq!(path(1, &[top]), "/");
        assert_eq!(path(1, &[top, a]), "/a");
        assert_eq!(path(1, &[top, a, b]), "/a/b");
        assert_eq!(path(2, &[top, a, b]), "/b");
        assert_eq!(path(3, &[top, a, b]), "/");
        assert_eq!(path(3, &[top, a, b, (2, 2, ONLINE, "c")]), "/../c");
        assert_eq!(path(3, &[top, a, b, (1, 1, ONLINE, "d")]), "/../../d");
        assert_eq!(path(3, &[top, a, b, (1, 1, ONLINE, "d"), (4, 2, ONLINE, "e")]), "/../../d/e");
        assert_eq!(path(1, &[top, a, (2, 2, DEAD, "b")]), "/a/b (deleted)");
        // The root lies below.
        assert_eq!(path(1, &[(3, 2, ONLINE, "b"), top, (2, 1, ONLINE, "a")]), "/..");
        assert_eq!(path(1, &[(2, 2, ONLINE, "b"), (3, 1, ONLINE, "a"), top]), "/../..");
    }

    /// One cgroup can have two records, since another one evicted it from the cache.
    #[test]
    fn cgroups_are_compared_by_id() {
        let (top, a) = ((0, 0, ONLINE, ""), (1, 1, ONLINE, "a"));
        let mut cgroups = vec![top, a];
        cgroups.resize(20, top);
        cgroups.extend([top, (21, 1, ONLINE, "a")]);
        assert_eq!(path(2, &cgroups), "/");
    }

    #[test]
    fn what_was_not_recorded_is_not_told() {
        let top = (0, 0, ONLINE, "");
        assert_eq!(path(0, &[top]), "");
        assert_eq!(path(1, &[top, (0, 1, ONLINE, "a")]), "");
        assert_eq!(path(1, &[top, (1, 2, ONLINE, "a")]), "");
        assert_eq!(path(1, &[top, (9, 1, ONLINE, "a")]), "");
        assert_eq!(path(1, &[top, (1, 1, ONLINE, "")]), "");
        assert_eq!(path(1, &[top, (3, 2, ONLINE, "a"), (2, 2, ONLINE, "b")]), "");
        let name = "n".repeat(255);
        let long: Vec<_> = (0..16).map(|level| (level, level, ONLINE, &*name)).collect();
        assert_eq!(path(1, &long).len(), 15 * 256);
        let longer = [&long[..], &[(16, 16, ONLINE, &name[..253])]].concat();
        assert_eq!(path(1, &longer).len(), 4094);
        let longest = [&long[..], &[(16, 16, ONLINE, &name[..254])]].concat();
        assert_eq!(path(1, &longest), "");
    }
}
