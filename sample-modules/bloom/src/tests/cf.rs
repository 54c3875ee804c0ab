//! CF.*

use super::*;
use crate::cf::*;

#[test]
fn items_are_added_as_often_as_they_are_and_forgotten_again() {
    let ctx = server();
    assert_eq!(ok::<add>(&ctx, "f a"), true);
    assert_eq!(ok::<add>(&ctx, "f a"), true);
    assert_eq!(ok::<addnx>(&ctx, "f a"), false);
    assert_eq!(ok::<addnx>(&ctx, "f b"), true);
    assert_eq!(ok::<count>(&ctx, "f a"), 2);
    assert_eq!(ok::<mexists>(&ctx, "f a b c"), [true, true, false]);
    ctx.reload().unwrap();
    assert_eq!(ok::<del>(&ctx, "f a"), true);
    assert_eq!(ok::<exists>(&ctx, "f a"), true);
    assert_eq!(ok::<del>(&ctx, "f a"), true);
    assert_eq!(ok::<del>(&ctx, "f a"), false);
    assert_eq!(ok::<exists>(&ctx, "f a"), false);
    let described = ok::<info>(&ctx, "f");
    assert_eq!(field(&described, "Number of items inserted"), 1);
    assert_eq!(field(&described, "Number of items deleted"), 2);
    assert_eq!(ctx.key("f").type_name().as_deref(), Some("MBbloomCF"));
}

#[test]
fn what_is_not_there_is_empty_to_those_who_ask() {
    let ctx = server();
    assert_eq!(ok::<exists>(&ctx, "nokey a"), false);
    assert_eq!(ok::<mexists>(&ctx, "nokey a b"), [false, false]);
    assert_eq!(ok::<count>(&ctx, "nokey a"), 0);
    assert_eq!(refusal::<del>(&ctx, "nokey a"), "Not found");
    assert_eq!(refusal::<info>(&ctx, "nokey"), "ERR not found");
    assert_eq!(refusal::<scandump>(&ctx, "nokey 0"), "ERR not found");
}

#[test]
fn a_filter_is_reserved_once_and_as_wanted() {
    let ctx = server();
    ok::<reserve>(&ctx, "f 1000 BUCKETSIZE 8 maxiterations 30 EXPANSION 3");
    assert_eq!(refusal::<reserve>(&ctx, "f 1000"), "ERR item exists");
    let described = ok::<info>(&ctx, "f");
    for (name, value) in [
        ("Number of buckets", 128),
        ("Number of filters", 1),
        ("Number of items inserted", 0),
        ("Number of items deleted", 0),
        ("Bucket size", 8),
        ("Expansion rate", 4),
        ("Max iterations", 30),
    ] {
        assert_eq!(field(&described, name), value, "{name}");
    }
    assert!(field(&described, "Size").as_integer().unwrap() > 1024);
    ok::<add>(&ctx, "default a");
    assert_eq!(field(&ok::<info>(&ctx, "default"), "Number of buckets"), 512);
    ok::<insert>(&ctx, "wanted CAPACITY 100 ITEMS a");
    assert_eq!(field(&ok::<info>(&ctx, "wanted"), "Number of buckets"), 64);
}

#[test]
fn bad_arguments_are_refused_in_redisbloom_words() {
    let ctx = server();
    let bucket_size = "BUCKETSIZE: value must be an integer between 1 and 255, inclusive.";
    let iterations = "MAXITERATIONS: value must be an integer between 1 and 65535, inclusive.";
    let expansion = "EXPANSION: value must be an integer between 0 and 32768, inclusive.";
    for (line, why) in [
        ("f x", "Bad capacity"),
        ("f 0", "Bad capacity"),
        ("f -1", "Bad capacity"),
        ("f 3", "Capacity must be at least (BucketSize * 2)"),
        ("f 100 BUCKETSIZE 0", bucket_size),
        ("f 100 BUCKETSIZE 256", bucket_size),
        ("f 100 BUCKETSIZE 100", "Capacity must be at least (BucketSize * 2)"),
        ("f 100 MAXITERATIONS 0", iterations),
        ("f 100 MAXITERATIONS 65536", iterations),
        ("f 100 EXPANSION -1", expansion),
        ("f 100 EXPANSION 32769", expansion),
        ("f 100 EXPANSION", "ERR syntax error"),
        ("f 100 COLOUR 1", "ERR syntax error"),
        ("f 1152921504606846976", "Couldn't create Cuckoo Filter"),
        ("f 9223372036854775807", "Couldn't create Cuckoo Filter"),
    ] {
        assert_eq!(refusal::<reserve>(&ctx, line), why, "{line}");
    }
    for (line, why) in [
        ("f CAPACITY 0 ITEMS a", "Bad capacity"),
        ("f CAPACITY 3 ITEMS a", "Capacity must be at least (BucketSize * 2)"),
        ("f CAPACITY 100 NOCREATE ITEMS a", "ERR not found"),
        ("f COLOUR ITEMS a", "Unknown argument received"),
    ] {
        assert_eq!(refusal::<insert>(&ctx, line), why, "{line}");
        assert_eq!(refusal::<insertnx>(&ctx, line), why, "{line}");
    }
    for line in ["f ITEMS", "f CAPACITY 10", "f"] {
        assert_eq!(run::<insert>(&ctx, line), Err(Error::WrongArity), "{line}");
    }
    assert!(!ctx.key("f").exists());
}

#[test]
fn a_full_filter_says_so_for_each_item() {
    let ctx = server();
    ok::<reserve>(&ctx, "f 2 BUCKETSIZE 1 EXPANSION 0");
    let outcome = ok::<insert>(&ctx, "f ITEMS a a a a");
    assert_eq!(outcome, array([true.into(), true.into(), (-1).into(), (-1).into()]));
    assert_eq!(ok::<insertnx>(&ctx, "f ITEMS a b"), [0, -1]);
    assert_eq!(refusal::<add>(&ctx, "f a"), "Filter is full");
    assert_eq!(ok::<count>(&ctx, "f a"), 2);
    ok::<del>(&ctx, "f a");
    assert_eq!(ok::<insertnx>(&ctx, "f ITEMS b"), [1]);
}

#[test]
fn what_memory_has_no_room_for_fails_the_whole_command() {
    let ctx = server();
    // The second table has 2^16 fingerprints, and the third would have more than any value may.
    ok::<reserve>(&ctx, "f 2 BUCKETSIZE 1 EXPANSION 32768");
    assert_eq!(refusal::<insert>(&ctx, "f ITEMS a a a a a"), "Memory allocation failure");
    let items: String = (0..70_000).map(|item| format!(" {item}")).collect();
    assert_eq!(refusal::<insertnx>(&ctx, &format!("f ITEMS{items}")), "Memory allocation failure");
}

#[test]
fn a_filter_grows_as_often_as_the_parameter_says() {
    let ctx = server();
    ctx.configure(&MODULE, "cf-max-expansions", "2").unwrap();
    ok::<reserve>(&ctx, "f 4 BUCKETSIZE 1");
    let refused = (0..100).find_map(|item| run::<add>(&ctx, &format!("f item:{item}")).err());
    assert_eq!(refused, Some(error!("Maximum expansions reached")));
    assert_eq!(field(&ok::<info>(&ctx, "f"), "Number of filters"), 3);
    assert!(ctx.configure(&MODULE, "cf-max-expansions", "0").is_err());
}

#[test]
fn a_dumped_filter_is_the_same_elsewhere() {
    let ctx = server();
    ok::<reserve>(&ctx, "f 64 EXPANSION 2");
    for item in 0..500 {
        ok::<add>(&ctx, &format!("f item:{item}"));
    }
    ok::<del>(&ctx, "f item:0");
    let (mut iterator, mut chunks) = (0, Vec::new());
    loop {
        let reply = ok::<scandump>(&ctx, &format!("f {iterator}"));
        let [next, chunk] = reply.as_slice().unwrap() else { panic!("{reply:?}") };
        iterator = next.as_integer().unwrap();
        if iterator == 0 {
            assert_eq!(*chunk, Value::Null);
            break;
        }
        chunks.push((iterator.to_string(), chunk.as_bytes().unwrap().to_vec()));
    }
    assert_eq!(chunks.len(), 1 + 4, "a header and as many tables");
    for (iterator, chunk) in &chunks {
        assert_eq!(ctx.run::<loadchunk>([b"copy", iterator.as_bytes(), chunk]).unwrap(), "OK");
    }
    assert_eq!(ok::<info>(&ctx, "copy"), ok::<info>(&ctx, "f"));
    for item in 1..500 {
        assert_eq!(ok::<exists>(&ctx, &format!("copy item:{item}")), true);
    }
    // A header of the other family.
    ok::<crate::bf::add>(&ctx, "bloom a");
    let reply = ok::<crate::bf::scandump>(&ctx, "bloom 0");
    let header = reply.as_slice().unwrap()[1].as_bytes().unwrap().to_vec();
    assert_eq!(ctx.run::<loadchunk>([b"other", &b"1"[..], &header]), Err(error!("ERR received bad data")));
}
