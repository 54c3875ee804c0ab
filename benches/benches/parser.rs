//! What it costs to read a request and to write a reply, beside the redis-protocol crate doing the same.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use redis_protocol::resp2::decode::{decode, decode_range};
use redis_protocol::resp2::encode::encode;
use redis_protocol::resp2::types::OwnedFrame;
use sandkey_server::net::argv::OwnedArgv;
use sandkey_server::net::reply::{Protocol, ReplyWriter};
use sandkey_server::net::resp::{Batch, Parser, RequestLimits};

/// `SET key <value>`, so many times.
fn set(value_len: usize, times: usize) -> Vec<u8> {
    let mut writer = ReplyWriter::default();
    for _ in 0..times {
        writer.array_header(3);
        writer.bulk("SET");
        writer.bulk("key");
        writer.bulk("v".repeat(value_len));
    }
    writer.into_inner()
}

fn parse(c: &mut Criterion) {
    let inputs = [
        ("SET 3 B", set(3, 1)),
        ("SET 1 kB", set(1000, 1)),
        ("16 x SET 3 B", set(3, 16)),
        ("16 x SET 1 kB", set(1000, 16)),
    ];
    for (name, input) in &inputs {
        let mut group = c.benchmark_group(format!("parse {name}"));
        group.throughput(Throughput::Bytes(input.len() as u64));
        group.bench_function("sandkey", |b| {
            let (mut parser, mut batch, limits) = (Parser::new(), Batch::new(), RequestLimits::default());
            b.iter(|| {
                let parsed = parser.parse(black_box(input), &mut batch, &limits);
                // What a dispatcher looks at first.
                (0..batch.len()).for_each(|index| {
                    black_box(batch.argv(input, index).name());
                });
                black_box(parsed)
            });
        });
        group.bench_function("redis-protocol, ranges", |b| {
            b.iter(|| {
                let mut rest = black_box(&input[..]);
                while let Ok(Some((frame, len))) = decode_range(rest) {
                    black_box(frame);
                    rest = &rest[len..];
                }
            });
        });
        group.bench_function("redis-protocol, owned", |b| {
            b.iter(|| {
                let mut rest = black_box(&input[..]);
                while let Ok(Some((frame, len))) = decode(rest) {
                    black_box(frame);
                    rest = &rest[len..];
                }
            });
        });
        group.finish();
    }
}

/// What does not go the short way: an inline request, a command in two pieces, and arguments in the shape that guests take.
fn parse_others(c: &mut Criterion) {
    let (mut parser, mut batch, limits) = (Parser::new(), Batch::new(), RequestLimits::default());
    let mut group = c.benchmark_group("parse others");
    group.bench_function("inline SET key \"v v\"", |b| {
        b.iter(|| black_box(parser.parse(black_box(b"SET key \"v v\"\r\n"), &mut batch, &limits)));
    });
    let input = set(3, 1);
    group.bench_function("SET 3 B in two pieces", |b| {
        b.iter(|| {
            black_box(parser.parse(black_box(&input[..20]), &mut batch, &limits));
            black_box(parser.parse(black_box(&input), &mut batch, &limits))
        });
    });
    let mut owned = OwnedArgv::new();
    parser.parse(&input, &mut batch, &limits);
    group.bench_function("SET 3 B into an OwnedArgv", |b| {
        b.iter(|| owned.assign(black_box(batch.argv(&input, 0))));
    });
    group.finish();
}

fn replies(c: &mut Criterion) {
    let value = [b'v'; 64];
    let mut group = c.benchmark_group("reply");
    let mut bench = |name: &str, protocol: Protocol, write: &dyn Fn(&mut ReplyWriter)| {
        group.bench_function(name, |b| {
            let mut writer = ReplyWriter::new(Vec::with_capacity(4096), protocol);
            b.iter(|| {
                writer.clear();
                write(black_box(&mut writer));
                black_box(writer.as_bytes());
            });
        });
    };
    bench("OK", Protocol::Resp2, &|w| w.ok());
    bench("integer", Protocol::Resp2, &|w| w.integer(black_box(1_234_567)));
    bench("bulk 64 B", Protocol::Resp2, &|w| w.bulk(black_box(value)));
    bench("bulk 64 B x 16", Protocol::Resp2, &|w| (0..16).for_each(|_| w.bulk(black_box(value))));
    bench("double", Protocol::Resp3, &|w| w.double(black_box(0.1)));
    bench("array of 10 bulks", Protocol::Resp2, &|w| {
        w.array_header(10);
        (0..10).for_each(|_| w.bulk(black_box(value)));
    });
    bench("array of 10 bulks, length last", Protocol::Resp2, &|w| {
        let array = w.deferred_array();
        (0..10).for_each(|_| w.bulk(black_box(value)));
        w.set_deferred(array, 10);
    });

    let mut module = ReplyWriter::new(Vec::new(), Protocol::Resp3);
    module.map_header(5);
    for _ in 0..5 {
        module.bulk("field");
        module.double(1.5);
    }
    let module = module.into_inner();
    bench("module's map of 5, to RESP3", Protocol::Resp3, &|w| {
        w.resp3_to_client(black_box(&module)).expect("it is RESP3");
    });
    bench("module's map of 5, to RESP2", Protocol::Resp2, &|w| {
        w.resp3_to_client(black_box(&module)).expect("it is RESP3");
    });

    let frame = OwnedFrame::BulkString(value.to_vec());
    group.bench_function("redis-protocol, bulk 64 B", |b| {
        let mut out = [0; 128];
        b.iter(|| black_box(encode(&mut out, black_box(&frame), false)));
    });
    group.finish();
}

criterion_group!(benches, parse, parse_others, replies);
criterion_main!(benches);
