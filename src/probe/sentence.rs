//! Sentences, for which there may be no memory.

use crate::error::Error;
use crate::util::arrays::push;
use std::ffi::CStr;
use std::fmt::{self, Write};

/// A string that ends with a NUL byte. Not `CString`, which cannot be made without an allocation that can abort.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sentence(Vec<u8>);

impl Sentence {
    pub fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

impl Write for Sentence {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.try_reserve(text.len()).map_err(|_| fmt::Error)?;
        // The text can come from a file.
        self.0.extend(text.bytes().map(|byte| if byte < b' ' { b' ' } else { byte }));
        Ok(())
    }
}

/// Formats a sentence. Memory is the only thing that can be missing.
pub fn sentence(text: fmt::Arguments<'_>) -> Result<Sentence, Error> {
    let mut sentence = Sentence::default();
    sentence.write_fmt(text).map_err(|_| Error::NO_MEMORY)?;
    push(&mut sentence.0, 0)?;
    Ok(sentence)
}

/// Bytes of a file as a part of a sentence, up to a NUL byte or the end of the line. What is not UTF-8 is shown as `?`.
pub struct Bytes<'b>(pub &'b [u8]);

impl fmt::Display for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.0.split(|byte| matches!(byte, b'\0' | b'\n')).next().unwrap_or_default();
        for chunk in line.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_str("?")?;
            }
        }
        Ok(())
    }
}

/// A name of the system as a part of a sentence.
pub fn name(text: &CStr) -> Bytes<'_> {
    Bytes(text.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_one_line_of_text() {
        let text = sentence(format_args!("{} is {}\t{}", name(c"a"), Bytes(b"x\xffy\nz"), 1)).unwrap();
        assert_eq!(text.as_c_str(), c"a is x?y 1");
    }
}
