//! Reads JSON by events: serde_json tells each value, and the loader knows at which place of the format it is.
//!
//! One visitor for all places, since each visitor is code of its own. Nothing is collected on the way.

use super::loader::Loader;
use super::place::Place;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The value at a place. What is wrong with it, the loader keeps: an error of serde_json would need memory.
pub struct Value<'l> {
    pub loader: &'l mut Loader,
    pub place: Place,
}

/// The name of a member of the object at a place.
struct Name(Place);

impl Loader {
    /// Reads a file, from this place. False if it is not JSON, or too deeply nested: serde_json permits 128 levels.
    pub fn read(&mut self, json: &[u8], place: Place) -> bool {
        let mut reader = serde_json::Deserializer::from_slice(json);
        Value { loader: self, place }.deserialize(&mut reader).is_ok() && reader.end().is_ok()
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        // Not `deserialize_ignored_any` for what is ignored: that takes memory for each level.
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a snapshot")
    }

    /// Null is like a member that is missing.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.loader.truth(self.place, value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.loader.number(self.place, value);
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.loader.unexpected(self.place);
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.loader.unexpected(self.place);
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.loader.text(self.place, value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Value { loader, place } = self;
        let item = loader.begin_array(place);
        while items.next_element_seed(Value { loader, place: item })?.is_some() {}
        loader.end_array(place);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Value { loader, place } = self;
        loader.begin_object(place);
        let mut read = 0;
        while let Some((member, bit)) = members.next_key_seed(Name(place))? {
            // Other programs take the first one, or the last one.
            if read & bit != 0 {
                loader.repeated();
            }
            read |= bit;
            members.next_value_seed(Value { loader, place: member })?;
        }
        loader.end_object(place);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Name {
    type Value = (Place, u32);

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(Place, u32), D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = (Place, u32);

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<(Place, u32), E> {
        Ok(self.0.member(name))
    }
}
