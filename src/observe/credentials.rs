//! Source: the credentials of processes that BPF found, proc_pid_status(5). Those of others come with their user namespace,
//! see `processes.rs`.

use super::answer::Answer;
use super::status::Status;
use super::visits::{self, Visits};
use super::{Context, Procfs};
use crate::error::Error;
use crate::util::path::ShortPath;

/// Reads the credentials of every process.
///
/// A process is not the one that BPF found if it is in another user namespace: it got the PID of that, or moved. Then its
/// credentials would be taken for those in the first namespace.
pub fn read(context: &mut Context) -> Result<(), Error> {
    let own = context.own_pid();
    visits::run(&mut Walk { context, own })
}

struct Walk<'c, 'p> {
    context: &'c mut Context<'p>,
    own: Option<i32>,
}

impl Walk<'_, '_> {
    fn pid(&self, index: usize) -> i32 {
        self.context.facts().processes[index].pid
    }

    fn read(&mut self, index: usize, status: Status) -> Result<(), Error> {
        self.context.facts_mut().processes[index].credentials = status.read(self.context)?;
        Ok(())
    }

    /// Whether a process is where BPF found it, as far as procfs tells.
    fn is_in_its_place(&self, pid: i32) -> Result<bool, Error> {
        let (context, path) = (&*self.context, ShortPath::new(format_args!("{pid}/ns/user")));
        let members = &context.facts().members;
        let found = members.binary_search_by_key(&pid, |member| member.pid).map(|at| members[at].namespace);
        match Answer::settle(|| context.procfs.read_user_namespace(path.as_c_str()))? {
            Answer::Is(inode) => Ok(context.users.find(inode) == found.ok()),
            _ => Ok(true),
        }
    }
}

impl Visits for Walk<'_, '_> {
    fn procfs(&self) -> &Procfs {
        self.context.procfs
    }

    fn count(&self) -> usize {
        self.context.facts().processes.len()
    }

    fn is_to_caller(&self, index: usize) -> bool {
        Some(self.pid(index)) == self.own
    }

    fn visit(&mut self, index: usize) -> Result<(), Error> {
        let pid = self.pid(index);
        let status = Status::open(self.context, pid);
        if self.is_in_its_place(pid)? { self.read(index, status) } else { Ok(()) }
    }

    fn give_up(&mut self, index: usize) -> Result<(), Error> {
        let status = Status::open(self.context, self.pid(index));
        self.read(index, status)
    }
}
