//! Saved snapshots, by the C interface.

use super::{c, file_of, memory};
use std::ffi::c_int;
use std::io::{Read, Seek};
use std::os::fd::AsRawFd;
use std::ptr;

pub fn check(bytes: &[u8]) {
    let mut snapshot = ptr::null_mut();
    let error = load(bytes, &mut snapshot);
    if error != 0 {
        assert!(snapshot.is_null());
        return assert!([-libc::EBADMSG, -libc::EPROTONOSUPPORT].contains(&error), "{error}");
    }
    // SAFETY: the snapshot was loaded.
    unsafe { c::ask(snapshot) };
    let saved = save(snapshot);
    let mut again = ptr::null_mut();
    assert_eq!(load(&saved, &mut again), 0);
    assert_eq!(String::from_utf8(save(again)), String::from_utf8(saved));
    // SAFETY: the snapshots were loaded, and are not used any more.
    unsafe {
        assert_eq!(c::changes(snapshot, again), 0);
        c::userns_free(snapshot);
        c::userns_free(again);
    }
}

/// The limit is that of the header, and the memory of an empty file.
fn load(bytes: &[u8], snapshot: &mut *mut c::Snapshot) -> c_int {
    let file = file_of(bytes);
    let most = 30 * bytes.len() + (128 << 10);
    // SAFETY: the descriptor is open, and `snapshot` can be written.
    memory::within(most, || unsafe { c::userns_load(file.as_raw_fd(), snapshot) })
}

fn save(snapshot: *const c::Snapshot) -> Vec<u8> {
    let mut file = file_of(b"");
    // SAFETY: the snapshot was loaded, and the descriptor is open.
    assert_eq!(unsafe { c::userns_save(snapshot, file.as_raw_fd()) }, 0);
    file.rewind().unwrap();
    let mut saved = Vec::new();
    file.read_to_end(&mut saved).unwrap();
    saved
}
