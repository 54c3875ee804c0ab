//! Data for a file to load: strings and hashes, small and large ones, half of them text that compresses well and half bytes
//! that do not. redis-server makes the file, so nobody loads what it has written itself but the peer.

use crate::process::Server;
use anyhow::Result;

/// Blocks that become a file of a gigabyte.
pub const GIGABYTE: u64 = 230;

/// What one block has: how many keys, fields of each, none for strings, and bytes of a value or of a field's value.
struct Kind {
    name: &'static str,
    keys: u64,
    fields: u64,
    bytes: usize,
    compresses: bool,
}

const KINDS: [Kind; 6] = [
    Kind { name: "session", keys: 12_000, fields: 0, bytes: 100, compresses: false },
    Kind { name: "page", keys: 3_500, fields: 0, bytes: 500, compresses: true },
    Kind { name: "blob", keys: 40, fields: 0, bytes: 8_000, compresses: false },
    Kind { name: "user", keys: 3_000, fields: 10, bytes: 20, compresses: false },
    Kind { name: "article", keys: 2_000, fields: 8, bytes: 60, compresses: true },
    // More fields than a packed hash has.
    Kind { name: "index", keys: 2, fields: 3_000, bytes: 40, compresses: false },
];

/// For people.
pub const WHAT: &str = "strings of 100 B, 500 B and 8 kB and hashes of 10, 8 and 3000 fields; what is called page or article \
                        is text, which compresses, and the rest is random bytes";

/// Words of the text.
const WORDS: [&str; 16] = [
    "the ",
    "server ",
    "answers ",
    "every ",
    "request ",
    "that ",
    "a ",
    "client ",
    "sends ",
    "over ",
    "its ",
    "connection ",
    "and ",
    "keeps ",
    "what ",
    "matters ",
];

/// Commands that are sent at once.
const BATCH: usize = 500;

/// Write so many blocks. Every time the same.
pub fn write(server: &Server, blocks: u64) -> Result<()> {
    let mut connection = server.connect()?;
    let mut source = Source { state: 0x9e37_79b9_7f4a_7c15 };
    for block in 0..blocks {
        let mut pipe = redis::Pipeline::with_capacity(BATCH);
        for kind in &KINDS {
            for number in 0..kind.keys {
                pipe.add_command(command(kind, block * kind.keys + number, &mut source)).ignore();
                if pipe.len() == BATCH {
                    pipe.query::<()>(&mut connection)?;
                    pipe.clear();
                }
            }
        }
        pipe.query::<()>(&mut connection)?;
    }
    Ok(())
}

/// Keys of so many blocks.
pub fn keys(blocks: u64) -> u64 {
    blocks * KINDS.iter().map(|kind| kind.keys).sum::<u64>()
}

fn command(kind: &Kind, number: u64, source: &mut Source) -> redis::Cmd {
    let key = format!("{}:{number}", kind.name);
    let mut command = redis::Cmd::with_capacity(2 + 2 * kind.fields as usize, 64 + kind.bytes);
    if kind.fields == 0 {
        command.arg("SET").arg(key).arg(source.value(kind));
        return command;
    }
    command.arg("HSET").arg(key);
    for field in 0..kind.fields {
        command.arg(format!("field{field}")).arg(source.value(kind));
    }
    command
}

/// Where the bytes come from: xorshift, by Marsaglia.
struct Source {
    state: u64,
}

impl Source {
    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    fn value(&mut self, kind: &Kind) -> Vec<u8> {
        let mut value = Vec::with_capacity(kind.bytes + 16);
        while value.len() < kind.bytes {
            let dice = self.next();
            if kind.compresses {
                let word = WORDS[(dice >> 32) as usize % WORDS.len()];
                value.extend_from_slice(word.as_bytes());
            } else {
                value.extend_from_slice(&dice.to_le_bytes());
            }
        }
        value.truncate(kind.bytes);
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_length_and_are_the_same_every_time() {
        for kind in &KINDS {
            let value = Source { state: 7 }.value(kind);
            assert_eq!(value.len(), kind.bytes);
            assert_eq!(value, Source { state: 7 }.value(kind));
            assert_eq!(value.is_ascii(), kind.compresses, "{}", kind.name);
        }
    }
}
