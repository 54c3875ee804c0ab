//! A compiler for modules. There are two ways to one, tried in this order:
//!
//! 1. the target wasm32-unknown-unknown of the Rust that is in use: there already, or through rustup;
//! 2. Debian's packages rustc-web, cargo-web and rust-web-src, for machines on which rustup reaches nothing: a newer
//!    Rust with the sources of its standard library, which is then compiled with the modules. These packages have no
//!    linker for wasm32, so the one that the Rust in use brings is lent to them.

use super::packages;
use crate::step::Step;
use crate::tree::{Tree, program};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::time::Duration;

const TARGET: &str = "wasm32-unknown-unknown";

/// Where Debian's packages put their programs and sources.
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_SOURCES: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";

/// What compiles modules here.
pub(crate) enum GuestToolchain {
    /// The Rust in use has the target.
    InUse,
    /// Debian's, with this linker.
    Debian {
        /// A linker for wasm32.
        linker: PathBuf,
    },
}

impl GuestToolchain {
    /// What there is, if anything.
    pub(crate) fn find(tree: &Tree) -> Result<Option<GuestToolchain>> {
        let question = Step::new(tree, "rustc", "rustc --print target-libdir --target").arg(TARGET);
        let libraries = question.line().context("rustc does not answer; is Rust installed?")?;
        if Path::new(&libraries).is_dir() {
            return Ok(Some(GuestToolchain::InUse));
        }
        if !Path::new(DEBIAN_SOURCES).is_file() || !Path::new(DEBIAN_RUSTC).is_file() {
            return Ok(None);
        }
        Ok(linker(tree).map(|linker| GuestToolchain::Debian { linker }))
    }

    /// Build every module of this workspace.
    pub(crate) fn build(&self, tree: &Tree, workspace: &str) -> Result<Duration> {
        let args = format!("build --release --target {TARGET}");
        let step = match self {
            GuestToolchain::InUse => Step::new(tree, "modules", &format!("cargo {args}")),
            GuestToolchain::Debian { linker } => {
                let line = format!("{DEBIAN_CARGO} {args} -Z build-std=std,panic_abort");
                Step::new(tree, "modules", &line)
                    .without_env("RUSTUP_TOOLCHAIN")
                    // It lets a released compiler build its own standard library.
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("RUSTC", DEBIAN_RUSTC)
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
            }
        };
        with_flags(step, &remapped(tree.root(), std::env::home_dir())).within(workspace).run()
    }
}

/// Flags by which a module names neither the checkout nor the home folder: the places of its panics would have them, and a
/// file that is given to others should not tell whose it was.
fn remapped(root: &Path, home: Option<PathBuf>) -> Vec<String> {
    // The checkout last: it may lie in the home folder, and the last prefix that fits is taken.
    let folders = home.into_iter().map(|home| (home, "~")).chain([(root.to_path_buf(), "sandkey")]);
    folders
        .filter(|(folder, _)| folder.parent().is_some())
        .map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display()))
        // cargo cuts flags at blanks, and paths in a file are no reason to fail.
        .filter(|flag| !flag.contains(char::is_whitespace))
        .collect()
}

/// Give flags to the compiler beside those that the person has. cargo reads the first of three places: these two variables,
/// what is configured for the target, and what is configured for all. The last variable adds to the last place; where the
/// target has flags, those count and ours are left out.
fn with_flags(step: Step, flags: &[String]) -> Step {
    let first = [("CARGO_ENCODED_RUSTFLAGS", "\u{1f}"), ("RUSTFLAGS", " ")];
    let set = first.into_iter().find(|(name, _)| std::env::var_os(name).is_some());
    let (name, separator) = set.unwrap_or(("CARGO_BUILD_RUSTFLAGS", " "));
    let mut all = std::env::var_os(name).unwrap_or_default();
    for flag in flags {
        if !all.is_empty() {
            all.push(separator);
        }
        all.push(flag);
    }
    step.env(name, all)
}

/// Make sure that [`GuestToolchain::find`] finds one.
pub(crate) fn get(tree: &Tree) -> Result<()> {
    if GuestToolchain::find(tree)?.is_some() {
        return Ok(());
    }
    let mut by_hand = format!("rustup target add {TARGET}");
    if program("rustup").is_some() {
        let mut step = Step::new(tree, "wasm32 target", &by_hand);
        // The toolchain in use, which need not be the default one.
        if let Some(toolchain) = std::env::var_os("RUSTUP_TOOLCHAIN") {
            step = step.arg("--toolchain").arg(toolchain);
        }
        by_hand = step.to_repeat();
        match step.run() {
            Ok(_) if GuestToolchain::find(tree)?.is_some() => return Ok(()),
            Ok(_) => eprintln!("── setup: rustup has the target, but rustc does not find it"),
            Err(error) => eprintln!("── setup: {error:#}\n── setup: trying Debian's packages instead"),
        }
    }
    if program("apt-get").is_none() {
        bail!("no compiler for {TARGET}. With rustup:\n\n  {by_hand}");
    }
    let mut missing = vec![&packages::RUST_WEB];
    if linker(tree).is_none() {
        missing.push(&packages::LLD);
    }
    packages::install(tree, &missing)
        .with_context(|| format!("no compiler for {TARGET}; neither `{by_hand}` nor Debian's"))?;
    if GuestToolchain::find(tree)?.is_none() {
        bail!("Debian's packages are installed, but {DEBIAN_SOURCES} or a linker for {TARGET} is missing");
    }
    Ok(())
}

/// rust-lld of the Rust in use, or the system's wasm-ld.
fn linker(tree: &Tree) -> Option<PathBuf> {
    let sysroot = Step::new(tree, "rustc", "rustc --print sysroot").line()?;
    let hosts = std::fs::read_dir(Path::new(&sysroot).join("lib/rustlib")).into_iter().flatten().flatten();
    let of_rust = hosts.map(|host| host.path().join("bin/rust-lld")).find(|file| file.is_file());
    of_rust.or_else(|| program("wasm-ld"))
}

#[cfg(test)]
mod tests {
    use super::remapped;
    use std::path::{Path, PathBuf};

    #[test]
    fn folders_of_a_person_get_other_names() {
        let root = Path::new("/people/me/clone");
        let own = "--remap-path-prefix=/people/me/clone=sandkey";
        assert_eq!(remapped(root, Some("/people/me".into())), ["--remap-path-prefix=/people/me=~", own]);
        for nowhere in [None, Some(PathBuf::new()), Some("/".into()), Some("/people/Jo Doe".into())] {
            assert_eq!(remapped(root, nowhere), [own]);
        }
    }
}
