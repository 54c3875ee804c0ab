//! LCS: the longest common subsequence of two strings, by the table that every textbook has. The table has four bytes for each
//! pair of positions, so `proto-max-bulk-len` bounds it, as in Redis.

use crate::command;
use crate::keyspace::{EntryRef, StringRef};
use crate::net::argv::Argv;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::spec::{Family, access, keys};

/// The row.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "string",
    commands: &[command!("LCS", -3, READ, [keys(1, 2, 1, access::READ)], lcs,
        "7.0.0", "O(N*M) where N and M are the lengths of s1 and s2, respectively", "Finds the longest common substring.",
        "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]")],
};

/// Longer strings have positions that do not fit in 32 bits, with two to spare.
const STRING_LEN_MAX: usize = u32::MAX as usize - 2;

#[derive(Default)]
struct Options {
    length: bool,
    indexes: bool,
    min_match_len: u64,
    with_match_len: bool,
}

impl Options {
    fn parse(options: Argv<'_>) -> Result<Self, CommandError> {
        let mut parsed = Self::default();
        let mut words = options.iter();
        while let Some(word) = words.next() {
            if args::is(word, "IDX") {
                parsed.indexes = true;
            } else if args::is(word, "LEN") {
                parsed.length = true;
            } else if args::is(word, "WITHMATCHLEN") {
                parsed.with_match_len = true;
            } else if args::is(word, "MINMATCHLEN") {
                let len = args::integer(words.next().ok_or(CommandError::Syntax)?)?;
                parsed.min_match_len = u64::try_from(len).unwrap_or(0);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        if parsed.length && parsed.indexes {
            return Err(CommandError::line(
                "ERR If you want both the length and indexes, please just use IDX.",
            ));
        }
        Ok(parsed)
    }
}

/// `LCS key1 key2 [LEN] [IDX] [MINMATCHLEN len] [WITHMATCHLEN]` -- O(N*M). The subsequence; with LEN its length; with
/// IDX where its pieces are in both strings, from the last to the first.
fn lcs(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let mut texts = [const { None }; 2];
    for (text, position) in texts.iter_mut().zip([1, 2]) {
        *text = match ctx.keys.read(&ctx.key_at(argv, position))? {
            None => Some(Vec::new()),
            Some(entry) => EntryRef::string(entry).map(StringRef::to_vec),
        };
    }
    let [Some(a), Some(b)] = texts else {
        return Err(CommandError::line("ERR The specified keys must contain string values"));
    };
    let options = Options::parse(argv.tail(3))?;
    let table = Table::new(&a, &b, ctx.config.proto_max_bulk_len)?;
    let len = table.at(a.len(), b.len());
    if options.indexes {
        reply_indexes(ctx, &table.pieces(&a, &b), &options, len);
    } else if options.length {
        ctx.reply.integer(i64::from(len));
    } else {
        let mut text = Vec::with_capacity(len as usize);
        for piece in table.pieces(&a, &b).iter().rev() {
            text.extend_from_slice(&a[piece.a..piece.a + piece.len]);
        }
        ctx.reply.bulk(text);
    }
    Ok(())
}

fn reply_indexes(ctx: &mut CommandContext<'_>, pieces: &[Piece], options: &Options, len: u32) {
    let reply = &mut *ctx.reply;
    let shown = || pieces.iter().filter(|piece| piece.len as u64 >= options.min_match_len);
    reply.map_header(2);
    reply.bulk("matches");
    reply.array_header(shown().count());
    for piece in shown() {
        reply.array_header(if options.with_match_len { 3 } else { 2 });
        for start in [piece.a, piece.b] {
            reply.array_header(2);
            reply.integer(start as i64);
            reply.integer((start + piece.len - 1) as i64);
        }
        if options.with_match_len {
            reply.integer(piece.len as i64);
        }
    }
    reply.bulk("len");
    reply.integer(i64::from(len));
}

/// A run of bytes that both strings have, at these positions.
#[derive(Debug, PartialEq, Eq)]
struct Piece {
    a: usize,
    b: usize,
    len: usize,
}

/// The length of the longest common subsequence of each pair of beginnings.
struct Table {
    lengths: Vec<u32>,
    width: usize,
}

impl Table {
    fn new(a: &[u8], b: &[u8], bytes_max: usize) -> Result<Self, CommandError> {
        if a.len() > STRING_LEN_MAX || b.len() > STRING_LEN_MAX {
            return Err(CommandError::line("ERR String too long for LCS"));
        }
        let width = b.len() + 1;
        let cells = width.saturating_mul(a.len() + 1);
        if cells > bytes_max / size_of::<u32>() {
            return Err(CommandError::line(
                "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
            ));
        }
        let mut lengths = Vec::new();
        lengths.try_reserve_exact(cells).map_err(|_| {
            CommandError::line("ERR Insufficient memory, failed allocating transient memory for LCS")
        })?;
        lengths.resize(cells, 0);
        let mut table = Self { lengths, width };
        for (i, byte) in a.iter().enumerate() {
            let (above, row) = table.lengths[i * width..(i + 2) * width].split_at_mut(width);
            for (j, other) in b.iter().enumerate() {
                row[j + 1] = if byte == other { above[j] + 1 } else { above[j + 1].max(row[j]) };
            }
        }
        Ok(table)
    }

    /// For the first `i` bytes of one string and the first `j` of the other.
    fn at(&self, i: usize, j: usize) -> u32 {
        self.lengths[i * self.width + j]
    }

    /// One longest common subsequence, in pieces from the last to the first.
    fn pieces(&self, a: &[u8], b: &[u8]) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        let (mut i, mut j) = (a.len(), b.len());
        let mut inside = false;
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                (i, j) = (i - 1, j - 1);
                match pieces.last_mut() {
                    Some(piece) if inside => *piece = Piece { a: i, b: j, len: piece.len + 1 },
                    _ => pieces.push(Piece { a: i, b: j, len: 1 }),
                }
                inside = true;
                continue;
            }
            inside = false;
            // With two equally good ways, Redis goes back in the second string.
            if self.at(i - 1, j) > self.at(i, j - 1) { i -= 1 } else { j -= 1 }
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_those_of_the_documentation() {
        let (a, b) = (&b"ohmytext"[..], &b"mynewtext"[..]);
        let table = Table::new(a, b, 1 << 20).expect("there is room");
        assert_eq!(table.at(a.len(), b.len()), 6);
        assert_eq!(table.pieces(a, b), [Piece { a: 4, b: 5, len: 4 }, Piece { a: 2, b: 0, len: 2 }]);
    }

    #[test]
    fn the_table_is_limited() {
        let error = Table::new(b"abc", b"abc", 63).err();
        assert!(error.is_some_and(|error| error.to_string().contains("exceeds proto-max-bulk-len")));
        assert!(Table::new(b"abc", b"abc", 64).is_ok());
        assert_eq!(Table::new(b"", b"abc", 64).map(|table| table.pieces(b"", b"abc")).ok(), Some(vec![]));
    }
}
