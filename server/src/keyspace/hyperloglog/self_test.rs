//! What PFSELFTEST does: both forms must hold the same, and the count must be about right, on the machine that runs it.

use super::{Registers, add, count, empty, make_dense};

/// Elements that are added: enough to come through both forms, few enough that nobody notices.
const ELEMENTS: u64 = 100_000;
/// The standard error of 16,384 registers is 0.81 %; six times as much does not happen.
const ERROR_MAX: f64 = 6.0 * 1.04 / 128.0;
/// The default of `hll-sparse-max-bytes`.
const SPARSE_MAX: usize = 3000;

/// Adds elements that depend on a seed, and tells what is wrong.
pub fn self_test(seed: u64) -> Result<(), String> {
    let (mut grown, mut dense) = (empty(), empty());
    make_dense(&mut dense);
    let mut checkpoint = 1;
    for n in 1..=ELEMENTS {
        let element = (n ^ seed).to_le_bytes();
        let changed = add(&mut grown, &element, SPARSE_MAX);
        if changed != add(&mut dense, &element, SPARSE_MAX) {
            return Err(format!("the forms differ in whether element {n} is new"));
        }
        if n == checkpoint {
            check(&grown, &dense, n)?;
            checkpoint *= 10;
        }
    }
    Ok(())
}

fn check(grown: &[u8], dense: &[u8], elements: u64) -> Result<(), String> {
    let [mut a, mut b] = [Registers::default(), Registers::default()];
    a.merge(grown);
    b.merge(dense);
    if !a.iter().eq(b.iter()) {
        return Err(format!("the registers of the forms differ at {elements} elements"));
    }
    let counted = count(grown);
    if counted != a.count() || counted != count(dense) {
        return Err(format!("the counts of the forms differ at {elements} elements"));
    }
    // Ten elements may share a register.
    let error = (ERROR_MAX * elements as f64).max(1.0);
    if counted.abs_diff(elements) as f64 > error {
        return Err(format!("too big error: {counted} for {elements} elements"));
    }
    Ok(())
}
