//! What the integration tests of this crate share.

#![allow(dead_code, unused_imports, missing_docs, unreachable_pub)]

pub mod guest;
pub mod host;

pub use guest::{Declared, Guest, READONLY, Values, WRITE, calling, put, reply, reply_bytes};
pub use host::{TestHost, Value};
use sandkey_runtime::{
    Argv, ArgvBuf, Compiler, Engine, EngineConfig, Instance, Limits, LoadError, Manifest, Module, Outcome,
    Reply,
};

pub const FUEL: u64 = 10_000_000;

/// An engine that compiles in this process, and enters modules as the tests around it want.
pub fn engine() -> Engine {
    engine_entering(is_direct())
}

/// Whether modules are entered directly by these tests; the same ones run once more in `by_component.rs`.
fn is_direct() -> bool {
    !module_path!().starts_with("by_component")
}

/// An engine that enters modules directly where that is possible, or never.
pub fn engine_entering(direct: bool) -> Engine {
    let config = EngineConfig { direct, ..EngineConfig::new(Compiler::InProcess) };
    Engine::new(config).expect("the engine starts")
}

pub fn load(guest: &Guest) -> Module {
    let module = engine().load(&guest.core()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(module.is_entered_directly(), is_direct());
    module
}

/// Load and instantiate; an error is the line that somebody would read.
pub fn try_start(guest: &Guest, limits: &Limits) -> Result<(Instance, Manifest), LoadError> {
    load(guest).instantiate(limits, Argv::EMPTY, &mut TestHost::default(), None)
}

pub fn start(guest: &Guest) -> Instance {
    try_start(guest, &Limits::default()).unwrap_or_else(|error| panic!("{error}")).0
}

/// Run the first command with these arguments.
pub fn run(instance: &mut Instance, host: &mut TestHost, args: &[&[u8]]) -> Outcome {
    let argv: ArgvBuf = args.iter().copied().collect();
    instance.call(host, 0, argv.as_argv(), FUEL)
}

/// The reply of a fresh instance, or the line that ended it.
pub fn answer(guest: &Guest) -> Result<Reply, String> {
    let mut host = TestHost::default();
    match run(&mut start(guest), &mut host, &[b"test.run"]).result {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(error)) => Err(error.line("test.run").into_owned()),
        Err(trap) => Err(format!("trap: {trap}")),
    }
}
