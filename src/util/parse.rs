//! Text of procfs.

/// A decimal number without a sign.
pub fn number(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The value of the line `KEY:value` in a file such as proc_pid_status(5), without surrounding blanks.
pub fn value_of<'t>(text: &'t [u8], key: &[u8]) -> Option<&'t [u8]> {
    text.split(|&byte| byte == b'\n')
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(b":"))
        .map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_consists_of_digits_only() {
        assert_eq!(number(b"4026531837"), Some(4026531837));
        for text in [&b""[..], b"+1", b"-1", b" 1", b"1a", b"self", b"\xff", b"99999999999999999999"] {
            assert_eq!(number(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_value_ends_with_its_line() {
        let status = b"Name:\tNSpid: 7\nNSpid:\t12\t1\nUid:\t0\n";
        assert_eq!(value_of(status, b"NSpid"), Some(&b"12\t1"[..]));
        assert_eq!(value_of(status, b"NS"), None);
        assert_eq!(value_of(b"", b"Uid"), None);
    }
}
