//! Two generations of redis-py, each in an environment of its own beside what is built: 8 begins with HELLO 3, 5 speaks
//! RESP2 and never says HELLO. Nothing is installed into the system's Python.

use crate::step::Step;
use crate::tree::Tree;
use anyhow::{Context, Result};
use std::path::PathBuf;

/// Folder in target/, and what pip puts into it.
const ENVIRONMENTS: [(&str, &str); 2] = [("python-redis8", "redis==8.*"), ("python-redis5", "redis==5.*")];

/// This file says that pip came to its end, so that an environment half made is made again.
const COMPLETE: &str = "complete";

/// The environments that are missing.
fn missing(tree: &Tree) -> Vec<(PathBuf, &'static str)> {
    let all = ENVIRONMENTS.iter().map(|(name, package)| (tree.target().join(name), *package));
    all.filter(|(folder, _)| !folder.join(COMPLETE).is_file()).collect()
}

/// Whether environments are missing and cannot be made. Debian's python3 comes without what makes them.
pub(crate) fn lacks_interpreter(tree: &Tree) -> bool {
    let has_venv = || Step::new(tree, "python", "python3 -c").arg("import ensurepip, venv").succeeds();
    !missing(tree).is_empty() && !has_venv()
}

/// Make the environments that are missing.
pub(crate) fn get(tree: &Tree) -> Result<()> {
    for (folder, package) in missing(tree) {
        Step::new(tree, "python environment", "python3 -m venv --clear").arg(&folder).run()?;
        let pip = Step::of(tree, package, folder.join("bin/pip"));
        let pip = pip.arg("install").arg("--quiet").arg("--disable-pip-version-check").arg(package);
        pip.run().context("pip cannot reach its packages; run this where it can, then start again")?;
        std::fs::write(folder.join(COMPLETE), package).context("cannot mark the environment as complete")?;
    }
    Ok(())
}
