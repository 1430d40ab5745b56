//! The id maps of user namespaces: user_namespaces(7).

use crate::util::arrays::{index, push};
use crate::util::parse;
use std::collections::TryReserveError;
use std::ops::Range;

/// `UID_GID_MAP_MAX_EXTENTS` of the kernel.
const MOST_EXTENTS: usize = 340;

/// A range of ids in a user namespace, and what they are in the caller's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Extent {
    /// The first id in the namespace.
    pub inside: u32,
    /// The same id in the caller's own user namespace.
    pub outside: u32,
    /// The number of ids; both sides are contiguous.
    pub count: u32,
}

/// A kind of ids. Each has a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdKind {
    Uid,
    Gid,
    Projid,
}

/// The maps of a user namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maps {
    /// Where the extents of each kind begin among those of all namespaces, and where the last ones end.
    pub bounds: [u32; 4],
    /// setgroups(2) is denied in the namespace, for good.
    pub is_setgroups_denied: bool,
}

impl Maps {
    /// Where the extents of a kind are.
    pub fn range(&self, kind: IdKind) -> Range<usize> {
        self.bounds[kind as usize] as usize..self.bounds[kind as usize + 1] as usize
    }
}

/// Adds the extents in the text of a map, proc_pid_uid_map(5), and returns where they end. `None`: the text is not a map, or
/// is cut off; extents may have been added.
///
/// `is_own`: the reader is in the namespace itself. Then the file shows numbers of the parent in place of the reader's own
/// (`uid_m_show()` of the kernel), and the reader's own numbers are those inside.
pub fn add_map(extents: &mut Vec<Extent>, text: &[u8], is_own: bool) -> Result<Option<u32>, TryReserveError> {
    let Some(lines) = text.strip_suffix(b"\n") else {
        return Ok(if text.is_empty() { Some(index(extents.len())?) } else { None });
    };
    let lines = lines.split(|&byte| byte == b'\n').map(parse_extent);
    let own = |extent: Extent| Extent { outside: extent.inside, ..extent };
    add_extents(extents, lines.map(|extent| if is_own { extent.map(own) } else { extent }))
}

/// Adds the extents of a map, and returns where they end. `None`: one is none, or they are no map; some may have been added.
pub fn add_extents(
    extents: &mut Vec<Extent>,
    more: impl Iterator<Item = Option<Extent>>,
) -> Result<Option<u32>, TryReserveError> {
    let start = extents.len();
    for extent in more {
        let Some(extent) = extent else { return Ok(None) };
        if extents.len() - start == MOST_EXTENTS || extents[start..].iter().any(|other| extent.overlaps(other)) {
            return Ok(None);
        }
        push(extents, extent)?;
    }
    Ok(Some(index(extents.len())?))
}

fn parse_extent(line: &[u8]) -> Option<Extent> {
    let mut numbers = line.split(|&byte| byte == b' ').filter(|number| !number.is_empty());
    let mut next = || u32::try_from(parse::number(numbers.next()?)?).ok();
    let extent = Extent::new(next()?, next()?, next()?)?;
    numbers.next().is_none().then_some(extent)
}

impl Extent {
    /// `None`: these are no ids.
    pub fn new(inside: u32, outside: u32, count: u32) -> Option<Extent> {
        // The largest number is no id. The kernel shows it in place of one that the reader does not have; but all that a
        // namespace maps is mapped in each of its ancestors, see `map_write()`.
        let may_be = |first: u32| count > 0 && u32::MAX - count >= first;
        (may_be(inside) && may_be(outside)).then_some(Extent { inside, outside, count })
    }

    fn overlaps(&self, other: &Extent) -> bool {
        let meet = |one: u32, two: u32| one - one.min(two) < other.count && two - one.min(two) < self.count;
        meet(self.inside, other.inside) || meet(self.outside, other.outside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str, is_own: bool) -> Option<Vec<(u32, u32, u32)>> {
        // Extents of another namespace are left alone, and do not overlap.
        let mut extents = vec![Extent { inside: 0, outside: 0, count: u32::MAX }];
        let end = add_map(&mut extents, text.as_bytes(), is_own).unwrap()?;
        assert_eq!(end as usize, extents.len());
        Some(extents[1..].iter().map(|extent| (extent.inside, extent.outside, extent.count)).collect())
    }

    #[test]
    fn maps_as_the_kernel_prints_them() {
        assert_eq!(parse("", false), Some(vec![]));
        let initial = "         0          0 4294967295\n";
        assert_eq!(parse(initial, true), Some(vec![(0, 0, u32::MAX)]));
        let two = "         0       1000          1\n         1     100000      65536\n";
        assert_eq!(parse(two, false), Some(vec![(0, 1000, 1), (1, 100000, 65536)]));
        assert_eq!(parse(two, true), Some(vec![(0, 0, 1), (1, 1, 65536)]));
        let lines = |count: u32| (0..count).map(|id| format!("{id:10} {id:10} {:10}\n", 1)).collect::<String>();
        assert_eq!(parse(&lines(340), false).map(|map| map.len()), Some(340));
        assert_eq!(parse(&lines(341), false), None);
    }

    #[test]
    fn what_is_no_map_is_none() {
        for text in [
            "0 0 1",            // cut off
            "0 0\n",            // cut off
            "0 0 1 1\n",        // a number more
            "0 0 0\n",          // no id
            "0 4294967295 1\n", // not mapped
            "4294967295 0 1\n", // never an id
            "1 0 4294967295\n", // beyond the end
            "0 1 4294967295\n", // beyond the end
            "0 0 4294967296\n", // not 32 bits
            "-1 0 1\n",         // not a number
            "0x0 0 1\n",        // not a number
            "\n",               // empty
            "0 0 1\n\n",        // an empty line
            "0 0 2\n1 5 1\n",   // two outside for one inside
            "0 0 2\n5 1 1\n",   // two inside for one outside
            "5 5 1\n0 100 6\n", // the same, in the other order
            "0 0 1\n\0\n",      // no text
            "0\t0\t1\n",        // not as the kernel prints it
        ] {
            assert_eq!(parse(text, false), None, "{text:?}");
        }
    }

    proptest! {
        /// Text that is cut off within a line is no map; one that is not is the map of the lines that it has.
        #[test]
        fn cut_off_text_is_not_another_map(count in 1_u32..6, cut in 0_usize..200) {
            let lines: Vec<String> = (0..count).map(|id| format!("{:10} {:10} {:10}\n", id * 9, id * 1_000, 9)).collect();
            let whole = lines.concat();
            let text = &whole[..cut.min(whole.len())];
            let complete = text.len() / 33;
            let expected = (text.len() % 33 == 0).then(|| (0..complete as u32).map(|id| (id * 9, id * 1000, 9)).collect());
            prop_assert_eq!(parse(text, false), expected);
        }

        /// Any text gives ids that exist, and each at most once on both sides.
        #[test]
        fn hostile_text_is_no_map_or_an_unambiguous_one(text in "([0-9]{1,10} {1,2}[0-9]{1,10} [0-9]{1,3}\n){0,6}|[ 0-9\n]{0,40}") {
            if let Some(map) = parse(&text, false) {
                let ends = |&(inside, outside, count): &(u32, u32, u32)| [inside, outside].map(|first| u64::from(first) + u64::from(count));
                prop_assert!(map.iter().all(|extent| ends(extent).iter().all(|&end| end <= u64::from(u32::MAX))));
                for (at, one) in map.iter().enumerate() {
                    for two in &map[at + 1..] {
                        for (first, second) in [(one.0, two.0), (one.1, two.1)] {
                            let (first, second) = (u64::from(first), u64::from(second));
                            prop_assert!(first + u64::from(one.2) <= second || second + u64::from(two.2) <= first);
                        }
                    }
                }
            }
        }
    }
}
