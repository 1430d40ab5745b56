//! Text of procfs.

/// A decimal number without a sign.
pub fn number(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A hexadecimal number without a prefix.
pub fn hexadecimal(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    text.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u64::from_str_radix(text, 16).ok())?
}

/// The value of the line `KEY:value` in a file such as proc_pid_status(5), without surrounding blanks.
pub fn value_of<'t>(text: &'t [u8], key: &[u8]) -> Option<&'t [u8]> {
    text.split(|&byte| byte == b'\n')
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(b":"))
        .map(<[u8]>::trim_ascii)
}

/// A field of proc_pid_stat(5), by its number there, which is more than 2. Field 2 is a name in parentheses, which can contain
/// blanks and parentheses.
pub fn field_of_stat(stat: &[u8], number: usize) -> Option<&[u8]> {
    let after_name = stat.iter().rposition(|&byte| byte == b')')? + 1;
    stat[after_name..].split(|&byte| byte == b' ').nth(number - 2)
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
    fn fields_follow_any_name() {
        for stat in ["2 (kthreadd) S 0 9 0 0\n", "2 (a) Z 1 (b)) S 0 9 0 0\n"] {
            assert_eq!(field_of_stat(stat.as_bytes(), 3), Some(&b"S"[..]));
            assert_eq!(field_of_stat(stat.as_bytes(), 5), Some(&b"9"[..]));
            assert_eq!(field_of_stat(stat.as_bytes(), 8), None);
        }
        assert_eq!(field_of_stat(b"2 (cut", 3), None);
    }

    #[test]
    fn a_value_ends_with_its_line() {
        let status = b"Name:\tNSpid: 7\nNSpid:\t12\t1\nUid:\t0\n";
        assert_eq!(value_of(status, b"NSpid"), Some(&b"12\t1"[..]));
        assert_eq!(value_of(status, b"NS"), None);
        assert_eq!(value_of(b"", b"Uid"), None);
    }
}
