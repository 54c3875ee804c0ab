//! BF.*

use super::*;
use crate::bf::*;

#[test]
fn items_are_there_once_they_were_added() {
    let ctx = server();
    assert_eq!(ok::<exists>(&ctx, "f a"), false);
    assert_eq!(ok::<card>(&ctx, "f"), 0);
    assert_eq!(ok::<add>(&ctx, "f a"), true);
    assert_eq!(ok::<add>(&ctx, "f a"), false);
    assert_eq!(ok::<madd>(&ctx, "f a b b"), [false, true, false]);
    assert_eq!(ok::<mexists>(&ctx, "f a b c"), [true, true, false]);
    assert_eq!(ok::<card>(&ctx, "f"), 2);
    assert_eq!(ctx.key("f").type_name().as_deref(), Some("MBbloom--"));
    ctx.reload().unwrap();
    assert_eq!(ok::<mexists>(&ctx, "f a b c"), [true, true, false]);
}

#[test]
fn a_filter_is_reserved_once_and_as_wanted() {
    let ctx = server();
    assert_eq!(ok::<reserve>(&ctx, "f 0.001 1000 expansion 4"), "OK");
    assert_eq!(refusal::<reserve>(&ctx, "f 0.001 1000"), "ERR item exists");
    let described = ok::<info>(&ctx, "f");
    assert_eq!(field(&described, "Capacity"), 1000);
    assert_eq!(field(&described, "Number of filters"), 1);
    assert_eq!(field(&described, "Number of items inserted"), 0);
    assert_eq!(field(&described, "Expansion rate"), 4);
    assert!(field(&described, "Size").as_integer().unwrap() > 1900);
    ok::<reserve>(&ctx, "fixed 0.001 1000 NONSCALING");
    assert_eq!(field(&ok::<info>(&ctx, "fixed"), "Expansion rate"), Value::Null);
}

#[test]
fn one_thing_of_a_filter_is_a_map_for_those_who_know_maps() {
    let ctx = server();
    ctx.set_client(sandkey::Client { resp: 2, ..Default::default() });
    ok::<reserve>(&ctx, "f 0.01 100 NONSCALING");
    assert_eq!(ok::<info>(&ctx, "f capacity"), [100]);
    assert_eq!(ok::<info>(&ctx, "f EXPANSION"), array([Reply::Null]));
    ctx.set_client(sandkey::Client { resp: 3, ..Default::default() });
    assert_eq!(field(&ok::<info>(&ctx, "f CAPACITY"), "Capacity"), 100);
    assert_eq!(field(&ok::<info>(&ctx, "f ITEMS"), "Number of items inserted"), 0);
    assert_eq!(field(&ok::<info>(&ctx, "f FILTERS"), "Number of filters"), 1);
    assert!(matches!(ok::<info>(&ctx, "f SIZE"), Value::Map(_)));
    assert_eq!(refusal::<info>(&ctx, "f COLOUR"), "Invalid information value");
    assert_eq!(run::<info>(&ctx, "f SIZE SIZE"), Err(Error::WrongArity));
    assert_eq!(refusal::<info>(&ctx, "nokey"), "ERR not found");
}

#[test]
fn bad_arguments_are_refused_in_redisbloom_words() {
    let ctx = server();
    for (line, why) in [
        ("f x 100", "ERR bad error rate"),
        ("f nan 100", "ERR bad error rate"),
        ("f 0 100", "ERR (0 < error rate range < 1)"),
        ("f 1 100", "ERR (0 < error rate range < 1)"),
        ("f -inf 100", "ERR (0 < error rate range < 1)"),
        ("f 0.1 x", "ERR bad capacity"),
        ("f 0.1 99999999999999999999", "ERR bad capacity"),
        ("f 0.1 0", "ERR (capacity should be larger than 0)"),
        ("f 0.1 -5", "ERR (capacity should be larger than 0)"),
        ("f 0.1 100 EXPANSION", "ERR no expansion"),
        ("f 0.1 100 EXPANSION x", "ERR bad expansion"),
        ("f 0.1 100 EXPANSION 32769", "ERR bad expansion"),
        ("f 0.1 100 EXPANSION 0", "ERR expansion should be greater or equal to 1"),
        ("f 0.1 100 EXPANSION 2 NONSCALING", "Nonscaling filters cannot expand"),
        ("f 0.1 100 SCALING", "ERR syntax error"),
        ("f 0.1 1152921504606846976", "ERR could not create filter"),
        ("f 0.1 9223372036854775807 NONSCALING", "ERR could not create filter"),
        ("f 5e-324 1", "ERR could not create filter"),
    ] {
        assert_eq!(refusal::<reserve>(&ctx, line), why, "{line}");
    }
    for (line, why) in [
        ("f CAPACITY 0 ITEMS a", "Bad capacity"),
        ("f CAPACITY x ITEMS a", "Bad capacity"),
        ("f ERROR 1 ITEMS a", "Bad error rate"),
        ("f ERROR 0 ITEMS a", "Bad error rate"),
        ("f EXPANSION 0 ITEMS a", "Bad expansion"),
        ("f COLOUR ITEMS a", "Unknown argument received"),
        ("f NOCREATE ITEMS a", "ERR not found"),
        ("f CAPACITY 1152921504606846976 ITEMS a", "ERR could not create filter"),
    ] {
        assert_eq!(refusal::<insert>(&ctx, line), why, "{line}");
    }
    for line in ["f ITEMS", "f CAPACITY 10", "f"] {
        assert_eq!(run::<insert>(&ctx, line), Err(Error::WrongArity), "{line}");
    }
    assert!(!ctx.key("f").exists());
}

#[test]
fn insert_creates_what_it_is_told_and_changes_nothing_that_exists() {
    let ctx = server();
    assert_eq!(ok::<insert>(&ctx, "f CAPACITY 1000 ERROR 0.001 EXPANSION 3 ITEMS a b"), [true, true]);
    let described = ok::<info>(&ctx, "f");
    assert_eq!(
        (field(&described, "Capacity"), field(&described, "Expansion rate")),
        (integer(1000), integer(3))
    );
    assert_eq!(ok::<insert>(&ctx, "f NOCREATE capacity 5 items a c ITEMS"), [false, true, true]);
    assert_eq!(field(&ok::<info>(&ctx, "f"), "Capacity"), 1000);
    ok::<insert>(&ctx, "fixed EXPANSION 2 NONSCALING ITEMS a");
    assert_eq!(field(&ok::<info>(&ctx, "fixed"), "Expansion rate"), Value::Null);
}

#[test]
fn a_full_filter_says_so_and_keeps_what_came_before() {
    let ctx = server();
    ok::<reserve>(&ctx, "f 0.001 2 NONSCALING");
    let full = Value::Error("ERR non scaling filter is full".to_owned());
    let outcome = ok::<madd>(&ctx, "f a a b c d");
    let expected = [true, false, true].map(Value::Boolean).into_iter().chain([full.clone()]);
    assert_eq!(outcome, Value::Array(expected.collect()));
    assert_eq!(refusal::<add>(&ctx, "f c"), "ERR non scaling filter is full");
    assert_eq!(ok::<add>(&ctx, "f a"), false);
    assert_eq!(ok::<insert>(&ctx, "f ITEMS c a"), Value::Array(vec![full]));
    assert_eq!(ok::<card>(&ctx, "f"), 2);
}

#[test]
fn what_memory_has_no_room_for_fails_the_whole_command() {
    let ctx = server();
    // The second filter of the row holds 2^15 items, and the bits of the third are more than any value may have.
    ok::<reserve>(&ctx, "f 0.01 1 EXPANSION 32768");
    ok::<add>(&ctx, "f a");
    let items: String = (0..40_000).map(|item| format!(" {item}")).collect();
    assert_eq!(refusal::<madd>(&ctx, &format!("f{items}")), "ERR problem inserting into filter");
    assert_eq!(refusal::<insert>(&ctx, &format!("f ITEMS{items}")), "ERR problem inserting into filter");
}

#[test]
fn parameters_decide_about_filters_that_nobody_reserved() {
    let ctx = server();
    ok::<add>(&ctx, "f a");
    let described = ok::<info>(&ctx, "f");
    assert_eq!(
        (field(&described, "Capacity"), field(&described, "Expansion rate")),
        (integer(100), integer(2))
    );
    ctx.configure(&MODULE, "initial-size", "5000").unwrap();
    ctx.configure(&MODULE, "error-rate", "0.0001").unwrap();
    ok::<madd>(&ctx, "g a");
    ok::<reserve>(&ctx, "h 0.0001 5000");
    ok::<add>(&ctx, "h a");
    assert_eq!(ok::<info>(&ctx, "g"), ok::<info>(&ctx, "h"));
    for (name, value) in [("error-rate", "0"), ("error-rate", "x"), ("initial-size", "0")] {
        assert!(ctx.configure(&MODULE, name, value).is_err(), "{name} {value}");
    }
}

/// All chunks of a filter with their iterators.
fn dump(ctx: &Context, key: &str) -> Vec<(i64, Vec<u8>)> {
    let (mut chunks, mut iterator) = (Vec::new(), 0);
    loop {
        let reply = ok::<scandump>(ctx, &format!("{key} {iterator}"));
        let [next, chunk] = reply.as_slice().unwrap() else { panic!("{reply:?}") };
        iterator = next.as_integer().unwrap();
        if iterator == 0 {
            assert_eq!(*chunk, "");
            return chunks;
        }
        chunks.push((iterator, chunk.as_bytes().unwrap().to_vec()));
    }
}

fn load(ctx: &Context, key: &str, iterator: i64, chunk: &[u8]) -> Result<Value> {
    ctx.run::<loadchunk>([key.as_bytes(), iterator.to_string().as_bytes(), chunk])
}

#[test]
fn a_dumped_filter_is_the_same_elsewhere() {
    let ctx = server();
    ok::<reserve>(&ctx, "f 0.01 50 EXPANSION 3");
    for item in 0..400 {
        ok::<add>(&ctx, &format!("f item:{item}"));
    }
    ok::<reserve>(&ctx, "large 0.0001 1000000");
    ok::<add>(&ctx, "large a");
    for key in ["f", "large"] {
        let chunks = dump(&ctx, key);
        assert!(chunks.iter().all(|(_, chunk)| chunk.len() <= crate::limits::CHUNK_BYTES + 8));
        ctx.key("copy").set("whatever is there").unwrap();
        assert_eq!(load(&ctx, "copy", chunks[0].0, &chunks[0].1), Err(Error::WrongType));
        ctx.key("copy").delete().unwrap();
        for (iterator, chunk) in &chunks {
            assert_eq!(load(&ctx, "copy", *iterator, chunk).unwrap(), "OK");
        }
        assert_eq!(ok::<debug>(&ctx, "copy"), ok::<debug>(&ctx, key));
        assert_eq!(dump(&ctx, "copy"), chunks);
    }
    assert_eq!(dump(&ctx, "large").len(), 4, "a header and 2.6 MB");
    for (iterator, chunk) in dump(&ctx, "f") {
        load(&ctx, "copy", iterator, &chunk).unwrap();
    }
    for item in 0..400 {
        assert_eq!(ok::<exists>(&ctx, &format!("copy item:{item}")), true);
    }
    ctx.reload().unwrap();
}

#[test]
fn chunks_that_nobody_dumped_are_refused() {
    let ctx = server();
    ok::<reserve>(&ctx, "f 0.01 50");
    ok::<add>(&ctx, "f a");
    let chunks = dump(&ctx, "f");
    let (header, bits) = (&chunks[0].1, &chunks[1].1);
    let bad = Err(error!("ERR received bad data"));
    assert_eq!(load(&ctx, "g", 1, b""), bad);
    assert_eq!(load(&ctx, "g", 1, b"not a filter at all"), bad);
    assert_eq!(load(&ctx, "g", 1, &header[1..]), bad);
    assert_eq!(load(&ctx, "g", 1, bits), bad);
    for at in 0..header.len() {
        let mut broken = header.clone();
        broken[at] ^= 1;
        assert_eq!(load(&ctx, "g", 1, &broken), bad);
    }
    assert_eq!(load(&ctx, "g", chunks[1].0, bits), Err(error!("ERR not found")));
    assert!(!ctx.key("g").exists());
    // A chunk that belongs to another place, and one that would lie in two.
    assert_eq!(load(&ctx, "f", chunks[1].0 + 8, bits), bad);
    assert_eq!(load(&ctx, "f", chunks[1].0, &bits[..bits.len() - 1]), bad);
    assert_eq!(load(&ctx, "f", 0, header), Err(error!("ERR received bad data")));
    for iterator in ["x", "-1", "1.5", ""] {
        let line = ["f", iterator];
        assert_eq!(ctx.run::<scandump>(line), Err(error!("ERR Second argument must be numeric")));
    }
    assert_eq!(ok::<scandump>(&ctx, "f 9223372036854775807"), array([0.into(), "".into()]));
    assert_eq!(refusal::<scandump>(&ctx, "nokey 0"), "ERR not found");
    assert_eq!(ok::<exists>(&ctx, "f a"), true);
    // Well signed, and still nonsense: more than any value may be, and places that the filter does not have.
    let signed = |bytes: &[u8], iterator: u64| {
        let sum = crate::sketch::hash::checksum(bytes, iterator);
        [bytes, &sum.to_le_bytes()].concat()
    };
    let numbers = [0u64, 1 << 40, 0, 7, 0.01f64.to_bits(), 1 << 31].map(u64::to_le_bytes).concat();
    let huge = signed(&[b"sandkeyB", &numbers[..]].concat(), 1);
    assert_eq!(load(&ctx, "g", 1, &huge), Err(error!("ERR could not create filter")));
    let short = signed(&[b"sandkeyB", &numbers[..40]].concat(), 1);
    assert_eq!(load(&ctx, "g", 1, &short), bad);
    assert_eq!(load(&ctx, "g", 1, &signed(b"sandkeyB", 1)), bad);
    let beyond = "ERR invalid offset - no link found";
    assert_eq!(load(&ctx, "f", 5000, &signed(b"bits", 5000)), Err(error!("{beyond}")));
    assert_eq!(load(&ctx, "f", 3, &signed(b"bits", 3)), Err(error!("{beyond}")));
    let end = chunks[1].0 as u64 + 1;
    let too_big = "ERR invalid chunk - Too big for current filter";
    assert_eq!(load(&ctx, "f", end as i64, &signed(b"bits", end)), Err(error!("{too_big}")));
}

#[test]
fn debug_has_a_line_for_each_filter() {
    let ctx = server();
    ok::<insert>(&ctx, "f CAPACITY 2 ITEMS a b c");
    let lines = ok::<debug>(&ctx, "f");
    let lines: Vec<_> = lines.as_slice().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0], "size:3");
    assert!(
        lines[2].starts_with("bytes:8 bits:64 hashes:9 hashwidth:64 capacity:4 size:1 ratio:0.0025"),
        "{}",
        lines[2]
    );
    assert_eq!(refusal::<debug>(&ctx, "nokey"), "ERR not found");
}
