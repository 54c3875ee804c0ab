//! Reading the configuration at the start: files with their includes, the standard input, and options, line by line,
//! each later one over the earlier ones.
//!
//! What needs the commands, the users or the modules to be understood is collected with its [`Origin`] for those who
//! know them.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::glob;
use super::kind::{Kind, Value, os_text};
use super::line::{split_args, trim};
use super::snapshot::{Config, settle};
use super::start_error::{Origin, Source, StartError};
use super::store::file_words;
use super::table::{self, Directive, FILE_ONLY, Place, RETIRED};

/// The most bytes of one source. A configuration is some kilobytes; more is some other file by mistake.
const SOURCE_BYTES_MAX: u64 = 8 << 20;

/// How deep files may include each other; a file that includes itself comes to this end.
const INCLUDE_DEPTH_MAX: usize = 16;

const BAD_DIRECTIVE: &str = "Bad directive or wrong number of arguments";

/// `loadmodule path args...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadModule {
    /// The module's file, as it was given: a relative path is relative to `dir`.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<Vec<u8>>,
    /// Where this was read.
    pub origin: Origin,
}

/// `module.name value`: a parameter of a module that is loaded later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleConfig {
    /// The full name, in lower case.
    pub name: String,
    /// The value; several words are joined by blanks.
    pub value: Vec<u8>,
    /// Where this was read.
    pub origin: Origin,
}

/// `user name rules...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserLine {
    /// The user.
    pub name: Vec<u8>,
    /// The ACL rules.
    pub rules: Vec<Vec<u8>>,
    /// Where this was read.
    pub origin: Origin,
}

/// `rename-command from to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenameCommand {
    /// The command.
    pub from: Vec<u8>,
    /// Its new name; empty removes it.
    pub to: Vec<u8>,
    /// Where this was read.
    pub origin: Origin,
}

/// Everything that the configuration says at the start.
#[derive(Clone, Debug)]
pub struct Startup {
    /// The directives.
    pub config: Config,
    /// The file that CONFIG REWRITE writes to, absolute.
    pub config_file: Option<PathBuf>,
    /// The modules to load, in order.
    pub load_modules: Vec<LoadModule>,
    /// Parameters of modules. One that is left when all modules are loaded stops the start.
    pub module_configs: Vec<ModuleConfig>,
    /// Users.
    pub users: Vec<UserLine>,
    /// Commands to rename.
    pub rename_commands: Vec<RenameCommand>,
}

/// Reads sources one after another.
pub(crate) struct Loader {
    values: Vec<Value>,
    /// The first `save` replaces the default; the next ones add to it.
    save_seen: bool,
    depth: usize,
    found: Startup,
}

impl Loader {
    /// Begin with the defaults; `cwd` is the directory that relative paths refer to.
    pub(crate) fn new(cwd: &Path, config_file: Option<PathBuf>) -> Self {
        let mut values = table::default_values();
        values[place_of("dir")] = Value::Dir(cwd.into());
        let found = Startup {
            config: Config::default(),
            config_file,
            load_modules: Vec::new(),
            module_configs: Vec::new(),
            users: Vec::new(),
            rename_commands: Vec::new(),
        };
        Self { values, save_seen: false, depth: 0, found }
    }

    /// The directory that relative paths refer to now.
    fn dir(&self) -> &Path {
        match &self.values[place_of("dir")] {
            Value::Dir(path) => path,
            _ => Path::new("/"),
        }
    }

    /// Read a file; the number of its lines.
    pub(crate) fn read_file(&mut self, path: &Path, included: Option<&Origin>) -> Result<usize, StartError> {
        let cannot = |reason: String| StartError::CannotOpen {
            path: path.to_path_buf(),
            reason,
            included: included.cloned().map(Box::new),
        };
        let file = File::open(path).map_err(|error| cannot(os_text(&error)))?;
        let text = read_all(file).map_err(cannot)?;
        self.read_lines(&text, &Source::File(path.to_path_buf()), 1)
    }

    /// Read the standard input; the number of its lines.
    pub(crate) fn read_stdin(&mut self, stdin: &mut dyn Read) -> Result<usize, StartError> {
        let text = read_all(stdin).map_err(|reason| StartError::CannotOpen {
            path: PathBuf::from("(standard input)"),
            reason,
            included: None,
        })?;
        self.read_lines(&text, &Source::Stdin, 1)
    }

    /// Read lines, the first of which has this number; how many line ends there were.
    pub(crate) fn read_lines(
        &mut self,
        text: &[u8],
        source: &Source,
        first: usize,
    ) -> Result<usize, StartError> {
        let mut count = 0;
        for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
            count = number;
            let line = trim(line);
            if line.is_empty() || line[0] == b'#' {
                continue;
            }
            let origin = Origin { source: source.clone(), line: first + number, text: line.to_vec() };
            let mut words = split_args(line).ok_or_else(|| {
                origin
                    .fail("Unbalanced quotes in configuration line")
                    .with_hint("a quote must be closed, and a blank must follow it")
            })?;
            if words.is_empty() {
                continue;
            }
            words[0].make_ascii_lowercase();
            self.read_line(&words, &origin)?;
        }
        Ok(count)
    }

    fn read_line(&mut self, words: &[Vec<u8>], origin: &Origin) -> Result<(), StartError> {
        let (name, rest) = (&words[0], &words[1..]);
        if let Some((place, directive)) = table::lookup(name) {
            return self.read_directive(place, directive, rest, origin);
        }
        match (name.as_slice(), rest) {
            (retired, [_]) if RETIRED.iter().any(|known| known.as_bytes() == retired) => {}
            (b"include", [pattern]) => self.include(pattern, origin)?,
            (b"rename-command", [from, to]) => self.found.rename_commands.push(RenameCommand {
                from: from.clone(),
                to: to.clone(),
                origin: origin.clone(),
            }),
            (b"user", [user, rules @ ..]) => self.found.users.push(UserLine {
                name: user.clone(),
                rules: rules.to_vec(),
                origin: origin.clone(),
            }),
            (b"loadmodule", [path, args @ ..]) => self.found.load_modules.push(LoadModule {
                path: OsStr::from_bytes(path).into(),
                args: args.to_vec(),
                origin: origin.clone(),
            }),
            (b"sentinel", _) => return Err(origin.fail("sentinel directive while not in sentinel mode")),
            (dotted, rest) if dotted.contains(&b'.') => self.module_config(dotted, rest, origin)?,
            (unknown, _) => return Err(bad_directive(unknown, origin)),
        }
        Ok(())
    }

    fn read_directive(
        &mut self,
        place: Place,
        directive: &'static Directive,
        words: &[Vec<u8>],
        origin: &Origin,
    ) -> Result<(), StartError> {
        let old = &self.values[place];
        let parsed = file_words(directive, words).and_then(|words| directive.kind.parse(&words, old));
        let mut value = parsed.map_err(|reason| {
            let (name, takes) = (directive.name, directive.kind.describe());
            origin.fail(reason).with_hint(format!("'{name}' takes {takes}."))
        })?;
        if let (Kind::Save, Value::Save(new), Value::Save(old)) = (&directive.kind, &value, old) {
            // `save ""` forgets the points before it; others add to those that were read.
            let one_empty = words.iter().all(Vec::is_empty) && words.len() == 1;
            if self.save_seen && !one_empty {
                value = Value::Save(old.iter().chain(new.iter()).copied().collect());
            }
            self.save_seen = true;
        }
        self.values[place] = settle(place, value);
        Ok(())
    }

    fn module_config(&mut self, name: &[u8], words: &[Vec<u8>], origin: &Origin) -> Result<(), StartError> {
        if words.is_empty() {
            return Err(origin.fail("Module config specified without value"));
        }
        let name = String::from_utf8_lossy(name).into_owned();
        let value = words.join(&b' ');
        self.found.module_configs.retain(|known| known.name != name);
        self.found.module_configs.push(ModuleConfig { name, value, origin: origin.clone() });
        Ok(())
    }

    fn include(&mut self, pattern: &[u8], origin: &Origin) -> Result<(), StartError> {
        if self.depth >= INCLUDE_DEPTH_MAX {
            return Err(origin
                .fail("Too many nested include directives")
                .with_hint(format!("files may include each other {INCLUDE_DEPTH_MAX} deep")));
        }
        self.depth += 1;
        if glob::is_pattern(pattern) {
            for path in expand(self.dir(), pattern) {
                self.read_file(&path, Some(origin))?;
            }
        } else {
            let path = self.dir().join(OsStr::from_bytes(pattern));
            self.read_file(&path, Some(origin))?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// All sources are read: check what only the whole can show.
    pub(crate) fn finish(mut self) -> Result<Startup, StartError> {
        self.found.config = Config::new(self.values.into(), Arc::default());
        let config = &self.found.config;
        let fatal = |reason: String| StartError::Fatal { at: None, reason, hint: None };
        if let Some(logfile) = &config.logfile {
            let path = config.in_dir(logfile);
            File::options().append(true).create(true).open(&path).map_err(|error| {
                fatal(format!("Can't open the log file: {}", os_text(&error)))
                    .with_hint(format!("logfile is {}.", path.display()))
            })?;
        }
        let is = |name: &str, value: &[u8]| config.text_of(name).as_deref() == Some(value);
        if is("cluster-enabled", b"yes") && !is("replicaof", b"") {
            let error = fatal("replicaof directive not allowed in cluster mode".into());
            return Err(error.with_hint("Nodes of a cluster learn their primary with CLUSTER REPLICATE."));
        }
        Ok(self.found)
    }
}

/// An unknown name, with the nearest known one; or a known one with words that it does not take.
fn bad_directive(name: &[u8], origin: &Origin) -> StartError {
    let error = origin.fail(BAD_DIRECTIVE);
    if let Some((name, takes)) = FILE_ONLY.iter().find(|(known, _)| known.as_bytes() == name) {
        return error.with_hint(format!("'{name}' takes {takes}."));
    }
    let name = String::from_utf8_lossy(name);
    match table::nearest(name.as_bytes()) {
        Some(near) => error.with_hint(format!("there is no directive '{name}'. Did you mean '{near}'?")),
        None => error.with_hint(format!("there is no directive '{name}'.")),
    }
}

fn place_of(name: &str) -> Place {
    table::lookup(name.as_bytes()).map_or_else(|| unreachable!("{name} is in the table"), |(place, _)| place)
}

fn read_all(source: impl Read) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    source.take(SOURCE_BYTES_MAX + 1).read_to_end(&mut text).map_err(|error| os_text(&error))?;
    if text.len() as u64 > SOURCE_BYTES_MAX {
        return Err(format!("it is larger than {} MiB", SOURCE_BYTES_MAX >> 20));
    }
    Ok(text)
}

/// The files that a pattern names, sorted: `*`, `?` and classes within each part of the path, where a leading dot
/// must be written out. No file at all is no error, so that a directory of includes may be empty.
fn expand(base: &Path, pattern: &[u8]) -> Vec<PathBuf> {
    let start = if pattern.starts_with(b"/") { Path::new("/") } else { base };
    let mut paths = vec![start.to_path_buf()];
    for part in pattern.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
        if !glob::is_pattern(part) {
            paths.iter_mut().for_each(|path| path.push(OsStr::from_bytes(part)));
            continue;
        }
        let listed = paths.iter().flat_map(|path| {
            let entries = path.read_dir().into_iter().flatten().flatten();
            entries
                .map(|entry| entry.file_name().into_vec())
                .filter(|name| fits(part, name))
                .map(|name| path.join(OsStr::from_bytes(&name)))
        });
        paths = listed.collect();
        paths.sort();
    }
    paths.retain(|path| path.exists());
    paths
}

/// Whether a file's name fits one part of a pattern. The shell's `[!a]` is our `[^a]`.
fn fits(part: &[u8], name: &[u8]) -> bool {
    let hidden = name.starts_with(b".") && !part.starts_with(b".");
    let mut part = part.to_vec();
    for at in 1..part.len() {
        if part[at - 1] == b'[' && part[at] == b'!' {
            part[at] = b'^';
        }
    }
    !hidden && glob::matches(&part, name, false)
}

#[cfg(test)]
mod tests;
