//! `cargo xtask test`: everything that must hold before a change goes in, the quick and the telling first.
//!
//! From an empty target folder nearly all of the time goes into compiling wasmtime, so the order of the day is to compile it
//! as seldom as possible. It is three times, and each has its reason:
//!
//! * without code, for clippy: metadata cannot be shared with a build;
//! * with the dev profile, for unit and documentation tests, whose dependencies are optimised a little;
//! * with the release profile, for the server that the integration tests talk to. That is the program that people run,
//!   with its link-time optimisation and its abort on panic, and it is what `cargo xtask build` leaves in place anyway.
//!
//! Every cargo call of the main workspace names the same packages (`--workspace`), because the features of shared
//! dependencies follow from what is named, and a different set would compile them once more.

use crate::build;
use crate::setup::{self, Need};
use crate::step::{Step, seconds};
use crate::tree::{Tree, program};
use anyhow::Result;
use std::time::{Duration, Instant};

/// Other workspaces: what can be checked in them without more than the main one needs.
///                             clippy  tests
const OTHERS: [(&str, bool, bool); 4] = [
    ("guest-sdk", true, true),
    ("sample-modules", true, true),
    ("fuzz", true, false),
    ("benches/native-module", false, false),
];

/// Set up, and run all checks. The first failure ends it.
pub(crate) fn test(tree: &Tree) -> Result<()> {
    let start = Instant::now();
    setup::setup(tree, Need::TEST)?;
    let mut times: Vec<(String, Duration)> = vec![("setup".to_owned(), start.elapsed())];
    for step in before_build(tree) {
        let took = step.run()?;
        times.push((step.name().to_owned(), took));
    }
    let building = Instant::now();
    build::build(tree)?;
    times.push(("build".to_owned(), building.elapsed()));
    for step in after_build(tree) {
        let took = step.run()?;
        times.push((step.name().to_owned(), took));
    }

    eprintln!("\n── all checks passed");
    for (name, took) in &times {
        eprintln!("   {:>9}  {name}", seconds(*took));
    }
    eprintln!("   {:>9}  in all", seconds(start.elapsed()));
    Ok(())
}

fn others(tree: &Tree) -> impl Iterator<Item = (&'static str, bool, bool)> {
    OTHERS.into_iter().filter(|(folder, ..)| tree.root().join(folder).join("Cargo.toml").is_file())
}

/// Formatting, lints, and what runs without a server.
fn before_build(tree: &Tree) -> Vec<Step> {
    const CLIPPY: &str = "cargo clippy --workspace --all-targets -- -D warnings";
    let mut steps = vec![Step::new(tree, "formatting", "cargo fmt --all --check")];
    for (folder, ..) in others(tree) {
        steps.push(
            Step::new(tree, format!("formatting of {folder}"), "cargo fmt --all --check").within(folder),
        );
    }
    for (folder, clippy, tests) in others(tree) {
        if clippy {
            steps.push(Step::new(tree, format!("lints of {folder}"), CLIPPY).within(folder));
        }
        if tests {
            steps
                .push(Step::new(tree, format!("tests of {folder}"), "cargo test --workspace").within(folder));
        }
    }
    steps.push(Step::new(tree, "lints", CLIPPY));
    steps.extend(licences(tree));
    steps.push(Step::new(tree, "unit tests", "cargo test --workspace --lib --bins"));
    steps.push(Step::new(tree, "documentation tests", "cargo test --workspace --doc"));
    steps
}

/// Licences and sources, of every workspace that has been fetched by now.
fn licences(tree: &Tree) -> Vec<Step> {
    if program("cargo-deny").is_none() {
        eprintln!(
            "── cargo-deny is not installed (`cargo xtask setup` gets it): licences and sources are not checked"
        );
        return Vec::new();
    }
    let check = |name: &str, manifest: &str| {
        let line =
            format!("cargo deny --config deny.toml --manifest-path {manifest} check bans licenses sources");
        Step::new(tree, name, &line)
    };
    let of_others = others(tree).filter(|(_, clippy, _)| *clippy).map(|(folder, ..)| {
        check(&format!("licences and sources of {folder}"), &format!("{folder}/Cargo.toml"))
    });
    std::iter::once(check("licences and sources", "Cargo.toml")).chain(of_others).collect()
}

/// What talks to a server.
fn after_build(tree: &Tree) -> Vec<Step> {
    vec![Step::new(tree, "integration tests", "cargo test --workspace --test").arg("*")]
}
