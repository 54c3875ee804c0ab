//! The files of the append-only file when the server starts, and when it ends.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::effects::rdb_file::sync_dir;
use crate::server::Server;

use super::State;
use super::load::{self, LoadError};
use super::manifest::{Directory, Manifest};
use super::rewrite::Tail;

/// Which files there are.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) directory: Directory,
    pub(super) manifest: Manifest,
}

/// Why the append-only file cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file of it cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Something cannot be read or made.
    #[error("Can't open or create append-only dir {0}: {1}")]
    Io(PathBuf, io::Error),
}

impl Files {
    /// Those that are there, as the manifest says.
    pub(super) fn find(config: &Config) -> Result<Self, OpenError> {
        let path = config.in_dir(&config.appenddirname);
        let directory = Directory::new(path.clone(), &config.appendfilename);
        let found = (|| {
            directory.delete_temporary();
            match directory.read()? {
                Some(manifest) => finish_migration(config, &directory, &manifest).map(|()| manifest),
                None => migrate(config, &directory),
            }
        })();
        let manifest = found.map_err(|error| OpenError::Io(path, error))?;
        Ok(Self { directory, manifest })
    }

    /// Those that are known, or else those that are there.
    pub(super) fn known<'f>(found: &'f mut Option<Self>, config: &Config) -> io::Result<&'f mut Self> {
        match found {
            Some(files) => Ok(files),
            none => Ok(none.insert(Self::find(config).map_err(io::Error::other)?)),
        }
    }

    /// Have the manifest name a new base, which is at `base` now, and what is appended behind it.
    pub(super) fn replace(&mut self, base: &Path, tail: &Tail, config: &Config) -> io::Result<()> {
        let directory = &self.directory;
        let mut next = self.manifest.clone();
        let kept = usize::from(*tail == Tail::Known);
        let new_base =
            directory.file(&next.set_base(&directory.stem, config.aof_use_rdb_preamble, kept).name);
        let moves = match tail {
            Tail::Temporary(path) => {
                let name = &next.add_incr(&directory.stem).name;
                vec![(base, new_base), (path.as_path(), directory.file(name))]
            }
            _ => vec![(base, new_base)],
        };
        let mut moved = 0;
        let replaced = (|| {
            for (from, to) in &moves {
                fs::rename(from, to)?;
                moved += 1;
            }
            // No manifest may be on disk that names a file which is not.
            sync_dir(directory.path())?;
            directory.write(&next)
        })();
        if let Err(error) = replaced {
            // The new manifest may be in place although that could not be forced to disk.
            let there = directory.read().ok().flatten().map(|manifest| manifest.to_bytes());
            if there != Some(next.to_bytes()) {
                moves.iter().take(moved).for_each(|(from, to)| drop(fs::rename(to, from)));
                return Err(error);
            }
            tracing::warn!("The manifest of the append-only file may not be on disk: {error}");
        }
        self.manifest = next;
        Ok(())
    }

    /// Add a file for what changes from now on.
    pub(super) fn add_incr(&mut self) -> io::Result<File> {
        let mut next = self.manifest.clone();
        let path = self.directory.file(&next.add_incr(&self.directory.stem).name);
        // One of this name that nobody knows is what is left of an attempt that failed.
        let file = File::options().append(true).create(true).open(path)?;
        file.set_len(0)?;
        self.directory.write(&next)?;
        self.manifest = next;
        Ok(file)
    }
}

/// The one file that older versions of Redis kept in `dir`, beside which the directory did not exist.
fn migrate(config: &Config, directory: &Directory) -> io::Result<Manifest> {
    let old = config.in_dir(&config.appendfilename);
    if !old.is_file() {
        return Ok(Manifest::default());
    }
    directory.create()?;
    let manifest = Manifest::of_old_file(&config.appendfilename);
    directory.write(&manifest)?;
    finish_migration(config, directory, &manifest)?;
    Ok(manifest)
}

/// The manifest is written before the file is moved: it may be that only that was done.
fn finish_migration(config: &Config, directory: &Directory, manifest: &Manifest) -> io::Result<()> {
    let old = config.in_dir(&config.appendfilename);
    let new = directory.file(config.appendfilename.as_bytes());
    let is_half_done = *manifest == Manifest::of_old_file(&config.appendfilename) && !new.exists();
    if is_half_done && old.is_file() {
        fs::rename(&old, &new)?;
        sync_dir(directory.path())?;
        sync_dir(&config.dir)?;
        tracing::info!(
            "Successfully migrated an old-style AOF configuration ({}) into the AOF directory ({}).",
            config.appendfilename,
            config.appenddirname
        );
    }
    Ok(())
}

impl Server {
    /// Load what the append-only file says into the empty keyspace. False if there is none.
    pub fn load_aof(&'static self) -> Result<bool, OpenError> {
        let files = Files::find(&self.config.current())?;
        let figures = &self.aof.figures;
        let exists = !files.manifest.is_empty();
        if exists {
            let sizes = load::load(self, &files.directory, &files.manifest)?;
            figures.loaded(sizes.total, sizes.base, sizes.last);
        }
        *self.aof.files.lock() = Some(files);
        Ok(exists)
    }

    /// Append from now on, behind what was loaded.
    pub fn open_aof(&'static self) -> Result<(), OpenError> {
        let config = self.config.current();
        let path = config.in_dir(&config.appenddirname);
        let opened = (|| {
            if Files::known(&mut self.aof.files.lock(), &config)?.manifest.is_empty() {
                // With a base, a server that has yet to change anything can be told from one whose files are lost.
                self.write_first_base().map_err(io::Error::other)?;
            }
            let mut guard = self.aof.files.lock();
            let files = Files::known(&mut guard, &config)?;
            if !config.aof_disable_auto_gc {
                files.directory.delete_history(&mut files.manifest)?;
            }
            let (file, len) = match files.manifest.incr.last() {
                Some(last) => {
                    let file =
                        File::options().append(true).create(true).open(files.directory.file(&last.name))?;
                    let len = file.metadata()?.len();
                    (file, len)
                }
                None => (files.add_incr()?, 0),
            };
            self.start_aof_writer()?;
            Ok((file, len))
        })();
        let (file, len) = opened.map_err(|error| OpenError::Io(path, error))?;
        let _locked = self.tenant.keyspace.lock_all();
        self.aof.set_state(State::On);
        self.aof.switch_to(file, len);
        Ok(())
    }

    /// Load the files again in place of what is in memory: DEBUG LOADAOF.
    pub fn reload_aof(&'static self) -> Result<(), OpenError> {
        let now_s = || self.clock.now_us() / 1_000_000;
        // From here on commands are refused; what some have changed before must be in the files.
        self.persistence.begin_loading(0, now_s());
        drop(self.tenant.keyspace.lock_all());
        self.aof.flush();
        let mut locked = self.tenant.keyspace.lock_all();
        let old: Vec<_> = (0..self.tenant.keyspace.databases()).map(|index| locked.flush(index)).collect();
        drop(locked);
        drop(old);
        let config = self.config.current();
        let result = (|| {
            let mut guard = self.aof.files.lock();
            // While nobody appends, somebody may have put other files there.
            let files = match &mut *guard {
                Some(files) if self.aof.state() != State::Off => files,
                files => files.insert(Files::find(&config)?),
            };
            Ok(load::load(self, &files.directory, &files.manifest)?)
        })();
        self.persistence.end_loading(self.dirty(), now_s());
        result.map(|_: load::Sizes| ())
    }

    /// The server ends: what was appended must be on disk.
    pub fn close_aof(&self) {
        if self.aof.is_on() {
            tracing::info!("Calling fsync() on the AOF file.");
            if !self.aof.flush() {
                tracing::error!("The AOF file could not be forced to disk.");
            }
        }
    }
}
