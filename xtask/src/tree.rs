//! Where things are in a checkout: the workspaces, the sample modules, and what is built from them.
//! Everything is derived from the place of this package, so the commands work from any folder below.

use anyhow::{Context, Result, ensure};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Modules that `cargo xtask run` leaves out: they attack their server, prove things about it, or only measure it.
const NOT_FOR_USE: [&str; 6] = ["bench", "bench-values", "foul", "hostile", "ledger", "ledger-next"];

/// A checkout.
pub(crate) struct Tree {
    root: PathBuf,
    /// `CARGO_TARGET_DIR`, when the person has one.
    shared_target: Option<PathBuf>,
}

impl Tree {
    /// The checkout that this program was started in.
    pub(crate) fn find() -> Result<Tree> {
        let package =
            std::env::var_os("CARGO_MANIFEST_DIR").context("start me as `cargo xtask <command>`")?;
        let root = Path::new(&package).parent().context("xtask/ lies in the workspace")?.to_path_buf();
        let shared = std::env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty());
        let shared_target = shared.map(|dir| root.join(dir));
        Ok(Tree { root, shared_target })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// What the main workspace builds into.
    pub(crate) fn target(&self) -> PathBuf {
        self.shared_target.clone().unwrap_or_else(|| self.root.join("target"))
    }

    /// What another workspace of the checkout builds into.
    pub(crate) fn target_of(&self, workspace: &str) -> PathBuf {
        self.shared_target.clone().unwrap_or_else(|| self.root.join(workspace).join("target"))
    }

    /// The server, as `build` leaves it.
    pub(crate) fn server(&self) -> PathBuf {
        self.target().join("release/sandkey-server")
    }

    /// A sample module, as `build` leaves it.
    pub(crate) fn module(&self, name: &str) -> PathBuf {
        self.target().join("modules").join(name).with_extension("wasm")
    }

    /// The sample modules: a folder each, which is also the name of the package, of the module and of its file.
    pub(crate) fn sample_modules(&self) -> Result<Vec<String>> {
        let folder = self.root.join("sample-modules");
        let mut names = Vec::new();
        for entry in
            std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?
        {
            let entry = entry?;
            if entry.path().join("Cargo.toml").is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        ensure!(!names.is_empty(), "{} holds no module", folder.display());
        names.sort();
        Ok(names)
    }

    /// The sample modules that a person wants to use.
    pub(crate) fn modules_for_use(&self) -> Result<Vec<String>> {
        let mut names = self.sample_modules()?;
        names.retain(|name| !NOT_FOR_USE.contains(&name.as_str()));
        Ok(names)
    }

    /// Where `path` is to be seen from the root, for messages and commands that a person may repeat.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}

/// The first program of this name in `PATH`.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path: OsString = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
