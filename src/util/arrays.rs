//! Fallible arrays (allocation can fail), bucketing and radix sort, all in linear time.

use std::collections::{BinaryHeap, TryReserveError};
use std::iter::Peekable;
use std::ops::Range;

/// An empty array with a fixed capacity.
pub fn reserved<T>(capacity: usize) -> Result<Vec<T>, TryReserveError> {
    let mut array = Vec::new();
    array.try_reserve_exact(capacity)?;
    Ok(array)
}

/// An array of zeros.
pub fn zeros<T: Copy + Default>(length: usize) -> Result<Vec<T>, TryReserveError> {
    let mut array = reserved(length)?;
    array.resize(length, T::default());
    Ok(array)
}

/// A position in an array, as a number of 32 bits. Beyond these there is no room, whatever memory there is.
pub fn index(position: usize) -> Result<u32, TryReserveError> {
    let index = u32::try_from(position);
    Vec::<u8>::new().try_reserve(if index.is_ok() { 0 } else { usize::MAX })?;
    Ok(index.unwrap_or(u32::MAX))
}

/// 0, 1, 2, …
pub fn numbers(length: usize) -> Result<Vec<u32>, TryReserveError> {
    let mut array = reserved(length)?;
    array.extend(0..index(length)?);
    Ok(array)
}

/// Appends an item.
#[inline]
pub fn push<T>(array: &mut Vec<T>, item: T) -> Result<(), TryReserveError> {
    array.try_reserve(1)?;
    array.push(item);
    Ok(())
}

/// Inserts an item before those from `place` on.
pub fn insert<T>(array: &mut Vec<T>, place: usize, item: T) -> Result<(), TryReserveError> {
    array.try_reserve(1)?;
    array.insert(place, item);
    Ok(())
}

/// Prefix sums: the start of each group in an array that is sorted by group, plus a final end. For arrays in which each
/// position is an [`index`].
pub fn starts(groups: usize, of: impl Iterator<Item = u32>) -> Result<Vec<u32>, TryReserveError> {
    let mut starts: Vec<u32> = zeros(groups + 1)?;
    of.for_each(|group| starts[group as usize + 1] += 1);
    for group in 0..groups {
        starts[group + 1] += starts[group];
    }
    Ok(starts)
}

/// The items of many groups in one array, sorted by group.
pub struct Groups<T> {
    pub items: Vec<T>,
    /// The start of each group, plus a final end.
    starts: Vec<u32>,
}

impl<T: Copy + Default> Groups<T> {
    /// Bucket sort: `of` maps an element of `source` to its group and item. Stable within a group.
    pub fn new<S>(groups: usize, source: &[S], of: impl Fn(&S) -> Option<(u32, T)>) -> Result<Self, TryReserveError> {
        index(source.len())?;
        let mut starts = starts(groups, source.iter().filter_map(|item| of(item).map(|(group, _)| group)))?;
        let mut items = zeros(starts[groups] as usize)?;
        for (group, item) in source.iter().filter_map(&of) {
            items[starts[group as usize] as usize] = item;
            starts[group as usize] += 1;
        }
        // Each start has moved to the end of its group, which is the start of the next group.
        starts.rotate_right(1);
        starts[0] = 0;
        Ok(Groups { items, starts })
    }
}

impl<T> Groups<T> {
    pub fn range(&self, group: u32) -> Range<u32> {
        self.starts[group as usize]..self.starts[group as usize + 1]
    }
}

/// Stable LSD radix sort on a 64-bit key. Skips bytes that are equal in all keys.
pub fn sort_by_number<T: Copy>(items: &mut Vec<T>, number: &dyn Fn(&T) -> u64) -> Result<(), TryReserveError> {
    if items.is_sorted_by_key(number) {
        return Ok(());
    }
    let mut keys = reserved(items.len())?;
    keys.extend((0..index(items.len())?).zip(items.iter()).map(|(index, item)| (number(item), index)));
    sort_keys(&mut keys)?;
    let mut sorted = reserved(items.len())?;
    sorted.extend(keys.iter().map(|&(_, index)| items[index as usize]));
    *items = sorted;
    Ok(())
}

/// The sort, in one copy for items of all types: the library is to be small.
fn sort_keys(keys: &mut Vec<(u64, u32)>) -> Result<(), TryReserveError> {
    let (all, any) = keys.iter().fold((u64::MAX, 0), |(all, any), &(number, _)| (all & number, any | number));
    for shift in (0..u64::BITS).step_by(8).filter(|shift| (all ^ any) >> shift & 0xff != 0) {
        *keys = Groups::new(256, keys, |&key| Some(((key.0 >> shift & 0xff) as u32, key)))?.items;
    }
    Ok(())
}

/// Sorts a small array, or one that is rarely sorted: a heap sort takes a fifth of the code of the standard library's others.
pub fn sort_few<T: Ord>(items: &mut Vec<T>) {
    *items = BinaryHeap::from(std::mem::take(items)).into_sorted_vec();
}

/// Numbers in ascending order, among which others are looked up that ascend, too: in linear time for all of them.
pub struct Ascending<I: Iterator<Item = i32>>(Peekable<I>);

impl<I: Iterator<Item = i32>> Ascending<I> {
    pub fn new(numbers: I) -> Self {
        Ascending(numbers.peekable())
    }

    /// Whether this number is among them. It is at least as large as the one before.
    pub fn has(&mut self, number: i32) -> bool {
        while self.0.next_if(|&next| next < number).is_some() {}
        self.0.peek() == Some(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn there_is_an_end_to_indices() {
        const MOST: usize = u32::MAX as usize;
        assert_eq!((index(0), index(MOST)), (Ok(0), Ok(u32::MAX)));
        assert!(index(MOST + 1).is_err() && index(usize::MAX).is_err());
        // A unit takes no memory, so an array of units can be as long.
        assert!(Groups::new(1, &[(); MOST + 1], |()| Some((0, 0))).is_err());
    }

    #[test]
    fn ascending_numbers_are_looked_up() {
        let mut numbers = Ascending::new([1, 3, 3, 4, 9].into_iter());
        let found: Vec<i32> = [0, 1, 1, 2, 3, 5, 9, 9, 10].into_iter().filter(|&number| numbers.has(number)).collect();
        assert_eq!(found, [1, 1, 3, 9, 9]);
        assert!(!Ascending::new([].into_iter()).has(0));
    }

    proptest! {
        /// The standard library's stable sort is the model.
        #[test]
        fn sorted_by_number(mut items: Vec<(u64, u8)>, mut near: Vec<u16>) {
            let mut expected = items.clone();
            expected.sort_by_key(|&(number, _)| number);
            sort_by_number(&mut items, &|&(number, _)| number).unwrap();
            prop_assert_eq!(items, expected);

            let mut expected = near.clone();
            expected.sort();
            sort_by_number(&mut near, &|&number| u64::MAX - 70_000 + u64::from(number)).unwrap();
            prop_assert_eq!(near, expected);
        }
    }
}
