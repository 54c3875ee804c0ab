//! Rules: what reaches their destinations, which keys that takes, and what becomes of rules whose keys are gone.

use super::{ask, run, server, speak, transcript};
use crate::MODULE;
use crate::series::Series;

#[test]
fn a_bucket_is_written_when_the_next_one_opens() {
    let ctx = server();
    transcript(
        &ctx,
        "
        > TS.CREATE t1
        > TS.CREATE t2 LABELS compact true
        > TS.CREATERULE t1 t2 AGGREGATION sum 10
        > TS.MADD t1 1 1 t1 2 3
        [1 2]
        > TS.GET t2
        []
        > TS.GET t2 LATEST
        [0 4]
        > TS.MADD t1 11 7 t1 13 1
        [11 13]
        > TS.RANGE t2 0 10
        [[0 4]]
        > TS.RANGE t2 0 10 LATEST
        [[0 4] [10 8]]
        > TS.RANGE t2 0 9 LATEST
        [[0 4]]
        > TS.REVRANGE t2 0 10 LATEST
        [[10 8] [0 4]]
        > TS.RANGE t2 - + LATEST AGGREGATION max 100
        [[0 8]]
        > TS.RANGE t1 - + LATEST
        [[1 1] [2 3] [11 7] [13 1]]
        > TS.GET t2
        [0 4]
        > TS.GET t2 LATEST
        [10 8]
        > TS.MGET FILTER compact=true
        [[\"t2\" [] [0 4]]]
        > TS.MGET LATEST FILTER compact=true
        [[\"t2\" [] [10 8]]]
        > TS.MRANGE 0 10 LATEST FILTER compact=true
        [[\"t2\" [] [[0 4] [10 8]]]]
        > TS.MREVRANGE 0 10 LATEST FILTER compact=true GROUPBY compact REDUCE min
        [[\"compact=true\" [] [[10 8] [0 4]]]]
        ",
    );
    let of = |key: &str| {
        let info = ask(&ctx, &format!("TS.INFO {key}"));
        info[info.find("sourceKey").unwrap()..info.find(" ignoreMaxTimeDiff").unwrap()].to_owned()
    };
    assert_eq!(of("t1"), "sourceKey nil rules [[\"t2\" 10 SUM 0]]");
    assert_eq!(of("t2"), "sourceKey \"t1\" rules []");
    speak(&ctx, 3);
    assert!(ask(&ctx, "TS.INFO t1").contains("rules: {\"t2\": [10 SUM 0]}"));
}

#[test]
fn samples_of_the_past_and_removals_make_closed_buckets_anew() {
    let ctx = server();
    transcript(
        &ctx,
        "
        > TS.CREATE s DUPLICATE_POLICY last
        > TS.CREATE d
        > TS.CREATERULE s d AGGREGATION max 10 5
        > TS.MADD s 6 1 s 12 2 s 20 3 s 31 4 s 33 5
        [6 12 20 31 33]
        > TS.RANGE d - + LATEST
        [[5 2] [15 3] [25 5]]
        > TS.ADD s 7 9
        7
        > TS.ADD s 3 8
        3
        > TS.ADD s 30 50
        30
        > TS.RANGE d - + LATEST
        [[0 8] [5 9] [15 3] [25 50]]
        > TS.ADD s 7 1
        7
        > TS.RANGE d - +
        [[0 8] [5 2] [15 3]]
        > TS.DEL s 12 20
        2
        > TS.RANGE d - + LATEST
        [[0 8] [5 1] [25 50]]
        > TS.DEL s 0 7
        3
        > TS.RANGE d - + LATEST
        [[25 50]]
        > TS.DEL s 30 40
        3
        > TS.RANGE d - + LATEST
        []
        > TS.ADD s 32 1
        32
        > TS.ADD s 100 2
        100
        > TS.RANGE d - + LATEST
        [[25 1] [95 2]]
        ",
    );
}

#[test]
fn a_mean_over_time_follows_the_samples_beside_its_bucket() {
    let ctx = server();
    transcript(
        &ctx,
        "
        > TS.CREATE s DUPLICATE_POLICY last
        > TS.CREATE d
        > TS.CREATERULE s d AGGREGATION twa 10
        > TS.MADD s 5 5 s 15 15 s 25 25
        [5 15 25]
        > TS.RANGE d - + LATEST
        [[0 7.5] [10 15] [20 22.5]]
        > TS.ADD s 15 5
        15
        > TS.RANGE d - + LATEST
        [[0 5] [10 7.5] [20 20]]
        > TS.DEL s 15 15
        1
        > TS.RANGE d - + LATEST
        [[0 7.5] [20 22.5]]
        > TS.DEL s 25 25
        1
        > TS.RANGE d - + LATEST
        [[0 5]]
        > TS.ADD s 45 45
        45
        > TS.RANGE d - + LATEST
        [[0 7.5] [40 42.5]]
        > TS.DEL s - +
        2
        > TS.ADD s 1 9
        1
        > TS.ADD s 41 49
        41
        > TS.RANGE d - + LATEST
        [[0 13.5] [40 48.5]]
        ",
    );
}

#[test]
fn a_command_asks_for_destinations_only_when_it_needs_them() {
    let ctx = server();
    transcript(&ctx, "> TS.CREATE s\n> TS.CREATE d\n> TS.CREATERULE s d AGGREGATION count 10");
    // The destination has gone without the source being told: as long as nothing is written to it, nobody notices.
    ctx.key("d").delete().unwrap();
    let rules = || ctx.open_ref::<Series>(&ctx.key("s")).unwrap().unwrap().rules.len();
    for at in [1, 5, 2, 9] {
        run(&ctx, &format!("TS.ADD s {at} 1")).unwrap();
        assert_eq!(rules(), 1);
    }
    run(&ctx, "TS.DEL s 5 9").unwrap();
    assert_eq!(rules(), 1);
    // TS.INFO looks, and may not change anything.
    assert!(ask(&ctx, "TS.INFO s").contains("rules []"));
    assert_eq!(rules(), 1);
    run(&ctx, "TS.ADD s 10 1").unwrap();
    assert_eq!(rules(), 0);
    assert!(!ctx.key("d").exists());
}

#[test]
fn a_rule_whose_keys_do_not_name_each_other_is_dead() {
    for gone in ["renamed source", "another value", "another series", "another source"] {
        let ctx = server();
        transcript(
            &ctx,
            "
            > TS.CREATE s
            > TS.CREATE d
            > TS.CREATE other
            > TS.CREATERULE s d AGGREGATION avg 10
            > TS.MADD s 1 1 s 11 2
            [1 11]
            > TS.RANGE d - +
            [[0 1]]
            ",
        );
        match gone {
            "renamed source" => {
                ctx.key("s").delete().unwrap();
                transcript(&ctx, "> TS.ADD s 1 1\n1");
            }
            "another value" => ctx.key("d").set("text").unwrap(),
            "another series" => {
                ctx.key("d").delete().unwrap();
                transcript(&ctx, "> TS.CREATE d");
            }
            _ => {
                ctx.key("d").delete().unwrap();
                transcript(&ctx, "> TS.CREATE d\n> TS.CREATERULE other d AGGREGATION sum 5");
            }
        }
        let before = ask(&ctx, "TS.RANGE d - +");
        run(&ctx, "TS.ADD s 25 3").unwrap();
        run(&ctx, "TS.ADD s 35 3").unwrap();
        assert_eq!(ask(&ctx, "TS.RANGE d - +"), before, "{gone}");
        assert!(ask(&ctx, "TS.INFO s").contains("rules []"), "{gone}");
        if gone == "renamed source" {
            assert!(ask(&ctx, "TS.INFO d").contains("sourceKey nil"));
            assert_eq!(ask(&ctx, "TS.GET d LATEST"), "[0 1]");
            // Nothing leads there any more, so it is free.
            transcript(&ctx, "> TS.CREATERULE other d AGGREGATION sum 5\n> TS.DELETERULE other d");
        }
    }
}

#[test]
fn rules_that_cannot_be_are_refused() {
    let ctx = server();
    transcript(
        &ctx,
        "
        > TS.CREATE a
        > TS.CREATE b
        > TS.CREATE c
        > TS.CREATERULE a a AGGREGATION avg 10
        (ERR TSDB: the source key and destination key should be different)
        > TS.CREATERULE a missing AGGREGATION avg 10
        (ERR TSDB: the key does not exist)
        > TS.CREATERULE missing a AGGREGATION avg 10
        (ERR TSDB: the key does not exist)
        > TS.CREATERULE a b AGGREGATION avg
        (ERR TSDB: Couldn't parse AGGREGATION)
        > TS.CREATERULE a b avg 10
        (ERR TSDB: Couldn't parse AGGREGATION)
        > TS.CREATERULE a b AGGREGATION best 10
        (ERR TSDB: Unknown aggregation type)
        > TS.CREATERULE a b AGGREGATION avg 0
        (ERR TSDB: bucketDuration must be greater than zero)
        > TS.CREATERULE a b AGGREGATION avg 10 x
        (ERR TSDB: Couldn't parse alignTimestamp)
        > TS.CREATERULE a b AGGREGATION avg 10 0
        > TS.CREATERULE a b AGGREGATION count 10
        (ERR TSDB: the destination key already has a src rule)
        > TS.CREATERULE c b AGGREGATION count 10
        (ERR TSDB: the destination key already has a src rule)
        > TS.CREATERULE b c AGGREGATION count 10
        (ERR TSDB: the source key already has a source rule)
        > TS.CREATERULE c a AGGREGATION count 10
        (ERR TSDB: the destination key already has a dst rule)
        > TS.CREATERULE a c AGGREGATION count 10
        > TS.DELETERULE a missing
        (ERR TSDB: compaction rule does not exist)
        > TS.DELETERULE missing a
        (ERR TSDB: the key does not exist)
        > TS.DELETERULE a b
        > TS.DELETERULE a b
        (ERR TSDB: compaction rule does not exist)
        > TS.CREATERULE b a AGGREGATION count 10
        (ERR TSDB: the destination key already has a dst rule)
        > TS.DELETERULE a c
        > TS.CREATERULE b a AGGREGATION count 10
        ",
    );
}

#[test]
fn what_has_expired_is_not_made_up() {
    let ctx = server();
    transcript(
        &ctx,
        "
        > TS.CREATE s RETENTION 20
        > TS.CREATE d
        > TS.CREATERULE s d AGGREGATION sum 10
        > TS.MADD s 1 1 s 4 1 s 5 1 s 11 1 s 23 1
        [1 4 5 11 23]
        > TS.RANGE d - +
        [[0 3] [10 1]]
        > TS.ADD s 3 1
        3
        > TS.RANGE d - +
        [[0 3] [10 1]]
        > TS.DEL s 4 4
        (ERR TSDB: Can't delete an event which is older than retention time, in such case no valid way to update the downsample)
        > TS.DEL s 11 11
        1
        > TS.RANGE d - +
        [[0 3]]
        > TS.ADD s 12 5
        12
        > TS.ADD s 25 1
        25
        > TS.ADD s 9 5
        9
        > TS.RANGE d - +
        [[0 6] [10 5]]
        ",
    );
    // The destination keeps less than its source.
    transcript(
        &ctx,
        "
        > TS.CREATE long
        > TS.CREATE short RETENTION 10
        > TS.CREATERULE long short AGGREGATION sum 10
        > TS.MADD long 1 1 long 11 1 long 21 1 long 31 1
        [1 11 21 31]
        > TS.RANGE short - +
        [[10 1] [20 1]]
        > TS.ADD long 2 1
        2
        > TS.DEL long 1 2
        2
        > TS.RANGE short - +
        [[10 1] [20 1]]
        ",
    );
}

#[test]
fn new_series_get_the_rules_of_the_policy() {
    let ctx = server();
    ctx.configure(&MODULE, "compaction-policy", "max:1s:1h;sum:2s:0m:500m;avg:3s:1d").unwrap();
    ctx.configure(&MODULE, "encoding", "uncompressed").unwrap();
    ctx.key("temp_AVG_3000").set("taken").unwrap();
    transcript(
        &ctx,
        "
        > TS.ADD temp 100 5 LABELS room hall
        100
        > TS.MADD temp 600 7 temp 1500 3 temp 2600 1
        [600 1500 2600]
        > TS.RANGE temp_MAX_1000 - +
        [[0 7] [1000 3]]
        > TS.RANGE temp_SUM_2000_500 - +
        [[0 5] [500 10]]
        > TS.MGET WITHLABELS FILTER room=hall aggregation!=
        [[\"temp_MAX_1000\" [[\"room\" \"hall\"] [\"aggregation\" \"MAX\"] [\"time_bucket\" \"1000\"]] [1000 3]]
        [\"temp_SUM_2000_500\" [[\"room\" \"hall\"] [\"aggregation\" \"SUM\"] [\"time_bucket\" \"2000\"]] [500 10]]]
        > TS.CREATE made
        > TS.QUERYINDEX room=hall
        <\"temp\" \"temp_MAX_1000\" \"temp_SUM_2000_500\">
        ",
    );
    let info = ask(&ctx, "TS.INFO temp_MAX_1000");
    assert!(info.contains("retentionTime 3600000 ") && info.contains("chunkType uncompressed"), "{info}");
    assert!(
        ask(&ctx, "TS.INFO temp")
            .contains("rules [[\"temp_MAX_1000\" 1000 MAX 0] [\"temp_SUM_2000_500\" 2000 SUM 500]]")
    );
    assert_eq!(ctx.key("temp_AVG_3000").get().unwrap().as_deref(), Some(&b"taken"[..]));
    assert!(!ctx.key("made_MAX_1000").exists());
}

#[test]
fn a_copy_belongs_to_no_rule() {
    use sandkey::data_type::{DataType, Reader, Writer};
    let ctx = server();
    transcript(
        &ctx,
        "
        > TS.CREATE s LABELS a b
        > TS.CREATE d
        > TS.CREATERULE s d AGGREGATION avg 10
        > TS.MADD s 1 1 s 11 2
        [1 11]
        ",
    );
    for key in ["s", "d"] {
        let key = ctx.key(key);
        let series = ctx.open_ref::<Series>(&key).unwrap().unwrap();
        let mut writer = Writer::new();
        series.copy(b"from", b"to", &mut writer).unwrap();
        let bytes = writer.into_bytes();
        let copy = Series::load(&mut Reader::new(&bytes), Series::ENCVER).unwrap();
        assert!(copy.rules.is_empty() && copy.source.is_none());
        assert_eq!((&copy.labels, copy.options), (&series.labels, series.options));
        assert!(copy.range(0, i64::MAX).eq(series.range(0, i64::MAX)));
    }
}

#[test]
fn bytes_of_others_are_refused_and_damaged_ones_do_no_harm() {
    use crate::testing::Random;
    use sandkey::data_type::{DataType, Reader, Writer};
    let ctx = server();
    transcript(
        &ctx,
        "
        > TS.CREATE s LABELS a b c d DUPLICATE_POLICY sum IGNORE 1 0.5
        > TS.CREATE d
        > TS.CREATERULE s d AGGREGATION twa 10 3
        > TS.MADD s 1 1 s 11 2 s 100 3
        [1 11 100]
        > TS.CREATE plain ENCODING UNCOMPRESSED
        > TS.MADD plain 1 1 plain 2 2
        [1 2]
        ",
    );
    for key in ["s", "d", "plain"] {
        let mut writer = Writer::new();
        ctx.open_ref::<Series>(&ctx.key(key)).unwrap().unwrap().save(&mut writer);
        let bytes = writer.into_bytes();
        assert!(Series::load(&mut Reader::new(&bytes), 7).is_err());
        let mut random = Random::new(11);
        for at in 0..bytes.len() {
            assert!(Series::load(&mut Reader::new(&bytes[..at]), Series::ENCVER).is_err(), "cut at {at}");
            for _ in 0..20 {
                let mut damaged = bytes.clone();
                damaged[at] = random.bits() as u8;
                if let Ok(mut series) = Series::load(&mut Reader::new(&damaged), Series::ENCVER) {
                    // Whatever it is, it can be used.
                    let _ = (
                        series.len(),
                        series.first(),
                        series.memory(),
                        series.rules.first().map(|rule| rule.latest()),
                    );
                    series.put(crate::sample::Sample::new(50, 1.0));
                    series.remove(0, 60);
                    series.put(crate::sample::Sample::new(i64::MAX, 1.0));
                }
            }
        }
    }
}
