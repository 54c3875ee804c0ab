//! Series that are made, altered and written to, and what is refused.

use sandkey::prelude::*;

use super::{ask, run, server, show, speak, transcript};
use crate::MODULE;

#[test]
fn a_series_is_made_altered_and_described() {
    let ctx = server();
    transcript(
        &ctx,
        "
        > TS.CREATE plain
        > TS.CREATE full RETENTION 60000 ENCODING UNCOMPRESSED CHUNK_SIZE 128 DUPLICATE_POLICY MAX IGNORE 5 0.5 LABELS a 1 b 2
        > TS.CREATE plain
        (ERR TSDB: key already exists)
        > TS.INFO full
        [totalSamples 0 memoryUsage N firstTimestamp 0 lastTimestamp 0 retentionTime 60000 chunkCount 1 chunkSize 128
        chunkType uncompressed duplicatePolicy max labels [[\"a\" \"1\"] [\"b\" \"2\"]] sourceKey nil rules []
        ignoreMaxTimeDiff 5 ignoreMaxValDiff 0.5]
        > TS.ALTER full CHUNK_SIZE 256 LABELS c 3
        > TS.ALTER full DUPLICATE_POLICY first
        > TS.INFO full DEBUG
        [totalSamples 0 memoryUsage N firstTimestamp 0 lastTimestamp 0 retentionTime 60000 chunkCount 1 chunkSize 256
        chunkType uncompressed duplicatePolicy first labels [[\"c\" \"3\"]] sourceKey nil rules []
        ignoreMaxTimeDiff 5 ignoreMaxValDiff 0.5 keySelfName \"full\"
        Chunks [[startTimestamp 0 endTimestamp 0 samples 0 size 0 bytesPerSample inf]]]
        > TS.ALTER full LABELS
        > TS.ADD plain 10 1.5
        10
        > TS.ALTER missing
        (ERR TSDB: the key does not exist)
        > TS.INFO missing
        (ERR TSDB: the key does not exist)
        ",
    );
    speak(&ctx, 3);
    let info = show(&run(&ctx, "TS.INFO plain DEBUG").unwrap());
    assert!(info.starts_with("{totalSamples: 1, memoryUsage: "), "{info}");
    let rest = "firstTimestamp: 10, lastTimestamp: 10, retentionTime: 0, chunkCount: 1, chunkSize: 4096, \
        chunkType: compressed, duplicatePolicy: nil, labels: {}, sourceKey: nil, rules: {}, ignoreMaxTimeDiff: 0, \
        ignoreMaxValDiff: ~0, keySelfName: \"plain\", Chunks: [{startTimestamp: 10, endTimestamp: 10, samples: 1, \
        size: 16, bytesPerSample: ~16}]}";
    assert!(info.ends_with(rest), "{info}");
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let ctx = server();
    transcript(
        &ctx,
        "
        > TS.CREATE k RETENTION -1
        (ERR TSDB: Couldn't parse RETENTION)
        > TS.CREATE k RETENTION
        (ERR TSDB: Couldn't parse RETENTION)
        > TS.CREATE k CHUNK_SIZE many
        (ERR TSDB: Couldn't parse CHUNK_SIZE)
        > TS.CREATE k CHUNK_SIZE 40
        (ERR TSDB: CHUNK_SIZE value must be a multiple of 8 in the range [48 .. 1048576])
        > TS.CREATE k CHUNK_SIZE 1048584
        (ERR TSDB: CHUNK_SIZE value must be a multiple of 8 in the range [48 .. 1048576])
        > TS.CREATE k CHUNK_SIZE 100
        (ERR TSDB: CHUNK_SIZE value must be a multiple of 8 in the range [48 .. 1048576])
        > TS.CREATE k CHUNK_SIZE -10
        (ERR TSDB: CHUNK_SIZE value must be a multiple of 8 in the range [48 .. 1048576])
        > TS.CREATE k ENCODING zip
        (ERR TSDB: unknown ENCODING parameter)
        > TS.CREATE k DUPLICATE_POLICY best
        (ERR TSDB: Unknown DUPLICATE_POLICY)
        > TS.CREATE k IGNORE 5
        (ERR TSDB: Couldn't parse IGNORE)
        > TS.CREATE k IGNORE 5 -1
        (ERR TSDB: Couldn't parse IGNORE)
        > TS.CREATE k LABELS a
        (ERR TSDB: Couldn't parse LABELS)
        > TS.CREATE k LABELS a (b)
        (ERR TSDB: Couldn't parse LABELS)
        > TS.CREATE k LABELS a 1,2
        (ERR TSDB: Couldn't parse LABELS)
        > TS.CREATE k FOREVER
        (ERR syntax error)
        > TS.ALTER k ENCODING compressed
        (ERR syntax error)
        > TS.ADD k x 1
        (ERR TSDB: invalid timestamp)
        > TS.ADD k -1 1
        (ERR TSDB: invalid timestamp)
        > TS.ADD k 1 nan
        (ERR TSDB: invalid value)
        > TS.ADD k 1 inf
        (ERR TSDB: invalid value)
        > TS.ADD k 1 1e999
        (ERR TSDB: invalid value)
        > TS.ADD k 1
        (ERR wrong number of arguments)
        > TS.ADD k 1 1 ON_DUPLICATE never
        (ERR TSDB: Unknown DUPLICATE_POLICY)
        > TS.INCRBY k one
        (ERR TSDB: invalid increase/decrease value)
        > TS.INCRBY k 1 TIMESTAMP soon
        (ERR TSDB: invalid timestamp)
        > TS.GET k
        (ERR TSDB: the key does not exist)
        ",
    );
    assert!(!ctx.key("k").exists());
    ctx.key("text").set("x").unwrap();
    for line in [
        "ADD text 1 1",
        "CREATE text",
        "GET text",
        "RANGE text - +",
        "INFO text",
        "INCRBY text 1",
        "DEL text 1 2",
    ] {
        let reply = ask(&ctx, &format!("TS.{line}"));
        let expected = if line.starts_with("CREATE") {
            "(ERR TSDB: key already exists)"
        } else {
            "(WRONGTYPE Operation against a key holding the wrong kind of value)"
        };
        assert_eq!(reply, expected, "{line}");
    }
    assert_eq!(ask(&ctx, "TS.MADD text 1 1"), "[(ERR TSDB: the key is not a TSDB key)]");
}

#[test]
fn duplicates_are_treated_as_the_series_or_the_command_says() {
    let ctx = server();
    for (policy, value) in [("first", "5"), ("last", "3"), ("min", "3"), ("max", "5"), ("sum", "8")] {
        transcript(&ctx, &format!("> TS.CREATE {policy} DUPLICATE_POLICY {policy}"));
        for at in [1, 2] {
            // The latest sample, and one before it.
            assert_eq!(ask(&ctx, &format!("TS.ADD {policy} {at} 5")), at.to_string());
            assert_eq!(ask(&ctx, &format!("TS.ADD {policy} {at} 3")), at.to_string());
        }
        assert_eq!(ask(&ctx, &format!("TS.ADD {policy} 1 5")), "1");
        let earlier = if policy == "sum" {
            "13"
        } else if policy == "last" {
            "5"
        } else {
            value
        };
        assert_eq!(ask(&ctx, &format!("TS.RANGE {policy} - +")), format!("[[1 {earlier}] [2 {value}]]"));
    }
    transcript(
        &ctx,
        "
        > TS.ADD k 1 5
        1
        > TS.ADD k 1 5
        (ERR TSDB: Error at upsert, update is not supported when DUPLICATE_POLICY is set to BLOCK mode)
        > TS.ADD k 1 7 ON_DUPLICATE sum
        1
        > TS.ADD last 1 9 ON_DUPLICATE block
        (ERR TSDB: Error at upsert, update is not supported when DUPLICATE_POLICY is set to BLOCK mode)
        > TS.GET k
        [1 12]
        > TS.ADD labelled 1 2 LABELS room hall ON_DUPLICATE last
        1
        > TS.MGET WITHLABELS FILTER room=hall
        [[\"labelled\" [[\"room\" \"hall\"]] [1 2]]]
        ",
    );
    ctx.configure(&MODULE, "duplicate-policy", "max").unwrap();
    transcript(&ctx, "> TS.ADD k 1 50\n1\n> TS.ADD k 1 20\n1\n> TS.GET k\n[1 50]");
}

#[test]
fn samples_that_are_too_close_are_ignored() {
    let ctx = server();
    transcript(
        &ctx,
        "
        > TS.CREATE k DUPLICATE_POLICY last IGNORE 5 10
        > TS.ADD k 1000 1
        1000
        > TS.ADD k 1010 11
        1010
        > TS.ADD k 1013 10
        1010
        > TS.MADD k 1011 20 k 1020 11.5 k 1021 22
        [1010 1020 1021]
        > TS.RANGE k - +
        [[1000 1] [1010 11] [1020 11.5] [1021 22]]
        > TS.INCRBY k 3 TIMESTAMP 1021
        1021
        > TS.INCRBY k 10.5 TIMESTAMP 1021
        1021
        > TS.GET k
        [1021 32.5]
        > TS.CREATE blocking IGNORE 5 10
        > TS.MADD blocking 1 1 blocking 2 1
        [1 2]
        > TS.ADD new 1000 1 DUPLICATE_POLICY last IGNORE 5 10
        1000
        > TS.ADD new 1004 3
        1000
        > TS.ALTER new IGNORE 0 0
        > TS.ADD new 1004 3
        1004
        ",
    );
}

#[test]
fn what_is_older_than_the_retention_is_not_there() {
    let ctx = server();
    transcript(
        &ctx,
        "
        > TS.CREATE k RETENTION 10 CHUNK_SIZE 48 ENCODING UNCOMPRESSED
        > TS.MADD k 0 0 k 1 1 k 5 5 k 10 10 k 14 14
        [0 1 5 10 14]
        > TS.RANGE k - +
        [[5 5] [10 10] [14 14]]
        > TS.REVRANGE k - +
        [[14 14] [10 10] [5 5]]
        > TS.ADD k 3 3
        (ERR TSDB: Timestamp is older than retention)
        > TS.ADD k 4 4
        4
        > TS.DEL k 3 20
        (ERR TSDB: Can't delete an event which is older than retention time, in such case no valid way to update the downsample)
        > TS.DEL k 10 20
        2
        > TS.RANGE k - +
        [[4 4] [5 5]]
        > TS.ALTER k RETENTION 0
        > TS.RANGE k - +
        [[4 4] [5 5]]
        > TS.DEL k - +
        2
        > TS.GET k
        []
        > TS.DEL k 0 100
        0
        > TS.ADD k 2 2
        2
        > TS.DEL missing 0 1
        (ERR TSDB: the key does not exist)
        > TS.DEL k a 1
        (ERR TSDB: wrong fromTimestamp)
        > TS.DEL k 1 b
        (ERR TSDB: wrong toTimestamp)
        > TS.DEL k 1
        (ERR wrong number of arguments for 'ts.del' command)
        ",
    );
}

#[test]
fn counters_count_from_the_latest_sample() {
    let ctx = server();
    ctx.set_now_us(7_000_500);
    transcript(
        &ctx,
        "
        > TS.INCRBY k 1.5 TIMESTAMP 5 LABELS a b
        5
        > TS.INCRBY k 2.25 TIMESTAMP 7
        7
        > TS.DECRBY k 1.5 TIMESTAMP 15
        15
        > TS.INCRBY k 1 TIMESTAMP 14
        (ERR TSDB: timestamp must be equal to or higher than the maximum existing timestamp)
        > TS.DECRBY k 0.25 TIMESTAMP 15
        15
        > TS.INCRBY k 1
        7000
        > TS.INCRBY k 1 TIMESTAMP *
        7000
        > TS.RANGE k - +
        [[5 1.5] [7 3.75] [15 2] [7000 4]]
        > TS.DECRBY fresh 10 UNCOMPRESSED
        7000
        > TS.ADD fresh * 3
        (ERR TSDB: Error at upsert, update is not supported when DUPLICATE_POLICY is set to BLOCK mode)
        > TS.GET fresh
        [7000 -10]
        ",
    );
}

#[test]
fn each_sample_of_a_madd_stands_for_itself() {
    let ctx = server();
    transcript(
        &ctx,
        "
        > TS.CREATE a
        > TS.CREATE b
        > TS.MADD a 1 1 missing 1 1 b 1 x a 1 2 b y 1 a 2 2 b 1 9
        [1 (ERR TSDB: the key is not a TSDB key) (ERR TSDB: invalid value)
        (ERR TSDB: Error at upsert, update is not supported when DUPLICATE_POLICY is set to BLOCK mode)
        (ERR TSDB: invalid timestamp) 2 1]
        > TS.MADD a 1
        (ERR wrong number of arguments)
        > TS.MADD a 1 1 b
        (ERR wrong number of arguments)
        > TS.RANGE a - +
        [[1 1] [2 2]]
        ",
    );
    assert!(!ctx.key("missing").exists());
}

#[test]
fn values_are_status_lines_under_resp2_and_doubles_under_resp3() {
    let ctx = server();
    transcript(
        &ctx,
        "
        > TS.ADD k 1 -0.0
        1
        > TS.ADD k 2 1e300
        2
        > TS.ADD k 3 0.1
        3
        > TS.ADD k 4 123456789012
        4
        > TS.RANGE k - +
        [[1 -0] [2 1e300] [3 0.1] [4 123456789012]]
        > TS.RANGE k - + AGGREGATION var.p 3 EMPTY
        [[0 inf] [3 3.8103946882821983e21]]
        ",
    );
    assert_eq!(
        run(&ctx, "TS.GET k").unwrap().as_slice().unwrap()[1],
        Value::Simple("123456789012".to_owned())
    );
    speak(&ctx, 3);
    assert_eq!(ask(&ctx, "TS.RANGE k 2 3"), "[[2 ~1e300] [3 ~0.1]]");
    assert_eq!(ask(&ctx, "TS.GET k"), "[4 ~123456789012]");
}

#[test]
fn parameters_are_what_series_are_like_when_nobody_says() {
    let ctx = server();
    for (name, value) in [
        ("retention-policy", "100"),
        ("chunk-size-bytes", "64"),
        ("ignore-max-time-diff", "3"),
        ("ignore-max-val-diff", "1.5"),
    ] {
        ctx.configure(&MODULE, name, value).unwrap();
    }
    transcript(&ctx, "> TS.CREATE k");
    let info = ask(&ctx, "TS.INFO k");
    for field in ["retentionTime 100 ", "chunkSize 64 ", "ignoreMaxTimeDiff 3 ", "ignoreMaxValDiff 1.5"] {
        assert!(info.contains(field), "{info}");
    }
    for (name, value) in [
        ("chunk-size-bytes", "50"),
        ("chunk-size-bytes", "0"),
        ("compaction-policy", "nonsense"),
        ("ignore-max-val-diff", "much"),
        ("retention-policy", "-1"),
        ("duplicate-policy", "none"),
    ] {
        assert!(ctx.configure(&MODULE, name, value).is_err(), "{name} {value}");
    }
}

#[test]
fn a_madd_may_bring_many_samples_but_not_go_between_keys_for_ever() {
    let ctx = server();
    transcript(&ctx, "> TS.CREATE a\n> TS.CREATE b");
    let many: Vec<String> = (0..3000).map(|at| format!("a {at} 1")).collect();
    assert_eq!(run(&ctx, &format!("TS.MADD {}", many.join(" "))).unwrap().as_slice().unwrap().len(), 3000);
    let turns: Vec<String> =
        (0..=20_001).map(|at| format!("{} {at} 1", if at % 2 == 0 { "b" } else { "a" })).collect();
    assert_eq!(
        ask(&ctx, &format!("TS.MADD {}", turns.join(" "))),
        "(ERR TSDB: too many keys in one TS.MADD)"
    );
    assert_eq!(ask(&ctx, "TS.GET b"), "[]");
}

#[test]
fn a_madd_opens_a_destination_once_for_all_samples_that_follow_each_other() {
    let ctx = server();
    transcript(
        &ctx,
        "> TS.CREATE a\n> TS.CREATE to_a\n> TS.CREATERULE a to_a AGGREGATION sum 1\n> TS.CREATE b",
    );
    let many: String = (0..66_000).map(|at| format!(" a {at} 1")).collect();
    let reply = run(&ctx, &format!("TS.MADD{many} b 5 1 a 0 1 a 66000 2")).unwrap();
    let replies = reply.as_slice().unwrap();
    assert_eq!(replies.len(), 66_003);
    assert!(replies[..66_000].iter().enumerate().all(|(at, reply)| *reply == at as i64));
    assert_eq!(replies[66_000], 5);
    assert!(matches!(replies[66_001], Value::Error(_)));
    assert_eq!(replies[66_002], 66_000);
    assert_eq!(run(&ctx, "TS.RANGE to_a - +").unwrap().as_slice().unwrap().len(), 66_000);
}

#[test]
fn a_madd_counts_the_destinations_among_its_keys() {
    let ctx = server();
    for source in ["a", "b"] {
        run(&ctx, &format!("TS.CREATE {source}")).unwrap();
        for to in 1..=5 {
            run(&ctx, &format!("TS.CREATE {source}{to}")).unwrap();
            run(&ctx, &format!("TS.CREATERULE {source} {source}{to} AGGREGATION sum {to}")).unwrap();
        }
    }
    let turns = |count: i64| {
        let one = |at| format!(" {} {at} 1", if at % 2 == 0 { "b" } else { "a" });
        format!("TS.MADD{}", (0..count).map(one).collect::<String>())
    };
    assert_eq!(ask(&ctx, &turns(12_000)), "(ERR TSDB: too many keys in one TS.MADD)");
    assert_eq!(ask(&ctx, "TS.GET b"), "[]");
    assert_eq!(run(&ctx, &turns(9_000)).unwrap().as_slice().unwrap().len(), 9_000);
}
