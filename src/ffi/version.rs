use crate::error::Error;
use std::ffi::{CStr, c_char, c_int};

/// == Version and errors ==
///
/// Get the version of the library in use, for example "0.1.0".
///
/// Returns a string that is valid while the library is loaded.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn userns_version() -> *const c_char {
    const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => unreachable!(),
    };
    VERSION.as_ptr()
}

/// Get the version of the library in use as 0xMMmmpp: major, minor and patch number, eight
/// bits each.
///
/// Returns a number to compare with USERNS_VERSION_NUMBER, the version of the header.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn userns_version_number() -> u32 {
    const fn number(text: &str) -> u32 {
        match u32::from_str_radix(text, 10) {
            Ok(number @ 0..=255) => number,
            _ => panic!("each part of the version fits in eight bits"),
        }
    }
    const {
        number(env!("CARGO_PKG_VERSION_MAJOR")) << 16
            | number(env!("CARGO_PKG_VERSION_MINOR")) << 8
            | number(env!("CARGO_PKG_VERSION_PATCH"))
    }
}

/// Describe an error and its remedy in one English sentence without a final full stop.
///
/// error: a negative value that a function of this library returned. For 0 and above, the
/// sentence says that there was no error. For a value that no function documents, it says
/// that the value is an errno value.
///
/// Returns a string that is valid while the library is loaded; never NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn userns_strerror(error: c_int) -> *const c_char {
    Error::from_negative(error).message().as_ptr()
}
