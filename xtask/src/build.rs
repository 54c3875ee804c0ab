//! `cargo xtask build`: the server, and one file for each sample module.

use crate::setup::wasm::GuestToolchain;
use crate::step::Step;
use crate::tree::Tree;
use anyhow::{Context, Result};

/// Build everything that `run`, the integration tests and the comparison start.
pub(crate) fn build(tree: &Tree) -> Result<()> {
    server(tree)?;
    modules(tree)
}

/// The server as it is shipped.
pub(crate) fn server(tree: &Tree) -> Result<()> {
    Step::new(tree, "server", "cargo build --release -p sandkey-server").run()?;
    Ok(())
}

/// The sample modules, into target/modules/. A file is replaced whole, so a server that is just loading it reads the
/// old one or the new one.
pub(crate) fn modules(tree: &Tree) -> Result<()> {
    let guest =
        GuestToolchain::find(tree)?.context("the wasm32 target is missing: run `cargo xtask setup`")?;
    guest.build(tree, "sample-modules")?;
    let built = tree.target_of("sample-modules").join("wasm32-unknown-unknown/release");
    for name in tree.sample_modules()? {
        let file = built.join(name.replace('-', "_")).with_extension("wasm");
        let to = tree.module(&name);
        let folder = to.parent().context("target/modules is a folder")?;
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", tree.shown(folder)))?;
        let partial = folder.join(format!(".{name}.partial"));
        std::fs::copy(&file, &partial).with_context(|| {
            format!(
                "no {}: is sample-modules/{name} a member of its workspace, and a cdylib of this name?",
                tree.shown(&file)
            )
        })?;
        std::fs::rename(&partial, &to).with_context(|| format!("cannot replace {}", tree.shown(&to)))?;
        eprintln!("   {}", tree.shown(&to));
    }
    Ok(())
}
