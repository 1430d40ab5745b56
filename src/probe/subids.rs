//! Subordinate ids: subuid(5), subgid(5), newuidmap(1), newgidmap(1).

use super::host;
use super::sentence::{Bytes, Sentence, sentence};
use crate::error::Error;
use crate::sys::file;
use crate::sys::{if_any, process};
use crate::util::parse;
use std::ffi::CStr;

/// Where the programs are. Not those that PATH names, which anybody can set.
const PROGRAMS: [[&CStr; 3]; 2] = [
    [c"/run/wrappers/bin/newuidmap", c"/usr/bin/newuidmap", c"/bin/newuidmap"],
    [c"/run/wrappers/bin/newgidmap", c"/usr/bin/newgidmap", c"/bin/newgidmap"],
];
pub const NAMES: [&str; 2] = ["newuidmap", "newgidmap"];
pub const RANGES: [&CStr; 2] = [c"/etc/subuid", c"/etc/subgid"];
/// As many ids as a container needs.
const MOST_IDS: u32 = 65_536;

/// What there is for user or group ids.
pub struct Source {
    pub program: Option<&'static CStr>,
    /// The start and length of the first range of the caller.
    pub range: Option<(u32, u32)>,
    /// The files show all ranges: each could be read, and neither a name nor a range comes from a service.
    pub is_complete: bool,
}

/// What there is for user ids, and for group ids.
pub fn find() -> Result<[Source; 2], Error> {
    let uid = process::real_uid();
    let accounts = host::read(c"/etc/passwd")?.unwrap_or_default();
    let name = account(&accounts, uid);
    let has_no_service = host::read_or_empty(c"/etc/nsswitch.conf")?.is_some_and(|switch| !has_service(&switch));
    let source = |kind: usize| -> Result<Source, Error> {
        let ranges = host::read_or_empty(RANGES[kind])?;
        let is_complete = name.is_some() && has_no_service && ranges.is_some();
        let ranges = ranges.unwrap_or_default();
        let mut program = None;
        for path in PROGRAMS[kind] {
            if program.is_none() && host::exists(path)? {
                program = Some(path);
            }
        }
        Ok(Source { program, range: range(&ranges, uid, name), is_complete })
    };
    Ok([source(0)?, source(1)?])
}

/// Where a program is that is not in those directories: PATH, as it was when the caller's program was executed. The library
/// does not run it.
pub fn find_in_path(helper: &str) -> Result<Option<Sentence>, Error> {
    let environment = host::read(c"/proc/self/environ")?.unwrap_or_default();
    let path = environment.split(|&byte| byte == b'\0').find_map(|variable| variable.strip_prefix(b"PATH="));
    for directory in path.unwrap_or_default().split(|&byte| byte == b':').filter(|path| path.starts_with(b"/")) {
        let program = sentence(format_args!("{}/{helper}", Bytes(directory)))?;
        if host::exists(program.as_c_str())? {
            return Ok(Some(program));
        }
    }
    Ok(None)
}

/// The name of a user, in passwd(5).
fn account(accounts: &[u8], uid: u32) -> Option<&[u8]> {
    accounts.split(|&byte| byte == b'\n').find_map(|line| {
        let mut fields = line.split(|&byte| byte == b':');
        let name = fields.next()?;
        (parse::number(fields.nth(1)?)? == u64::from(uid)).then_some(name)
    })
}

/// Whether nsswitch.conf(5) names a service for ranges, of which getsubids(1) knows.
fn has_service(switch: &[u8]) -> bool {
    let services = switch.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"subid:"));
    services.is_some_and(|names| names.trim_ascii() != b"files")
}

/// The first range of a user, who is named by name or number.
fn range(ranges: &[u8], uid: u32, name: Option<&[u8]>) -> Option<(u32, u32)> {
    ranges.split(|&byte| byte == b'\n').find_map(|line| {
        let mut fields = line.split(|&byte| byte == b':');
        let user = fields.next()?;
        if Some(user) != name && parse::number(user) != Some(uid.into()) {
            return None;
        }
        let mut number = || u32::try_from(parse::number(fields.next()?)?).ok();
        let (start, count) = (number()?, number()?);
        (count > 0).then_some((start, count.min(MOST_IDS)))
    })
}

/// What a program gains when an ordinary user executes it.
pub enum Privileges {
    /// It is setuid root, or a file capability can be set on it; or that is not known.
    Some,
    None,
    /// Its mount keeps them from it.
    Nosuid,
}

pub fn privileges(program: &CStr) -> Result<Privileges, Error> {
    let Some(opened) = if_any(file::open(program, libc::O_PATH))? else { return Ok(Privileges::Some) };
    let status = if_any(file::status(&opened))?;
    let may_be_setuid = status.is_none_or(|status| status.mode & libc::S_ISUID != 0 && status.uid == 0);
    if !may_be_setuid && !file::may_have_capabilities(program) {
        return Ok(Privileges::None);
    }
    let is_nosuid = if_any(file::is_nosuid(&opened))?.unwrap_or(false);
    Ok(if is_nosuid { Privileges::Nosuid } else { Privileges::Some })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "makes system calls")]
    fn what_is_not_known_is_not_denied() {
        assert!(matches!(privileges(c"/does/not/exist"), Ok(Privileges::Some)));
        assert!(file::may_have_capabilities(c"/does/not/exist"));
        assert!(matches!(privileges(c"/proc/version"), Ok(Privileges::None)));
    }

    #[test]
    fn a_service_can_have_ranges() {
        assert!(has_service(b"passwd: files sss\nsubid:  sss\n"));
        assert!(!has_service(b"") && !has_service(b"#subid: sss\npasswd: files sss\nsubid: files\n"));
    }

    #[test]
    fn a_range_is_found_by_name_or_number() {
        let accounts = b"root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n";
        assert_eq!((account(accounts, 1000), account(accounts, 7)), (Some(&b"user"[..]), None));
        let ranges = b"other:100000:65536\nuser:165536:100000\n1001:300000:10\nnone:1:0\n";
        assert_eq!(range(ranges, 1000, Some(b"user")), Some((165_536, 65_536)));
        assert_eq!(range(ranges, 1001, None), Some((300_000, 10)));
        assert_eq!((range(ranges, 1000, None), range(ranges, 7, Some(b"none"))), (None, None));
    }
}
