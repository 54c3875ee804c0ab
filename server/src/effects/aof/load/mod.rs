//! Reading the append-only file when the server starts: the base, then what changed afterwards, command by command through `dispatch`
//! like everybody's.
//!
//! A file that ends within a command, or within a transaction, was being written when the machine stopped. What is not whole is
//! cut off, so that nothing is appended behind half a command; that is only possible at the end of the last file that has
//! anything in it. Anything else that is not as it was written stops the start, with the file and the place.

mod commands;
mod parameters;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::command::dispatch::{Executor, resolve};
use crate::command::session::{Replay, Session};
use crate::config::Config;
use crate::effects::load::{self, LoadOptions, Target, load_rdb};
use crate::effects::propagate::REPLAY;
use crate::limits;
use crate::net::argv::{Argv, OwnedArgv};
use crate::net::client::{Client, Transport};
use crate::net::reply::ReplyWriter;
use crate::server::Server;

use commands::{Commands, Stop, has_more_commands};
use parameters::Parameters;

use super::manifest::{Directory, Manifest};

/// Why an append-only file cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be opened or read.
    #[error("Can't read the append only file {0}: {1}")]
    Io(PathBuf, io::Error),
    /// It does not go on as it should.
    #[error(
        "Bad file format reading the append only file {0} at byte {1}: make a backup of your AOF file, then use \
         ./redis-check-aof --fix <filename.manifest>"
    )]
    Malformed(PathBuf, u64),
    /// It ends too early, and may not be cut.
    #[error(
        "Unexpected end of file reading the append only file {0} at byte {1}. You can: 1) Make a backup of your AOF file, then \
         use ./redis-check-aof --fix <filename.manifest>. 2) Alternatively you can set the 'aof-load-truncated' \
         configuration option to yes and restart the server."
    )]
    Truncated(PathBuf, u64),
    /// It ends too early, and other files go on behind it.
    #[error("Fatal error: the truncated file is not the last file: {0} at byte {1}")]
    TruncatedMiddle(PathBuf, u64),
    /// It begins with an RDB that cannot be loaded.
    #[error("Error reading the RDB preamble of the AOF file {0}, AOF loading aborted: {1}")]
    Base(PathBuf, load::LoadError),
    /// A command of it fails here.
    #[error("A command of the append only file {0} at byte {1} cannot be repeated: '{2}': {3}")]
    Command(PathBuf, u64, String, String),
}

/// Repeats what files say.
struct Loader<'s> {
    server: &'static Server,
    config: &'s Config,
    executor: Executor,
    reply: ReplyWriter,
    commands: u64,
    parameters: Parameters,
    /// Bytes of the files that are loaded already.
    before: u64,
}

/// The place of a command that cannot be repeated, its name, and the reason.
type Failure = (u64, String, String);

/// How a file ends.
enum End {
    /// Behind a command, at this length.
    Whole(u64),
    /// Within something that begins here.
    Cut(u64),
    /// With something else than a command, or than a transaction, which begins at `from`; it can be seen at `at`.
    Damaged { from: u64, at: u64 },
}

/// A transaction that is being read.
struct Transaction {
    /// Where its MULTI begins.
    offset: u64,
    queue: Vec<(u64, OwnedArgv)>,
}

/// How long the files are that were loaded.
pub struct Sizes {
    /// All of them.
    pub total: u64,
    /// The base.
    pub base: u64,
    /// The last of those that are appended to; 0 if there is only a base.
    pub last: u64,
}

/// Load all files of a manifest, in order.
pub fn load(server: &'static Server, directory: &Directory, manifest: &Manifest) -> Result<Sizes, LoadError> {
    let config = server.config.current();
    let mut loader = Loader {
        server,
        config: &config,
        executor: Executor::new(server, 0),
        reply: ReplyWriter::default(),
        commands: 0,
        parameters: Parameters::default(),
        before: 0,
    };
    let files: Vec<PathBuf> = manifest.files().map(|file| directory.file(&file.name)).collect();
    let lens: Vec<u64> = files.iter().map(|path| len_of(path)).collect::<Result<_, _>>()?;
    // Files without anything in them do not count: a rewrite had just begun.
    let last = lens.iter().rposition(|&len| len > 0).unwrap_or(0);
    server.persistence.begin_loading(lens.iter().sum(), server.clock.now_us() / 1_000_000);
    let mut sizes = Sizes { total: 0, base: 0, last: 0 };
    // What is loaded was all used now, whatever the time is at which it is repeated.
    let access = config.access_clock();
    server.tenant.keyspace.set_access(access.stopped(server.clock.now_ms()));
    let began_ns = server.clock.now_ns();
    let seconds = |since_ns: u64| (server.clock.now_ns() - since_ns) as f64 / 1e9;
    let result = files.iter().enumerate().try_for_each(|(i, path)| {
        let file_ns = server.clock.now_ns();
        let len = loader.load_file(path, i >= last)?;
        let name = path.file_name().unwrap_or_default().display();
        let kind = if i == 0 && manifest.base.is_some() { "base" } else { "incr" };
        tracing::info!("DB loaded from {kind} file {name}: {:.3} seconds", seconds(file_ns));
        loader.before += len;
        sizes.total += len;
        if i == 0 && manifest.base.is_some() {
            sizes.base = len;
        } else {
            sizes.last = len;
        }
        Ok(())
    });
    server.tenant.keyspace.set_access(access);
    result?;
    tracing::info!("DB loaded from append only file: {:.3} seconds", seconds(began_ns));
    Ok(sizes)
}

fn len_of(path: &Path) -> Result<u64, LoadError> {
    let meta = path.metadata().map_err(|error| LoadError::Io(path.to_owned(), error))?;
    Ok(meta.len())
}

impl Loader<'_> {
    /// Load one file. Returns its length, without what was cut off.
    fn load_file(&mut self, path: &Path, is_last: bool) -> Result<u64, LoadError> {
        let io_error = |error| LoadError::Io(path.to_owned(), error);
        let mut file = File::open(path).map_err(io_error)?;
        let len = len_of(path)?;
        let mut head = [0; 5];
        let is_rdb = match file.read_exact(&mut head) {
            Ok(()) => head == *b"REDIS",
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            Err(error) => return Err(io_error(error)),
        };
        file.seek(SeekFrom::Start(0)).map_err(io_error)?;
        let end = if is_rdb {
            let options = LoadOptions { preamble: true, ..LoadOptions::default() };
            let target = Target::Keyspace(&self.server.tenant.keyspace);
            let loaded = load_rdb(self.server, target, file, options);
            let (figures, rest) = loaded.map_err(|error| LoadError::Base(path.to_owned(), error))?;
            self.repeat(path, Commands::new(rest, figures.bytes, len))?
        } else {
            self.repeat(path, Commands::new(file, 0, len))?
        };
        let end = match end {
            End::Damaged { from, at } if is_unwritten(path, at).map_err(io_error)? => End::Cut(from),
            End::Cut(offset) if self.is_damaged(path, offset).map_err(io_error)? => {
                End::Damaged { from: offset, at: offset }
            }
            end => end,
        };
        match end {
            End::Damaged { at, .. } => Err(LoadError::Malformed(path.to_owned(), at)),
            End::Whole(len) => Ok(len),
            End::Cut(offset) if !is_last => Err(LoadError::TruncatedMiddle(path.to_owned(), offset)),
            End::Cut(offset) if !self.config.aof_load_truncated => {
                Err(LoadError::Truncated(path.to_owned(), offset))
            }
            End::Cut(offset) => {
                cut(path, offset).map_err(io_error)?;
                Ok(offset)
            }
        }
    }

    /// Whether what seems to be the beginning of the last command has others behind it. Then its length has been damaged, and
    /// cutting it off would take them along.
    fn is_damaged(&self, path: &Path, offset: u64) -> io::Result<bool> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut tail = Vec::new();
        file.take(limits::AOF_TAIL_LOOKED_AT).read_to_end(&mut tail)?;
        let is_multi = tail.get(8..13).is_some_and(|name| name.eq_ignore_ascii_case(b"MULTI"));
        let table = self.server.tenant.commands();
        // The commands of a transaction without an end were all looked at when they were read.
        Ok(!is_multi && has_more_commands(&tail, |name| table.get(name).is_some()))
    }

    /// Repeat all commands of a file.
    fn repeat<R: Read>(&mut self, path: &Path, mut commands: Commands<R>) -> Result<End, LoadError> {
        let mut session = self.session();
        let mut open: Option<Transaction> = None;
        loop {
            let (offset, argv) = match commands.next() {
                Ok(next) => next,
                Err(Stop::Io(error)) => return Err(LoadError::Io(path.to_owned(), error)),
                Err(Stop::Malformed(from, at)) => {
                    return Ok(End::Damaged { from: open.map_or(from, |open| open.offset), at });
                }
                // A transaction without an end did not happen.
                Err(Stop::End(_) | Stop::Truncated(_)) if let Some(open) = open => {
                    return Ok(End::Cut(open.offset));
                }
                Err(Stop::End(at)) => return Ok(End::Whole(at)),
                Err(Stop::Truncated(at)) => return Ok(End::Cut(at)),
            };
            let result = self.step(&mut session, &mut open, offset, argv);
            result.map_err(|(offset, command, reason)| {
                LoadError::Command(path.to_owned(), offset, command, reason)
            })?;
        }
    }

    /// Who repeats the commands of a file.
    fn session(&self) -> Session {
        let now_ms = self.server.clock.now_ms();
        let client = Client::new(0, String::new(), String::new(), -1, Transport::Internal, now_ms);
        let mut session = Session::new(Arc::new(client), self.server.tenant.anybody());
        session.is_loader = true;
        session
    }

    /// One command of a file: now, or with the rest of its transaction.
    fn step(
        &mut self,
        session: &mut Session,
        open: &mut Option<Transaction>,
        offset: u64,
        argv: Argv<'_>,
    ) -> Result<(), Failure> {
        let is = |name: &str| argv.name().eq_ignore_ascii_case(name.as_bytes());
        match open {
            None if is("MULTI") => *open = Some(Transaction { offset, queue: Vec::new() }),
            None => self.run(session, offset, argv)?,
            Some(_) if is("EXEC") => {
                for (offset, argv) in open.take().into_iter().flat_map(|open| open.queue) {
                    self.run(session, offset, argv.as_argv())?;
                }
            }
            Some(open) => {
                // At once, and not when it runs: if EXEC has been damaged, that would be much later or never.
                self.check(offset, argv)?;
                open.queue.push((offset, argv.to_owned()));
            }
        }
        Ok(())
    }

    /// Whether a command may stand in a transaction.
    fn check(&self, offset: u64, argv: Argv<'_>) -> Result<(), Failure> {
        if is_replay(argv) {
            return Ok(());
        }
        let name = String::from_utf8_lossy(argv.name()).escape_debug().to_string();
        match resolve(&self.server.tenant.commands(), argv) {
            Ok(_) if name.eq_ignore_ascii_case("MULTI") => {
                Err((offset, name, "the transaction before it has no end".to_owned()))
            }
            Ok(_) => Ok(()),
            Err(error) => Err((offset, name, error.to_string())),
        }
    }

    fn run(&mut self, session: &mut Session, offset: u64, argv: Argv<'_>) -> Result<(), Failure> {
        self.commands += 1;
        if self.commands.is_multiple_of(limits::AOF_LOAD_STEP) {
            self.executor.begin();
            self.server.persistence.loading.loaded_bytes.store(self.before + offset, Relaxed);
            self.server.memory.publish_guest();
        }
        let fail = |reason: String| {
            let name = String::from_utf8_lossy(argv.name()).escape_debug().to_string();
            Err((offset, name, reason))
        };
        let mut argv = argv;
        session.replay = None;
        if is_replay(argv) {
            let number =
                |at: usize| argv.get(at).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
            let (Some(now_us), Some(seed), Some(parameters)) = (number(2), number(3), number(4)) else {
                return fail("its time, its seed or the number of its parameters is missing".to_owned());
            };
            session.replay = Some(Replay { now_us, seed });
            let parameters = usize::try_from(parameters).unwrap_or(usize::MAX).saturating_mul(2);
            if parameters >= argv.len() - 5 {
                return fail("it has fewer parameters than it says".to_owned());
            }
            let given = argv.tail(5);
            argv = given.tail(parameters);
            if let Err(reason) = self.parameters.enter(self.server, argv, given, parameters) {
                return fail(reason);
            }
        }
        self.reply.clear();
        match self.executor.replay(session, argv, &mut self.reply) {
            Err(error) => fail(error.to_string()),
            Ok(()) => match self.reply.as_bytes() {
                [b'-', text @ ..] => fail(String::from_utf8_lossy(text).trim_end().to_owned()),
                _ => Ok(()),
            },
        }
    }
}

/// Whether it is a module's command with the time and the seed that it is to have.
fn is_replay(argv: Argv<'_>) -> bool {
    argv.len() > 5 && (0..2).all(|i| argv[i].eq_ignore_ascii_case(REPLAY[i]))
}

/// Whether nothing but zeros follows, behind the beginning of a header perhaps. So the end of a file looks whose length was brought to
/// disk and whose bytes were not.
fn is_unwritten(path: &Path, at: u64) -> io::Result<bool> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(at))?;
    let mut buffer = vec![0; limits::AOF_READ_BUFFER];
    let n = file.read(&mut buffer)?;
    let header = buffer[..n].iter().take(limits::AOF_HEADER_MAX).take_while(|&&byte| byte != 0).count();
    let mut rest = &buffer[header..n];
    let mut zeros = 0;
    while !rest.is_empty() {
        if rest.iter().any(|&byte| byte != 0) {
            return Ok(false);
        }
        zeros += rest.len();
        let n = file.read(&mut buffer)?;
        rest = &buffer[..n];
    }
    Ok(zeros > 0)
}

/// Shorten a file.
fn cut(path: &Path, len: u64) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    tracing::warn!("!!! Warning: short read while loading the AOF file {}!!!", path.display());
    tracing::warn!("AOF {} is cut at byte {len}, where the last whole command ends", path.display());
    file.set_len(len)?;
    file.sync_all()
}
