//! Canonical values are kept without compression; where they go into a file or a payload and `rdbcompression` is on, their long
//! strings are compressed on the way, as strings and hashes are.

use super::error::Result;
use super::input::{Input, Slice};
use super::kind;
use super::length::{self, Length, put_len};
use super::string::put_string;

/// Appends a canonical value, compressed. The server made it, so that it is right; if it were not, it would be appended as it is.
pub fn put(out: &mut Vec<u8>, rdb_type: u8, bytes: &[u8]) {
    let start = out.len();
    if try_put(out, rdb_type, bytes).is_err() {
        debug_assert!(false, "canonical values are right");
        out.truncate(start);
        out.extend_from_slice(bytes);
    }
}

fn try_put(out: &mut Vec<u8>, rdb_type: u8, bytes: &[u8]) -> Result<()> {
    let mut input = Slice::new(bytes);
    match rdb_type {
        kind::LIST | kind::SET => {
            let count = copy_count(&mut input, out)?;
            (0..count).try_for_each(|_| copy_string(&mut input, out))?;
        }
        kind::ZSET_2 => {
            let count = copy_count(&mut input, out)?;
            for _ in 0..count {
                copy_string(&mut input, out)?;
                out.extend_from_slice(&input.array::<8>()?);
            }
        }
        kind::STREAM_LISTPACKS_2 => {
            let blocks = copy_count(&mut input, out)?;
            // An id and a block each; what follows has no long strings.
            (0..2 * blocks).try_for_each(|_| copy_string(&mut input, out))?;
        }
        _ => {}
    }
    out.extend_from_slice(input.rest());
    Ok(())
}

fn copy_count(input: &mut Slice<'_>, out: &mut Vec<u8>) -> Result<u64> {
    let count = length::read_len(input)?;
    put_len(out, count);
    Ok(count)
}

fn copy_string(input: &mut Slice<'_>, out: &mut Vec<u8>) -> Result<()> {
    let form = input.rest();
    match length::read(input)? {
        Length::Plain(len) => put_string(out, input.take(usize::try_from(len).unwrap_or(usize::MAX))?, true),
        // An integer of 1, 2 or 4 bytes: nothing else is in a canonical value.
        Length::Special(width) => {
            let len = 1 + (1usize << width.min(2));
            input.take(len - 1)?;
            out.extend_from_slice(form.get(..len).unwrap_or_default());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::canonical::canonical;
    use super::super::string::put_int;
    use super::*;

    fn strings(count: usize, after: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_len(&mut out, count as u64);
        for n in 0..count {
            match n % 4 {
                0 => put_int(&mut out, n as i64),
                1 => put_int(&mut out, -70_000 * n as i64),
                2 => put_string(&mut out, format!("{n}{}", "x".repeat(200)).as_bytes(), false),
                _ => put_string(&mut out, format!("short {n}").as_bytes(), false),
            }
            out.extend_from_slice(after);
        }
        out
    }

    #[test]
    fn values_become_shorter_and_stay_the_same() {
        for (rdb_type, bytes) in [
            (kind::LIST, strings(100, &[])),
            (kind::SET, strings(100, &[])),
            (kind::ZSET_2, strings(100, &1.5f64.to_le_bytes())),
        ] {
            let mut out = b"before".to_vec();
            put(&mut out, rdb_type, &bytes);
            assert!(out.len() < bytes.len() / 2, "{} of {}", out.len(), bytes.len());
            let again = canonical(rdb_type, &out[6..]).expect("it is the same value");
            assert_eq!(again, (rdb_type, bytes));
        }
    }
}
