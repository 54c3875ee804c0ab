//! A page of documentation as something that can be done: its files are written, its commands run, its replies compared.
//!
//! Blocks marked `console` are run. In them `$ ` precedes a command of the shell and `127.0.0.1:6379> ` one of
//! redis-cli; what follows is what is printed, with the patterns that transcripts have. A block without any of these
//! is a list of shell commands. A block of `rust` or `toml` is a file if the text before it ends with its name
//! between backticks and a colon. This reads what our pages need and no more of Markdown than that.

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
    /// Run a command of the shell, and see this.
    Shell(String, Vec<String>),
    /// Type this at redis-cli's prompt, and see that.
    Redis(String, Vec<String>),
}

/// The steps of a page, with the numbers of their lines.
pub fn read(page: &str) -> Vec<(usize, Step)> {
    let mut steps = Vec::new();
    let mut lines = page.lines().enumerate();
    let mut before = String::new();
    while let Some((number, line)) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            if !line.trim().is_empty() {
                before = line.to_owned();
            }
            continue;
        };
        let block: Vec<(usize, &str)> =
            lines.by_ref().take_while(|(_, line)| !line.starts_with("```")).collect();
        match language.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default() {
            "console" | "sh" | "shell" => steps.extend(read_console(&block)),
            "rust" | "toml" => {
                if let Some(name) = file_name(&before) {
                    let text = block.iter().fold(String::new(), |text, (_, line)| text + line + "\n");
                    steps.push((number + 1, Step::File(name, text)));
                }
            }
            _ => {}
        }
        before.clear();
    }
    steps
}

/// The name at the end of `Write this into `src/lib.rs`:`.
fn file_name(before: &str) -> Option<PathBuf> {
    let (_, name) = before.trim_end().strip_suffix("`:")?.rsplit_once('`')?;
    name.contains('.').then(|| PathBuf::from(name))
}

fn read_console(block: &[(usize, &str)]) -> Vec<(usize, Step)> {
    let mut steps: Vec<(usize, Step)> = Vec::new();
    let prompts = block.iter().any(|(_, line)| line.starts_with("$ ") || line.starts_with(PROMPT));
    for &(number, line) in block {
        if let Some(command) = line.strip_prefix(PROMPT) {
            steps.push((number + 1, Step::Redis(command.to_owned(), Vec::new())));
        } else if let Some(command) = line.strip_prefix("$ ") {
            steps.push((number + 1, Step::Shell(command.to_owned(), Vec::new())));
        } else if !prompts {
            if !line.trim().is_empty() && !line.starts_with('#') {
                steps.push((number + 1, Step::Shell(line.to_owned(), Vec::new())));
            }
        } else if let Some((_, Step::Shell(command, output) | Step::Redis(command, output))) =
            steps.last_mut()
        {
            if command.ends_with('\\') && output.is_empty() {
                command.push('\n');
                command.push_str(line.strip_prefix("> ").unwrap_or(line));
            } else if !line.trim().is_empty() {
                output.push(line.to_owned());
            }
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
                let path = cwd.join(name);
                if let Some(dir) = path.parent() {
                    std::fs::create_dir_all(dir)
                        .unwrap_or_else(|e| panic!("{place}: {}: {e}", dir.display()));
                }
                std::fs::write(&path, text).unwrap_or_else(|e| panic!("{place}: {}: {e}", path.display()));
                continue;
            }
            Step::Redis(command, expected) => {
                let printed = cli::cli_with_input(server, &["--no-raw"], format!("{command}\n").as_bytes());
                (command, expected, printed)
            }
            Step::Shell(command, _) if starts_a_server(&command) => continue,
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
            .filter(|line| !line.trim().is_empty())
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

/// Commands that a reader runs in another terminal, or that have been run when a test can run.
fn starts_a_server(command: &str) -> bool {
    let command = command.split('#').next().unwrap_or_default().trim();
    command == "redis-cli"
        || command.contains("xtask run")
        || command.contains("xtask setup")
        || command.contains("sandkey-server ")
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
        if name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_") && name != "CARGO_HOME" || name == "RUSTUP_TOOLCHAIN"
        }) {
            process.env_remove(name);
        }
    }
    // Compiled dependencies are kept from run to run; what is built still appears where the page says.
    process.env("CARGO_BUILD_BUILD_DIR", paths::target().join("guide"));
    if let Some(linker) = debian_linker() {
        process.env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1");
        process.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    }
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
    if debian_linker().is_some() {
        let std = "-Z build-std=std,panic_abort";
        let script = format!(
            "case \"$*\" in *wasm32-unknown-unknown*) exec /usr/bin/cargo \"$@\" {std};; *) unset RUSTC; exec /usr/bin/cargo \"$@\";; esac"
        );
        write("cargo", script);
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
        let page = "# Title\n\nPut this into `src/lib.rs`:\n\n```rust\nfn f() {}\n```\n\nNot a file:\n```rust\nx\n```\n\
            ```console\n$ cargo build\n$ redis-cli\n127.0.0.1:6379> PING\nPONG\n127.0.0.1:6379> GET a\n```\n\
            ```console\n# just commands\ncd x\n```\n";
        let steps: Vec<Step> = read(page).into_iter().map(|(_, step)| step).collect();
        let shell = |command: &str| Step::Shell(command.to_owned(), Vec::new());
        assert_eq!(
            steps,
            [
                Step::File("src/lib.rs".into(), "fn f() {}\n".to_owned()),
                shell("cargo build"),
                shell("redis-cli"),
                Step::Redis("PING".to_owned(), vec!["PONG".to_owned()]),
                Step::Redis("GET a".to_owned(), Vec::new()),
                shell("cd x"),
            ]
        );
    }
}
