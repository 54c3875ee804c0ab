//! Compare and set: change a value only if it is what the caller believes it to be, without WATCH and without a script.
//! On ordinary strings and hashes, so that everything else can read and write them too: CAS.* for strings, HCAS.* for
//! fields of hashes. With `SET lock me NX PX 10000`, CAS.PEXPIRE and CAS.DEL are a lock that only its holder extends and
//! releases.
use sandkey::prelude::*;

mod hash;
mod options;
mod string;

module! {
    name: "cas",
    version: 1,
    summary: "Change values only if they are what the caller believes.",
    commands: [
        string::set, string::mset, string::swap, string::del, string::pexpire, string::incrby,
        hash::set, hash::mset, hash::del, hash::incrby,
    ],
}

/// How a comparison went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It matched, and the change was made: 1.
    Done,
    /// There is another value: 0.
    Differs,
    /// There is no value: -1.
    Missing,
}

impl Outcome {
    fn of(current: Option<Vec<u8>>, expected: &[u8]) -> Self {
        match current {
            None => Self::Missing,
            Some(current) if current == expected => Self::Done,
            Some(_) => Self::Differs,
        }
    }
}

impl From<Outcome> for Reply {
    fn from(outcome: Outcome) -> Self {
        Self::Integer(match outcome {
            Outcome::Done => 1,
            Outcome::Differs => 0,
            Outcome::Missing => -1,
        })
    }
}
