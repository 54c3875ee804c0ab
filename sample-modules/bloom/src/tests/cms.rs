//! CMS.*

use super::*;
use crate::cms::*;
use crate::limits::SOURCES;

#[test]
fn counts_add_up() {
    let ctx = server();
    assert_eq!(ok::<initbydim>(&ctx, "s 1000 5"), "OK");
    assert_eq!(ok::<incrby>(&ctx, "s a 5"), [5]);
    assert_eq!(ok::<incrby>(&ctx, "s a 5 b 15 a 0"), [10, 15, 10]);
    assert_eq!(ok::<query>(&ctx, "s a b c"), [10, 15, 0]);
    ctx.reload().unwrap();
    assert_eq!(ok::<query>(&ctx, "s a b c"), [10, 15, 0]);
    let described = ok::<info>(&ctx, "s");
    assert_eq!(["width", "depth", "count"].map(|name| field(&described, name)), [1000, 5, 25].map(integer));
    assert_eq!(ctx.key("s").type_name().as_deref(), Some("CMSk-TYPE"));
}

#[test]
fn a_sketch_is_made_once_and_as_wanted() {
    let ctx = server();
    ok::<initbyprob>(&ctx, "s 0.001 0.01");
    let described = ok::<info>(&ctx, "s");
    assert_eq!(["width", "depth"].map(|name| field(&described, name)), [2000, 7].map(integer));
    assert_eq!(refusal::<initbyprob>(&ctx, "s 0.001 0.01"), "CMS: key already exists");
    assert_eq!(refusal::<initbydim>(&ctx, "s 10 10"), "CMS: key already exists");
}

#[test]
fn bad_arguments_are_refused_in_redisbloom_words() {
    let ctx = server();
    let no_memory = "CMS: Insufficient memory to create the key";
    for (line, why) in [
        ("s x 5", "CMS: invalid width"),
        ("s 0 5", "CMS: invalid width"),
        ("s 5 -1", "CMS: invalid depth"),
        ("s 5 1.5", "CMS: invalid depth"),
        ("s 1152921504606846976 1", no_memory),
        ("s 9223372036854775807 9223372036854775807", no_memory),
        ("s 4294967295 4294967295", no_memory),
    ] {
        assert_eq!(refusal::<initbydim>(&ctx, line), why, "{line}");
    }
    for (line, why) in [
        ("s x 0.1", "CMS: invalid overestimation value"),
        ("s 0 0.1", "CMS: invalid overestimation value"),
        ("s 1 0.1", "CMS: invalid overestimation value"),
        ("s 0.1 0", "CMS: invalid prob value"),
        ("s 0.1 1", "CMS: invalid prob value"),
        ("s 1e-300 0.1", no_memory),
    ] {
        assert_eq!(refusal::<initbyprob>(&ctx, line), why, "{line}");
    }
    assert_eq!(refusal::<incrby>(&ctx, "s a 1"), "CMS: key does not exist");
    assert_eq!(refusal::<query>(&ctx, "s a"), "CMS: key does not exist");
    assert_eq!(refusal::<info>(&ctx, "s"), "CMS: key does not exist");
    ok::<initbydim>(&ctx, "s 10 2");
    assert_eq!(refusal::<incrby>(&ctx, "s a x"), "CMS: Cannot parse number");
    assert_eq!(refusal::<incrby>(&ctx, "s a 1 b -1"), "CMS: Number cannot be negative");
    assert_eq!(run::<incrby>(&ctx, "s a 1 b"), Err(Error::WrongArity));
    assert_eq!(refusal::<incrby>(&ctx, "s a 4294967296"), "CMS: INCRBY overflow");
    assert_eq!(refusal::<incrby>(&ctx, "s b 1 a 4294967295 a 1"), "CMS: INCRBY overflow");
    assert_eq!(ok::<query>(&ctx, "s a b"), [0, 0], "what was refused has left no trace");
    assert_eq!(ok::<incrby>(&ctx, "s a 4294967295"), [4_294_967_295]);
}

#[test]
fn a_merged_sketch_replaces_what_was_there() {
    let ctx = server();
    for key in ["a", "b", "sum"] {
        ok::<initbydim>(&ctx, &format!("{key} 1000 5"));
    }
    ok::<incrby>(&ctx, "a x 5 y 3 z 9");
    ok::<incrby>(&ctx, "b x 2 y 3 z 1");
    ok::<incrby>(&ctx, "sum x 100");
    assert_eq!(ok::<merge>(&ctx, "sum 2 a b"), "OK");
    assert_eq!(ok::<query>(&ctx, "sum x y z"), [7, 6, 10]);
    ok::<merge>(&ctx, "sum 2 a b weights 1 2");
    assert_eq!(ok::<query>(&ctx, "sum x y z"), [9, 9, 11]);
    assert_eq!(field(&ok::<info>(&ctx, "sum"), "count"), 17 + 2 * 6);
    // A destination that is a source counts as it was before.
    ok::<merge>(&ctx, "a 3 a a b WEIGHTS 1 1 10");
    assert_eq!(ok::<query>(&ctx, "a x y z"), [30, 36, 28]);
    ctx.key("a").expire_in_ms(5000).unwrap();
    ok::<merge>(&ctx, "a 1 b");
    assert!(ctx.key("a").expires_at_ms().is_some());
    ctx.reload().unwrap();
}

#[test]
fn a_merge_that_makes_no_sense_is_refused() {
    let ctx = server();
    for (key, width) in [("a", 10), ("b", 10), ("other", 20)] {
        ok::<initbydim>(&ctx, &format!("{key} {width} 5"));
    }
    ok::<incrby>(&ctx, "b x 4000000000");
    for (line, why) in [
        ("a x b", "CMS: invalid numkeys"),
        ("a 0 b", "CMS: Number of keys must be positive"),
        ("a -1 b", "CMS: Number of keys must be positive"),
        ("a 2 b", "CMS: wrong number of keys"),
        ("a 9223372036854775807 b", "CMS: wrong number of keys"),
        ("a 1 b b", "CMS: wrong number of keys"),
        ("a 1 b WEIGHTS", "CMS: wrong number of keys/weights"),
        ("a 1 b WEIGHTS 1 2", "CMS: wrong number of keys/weights"),
        ("a 1 b WEIGHTS x", "CMS: invalid weight value"),
        ("a 1 other", "CMS: width/depth is not equal"),
        ("a 1 nokey", "CMS: key does not exist"),
        ("nokey 1 a", "CMS: key does not exist"),
        ("a 2 b b", "CMS: MERGE overflow"),
        ("a 1 b WEIGHTS -1", "CMS: MERGE overflow"),
        ("a 1 b WEIGHTS 9223372036854775807", "CMS: MERGE overflow"),
    ] {
        assert_eq!(refusal::<merge>(&ctx, line), why, "{line}");
    }
    assert_eq!(run::<merge>(&ctx, "a 1"), Err(Error::WrongArity));
    let sources = " a".repeat(SOURCES + 1);
    let too_many = "CMS: 60001 keys are too many to merge at once, 60000 are the most";
    assert_eq!(refusal::<merge>(&ctx, &format!("a 60001{sources}")), too_many);
    assert_eq!(ok::<merge>(&ctx, &format!("b 60000{}", &sources[2..])), "OK");
    assert_eq!(ok::<query>(&ctx, "a x"), [0]);
}
