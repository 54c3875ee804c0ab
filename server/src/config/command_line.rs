//! The command line: `sandkey-server [file.conf] [--directive value ...] [-]`, read as redis-server 7.0 reads it.
//!
//! Options become lines of configuration behind those of the file and of the standard input: `--` begins a directive
//! when the one before it has a value, and everything up to the next one is quoted as its words. So `--port 1`,
//! `"--port 1"`, `--save ""` and `--loadmodule x a b` all work, and `--port --hz 5` complains about `port`.

use std::fmt::Write;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::line::{push_quoted, split_args};
use super::load::{Loader, Startup};
use super::start_error::{Source, StartError};
use super::table::{Effect, FILE_ONLY, GROUPS};

/// What the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    /// To print [`help`].
    Help,
    /// To print [`version`].
    Version,
    /// To run.
    Run(Box<Startup>),
}

/// Read the arguments (without the program's name) and everything that they refer to. Relative paths refer to `cwd`;
/// `stdin` is read only when the arguments say so.
///
/// # Errors
///
/// What is wrong, and where.
pub fn read(args: &[Vec<u8>], cwd: &Path, stdin: &mut dyn Read) -> Result<Invocation, StartError> {
    match args.first().map(Vec::as_slice) {
        Some(b"-v" | b"--version") => return Ok(Invocation::Version),
        Some(b"-h" | b"--help") => return Ok(Invocation::Help),
        _ => {}
    }
    let (file, options) = match args.split_first() {
        Some((file, options)) if !file.starts_with(b"-") => {
            (Some(cwd.join(std::ffi::OsStr::from_bytes(file))), options)
        }
        _ => (None, args),
    };
    let options = Options::read(options, file.is_some());
    let cwd = cwd.canonicalize().unwrap_or_else(|_| cwd.to_path_buf());
    let mut loader = Loader::new(&cwd, file.clone());
    let mut lines = 0;
    if let Some(file) = &file {
        lines += loader.read_file(file, None)?;
    }
    if options.stdin {
        lines += loader.read_stdin(stdin)?;
    }
    loader.read_lines(&options.lines, &Source::CommandLine, lines + 2)?;
    loader.finish().map(|startup| Invocation::Run(Box::new(startup)))
}

/// What `--version` prints.
#[must_use]
pub fn version() -> String {
    let bits = usize::BITS;
    format!("Sandkey server v={} bits={bits}", env!("CARGO_PKG_VERSION"))
}

/// What `--help` prints: how to call the server, and every directive that it acts upon.
#[must_use]
pub fn help() -> String {
    let mut text = String::from(
        "Usage: sandkey-server [/path/to/sandkey.conf] [options] [-]
       sandkey-server - (read config from stdin)
       sandkey-server -v or --version
       sandkey-server -h or --help

Examples:
       sandkey-server (run the server with default conf)
       echo 'maxmemory 128mb' | sandkey-server -
       sandkey-server /etc/sandkey.conf
       sandkey-server --port 7777
       sandkey-server --port 7777 --loadmodule hello.wasm a b
       sandkey-server /etc/sandkey.conf --loglevel verbose -

Every line of a configuration file may be given as an option, `--` in front:
",
    );
    for group in GROUPS {
        let acting: Vec<_> = group.rows.iter().filter(|row| row.effect == Effect::Acts).collect();
        if acting.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n{}:", group.title);
        for row in acting {
            let default = if row.default.is_empty() { "\"\"" } else { row.default };
            let _ = writeln!(text, "  --{} ({default})\n        {}", row.name, row.summary);
        }
    }
    text.push_str("\nIn files and on the command line only:\n");
    for (name, takes) in FILE_ONLY {
        let _ = writeln!(text, "  --{name}\n        Takes {takes}.");
    }
    text
}

/// The options as lines of configuration, and whether the standard input is to be read.
struct Options {
    lines: Vec<u8>,
    stdin: bool,
}

impl Options {
    fn read(args: &[Vec<u8>], after_file: bool) -> Self {
        let (mut lines, mut stdin) = (Vec::new(), false);
        // Whether the directive before has a value, so that `--` may begin the next one.
        let mut complete = true;
        for (at, arg) in args.iter().enumerate() {
            let first = at == 0 && !after_file;
            let last = at + 1 == args.len();
            if arg == b"-" && (first || last) {
                stdin = true;
            } else if let (true, Some(directive)) = (complete, arg.strip_prefix(b"--")) {
                if !lines.is_empty() {
                    lines.push(b'\n');
                }
                lines.extend_from_slice(directive);
                lines.push(b' ');
                // `"--port 1"` brings its value along.
                complete = split_args(arg).is_none_or(|words| words.len() != 1);
                let next_begins = args.get(at + 1).is_none_or(|next| next.starts_with(b"--"));
                if !complete && next_begins && arg.eq_ignore_ascii_case(b"--save") {
                    // `--save` alone means none; scripts that build command lines rely on it.
                    lines.extend_from_slice(b"\"\"");
                    complete = true;
                }
            } else {
                push_quoted(&mut lines, arg);
                lines.push(b' ');
                complete = true;
            }
        }
        Self { lines, stdin }
    }
}

#[cfg(test)]
mod tests;
