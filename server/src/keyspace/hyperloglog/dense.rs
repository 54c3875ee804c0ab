//! The dense form: six bits a register, from the low bits of the first byte on; four registers are three bytes.

use super::REGISTERS;

/// Bytes of all registers.
pub(super) const BYTES: usize = REGISTERS / 4 * 3;

const MASK: u32 = 0x3F;

/// The three bytes that hold a register and three others, as a number.
fn word(bytes: [u8; 3]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0])
}

/// Shows `f` each register.
pub(super) fn for_each(registers: &[u8], mut f: impl FnMut(usize, u8)) {
    let (fours, _) = registers.as_chunks::<3>();
    for (four, &bytes) in fours.iter().enumerate() {
        let word = word(bytes);
        for i in 0..4 {
            f(four * 4 + i, (word >> (6 * i) & MASK) as u8);
        }
    }
}

/// Raises a register to a rank. True if it was lower.
pub(super) fn raise(registers: &mut [u8], index: usize, rank: u8) -> bool {
    let (fours, _) = registers.as_chunks_mut::<3>();
    let four = &mut fours[index / 4];
    let shift = 6 * (index % 4);
    let old = word(*four);
    if old >> shift & MASK >= u32::from(rank) {
        return false;
    }
    let new = (old & !(MASK << shift) | u32::from(rank) << shift).to_le_bytes();
    four.copy_from_slice(&new[..3]);
    true
}
