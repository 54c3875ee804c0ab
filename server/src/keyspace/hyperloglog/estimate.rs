//! From registers to a number: the improved raw estimator of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog
//! sketches" (2017), section 4. It needs no tables and no switch between ranges.

use super::{RANK_BITS, REGISTERS};

/// How often each rank occurs. Six bits can hold higher ranks than a hash can have: somebody else wrote them, and they are not counted.
#[derive(Debug)]
pub(super) struct Histogram([u32; 64]);

impl Default for Histogram {
    fn default() -> Self {
        Self([0; 64])
    }
}

/// 1 / (2 ln 2), the constant of an infinite number of registers.
const ALPHA: f64 = 0.5 / std::f64::consts::LN_2;

impl Histogram {
    /// So many more registers have this rank.
    pub(super) fn add(&mut self, rank: u8, registers: usize) {
        self.0[usize::from(rank % 64)] += registers as u32;
    }

    /// About how many different elements there were.
    pub(super) fn estimate(&self) -> u64 {
        let registers = REGISTERS as f64;
        let at = |rank: usize| f64::from(self.0[rank]);
        let highest = RANK_BITS as usize + 1;
        let mut z = registers * tau((registers - at(highest)) / registers);
        for rank in (1..highest).rev() {
            z = (z + at(rank)) * 0.5;
        }
        z += registers * sigma(at(0) / registers);
        // Nothing but impossible ranks give infinity, which ends at the highest number.
        ((ALPHA * registers * registers / z).round() as u64).min(i64::MAX as u64)
    }
}

/// Ertl's sigma: x + the sum of x^(2^k) * 2^(k-1) for k from 1 on, as far as it changes anything.
fn sigma(x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut weight, mut sum) = (x, 1.0, x);
    loop {
        power *= power;
        let before = sum;
        sum += power * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}

/// Ertl's tau: a third of 1 - x - the sum of (1 - x^(2^-k))^2 * 2^-k for k from 1 on, likewise.
fn tau(x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut root, mut weight, mut sum) = (x, 1.0, 1.0 - x);
    loop {
        root = root.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - root).powi(2) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}
