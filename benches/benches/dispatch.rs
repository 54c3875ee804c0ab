//! What a command costs from its arguments to its reply: everything between the parser and the socket, with a thousand keys that are in
//! the cache. Native commands, and those of the module `bench` beside them.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, criterion_group};
use sandkey_server::command::dispatch::{Executor, Outcome, Prepared};
use sandkey_server::command::session::Session;
use sandkey_server::config::{Config, ConfigStore};
use sandkey_server::module::{LoadRequest, Source};
use sandkey_server::net::client::{Client, Transport};
use sandkey_server::net::reply::ReplyWriter;
use sandkey_server::net::resp::{Batch, Parser, RequestLimits};
use sandkey_server::server::Server;

const KEYS: usize = 1000;

/// One worker and one client of a server that listens on nothing.
struct Bench {
    executor: Executor,
    session: Session,
    reply: ReplyWriter,
}

impl Bench {
    fn new() -> Self {
        let store = ConfigStore::new(Config::default(), None);
        let server = Server::new(store).expect("the defaults make a server");
        let client = Client::new(1, String::new(), String::new(), -1, Transport::Internal, 0);
        let mut bench = Self {
            executor: Executor::new(server, 0),
            session: Session::new(Arc::new(client), server.tenant.acl.default_user()),
            reply: ReplyWriter::default(),
        };
        for number in 0..KEYS {
            bench.run(&requests(&["SET", &key(number), "100"], 1));
        }
        bench
    }

    /// The module's commands, if it has been built.
    fn load_module(&mut self) -> bool {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/modules/bench.wasm");
        if !path.exists() {
            eprintln!("no module commands: build {} with `cargo xtask build`", path.display());
            return false;
        }
        let server = self.executor.server;
        let request = LoadRequest { source: Source::File(path), args: Vec::new(), configs: Vec::new() };
        let module = server.tenant.modules.load(server, request).expect("the module loads");
        // Nothing here is to wait for fuel.
        let limits = sandkey_runtime::Limits { fuel_per_second: u64::MAX, ..module.limits() };
        module.set_limits(limits, server.clock.now_ns());
        true
    }

    /// Execute every command of a batch, as a connection does.
    fn run(&mut self, input: &[u8]) {
        let mut batch = Batch::new();
        Parser::new().parse(input, &mut batch, &RequestLimits::default());
        self.execute(input, &batch);
    }

    fn execute(&mut self, input: &[u8], batch: &Batch) {
        self.reply.clear();
        self.executor.begin();
        let mut prepared = Prepared::default();
        if batch.len() > 1 {
            let commands = (0..batch.len()).map(|index| batch.argv(input, index));
            prepared = self.executor.prepare(self.session.db, commands);
        }
        for index in 0..batch.len() {
            let (argv, key) = (batch.argv(input, index), prepared.key(index));
            let outcome = self.executor.execute_prepared(&mut self.session, argv, key, &mut self.reply);
            assert_eq!(outcome, Outcome::Done, "{argv:?}");
        }
        assert_ne!(self.reply.as_bytes().first(), Some(&b'-'), "{}", self.reply.as_bytes().escape_ascii());
    }
}

fn key(number: usize) -> String {
    format!("key:{number:012}")
}

/// The same command so many times, on the wire. `KEY` in it is another key each time.
fn requests(argv: &[&str], times: usize) -> Vec<u8> {
    let mut writer = ReplyWriter::default();
    for time in 0..times {
        writer.array_header(argv.len());
        for arg in argv {
            // Keys that stand apart, so that no two of a batch share a line of the cache.
            writer.bulk(if *arg == "KEY" { key(time * 61 % KEYS) } else { (*arg).to_owned() });
        }
    }
    writer.into_inner()
}

fn dispatch(c: &mut Criterion) {
    let mut bench = Bench::new();
    let mut commands: Vec<&[&str]> = vec![
        &["PING"],
        &["GET", "KEY"],
        &["SET", "KEY", "100"],
        &["INCR", "KEY"],
        &["HSET", "hash", "field", "value"],
        &["MGET", "KEY", "KEY", "KEY", "KEY"],
    ];
    if bench.load_module() {
        commands.extend([&["BENCH.NOP"][..], &["BENCH.INCR", "KEY"], &["BENCH.ECHO", "a", "b", "c"]]);
    }
    for argv in commands {
        let mut group = c.benchmark_group(argv.join(" "));
        for times in [1, 16] {
            let input = requests(argv, times);
            let mut batch = Batch::new();
            Parser::new().parse(&input, &mut batch, &RequestLimits::default());
            group.throughput(criterion::Throughput::Elements(times as u64));
            group.bench_function(format!("batch of {times}"), |b| {
                b.iter(|| bench.execute(black_box(&input), &batch));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, dispatch);

fn main() {
    // Modules are compiled by a process that the server starts, which is this program.
    sandkey_runtime::compile_child::main_if_asked();
    benches();
    Criterion::default().configure_from_args().final_summary();
}
