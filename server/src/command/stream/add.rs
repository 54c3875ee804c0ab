//! What stands before the fields of XADD and behind the key of XTRIM: which entries go, and which id comes.

use smallvec::SmallVec;

use super::ids::{self, NewId};
use crate::command::args;
use crate::command::error::CommandError;
use crate::keyspace::StreamId;
use crate::keyspace::stream::{Log, LogBefore, Trim};
use crate::limits::{STREAM_TRIM_DEFAULT, STREAM_TRIM_MAX};
use crate::net::argv::Argv;

/// Only a length that need not be met exactly can have one.
const LIMIT_NEEDS_TILDE: CommandError =
    CommandError::line("ERR syntax error, LIMIT cannot be used without the special ~ option");

/// What XADD or XTRIM was told.
pub(super) struct Options {
    /// Which entries go.
    pub(super) trim: Option<Trimming>,
    /// A stream that is not there stays so.
    pub(super) no_mkstream: bool,
    /// The id of the new entry.
    pub(super) id: NewId,
    /// Where it stands among the arguments.
    pub(super) id_at: usize,
}

/// Which entries go, and where that stands among the arguments.
pub(crate) struct Trimming {
    trim: Trim,
    approximate: bool,
    /// The most that go at once; 0 is no limit.
    limit: u64,
    /// Where the length or the id stands.
    value_at: usize,
    /// Where LIMIT stands.
    limit_at: Option<usize>,
}

/// Who asks.
#[derive(Clone, Copy)]
pub(super) struct Asker {
    /// It is XADD.
    pub(super) adds: bool,
    /// A file is being replayed: what is in it has been limited already.
    pub(super) is_loader: bool,
    /// `stream-node-max-entries`.
    pub(super) node_entries: usize,
}

const BOTH: CommandError =
    CommandError::line("ERR syntax error, MAXLEN and MINID options at the same time are not compatible");

impl Options {
    /// Reads them, from behind the key on.
    pub(super) fn parse(argv: Argv<'_>, asker: Asker) -> Result<Self, CommandError> {
        let mut options = Options { trim: None, no_mkstream: false, id: NewId::Any, id_at: argv.len() };
        let (mut limit, mut limit_at) = (0, None);
        let mut at = 2;
        while at < argv.len() {
            let (word, more) = (argv.at(at), argv.len() - 1 - at);
            if asker.adds && word == b"*" {
                options.id_at = at;
                break;
            } else if more > 0 && (args::is(word, "MAXLEN") || args::is(word, "MINID")) {
                if options.trim.is_some() {
                    return Err(BOTH);
                }
                let mark = if more >= 2 { argv.at(at + 1) } else { b"" };
                let value_at = at + 1 + usize::from(matches!(mark, b"~" | b"="));
                let trim = if args::is(word, "MAXLEN") {
                    let max =
                        args::unsigned_integer(argv.at(value_at), "ERR The MAXLEN argument must be >= 0.")?;
                    Trim::MaxLen(max)
                } else {
                    Trim::MinId(ids::id(argv.at(value_at), 0)?)
                };
                let approximate = mark == b"~";
                options.trim = Some(Trimming { trim, approximate, limit: 0, value_at, limit_at: None });
                at = value_at;
            } else if more > 0 && args::is(word, "LIMIT") {
                limit = args::unsigned_integer(argv.at(at + 1), "ERR The LIMIT argument must be >= 0.")?;
                limit_at = Some(at);
                at += 1;
            } else if asker.adds && args::is(word, "NOMKSTREAM") {
                options.no_mkstream = true;
            } else if asker.adds {
                options.id = NewId::parse(word)?;
                options.id_at = at;
                break;
            } else {
                return Err(CommandError::Syntax);
            }
            at += 1;
        }
        options.check_limit(limit, limit_at, asker)?;
        Ok(options)
    }

    fn check_limit(&mut self, limit: u64, limit_at: Option<usize>, asker: Asker) -> Result<(), CommandError> {
        let Some(trimming) = &mut self.trim else {
            if limit != 0 {
                return Err(CommandError::line(
                    "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
                ));
            }
            if !asker.adds {
                return Err(CommandError::line(
                    "ERR syntax error, XTRIM must be called with a trimming strategy",
                ));
            }
            return if limit_at.is_some() && !asker.is_loader { Err(LIMIT_NEEDS_TILDE) } else { Ok(()) };
        };
        if asker.is_loader {
            return Ok(());
        }
        trimming.limit_at = limit_at;
        if limit_at.is_some() {
            if !trimming.approximate {
                return Err(LIMIT_NEEDS_TILDE);
            }
            trimming.limit = limit;
        } else if trimming.approximate {
            trimming.limit = default_limit(asker.node_entries);
        }
        Ok(())
    }
}

/// How many entries go at once if nobody says it.
fn default_limit(node_entries: usize) -> u64 {
    match node_entries.saturating_mul(100) as u64 {
        0 => STREAM_TRIM_DEFAULT,
        entries => entries.min(STREAM_TRIM_MAX),
    }
}

impl Trimming {
    /// What a module asks for, without words.
    pub(crate) fn of(trim: Trim, approximate: bool, node_entries: usize) -> Self {
        let limit = if approximate { default_limit(node_entries) } else { 0 };
        Trimming { trim, approximate, limit, value_at: 0, limit_at: None }
    }

    /// Does it. The result is how many entries are gone.
    pub(super) fn apply(&self, log: &mut Log, before: Option<&mut LogBefore>) -> u64 {
        log.trim(self.trim, self.approximate, self.limit, before)
    }

    /// Whether what was asked for does not say what was done.
    pub(super) fn is_approximate(&self) -> bool {
        self.approximate
    }

    /// What says what was done: the length that is left, or the first id.
    pub(super) fn done(&self, log: &Log) -> Vec<u8> {
        match self.trim {
            Trim::MaxLen(_) => log.len().to_string().into_bytes(),
            Trim::MinId(_) if log.is_empty() => StreamId::MAX.text().to_vec(),
            Trim::MinId(_) => log.first_kept_id().text().to_vec(),
        }
    }

    /// The arguments, with what was done in the place of what was asked for.
    pub(super) fn rewrite<'a>(&self, argv: Argv<'a>, done: &'a [u8]) -> SmallVec<[&'a [u8]; 16]> {
        let mut args: SmallVec<[&[u8]; 16]> = argv.iter().collect();
        if self.approximate {
            args[self.value_at - 1] = b"=";
            args[self.value_at] = done;
        }
        args
    }

    /// Where LIMIT stands, which says nothing once the rest says what was done.
    pub(super) fn limit_at(&self) -> Option<usize> {
        self.limit_at.filter(|_| self.approximate)
    }
}
