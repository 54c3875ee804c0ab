//! `cargo xtask bench`: build all that is compared, then let the `compare` program of benches/ measure it.

use crate::build;
use crate::setup::{self, Need};
use crate::step::Step;
use crate::tree::Tree;
use anyhow::{Context, Result};

/// Set up, build and compare. A full run writes benches/RESULTS.md, a quick one only shows that it works.
pub(crate) fn bench(tree: &Tree, quick: bool) -> Result<()> {
    const NATIVE: &str = "benches/native-module";
    setup::setup(tree, Need::BENCH)?;
    build::build(tree)?;
    Step::new(tree, "native module", "cargo build --release").within(NATIVE).run()?;
    let native = tree.target_of(NATIVE).join("release").join(if cfg!(target_os = "macos") {
        "libnative_bench.dylib"
    } else {
        "libnative_bench.so"
    });
    let (results, flag) = if quick {
        (tree.target().join("RESULTS-quick.md"), Some("--quick"))
    } else {
        (tree.root().join("benches/RESULTS.md"), None)
    };
    let mut step = Step::new(tree, "comparison", "cargo run --package sandkey-benches --bin compare --");
    let files = [
        ("--sandkey", tree.server()),
        ("--bench-module", tree.module("bench")),
        ("--hostile-module", tree.module("hostile")),
        ("--native-module", native),
        ("--results", results.clone()),
    ];
    for (name, file) in files {
        step = step.arg(name).arg(file);
    }
    if let Some(flag) = flag {
        step = step.arg(flag);
    }
    step.run()?;
    let text =
        std::fs::read_to_string(&results).with_context(|| format!("cannot read {}", tree.shown(&results)))?;
    eprintln!("\n{text}\n── in {}", tree.shown(&results));
    Ok(())
}
