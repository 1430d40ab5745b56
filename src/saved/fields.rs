//! How objects, lists and numbers are written.

use super::INEXACT;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt::Display;

/// What is written as the members of an object.
pub trait Record {
    fn write<M: SerializeMap>(&self, to: &mut M) -> Result<(), M::Error>;
}

/// A record as an object.
pub struct Object<R>(pub R);

impl<R: Record> Serialize for Object<R> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        self.0.write(&mut map)?;
        map.end()
    }
}

/// The items of an iterator, which a function makes.
pub struct List<F>(pub F);

impl<I: Iterator<Item: Serialize>, F: Fn() -> I> Serialize for List<F> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq((self.0)())
    }
}

/// A number, which is written as a string if it is too large for some languages.
pub struct Number(pub u64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.0 < INEXACT { to.serialize_u64(self.0) } else { to.collect_str(&self.0) }
    }
}

/// A value that is always written as a string.
pub struct Text<T>(pub T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}
