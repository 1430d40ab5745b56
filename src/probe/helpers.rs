//! Why newuidmap(1) or newgidmap(1) maps no ids.

use super::ReasonKind;
use super::host;
use super::reasons::Reasons;
use super::sentence::name;
use super::subids::{self, Privileges, Source};
use crate::error::Error;
use crate::sys::process::{self, Capability};
use std::ffi::CStr;

impl Reasons<'_> {
    /// The program for user ids (0) or group ids (1); if it was started, its wait status and the errno value.
    pub fn explain_helper(&mut self, kind: usize, failure: Option<(i32, i32)>) -> Result<(), Error> {
        let [uids, gids] = subids::find()?;
        let source = if kind == 0 { uids } else { gids };
        let (helper, ranges) = (subids::NAMES[kind], name(subids::RANGES[kind]));
        let Some(program) = source.program else {
            return self.explain_missing_program(helper);
        };
        if source.range.is_none() {
            return self.explain_ranges(kind, &source);
        }
        // Root keeps its capabilities when it executes the program, which needs no others. Another user keeps only those
        // that are ambient: capabilities(7).
        let needed = if kind == 0 { Capability::SetUid } else { Capability::SetGid };
        let has_privileges = match self.caller.uid {
            0 => !host::lacks(needed)?,
            _ => host::is_ambient(needed)?,
        };
        if !has_privileges && self.explain_privileges(program)? {
            return Ok(());
        }
        let program = name(program);
        match failure {
            None => Ok(()),
            Some((_, libc::ETIMEDOUT)) => self.proved(
                ReasonKind::Timeout,
                format_args!(
                    "the programs that map ids took more than five seconds, and {program} had not ended; it can be waiting for a \
                    service of user names"
                ),
            ),
            Some((status, _)) => self.likely(
                ReasonKind::Helper,
                format_args!(
                    "{program} failed (wait status {status:#x}); try it by hand, and compare the range in {ranges} with the ids that \
                    /proc/self/uid_map has"
                ),
            ),
        }
    }

    fn explain_missing_program(&mut self, helper: &str) -> Result<(), Error> {
        match subids::find_in_path(helper)? {
            None => self.proved(
                ReasonKind::Helper,
                format_args!(
                    "{helper} is not installed: there is no /usr/bin/{helper}, nor one in a directory of PATH; install the package \
                    uidmap or shadow-utils"
                ),
            ),
            Some(elsewhere) => self.likely(
                ReasonKind::Helper,
                format_args!(
                    "{helper} is only at {}, as PATH says, where a probe does not run it, and other programs need not look; \
                    install it as /usr/bin/{helper}",
                    name(elsewhere.as_c_str())
                ),
            ),
        }
    }

    /// The user has no range.
    fn explain_ranges(&mut self, kind: usize, source: &Source) -> Result<(), Error> {
        let (uid, ranges) = (process::real_uid(), name(subids::RANGES[kind]));
        if !source.is_complete {
            return self.likely(
                ReasonKind::Helper,
                format_args!(
                    "no line with a range for UID {uid} was found in {ranges}, but a service can have one, or know the name of the \
                    user, which /etc/passwd does not have (\"subid\" and \"passwd\" in /etc/nsswitch.conf), or a file cannot be \
                    read; try: getsubids USER"
                ),
            );
        }
        self.proved(
            ReasonKind::Helper,
            format_args!(
                "{ranges} has no line with a range for the user with UID {uid}; add one with: usermod --add-{} 100000-165535 USER",
                if kind == 0 { "subuids" } else { "subgids" }
            ),
        )
    }

    /// Whether the program gets no privileges when an ordinary user executes it.
    fn explain_privileges(&mut self, path: &CStr) -> Result<bool, Error> {
        let program = name(path);
        if self.caller.has_no_new_privs {
            self.proved(
                ReasonKind::Helper,
                format_args!(
                    "{program} gets no privileges, since no_new_privs is set (\"NoNewPrivs\" in /proc/self/status); start the \
                    program without it: systemd sets it for NoNewPrivileges=, container engines for no-new-privileges"
                ),
            )?;
            return Ok(true);
        }
        match subids::privileges(path)? {
            Privileges::Some => return Ok(false),
            Privileges::None => self.proved(
                ReasonKind::Helper,
                format_args!("{program} is neither setuid root nor has it capabilities; restore them with: chmod u+s {program}"),
            ),
            Privileges::Nosuid => self.proved(
                ReasonKind::Helper,
                format_args!(
                    "{program} gets no privileges, since it is on a mount with the option nosuid (/proc/self/mountinfo); \
                    remount that with suid"
                ),
            ),
        }?;
        Ok(true)
    }
}
