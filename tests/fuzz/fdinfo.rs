//! What `/proc/PID/fdinfo/N` says about an io_uring, and about the watches of inotify(7) and fanotify(7).

use crate::observe::pins::{rings, watches};

/// The first byte is the length of the start, of which is known what it tells.
pub fn check(bytes: &[u8]) {
    let &[length, ref text @ ..] = bytes else { return };
    let (is_found, files) = rings::files_in(text);
    assert!(is_found || files.is_empty(), "there are files only in a table");
    let (is_found_at_start, files_at_start) = rings::files_in(&text[..usize::from(length).min(text.len())]);
    assert!(is_found || !is_found_at_start);
    assert!(files.starts_with(&files_at_start), "a file that is cut off tells nothing else");
    let lines = files.iter().enumerate().map(|(number, file)| format!("{number:5}: {file}\n"));
    let written = format!("UserFiles:\t{}\n{}UserBufs:\t0\n", files.len(), lines.collect::<String>());
    assert_eq!(rings::files_in(written.as_bytes()), (true, files), "written and parsed again");

    for line in text.split(|&byte| byte == b'\n') {
        if let Some((device, inode)) = watches::parse(line) {
            let device_number = u64::from(libc::major(device)) << 20 | u64::from(libc::minor(device));
            let written = format!("inotify wd:1 ino:{inode:x} sdev:{device_number:x} mask:4");
            assert_eq!(watches::parse(written.as_bytes()), Some((device, inode)), "written and parsed again");
        }
    }
}
