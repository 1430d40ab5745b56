//! Drops namespaces that a program recorded while it read a file that had changed afterwards: those to which no descriptor
//! leads.

use super::records::Found;
use crate::error::Error;
use crate::util::arrays::zeros;

pub fn keep_referred(found: &mut Found) -> Result<(), Error> {
    let Found { descriptors, users, nonusers, .. } = found;
    let mut kept_users = Kept(zeros(users.len())?);
    let mut kept_nonusers = Kept(zeros(nonusers.len())?);
    for descriptor in &*descriptors {
        kept_users.add(descriptor.user, |index| users[index].parent.map_or(0, |parent| parent + 1));
        kept_nonusers.add(descriptor.nonuser, |index| {
            kept_users.add(nonusers[index].owner, |index| users[index].parent.map_or(0, |parent| parent + 1));
            nonusers[index].parent
        });
    }
    kept_users.retain(users);
    kept_nonusers.retain(nonusers);
    for user in users {
        user.parent = user.parent.and_then(|parent| kept_users.moved(parent + 1).checked_sub(1));
    }
    for nonuser in nonusers {
        (nonuser.owner, nonuser.parent) = (kept_users.moved(nonuser.owner), kept_nonusers.moved(nonuser.parent));
    }
    for descriptor in descriptors {
        (descriptor.user, descriptor.nonuser) =
            (kept_users.moved(descriptor.user), kept_nonusers.moved(descriptor.nonuser));
    }
    Ok(())
}

/// For each record whether it is kept, then its new index plus 1. 0: it is not. All links are indices plus 1, too.
struct Kept(Vec<u32>);

impl Kept {
    /// Adds a record, and those that follow it.
    fn add(&mut self, first: u32, mut next: impl FnMut(usize) -> u32) {
        let mut link = first;
        while let Some(index) = link.checked_sub(1).filter(|&index| self.0.get(index as usize) == Some(&0)) {
            self.0[index as usize] = 1;
            link = next(index as usize);
        }
    }

    /// Removes the other records.
    fn retain<R>(&mut self, records: &mut Vec<R>) {
        let (mut places, mut count) = (self.0.iter_mut(), 0);
        records.retain(|_| match places.next() {
            Some(place) if *place != 0 => {
                count += 1;
                *place = count;
                true
            }
            _ => false,
        });
    }

    fn moved(&self, link: u32) -> u32 {
        link.checked_sub(1).and_then(|index| self.0.get(index as usize).copied()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::bpf::file_tables::Descriptor;
    use crate::observe::bpf::tables::Nonuser;
    use crate::observe::users::Observed;

    fn user(inode: u64, parent: Option<u32>) -> Observed {
        Observed { inode, generation: inode, parent, ..Observed::default() }
    }

    #[test]
    fn only_namespaces_of_descriptors_remain() {
        let descriptor = |user, nonuser| Descriptor { user, nonuser, ..Descriptor::default() };
        let nonuser = |inode, owner, parent| Nonuser { inode, owner, parent, ..Nonuser::default() };
        let mut found = Found {
            descriptors: vec![descriptor(0, 0), descriptor(3, 0), descriptor(0, 2), descriptor(9, 9)],
            // The parent of the first one did not fit.
            users: vec![user(10, None), user(11, None), user(12, Some(3)), user(13, None), user(14, Some(7))],
            nonusers: vec![nonuser(20, 2, 0), nonuser(21, 5, 4), nonuser(22, 2, 0), nonuser(23, 0, 0)],
            extents: Vec::new(),
            has_ids: false,
        };
        keep_referred(&mut found).unwrap();
        assert_eq!(found.users, [user(12, Some(1)), user(13, None), user(14, None)]);
        assert_eq!(found.nonusers, [nonuser(21, 3, 2), nonuser(23, 0, 0)]);
        assert_eq!(found.descriptors, [descriptor(0, 0), descriptor(1, 0), descriptor(0, 1), descriptor(0, 0)]);
    }
}
