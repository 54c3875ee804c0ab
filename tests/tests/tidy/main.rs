//! The rules of the tree, held by a test instead of by reviewers: who may import whom, how a file opens, how long it
//! may be, where unsafe code may stand, and that the contract does not change by accident. Each complaint says which rule it
//! is and why there is such a rule. Each rule also has a test of its own, in which it must find what it is there to find.
//!
//! This reads text and knows no types: what an expression evaluates to is not seen here, only what a file names.

mod contract;
mod generated;
mod habits;
mod imports;
mod source;

use source::{Source, Tree};

/// Something that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
struct Complaint {
    path: String,
    line: usize,
    text: String,
}

impl Complaint {
    fn new(source: &Source, line: usize, text: impl Into<String>) -> Complaint {
        Complaint { path: source.path.clone(), line, text: text.into() }
    }
}

#[track_caller]
fn none(complaints: &[Complaint]) {
    let lines: Vec<String> =
        complaints.iter().map(|c| format!("{}:{}: {}", c.path, c.line, c.text)).collect();
    assert!(complaints.is_empty(), "{} to put right:\n\n{}\n", complaints.len(), lines.join("\n"));
}

#[test]
fn layers_import_what_they_may() {
    let tree = Tree::read();
    none(&tree.rust().flat_map(imports::check).collect::<Vec<_>>());
}

#[test]
fn the_runtime_depends_on_no_other_crate_of_the_workspace() {
    let tree = Tree::read();
    let manifests: Vec<_> = tree.named("Cargo.toml").collect();
    assert!(manifests.len() >= 5, "the manifests are not where they were");
    none(&manifests.into_iter().flat_map(imports::check_manifest).collect::<Vec<_>>());
}

#[test]
fn generated_types_stay_in_the_runtime() {
    let tree = Tree::read();
    let sources: Vec<&Source> =
        tree.rust().filter(|source| source.path.starts_with("runtime/src/")).collect();
    none(&generated::check(&sources));
}

#[test]
fn files_keep_the_habits() {
    let tree = Tree::read();
    none(&tree.all().flat_map(habits::check).collect::<Vec<_>>());
}

#[test]
fn the_exceptions_are_still_needed() {
    let tree = Tree::read();
    none(&habits::stale_exceptions(&tree.rust().collect::<Vec<_>>()));
}

#[test]
fn the_contract_is_the_one_that_was_agreed() {
    contract::check();
}
