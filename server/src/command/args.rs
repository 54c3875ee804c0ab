//! Reading arguments: numbers, words and times, each with the error that redis-server gives.
//! What a command means by them is in its family's file.

use super::error::CommandError;
use super::strtod;

/// A decimal integer as redis-server reads one: no blanks, no `+`, no leading zeros, no `-0`.
pub fn parse_i64(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    match digits {
        [b'0'] => return (!negative).then_some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut magnitude: u64 = 0;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        // Nineteen digits always fit in 64 unsigned bits.
        magnitude = magnitude * 10 + u64::from(digit - b'0');
    }
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// The integer in an argument.
pub fn integer(bytes: &[u8]) -> Result<i64, CommandError> {
    parse_i64(bytes).ok_or(CommandError::NotInteger)
}

/// The integer in an argument, which must lie between these.
pub fn integer_in(bytes: &[u8], min: i64, max: i64) -> Result<i64, CommandError> {
    let number = integer(bytes)?;
    if (min..=max).contains(&number) {
        return Ok(number);
    }
    Err(CommandError::err(format_args!("value is out of range, value must between {min} and {max}")))
}

/// The number of a database in an argument, of so many that there are.
pub fn database(bytes: &[u8], databases: usize) -> Result<usize, CommandError> {
    let index = integer_in(bytes, i64::from(i32::MIN), i64::from(i32::MAX))?;
    let index = usize::try_from(index).ok().filter(|&index| index < databases);
    index.ok_or(CommandError::line("ERR DB index is out of range"))
}

/// The integer in an argument, which must not be negative; `text` is the error line.
pub fn unsigned(bytes: &[u8], text: &'static str) -> Result<u64, CommandError> {
    parse_i64(bytes).and_then(|n| u64::try_from(n).ok()).ok_or(CommandError::line(text))
}

/// The integer in an argument, which must not be negative; `text` is the error line if it is.
pub fn unsigned_integer(bytes: &[u8], text: &'static str) -> Result<u64, CommandError> {
    u64::try_from(integer(bytes)?).map_err(|_| CommandError::line(text))
}

/// The floating-point number in an argument, such as a score.
#[inline]
pub fn float(bytes: &[u8]) -> Result<f64, CommandError> {
    // Most are short integers.
    if let [b'0'..=b'9', ..] = bytes
        && bytes.len() <= 15
        && let Some(integer) = parse_i64(bytes)
    {
        return Ok(integer as f64);
    }
    strtod::number(bytes).ok_or(CommandError::NotFloat)
}

/// Whether an argument is this option, in any case of letters.
#[inline]
pub fn is(bytes: &[u8], option: &str) -> bool {
    bytes.eq_ignore_ascii_case(option.as_bytes())
}

/// An argument as text for an error line: what is not printable ASCII becomes `?`.
pub fn printable(bytes: &[u8]) -> String {
    bytes.iter().map(|&b| if (b' '..=b'~').contains(&b) { char::from(b) } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_redis_reads_them() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-0", None),
            ("01", None),
            ("+1", None),
            (" 1", None),
            ("", None),
            ("-", None),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("-9223372036854775808", Some(i64::MIN)),
            ("-9223372036854775809", None),
            ("99999999999999999999", None),
            ("1x", None),
        ] {
            assert_eq!(parse_i64(text.as_bytes()), expected, "{text:?}");
        }
    }
}
