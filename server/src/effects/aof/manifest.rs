//! The manifest: which files make up the append-only file, in which order.
//!
//! ```text
//! file appendonly.aof.3.base.rdb seq 3 type b        at most one: everything up to some moment
//! file appendonly.aof.2.incr.aof seq 2 type h        no longer needed; goes as soon as that can be written down
//! file appendonly.aof.4.incr.aof seq 4 type i        what changed after that moment, ascending
//! ```
//!
//! The format is Redis's. A manifest is replaced as a whole: written beside the old one, forced to disk and renamed, and the
//! directory is forced to disk too, so that after a crash there is the old one or the new one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::config::{push_quoted, split_args};
use crate::effects::rdb_file::sync_dir;
use crate::limits;

/// What a file of the append-only file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Everything up to some moment.
    Base,
    /// What changed afterwards.
    Incr,
    /// No longer needed.
    History,
}

impl Kind {
    fn letter(self) -> char {
        match self {
            Self::Base => 'b',
            Self::Incr => 'i',
            Self::History => 'h',
        }
    }
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AofFile {
    /// Its name in the directory.
    pub name: Vec<u8>,
    /// Its number among those of its kind.
    pub seq: u64,
}

/// The files in the order in which they are loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Everything up to some moment.
    pub base: Option<AofFile>,
    /// What changed afterwards.
    pub incr: Vec<AofFile>,
    /// To be deleted.
    pub history: Vec<AofFile>,
    base_seq: u64,
    incr_seq: u64,
}

/// What is wrong with a manifest: the line's number, if there is one, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// There is nothing in it.
    #[error("Found an empty AOF manifest")]
    Empty,
    /// A line says nothing sensible.
    #[error("at line {0}: {1}")]
    Line(usize, &'static str),
}

impl Manifest {
    /// Read a manifest.
    pub fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        let mut manifest = Self::default();
        if text.is_empty() {
            return Err(ManifestError::Empty);
        }
        for (number, line) in
            text.strip_suffix(b"\n").unwrap_or(text).split(|&byte| byte == b'\n').enumerate()
        {
            manifest.parse_line(line).map_err(|why| ManifestError::Line(number + 1, why))?;
        }
        // No new file takes the name of one that is to be deleted.
        let deleted = manifest.history.iter().map(|file| file.seq).max().unwrap_or(0);
        manifest.base_seq = manifest.base_seq.max(deleted);
        manifest.incr_seq = manifest.incr_seq.max(deleted);
        Ok(manifest)
    }

    fn parse_line(&mut self, line: &[u8]) -> Result<(), &'static str> {
        const INVALID: &str = "Invalid AOF manifest file format";
        if line.starts_with(b"#") {
            return Ok(());
        }
        if line.len() > limits::MANIFEST_LINE_MAX {
            return Err("Line too long");
        }
        let words = split_args(line).ok_or("Unbalanced quotes")?;
        // There may be more pairs one day: what is not known is passed over.
        if words.len() < 6 || !words.len().is_multiple_of(2) {
            return Err(INVALID);
        }
        let value = |name: &str| {
            let mut pairs = words.chunks_exact(2);
            pairs.find(|pair| pair[0].eq_ignore_ascii_case(name.as_bytes())).map(|pair| pair[1].as_slice())
        };
        let (name, seq, kind) = (value("file"), value("seq"), value("type"));
        let (Some(name), Some(seq), Some(kind)) = (name, seq, kind) else { return Err(INVALID) };
        if name.is_empty() || name.contains(&b'/') || matches!(name, b"." | b"..") {
            return Err("File can't be a path, just a filename");
        }
        let seq = std::str::from_utf8(seq).ok().and_then(|seq| seq.parse().ok()).filter(|&seq| seq > 0);
        let file = AofFile { name: name.to_vec(), seq: seq.ok_or(INVALID)? };
        match kind {
            b"b" if self.base.is_some() => return Err("Found duplicate base file information"),
            b"b" => {
                self.base_seq = file.seq;
                self.base = Some(file);
            }
            b"i" if file.seq <= self.incr_seq => return Err("Found a non-monotonic sequence number"),
            b"i" => {
                self.incr_seq = file.seq;
                self.incr.push(file);
            }
            b"h" => self.history.push(file),
            _ => return Err("Unknown AOF file type"),
        }
        Ok(())
    }

    /// The text of it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let base = self.base.iter().map(|file| (file, Kind::Base));
        let history = self.history.iter().map(|file| (file, Kind::History));
        let incr = self.incr.iter().map(|file| (file, Kind::Incr));
        for (file, kind) in base.chain(history).chain(incr) {
            out.extend_from_slice(b"file ");
            put_name(&mut out, &file.name);
            out.extend_from_slice(format!(" seq {} type {}\n", file.seq, kind.letter()).as_bytes());
        }
        out
    }

    /// Whether it names no file to be loaded.
    pub fn is_empty(&self) -> bool {
        self.base.is_none() && self.incr.is_empty()
    }

    /// The files to be loaded, in order.
    pub fn files(&self) -> impl Iterator<Item = &AofFile> {
        self.base.iter().chain(&self.incr)
    }

    /// The next file for what changes from now on, as the last one.
    pub fn add_incr(&mut self, stem: &str) -> &AofFile {
        self.incr_seq += 1;
        let name = format!("{stem}.{}.incr.aof", self.incr_seq).into_bytes();
        self.incr.push(AofFile { name, seq: self.incr_seq });
        self.incr.last().expect("it was pushed just now")
    }

    /// A new base; `incr` of the newest files stay behind it, all others become history.
    pub fn set_base(&mut self, stem: &str, is_rdb: bool, incr: usize) -> &AofFile {
        self.base_seq += 1;
        self.history.extend(self.base.take());
        let old = self.incr.len().saturating_sub(incr);
        self.history.extend(self.incr.drain(..old));
        let suffix = if is_rdb { "rdb" } else { "aof" };
        let name = format!("{stem}.{}.base.{suffix}", self.base_seq).into_bytes();
        self.base.insert(AofFile { name, seq: self.base_seq })
    }

    /// A base that has a name of its own: the one file of older versions.
    pub fn of_old_file(stem: &str) -> Self {
        let base = AofFile { name: stem.as_bytes().to_vec(), seq: 1 };
        Self { base: Some(base), base_seq: 1, ..Self::default() }
    }
}

/// A name with blanks, quotes or bytes that cannot be printed is quoted.
fn put_name(out: &mut Vec<u8>, name: &[u8]) {
    if name.iter().all(|&byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'\'')) {
        out.extend_from_slice(name);
    } else {
        push_quoted(out, name);
    }
}

/// The directory that the files are in.
#[derive(Debug, Clone)]
pub struct Directory {
    path: PathBuf,
    /// What all names begin with: `appendfilename`.
    pub stem: String,
}

impl Directory {
    /// The directory at this path.
    pub fn new(path: PathBuf, stem: &str) -> Self {
        Self { path, stem: stem.to_owned() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a file in it is.
    pub fn file(&self, name: &[u8]) -> PathBuf {
        self.path.join(std::ffi::OsStr::from_bytes(name))
    }

    /// Where changes are appended that no manifest knows of yet.
    pub fn temporary_incr(&self) -> PathBuf {
        self.path.join(format!("temp-{}.incr", self.stem))
    }

    fn manifest_name(&self) -> String {
        format!("{}.manifest", self.stem)
    }

    /// The manifest; none if there is none.
    pub fn read(&self) -> io::Result<Option<Manifest>> {
        let path = self.path.join(self.manifest_name());
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Manifest::parse(&text).map(Some).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
        })
    }

    /// Make the directory if it is not there.
    pub fn create(&self) -> io::Result<()> {
        match fs::create_dir(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => self.path.parent().map_or(Ok(()), sync_dir),
        }
    }

    /// Replace the manifest.
    pub fn write(&self, manifest: &Manifest) -> io::Result<()> {
        let name = self.manifest_name();
        let temp = self.path.join(format!("temp-{name}"));
        let written = (|| {
            let mut file = File::create(&temp)?;
            file.write_all(&manifest.to_bytes())?;
            file.sync_all()?;
            fs::rename(&temp, self.path.join(name))
        })();
        if written.is_err() {
            let _ = fs::remove_file(&temp);
        }
        written?;
        sync_dir(&self.path)
    }

    /// Delete what is no longer needed, and write down that it is gone.
    pub fn delete_history(&self, manifest: &mut Manifest) -> io::Result<()> {
        if manifest.history.is_empty() {
            return Ok(());
        }
        let history = std::mem::take(&mut manifest.history);
        // Forgotten first: a file that nobody names does no harm, a name without a file would.
        if let Err(error) = self.write(manifest) {
            manifest.history = history;
            return Err(error);
        }
        for file in history {
            let _ = fs::remove_file(self.file(&file.name));
        }
        Ok(())
    }

    /// Delete files that were not finished when the server ended.
    pub fn delete_temporary(&self) {
        let Ok(entries) = fs::read_dir(&self.path) else { return };
        let ours = [format!("temp-{}.", self.stem), TEMP_BASE.to_owned()];
        for entry in entries.flatten() {
            let name = entry.file_name();
            if ours.iter().any(|prefix| name.as_bytes().starts_with(prefix.as_bytes())) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// What the name of a base that is being written begins with; Redis's.
pub const TEMP_BASE: &str = "temp-rewriteaof-";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Manifest, String> {
        Manifest::parse(text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut manifest = Manifest::default();
        manifest.add_incr("a.aof");
        manifest.set_base("a.aof", true, 1);
        manifest.add_incr("a.aof");
        manifest.add_incr("a.aof");
        manifest.set_base("a.aof", false, 1);
        let text = "file a.aof.2.base.aof seq 2 type b\nfile a.aof.1.base.rdb seq 1 type h\n\
                    file a.aof.1.incr.aof seq 1 type h\nfile a.aof.2.incr.aof seq 2 type h\n\
                    file a.aof.3.incr.aof seq 3 type i\n";
        assert_eq!(String::from_utf8_lossy(&manifest.to_bytes()), text);
        assert_eq!(parse(text), Ok(manifest));
    }

    #[test]
    fn odd_names_are_quoted() {
        for name in ["a b", "a\"b", "a'b", "a\\b", "a\nb", "\u{e4}"] {
            let mut manifest = Manifest::default();
            manifest.add_incr(name);
            assert_eq!(Manifest::parse(&manifest.to_bytes()), Ok(manifest), "{name}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        assert_eq!(parse(""), Err("Found an empty AOF manifest".to_owned()));
        let fine = "file a seq 1 type i\n";
        for (line, why) in [
            ("", "Invalid AOF manifest file format"),
            ("file a seq 1", "Invalid AOF manifest file format"),
            ("file a seq 1 type", "Invalid AOF manifest file format"),
            ("file a seq x type i", "Invalid AOF manifest file format"),
            ("file a seq 0 type i", "Invalid AOF manifest file format"),
            ("file ../a seq 2 type i", "File can't be a path, just a filename"),
            ("file .. seq 2 type i", "File can't be a path, just a filename"),
            ("file a seq 1 type i", "Found a non-monotonic sequence number"),
            ("file a seq 2 type x", "Unknown AOF file type"),
            ("file \"a seq 2 type i", "Unbalanced quotes"),
        ] {
            assert_eq!(parse(&format!("{fine}{line}\n")), Err(format!("at line 2: {why}")), "{line}");
        }
        let twice = "file a seq 1 type b\n# a comment\nfile b seq 2 type b\n";
        assert_eq!(parse(twice), Err("at line 3: Found duplicate base file information".to_owned()));
        let long = format!("file {} seq 2 type i\n", "a".repeat(limits::MANIFEST_LINE_MAX));
        assert_eq!(parse(&long), Err("at line 1: Line too long".to_owned()));
    }

    #[test]
    fn words_that_are_not_known_are_passed_over() {
        let manifest = parse("file a seq 7 type i startoffset 12\r\n").expect("a newer Redis writes this");
        assert_eq!(manifest.incr, [AofFile { name: b"a".to_vec(), seq: 7 }]);
    }

    #[test]
    fn a_manifest_is_replaced_as_a_whole_and_history_goes() {
        let temp = tempfile::tempdir().expect("a directory for the test");
        let directory = Directory::new(temp.path().join("dir"), "a.aof");
        assert_eq!(directory.read().expect("nothing is there"), None);
        directory.create().expect("it can be made");
        directory.create().expect("it is there already");
        let mut manifest = Manifest::default();
        for _ in 0..2 {
            fs::write(directory.file(&manifest.add_incr("a.aof").name), b"").expect("written");
        }
        fs::write(directory.file(b"temp-rewriteaof-1.aof"), b"").expect("written");
        manifest.set_base("a.aof", true, 1);
        directory.write(&manifest).expect("written");
        assert_eq!(directory.read().expect("readable"), Some(manifest.clone()));
        directory.delete_history(&mut manifest).expect("written");
        directory.delete_temporary();
        assert_eq!(directory.read().expect("readable"), Some(manifest));
        let mut names: Vec<_> = fs::read_dir(directory.path())
            .expect("readable")
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        assert_eq!(names, ["a.aof.2.incr.aof", "a.aof.manifest"]);
    }
}
