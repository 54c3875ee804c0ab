//! Servers with modules, and module files with something changed in them.

use crate::paths;
use crate::server::Server;
use std::path::PathBuf;

/// Whether a test of modules has to be skipped, because redis-server stands in for ours.
pub fn skip() -> bool {
    if paths::stand_in() {
        eprintln!("skipped: the stand-in has no modules of ours");
    }
    paths::stand_in()
}

/// A server on which MODULE may be used, with some of the sample modules loaded.
#[track_caller]
pub fn start_with(modules: &[&str], args: &[&str]) -> Server {
    start_within(&[], modules, args)
}

/// The same with these variables in its environment.
#[track_caller]
pub fn start_within(environment: &[(&str, &str)], modules: &[&str], args: &[&str]) -> Server {
    let files: Vec<String> = modules.iter().map(|name| paths::module(name).display().to_string()).collect();
    let mut all = vec!["--enable-module-command", "local"];
    all.extend(files.iter().flat_map(|file| ["--loadmodule", file]));
    all.extend(args);
    Server::start_within(environment, &all)
}

/// A sample module with every occurrence of some texts replaced by others of the same length, as a file in the
/// server's directory. So a module comes about that nobody would write, without a compiler.
#[track_caller]
pub fn patched(server: &Server, module: &str, changes: &[(&str, &str)]) -> PathBuf {
    let mut bytes = std::fs::read(paths::module(module)).expect("the module can be read");
    for (from, to) in changes {
        assert_eq!(from.len(), to.len(), "{from:?} and {to:?} have different lengths");
        let places: Vec<usize> = (0..bytes.len() - from.len())
            .filter(|&at| &bytes[at..at + from.len()] == from.as_bytes())
            .collect();
        assert!(!places.is_empty(), "{module} has no {from:?} in it");
        for at in places {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
    }
    let path = server.dir().join("patched.wasm");
    std::fs::write(&path, bytes).expect("the file can be written");
    path
}
