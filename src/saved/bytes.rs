//! Strings of the kernel, which are bytes, as JSON, which is UTF-8.

use serde::ser::{Serialize, SerializeSeq, Serializer};
use std::ffi::CStr;

/// A string, if it is UTF-8; else an array of its parts in order: a string for each part that is UTF-8, and a number for each
/// byte between them.
pub struct Bytes<'s>(pub &'s CStr);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if let Ok(text) = self.0.to_str() {
            return to.serialize_str(text);
        }
        let mut parts = to.serialize_seq(None)?;
        for chunk in self.0.to_bytes().utf8_chunks() {
            if !chunk.valid().is_empty() {
                parts.serialize_element(chunk.valid())?;
            }
            for byte in chunk.invalid() {
                parts.serialize_element(byte)?;
            }
        }
        parts.end()
    }
}
