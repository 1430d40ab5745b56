//! Character devices that hold a network namespace: tun and tap devices, and those of the macvtap and ipvtap drivers.

use super::Procfs;
use super::answer::Answer;
use crate::error::Error;
use crate::sys::file;
use crate::util::parse;
use std::ops::RangeInclusive;

/// `/dev/net/tun`: `MISC_MAJOR` and `TUN_MINOR` of include/linux/miscdevice.h.
pub const TUN_MAJOR: u32 = 10;
pub const TUN_MINOR: u32 = 200;
pub const TUN: u64 = libc::makedev(TUN_MAJOR, TUN_MINOR);

/// The major numbers that the kernel allots when a driver is loaded: `CHRDEV_MAJOR_DYN_END` and `CHRDEV_MAJOR_DYN_EXT_END`
/// to `_START` of include/linux/fs.h.
pub const DYNAMIC: [RangeInclusive<u32>; 2] = [234..=254, 384..=511];

/// The devices of drivers whose majors the kernel chooses when they register.
#[derive(Default)]
pub struct Devices {
    taps: Option<Majors>,
}

/// Majors of drivers.
#[derive(Clone, Copy)]
enum Majors {
    Are([Option<u32>; 2]),
    Unknown,
}

impl Devices {
    /// Whether a character device is, or may be, that of a macvtap or ipvtap interface. Such descriptors hold a network
    /// namespace, and the kernel does not tell which one.
    pub fn may_be_tap(&mut self, procfs: &Procfs, device: u64) -> Result<bool, Error> {
        let major = libc::major(device);
        if !DYNAMIC.iter().any(|majors| majors.contains(&major)) {
            return Ok(false);
        }
        let taps = match self.taps {
            Some(taps) => taps,
            None => *self.taps.insert(read(procfs)?),
        };
        Ok(match taps {
            Majors::Are(majors) => majors.contains(&Some(major)),
            Majors::Unknown => true,
        })
    }
}

/// Reads `/proc/devices`.
fn read(procfs: &Procfs) -> Result<Majors, Error> {
    let mut text = [0; 8192];
    let text = procfs.open_here_or_in_proc(c"devices").and_then(|file| file::read_start(&file, &mut text));
    Ok(match Answer::of(text)? {
        Answer::Is(text) => Majors::Are([major_of(text, b"macvtap"), major_of(text, b"ipvtap")]),
        Answer::Gone | Answer::Refused(_) => Majors::Unknown,
    })
}

/// The major of a driver of character devices; these come before those of block devices.
fn major_of(text: &[u8], driver: &[u8]) -> Option<u32> {
    text.split(|&byte| byte == b'\n').find_map(|line| {
        let mut words = line.trim_ascii().splitn(2, |&byte| byte == b' ');
        let major = parse::number(words.next()?)?;
        if words.next()? == driver { major.try_into().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_major_is_found_by_the_name_of_the_driver() {
        let text = b"Character devices:\n  1 mem\n246 macvtap\n254 gpiochip\n\nBlock devices:\n  7 loop\n";
        assert_eq!(major_of(text, b"macvtap"), Some(246));
        assert_eq!(major_of(text, b"mem"), Some(1));
        assert_eq!(major_of(text, b"ipvtap"), None);
        assert_eq!(major_of(text, b"devices:"), None);
    }
}
