//! Access to the bytes of the BTF file: mapped, or read in pieces.

use crate::error::Error;
use crate::sys::file::{self, Fd};

/// The bytes of the file.
pub enum Bytes<'f> {
    /// From Linux 6.16 on. The mapped pages are the kernel's own and cost no memory.
    Mapped(&'f [u8]),
    /// In pieces, so that they are never in memory all at once.
    Read {
        file: &'f Fd,
        size: usize,
        window: Vec<u8>,
        /// The position of the window in the file.
        from: usize,
    },
}

impl<'f> Bytes<'f> {
    /// The size of a piece. A fuzzer tries only short inputs.
    pub const WINDOW: usize = if cfg!(fuzzing) { 256 } else { 64 * 1024 };

    pub fn read_from(file: &'f Fd, size: usize) -> Bytes<'f> {
        Bytes::Read { file, size, window: Vec::new(), from: 0 }
    }

    /// At least `length` bytes from `offset` on.
    pub fn at(&mut self, offset: usize, length: usize) -> Result<&[u8], Error> {
        let rest = match self {
            Bytes::Mapped(bytes) => bytes.get(offset..),
            Bytes::Read { file, size, window, from } => {
                let end = offset.checked_add(length).filter(|end| end <= size).ok_or(Error::NO_BPF)?;
                if offset < *from || end > *from + window.len() {
                    *window = read_at(file, offset, length.max(Self::WINDOW).min(*size - offset))?;
                    *from = offset;
                }
                window.get(offset - *from..)
            }
        };
        rest.filter(|rest| rest.len() >= length).ok_or(Error::NO_BPF)
    }

    /// A part of the file that stays accessible.
    pub fn part(&self, offset: usize, length: usize) -> Result<Part<'f>, Error> {
        match self {
            Bytes::Mapped(bytes) => {
                let part = bytes.get(offset..).and_then(|rest| rest.get(..length));
                Ok(Part::Mapped(part.ok_or(Error::NO_BPF)?))
            }
            Bytes::Read { file, size, .. } => {
                offset.checked_add(length).filter(|end| end <= size).ok_or(Error::NO_BPF)?;
                Ok(Part::Read(read_at(file, offset, length)?))
            }
        }
    }
}

/// A part of the file.
pub enum Part<'f> {
    Mapped(&'f [u8]),
    Read(Vec<u8>),
}

impl Part<'_> {
    pub fn bytes(&self) -> &[u8] {
        match self {
            Part::Mapped(bytes) => bytes,
            Part::Read(bytes) => bytes,
        }
    }
}

fn read_at(file: &Fd, offset: usize, length: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length)?;
    bytes.resize(length, 0);
    file::seek(file, offset as u64)?;
    let mut filled = 0;
    while filled < length {
        match file::read(file, &mut bytes[filled..])? {
            0 => return Err(Error::NO_BPF),
            more => filled += more,
        }
    }
    Ok(bytes)
}
