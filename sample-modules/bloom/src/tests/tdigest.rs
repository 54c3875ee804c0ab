//! TDIGEST.*

use super::*;
use crate::limits::SOURCES;
use crate::tdigest::*;

fn doubles<const N: usize>(numbers: [f64; N]) -> Value {
    Value::Array(numbers.map(Value::Double).to_vec())
}

/// A digest of the numbers from 1 to 4, each as often as it says.
fn triangle() -> Context {
    let ctx = server();
    assert_eq!(ok::<create_digest>(&ctx, "d compression 500"), "OK");
    assert_eq!(ok::<add>(&ctx, "d 4 1 3 2 4 3 4 2 3 4"), "OK");
    ctx
}

#[test]
fn few_observations_are_exact() {
    let ctx = triangle();
    ctx.reload().unwrap();
    assert_eq!(
        ok::<quantile>(&ctx, "d 0 0.1 0.29 0.3 0.5 0.6 1"),
        doubles([1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0])
    );
    assert_eq!(ok::<cdf>(&ctx, "d 0 1 2 2.5 4 inf"), doubles([0.0, 0.05, 0.2, 0.3, 0.8, 1.0]));
    assert_eq!(ok::<rank>(&ctx, "d 0 1 2 3 4 5"), [-1, 0, 2, 4, 8, 10]);
    assert_eq!(ok::<revrank>(&ctx, "d 0 1 2 3 4 5"), [10, 9, 8, 5, 2, -1]);
    assert_eq!(ok::<byrank>(&ctx, "d 0 1 2 3 9 10"), doubles([1.0, 2.0, 2.0, 3.0, 4.0, f64::INFINITY]));
    assert_eq!(ok::<byrevrank>(&ctx, "d 0 3 4 9 10"), doubles([4.0, 4.0, 3.0, 1.0, f64::NEG_INFINITY]));
    assert_eq!(ok::<trimmed_mean>(&ctx, "d 0 1"), 3.0);
    assert_eq!(ok::<trimmed_mean>(&ctx, "d 0.1 0.5"), 2.5);
    assert_eq!((ok::<min>(&ctx, "d"), ok::<max>(&ctx, "d")), (Value::Double(1.0), Value::Double(4.0)));
    assert_eq!(ctx.key("d").type_name().as_deref(), Some("TDIS-TYPE"));
}

#[test]
fn nothing_is_known_of_no_observations() {
    let ctx = triangle();
    assert_eq!(ok::<reset>(&ctx, "d"), "OK");
    let is_nan = |value: &Value| matches!(value, Value::Double(number) if number.is_nan());
    for value in [ok::<min>(&ctx, "d"), ok::<max>(&ctx, "d"), ok::<trimmed_mean>(&ctx, "d 0 1")] {
        assert!(is_nan(&value));
    }
    for value in [
        ok::<quantile>(&ctx, "d 0 1"),
        ok::<cdf>(&ctx, "d 0 1"),
        ok::<byrank>(&ctx, "d 0 1"),
        ok::<byrevrank>(&ctx, "d 0 1"),
    ] {
        assert!(value.as_slice().unwrap().iter().all(is_nan), "{value:?}");
    }
    assert_eq!(ok::<rank>(&ctx, "d 0 1"), [-2, -2]);
    assert_eq!(ok::<revrank>(&ctx, "d 0 1"), [-2, -2]);
    ctx.reload().unwrap();
}

#[test]
fn info_tells_what_was_merged() {
    let ctx = server();
    ok::<create_digest>(&ctx, "d");
    let described = ok::<info>(&ctx, "d");
    assert_eq!(
        (field(&described, "Compression"), field(&described, "Capacity")),
        (integer(100), integer(610))
    );
    let numbers = (0..2000).map(|number| format!(" {number}")).collect::<String>();
    ok::<add>(&ctx, &format!("d{numbers}"));
    ok::<quantile>(&ctx, "d 0.5");
    let described = ok::<info>(&ctx, "d");
    let of = |name| field(&described, name).as_integer().unwrap();
    assert_eq!(of("Observations"), 2000);
    assert_eq!(of("Merged weight") + of("Unmerged weight"), 2000);
    assert_eq!(of("Unmerged weight"), of("Unmerged nodes"));
    assert!(of("Merged nodes") > 50 && of("Merged nodes") < 210);
    assert!((3..6).contains(&of("Total compressions")));
    assert!(of("Memory usage") > 16 * of("Merged nodes"));
    ok::<reset>(&ctx, "d");
    let described = ok::<info>(&ctx, "d");
    assert_eq!(field(&described, "Unmerged nodes"), 0);
    assert_eq!(field(&described, "Total compressions"), 0);
    assert_eq!(field(&described, "Compression"), 100);
}

#[test]
fn what_was_asked_does_not_change_what_is_saved() {
    let contexts = [(); 2].map(|()| server());
    for (ctx, asks) in contexts.iter().zip([true, false]) {
        ok::<create_digest>(ctx, "d COMPRESSION 10");
        for number in 0..500 {
            ok::<add>(ctx, &format!("d {}", number * 7919 % 1000));
            if asks && number % 3 == 0 {
                ok::<quantile>(ctx, "d 0.5");
            }
        }
        ctx.reload().unwrap();
    }
    let answers =
        |ctx| (ok::<quantile>(ctx, "d 0.01 0.1 0.33 0.5 0.9 0.99"), ok::<cdf>(ctx, "d 10 100 500 900"));
    assert_eq!(answers(&contexts[0]), answers(&contexts[1]));
}

#[test]
fn bad_arguments_are_refused_in_redisbloom_words() {
    let ctx = server();
    for (line, why) in [
        ("d COMPRESSION x", "ERR T-Digest: error parsing compression parameter"),
        ("d COMPRESSION 0", "ERR T-Digest: compression parameter needs to be a positive integer"),
        ("d COMPRESSION 1152921504606846976", "ERR T-Digest: allocation failed"),
        ("d COMPRESSED 100", "ERR T-Digest: wrong keyword"),
    ] {
        assert_eq!(refusal::<create_digest>(&ctx, line), why, "{line}");
    }
    assert_eq!(run::<create_digest>(&ctx, "d 100"), Err(Error::WrongArity));
    let missing = "ERR T-Digest: key does not exist";
    assert_eq!(refusal::<add>(&ctx, "d 1"), missing);
    assert_eq!(refusal::<reset>(&ctx, "d"), missing);
    assert_eq!(refusal::<quantile>(&ctx, "d 1"), missing);
    assert_eq!(refusal::<min>(&ctx, "d"), missing);
    assert_eq!(refusal::<trimmed_mean>(&ctx, "d 0 1"), missing);
    assert_eq!(refusal::<info>(&ctx, "d"), missing);
    ok::<create_digest>(&ctx, "d");
    assert_eq!(refusal::<create_digest>(&ctx, "d"), "ERR T-Digest: key already exists");
    for value in ["x", "nan", ""] {
        let error = Err(error!("ERR T-Digest: error parsing val parameter"));
        assert_eq!(ctx.run::<add>(["d", "1", value]), error, "{value}");
    }
    for line in ["d inf", "d 1 -inf", "d 1e400"] {
        assert_eq!(
            refusal::<add>(&ctx, line),
            "ERR T-Digest: val parameter needs to be a finite number",
            "{line}"
        );
    }
    assert_eq!(field(&ok::<info>(&ctx, "d"), "Observations"), 0);
    assert_eq!(refusal::<quantile>(&ctx, "d x"), "ERR T-Digest: error parsing quantile");
    assert_eq!(refusal::<quantile>(&ctx, "d 0.5 1.1"), "ERR T-Digest: quantile should be in [0,1]");
    assert_eq!(refusal::<cdf>(&ctx, "d x"), "ERR T-Digest: error parsing cdf");
    assert_eq!(refusal::<rank>(&ctx, "d x"), "ERR T-Digest: error parsing value");
    assert_eq!(refusal::<revrank>(&ctx, "d x"), "ERR T-Digest: error parsing value");
    assert_eq!(refusal::<byrank>(&ctx, "d 1.5"), "ERR T-Digest: error parsing rank");
    assert_eq!(refusal::<byrank>(&ctx, "d -1"), "ERR T-Digest: rank needs to be non negative");
    assert_eq!(refusal::<byrevrank>(&ctx, "d 0 -1"), "ERR T-Digest: rank needs to be non negative");
    for (line, why) in [
        ("d x 1", "ERR T-Digest: error parsing low_cut_percentile"),
        ("d 0 x", "ERR T-Digest: error parsing high_cut_percentile"),
        ("d -0.1 1", "ERR T-Digest: low_cut_percentile and high_cut_percentile should be in [0,1]"),
        ("d 0 1.1", "ERR T-Digest: low_cut_percentile and high_cut_percentile should be in [0,1]"),
        ("d 0.5 0.5", "ERR T-Digest: low_cut_percentile should be lower than high_cut_percentile"),
    ] {
        assert_eq!(refusal::<trimmed_mean>(&ctx, line), why, "{line}");
    }
}

#[test]
fn a_merge_adds_to_what_is_there_or_replaces_it() {
    let ctx = server();
    ok::<create_digest>(&ctx, "a COMPRESSION 20");
    ok::<create_digest>(&ctx, "b COMPRESSION 50");
    ok::<add>(&ctx, "a 10 20");
    ok::<add>(&ctx, "b 30 40");
    let compression = |key| field(&ok::<info>(&ctx, key), "Compression").as_integer().unwrap();
    assert_eq!(ok::<merge>(&ctx, "new 2 a b"), "OK");
    assert_eq!(ok::<byrank>(&ctx, "new 0 1 2 3 4"), doubles([10.0, 20.0, 30.0, 40.0, f64::INFINITY]));
    assert_eq!(compression("new"), 50);
    ok::<merge>(&ctx, "a 1 b");
    assert_eq!(ok::<byrank>(&ctx, "a 0 1 2 3 4"), doubles([10.0, 20.0, 30.0, 40.0, f64::INFINITY]));
    assert_eq!(compression("a"), 20);
    ok::<merge>(&ctx, "a 1 b compression 70");
    assert_eq!((compression("a"), field(&ok::<info>(&ctx, "a"), "Observations")), (70, integer(6)));
    ok::<merge>(&ctx, "a 1 b OVERRIDE");
    assert_eq!((compression("a"), field(&ok::<info>(&ctx, "a"), "Observations")), (50, integer(2)));
    ok::<merge>(&ctx, "a 2 a b OVERRIDE COMPRESSION 5");
    assert_eq!((compression("a"), field(&ok::<info>(&ctx, "a"), "Observations")), (5, integer(4)));
    // A destination that is a source too counts twice.
    ok::<merge>(&ctx, "b 1 b");
    assert_eq!(field(&ok::<info>(&ctx, "b"), "Observations"), 4);
    ctx.reload().unwrap();
}

#[test]
fn a_merge_that_changes_only_the_compression_changes_the_answers() {
    let ctx = server();
    ok::<create_digest>(&ctx, "d COMPRESSION 1000");
    ok::<create_digest>(&ctx, "nothing");
    let numbers: String = (0..10_000).map(|number| format!(" {}", number * number)).collect();
    ok::<add>(&ctx, &format!("d{numbers}"));
    let answer = || ok::<quantile>(&ctx, "d 0.1 0.33 0.5 0.9");
    let before = answer();
    ok::<merge>(&ctx, "d 1 nothing COMPRESSION 5");
    let after = answer();
    assert_ne!(after, before);
    ctx.reload().unwrap();
    assert_eq!(answer(), after);
}

#[test]
fn a_merge_that_makes_no_sense_is_refused() {
    let ctx = server();
    ok::<create_digest>(&ctx, "a");
    for (line, why) in [
        ("a x a", "ERR T-Digest: error parsing numkeys"),
        ("a 0 a", "ERR T-Digest: numkeys needs to be a positive integer"),
        ("a 1 nokey", "ERR T-Digest: key does not exist"),
        ("a 1 a COLOUR", "ERR T-Digest: wrong keyword"),
        ("a 1 a COMPRESSION", "ERR T-Digest: wrong keyword"),
        ("a 1 a COMPRESSION x", "ERR T-Digest: error parsing compression parameter"),
    ] {
        assert_eq!(refusal::<merge>(&ctx, line), why, "{line}");
    }
    for line in ["a 2 a", "a 1", "a 9223372036854775807 a"] {
        assert_eq!(run::<merge>(&ctx, line), Err(Error::WrongArity), "{line}");
    }
    let sources = " a".repeat(SOURCES + 1);
    let too_many = "ERR T-Digest: 60001 keys are too many to merge at once, 60000 are the most";
    assert_eq!(refusal::<merge>(&ctx, &format!("a 60001{sources}")), too_many);
    assert_eq!(ok::<merge>(&ctx, &format!("a 60000{}", &sources[2..])), "OK");
    // The weight of all doubles every time until no double can tell it.
    ok::<add>(&ctx, "a 1");
    let refused = (0..60).find_map(|_| run::<merge>(&ctx, "a 1 a").err());
    assert_eq!(refused, Some(error!("ERR T-Digest: overflow detected")));
}
