//! Source: the credentials of processes that BPF found without these, proc_pid_status(5). Those of processes that procfs showed
//! come with their user namespace, see `processes.rs`.

use super::answer::Answer;
use super::status::Status;
use super::visits::{self, Visits};
use super::{Context, Procfs};
use crate::error::Error;
use crate::facts::Credentials;
use crate::util::arrays::numbers;
use crate::util::path::ShortPath;

/// Reads the credentials that BPF has not told.
///
/// A process is not the one that BPF found if it is in another user namespace: it got the PID of that, or moved. Then its
/// credentials would be taken for those in the first namespace.
pub fn read(context: &mut Context) -> Result<(), Error> {
    let own = context.own_pid();
    let processes = &context.facts().processes;
    let mut untold = numbers(processes.len())?;
    untold.retain(|&index| processes[index as usize].credentials.is_none());
    visits::run(&mut Walk { context, own, untold })
}

struct Walk<'c, 'p> {
    context: &'c mut Context<'p>,
    own: Option<i32>,
    /// The indices of the processes.
    untold: Vec<u32>,
}

impl Walk<'_, '_> {
    fn pid(&self, index: usize) -> i32 {
        self.context.facts().processes[self.untold[index] as usize].pid
    }

    fn set(&mut self, index: usize, credentials: Option<Credentials>) {
        self.context.facts_mut().processes[self.untold[index] as usize].credentials = credentials;
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
        self.untold.len()
    }

    fn is_to_caller(&self, index: usize) -> bool {
        Some(self.pid(index)) == self.own
    }

    fn visit(&mut self, index: usize) -> Result<(), Error> {
        let pid = self.pid(index);
        let status = Status::open(self.context, pid);
        if self.is_in_its_place(pid)? {
            let credentials = status.read(self.context)?;
            // With capabilities it can have got them in another namespace since, see `processes.rs`.
            let is_known = credentials.is_none_or(|known| known.capabilities == 0) || self.is_in_its_place(pid)?;
            self.set(index, credentials.filter(|_| is_known));
        }
        Ok(())
    }

    fn give_up(&mut self, index: usize) -> Result<(), Error> {
        let credentials = Status::open(self.context, self.pid(index)).read(self.context)?;
        self.set(index, credentials);
        Ok(())
    }
}
