//! A folder for the files of a server, gone with its owner.

use anyhow::{Context, Result};
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// An empty folder of our own.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Make one. The name is for whoever finds it.
    pub fn new(name: &str) -> Result<Folder> {
        let path = std::env::temp_dir().join(format!("sandkey-compare-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Folder(path))
    }
}

impl Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be deleted stays for the system's own cleaning.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
