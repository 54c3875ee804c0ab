//! Between bytes and Rust values: what an argument or a stored value may be read as, and what may be written.
//! Numbers follow Redis: decimal, no sign but `-`, no leading zeros, no spaces; anything else is Redis's error.
//! Not here: where the bytes come from, and how replies look.

use crate::error::{Error, Result};

/// A value that can be read from bytes: integers, floats, `bool`, text and bytes.
///
/// Implement it for a type of your own to take it as an argument:
/// `impl FromBytes<'_> for Colour { ... }`, then `Arg<Colour>` in the signature or `args.parse::<Colour>()`.
pub trait FromBytes<'a>: Sized {
    /// Read it, or say why it cannot be: this is what the client will be told.
    fn from_bytes(bytes: &'a [u8]) -> Result<Self>;
}

impl FromBytes<'_> for i64 {
    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (negative, digits) = match bytes {
            [b'-', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        let magnitude = magnitude(digits)?;
        if negative {
            // `-0` is not how Redis writes zero, so it is not how it reads it.
            if magnitude == 0 {
                return Err(Error::NotAnInteger);
            }
            0i64.checked_sub_unsigned(magnitude).ok_or(Error::NotAnInteger)
        } else {
            Self::try_from(magnitude).map_err(|_| Error::NotAnInteger)
        }
    }
}

impl FromBytes<'_> for u64 {
    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        magnitude(bytes)
    }
}

/// Decimal digits without a leading zero, at most 2^64 - 1.
fn magnitude(digits: &[u8]) -> Result<u64> {
    if digits.is_empty() || digits.len() > 20 || (digits[0] == b'0' && digits.len() > 1) {
        return Err(Error::NotAnInteger);
    }
    let mut sum = 0u64;
    for &digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return Err(Error::NotAnInteger);
        }
        sum = sum
            .checked_mul(10)
            .and_then(|sum| sum.checked_add(u64::from(digit)))
            .ok_or(Error::NotAnInteger)?;
    }
    Ok(sum)
}

macro_rules! narrower {
    ($($narrow:ty: $wide:ty),*) => {$(
        impl FromBytes<'_> for $narrow {
            fn from_bytes(bytes: &[u8]) -> Result<Self> {
                Ok(<$wide>::from_bytes(bytes)?.try_into()?)
            }
        }
    )*};
}

narrower!(i8: i64, i16: i64, i32: i64, isize: i64, u8: u64, u16: u64, u32: u64, usize: u64);

impl FromBytes<'_> for f64 {
    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(bytes).map_err(|_| Error::NotAFloat)?;
        let number: Self = text.parse()?;
        if number.is_nan() { Err(Error::NotAFloat) } else { Ok(number) }
    }
}

impl FromBytes<'_> for bool {
    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let is = |words: [&str; 3]| words.iter().any(|word| bytes.eq_ignore_ascii_case(word.as_bytes()));
        if is(["yes", "true", "1"]) {
            Ok(true)
        } else if is(["no", "false", "0"]) {
            Ok(false)
        } else {
            Err("ERR value is not yes or no".into())
        }
    }
}

impl<'a> FromBytes<'a> for &'a [u8] {
    fn from_bytes(bytes: &'a [u8]) -> Result<Self> {
        Ok(bytes)
    }
}

impl FromBytes<'_> for Vec<u8> {
    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Ok(bytes.to_vec())
    }
}

impl<'a> FromBytes<'a> for &'a str {
    fn from_bytes(bytes: &'a [u8]) -> Result<Self> {
        Ok(std::str::from_utf8(bytes)?)
    }
}

impl FromBytes<'_> for String {
    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Ok(std::str::from_utf8(bytes)?.to_owned())
    }
}

/// A value that can be stored or passed to another command: bytes, text, integers (in decimal), floats.
pub trait ToBytes {
    /// Give the bytes to `f`. A number needs no allocation for this.
    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R;
}

macro_rules! to_bytes_as_they_are {
    ($($type:ty),*) => {$(
        impl ToBytes for $type {
            fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
                f(self.as_ref())
            }
        }
    )*};
}

to_bytes_as_they_are!([u8], str, String, Vec<u8>);

impl<const N: usize> ToBytes for [u8; N] {
    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(self)
    }
}

impl<T: ToBytes + ?Sized> ToBytes for &T {
    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        (**self).with_bytes(f)
    }
}

macro_rules! integers_to_bytes {
    ($($type:ty),*) => {$(
        impl ToBytes for $type {
            fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
                f(itoa::Buffer::new().format(*self).as_bytes())
            }
        }
    )*};
}

integers_to_bytes!(i16, i32, i64, isize, u16, u32, u64, usize);

impl ToBytes for f64 {
    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(float_text(*self).as_bytes())
    }
}

/// The shortest text that reads back as the same number, as Redis writes it: `3`, `0.1`, `1e300`, `inf`.
pub(crate) fn float_text(number: f64) -> String {
    if number.is_nan() {
        // Rust writes NaN; every other case agrees.
        return "nan".to_owned();
    }
    let mut text = format!("{number:?}");
    if text.ends_with(".0") {
        text.truncate(text.len() - 2);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer(text: &str) -> Option<i64> {
        i64::from_bytes(text.as_bytes()).ok()
    }

    #[test]
    fn integers_as_redis_reads_them() {
        assert_eq!(integer("0"), Some(0));
        assert_eq!(integer("-1"), Some(-1));
        assert_eq!(integer("9223372036854775807"), Some(i64::MAX));
        assert_eq!(integer("-9223372036854775808"), Some(i64::MIN));
        for bad in [
            "",
            "-",
            "+1",
            "01",
            "-0",
            "-01",
            " 1",
            "1 ",
            "1.0",
            "9223372036854775808",
            "-9223372036854775809",
            "1e3",
            "99999999999999999999999",
        ] {
            assert_eq!(integer(bad), None, "{bad:?}");
        }
        assert_eq!(u64::from_bytes(b"18446744073709551615"), Ok(u64::MAX));
        assert_eq!(u64::from_bytes(b"18446744073709551616"), Err(Error::NotAnInteger));
        assert_eq!(u64::from_bytes(b"-1"), Err(Error::NotAnInteger));
        assert_eq!(u32::from_bytes(b"4294967296"), Err(Error::NotAnInteger));
        assert_eq!(i32::from_bytes(b"-2147483648"), Ok(i32::MIN));
    }

    #[test]
    fn floats_as_redis_reads_them() {
        assert_eq!(f64::from_bytes(b"1.5e3"), Ok(1500.0));
        assert_eq!(f64::from_bytes(b"-inf"), Ok(f64::NEG_INFINITY));
        for bad in ["", "nan", " 1", "1 ", "1,5", "abc"] {
            assert_eq!(f64::from_bytes(bad.as_bytes()), Err(Error::NotAFloat), "{bad:?}");
        }
    }

    #[test]
    fn floats_as_redis_writes_them() {
        for (number, text) in [
            (3.0, "3"),
            (0.1, "0.1"),
            (1e300, "1e300"),
            (-0.0, "-0"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "nan"),
            (100000.0, "100000"),
        ] {
            assert_eq!(float_text(number), text);
        }
    }

    #[test]
    fn text_must_be_utf_8_and_bytes_need_not() {
        assert!(<&str>::from_bytes(b"\xff").is_err());
        assert_eq!(<&[u8]>::from_bytes(b"\xff"), Ok(&b"\xff"[..]));
    }
}
