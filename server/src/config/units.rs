//! Numbers as they stand in a configuration: integers, octal modes, and amounts of memory with units.
//!
//! `1k` is 1000 bytes and `1kb` is 1024, as in Redis; the unit's case does not matter. What does not fit into 64
//! bits is an error here, where Redis silently takes the remainder.

/// The units of memory, and how many bytes each stands for.
const UNITS: [(&str, u64); 8] = [
    ("", 1),
    ("b", 1),
    ("k", 1_000),
    ("kb", 1 << 10),
    ("m", 1_000_000),
    ("mb", 1 << 20),
    ("g", 1_000_000_000),
    ("gb", 1 << 30),
];

/// An amount of memory such as `100mb`; `None` when the text is not one, or is beyond 64 bits.
/// As in Redis the number may be missing: `mb` is no megabyte.
#[must_use]
pub fn parse_memory(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = UNITS.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(unit))?;
    let number =
        number.iter().try_fold(0u64, |sum, byte| sum.checked_mul(10)?.checked_add(u64::from(byte - b'0')))?;
    number.checked_mul(*factor)
}

/// An amount of memory as CONFIG REWRITE writes it: in the largest unit that divides it.
#[must_use]
pub fn format_memory(bytes: i128) -> String {
    for (unit, factor) in [("gb", 1i128 << 30), ("mb", 1 << 20), ("kb", 1 << 10)] {
        if bytes != 0 && bytes % factor == 0 {
            return format!("{}{unit}", bytes / factor);
        }
    }
    bytes.to_string()
}

/// A decimal integer in its only spelling: no blanks, no `+`, no leading zeros, and within 64 bits signed.
#[must_use]
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == text).then_some(number)
}

/// An octal number such as a file mode, `700`.
#[must_use]
pub fn parse_octal(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    i64::from_str_radix(text, 8).ok()
}

/// An integer as C's `strtoll` reads a whole word: blanks and a sign in front, leading zeros allowed, and an empty
/// word is 0. What does not fit is cut to the nearest end, as there.
#[must_use]
pub fn parse_c_integer(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let word = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    if text.is_empty() {
        return Some(0);
    }
    let (negative, digits) = match word.as_bytes().first()? {
        b'-' => (true, &word[1..]),
        b'+' => (false, &word[1..]),
        _ => (false, word),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size = digits.bytes().fold(0i128, |sum, byte| {
        sum.saturating_mul(10).saturating_add(i128::from(byte - b'0')).min(i128::from(u64::MAX))
    });
    let value = if negative { -size } else { size };
    Some(i64::try_from(value).unwrap_or(if negative { i64::MIN } else { i64::MAX }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_units() {
        for (text, bytes) in [
            ("0", 0),
            ("12", 12),
            ("1b", 1),
            ("1k", 1000),
            ("1kb", 1024),
            ("1K", 1000),
            ("1Kb", 1024),
            ("2m", 2_000_000),
            ("2MB", 2 << 20),
            ("3g", 3_000_000_000),
            ("3gB", 3 << 30),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_memory(text.as_bytes()), Some(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_of_memory() {
        for text in ["-1", "1 kb", "1q", "1.5mb", "x", "18446744073709551616", "17179869184gb", "1kbb"] {
            assert_eq!(parse_memory(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_memory(b"17179869183gb"), Some(17_179_869_183 << 30));
    }

    #[test]
    fn memory_is_written_in_the_largest_unit() {
        for (bytes, text) in
            [(0, "0"), (1023, "1023"), (1024, "1kb"), (1 << 20, "1mb"), (5 << 30, "5gb"), (1000, "1000")]
        {
            assert_eq!(format_memory(bytes), text);
        }
    }

    #[test]
    fn integers_have_one_spelling() {
        assert_eq!(parse_integer(b"-12"), Some(-12));
        assert_eq!(parse_integer(b"9223372036854775807"), Some(i64::MAX));
        for text in ["", " 1", "1 ", "+1", "01", "-0", "1a", "9223372036854775808", "0x1"] {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn octal_modes() {
        assert_eq!(parse_octal(b"777"), Some(0o777));
        for text in ["", "8", "-1", "7a"] {
            assert_eq!(parse_octal(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn integers_as_c_reads_them() {
        for (text, value) in [("", 0), ("07", 7), (" +3", 3), ("-2", -2), ("99999999999999999999", i64::MAX)]
        {
            assert_eq!(parse_c_integer(text.as_bytes()), Some(value), "{text}");
        }
        for text in ["1 ", "a", "+", "1.5"] {
            assert_eq!(parse_c_integer(text.as_bytes()), None, "{text}");
        }
    }
}
