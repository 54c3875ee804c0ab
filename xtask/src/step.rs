//! One call of another program: named before it runs, timed after, and printed in a form that can be pasted into a
//! shell when it fails. There is no parallelism here: cargo uses all cores already, and one output at a time can be read.

use crate::tree::Tree;
use anyhow::{Context, Result, bail};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What cargo tells a program about the package that it runs. Passed on, it would make the build scripts of other
/// packages run again for no reason.
const OF_THIS_PACKAGE: [&str; 5] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_PACKAGE"];

/// A program to run, with its arguments.
pub(crate) struct Step {
    name: String,
    dir: PathBuf,
    shown_dir: String,
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(String, OsString)>,
    without: Vec<String>,
}

impl Step {
    /// `line` is cut at blanks; what may hold blanks itself goes in with [`Step::arg`].
    pub(crate) fn new(tree: &Tree, name: impl Into<String>, line: &str) -> Step {
        let mut words = line.split_whitespace();
        let mut step = Step::of(tree, name, words.next().unwrap_or_default());
        step.args.extend(words.map(OsString::from));
        step
    }

    /// A program without arguments so far, to run at the root of the checkout.
    pub(crate) fn of(tree: &Tree, name: impl Into<String>, program: impl Into<OsString>) -> Step {
        Step {
            name: name.into(),
            dir: tree.root().to_path_buf(),
            shown_dir: String::new(),
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            without: Vec::new(),
        }
    }

    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Step {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Step {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn without_env(mut self, name: &str) -> Step {
        self.without.push(name.to_owned());
        self
    }

    /// Run it in this folder of the checkout.
    pub(crate) fn within(mut self, folder: &str) -> Step {
        self.dir.push(folder);
        self.shown_dir = folder.to_owned();
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The line that does the same in a shell, at the root of the checkout.
    pub(crate) fn to_repeat(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        if !self.without.is_empty() {
            words.push("env".to_owned());
            words.extend(self.without.iter().map(|name| format!("-u {name}")));
        }
        words.extend(self.env.iter().map(|(name, value)| format!("{name}={}", quoted(value))));
        words.push(quoted(&self.program));
        words.extend(self.args.iter().map(|arg| quoted(arg)));
        let line = words.join(" ");
        if self.shown_dir.is_empty() { line } else { format!("(cd {} && {line})", self.shown_dir) }
    }

    /// Run it with its output on the terminal. A failure names the line that repeats it.
    pub(crate) fn run(&self) -> Result<Duration> {
        eprintln!("\n── {}: {}", self.name, self.to_repeat());
        let start = Instant::now();
        let status =
            self.command().status().with_context(|| format!("cannot start {}", quoted(&self.program)))?;
        let took = start.elapsed();
        if !status.success() {
            bail!(
                "{} failed ({status}) after {}. To repeat it:\n\n  {}",
                self.name,
                seconds(took),
                self.to_repeat()
            );
        }
        eprintln!("── {}: {}", self.name, seconds(took));
        Ok(took)
    }

    /// Whether it succeeds, without a word.
    pub(crate) fn succeeds(&self) -> bool {
        let quiet = self.command().stdout(Stdio::null()).stderr(Stdio::null()).status();
        quiet.is_ok_and(|status| status.success())
    }

    /// What it prints, one line, when it succeeds.
    pub(crate) fn line(&self) -> Option<String> {
        let output = self.command().stderr(Stdio::null()).output().ok()?;
        let text = output.status.success().then(|| String::from_utf8(output.stdout).ok())??;
        text.lines().next().map(|line| line.trim().to_owned())
    }

    /// The process to be, for who wants to become it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).current_dir(&self.dir).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if OF_THIS_PACKAGE.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        for name in &self.without {
            command.env_remove(name);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// `12.3 s`
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;
    use std::ffi::OsStr;

    #[test]
    fn words_are_quoted_where_a_shell_would_change_them() {
        assert_eq!(quoted(OsStr::new("--target-dir=a/b")), "--target-dir=a/b");
        assert_eq!(quoted(OsStr::new("*")), "'*'");
        assert_eq!(quoted(OsStr::new("")), "''");
        assert_eq!(quoted(OsStr::new("it's")), r"'it'\''s'");
    }
}
