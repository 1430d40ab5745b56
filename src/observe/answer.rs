//! The outcomes of asking procfs about a process.

use crate::error::Error;
use crate::sys::Errno;

/// An answer about a process.
pub enum Answer<T> {
    Is(T),
    /// The process has ended.
    Gone,
    Refused(Errno),
}

impl<T> Answer<T> {
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Answer<U> {
        match self {
            Answer::Is(value) => Answer::Is(convert(value)),
            Answer::Gone => Answer::Gone,
            Answer::Refused(errno) => Answer::Refused(errno),
        }
    }

    /// What was answered, if anything.
    pub fn any(self) -> Option<T> {
        match self {
            Answer::Is(value) => Some(value),
            _ => None,
        }
    }

    /// Classifies the result of a system call. Only exhaustion is an error.
    pub fn of(result: Result<T, Errno>) -> Result<Answer<T>, Error> {
        match result {
            Ok(value) => Ok(Answer::Is(value)),
            Err(errno) if errno.is_gone() => Ok(Answer::Gone),
            Err(errno) if errno.is_exhaustion() => Err(errno.into()),
            Err(errno) => Ok(Answer::Refused(errno)),
        }
    }

    /// Repeats a system call that fails with EACCES: procfs returns that also if the process ends during the call.
    pub fn settle(mut ask: impl FnMut() -> Result<T, Errno>) -> Result<Answer<T>, Error> {
        match ask() {
            Err(Errno(libc::EACCES)) => Answer::of(ask()),
            result => Answer::of(result),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_refusal_is_final_and_a_process_that_ends_is_gone() {
        let answers = |errors: [i32; 2]| {
            let mut errors = errors.into_iter();
            Answer::settle(move || Err::<(), _>(Errno(errors.next().unwrap())))
        };
        assert!(matches!(answers([libc::EACCES, libc::EACCES]), Ok(Answer::Refused(Errno(libc::EACCES)))));
        assert!(matches!(answers([libc::EACCES, libc::ENOENT]), Ok(Answer::Gone)));
        assert!(matches!(answers([libc::EACCES, libc::ESRCH]), Ok(Answer::Gone)));
        assert!(matches!(answers([libc::EPERM, 0]), Ok(Answer::Refused(Errno(libc::EPERM)))));
        assert!(matches!(answers([libc::EMFILE, 0]), Err(error) if error.errno() == libc::EMFILE));
    }
}
