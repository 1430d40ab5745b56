//! Tools without any knowledge of namespaces: fallible arrays, hashing, parsing, short paths.

pub mod arrays;
pub mod hash;
pub mod parse;
pub mod path;
