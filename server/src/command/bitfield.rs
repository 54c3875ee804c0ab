//! BITFIELD and BITFIELD_RO: numbers of 1 to 64 bits anywhere in a string, read, set and added to, several in one command.
//! All of a command's operations are read first and then run one after the other on the same string.

use crate::command;
use crate::effects::notify::Class;
use crate::keyspace::bits;
use crate::net::argv::Argv;
use crate::net::reply::ReplyWriter;

use super::args;
use super::bitmap::{edit, offset_of};
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::spec::{Access, Family, access, key};

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "bitmap",
    commands: &[
        command!("BITFIELD", -2, WRITE | OOM, [
                key(1, access::MODIFY.with(Access::VARIABLE))
                    .with_notes("This command allows both access and modification of the key")
            ], bitfield,
            "3.2.0", "O(1) for each subcommand specified", "Performs arbitrary bitfield integer operations on strings.",
            "key [GET encoding offset|[OVERFLOW <WRAP|SAT|FAIL>] <SET encoding offset value:integer|INCRBY encoding offset increment> ...]"),
        command!("BITFIELD_RO", -2, READ | FAST, [key(1, access::READ)], bitfield_ro,
            "6.0.0", "O(1) for each subcommand specified",
            "Performs arbitrary read-only bitfield integer operations on strings.", "key [GET encoding offset ...]"),
    ],
};

/// A type such as `i16` or `u8`. An unsigned number has 63 bits at most, since replies are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Width {
    signed: bool,
    bits: u32,
}

/// What becomes of a number that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overflow {
    /// Its low bits.
    Wrap,
    /// The nearest one that does.
    Saturate,
    /// Nothing is written.
    Fail,
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Get,
    Set(i64, Overflow),
    Add(i64, Overflow),
}

/// One operation.
#[derive(Clone, Copy, Debug)]
struct Operation {
    action: Action,
    width: Width,
    offset: u64,
}

impl Width {
    fn parse(word: &[u8]) -> Result<Self, CommandError> {
        let parsed = word.split_first().and_then(|(sign, bits)| {
            let (signed, most) = match sign {
                b'i' => (true, 64),
                b'u' => (false, 63),
                _ => return None,
            };
            let bits = args::parse_i64(bits).and_then(|bits| u32::try_from(bits).ok())?;
            (1..=most).contains(&bits).then_some(Self { signed, bits })
        });
        parsed.ok_or(CommandError::line(
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
        ))
    }

    /// The number that is stored.
    fn read(self, bytes: &[u8], offset: u64) -> i64 {
        self.wrap(i128::from(bits::read(bytes, offset, self.bits)))
    }

    /// The number that the low bits of this one are.
    fn wrap(self, number: i128) -> i64 {
        let unused = 64 - self.bits;
        let high = (number as u64) << unused;
        if self.signed { high as i64 >> unused } else { (high >> unused) as i64 }
    }

    /// What SET takes an argument for.
    fn to_set(self, number: i64, overflow: Overflow) -> i128 {
        if !self.signed {
            // A negative number is a large one where there are no negative ones.
            return i128::from(number as u64);
        }
        // Redis asks how far a number is below the largest one, in 64 bits: one that is too far away for that is "above" it.
        let max = i64::MAX >> (64 - self.bits);
        if overflow == Overflow::Saturate && max.checked_sub(number).is_none() && self.bits < 64 {
            return i128::from(i64::MAX);
        }
        i128::from(number)
    }

    /// A number that fits; none if it does not and must not be changed.
    fn fit(self, number: i128, overflow: Overflow) -> Option<i64> {
        let wrapped = self.wrap(number);
        if i128::from(wrapped) == number {
            return Some(wrapped);
        }
        match overflow {
            Overflow::Wrap => Some(wrapped),
            Overflow::Fail => None,
            Overflow::Saturate => {
                let (min, max) = match self.signed {
                    true => (i64::MIN >> (64 - self.bits), i64::MAX >> (64 - self.bits)),
                    false => (0, i64::MAX >> (63 - self.bits)),
                };
                Some(if number > i128::from(max) { max } else { min })
            }
        }
    }
}

impl Operation {
    /// All operations of a command.
    fn parse_all(ctx: &CommandContext<'_>, words: Argv<'_>) -> Result<Vec<Self>, CommandError> {
        let mut operations = Vec::new();
        let mut overflow = Overflow::Wrap;
        let mut at = 0;
        while at < words.len() {
            let word = words.at(at);
            let following = words.len() - at - 1;
            let (argc, has_number) = match () {
                () if args::is(word, "GET") && following >= 2 => (2, false),
                () if args::is(word, "SET") && following >= 3 => (3, true),
                () if args::is(word, "INCRBY") && following >= 3 => (3, true),
                () if args::is(word, "OVERFLOW") && following >= 1 => {
                    overflow = Overflow::parse(words.at(at + 1))?;
                    at += 2;
                    continue;
                }
                () => return Err(CommandError::Syntax),
            };
            let width = Width::parse(words.at(at + 1))?;
            let offset = match words.at(at + 2) {
                [b'#', number @ ..] => offset_of(ctx, number, u64::from(width.bits))?,
                number => offset_of(ctx, number, 1)?,
            };
            let action = match has_number.then(|| args::integer(words.at(at + 3))).transpose()? {
                None => Action::Get,
                Some(number) if args::is(word, "SET") => Action::Set(number, overflow),
                Some(number) => Action::Add(number, overflow),
            };
            operations.push(Self { action, width, offset });
            at += 1 + argc;
        }
        Ok(operations)
    }

    /// The length of a string that has all its bits, if it writes any.
    fn len_needed(&self) -> Option<usize> {
        let end = self.offset + u64::from(self.width.bits);
        (!matches!(self.action, Action::Get)).then_some(end.div_ceil(8) as usize)
    }

    /// Run it and answer. The result is whether something was written, and whether that was something else than before.
    fn run(&self, bytes: &mut [u8], reply: &mut ReplyWriter) -> (bool, bool) {
        let old = self.width.read(bytes, self.offset);
        let (number, overflow, answers_old) = match self.action {
            Action::Get => {
                reply.integer(old);
                return (false, false);
            }
            Action::Set(number, overflow) => (self.width.to_set(number, overflow), overflow, true),
            Action::Add(by, overflow) => (i128::from(old) + i128::from(by), overflow, false),
        };
        let Some(new) = self.width.fit(number, overflow) else {
            reply.null();
            return (false, false);
        };
        bits::write(bytes, self.offset, self.width.bits, new as u64);
        reply.integer(if answers_old { old } else { new });
        (true, old != new)
    }
}

impl Overflow {
    fn parse(word: &[u8]) -> Result<Self, CommandError> {
        [("WRAP", Self::Wrap), ("SAT", Self::Saturate), ("FAIL", Self::Fail)]
            .into_iter()
            .find(|(name, _)| args::is(word, name))
            .map(|(_, overflow)| overflow)
            .ok_or(CommandError::line("ERR Invalid OVERFLOW type specified"))
    }
}

/// Whether these are operations that change nothing, as far as their names tell.
pub(super) fn only_reads(words: Argv<'_>) -> bool {
    let mut at = 0;
    while at < words.len() {
        let following = words.len() - at - 1;
        at += match words.at(at) {
            word if args::is(word, "GET") && following >= 2 => 3,
            word if args::is(word, "OVERFLOW") && following >= 1 => 2,
            _ => return false,
        };
    }
    true
}

/// `BITFIELD key [GET encoding offset|[OVERFLOW WRAP|SAT|FAIL] SET encoding offset value|INCRBY encoding offset increment ...]` --
/// O(1) for each. What GET found, what was there before SET, the sum of INCRBY; null where a number did not fit and had to.
fn bitfield(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let operations = Operation::parse_all(ctx, argv.tail(2))?;
    let Some(len) = operations.iter().filter_map(Operation::len_needed).max() else {
        return read_only(ctx, argv, &operations);
    };
    let key = ctx.key_at(argv, 1);
    ctx.keys.peek_string(&key)?;
    ctx.reply.array_header(operations.len());
    let reply = &mut *ctx.reply;
    let (ran, grown) = edit(&mut ctx.keys, &key, len, |bytes| {
        operations.iter().map(|operation| operation.run(bytes, reply)).collect::<Vec<_>>()
    })?;
    let changes = ran.iter().filter(|(written, changed)| *written && (*changed || grown)).count();
    // Redis lengthens the string also if nothing fits then, and tells nobody; whoever repeats it would have another string.
    if changes > 0 || grown {
        ctx.keys.modified(&key, Class::STRING, "setbit");
        ctx.keys.effects.dirty += (changes as u64).saturating_sub(1);
    }
    Ok(())
}

/// `BITFIELD_RO key [GET encoding offset ...]` -- O(1) for each. The numbers.
fn bitfield_ro(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let operations = Operation::parse_all(ctx, argv.tail(2))?;
    if operations.iter().any(|operation| operation.len_needed().is_some()) {
        return Err(CommandError::line("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    read_only(ctx, argv, &operations)
}

fn read_only(ctx: &mut CommandContext<'_>, argv: Argv<'_>, operations: &[Operation]) -> CommandResult {
    let mut digits = itoa::Buffer::new();
    let value = ctx.keys.read_string(&ctx.key_at(argv, 1))?;
    let bytes = value.map(|value| value.bytes(&mut digits)).unwrap_or_default();
    ctx.reply.array_header(operations.len());
    for operation in operations {
        ctx.reply.integer(operation.width.read(bytes, operation.offset));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(width: &str, number: i128, overflow: Overflow) -> Option<i64> {
        Width::parse(width.as_bytes()).expect("a type").fit(number, overflow)
    }

    #[test]
    fn what_does_not_fit_wraps_saturates_or_fails() {
        for (width, number, wrapped, saturated) in [
            ("u2", 7, 3, 3),
            ("u2", -1, 3, 0),
            ("u8", 256, 0, 255),
            ("u63", 1 << 63, 0, i64::MAX),
            ("i8", 128, -128, 127),
            ("i8", -129, 127, -128),
            ("i1", 1, -1, 0),
            ("i64", i128::from(i64::MAX) + 1, i64::MIN, i64::MAX),
            ("i64", i128::from(i64::MIN) - 1, i64::MAX, i64::MIN),
        ] {
            assert_eq!(fit(width, number, Overflow::Wrap), Some(wrapped), "{width} {number}");
            assert_eq!(fit(width, number, Overflow::Saturate), Some(saturated), "{width} {number}");
            assert_eq!(fit(width, number, Overflow::Fail), None, "{width} {number}");
        }
        for (width, number) in [("u1", 1), ("i1", -1), ("u63", i64::MAX), ("i64", i64::MIN), ("i5", -16)] {
            assert_eq!(fit(width, i128::from(number), Overflow::Fail), Some(number), "{width}");
        }
    }

    #[test]
    fn a_number_far_below_saturates_as_in_redis() {
        let set = |width: &str, number| {
            let width = Width::parse(width.as_bytes()).expect("a type");
            width.fit(width.to_set(number, Overflow::Saturate), Overflow::Saturate)
        };
        assert_eq!(set("i8", i64::MIN + 128), Some(-128));
        assert_eq!(set("i8", i64::MIN + 127), Some(127));
        assert_eq!(set("i63", i64::MIN), Some(i64::MAX >> 1));
        assert_eq!(set("i64", i64::MIN), Some(i64::MIN));
    }

    #[test]
    fn types_have_bounds() {
        for wrong in ["", "u", "i0", "u0", "u64", "i65", "x8", "I8", "u-1", "u 8", "u08", "i9999999999999"] {
            assert!(Width::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert_eq!(Width::parse(b"i64"), Ok(Width { signed: true, bits: 64 }));
    }
}
