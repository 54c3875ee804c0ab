//! `cargo xtask setup`: get what is missing, saying each thing before doing it. Nothing that is there is touched, so
//! that a second run only looks, in well under a second.
//!
//! Where this may not install (not root, and no sudo without a password; a system whose packages it does not know) it
//! prints the command that a person can run, and stops. It never changes a configuration and never starts a service.

mod packages;
mod python;
pub(crate) mod wasm;

use crate::step::Step;
use crate::tree::{Tree, program};
use anyhow::Result;
use packages::Package;

/// Something that one of the commands cannot do without, or does more with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Need {
    /// A compiler for modules.
    Wasm,
    /// `make`, with which the allocator is built.
    Make,
    /// A C++ compiler, with which libFuzzer is built where the fuzz targets are checked.
    Cxx,
    /// redis-cli and redis-benchmark.
    RedisTools,
    /// redis-server: the judge of how a reply must look, and the peer of the comparison.
    RedisServer,
    /// Two generations of redis-py, for the tests of clients.
    Python,
    /// What a native module for redis-server is built with.
    Libclang,
    /// The two clients for Node.js. Their tests are left out where there is no Node.js.
    NodeClients,
    /// The check of licences and sources. It takes two to three minutes to build on two cores, so only
    /// `cargo xtask setup` gets it; `test` runs the check where it finds it.
    CargoDeny,
}

impl Need {
    /// For `cargo xtask setup`: whatever another command may need.
    pub(crate) const ALL: &[Need] = &[
        Need::Wasm,
        Need::Make,
        Need::Cxx,
        Need::RedisTools,
        Need::RedisServer,
        Need::Python,
        Need::Libclang,
        Need::NodeClients,
        Need::CargoDeny,
    ];
    /// For building.
    pub(crate) const BUILD: &[Need] = &[Need::Wasm, Need::Make];
    /// For running: redis-cli is how one talks to the server.
    pub(crate) const RUN: &[Need] = &[Need::Wasm, Need::Make, Need::RedisTools];
    /// For the tests.
    pub(crate) const TEST: &[Need] = &[
        Need::Wasm,
        Need::Make,
        Need::Cxx,
        Need::RedisTools,
        Need::RedisServer,
        Need::Python,
        Need::NodeClients,
    ];
    /// For the comparison.
    pub(crate) const BENCH: &[Need] =
        &[Need::Wasm, Need::Make, Need::RedisTools, Need::RedisServer, Need::Libclang];

    /// The packages of the system that are missing for it.
    fn packages(self, tree: &Tree) -> Vec<&'static Package> {
        let lacks = |name: &str| program(name).is_none();
        let (missing, package) = match self {
            Need::Make => (lacks("make"), &packages::MAKE),
            Need::Cxx => (std::env::var_os("CXX").is_none() && lacks("c++"), &packages::CXX),
            Need::RedisTools => (lacks("redis-cli") || lacks("redis-benchmark"), &packages::REDIS_TOOLS),
            Need::RedisServer => (lacks("redis-server"), &packages::REDIS_SERVER),
            Need::Python => (python::lacks_interpreter(tree), &packages::PYTHON),
            Need::Libclang => (!packages::has_libclang(), &packages::LIBCLANG),
            Need::Wasm | Need::NodeClients | Need::CargoDeny => return Vec::new(),
        };
        if missing { vec![package] } else { Vec::new() }
    }

    /// Get what is not a package of the system, or depends on one.
    fn get(self, tree: &Tree) -> Result<()> {
        match self {
            Need::Wasm => wasm::get(tree),
            Need::Python => python::get(tree),
            Need::NodeClients => {
                node_clients(tree);
                Ok(())
            }
            Need::CargoDeny => {
                cargo_deny(tree);
                Ok(())
            }
            Need::Make | Need::Cxx | Need::RedisTools | Need::RedisServer | Need::Libclang => Ok(()),
        }
    }
}

/// Get whatever of `needs` is missing.
pub(crate) fn setup(tree: &Tree, needs: &[Need]) -> Result<()> {
    let missing: Vec<&Package> = needs.iter().flat_map(|need| need.packages(tree)).collect();
    packages::install(tree, &missing)?;
    for need in needs {
        need.get(tree)?;
    }
    eprintln!("── setup: everything is in place");
    Ok(())
}

/// Install the Node.js clients beside what is built. Without Node.js, or without a way to npm's packages, their tests are
/// left out, and this says so.
fn node_clients(tree: &Tree) {
    const CLIENTS: [&str; 2] = ["redis", "ioredis"];
    let folder = tree.target().join("node-clients");
    let there = |client: &&str| folder.join("node_modules").join(client).join("package.json").is_file();
    if CLIENTS.iter().all(there) {
        return;
    }
    if program("node").is_none() || program("npm").is_none() {
        eprintln!("── setup: no Node.js here, so the tests of its clients are left out");
        return;
    }
    let line = "npm install --silent --no-audit --no-fund --no-save";
    let step =
        Step::new(tree, "Node.js clients", line).arg("--prefix").arg(&folder).arg("redis@6").arg("ioredis@6");
    let outcome = std::fs::create_dir_all(&folder).map_err(Into::into).and_then(|()| step.run());
    if let Err(error) = outcome {
        eprintln!("── setup: the tests of the Node.js clients are left out: {error:#}");
    }
}

fn cargo_deny(tree: &Tree) {
    if program("cargo-deny").is_some() {
        return;
    }
    let step = Step::new(tree, "cargo-deny (two to three minutes)", "cargo install --locked cargo-deny");
    if let Err(error) = step.run() {
        eprintln!("── setup: the check of licences and sources is left out: {error:#}");
    }
}
