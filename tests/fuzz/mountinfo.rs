//! Mountinfo: parsed as a whole and read through a descriptor.

use super::file_of;
use crate::facts::{Known, Text};
use crate::observe::mountinfo::{Mount, Reader, mounts, option};
use crate::sys::{Errno, file};
use std::cell::RefCell;
use std::os::fd::AsRawFd;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

pub fn check(bytes: &[u8]) {
    let is_too_long = |line: &[u8]| line.len() >= Reader::MOST_BYTES;
    let lines = || bytes.split(|&byte| byte == b'\n');
    // A reader leaves out a line that is cut off.
    let whole = lines().take(lines().count() - 1);
    let file = file_of(bytes);
    BUFFER.with_borrow_mut(|buffer| {
        let fd = file::borrow(file.as_raw_fd());
        let mut reader = Reader::new(&fd, buffer).unwrap();
        for mount in whole.take_while(|line| !is_too_long(line)).flat_map(mounts) {
            assert_eq!(reader.next_mount().unwrap().map(|(mount, _)| mount), Some(mount));
        }
        let end = if lines().any(is_too_long) { Err(Errno(libc::EOVERFLOW)) } else { Ok(None) };
        assert_eq!(reader.next_mount(), end);
    });
    mounts(bytes).for_each(check_mount);
}

fn check_mount(mount: Mount) {
    let Mount { id, parent, device: (major, minor), .. } = mount;
    let numbers = format!("{id} {parent} {major}:{minor}").into_bytes();
    let line = [&numbers, mount.root, mount.path, b"rw shared:1 -", mount.file_system, b"none", mount.super_options];
    assert_eq!(mounts(&line.join(&b' ')).collect::<Vec<_>>(), [mount], "written and parsed again");

    let of_option = mount.super_options.split(|&byte| byte == b',').find(|option| option.starts_with(b"hidepid="));
    assert_eq!(option(mount.super_options, b"hidepid"), of_option.map(|option| &option[b"hidepid=".len()..]));

    let (mut text, mut known) = (Text::default(), Known::default());
    let path = text.add_unescaped_once(mount.path, &mut known).unwrap();
    let path = text.get(path).to_bytes().to_vec();
    let escaped: Vec<u8> = path.iter().flat_map(|byte| format!("\\{byte:03o}").into_bytes()).collect();
    let again = text.add_unescaped_once(&escaped, &mut known).unwrap();
    assert_eq!(text.get(again).to_bytes(), path, "escaped and unescaped again");
}
