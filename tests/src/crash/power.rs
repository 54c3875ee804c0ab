//! Power cuts. kill -9 loses only what the process has in its memory; when the power goes, what was written and never forced to disk
//! goes too. A library that is preloaded into the server notes what it forces to disk (`tests/preload/synced.rs`), and after
//! the server was killed everything else is taken away: ends of files, and renames.

use crate::paths;
use crate::server::Server;
use rand::RngExt;
use rand::rngs::StdRng;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The name of the log, in the server's directory.
const LOG: &str = "synced.log";

/// The disk of a server, as far as power cuts are concerned.
#[derive(Default)]
pub(crate) struct Disk {
    /// The files that were there when the server was started, and how long each was: all of that is on disk.
    known: HashMap<u64, u64>,
}

/// A rename after which its folder was not forced to disk.
struct Rename {
    from: PathBuf,
    to: PathBuf,
    kept: Option<PathBuf>,
}

/// Build the library; what must be in a server's environment.
pub(crate) fn environment() -> [(&'static str, String); 2] {
    let library = paths::target().join("synced.so");
    let partial = paths::target().join(format!("synced-{}.partial", std::process::id()));
    let source = paths::workspace().join("tests/preload/synced.rs");
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition", "2024", "--crate-type", "cdylib", "-O", "-o"]).arg(&partial).arg(source);
    let status = rustc.status().unwrap_or_else(|e| panic!("cannot run {rustc:?}: {e}"));
    assert!(status.success(), "{rustc:?} failed");
    fs::rename(&partial, &library).unwrap_or_else(|e| panic!("cannot write {}: {e}", library.display()));
    [("LD_PRELOAD", library.display().to_string()), ("SYNCED_LOG", LOG.to_owned())]
}

impl Disk {
    /// The power goes, after the server was killed: take away what need not be on disk, or a part of that.
    pub(crate) fn cut(&mut self, server: &Server, rng: &mut StdRng) {
        let (mut synced, renames) = read_log(server.dir());
        for (inode, len) in &self.known {
            synced.entry(*inode).or_insert(*len);
        }
        // The file system keeps renames in order.
        let kept = rng.random_range(0..=renames.len());
        for rename in renames[kept..].iter().rev() {
            undo(rename).unwrap_or_else(|e| panic!("cannot undo a rename to {}: {e}", rename.to.display()));
        }
        self.known.clear();
        walk(server.dir(), &mut |path, meta| {
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("synced.")) {
                return fs::remove_file(path);
            }
            let certain = synced.get(&meta.ino()).copied().unwrap_or(0);
            let mut len = meta.len();
            if len > certain {
                // Whatever the system has written back by itself may be there.
                len = if rng.random() { certain } else { rng.random_range(certain..=len) };
                File::options().write(true).open(path)?.set_len(len)?;
            }
            self.known.insert(meta.ino(), len);
            Ok(())
        })
        .unwrap_or_else(|e| panic!("cannot take away what is not on disk: {e}"));
    }
}

/// How long files are on disk, and which renames may not be there.
fn read_log(folder: &Path) -> (HashMap<u64, u64>, Vec<Rename>) {
    let log = fs::read_to_string(folder.join(LOG)).unwrap_or_default();
    let (mut synced, mut renames) = (HashMap::new(), Vec::<Rename>::new());
    // The last line may be half a line.
    for line in log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        match line.split('\t').collect::<Vec<_>>()[..] {
            ["file", inode, len] => {
                let number = |text: &str| text.parse::<u64>().expect("the library writes numbers");
                synced.insert(number(inode), number(len));
            }
            ["folder", path] => renames.retain(|rename| rename.to.parent() != Some(Path::new(path))),
            ["rename", from, to, kept] => {
                let kept = (kept != "-").then(|| folder.join(kept));
                renames.push(Rename { from: from.into(), to: to.into(), kept });
            }
            _ => panic!("the library wrote {line:?}"),
        }
    }
    (synced, renames)
}

fn undo(rename: &Rename) -> io::Result<()> {
    if rename.to.exists() {
        fs::rename(&rename.to, &rename.from)?;
    }
    match &rename.kept {
        Some(kept) => fs::hard_link(kept, &rename.to),
        None => Ok(()),
    }
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path, &fs::Metadata) -> io::Result<()>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let meta = path.symlink_metadata()?;
        if meta.is_dir() {
            walk(&path, visit)?;
        } else if meta.is_file() {
            visit(&path, &meta)?;
        }
    }
    Ok(())
}
