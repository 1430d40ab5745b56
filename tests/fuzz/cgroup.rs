//! The cgroups of a process.

use crate::observe::cgroups::{PATH_MAX, parse};
use crate::observe::lines::LONGEST;
use std::ffi::CString;

pub fn check(text: &[u8]) {
    // Without what is cut off behind the last newline.
    let lines = text.rsplitn(2, |&byte| byte == b'\n').nth(1).unwrap_or_default();
    let lines = lines.split(|&byte| byte == b'\n').filter(|line| line.len() < LONGEST);
    let path = lines.filter_map(|line| line.strip_prefix(b"0::").filter(|path| path.starts_with(b"/"))).next_back();
    let expected = match path {
        None => Some(Default::default()),
        Some(path) if path.len() >= PATH_MAX - 1 => None,
        Some(path) => Some(CString::new(path.split(|&byte| byte == 0).next().unwrap()).unwrap()),
    };
    assert_eq!(parse(text), expected);
}
