//! Real processes in real user namespaces, scanned through the C ABI. Each situation is a function of the C program
//! that has the name of its module.

mod common;

situations!(tree: siblings);
