//! The type information of a kernel, mapped and read in pieces.

use super::{file_of, memory};
use crate::error::Error;
use crate::observe::bpf::btf::{Bytes, find_in};
use crate::sys::file;
use std::os::fd::AsRawFd;

pub fn check(bytes: &[u8]) {
    let file = file_of(bytes);
    let fd = file::borrow(file.as_raw_fd());
    // Positions of types.
    let mapped = memory::within(bytes.len() + 1024, || find_in(Bytes::Mapped(bytes)));
    // The strings, too, and two windows while one replaces the other.
    let most = 2 * bytes.len() + 2 * Bytes::WINDOW + 1024;
    let read = memory::within(most, || find_in(Bytes::read_from(&fd, bytes.len())));
    assert_eq!(mapped, read);
    match mapped {
        Err(error) => assert_eq!(error, Error::NO_BPF),
        Ok(kernel) => {
            let ids = kernel.structs.iter().map(|layout| layout.btf_id).chain(kernel.functions);
            assert!(ids.flatten().all(|id| id > 0 && id as usize <= bytes.len() / 12));
            for layout in &kernel.structs {
                let offsets: Vec<_> = layout.offsets.iter().flatten().collect();
                assert!(offsets.is_empty() || layout.btf_id.is_some());
                assert!(offsets.iter().all(|&&offset| offset >= 0));
            }
        }
    }
}
