//! Commands on parts of strings: APPEND, STRLEN, GETRANGE, SETRANGE. Positions count bytes.

use crate::effects::notify::Class;
use crate::keyspace::StringRef;
use crate::net::argv::Argv;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::spec::{Family, access, key};

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "string",
    commands: &[
        command!("APPEND", 3, WRITE | OOM | FAST, [key(1, access::INSERT)], append,
            "2.0.0", "O(1). The amortized time complexity is O(1) assuming the appended value is small and the already present value is of any size, since a string that has grown has room to grow again.",
            "Appends a string to the value of a key. Creates the key if it doesn't exist.", "key value"),
        command!("STRLEN", 2, READ | FAST, [key(1, access::INSPECT)], strlen,
            "2.2.0", "O(1)", "Returns the length of a string value.", "key"),
        command!("GETRANGE", 4, READ, [key(1, access::READ)], getrange,
            "2.4.0", "O(N) where N is the length of the returned string.",
            "Returns a substring of the string stored at a key.", "key start end"),
        command!("SUBSTR", 4, READ, [key(1, access::READ)], getrange,
            "1.0.0", "O(N) where N is the length of the returned string.",
            "Returns a substring from a string value.", "key start end"),
        command!("SETRANGE", 4, WRITE | OOM, [key(1, access::UPDATE)], setrange,
            "2.2.0", "O(1), not counting the time taken to copy the new string in place. Otherwise, complexity is O(M) with M being the length of the value argument.",
            "Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist.",
            "key offset value"),
    ],
};

/// Refuse a string that would become longer than one request may bring.
fn check_length(ctx: &CommandContext<'_>, len: usize, more: usize) -> CommandResult {
    match len.checked_add(more) {
        Some(len) if len <= ctx.config.proto_max_bulk_len => Ok(()),
        _ => Err(CommandError::TooLong),
    }
}

/// `APPEND key value` -- O(1) in the length of what is there. The new length.
fn append(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    let now_ms = ctx.now_ms();
    let old = ctx.keys.peek_string(&key)?.map(StringRef::len);
    if let Some(len) = old {
        check_length(ctx, len, argv[2].len())?;
    }
    let len = ctx.keys.write(&key)?.append(&key, argv.at(2), now_ms)?;
    ctx.keys.made_or_modified(&key, old.is_none(), Class::STRING, "append");
    ctx.reply.integer(len as i64);
    Ok(())
}

/// `STRLEN key` -- O(1). The length; 0 if there is no such key.
fn strlen(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let len = ctx.keys.read_string(&ctx.key_at(argv, 1))?.map_or(0, StringRef::len);
    ctx.reply.integer(len as i64);
    Ok(())
}

/// `GETRANGE key start end` -- O(N). The bytes from one position to another, both included; negative ones count
/// from the end.
fn getrange(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let start = args::integer(argv.at(2))?;
    let end = args::integer(argv.at(3))?;
    let mut digits = itoa::Buffer::new();
    let value = ctx.keys.read_string(&ctx.key_at(argv, 1))?;
    let bytes = value.map(|value| value.bytes(&mut digits)).unwrap_or_default();
    ctx.reply.bulk(slice(bytes, start, end));
    Ok(())
}

/// The bytes from `start` to `end`, as GETRANGE counts.
fn slice(bytes: &[u8], start: i64, end: i64) -> &[u8] {
    if start < 0 && end < 0 && start > end {
        return &[];
    }
    let len = bytes.len() as i64;
    let from_front = |position: i64| if position < 0 { (position + len).max(0) } else { position };
    let (start, end) = (from_front(start), from_front(end).min(len - 1));
    if start > end { &[] } else { &bytes[start as usize..=end as usize] }
}

/// `SETRANGE key offset value` -- O(1). The new length. Zero bytes fill a gap.
fn setrange(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let offset = args::integer(argv.at(2))?;
    let offset = usize::try_from(offset).map_err(|_| CommandError::line("ERR offset is out of range"))?;
    let value = argv.at(3);
    let key = ctx.key_at(argv, 1);
    let now_ms = ctx.now_ms();
    let old = ctx.keys.peek_string(&key)?.map(StringRef::len);
    if value.is_empty() {
        ctx.reply.integer(old.unwrap_or(0) as i64);
        return Ok(());
    }
    check_length(ctx, offset, value.len())?;
    let len = ctx.keys.write(&key)?.set_range(&key, offset, value, now_ms)?;
    ctx.keys.made_or_modified(&key, old.is_none(), Class::STRING, "setrange");
    ctx.reply.integer(len as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::slice;

    #[test]
    fn ranges_are_clipped_as_redis_clips_them() {
        for (start, end, expected) in [
            (0, -1, "hello"),
            (1, 3, "ell"),
            (-3, -2, "ll"),
            (3, 1, ""),
            (-2, -3, ""),
            (5, 9, ""),
            (4, 9, "o"),
            (-100, 1, "he"),
            // Both lie before the beginning, which is then both of them.
            (-100, -50, "h"),
            (i64::MIN, i64::MAX, "hello"),
            (i64::MAX, i64::MIN, ""),
        ] {
            assert_eq!(slice(b"hello", start, end), expected.as_bytes(), "{start} {end}");
            assert_eq!(slice(b"", start, end), b"");
        }
    }
}
