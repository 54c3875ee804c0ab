//! A page of documentation as something that can be done: its files are written, its commands run, its replies compared.
//!
//! In blocks marked `console` a line after `$ ` goes to the shell and one after `127.0.0.1:6379> ` to redis-cli; what
//! follows is what is printed. `...` stands for any text, on a line of its own for any lines. A block marked
//! `(file F)` is written to F, one marked `(append F)` is added to it. Other blocks are for reading only. This
//! reads what our pages need and no more of Markdown than that.

use crate::cli;
use crate::paths;
use crate::pattern::lines_match;
use crate::server::Server;
use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long one command may take: it may compile a module, and on some machines Rust's library with it.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(600);

const PROMPT: &str = "127.0.0.1:6379> ";

/// One thing that the page has its reader do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Write a file.
    File(PathBuf, String),
    /// Write more into a file.
    Append(PathBuf, String),
    /// Run a command of the shell, and see this.
    Shell(String, Vec<String>),
    /// Type this at redis-cli's prompt, and see that.
    Redis(String, Vec<String>),
}

/// The steps of a page, with the numbers of their lines.
pub fn read(page: &str) -> Vec<(usize, Step)> {
    let mut steps = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let block: Vec<(usize, &str)> =
            lines.by_ref().take_while(|(_, line)| !line.starts_with("```")).collect();
        let text = || block.iter().fold(String::new(), |text, (_, line)| text + line + "\n");
        let order = info.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(order, _)| order);
        match order.and_then(|order| order.split_once(' ')) {
            Some(("file", name)) => steps.push((number + 1, Step::File(name.into(), text()))),
            Some(("append", name)) => steps.push((number + 1, Step::Append(name.into(), text()))),
            _ if info.trim() == "console" => steps.extend(read_console(&block)),
            _ => {}
        }
    }
    steps
}

fn read_console(block: &[(usize, &str)]) -> Vec<(usize, Step)> {
    let mut steps: Vec<(usize, Step)> = Vec::new();
    for &(number, line) in block {
        if let Some(command) = line.strip_prefix(PROMPT) {
            steps.push((number + 1, Step::Redis(command.to_owned(), Vec::new())));
        } else if let Some(command) = line.strip_prefix("$ ") {
            steps.push((number + 1, Step::Shell(command.to_owned(), Vec::new())));
        } else if let Some((_, Step::Shell(_, output) | Step::Redis(_, output))) = steps.last_mut()
            && !line.trim().is_empty()
        {
            output.push(if line == "..." { line.to_owned() } else { line.replace("...", "<any>") });
        }
    }
    steps
}

/// Do all that a page says, in an empty directory, with this server at its prompt. `$SANDKEY` is the checkout.
#[track_caller]
pub fn follow(page: &Path, server: &Server) {
    let text =
        std::fs::read_to_string(page).unwrap_or_else(|e| panic!("cannot read {}: {e}", page.display()));
    let steps = read(&text);
    assert!(!steps.is_empty(), "{} has nothing to do in it", page.display());
    let shim = make_shims(server);
    let mut cwd = server.dir().join("reader");
    std::fs::create_dir(&cwd).unwrap_or_else(|e| panic!("cannot make {}: {e}", cwd.display()));
    let mut variables = HashMap::new();
    for (line, step) in steps {
        let place = format!("{}:{line}", page.display());
        let (what, expected, printed) = match step {
            Step::File(name, text) => {
                put(&cwd.join(name), &text).unwrap_or_else(|e| panic!("{place}: {e}"));
                continue;
            }
            Step::Append(name, more) => {
                let path = cwd.join(name);
                let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{place}: {e}"));
                put(&path, &(text + &more)).unwrap_or_else(|e| panic!("{place}: {e}"));
                continue;
            }
            Step::Redis(command, expected) => {
                let printed = cli::cli_with_input(server, &["--no-raw"], format!("{command}\n").as_bytes());
                (command, expected, printed)
            }
            Step::Shell(command, expected) => {
                let printed = shell(&command, &mut cwd, &shim).unwrap_or_else(|why| panic!("{place}: {why}"));
                if expected.is_empty() {
                    continue;
                }
                (command, expected, printed)
            }
        };
        let printed: Vec<String> = printed
            .lines()
            .filter(|line| !cli::is_decoration(line))
            .map(|line| line.trim_end().to_owned())
            .collect();
        if !expected.is_empty() && !lines_match(&expected, &printed, &mut variables) {
            panic!(
                "{place}: {what}\n--- the page says:\n{}\n--- it is:\n{}",
                expected.join("\n"),
                printed.join("\n")
            );
        }
        // A reply that is not shown may be anything but an error.
        if expected.is_empty() {
            assert!(!printed.iter().any(|line| line.starts_with("(error)")), "{place}: {what}: {printed:?}");
        }
    }
}

/// Write a file, and its folder if there is none.
fn put(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    std::fs::write(path, text)
}

/// Run a command in a shell; where it leaves the shell is where the next one starts.
fn shell(command: &str, cwd: &mut PathBuf, shim: &Path) -> Result<String, String> {
    let note = shim.join("cwd");
    let script = format!("set -e\n{command}\npwd > '{}'\n", note.display());
    let path = std::env::join_paths(
        std::iter::once(shim.to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )
    .map_err(|e| e.to_string())?;
    let mut process = Command::new("bash");
    process.arg("-c").arg(script).current_dir(&*cwd).env("PATH", path).env("SANDKEY", paths::workspace());
    // What cargo sets for this test is not for the cargo that a reader starts.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_") && name != "CARGO_HOME") {
            process.env_remove(name);
        }
    }
    // Compiled dependencies are kept from run to run; what is built still appears where the page says.
    process.env("CARGO_BUILD_BUILD_DIR", paths::target().join("guide"));
    let output = cli::run(&mut process, b"", COMMAND_TIMEOUT);
    if output.code != 0 {
        return Err(format!("{command}\nends with {}:\n{}{}", output.code, output.stdout, output.stderr));
    }
    *cwd = PathBuf::from(std::fs::read_to_string(&note).map_err(|e| e.to_string())?.trim_end());
    Ok(output.stdout)
}

/// Programs that stand before the reader's own: a redis-cli that knows the port, and, where the Rust in use cannot
/// compile modules, a cargo that builds with Debian's, as `cargo xtask setup` has arranged it.
fn make_shims(server: &Server) -> PathBuf {
    let dir = server.dir().join("shims");
    std::fs::create_dir(&dir).unwrap_or_else(|e| panic!("cannot make {}: {e}", dir.display()));
    let write = |name: &str, script: String| {
        let path = dir.join(name);
        let written = std::fs::write(&path, format!("#!/bin/sh\n{script}\n"))
            .and_then(|()| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)));
        written.unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
    };
    write("redis-cli", format!("exec '{}' -p {} \"$@\"", paths::tool("redis-cli").display(), server.port()));
    if let Some(linker) = debian_linker() {
        let debian = format!(
            "RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER='{}' \\\n\
             exec /usr/bin/cargo \"$@\" -Z build-std=std,panic_abort",
            linker.display()
        );
        let own = format!("exec '{}' \"$@\"", paths::tool("cargo").display());
        write("cargo", format!("case \"$*\" in *wasm32-unknown-unknown*) {debian};; *) {own};; esac"));
    }
    dir
}

/// A linker for wasm32, if the Rust in use has no such target and Debian's has to do it.
fn debian_linker() -> Option<PathBuf> {
    let ask = |args: &[&str]| {
        let output = Command::new("rustc").args(args).output().ok()?;
        output
            .status
            .success()
            .then(|| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim().to_owned()))
    };
    if ask(&["--print", "target-libdir", "--target", "wasm32-unknown-unknown"])?.is_dir() {
        return None;
    }
    let hosts = std::fs::read_dir(ask(&["--print", "sysroot"])?.join("lib/rustlib")).ok()?;
    hosts.flatten().map(|host| host.path().join("bin/rust-lld")).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_steps() {
        let page = "# Title\n```rust (file src/lib.rs)\nfn f() {}\n```\n```rust\nx\n```\n```toml (append Cargo.toml)\n\ny\n```\n\
            ```console\n$ cargo build\n...\nin ... s\n127.0.0.1:6379> PING\nPONG\n\n127.0.0.1:6379> GET a\n```\n\
            ```sh\nnot run\n```\n";
        let steps: Vec<Step> = read(page).into_iter().map(|(_, step)| step).collect();
        assert_eq!(
            steps,
            [
                Step::File("src/lib.rs".into(), "fn f() {}\n".to_owned()),
                Step::Append("Cargo.toml".into(), "\ny\n".to_owned()),
                Step::Shell("cargo build".to_owned(), vec!["...".to_owned(), "in <any> s".to_owned()]),
                Step::Redis("PING".to_owned(), vec!["PONG".to_owned()]),
                Step::Redis("GET a".to_owned(), Vec::new()),
            ]
        );
    }
}
