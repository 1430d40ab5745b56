//! The id maps of user namespaces.

use crate::facts::{Extent, add_map};
use crate::idmap::translate;

pub fn check(text: &[u8]) {
    let Some(map) = parse(text, false) else { return };
    assert!(map.len() <= 340);
    let written: String = map.iter().map(|e| format!("{:10} {:10} {:10}\n", e.inside, e.outside, e.count)).collect();
    assert_eq!(parse(written.as_bytes(), false).as_ref(), Some(&map), "written and parsed again");

    let own: Vec<_> = map.iter().map(|&extent| Extent { outside: extent.inside, ..extent }).collect();
    assert_eq!(parse(text, true), Some(own), "as the reader's own");

    let all = [Extent { inside: 0, outside: 0, count: u32::MAX }];
    for extent in &map {
        for distance in [0, extent.count / 2, extent.count - 1] {
            let outside = translate(Some(&map), extent.inside + distance, Some(&all));
            assert_eq!(outside, Ok(extent.outside + distance));
            assert_eq!(translate(Some(&all), extent.outside + distance, Some(&map)), Ok(extent.inside + distance));
        }
    }
}

/// Behind the extents of another map, which stay as they are.
fn parse(text: &[u8], is_own: bool) -> Option<Vec<Extent>> {
    let other = Extent { inside: 0, outside: 0, count: u32::MAX };
    let mut extents = vec![other];
    let end = add_map(&mut extents, text, is_own).unwrap();
    assert_eq!(extents[0], other);
    assert!(end.is_none_or(|end| end as usize == extents.len()));
    end.map(|_| extents.split_off(1))
}
