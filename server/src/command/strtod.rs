//! Floating-point numbers as C's `strtod` reads them, hexadecimal ones included: scores, weights, coordinates, times to wait. What
//! INCRBYFLOAT adds has more digits and is in `long_double`.

use super::args;

/// A number that `strtod` has read.
pub(super) struct Number {
    pub(super) value: f64,
    /// It is too large or too small for a double.
    out_of_range: bool,
}

/// Reads a number that fills the text.
pub(super) fn strtod(text: &[u8]) -> Option<Number> {
    let (negative, magnitude) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let number = match magnitude {
        [b'0', b'x' | b'X', digits @ ..] => hexadecimal(digits)?,
        _ if args::is(magnitude, "inf") || args::is(magnitude, "infinity") => {
            Number { value: f64::INFINITY, out_of_range: false }
        }
        [b'0'..=b'9' | b'.', ..] => {
            let value: f64 = std::str::from_utf8(magnitude).ok()?.parse().ok()?;
            let mantissa = magnitude.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default();
            let is_zero = !mantissa.iter().any(|digit| matches!(digit, b'1'..=b'9'));
            Number { value, out_of_range: value.is_infinite() || (value == 0.0 && !is_zero) }
        }
        _ => return None,
    };
    let value = if negative { -number.value } else { number.value };
    Some(Number { value, ..number })
}

/// Hexadecimal digits with or without a point, and a power of two in decimal digits.
fn hexadecimal(text: &[u8]) -> Option<Number> {
    let (digits, power) = match text.iter().position(|byte| matches!(byte, b'p' | b'P')) {
        Some(at) => {
            let power = std::str::from_utf8(&text[at + 1..]).ok()?;
            let digits = power.strip_prefix(['-', '+']).unwrap_or(power);
            if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
                return None;
            }
            // A power beyond this is out of any range, whatever the digits are.
            let bound = if power.starts_with('-') { i64::MIN / 4 } else { i64::MAX / 4 };
            (&text[..at], power.parse().unwrap_or(bound))
        }
        None => (text, 0),
    };
    let (mut mantissa, mut power, mut behind_point, mut any) = (0u64, power, false, false);
    for &byte in digits {
        if byte == b'.' && !behind_point {
            behind_point = true;
            continue;
        }
        let digit = u64::from(char::from(byte).to_digit(16)?);
        any = true;
        if mantissa >> 60 == 0 {
            mantissa = mantissa << 4 | digit;
            power -= if behind_point { 4 } else { 0 };
        } else {
            // Digits that do not fit decide in which direction is rounded, and no more.
            mantissa |= u64::from(digit != 0);
            power += if behind_point { 0 } else { 4 };
        }
    }
    if !any {
        return None;
    }
    // In two steps, as a power may be out of range where the product is not.
    let power = power.clamp(-2400, 2400) as i32;
    let value = mantissa as f64 * 2f64.powi(power / 2) * 2f64.powi(power - power / 2);
    Some(Number { value, out_of_range: value.is_infinite() || (value == 0.0 && mantissa != 0) })
}

/// A number that fills the text, and is one that a double can have; never NaN.
pub(super) fn number(text: &[u8]) -> Option<f64> {
    let number = strtod(text)?;
    (!number.out_of_range).then_some(number.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_strtod_reads_them() {
        for (text, expected) in [
            ("0", Some(0.0)),
            ("-0", Some(-0.0)),
            ("+5", Some(5.0)),
            ("1e3", Some(1000.0)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("inf", Some(f64::INFINITY)),
            ("-INFINITY", Some(f64::NEG_INFINITY)),
            ("0x10", Some(16.0)),
            ("-0x1.8p1", Some(-3.0)),
            ("0x1p-1074", Some(5e-324)),
            ("0x1p-9999999999999999999", None),
            ("0x1p5000", None),
            ("-0X.8p1", Some(-1.0)),
            ("0x1.8P-1", Some(0.75)),
            ("0x", None),
            ("0xg", None),
            ("0x1p", None),
            ("1e999", None),
            ("1e-999", None),
            ("0e-999", Some(0.0)),
            ("1e-320", Some(1e-320)),
            ("nan", None),
            ("", None),
            (" 1", None),
            ("1 ", None),
            ("1e", None),
            (".", None),
            ("--1", None),
        ] {
            let read = number(text.as_bytes());
            assert_eq!(read.map(f64::to_bits), expected.map(f64::to_bits), "{text:?}");
            let read = args::float(text.as_bytes()).ok();
            assert_eq!(read.map(f64::to_bits), expected.map(f64::to_bits), "{text:?}");
        }
    }
}
