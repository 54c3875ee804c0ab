//! How a double is spelled in a reply.
//!
//! The digits are the fewest that identify the number, as Redis writes them since 7.2; 7.0 writes 17 always, so that 0.1 comes out as
//! 0.10000000000000001. The layout is that of C's `%.17g`, which 7.0 uses: no `.0` behind an integer, and an exponent of at least two digits
//! below 1e-4 and from 1e17 on. Either version reads back either spelling as the same number.
//! Parsing is not done here, nor the way in which INCRBYFLOAT writes, which is a long double's.

use std::fmt;

/// The longest text: sign, point, 17 digits and an exponent of three digits; or four zeros and no exponent.
const TEXT_LEN_MAX: usize = 32;

/// Integers below this are spelled as integers are.
const INTEGER_MAX: f64 = 1e15;

/// The text of a double.
#[derive(Clone, Copy)]
pub struct DoubleText {
    text: [u8; TEXT_LEN_MAX],
    len: usize,
}

impl DoubleText {
    /// Spell `value`.
    #[must_use]
    pub fn new(value: f64) -> Self {
        let mut text = Self { text: [0; TEXT_LEN_MAX], len: 0 };
        if value.is_nan() {
            text.push(b"nan");
        } else if value.is_infinite() {
            text.push(if value > 0.0 { b"inf" } else { b"-inf" });
        } else if value.fract() == 0.0 && value.abs() < INTEGER_MAX && value != 0.0 {
            // What most scores are needs no search for the fewest digits.
            text.push(itoa::Buffer::new().format(value as i64).as_bytes());
        } else {
            text.push_finite(value);
        }
        text
    }

    /// The text's bytes, which are ASCII.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[..self.len]
    }

    fn push(&mut self, bytes: &[u8]) {
        self.text[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn push_zeros(&mut self, count: i32) {
        for _ in 0..count {
            self.push(b"0");
        }
    }

    fn push_finite(&mut self, value: f64) {
        if value.is_sign_negative() {
            self.push(b"-");
        }
        let mut buffer = zmij::Buffer::new();
        let shortest = Decimal::of(buffer.format_finite(value.abs()).as_bytes());
        let digits = shortest.digits();
        let point = shortest.exponent + 1;
        match point {
            // The point is left of the digits: 0.000ddd.
            -3..=0 => {
                self.push(b"0.");
                self.push_zeros(-point);
                self.push(digits);
            }
            // It is among them, or right of them: dd.d, ddd, ddd00.
            1..=17 => {
                let whole = digits.len().min(point as usize);
                self.push(&digits[..whole]);
                if whole < digits.len() {
                    self.push(b".");
                    self.push(&digits[whole..]);
                } else {
                    self.push_zeros(point - whole as i32);
                }
            }
            _ => self.push_scientific(digits, shortest.exponent),
        }
    }

    fn push_scientific(&mut self, digits: &[u8], exponent: i32) {
        self.push(&digits[..1]);
        if digits.len() > 1 {
            self.push(b".");
            self.push(&digits[1..]);
        }
        self.push(if exponent < 0 { b"e-" } else { b"e+" });
        if exponent.abs() < 10 {
            self.push(b"0");
        }
        self.push(itoa::Buffer::new().format(exponent.abs()).as_bytes());
    }
}

impl fmt::Display for DoubleText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(self.as_bytes()).expect("digits, signs and letters are ASCII"))
    }
}

impl fmt::Debug for DoubleText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `d.ddd * 10^exponent`, without zeros at either end of the digits; zero is the digit 0 with exponent 0.
struct Decimal {
    digits: [u8; 20],
    len: usize,
    exponent: i32,
}

impl Decimal {
    /// Read a finite, positive number in any decimal form, such as `120.0`, `0.0012` and `1.2e-3`.
    fn of(text: &[u8]) -> Self {
        let (mantissa, exponent) = match text.iter().position(|byte| *byte == b'e') {
            Some(at) => (&text[..at], exponent(&text[at + 1..])),
            None => (text, 0),
        };
        let mut decimal = Self { digits: [b'0'; 20], len: 0, exponent: exponent - 1 };
        let mut behind_point = false;
        for &byte in mantissa {
            if byte == b'.' {
                behind_point = true;
                continue;
            }
            // A digit before the point moves it right; a zero in front of all others is none, and moves it left behind the point.
            let leading_zero = decimal.len == 0 && byte == b'0';
            decimal.exponent +=
                i32::from(!behind_point && !leading_zero) - i32::from(behind_point && leading_zero);
            // Digits beyond the array can only be the zeros of a large integer.
            if !leading_zero && decimal.len < decimal.digits.len() {
                decimal.digits[decimal.len] = byte;
                decimal.len += 1;
            }
        }
        while decimal.len > 0 && decimal.digits[decimal.len - 1] == b'0' {
            decimal.len -= 1;
        }
        if decimal.len == 0 {
            return Self { digits: [b'0'; 20], len: 1, exponent: 0 };
        }
        decimal
    }

    fn digits(&self) -> &[u8] {
        &self.digits[..self.len]
    }
}

/// The number behind the `e`: at most three digits, with or without a sign.
fn exponent(text: &[u8]) -> i32 {
    let magnitude = text.iter().filter(|byte| byte.is_ascii_digit());
    let magnitude = magnitude.fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'));
    if text.first() == Some(&b'-') { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: f64) -> String {
        DoubleText::new(value).to_string()
    }

    #[test]
    fn layout_is_that_of_17g() {
        let table = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (100.0, "100"),
            (120.25, "120.25"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.00012, "0.00012"),
            (0.00001, "1e-05"),
            (1.25e-10, "1.25e-10"),
            (-42.0, "-42"),
            (999999999999999.0, "999999999999999"),
            (1e15, "1000000000000000"),
            (1e16, "10000000000000000"),
            (12345678901234567.0, "12345678901234568"),
            (1e17, "1e+17"),
            (1.5e17, "1.5e+17"),
            (1e100, "1e+100"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (5e-324, "5e-324"),
            (-5e-324, "-5e-324"),
            (9007199254740993.0, "9007199254740992"),
            (0.3 + 0.6, "0.8999999999999999"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (-f64::NAN, "nan"),
        ];
        for (value, expected) in table {
            assert_eq!(text(value), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn every_double_reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            let back: f64 = text(value).parse().expect("Rust reads what C writes");
            proptest::prop_assert!(back == value && back.is_sign_negative() == value.is_sign_negative() || value.is_nan());
        }
    }
}
