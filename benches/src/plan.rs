//! What is measured: which commands, on which peers, over which values, and what the figures are to be.
//! One table each, from which the run and the report both follow.

use crate::load::ANY_KEY;

/// Depths of the pipeline.
pub const PIPELINES: [u32; 3] = [1, 16, 64];

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// Sandkey, a command of its own.
    Sandkey,
    /// Sandkey, a command of a module in the sandbox.
    SandkeyModule,
    /// redis-server, a command of its own.
    Redis,
    /// redis-server, a command of a native module.
    RedisModule,
    /// redis-server, a Lua script by its digest.
    RedisLua,
}

impl Peer {
    /// For tables.
    pub fn name(self) -> &'static str {
        match self {
            Peer::Sandkey => "Sandkey",
            Peer::SandkeyModule => "Sandkey, wasm module",
            Peer::Redis => "redis-server",
            Peer::RedisModule => "redis-server, native .so",
            Peer::RedisLua => "redis-server, Lua EVALSHA",
        }
    }

    /// Whether it is the Sandkey process that answers.
    pub fn is_ours(self) -> bool {
        matches!(self, Peer::Sandkey | Peer::SandkeyModule)
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// Read a key.
    Get,
    /// Write a key.
    Set,
    /// A module command that does nothing.
    Nop,
    /// A module command that reads a number, adds one and writes it.
    Incr,
}

/// The Lua twins of the module commands.
pub const LUA_NOP: &str = "return redis.status_reply('OK')";
/// See [`LUA_NOP`].
pub const LUA_INCR: &str = "local n = (tonumber(redis.call('GET', KEYS[1]) or '0')) + 1 \
                            redis.call('SET', KEYS[1], n) return n";

/// Digests of the Lua scripts, as the server gave them.
#[derive(Debug, Clone)]
pub struct Scripts {
    /// Of [`LUA_NOP`].
    pub nop: String,
    /// Of [`LUA_INCR`].
    pub incr: String,
}

impl Question {
    /// For tables.
    pub fn name(self) -> &'static str {
        match self {
            Question::Get => "GET",
            Question::Set => "SET",
            Question::Nop => "no-op",
            Question::Incr => "read and write one key",
        }
    }

    /// Who is asked.
    pub fn peers(self) -> &'static [Peer] {
        match self {
            Question::Get | Question::Set => &[Peer::Sandkey, Peer::Redis],
            Question::Nop | Question::Incr => &[Peer::SandkeyModule, Peer::RedisModule, Peer::RedisLua],
        }
    }

    /// The request that asks it of this peer.
    pub fn argv(self, peer: Peer, value: &str, scripts: &Scripts) -> Vec<String> {
        let line: &[&str] = match (self, peer) {
            (Question::Get, _) => &["GET", ANY_KEY],
            (Question::Set, _) => &["SET", ANY_KEY, value],
            (Question::Nop, Peer::RedisLua) => &["EVALSHA", &scripts.nop, "0"],
            (Question::Nop, _) => &["BENCH.NOP"],
            (Question::Incr, Peer::RedisLua) => &["EVALSHA", &scripts.incr, "1", ANY_KEY],
            (Question::Incr, _) => &["BENCH.INCR", ANY_KEY],
        };
        line.iter().map(|&word| word.to_owned()).collect()
    }
}

/// A stretch of the run in which every key holds the same value.
#[derive(Debug, Clone, Copy)]
pub struct Phase {
    /// What the values are, for tables.
    pub values: Values,
    /// What is asked meanwhile.
    pub questions: &'static [Question],
}

/// What the keys hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Values {
    /// Three letters.
    Small,
    /// A kilobyte.
    Large,
    /// A number of three digits.
    Number,
}

impl Values {
    /// For tables.
    pub fn name(self) -> &'static str {
        match self {
            Values::Small => "3 B",
            Values::Large => "1 kB",
            Values::Number => "a number of 3 B",
        }
    }

    /// The value itself. The small one is no number: redis-server keeps one copy of a small number for all keys.
    pub fn text(self) -> String {
        match self {
            Values::Small => "xyz".to_owned(),
            Values::Large => "x".repeat(1024),
            Values::Number => "100".to_owned(),
        }
    }
}

/// The run, in order.
pub const PHASES: [Phase; 3] = [
    Phase { values: Values::Small, questions: &[Question::Get, Question::Set, Question::Nop] },
    Phase { values: Values::Number, questions: &[Question::Incr] },
    Phase { values: Values::Large, questions: &[Question::Get, Question::Set] },
];

/// One series of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// What the keys held.
    pub values: Values,
    /// What was asked.
    pub question: Question,
    /// How deep the pipeline was.
    pub pipeline: u32,
    /// Who answered.
    pub peer: Peer,
}

/// A figure that is to be reached: our CPU time per request against a peer's.
#[derive(Debug, Clone, Copy)]
pub struct Goal {
    /// Our cell but for the peer.
    pub question: Question,
    /// See [`Cell`].
    pub values: Values,
    /// See [`Cell`].
    pub pipeline: u32,
    /// Whom it is held against.
    pub against: Peer,
    /// The ratio that is not to be exceeded.
    pub at_most: f64,
}

/// All goals about CPU time of the series. Other goals are those of the experiments.
pub fn goals() -> Vec<Goal> {
    let mut goals = Vec::new();
    for (pipeline, at_most) in [(16, 0.45), (64, 0.30), (1, 0.95)] {
        for values in [Values::Small, Values::Large] {
            for question in [Question::Get, Question::Set] {
                goals.push(Goal { question, values, pipeline, against: Peer::Redis, at_most });
            }
        }
    }
    let modules = [
        (Question::Nop, Values::Small, Peer::RedisModule, 1.0),
        (Question::Incr, Values::Number, Peer::RedisModule, 0.65),
        (Question::Incr, Values::Number, Peer::RedisLua, 0.35),
    ];
    for (question, values, against, at_most) in modules {
        goals.push(Goal { question, values, pipeline: 16, against, at_most });
    }
    goals
}

impl Goal {
    /// Our cell.
    pub fn ours(&self) -> Cell {
        let peer = if self.against == Peer::Redis { Peer::Sandkey } else { Peer::SandkeyModule };
        Cell { values: self.values, question: self.question, pipeline: self.pipeline, peer }
    }

    /// The cell that it is held against.
    pub fn theirs(&self) -> Cell {
        Cell { peer: self.against, ..self.ours() }
    }

    /// For the table.
    pub fn text(&self) -> String {
        let Goal { question, values, pipeline, against, .. } = self;
        format!("{}, {}, at P{pipeline}, against {}", question.name(), values.name(), against.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_goal_is_about_something_that_is_measured() {
        for goal in goals() {
            let measured = |cell: Cell| {
                PIPELINES.contains(&cell.pipeline)
                    && cell.question.peers().contains(&cell.peer)
                    && PHASES.iter().any(|p| p.values == cell.values && p.questions.contains(&cell.question))
            };
            assert!(measured(goal.ours()) && measured(goal.theirs()), "{}", goal.text());
        }
    }
}
