//! The options of a scan and of a probe, and what a description is written to. What is behind them cannot be read.

use super::c;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

const PAGE: usize = 4096;

/// An input: whether the struct is for a scan, a probe or a description, and its size; then what follows that field.
pub fn check(bytes: &[u8]) {
    let &[kind, low, high, ref rest @ ..] = bytes else { return };
    // Mostly a size that can be, sometimes any.
    let is_large = kind & 0x80 != 0;
    let size = u16::from_le_bytes([low, high]) as usize;
    let size = if is_large { size << 16 | size } else { size & 0x1fff };
    let mut rest = rest.to_vec();
    rest.resize(rest.len().max(16), 0);
    match kind & 3 {
        0 => check_scan(size, &rest),
        2 => check_description(size as u32, &rest),
        _ => check_probe(size as u32, &rest),
    }
}

/// Calls with options of so many bytes, of which `start` are the first and `rest` follow. They are at the end of a page, before
/// one that cannot be read; up to that, as options are aligned, are bytes that are not zero. Of a size without sense only the
/// start is there.
fn with_options<T>(size: usize, start: &[u8], rest: &[u8], call: impl FnOnce(*const c_void) -> T) -> T {
    thread_local! {
        static PAGES: *mut u8 = two_pages();
    }
    let size = if size < PAGE { size.max(start.len()) } else { start.len() };
    let length = size.next_multiple_of(align_of::<u64>());
    let options = PAGES.with(|pages| pages.wrapping_add(PAGE - length));
    // SAFETY: the page can be written, and only this thread uses it.
    let options = unsafe { std::slice::from_raw_parts_mut(options, length) };
    options[..start.len()].copy_from_slice(start);
    options[start.len()..size].fill(0);
    options[start.len()..size].iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    options[size..].fill(0xff);
    call(options.as_ptr().cast())
}

fn two_pages() -> *mut u8 {
    let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: new pages, of which the second one may not be accessed.
    unsafe {
        let pages = libc::mmap(ptr::null_mut(), 2 * PAGE, access, flags, -1, 0);
        assert_ne!(pages, libc::MAP_FAILED);
        assert_eq!(libc::mprotect(pages.wrapping_byte_add(PAGE), PAGE, libc::PROT_NONE), 0);
        pages.cast()
    }
}

/// What the header says about a size and what is behind the fields that this version knows.
fn expected(size: usize, known: usize, behind: &[u8]) -> Option<c_int> {
    let behind = &behind[..behind.len().min(size.saturating_sub(known))];
    match size {
        _ if size < known => Some(-libc::EINVAL),
        PAGE.. => Some(-libc::E2BIG),
        _ if behind.iter().any(|&byte| byte != 0) => Some(-libc::E2BIG),
        _ => None,
    }
}

/// The path is always `/`, which is no procfs.
fn check_scan(size: usize, rest: &[u8]) {
    let word_size = size_of::<usize>();
    let fields = 2 * word_size + 16;
    let start = [size.to_ne_bytes(), (c"/".as_ptr() as usize).to_ne_bytes()].concat();
    // A size smaller than the path is one without it.
    let start = if size < start.len() { &start[..word_size] } else { &start };
    let flags = u64::from_ne_bytes(*rest.first_chunk().unwrap());
    let result = expected(size, fields, &rest[16..]);
    let result = result.unwrap_or(if flags > 0xff { -libc::EINVAL } else { -libc::ENODEV });
    let mut snapshot = ptr::dangling_mut();
    // SAFETY: the options are as large as they say, or their size is without sense.
    let scanned = with_options(size, start, rest, |options| unsafe { c::userns_scan(options, &mut snapshot) });
    assert_eq!(scanned, result);
    assert!(snapshot.is_null());
}

/// Valid options are tried once each, and only read.
fn check_probe(size: u32, rest: &[u8]) {
    const READ_ONLY: u32 = 1;
    const STEPS: u64 = 0x3f;
    static TRIED: [AtomicBool; 8 << 6] = [const { AtomicBool::new(false) }; 8 << 6];
    let flags = u32::from_ne_bytes(*rest.first_chunk().unwrap());
    let steps = u64::from_ne_bytes(*rest[4..].first_chunk().unwrap());
    let result = expected(size as usize, 16, &rest[12..]);
    let result = result.unwrap_or(if flags > 7 || steps > STEPS { -libc::EINVAL } else { 0 });
    let is_tried = |index: u64| TRIED[index as usize].swap(true, Ordering::Relaxed);
    if result == 0 && (flags & READ_ONLY == 0 || is_tried(u64::from(flags) << 6 | steps)) {
        return;
    }
    let mut probe = ptr::dangling_mut();
    let probed = with_options(size as usize, &size.to_ne_bytes(), rest, |options| {
        // SAFETY: the options are as large as they say, or their size is without sense.
        unsafe { c::userns_probe(options, &mut probe) }
    });
    assert_eq!(probed, result);
    assert_eq!(probe.is_null(), result != 0);
    // SAFETY: NULL, or a probe that is not used any more.
    unsafe { c::userns_probe_free(probe) };
}

/// Of the caller's own user namespace, or of a descriptor that is not open.
fn check_description(size: u32, rest: &[u8]) {
    const KNOWN: usize = 56;
    let number = if rest[0] & 1 == 0 { -1 } else { c_int::MAX };
    let result = match size as usize {
        0..KNOWN => -libc::EINVAL,
        PAGE.. => -libc::E2BIG,
        _ if number < 0 => 0,
        _ => -libc::EBADF,
    };
    with_options(size as usize, &size.to_ne_bytes(), rest, |info| {
        // SAFETY: the struct is as large as it says, or its size is without sense.
        let described = unsafe { c::userns_describe(number, info.cast_mut()) };
        assert_eq!(described, result);
        if described == 0 {
            // SAFETY: the struct is as large as it says.
            let bytes = unsafe { std::slice::from_raw_parts(info.cast::<u8>(), size as usize) };
            assert_eq!(bytes[..4], size.to_ne_bytes());
            assert_ne!(bytes[8..16], [0; 8], "the inode number");
            assert!(bytes[KNOWN..].iter().all(|&byte| byte == 0));
        }
    });
}
