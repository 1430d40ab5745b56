use crate::error::Error;
use std::ffi::{CStr, c_char, c_int};

/// == Version and errors ==
///
/// The version of the library that is in use, "0.1.0" for example.
///
/// Returns a string that is valid as long as the library is loaded.
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

/// The version of the library that is in use as 0xMMmmpp: major, minor and patch number in
/// eight bits each.
///
/// Returns a number to compare with USERNS_VERSION_NUMBER, the version of the header.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn userns_version_number() -> u32 {
    const fn number(text: &str) -> u32 {
        match u32::from_str_radix(text, 10) {
            Ok(number @ 0..=255) => number,
            _ => panic!("eight bits hold each part of the version"),
        }
    }
    const {
        number(env!("CARGO_PKG_VERSION_MAJOR")) << 16
            | number(env!("CARGO_PKG_VERSION_MINOR")) << 8
            | number(env!("CARGO_PKG_VERSION_PATCH"))
    }
}

/// What an error means and what to do about it, in one English sentence without a final
/// full stop.
///
/// error: a negative value that a function of this library returned. For 0 and above the
/// sentence says that there was no error; for a value without a sentence of its own, that
/// it is an errno value.
///
/// Returns a string that is valid as long as the library is loaded; never NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn userns_strerror(error: c_int) -> *const c_char {
    Error::from_negative(error).message().as_ptr()
}
