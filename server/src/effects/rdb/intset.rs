//! Intsets: sets of integers, sorted, all of the width that the widest needs.
//!
//! ```text
//! intset  width of a member (4)  members (4)  member ...       little endian
//! ```

use super::error::Malformed;

/// The members, which must ascend.
pub(super) fn members(bytes: &[u8]) -> Result<impl Iterator<Item = i64>, Malformed> {
    let Some((&[a, b, c, d, e, f, g, h], members)) = bytes.split_first_chunk::<8>() else {
        return Err(Malformed("an intset that is shorter than its header"));
    };
    let width = u32::from_le_bytes([a, b, c, d]) as usize;
    if !matches!(width, 2 | 4 | 8) {
        return Err(Malformed("an intset whose members have an unknown width"));
    }
    if (u32::from_le_bytes([e, f, g, h]) as usize).checked_mul(width) != Some(members.len()) {
        return Err(Malformed("an intset that is not as long as it says"));
    }
    let members = members.chunks_exact(width).map(move |member| {
        let mut wide = [0; 8];
        wide[8 - width..].copy_from_slice(member);
        i64::from_le_bytes(wide) >> (64 - 8 * width)
    });
    if !members.clone().is_sorted_by(|a, b| a < b) {
        return Err(Malformed("an intset whose members do not ascend"));
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(width: usize, numbers: &[i64]) -> Vec<u8> {
        let mut bytes = (width as u32).to_le_bytes().to_vec();
        bytes.extend_from_slice(&(numbers.len() as u32).to_le_bytes());
        numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()[..width]));
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Vec<i64>, Malformed> {
        members(bytes).map(Iterator::collect)
    }

    #[test]
    fn members_of_every_width_are_read() {
        for (width, numbers) in [
            (2, &[-32768, -1, 0, 1, 32767][..]),
            (4, &[i64::from(i32::MIN), 7, i64::from(i32::MAX)]),
            (8, &[i64::MIN, -5, i64::MAX]),
            (2, &[]),
        ] {
            assert_eq!(read(&build(width, numbers)).expect("a right one"), numbers);
        }
    }

    #[test]
    fn damage_is_noticed() {
        let bytes = build(4, &[1, 2, 3]);
        for cut in 0..bytes.len() {
            assert!(read(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        assert!(read(&build(3, &[1])).is_err());
        assert!(read(&build(2, &[2, 1])).is_err());
        assert!(read(&build(2, &[1, 1])).is_err());
    }
}
