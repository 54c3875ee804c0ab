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
        step.within(workspace).run()
    }
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
