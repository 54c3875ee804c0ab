//! The sparse form: runs of registers with the same rank.
//!
//! ```text
//! 00llllll             l + 1 registers of 0, up to 64
//! 01llllll llllllll    l + 1 registers of 0, up to 16,384, the high bits first
//! 1rrrrrll             l + 1 registers of rank r + 1: up to 4, of rank 32 at the most
//! ```
//!
//! Redis splits and joins runs in a way of its own, and so do we: the same elements in the same order give the same bytes.

use std::fmt::Write;

use super::{HEADER, REGISTERS};

/// Longest run of zeros in one byte.
const SHORT_ZEROS_MAX: usize = 64;
/// Highest rank that a run can have.
const RANK_MAX: u8 = 32;
/// Longest run of a rank.
const VALUES_MAX: usize = 4;
/// Runs that are looked through for neighbours to be joined, from the one before the change on.
const JOIN_STEPS: usize = 5;

/// Registers with the same rank, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    rank: u8,
    len: usize,
    /// How many bytes it takes.
    bytes: usize,
}

/// The run that begins at a place; none behind the end, or if it is cut there.
fn run_at(bytes: &[u8], at: usize) -> Option<Run> {
    let first = *bytes.get(at)?;
    let low = usize::from(first & 0x3F);
    Some(match first >> 6 {
        0b00 => Run { rank: 0, len: low + 1, bytes: 1 },
        0b01 => Run { rank: 0, len: (low << 8 | usize::from(*bytes.get(at + 1)?)) + 1, bytes: 2 },
        _ => Run { rank: (first >> 2 & 0x1F) + 1, len: usize::from(first & 3) + 1, bytes: 1 },
    })
}

fn values(rank: u8, len: usize) -> u8 {
    0x80 | (rank - 1) << 2 | (len - 1) as u8
}

/// Appends a run of zeros.
pub(super) fn push_zeros(bytes: &mut impl Extend<u8>, len: usize) {
    let count = len - 1;
    if len <= SHORT_ZEROS_MAX {
        bytes.extend([count as u8]);
    } else {
        bytes.extend([0x40 | (count >> 8) as u8, count as u8]);
    }
}

/// Whether the runs are well formed and cover all registers once. No more of them are looked at than there can be.
pub(super) fn is_sound(runs: &[u8]) -> bool {
    let (mut at, mut registers) = (0, 0);
    while registers < REGISTERS {
        let Some(run) = run_at(runs, at) else { return false };
        at += run.bytes;
        registers += run.len;
    }
    registers == REGISTERS && at == runs.len()
}

/// Shows `f` the rank and the length of each run.
pub(super) fn for_each_run(runs: &[u8], mut f: impl FnMut(u8, usize)) {
    let mut at = 0;
    while let Some(run) = run_at(runs, at) {
        f(run.rank, run.len);
        at += run.bytes;
    }
}

/// Shows `f` each register that is not 0.
pub(super) fn for_each_value(runs: &[u8], mut f: impl FnMut(usize, u8)) {
    let mut index = 0;
    for_each_run(runs, |rank, len| {
        if rank != 0 {
            (index..index + len).for_each(|index| f(index, rank));
        }
        index += len;
    });
}

/// The runs as PFDEBUG DECODE shows them.
pub(super) fn describe(runs: &[u8]) -> String {
    let (mut text, mut at) = (String::new(), 0);
    while let Some(run) = run_at(runs, at) {
        let gap = if at == 0 { "" } else { " " };
        // Writing into a string does not fail.
        let _ = match (run.rank, run.bytes) {
            (0, 1) => write!(text, "{gap}z:{}", run.len),
            (0, _) => write!(text, "{gap}Z:{}", run.len),
            (rank, _) => write!(text, "{gap}v:{rank},{}", run.len),
        };
        at += run.bytes;
    }
    text
}

/// Where to begin to look for a register: a run that is known, and its first register. Who raises registers in ascending order keeps
/// one, and does not look through all runs each time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    at: usize,
    first: usize,
}

impl Default for Cursor {
    fn default() -> Self {
        Self { at: HEADER, first: 0 }
    }
}

/// What has become of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raised {
    /// It was lower.
    Yes,
    /// It was not.
    No,
    /// Its new rank cannot be stored in this form, or not in as few bytes as it may have.
    NeedsDense,
}

/// Raises a register of a sketch to a rank.
pub(super) fn raise(
    sketch: &mut Vec<u8>,
    index: usize,
    rank: u8,
    bytes_max: usize,
    cursor: &mut Cursor,
) -> Raised {
    if rank > RANK_MAX {
        return Raised::NeedsDense;
    }
    let Some(found) = find(sketch, index, cursor) else { return Raised::No };
    let Found { at, first, run } = found;
    if run.rank >= rank {
        return Raised::No;
    }
    if run.len == 1 && run.bytes == 1 {
        sketch[at] = values(rank, 1);
    } else {
        let new = split(run, index - first, rank);
        if new.len() > run.bytes && sketch.len() + new.len() - run.bytes > bytes_max {
            return Raised::NeedsDense;
        }
        sketch.splice(at..at + run.bytes, new);
    }
    join(sketch, cursor.at);
    Raised::Yes
}

/// A run and where it is.
struct Found {
    at: usize,
    first: usize,
    run: Run,
}

/// The run with a register. The cursor is then at the run before it, or at the first.
fn find(sketch: &[u8], index: usize, cursor: &mut Cursor) -> Option<Found> {
    let start = *cursor;
    let Cursor { mut at, mut first } = start;
    let mut run = run_at(sketch, at)?;
    // Of the run at the cursor it is not known which is before it.
    if index < first + run.len && at != HEADER {
        *cursor = Cursor::default();
        return find(sketch, index, cursor);
    }
    while index >= first + run.len {
        *cursor = Cursor { at, first };
        at += run.bytes;
        first += run.len;
        run = run_at(sketch, at)?;
    }
    Some(Found { at, first, run })
}

/// A run of which the register at this offset has another rank.
fn split(run: Run, offset: usize, rank: u8) -> smallvec::SmallVec<[u8; 5]> {
    let mut bytes = smallvec::SmallVec::new();
    let rest = |bytes: &mut smallvec::SmallVec<[u8; 5]>, len: usize| match (run.rank, len) {
        (_, 0) => {}
        (0, len) => push_zeros(bytes, len),
        (rank, len) => bytes.push(values(rank, len)),
    };
    rest(&mut bytes, offset);
    bytes.push(values(rank, 1));
    rest(&mut bytes, run.len - offset - 1);
    bytes
}

/// Joins neighbours of the same rank, from a run on.
fn join(sketch: &mut Vec<u8>, from: usize) {
    let mut at = from;
    for _ in 0..JOIN_STEPS {
        let Some(run) = run_at(sketch, at) else { return };
        if run.rank != 0
            && let Some(next) = run_at(sketch, at + 1)
            && next.rank == run.rank
            && run.len + next.len <= VALUES_MAX
        {
            sketch[at + 1] = values(run.rank, run.len + next.len);
            sketch.remove(at);
            // It may be joined with the one behind it, too.
            continue;
        }
        at += run.bytes;
    }
}
