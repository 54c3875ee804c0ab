//! Strings: bytes behind their length, or in one of the special forms: an integer of 8, 16 or 32 bits, or compressed.
//! Redis tries the integer for strings of up to 11 bytes and the compression for those of more than 20.

use super::error::{RdbError, Result};
use super::input::Input;
use super::length::{self, Length, put_len};
use super::lzf;

/// Special forms.
pub const INT8: u8 = 0;
/// See [`INT8`].
pub const INT16: u8 = 1;
/// See [`INT8`].
pub const INT32: u8 = 2;
/// See [`INT8`].
pub const LZF: u8 = 3;

/// The longest string that can be an integer of 32 bits.
const INT_BYTES_MAX: usize = 11;
/// The longest string that is not worth compressing.
const PLAIN_BYTES_MAX: usize = 20;

/// Appends a string, in its shortest form.
#[inline]
pub fn put_string(out: &mut Vec<u8>, bytes: &[u8], compress: bool) {
    if bytes.len() <= INT_BYTES_MAX
        && let Some(number) = small_int(bytes)
    {
        return put_small_int(out, number);
    }
    if compress && bytes.len() > PLAIN_BYTES_MAX && lzf::put_compressed(out, bytes) {
        return;
    }
    put_bytes(out, bytes);
}

/// Appends a string as it is.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_len(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends the decimal form of an integer as a string.
#[inline]
pub fn put_int(out: &mut Vec<u8>, number: i64) {
    match i32::try_from(number) {
        Ok(number) => put_small_int(out, number),
        Err(_) => put_bytes(out, itoa::Buffer::new().format(number).as_bytes()),
    }
}

fn put_small_int(out: &mut Vec<u8>, number: i32) {
    if let Ok(number) = i8::try_from(number) {
        out.extend_from_slice(&[0xC0 | INT8, number as u8]);
    } else if let Ok(number) = i16::try_from(number) {
        let [low, high] = number.to_le_bytes();
        out.extend_from_slice(&[0xC0 | INT16, low, high]);
    } else {
        out.push(0xC0 | INT32);
        out.extend_from_slice(&number.to_le_bytes());
    }
}

/// The integer that these bytes spell, if its decimal form is exactly them.
#[inline]
fn small_int(bytes: &[u8]) -> Option<i32> {
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    let mut number = 0i64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + i64::from(digit);
    }
    i32::try_from(if negative { -number } else { number }).ok()
}

/// Reads a string and appends it to `out`.
pub fn append<I: Input>(input: &mut I, out: &mut Vec<u8>) -> Result<()> {
    match length::read(input)? {
        Length::Plain(len) => append_plain(input, len, out),
        Length::Special(form) => append_special(input, form, out),
    }
}

#[inline]
fn append_plain<I: Input>(input: &mut I, len: u64, out: &mut Vec<u8>) -> Result<()> {
    if input.can_take(len) {
        out.extend_from_slice(input.take(usize::try_from(len).unwrap_or(usize::MAX))?);
        return Ok(());
    }
    input.append(len, out)
}

/// Reads what follows the first byte of a special form, and appends the string to `out`.
pub fn append_special<I: Input>(input: &mut I, form: u8, out: &mut Vec<u8>) -> Result<()> {
    let number = match form {
        INT8 => i32::from(i8::from_le_bytes(input.array()?)),
        INT16 => i32::from(i16::from_le_bytes(input.array()?)),
        INT32 => i32::from_le_bytes(input.array()?),
        LZF => return append_lzf(input, out),
        _ => return Err(RdbError::malformed(input.offset() - 1, "a string in an unknown form")),
    };
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    Ok(())
}

fn append_lzf<I: Input>(input: &mut I, out: &mut Vec<u8>) -> Result<()> {
    let compressed_len = length::read_len(input)?;
    let len = length::read_len(input)?;
    let at = input.offset();
    if input.can_take(compressed_len) {
        let compressed = input.take(usize::try_from(compressed_len).unwrap_or(usize::MAX))?;
        return lzf::decompress(compressed, len, out).map_err(|wrong| wrong.at(at));
    }
    let mut compressed = Vec::new();
    input.append(compressed_len, &mut compressed)?;
    lzf::decompress(&compressed, len, out).map_err(|wrong| wrong.at(at))
}

/// Reads a string; it is where it was, or else in `scratch`.
pub fn read<'a, I: Input>(input: &'a mut I, scratch: &'a mut Vec<u8>) -> Result<&'a [u8]> {
    match length::read(input)? {
        Length::Plain(len) if input.can_take(len) => input.take(usize::try_from(len).unwrap_or(usize::MAX)),
        Length::Plain(len) => {
            scratch.clear();
            input.append(len, scratch)?;
            Ok(scratch)
        }
        Length::Special(form) => {
            scratch.clear();
            append_special(input, form, scratch)?;
            Ok(scratch)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::input::Slice;
    use super::*;

    fn written(bytes: &[u8], compress: bool) -> Vec<u8> {
        let mut out = Vec::new();
        put_string(&mut out, bytes, compress);
        let mut back = Vec::new();
        append(&mut Slice::new(&out), &mut back).expect("what was written");
        assert_eq!(back, bytes);
        assert_eq!(read(&mut Slice::new(&out), &mut Vec::new()).expect("the same"), bytes);
        out
    }

    #[test]
    fn integers_take_the_bytes_that_they_need() {
        for (text, bytes) in [
            ("0", "c000"),
            ("-1", "c0ff"),
            ("127", "c07f"),
            ("128", "c18000"),
            ("-32768", "c10080"),
            ("32768", "c200800000"),
            ("2147483647", "c2ffffff7f"),
            ("-2147483648", "c200000080"),
        ] {
            let hex: String =
                written(text.as_bytes(), true).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, bytes, "{text}");
        }
        for text in ["2147483648", "-2147483649", "99999999999", "-0", "00", "01", "+1", "1 ", "", "-", "1a"]
        {
            assert_eq!(written(text.as_bytes(), true).len(), 1 + text.len(), "{text}");
        }
        let mut out = Vec::new();
        put_int(&mut out, -1 << 40);
        assert_eq!(out, b"\x0e-1099511627776");
    }

    #[test]
    fn long_strings_are_compressed_when_that_helps() {
        let same = [b'x'; 21];
        assert_eq!(written(&same[..20], true).len(), 21);
        assert!(written(&same, true).len() < 10);
        assert_eq!(written(&same, false).len(), 22);
        assert_eq!(written(b"abcdefghijklmnopqrstuvwxyz", true).len(), 27);
        written(&b"a large string ".repeat(100_000), true);
    }

    #[test]
    fn unknown_forms_are_refused() {
        for bytes in [&[0xC4][..], &[0xFF], &[0xC0], &[0xC3, 1], &[0xC3, 1, 0xC0, 1], &[5, b'a']] {
            assert!(append(&mut Slice::new(bytes), &mut Vec::new()).is_err(), "{bytes:?}");
        }
    }
}
