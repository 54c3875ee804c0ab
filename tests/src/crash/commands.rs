//! What a client sends: the commands, each with its arguments. What they do is in `effect`.

use super::collections::Collection;
use super::model::Bytes;

/// One command.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    Set {
        key: String,
        value: Bytes,
        expire_ms: Option<u64>,
    },
    Append {
        key: String,
        value: Bytes,
    },
    SetRange {
        key: String,
        at: usize,
        value: Bytes,
    },
    GetDel {
        key: String,
    },
    IncrBy {
        key: String,
        by: i64,
    },
    MSet {
        pairs: Vec<(String, Bytes)>,
    },
    Del {
        keys: Vec<String>,
    },
    Rename {
        from: String,
        to: String,
    },
    Copy {
        from: String,
        to: String,
    },
    ExpireAt {
        key: String,
        ms: u64,
    },
    Persist {
        key: String,
    },
    HSet {
        key: String,
        pairs: Vec<(Bytes, Bytes)>,
    },
    HDel {
        key: String,
        fields: Vec<Bytes>,
    },
    HIncrBy {
        key: String,
        field: Bytes,
        by: i64,
    },
    Collection(Collection),
    CasSet {
        key: String,
        expected: Bytes,
        new: Bytes,
    },
    CasMSet {
        changes: Vec<(String, Bytes, Bytes)>,
    },
    Throttle {
        key: String,
    },
    Add {
        key: String,
        amount: i64,
        text: Bytes,
    },
    Stamp {
        key: String,
        text: Bytes,
    },
    Fill {
        key: String,
        len: usize,
        seed: u64,
    },
    Trim {
        key: String,
        keep: usize,
    },
    Link {
        key: String,
        other: String,
    },
    Reset {
        key: String,
        amount: i64,
    },
    Move {
        from: String,
        to: String,
        amount: i64,
    },
    AddAll {
        amount: i64,
        text: Bytes,
        keys: Vec<String>,
        journal: bool,
    },
    Mixed {
        key: String,
        counter: String,
        hash: String,
        amount: i64,
    },
    Through {
        key: String,
        amount: i64,
    },
    Swap {
        left: String,
        right: String,
    },
    /// Change three keys and fail in this way.
    Fail {
        key: String,
        native: String,
        replaced: String,
        how: &'static str,
    },
    /// Burn fuel and then change three keys in steps: it may be ended anywhere.
    Burn {
        key: String,
        counter: String,
        other: String,
        rounds: u64,
        steps: i64,
    },
}

/// What CL.THROTTLE of the script allows at most.
pub(crate) const BURST: i64 = 100_000;

/// How long it takes until one of these is given back: longer than any test.
pub(crate) const PERIOD_S: i64 = 10_000;

impl Command {
    /// Whether it is a command of the module that may be away.
    pub(crate) fn is_ledger(&self) -> bool {
        self.args()[0].starts_with(b"LEDGER.")
    }

    /// Whether it may be ended by its fuel, so that only the reply says whether it has done anything.
    pub(crate) fn is_uncertain(&self) -> bool {
        matches!(self, Command::Burn { .. })
    }

    /// Its arguments.
    pub(crate) fn args(&self) -> Vec<Bytes> {
        match self {
            Command::Set { key, value, expire_ms } => {
                let mut args = words(&[b"SET", key.as_bytes(), value]);
                if let Some(ms) = expire_ms {
                    args.extend(words(&[b"PXAT", &text(ms)]));
                }
                args
            }
            Command::Append { key, value } => words(&[b"APPEND", key.as_bytes(), value]),
            Command::SetRange { key, at, value } => words(&[b"SETRANGE", key.as_bytes(), &text(at), value]),
            Command::GetDel { key } => words(&[b"GETDEL", key.as_bytes()]),
            Command::IncrBy { key, by } => words(&[b"INCRBY", key.as_bytes(), &text(by)]),
            Command::MSet { pairs } => {
                list(&[b"MSET"], pairs.iter().flat_map(|(key, value)| [key.as_bytes(), value]))
            }
            Command::Del { keys } => list(&[b"DEL"], keys.iter().map(String::as_bytes)),
            Command::Rename { from, to } => words(&[b"RENAME", from.as_bytes(), to.as_bytes()]),
            Command::Copy { from, to } => words(&[b"COPY", from.as_bytes(), to.as_bytes(), b"REPLACE"]),
            Command::ExpireAt { key, ms } => words(&[b"PEXPIREAT", key.as_bytes(), &text(ms)]),
            Command::Persist { key } => words(&[b"PERSIST", key.as_bytes()]),
            Command::HSet { key, pairs } => {
                let pairs = pairs.iter().flat_map(|(field, value)| [field.as_slice(), value]);
                list(&[b"HSET", key.as_bytes()], pairs)
            }
            Command::HDel { key, fields } => {
                list(&[b"HDEL", key.as_bytes()], fields.iter().map(Vec::as_slice))
            }
            Command::HIncrBy { key, field, by } => words(&[b"HINCRBY", key.as_bytes(), field, &text(by)]),
            Command::Collection(command) => command.args(),
            Command::CasSet { key, expected, new } => {
                words(&[b"CAS.SET", key.as_bytes(), expected, new, b"KEEPTTL"])
            }
            Command::CasMSet { changes } => {
                let changes = changes.iter().flat_map(|(key, expected, new)| [key.as_bytes(), expected, new]);
                list(&[b"CAS.MSET"], changes)
            }
            Command::Throttle { key } => {
                words(&[b"CL.THROTTLE", key.as_bytes(), &text(&(BURST - 1)), b"1", &text(&PERIOD_S)])
            }
            ledger => ledger.ledger_args(),
        }
    }

    fn ledger_args(&self) -> Vec<Bytes> {
        match self {
            Command::Add { key, amount, text: line } => {
                words(&[b"LEDGER.ADD", key.as_bytes(), &text(amount), line])
            }
            Command::Stamp { key, text } => words(&[b"LEDGER.STAMP", key.as_bytes(), text]),
            Command::Fill { key, len, seed } => {
                words(&[b"LEDGER.FILL", key.as_bytes(), &text(len), &text(seed)])
            }
            Command::Trim { key, keep } => words(&[b"LEDGER.TRIM", key.as_bytes(), &text(keep)]),
            Command::Link { key, other } => words(&[b"LEDGER.LINK", key.as_bytes(), other.as_bytes()]),
            Command::Reset { key, amount } => words(&[b"LEDGER.RESET", key.as_bytes(), &text(amount)]),
            Command::Move { from, to, amount } => {
                words(&[b"LEDGER.MOVE", from.as_bytes(), to.as_bytes(), &text(amount)])
            }
            Command::AddAll { amount, text: line, keys, journal } => {
                let name: &[u8] = if *journal { b"LEDGER.POSTALL" } else { b"LEDGER.ADDALL" };
                list(&[name, &text(amount), line], keys.iter().map(String::as_bytes))
            }
            Command::Mixed { key, counter, hash, amount } => {
                words(&[b"LEDGER.MIXED", key.as_bytes(), counter.as_bytes(), hash.as_bytes(), &text(amount)])
            }
            Command::Through { key, amount } => words(&[b"LEDGER.THROUGH", key.as_bytes(), &text(amount)]),
            Command::Swap { left, right } => words(&[b"LEDGER.SWAP", left.as_bytes(), right.as_bytes()]),
            Command::Fail { key, native, replaced, how } => words(&[
                b"LEDGER.FAIL",
                key.as_bytes(),
                native.as_bytes(),
                replaced.as_bytes(),
                how.as_bytes(),
            ]),
            Command::Burn { key, counter, other, rounds, steps } => words(&[
                b"LEDGER.BURN",
                key.as_bytes(),
                counter.as_bytes(),
                other.as_bytes(),
                &text(rounds),
                &text(steps),
            ]),
            native => unreachable!("{native:?} is no command of the module"),
        }
    }
}

pub(crate) fn words(words: &[&[u8]]) -> Vec<Bytes> {
    words.iter().map(|word| word.to_vec()).collect()
}

pub(crate) fn list<'w>(first: &[&[u8]], rest: impl Iterator<Item = &'w [u8]>) -> Vec<Bytes> {
    words(first).into_iter().chain(rest.map(<[u8]>::to_vec)).collect()
}

pub(crate) fn text(number: &impl ToString) -> Bytes {
    number.to_string().into_bytes()
}
