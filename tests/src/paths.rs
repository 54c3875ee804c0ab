//! Where things are: the server under test, its peer, the modules, the other clients.
//! `SANDKEY_SERVER` names another server binary, which is how the tests themselves are tested: against
//! redis-server everything here must pass that is not about modules. `SANDKEY_MODULES` names another folder with modules.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The root of the checkout.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace")
}

/// What cargo builds into.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => workspace().join(dir),
        None => workspace().join("target"),
    }
}

/// The server under test.
pub fn server() -> PathBuf {
    let path = match std::env::var_os("SANDKEY_SERVER") {
        Some(path) => PathBuf::from(path),
        None => target().join("release/sandkey-server"),
    };
    assert!(path.exists(), "there is no {}: run `cargo xtask build` first", path.display());
    path
}

/// Whether redis-server stands in for ours, so that a test of what only Sandkey has must be skipped.
pub fn stand_in() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let output = Command::new(server()).arg("--version").output();
        let text = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
        text.starts_with("Redis server")
    })
}

/// A tool of the system, or a panic that says which package has it.
pub fn tool(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed: `cargo xtask setup` gets it"))
}

/// Where the files of the sample modules are.
pub fn modules() -> PathBuf {
    std::env::var_os("SANDKEY_MODULES").map_or_else(|| target().join("modules"), PathBuf::from)
}

/// The file of a sample module.
pub fn module(name: &str) -> PathBuf {
    let path = modules().join(format!("{name}.wasm"));
    assert!(path.exists(), "there is no {}: run `cargo xtask build` first", path.display());
    path
}

/// The interpreter of a Python environment that setup has made.
pub fn python(environment: &str) -> PathBuf {
    let path = target().join(environment).join("bin/python");
    assert!(path.exists(), "there is no {}: run `cargo xtask setup` first", path.display());
    path
}
