//! TOPK.*

use super::*;
use crate::topk::*;

#[test]
fn whoever_enters_the_list_drives_another_out() {
    let ctx = server();
    assert_eq!(ok::<reserve>(&ctx, "t 2 200 5 0.9"), "OK");
    let nothing = || Reply::Null;
    assert_eq!(ok::<add>(&ctx, "t a a b"), array([nothing(), nothing(), nothing()]));
    assert_eq!(ok::<incrby>(&ctx, "t c 10 d 1"), array(["b".into(), nothing()]));
    assert_eq!(ok::<query>(&ctx, "t a b c d"), [true, false, true, false]);
    assert_eq!(ok::<count>(&ctx, "t a b c d e"), [2, 1, 10, 1, 0]);
    assert_eq!(ok::<list>(&ctx, "t"), ["c", "a"]);
    assert_eq!(ok::<list>(&ctx, "t withcount"), array(["c".into(), 10.into(), "a".into(), 2.into()]));
    ctx.reload().unwrap();
    assert_eq!(ok::<list>(&ctx, "t"), ["c", "a"]);
    assert_eq!(ctx.key("t").type_name().as_deref(), Some("TopK-TYPE"));
    let described = ok::<info>(&ctx, "t");
    assert_eq!(["k", "width", "depth"].map(|name| field(&described, name)), [2, 200, 5].map(integer));
    assert_eq!(field(&described, "decay"), 0.9);
}

#[test]
fn dimensions_may_be_left_out() {
    let ctx = server();
    ok::<reserve>(&ctx, "t 50");
    let described = ok::<info>(&ctx, "t");
    assert_eq!(["k", "width", "depth"].map(|name| field(&described, name)), [50, 8, 7].map(integer));
    assert_eq!(field(&described, "decay"), 0.9);
    assert_eq!(ok::<list>(&ctx, "t"), Value::Array(vec![]));
}

#[test]
fn bad_arguments_are_refused_in_redisbloom_words() {
    let ctx = server();
    let decay = "TopK: invalid decay value. must be '<= 1' & '> 0'";
    for (line, why) in [
        ("t x", "TopK: invalid k"),
        ("t 0", "TopK: invalid k"),
        ("t 5 0 5 0.9", "TopK: invalid width"),
        ("t 5 5 x 0.9", "TopK: invalid depth"),
        ("t 5 5 5 0", decay),
        ("t 5 5 5 1.1", decay),
        ("t 5 5 5 nan", decay),
        ("t 1152921504606846976", "TopK: Insufficient memory"),
        ("t 5 4294967296 4294967296 1", "TopK: Insufficient memory"),
    ] {
        assert_eq!(refusal::<reserve>(&ctx, line), why, "{line}");
    }
    for line in ["t 5 5", "t 5 5 5", "t 5 5 5 1 1", "t"] {
        assert_eq!(run::<reserve>(&ctx, line), Err(Error::WrongArity), "{line}");
    }
    let missing = "TopK: key does not exist";
    assert_eq!(refusal::<add>(&ctx, "t a"), missing);
    assert_eq!(refusal::<incrby>(&ctx, "t a 1"), missing);
    assert_eq!(refusal::<query>(&ctx, "t a"), missing);
    assert_eq!(refusal::<count>(&ctx, "t a"), missing);
    assert_eq!(refusal::<list>(&ctx, "t"), missing);
    assert_eq!(refusal::<info>(&ctx, "t"), missing);
    ok::<reserve>(&ctx, "t 5 5 5 1");
    assert_eq!(refusal::<reserve>(&ctx, "t 5"), "TopK: key already exists");
    let increment =
        "TopK: increment must be an integer greater or equal to 0 and smaller or equal to 100,000";
    for line in ["t a x", "t a -1", "t a 100001", "t a 1 b 1.5"] {
        assert_eq!(refusal::<incrby>(&ctx, line), increment, "{line}");
    }
    assert_eq!(run::<incrby>(&ctx, "t a 1 b"), Err(Error::WrongArity));
    assert_eq!(refusal::<list>(&ctx, "t WITHCOUNTS"), "WITHCOUNT keyword expected");
    assert_eq!(ok::<list>(&ctx, "t"), Value::Array(vec![]));
}

#[test]
fn a_replay_with_the_same_seed_makes_the_same_value() {
    let play = |seed| {
        let ctx = server();
        ok::<reserve>(&ctx, "t 5 8 3 0.9");
        for round in 0..50u64 {
            ctx.set_seed(seed + round);
            let items =
                (0..20).map(|item| format!(" item:{}", item * item % (round + 3))).collect::<String>();
            ok::<add>(&ctx, &format!("t{items}"));
        }
        let items = (0..50).map(|item| format!(" item:{item}")).collect::<String>();
        let outcome = (ok::<list>(&ctx, "t WITHCOUNT"), ok::<count>(&ctx, &format!("t{items}")));
        ctx.reload().unwrap();
        outcome
    };
    assert_eq!(play(1), play(1));
    assert_ne!(play(1), play(1000));
}

#[test]
fn names_may_be_anything() {
    let ctx = server();
    ok::<reserve>(&ctx, "t 3 100 5 0.9");
    let items: [&[u8]; 4] = [b"t", b"", b"\xff\0\r\n", b""];
    ctx.run::<add>(items).unwrap();
    ctx.reload().unwrap();
    let list = ok::<list>(&ctx, "t WITHCOUNT");
    assert_eq!(list, array([Reply::bulk(b""), 2.into(), Reply::bulk(b"\xff\0\r\n"), 1.into()]));
}
