//! The translation of ids between user namespaces: user_namespaces(7). Pure.

use crate::error::Error;
use crate::facts::Extent;

/// Never an id: the kernel uses it for "none", see setresuid(2).
const NO_ID: u32 = u32::MAX;

/// What an id of one namespace is in another one: down to the caller's numbers, as `map_id_range_down()` of the kernel does,
/// and up from these, as `map_id_up()`. `None` is a map that is not known.
///
/// All that a namespace maps is mapped in each of its ancestors, and so in the caller's own. So nothing is lost on that way,
/// whichever ancestor the two namespaces have in common.
pub fn translate(from: Option<&[Extent]>, id: u32, to: Option<&[Extent]>) -> Result<u32, Error> {
    if id == NO_ID {
        return Err(Error::NOT_MAPPED);
    }
    let outside = find(from.ok_or(Error::NOT_KNOWN)?, id, |extent| (extent.inside, extent.outside))?;
    find(to.ok_or(Error::NOT_KNOWN)?, outside, |extent| (extent.outside, extent.inside))
}

/// Maps an id from one side of a map to the other one. There are at most 340 extents.
fn find(map: &[Extent], id: u32, sides: impl Fn(&Extent) -> (u32, u32)) -> Result<u32, Error> {
    let translated = map.iter().find_map(|extent| {
        let (first, other) = sides(extent);
        let distance = id.checked_sub(first).filter(|&distance| distance < extent.count)?;
        other.checked_add(distance)
    });
    translated.ok_or(Error::NOT_MAPPED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn extent(inside: u32, outside: u32, count: u32) -> Extent {
        Extent { inside, outside, count }
    }

    #[test]
    fn borders() {
        let all = [extent(0, 0, u32::MAX)];
        let container = [extent(0, 1000, 1), extent(1, 100_000, 65536)];
        for (inside, outside) in [(0, 1000), (1, 100_000), (65536, 165_535)] {
            assert_eq!(translate(Some(&container), inside, Some(&all)), Ok(outside));
            assert_eq!(translate(Some(&all), outside, Some(&container)), Ok(inside));
        }
        for outside in [999, 1001, 99_999, 165_536, NO_ID] {
            assert_eq!(translate(Some(&all), outside, Some(&container)), Err(Error::NOT_MAPPED));
        }
        assert_eq!(translate(Some(&container), 65537, Some(&all)), Err(Error::NOT_MAPPED));
        assert_eq!(translate(Some(&all), u32::MAX - 1, Some(&all)), Ok(u32::MAX - 1));
    }

    #[test]
    fn what_is_not_known() {
        let map = [extent(0, 5, 1)];
        assert_eq!(translate(None, 0, Some(&map)), Err(Error::NOT_KNOWN));
        assert_eq!(translate(Some(&map), 0, None), Err(Error::NOT_KNOWN));
        // One map is enough.
        assert_eq!(translate(Some(&map), 1, None), Err(Error::NOT_MAPPED));
        assert_eq!(translate(None, NO_ID, None), Err(Error::NOT_MAPPED));
        assert_eq!(translate(Some(&[]), 0, None), Err(Error::NOT_MAPPED));
    }

    /// A map without overlaps: gaps and lengths inside, and a shuffled order outside.
    fn maps() -> impl Strategy<Value = Vec<Extent>> {
        let parts = proptest::collection::vec((0_u32..4, 1_u32..5, 0_u32..4), 0..6);
        (parts, any::<bool>()).prop_map(|(parts, is_reversed)| {
            let mut map = Vec::new();
            let (mut inside, mut outside) = (0, 0);
            for &(gap, count, other_gap) in &parts {
                (inside, outside) = (inside + gap, outside + other_gap);
                map.push(extent(inside, outside, count));
                (inside, outside) = (inside + count, outside + count);
            }
            if is_reversed {
                for extent in &mut map {
                    extent.outside = outside - extent.outside - extent.count;
                }
            }
            map
        })
    }

    /// The plain model: every pair of ids.
    fn pairs(map: &[Extent]) -> BTreeMap<u32, u32> {
        map.iter().flat_map(|extent| (0..extent.count).map(|at| (extent.inside + at, extent.outside + at))).collect()
    }

    proptest! {
        #[test]
        fn as_a_table_of_all_ids(from in maps(), to in maps()) {
            let (down, up) = (pairs(&from), pairs(&to));
            for id in 0..60 {
                let expected = down.get(&id).and_then(|outside| up.iter().find(|pair| pair.1 == outside)).map(|pair| *pair.0);
                let translated = translate(Some(&from), id, Some(&to));
                prop_assert_eq!(translated, expected.ok_or(Error::NOT_MAPPED));
                // And back again.
                if let Ok(there) = translated {
                    prop_assert_eq!(translate(Some(&to), there, Some(&from)), Ok(id));
                }
                prop_assert_eq!(translate(Some(&from), id, Some(&from)).is_ok(), down.contains_key(&id));
            }
        }
    }
}
