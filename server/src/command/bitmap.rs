//! Commands on single bits of strings and on strings as sets of bits: SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP.
//! There is no type of its own: any string is a bitmap, and zeros follow its end. How bits are counted and found is in
//! `keyspace::bits`; numbers of several bits are in `bitfield`.

use crate::command;
use crate::effects::notify::Class;
use crate::keyspace::bits::{self, Combine};
use crate::keyspace::{Key, StringRef};
use crate::net::argv::Argv;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::keys::Keys;
use super::spec::{Family, access, key, keys};

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "bitmap",
    commands: &[
        command!("SETBIT", 4, WRITE | OOM, [key(1, access::MODIFY)], setbit,
            "2.2.0", "O(1)", "Sets or clears the bit at offset of the string value. Creates the key if it doesn't exist.",
            "key offset value:integer"),
        command!("GETBIT", 3, READ | FAST, [key(1, access::READ)], getbit,
            "2.2.0", "O(1)", "Returns a bit value by offset.", "key offset"),
        command!("BITCOUNT", -2, READ, [key(1, access::READ)], bitcount,
            "2.6.0", "O(N)", "Counts the number of set bits (population counting) in a string.",
            "key [start [end [BYTE|BIT]]]"),
        command!("BITPOS", -3, READ, [key(1, access::READ)], bitpos,
            "2.8.7", "O(N)", "Finds the first set (1) or clear (0) bit in a string.",
            "key bit [start [end [BYTE|BIT]]]"),
        command!("BITOP", -4, WRITE | OOM, [key(2, access::OVERWRITE), keys(3, -1, 1, access::READ)], bitop,
            "2.6.0", "O(N)", "Performs bitwise operations on multiple strings, and stores the result.",
            "AND|OR|XOR|NOT destkey:key key [key ...]"),
    ],
};

const WRONG_OFFSET: CommandError = CommandError::line("ERR bit offset is not an integer or out of range");
const WRONG_BIT: CommandError = CommandError::line("ERR bit is not an integer or out of range");

/// The offset in an argument, counted in units of so many bits. It must lie in a string that is no longer than a request may
/// bring.
pub(super) fn offset_of(ctx: &CommandContext<'_>, argument: &[u8], unit: u64) -> Result<u64, CommandError> {
    let number = args::parse_i64(argument).and_then(|number| u64::try_from(number).ok());
    let offset = number.and_then(|number| number.checked_mul(unit)).ok_or(WRONG_OFFSET)?;
    if offset / 8 >= ctx.config.proto_max_bulk_len as u64 {
        return Err(WRONG_OFFSET);
    }
    Ok(offset)
}

/// Let `edit` change a string, which is made or lengthened first so that it has `len` bytes. The result is that of `edit`, and
/// whether the string was made or lengthened.
pub(super) fn edit<R>(
    keys: &mut Keys<'_>,
    key: &Key<'_>,
    len: usize,
    edit: impl FnOnce(&mut [u8]) -> R,
) -> Result<(R, bool), CommandError> {
    let now_ms = keys.now_ms;
    let old = keys.peek_string(key)?.map(StringRef::len);
    let result = keys.write(key)?.edit_string(key, now_ms, |bytes| {
        bits::grow(bytes, len);
        edit(bytes)
    })?;
    if old.is_none() {
        keys.event(key, Class::NEW, "new");
    }
    Ok((result, old.is_none_or(|old| old < len)))
}

/// `SETBIT key offset value` -- O(1). The bit that was there.
fn setbit(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let offset = offset_of(ctx, argv.at(2), 1)?;
    let bit = args::parse_i64(argv.at(3)).and_then(|bit| u64::try_from(bit).ok()).filter(|&bit| bit <= 1);
    let bit = bit.ok_or(WRONG_BIT)?;
    let key = ctx.key_at(argv, 1);
    let len = (offset / 8) as usize + 1;
    let (old, grown) = edit(&mut ctx.keys, &key, len, |bytes| {
        let old = bits::read(bytes, offset, 1);
        bits::write(bytes, offset, 1, bit);
        old
    })?;
    if grown || old != bit {
        ctx.keys.modified(&key, Class::STRING, "setbit");
    }
    ctx.reply.integer(old as i64);
    Ok(())
}

/// `GETBIT key offset` -- O(1). The bit; 0 behind the end.
fn getbit(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let offset = offset_of(ctx, argv.at(2), 1)?;
    let mut digits = itoa::Buffer::new();
    let value = ctx.keys.read_string(&ctx.key_at(argv, 1))?;
    let bytes = value.map(|value| value.bytes(&mut digits)).unwrap_or_default();
    ctx.reply.integer(bits::read(bytes, offset, 1) as i64);
    Ok(())
}

/// Whether positions count bits, as BIT says, or bytes.
fn counts_bits(unit: Option<&[u8]>) -> Result<bool, CommandError> {
    match unit {
        None => Ok(false),
        Some(word) if args::is(word, "BYTE") => Ok(false),
        Some(word) if args::is(word, "BIT") => Ok(true),
        Some(_) => Err(CommandError::Syntax),
    }
}

/// The first and the last bit of a range of a string of `len` bytes; none if it is empty. Negative positions count from the end.
fn range(start: i64, end: i64, len: usize, bits: bool) -> Option<(u64, u64)> {
    // Far below what an i64 holds.
    let unit = if bits { 1 } else { 8 };
    let total = len as i64 * 8 / unit;
    let from_front = |position: i64| if position < 0 { (position + total).max(0) } else { position };
    let (start, end) = (from_front(start), from_front(end).min(total - 1));
    (start <= end).then(|| ((start * unit) as u64, (end * unit + unit - 1) as u64))
}

/// Where to look: `[start [end [BYTE|BIT]]]`, as BITCOUNT and BITPOS have it.
struct Where {
    start: i64,
    end: Option<i64>,
    in_bits: bool,
}

impl Where {
    fn parse(argv: Argv<'_>) -> Result<Self, CommandError> {
        if argv.len() > 3 {
            return Err(CommandError::Syntax);
        }
        let in_bits = counts_bits(argv.get(2))?;
        let start = argv.get(0).map_or(Ok(0), args::integer)?;
        let end = argv.get(1).map(args::integer).transpose()?;
        Ok(Self { start, end, in_bits })
    }

    /// The first and the last bit in a string of `len` bytes.
    fn bits(&self, len: usize) -> Option<(u64, u64)> {
        range(self.start, self.end.unwrap_or(-1), len, self.in_bits)
    }
}

/// `BITCOUNT key [start [end [BYTE|BIT]]]` -- O(N). How many bits are set.
fn bitcount(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let wanted = Where::parse(argv.tail(2))?;
    let mut digits = itoa::Buffer::new();
    let value = ctx.keys.read_string(&ctx.key_at(argv, 1))?;
    let bytes = value.map(|value| value.bytes(&mut digits)).unwrap_or_default();
    // Positions before the beginning become the beginning; not so if they are in the wrong order.
    let wrong_order = wanted.end.is_some_and(|end| wanted.start < 0 && end < 0 && wanted.start > end);
    let range = wanted.bits(bytes.len()).filter(|_| !wrong_order);
    let set = range.map_or(0, |(first, last)| bits::count_between(bytes, first, last));
    ctx.reply.integer(set as i64);
    Ok(())
}

/// `BITPOS key bit [start [end [BYTE|BIT]]]` -- O(N). The first bit of this value; -1 if there is none. Without an end, zeros follow
/// the string.
fn bitpos(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let bit = match args::integer(argv.at(2))? {
        0 => false,
        1 => true,
        _ => return Err(CommandError::line("ERR The bit argument must be 1 or 0.")),
    };
    let wanted = Where::parse(argv.tail(3))?;
    let mut digits = itoa::Buffer::new();
    let Some(value) = ctx.keys.read_string(&ctx.key_at(argv, 1))? else {
        // Nothing but zeros.
        ctx.reply.integer(if bit { -1 } else { 0 });
        return Ok(());
    };
    let bytes = value.bytes(&mut digits);
    let found = wanted.bits(bytes.len()).map(|(first, last)| {
        let behind_the_end = (!bit && wanted.end.is_none()).then_some(bytes.len() as u64 * 8);
        bits::find(bytes, bit, first, last).or(behind_the_end)
    });
    ctx.reply.integer(found.flatten().map_or(-1, |position| position as i64));
    Ok(())
}

/// `BITOP AND|OR|XOR|NOT destkey key [key ...]` -- O(N). Stores the combination of strings; its length, which is that of the longest.
fn bitop(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    const OPERATIONS: [(&str, Option<Combine>); 4] =
        [("AND", Some(Combine::And)), ("OR", Some(Combine::Or)), ("XOR", Some(Combine::Xor)), ("NOT", None)];
    let (_, how) =
        OPERATIONS.into_iter().find(|(name, _)| args::is(argv.at(1), name)).ok_or(CommandError::Syntax)?;
    if how.is_none() && argv.len() != 4 {
        return Err(CommandError::line("ERR BITOP NOT must be called with a single source key."));
    }
    let mut result: Option<Vec<u8>> = None;
    for name in argv.iter().skip(3) {
        let mut digits = itoa::Buffer::new();
        let value = ctx.keys.read_string(&ctx.key_of(name))?;
        let bytes = value.map(|value| value.bytes(&mut digits)).unwrap_or_default();
        match (&mut result, how) {
            (Some(result), Some(how)) => bits::combine(result, bytes, how),
            _ => result = Some(bytes.to_vec()),
        }
    }
    let mut result = result.unwrap_or_default();
    if how.is_none() {
        bits::invert(&mut result);
    }
    let (key, len) = (ctx.key_at(argv, 2), result.len());
    if len == 0 {
        ctx.delete(&key, "del")?;
    } else {
        let was_there = ctx.keys.set_buffer(&key, result)?;
        ctx.keys.made_or_modified(&key, !was_there, Class::STRING, "set");
    }
    ctx.reply.integer(len as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges_are_clipped_as_redis_clips_them() {
        for (start, end, bits, expected) in [
            (0, -1, false, Some((0, 47))),
            (0, -1, true, Some((0, 47))),
            (1, 2, false, Some((8, 23))),
            (-2, -1, true, Some((46, 47))),
            (3, 1, false, None),
            (-100, -50, false, Some((0, 7))),
            (6, 9, false, None),
            (i64::MIN, i64::MAX, true, Some((0, 47))),
            (i64::MAX, i64::MIN, true, None),
        ] {
            assert_eq!(range(start, end, 6, bits), expected, "{start} {end} {bits}");
            assert_eq!(range(start, end, 0, bits), None);
        }
    }
}
