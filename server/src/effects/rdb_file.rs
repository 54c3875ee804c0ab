//! `dump.rdb`: written beside its place, forced to disk and renamed, so that whatever happens there is a whole file, the new one or
//! the old one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::save::SaveError;
use crate::config::Config;
use crate::limits::SYNC_STEP_BYTES;
use crate::persistence::Child;

/// Why a file was not saved.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The temporary file cannot be made.
    #[error("Failed opening the temp RDB file {0} (in server root dir {1}) for saving: {2}")]
    Open(String, PathBuf, io::Error),
    /// It cannot be filled.
    #[error("Write error saving DB on disk: {0}")]
    Write(#[from] SaveError),
    /// It cannot be forced to disk.
    #[error("Write error saving DB on disk(fsync): {0}")]
    Sync(io::Error),
    /// It cannot take its place.
    #[error("Error moving temp DB file {0} on the final destination {1} (in server root dir {2}): {3}")]
    Rename(String, String, PathBuf, io::Error),
}

impl FileError {
    /// Whether nobody wanted the file any more.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Write(SaveError::Cancelled))
    }
}

/// Where the snapshot is.
pub fn path(config: &Config) -> PathBuf {
    config.in_dir(config.dbfilename.as_deref().unwrap_or(Path::new("")))
}

/// What a snapshot is until it is whole. One in the background that is being cancelled deletes its own only later, and whoever has
/// cancelled it writes one meanwhile.
pub fn temporary(config: &Config, in_background: bool) -> PathBuf {
    let suffix = if in_background { "-bg" } else { "" };
    config.in_dir(format!("temp-{}{suffix}.rdb", std::process::id()))
}

/// Have `write` fill a file, and put it in its place. On an error the file that was there stays, and nothing is left behind.
pub fn replace(
    config: &Config,
    child: &Child,
    write: impl FnOnce(SyncedFile) -> Result<SyncedFile, SaveError>,
) -> Result<(), FileError> {
    let temporary = temporary(config, child.is_known());
    child.writes(temporary.clone());
    let result = fill_and_move(config, child, &temporary, write);
    if result.is_err() {
        // The reason why it failed is told; that there may be nothing to delete is no other one.
        let _ = fs::remove_file(&temporary);
    }
    result
}

fn fill_and_move(
    config: &Config,
    child: &Child,
    temporary: &Path,
    write: impl FnOnce(SyncedFile) -> Result<SyncedFile, SaveError>,
) -> Result<(), FileError> {
    let dir = config.dir.clone();
    let name = || temporary.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = File::create(temporary).map_err(|error| FileError::Open(name(), dir.clone(), error))?;
    let file = write(SyncedFile::new(file, config.rdb_save_incremental_fsync))?;
    file.finish().map_err(FileError::Sync)?;
    let target = path(config);
    let renamed = child.publish(|| fs::rename(temporary, &target).and_then(|()| sync_dir(&dir)));
    renamed.ok_or(SaveError::Cancelled)?.map_err(|error| {
        let target = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        FileError::Rename(name(), target, dir, error)
    })
}

/// Force the names in a directory to disk.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// A file that is forced to disk every few megabytes, so that the disk is not flooded at the end.
pub struct SyncedFile {
    file: File,
    incremental: bool,
    unsynced: usize,
}

impl SyncedFile {
    /// This file; with `incremental` piece by piece.
    pub fn new(file: File, incremental: bool) -> Self {
        Self { file, incremental, unsynced: 0 }
    }

    /// All of it is on disk then.
    pub fn finish(self) -> io::Result<()> {
        self.file.sync_all()
    }
}

impl Write for SyncedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.unsynced += n;
        if self.incremental && self.unsynced >= SYNC_STEP_BYTES {
            self.unsynced = 0;
            self.file.sync_data()?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
