//! Reading arguments: numbers, words and times, each with the error that redis-server gives.
//! What a command means by them is in its family's file.

use super::error::CommandError;

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

/// A floating-point number as `strtold` reads one that fills the whole argument; never NaN.
pub fn parse_f64(bytes: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(bytes).ok()?;
    if text.is_empty() || text.as_bytes()[0].is_ascii_whitespace() {
        return None;
    }
    let (sign, magnitude) = match text.as_bytes()[0] {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    if magnitude.eq_ignore_ascii_case("inf") || magnitude.eq_ignore_ascii_case("infinity") {
        return Some(sign * f64::INFINITY);
    }
    if let Some(digits) = magnitude.strip_prefix("0x").or_else(|| magnitude.strip_prefix("0X")) {
        return parse_hex(digits).map(|value| sign * value);
    }
    // Rust also reads `nan`; and a number too large for a double is an error to `strtod`, not infinity.
    let starts_as_number = magnitude.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let value: f64 = starts_as_number.then(|| magnitude.parse().ok())??;
    value.is_finite().then_some(sign * value)
}

/// A hexadecimal number behind its `0x`, as C has them: digits with a point among them, and an exponent of 2 behind `p`.
fn parse_hex(text: &str) -> Option<f64> {
    let (digits, exponent) = match text.split_once(['p', 'P']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.len() + fraction.len() == 0 {
        return None;
    }
    let mut value = 0.0;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let exponent = exponent.checked_sub(i32::try_from(fraction.len()).ok()?.checked_mul(4)?)?;
    Some(value * f64::from(exponent).exp2()).filter(|value: &f64| value.is_finite())
}

/// The floating-point number in an argument.
pub fn float(bytes: &[u8]) -> Result<f64, CommandError> {
    parse_f64(bytes).ok_or(CommandError::NotFloat)
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

    #[test]
    fn floats_are_read_as_redis_reads_them() {
        for (text, expected) in [
            ("1.5", Some(1.5)),
            ("-.5", Some(-0.5)),
            ("1e3", Some(1000.0)),
            ("+inf", Some(f64::INFINITY)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("0x10", Some(16.0)),
            ("-0X.8p1", Some(-1.0)),
            ("0x1.8P-1", Some(0.75)),
            ("0x", None),
            ("0xg", None),
            ("0x1p", None),
            ("0x1p99999", None),
            ("nan", None),
            ("", None),
            (" 1", None),
            ("1 ", None),
            ("1e999", None),
            ("--1", None),
        ] {
            assert_eq!(parse_f64(text.as_bytes()), expected, "{text:?}");
        }
    }
}
