//! Source: command names, proc_pid_comm(5).

use super::Context;
use super::answer::Answer;
use crate::error::Error;
use crate::facts::Gap;
use crate::sys::file;
use crate::util::path::ShortPath;

/// Reads the command name of every member.
pub fn read(context: &mut Context) -> Result<(), Error> {
    for index in 0..context.facts().members.len() {
        let path = ShortPath::new(format_args!("{}/comm", context.facts().members[index].pid));
        let procfs = context.procfs;
        let mut name = [0; 256];
        let read = || {
            let file = procfs.open_file(procfs.root(), path.as_c_str())?;
            file::read_start(&file, &mut name).map(<[u8]>::len)
        };
        let length = match Answer::settle(read)? {
            Answer::Is(length) => length,
            Answer::Gone if !context.is_hidden(context.facts().members[index].pid)? => continue,
            _ => {
                context.miss(Gap::Names, 1);
                continue;
            }
        };
        let name = name[..length].strip_suffix(b"\n").unwrap_or(&name[..length]);
        let facts = context.facts_mut();
        facts.members[index].name = facts.text.add(name)?;
    }
    context.facts_mut().named = true;
    Ok(())
}
