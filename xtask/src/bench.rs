//! `cargo xtask bench`: build all that is compared, then let the `compare` program of benches/ measure it.

use crate::build;
use crate::setup::{self, Need};
use crate::step::Step;
use crate::tree::Tree;
use anyhow::{Context, Result};

/// Set up, build and compare. A full run writes benches/RESULTS.md; one that is quick, or only of some experiments, writes beside
/// what is built.
pub(crate) fn bench(tree: &Tree, quick: bool, only: &[String]) -> Result<()> {
    const NATIVE: &str = "benches/native-module";
    setup::setup(tree, Need::BENCH)?;
    build::build(tree)?;
    Step::new(tree, "native module", "cargo build --release").within(NATIVE).run()?;
    let native = tree.target_of(NATIVE).join("release").join(if cfg!(target_os = "macos") {
        "libnative_bench.dylib"
    } else {
        "libnative_bench.so"
    });
    let name = match (quick, only) {
        (true, _) => Some("RESULTS-quick.md"),
        (false, [_, ..]) => Some("RESULTS-only.md"),
        (false, []) => None,
    };
    let results =
        name.map_or_else(|| tree.root().join("benches/RESULTS.md"), |name| tree.target().join(name));
    let mut step = Step::new(tree, "comparison", "cargo run --package sandkey-benches --bin compare --");
    let files = [
        ("--sandkey", tree.server()),
        ("--bench-module", tree.module("bench")),
        ("--values-module", tree.module("bench-values")),
        ("--hostile-module", tree.module("hostile")),
        ("--native-module", native),
        ("--results", results.clone()),
    ];
    for (name, file) in files {
        step = step.arg(name).arg(file);
    }
    if quick {
        step = step.arg("--quick");
    }
    if !only.is_empty() {
        step = step.arg("--only").arg(only.join(","));
    }
    step.run()?;
    let text =
        std::fs::read_to_string(&results).with_context(|| format!("cannot read {}", tree.shown(&results)))?;
    eprintln!("\n{text}\n── in {}", tree.shown(&results));
    Ok(())
}
