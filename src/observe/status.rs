//! The credentials of a process and its PIDs: proc_pid_status(5).

use super::answer::Answer;
use super::{Context, lines};
use crate::error::Error;
use crate::facts::{Credentials, Gap};
use crate::sys::Errno;
use crate::sys::file::Fd;
use crate::util::arrays::{index, push};
use crate::util::parse;
use crate::util::path::ShortPath;

/// `MAX_PID_NS_LEVEL` of the kernel, and the initial PID namespace.
const MOST_PIDS: usize = 33;

/// The open file. It remains that of its process: after the end of this, to read it fails (ESRCH). So if it can be read, the
/// PID belonged to that process since the file was opened, and what was read by that PID meanwhile is about that process.
pub struct Status {
    pid: i32,
    file: Result<Fd, Errno>,
}

impl Status {
    pub fn open(context: &Context, pid: i32) -> Status {
        let path = ShortPath::new(format_args!("{pid}/status"));
        Status { pid, file: context.procfs.open_file(context.procfs.root(), path.as_c_str()) }
    }

    /// Reads the credentials. `None`: the process has ended; or they could not be read, which is counted.
    pub fn read(self, context: &mut Context) -> Result<Option<Credentials>, Error> {
        let mut text = Text::new();
        let read = self.file.and_then(|file| lines::each(&file, &mut |line, _| text.take(line)));
        let known = match Answer::of(read)? {
            Answer::Is(()) if text.is_of_another(self.pid) => return Ok(None),
            Answer::Is(()) => text.credentials(),
            Answer::Gone if !context.is_hidden(self.pid)? => return Ok(None),
            _ => None,
        };
        let Some((mut credentials, pids)) = known else {
            context.miss(Gap::Credentials, 1);
            return Ok(None);
        };
        if pids.len() > 1 {
            let all = &mut context.facts_mut().pids;
            (credentials.first_pid, credentials.pid_count) = (index(all.len())?, pids.len() as u32);
            pids.iter().try_for_each(|&pid| push(all, pid))?;
        }
        Ok(Some(credentials))
    }
}

/// What the lines of the file say, as far as they were read.
struct Text {
    process: Option<u64>,
    uid: Option<u64>,
    pids: [i32; MOST_PIDS],
    /// 0 without such a line, as in a kernel without PID namespaces; more than there can be if it is malformed.
    pid_count: usize,
    capabilities: Option<u64>,
}

impl Text {
    fn new() -> Text {
        Text { process: None, uid: None, pids: [0; MOST_PIDS], pid_count: 0, capabilities: None }
    }

    /// Takes a line. False if it was the last one that matters: this one comes after all others.
    fn take(&mut self, line: &[u8]) -> bool {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { return true };
        let (key, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let mut fields = value.split(|&byte| byte == b'\t');
        match key {
            b"Tgid" => self.process = parse::number(value),
            b"Uid" => self.uid = fields.nth(1).and_then(parse::number), // real, effective, …
            b"NSpid" => self.pid_count = parse_pids(fields, &mut self.pids).unwrap_or(usize::MAX),
            b"CapEff" => self.capabilities = parse_set(value),
            _ => (),
        }
        key != b"CapEff"
    }

    /// Whether the process has ended: the numbers of one that is being reaped are 0, and a thread can have got the PID.
    fn is_of_another(&self, pid: i32) -> bool {
        let is_other = |number: u64| u64::try_from(pid) != Ok(number);
        self.process.is_some_and(is_other) || (self.pid_count > 0 && self.pids[0] != pid)
    }

    /// `None`: the file is cut off, or malformed.
    fn credentials(&self) -> Option<(Credentials, &[i32])> {
        let (Some(_), uid) = (self.process, self.uid?.try_into().ok()?) else { return None };
        let credentials = Credentials { uid, capabilities: self.capabilities?, first_pid: 0, pid_count: 0 };
        Some((credentials, self.pids.get(..self.pid_count)?))
    }
}

/// The number of PIDs.
fn parse_pids<'t>(fields: impl Iterator<Item = &'t [u8]>, pids: &mut [i32; MOST_PIDS]) -> Option<usize> {
    let mut count = 0;
    for field in fields {
        *pids.get_mut(count)? = parse::number(field)?.try_into().ok()?;
        count += 1;
    }
    Some(count)
}

/// Sixteen hexadecimal digits.
fn parse_set(text: &[u8]) -> Option<u64> {
    (text.len() == 16).then(|| parse::hexadecimal(text))?
}

/// The effective UID and capabilities and the PIDs in a text, which is read in pieces of these lengths. `None`: it is cut off,
/// malformed, or of another process.
#[cfg(any(test, fuzzing))]
pub fn parse(text: &[u8], pieces: impl Iterator<Item = usize>, pid: i32) -> Option<(u32, u64, Vec<i32>)> {
    let mut parsed = Text::new();
    lines::each_of(text, pieces, &mut |line, _| parsed.take(line));
    let known = parsed.credentials().filter(|_| !parsed.is_of_another(pid));
    known.map(|(known, pids)| (known.uid, known.capabilities, pids.to_vec()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    const WHOLE: &str = "Name:\tUid:\\n\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t7\nNgid:\t0\nPid:\t7\n\
        Uid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t0 \nNStgid:\t7\t1\nNSpid:\t7\t1\nThreads:\t1\n\
        CapInh:\t0000000000000000\nCapPrm:\t0000000000000003\nCapEff:\t000001ffffffffff\nCapBnd:\t1\n";

    fn parse(text: &[u8], pid: i32) -> Option<(u32, u64, Vec<i32>)> {
        super::parse(text, std::iter::empty(), pid)
    }

    #[test]
    fn a_whole_file() {
        assert_eq!(parse(WHOLE.as_bytes(), 7), Some((2, 0x1ff_ffff_ffff, vec![7, 1])));
        assert_eq!(parse(WHOLE.as_bytes(), 8), None, "of another process");
        let without = WHOLE.replace("NSpid:\t7\t1\n", "");
        assert_eq!(parse(without.as_bytes(), 7), Some((2, 0x1ff_ffff_ffff, vec![])), "no PID namespaces");
    }

    #[test]
    fn malformed_values_are_unknown() {
        for (from, to) in [
            ("Uid:\t1\t2", "Uid:\t1\t-2"),
            ("Uid:\t1\t2", "Uid:\t1\t4294967296"),
            ("Uid:\t1\t2\t3\t4", "Uid:\t1"),
            ("Tgid:\t7", "Tgid:\t0"),
            ("NSpid:\t7\t1", "NSpid:\t8\t1"),
            ("NSpid:\t7\t1", "NSpid:\t7\t-1"),
            ("NSpid:\t7\t1", "NSpid:"),
            ("CapEff:\t000001ffffffffff", "CapEff:\t1ffffffffff"),
            ("CapEff:\t000001ffffffffff", "CapEff:\t+00001ffffffffff"),
        ] {
            assert!(WHOLE.contains(from));
            assert_eq!(parse(WHOLE.replace(from, to).as_bytes(), 7), None, "{to}");
        }
    }

    proptest! {
        /// A file that is cut off anywhere before the end of what matters tells nothing.
        #[test]
        fn cut_off(length in 0..WHOLE.len()) {
            let enough = WHOLE.find("CapBnd").unwrap();
            prop_assert_eq!(parse(&WHOLE.as_bytes()[..length], 7).is_some(), length >= enough);
        }

        /// A byte that changes can change a value, but is never read as something else.
        #[test]
        fn garbage(at in 0..WHOLE.len(), byte: u8, text: Vec<u8>) {
            let mut changed = WHOLE.as_bytes().to_vec();
            changed[at] = byte;
            if let Some((_, _, pids)) = parse(&changed, 7) {
                prop_assert!(pids.is_empty() || pids[0] == 7);
            }
            prop_assert_eq!(parse(&text, 7), None);
        }
    }
}
