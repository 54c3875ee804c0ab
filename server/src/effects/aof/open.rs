//! The files of the append-only file when the server starts, and when it ends.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;

use crate::config::Config;
use crate::server::Server;

use super::load::{self, LoadError};
use super::manifest::{self, Directory, Manifest};

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
        manifest::sync(directory.path())?;
        manifest::sync(&config.dir)?;
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
            figures.current_size.store(sizes.total, Relaxed);
            figures.base_size.store(sizes.base, Relaxed);
        }
        *self.aof.files.lock() = Some(files);
        Ok(exists)
    }

    /// Append from now on, behind what was loaded.
    pub fn open_aof(&'static self) -> Result<(), OpenError> {
        let config = self.config.current();
        let mut guard = self.aof.files.lock();
        let files = match &mut *guard {
            Some(files) => files,
            none => none.insert(Files::find(&config)?),
        };
        let path = files.directory.path().to_owned();
        let opened = (|| {
            files.directory.create()?;
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
        self.aof.configure(&config);
        let _locked = self.tenant.keyspace.lock_all();
        self.aof.switch_to(file, len);
        Ok(())
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
