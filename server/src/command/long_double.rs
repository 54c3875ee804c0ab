//! The number that INCRBYFLOAT and HINCRBYFLOAT add with: C's `long double` on x86, which is Redis's choice.
//!
//! It has 64 bits of precision and is read, added and written decimally, so that 10.5 + 0.1 is 10.6 and 3.0e3 + 200 is 3200;
//! with an `f64`, written with its shortest digits, sums come out differently from the 17th digit on, and a replica or a client
//! that moves here from Redis would see another value. So the format is done in integers here, and every sum is bit for bit
//! Redis's: reading rounds once to the nearest, adding rounds once, writing is C's `%.17Lf` without trailing zeros.
//! On other processors Redis has other long doubles; x86 is what the world's data was made on.
//!
//! Only what those two commands need is here. Subnormal numbers (below 1e-4931) keep all their bits, which nobody can see,
//! as they are written as 0.

use num_bigint::BigUint;

/// `strtold` never sees more than this in Redis: its buffer has 5 KiB, and holds a zero byte at the end.
const TEXT_LEN_MAX: usize = 5 * 1024 - 1;
/// The largest power of two in a finite number, and the smallest in one that does not read as zero.
const EXPONENT_MAX: i32 = 16_383;
const EXPONENT_MIN: i32 = -16_445;
/// No finite number but zero is outside of 10^-4951 to 10^4933.
const DECIMAL_EXPONENTS: std::ops::RangeInclusive<i64> = -4960..=4940;
/// The digits behind the point that are written.
const FRACTION_DIGITS: usize = 17;
const FRACTION: u128 = 10u128.pow(FRACTION_DIGITS as u32);

/// A long double; never NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LongDouble {
    /// `mantissa * 2^exponent`; the highest bit of the mantissa is set unless the number is zero.
    Finite {
        /// Below zero.
        negative: bool,
        /// All 64 bits of precision.
        mantissa: u64,
        /// Of the mantissa's lowest bit.
        exponent: i32,
    },
    /// Infinity of either sign. Nothing is ever done with it but to refuse it.
    Infinite,
}

use LongDouble::{Finite, Infinite};

const ZERO: LongDouble = Finite { negative: false, mantissa: 0, exponent: 0 };

impl LongDouble {
    /// The number that fills the whole text, as `strtold` reads it: decimal, hexadecimal or `inf`. None for anything else,
    /// for `nan`, and for numbers that are too large or too small.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > TEXT_LEN_MAX {
            return None;
        }
        let (negative, digits) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        if digits.eq_ignore_ascii_case(b"inf") || digits.eq_ignore_ascii_case(b"infinity") {
            return Some(Infinite);
        }
        let number = match digits {
            [b'0', b'x' | b'X', hex @ ..] => parse_hex(negative, hex)?,
            decimal => parse_decimal(negative, decimal)?,
        };
        number.is_readable().then_some(number)
    }

    /// Whether it is no number to calculate with.
    pub fn is_infinite(self) -> bool {
        self == Infinite
    }

    /// `strtold` reports numbers outside of its range, and so do those who call it.
    fn is_readable(self) -> bool {
        match self {
            Infinite => false,
            Finite { mantissa: 0, .. } => true,
            // What is exactly half of the smallest number still rounds to zero.
            Finite { mantissa, exponent, .. } => {
                exponent + 63 >= EXPONENT_MIN || exponent + 64 == EXPONENT_MIN && mantissa > 1 << 63
            }
        }
    }

    /// The nearest long double to `bits * 2^exponent`, half-way to the even one. With `more`, the true number is a little
    /// larger than that; `bits` has more than 65 bits then.
    fn round(negative: bool, bits: u128, exponent: i32, more: bool) -> Self {
        if bits == 0 {
            return Finite { negative, mantissa: 0, exponent: 0 };
        }
        let len = (u128::BITS - bits.leading_zeros()) as i32;
        let dropped = len - 64;
        let (mut mantissa, mut exponent) = if dropped <= 0 {
            ((bits << -dropped) as u64, exponent + dropped)
        } else {
            let kept = (bits >> dropped) as u64;
            let rest = bits & ((1 << dropped) - 1);
            let half = 1u128 << (dropped - 1);
            let up = rest > half || rest == half && (more || kept & 1 == 1);
            match kept.checked_add(u64::from(up)) {
                Some(kept) => (kept, exponent + dropped),
                None => (1 << 63, exponent + dropped + 1),
            }
        };
        if exponent + 63 > EXPONENT_MAX {
            return Infinite;
        }
        if mantissa == 0 {
            (mantissa, exponent) = (0, 0);
        }
        Finite { negative, mantissa, exponent }
    }

    /// The same for a number of any size.
    fn round_big(negative: bool, bits: &BigUint, exponent: i32, more: bool) -> Self {
        let surplus = bits.bits().saturating_sub(u64::from(u128::BITS));
        let top = u128::try_from(bits >> surplus).expect("128 bits are left");
        let more = more || surplus > 0 && bits.trailing_zeros().is_some_and(|zeros| zeros < surplus);
        Self::round(negative, top, exponent + surplus as i32, more)
    }

    /// How C's `%.17Lf` writes it, without zeros at the end of a fraction; minus zero is written as zero.
    pub fn text(self) -> String {
        let Finite { negative, mantissa, exponent } = self else { return "inf".to_owned() };
        let sign = if negative { "-" } else { "" };
        if mantissa == 0 {
            return "0".to_owned();
        }
        if exponent >= 64 {
            return format!("{sign}{}", BigUint::from(mantissa) << exponent);
        }
        if exponent >= 0 {
            return format!("{sign}{}", u128::from(mantissa) << exponent);
        }
        // 64 bits and 57 bits fit, and what is shifted out by 128 or more is less than half of the last digit.
        let scaled = u128::from(mantissa) * FRACTION;
        let shift = exponent.unsigned_abs();
        if shift >= u128::BITS {
            return "0".to_owned();
        }
        let half = 1u128 << (shift - 1);
        let rest = scaled & ((half << 1).wrapping_sub(1));
        let whole = scaled >> shift;
        let rounded = whole + u128::from(rest > half || rest == half && whole & 1 == 1);
        let (integer, fraction) = (rounded / FRACTION, rounded % FRACTION);
        match (integer, fraction) {
            (0, 0) => "0".to_owned(),
            (integer, 0) => format!("{sign}{integer}"),
            (integer, fraction) => {
                let text = format!("{sign}{integer}.{fraction:0FRACTION_DIGITS$}");
                text.trim_end_matches('0').to_owned()
            }
        }
    }
}

impl From<i64> for LongDouble {
    fn from(number: i64) -> Self {
        Self::round(number < 0, u128::from(number.unsigned_abs()), 0, false)
    }
}

impl std::ops::Add for LongDouble {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let (
            Finite { negative, mantissa, exponent },
            Finite { negative: other_negative, mantissa: other_mantissa, exponent: other_exponent },
        ) = (self, other)
        else {
            return Infinite;
        };
        if mantissa == 0 || other_mantissa == 0 {
            return if mantissa == 0 { other } else { self };
        }
        if other_exponent > exponent {
            return other + self;
        }
        // 62 bits below the larger number: what of the smaller one lies below them can only tip a rounding.
        const ROOM: u32 = 62;
        let larger = u128::from(mantissa) << ROOM;
        let unshifted = u128::from(other_mantissa) << ROOM;
        let distance = (exponent - other_exponent).unsigned_abs();
        let smaller = unshifted.checked_shr(distance).unwrap_or(0);
        let lost = smaller.checked_shl(distance).unwrap_or(0) != unshifted;
        let exponent = exponent - ROOM as i32;
        if negative == other_negative {
            return Self::round(negative, larger + smaller, exponent, lost);
        }
        match larger.cmp(&smaller) {
            std::cmp::Ordering::Equal => ZERO,
            std::cmp::Ordering::Less => Self::round(other_negative, smaller - larger, exponent, false),
            std::cmp::Ordering::Greater => {
                Self::round(negative, larger - smaller - u128::from(lost), exponent, lost)
            }
        }
    }
}

/// The digits of a number without its sign, what is behind the mark of the exponent, and how many digits stand behind the point.
struct Digits<'a> {
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

impl<'a> Digits<'a> {
    fn split(text: &'a [u8], mark: u8, is_digit: fn(&u8) -> bool) -> Option<Self> {
        let (mantissa, exponent) = match text.iter().position(|byte| byte.eq_ignore_ascii_case(&mark)) {
            Some(at) => (&text[..at], parse_exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        let (whole, fraction) = match memchr::memchr(b'.', mantissa) {
            Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
            None => (mantissa, &[][..]),
        };
        let digits = Self { whole, fraction, exponent };
        let some = !whole.is_empty() || !fraction.is_empty();
        (some && digits.iter().all(|digit| is_digit(&digit))).then_some(digits)
    }

    fn iter(&self) -> impl Iterator<Item = u8> {
        self.whole.iter().chain(self.fraction).copied()
    }

    /// Digits without the zeros at the front.
    fn significant(&self) -> impl Iterator<Item = u8> {
        self.iter().skip_while(|&digit| digit == b'0')
    }
}

fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Far outside of every range, and far from overflowing.
    const HUGE: i64 = 1_000_000_000;
    let number = digits.iter().fold(0, |sum, digit| (sum * 10 + i64::from(digit - b'0')).min(HUGE));
    Some(if negative { -number } else { number })
}

fn parse_decimal(negative: bool, text: &[u8]) -> Option<LongDouble> {
    let digits = Digits::split(text, b'e', u8::is_ascii_digit)?;
    let count = digits.significant().count();
    if count == 0 {
        return Some(LongDouble::round(negative, 0, 0, false));
    }
    let exponent = digits.exponent - digits.fraction.len() as i64;
    if !DECIMAL_EXPONENTS.contains(&(count as i64 + exponent)) {
        return None;
    }
    // 19 digits fit in 64 bits.
    if count > 19 {
        let text: Vec<u8> = digits.significant().collect();
        return Some(scale(negative, BigUint::parse_bytes(&text, 10)?, exponent));
    }
    let number = digits.significant().fold(0u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    Some(match exponent {
        0..=19 => LongDouble::round(negative, u128::from(number) * 10u128.pow(exponent as u32), 0, false),
        -18..=-1 => {
            let shift = number.leading_zeros();
            let numerator = u128::from(number << shift) << 64;
            let denominator = 10u128.pow(exponent.unsigned_abs() as u32);
            // At least 127 - 60 bits.
            let (quotient, rest) = (numerator / denominator, numerator % denominator);
            LongDouble::round(negative, quotient, -64 - shift as i32, rest != 0)
        }
        _ => scale(negative, BigUint::from(number), exponent),
    })
}

/// `number * 10^exponent`, rounded once.
fn scale(negative: bool, number: BigUint, exponent: i64) -> LongDouble {
    let power = BigUint::from(10u8).pow(exponent.unsigned_abs() as u32);
    if exponent >= 0 {
        return LongDouble::round_big(negative, &(number * power), 0, false);
    }
    // Enough for a quotient of more than 66 bits.
    let shift = (power.bits() + 68).saturating_sub(number.bits());
    let number = number << shift;
    let quotient = &number / &power;
    let more = &quotient * &power != number;
    LongDouble::round_big(negative, &quotient, -(shift as i32), more)
}

fn parse_hex(negative: bool, text: &[u8]) -> Option<LongDouble> {
    let digits = Digits::split(text, b'p', u8::is_ascii_hexdigit)?;
    let mut bits = 0u128;
    let mut more = false;
    let mut exponent = digits.exponent - 4 * digits.fraction.len() as i64;
    for digit in digits.significant() {
        let digit = char::from(digit).to_digit(16).expect("only such digits are left");
        if bits >> 120 == 0 {
            bits = bits << 4 | u128::from(digit);
        } else {
            more |= digit != 0;
            exponent += 4;
        }
    }
    // Every number in range has an exponent far inside of 32 bits.
    let exponent = exponent.clamp(-1_000_000, 1_000_000) as i32;
    Some(LongDouble::round(negative, bits, exponent, more))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(a: &str, b: &str) -> String {
        let [a, b] = [a, b].map(|text| LongDouble::parse(text.as_bytes()).expect("a number"));
        (a + b).text()
    }

    /// All of these were asked of redis-server 7.0.15 on x86-64.
    #[test]
    fn sums_are_those_of_redis() {
        for (a, b, expected) in [
            ("10.5", "0.1", "10.6"),
            ("3.0e3", "200", "3200"),
            ("5.0e3", "0", "5000"),
            ("0.1", "0.2", "0.3"),
            ("1", "-0.9", "0.1"),
            ("1e17", "0.1", "100000000000000000.1015625"),
            ("0", "1e-18", "0"),
            ("0", "-1e-18", "0"),
            ("-0", "0", "0"),
            ("0", "5e-18", "0"),
            ("0", "5.1e-18", "0.00000000000000001"),
            ("1e-5", "12345678.875", "12345678.87500999999974738"),
            ("0", "123456789.123456789123456789", "123456789.12345678912242875"),
            ("0x10", "1", "17"),
            ("0x1p3", "-.5", "7.5"),
            ("9223372036854775807", "1", "9223372036854775808"),
            ("18446744073709551617", "0", "18446744073709551616"),
            ("0.5", "1e19", "10000000000000000000"),
            ("1e30", "-1e30", "0"),
        ] {
            assert_eq!(sum(a, b), expected, "{a} + {b}");
        }
    }

    #[test]
    fn numbers_are_read_as_strtold_reads_them() {
        for text in
            ["", " 1", "1 ", "+", ".", "e1", "1e", "1e+", "nan", "0x", "0x.p1", "1.5.5", "abc", "1\0", "--1"]
        {
            assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
        }
        for text in ["1e5000", "1e-5000", "-1e99999999999999999999", "0x1p16384", "0x1p-16446"] {
            assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
        }
        for text in ["inf", "-INF", "+Infinity"] {
            assert_eq!(LongDouble::parse(text.as_bytes()), Some(Infinite), "{text:?}");
        }
        for (text, expected) in
            [("0e99999999999", "0"), ("1e-4940", "0"), ("+.5", "0.5"), ("5.", "5"), ("0x1p-16445", "0")]
        {
            let number = LongDouble::parse(text.as_bytes()).map(LongDouble::text);
            assert_eq!(number.as_deref(), Some(expected), "{text:?}");
        }
        assert_eq!(LongDouble::parse(&[b'1'; TEXT_LEN_MAX + 1]), None);
    }

    proptest::proptest! {
        /// The quick ways and the exact one agree.
        #[test]
        fn short_and_long_numbers_are_read_alike(number: u64, exponent in -18i64..=19) {
            let text = format!("{number}e{exponent}");
            let exact = match number {
                0 => ZERO,
                _ => scale(false, BigUint::from(number), exponent),
            };
            proptest::prop_assert_eq!(LongDouble::parse(text.as_bytes()), Some(exact));
        }

        #[test]
        fn integers_add_exactly(a in -(1i64 << 62)..1i64 << 62, b in -(1i64 << 62)..1i64 << 62) {
            let sum = LongDouble::from(a) + LongDouble::from(b);
            proptest::prop_assert_eq!(sum.text(), (a + b).to_string());
        }

        #[test]
        fn what_is_written_reads_back_alike(a in -1e15f64..1e15) {
            let number = LongDouble::parse(a.to_string().as_bytes()).expect("a number");
            let again = LongDouble::parse(number.text().as_bytes()).expect("a number");
            let distance = number.text().parse::<f64>().expect("a number") - a;
            proptest::prop_assert!(distance.abs() <= a.abs() * 1e-15 + 1e-17);
            proptest::prop_assert_eq!(again.text(), number.text());
        }
    }
}
