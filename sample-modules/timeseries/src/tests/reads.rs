//! What is read from series, one or many, in both protocols.

use sandkey::prelude::*;

use super::{ask, run, server, speak, transcript};

/// `i % 7` at 0 to 99 and again at 200 to 299.
fn sevens(ctx: &Context, key: &str) {
    for i in 0..100 {
        run(ctx, &format!("TS.ADD {key} {i} {}", i % 7)).unwrap();
        run(ctx, &format!("TS.ADD {key} {} {}", i + 200, i % 7)).unwrap();
    }
}

#[test]
fn ranges_are_filtered_counted_and_aggregated() {
    let ctx = server();
    sevens(&ctx, "k");
    let count = |line: &str| run(&ctx, line).unwrap().as_slice().unwrap().len();
    assert_eq!(count("TS.RANGE k 0 500"), 200);
    assert_eq!(count("TS.RANGE k 0 500 AGGREGATION avg 10"), 20);
    assert_eq!(count("TS.REVRANGE k 0 500 AGGREGATION avg 10"), 20);
    assert_eq!(count("TS.RANGE k 0 500 COUNT 10"), 10);
    transcript(
        &ctx,
        "
        > TS.RANGE k 0 500 FILTER_BY_TS 19 18 17 16 15 14 13 12 11 10 FILTER_BY_VALUE 1 2
        [[15 1] [16 2]]
        > TS.REVRANGE k 0 500 FILTER_BY_TS 10 11 12 13 14 15 16 17 18 19 FILTER_BY_VALUE 1 2
        [[16 2] [15 1]]
        > TS.RANGE k 0 10 ALIGN + AGGREGATION count 10
        [[0 10] [10 1]]
        > TS.RANGE k 0 10 ALIGN 5 AGGREGATION count 10
        [[0 5] [5 6]]
        > TS.REVRANGE k 0 10 ALIGN 1 AGGREGATION count 10
        [[1 10] [0 1]]
        > TS.RANGE k 0 10 AGGREGATION twa 10
        [[0 2.55] [10 3]]
        > TS.REVRANGE k 0 10 AGGREGATION TWA 10
        [[10 3] [0 2.55]]
        > TS.RANGE k 5 - ALIGN start AGGREGATION min 20
        (ERR TSDB: wrong toTimestamp)
        > TS.REVRANGE k - + COUNT 2
        [[299 1] [298 0]]
        > TS.REVRANGE k - + AGGREGATION sum 10 COUNT 2
        [[290 28] [280 33]]
        > TS.RANGE k 90 + AGGREGATION sum 50 EMPTY COUNT 4
        [[50 28] [100 0] [150 0] [200 147]]
        > TS.REVRANGE k 90 + AGGREGATION sum 50 EMPTY COUNT 3
        [[250 148] [200 147] [150 0]]
        > TS.RANGE k 120 180 AGGREGATION last 20 EMPTY
        [[120 1] [140 1] [160 1] [180 1]]
        > TS.RANGE k 120 180 AGGREGATION last 20
        []
        > TS.RANGE k 300 200
        []
        > TS.RANGE k 300 200 AGGREGATION twa 10 EMPTY
        []
        > TS.RANGE k 500 600 AGGREGATION sum 10 EMPTY
        []
        > TS.RANGE k 99 + COUNT 2 FILTER_BY_VALUE 1 1 AGGREGATION count 1000 BUCKETTIMESTAMP mid
        [[500 16]]
        ",
    );
}

#[test]
fn buckets_are_stamped_and_filled_as_asked() {
    let ctx = server();
    transcript(
        &ctx,
        "
        > TS.CREATE t
        > TS.MADD t 15 1 t 17 4 t 51 3 t 73 5 t 75 3
        [15 17 51 73 75]
        > TS.RANGE t 0 100 ALIGN 0 AGGREGATION max 10
        [[10 4] [50 3] [70 5]]
        > TS.RANGE t 0 100 ALIGN 0 AGGREGATION max 10 BUCKETTIMESTAMP +
        [[20 4] [60 3] [80 5]]
        > TS.RANGE t 0 100 AGGREGATION max 10 BUCKETTIMESTAMP ~
        [[15 4] [55 3] [75 5]]
        > TS.RANGE t 0 100 ALIGN 0 AGGREGATION max 10 EMPTY
        [[10 4] [20 NaN] [30 NaN] [40 NaN] [50 3] [60 NaN] [70 5]]
        > TS.REVRANGE t 0 100 AGGREGATION max 10 BUCKETTIMESTAMP end EMPTY
        [[80 5] [70 NaN] [60 3] [50 NaN] [40 NaN] [30 NaN] [20 4]]
        > TS.REVRANGE t 0 100 AGGREGATION max 10 EMPTY COUNT 2
        [[70 5] [60 NaN]]
        > TS.RANGE t 0 100 AGGREGATION last 10 EMPTY
        [[10 4] [20 4] [30 4] [40 4] [50 3] [60 3] [70 3]]
        > TS.RANGE t 20 49 AGGREGATION sum 10 EMPTY
        [[20 0] [30 0] [40 0]]
        > TS.RANGE t 0 100 AGGREGATION first 10 BUCKETTIMESTAMP -
        [[10 1] [50 3] [70 5]]
        ",
    );
    // Between 17 and 51 the value falls from 4 to 3 in a straight line.
    let reply = run(&ctx, "TS.RANGE t 0 100 AGGREGATION twa 10 EMPTY").unwrap();
    let means: Vec<f64> = reply
        .as_slice()
        .unwrap()
        .iter()
        .map(|row| row.as_slice().unwrap()[1].as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(means.len(), 7);
    let at = |time: f64| 4.0 - (time - 17.0) / 34.0;
    assert!((means[1] - at(25.0)).abs() < 1e-9 && (means[2] - at(35.0)).abs() < 1e-9, "{means:?}");
}

#[test]
fn the_mean_over_time_as_redistimeseries_computes_it() {
    let ctx = server();
    transcript(
        &ctx,
        "
        > TS.CREATE line
        > TS.MADD line 12 12 line 15 15 line 19 19 line 22 22
        [12 15 19 22]
        > TS.RANGE line - + AGGREGATION twa 10
        [[10 16] [20 21]]
        > TS.CREATE a
        > TS.MADD a 10 100 a 13 110 a 15 115 a 19 109 a 25 130
        [10 13 15 19 25]
        ",
    );
    let near = |line: &str, expected: f64| {
        let reply = run(&ctx, line).unwrap();
        let row = &reply.as_slice().unwrap()[0];
        let value: f64 = row.as_slice().unwrap()[1].as_str().unwrap().parse().unwrap();
        assert!((value - expected).abs() < 0.05, "{line}: {value}");
    };
    // The query's times limit what counts, and the samples outside say where the lines go.
    near("TS.RANGE a 12 20 AGGREGATION twa 100", 111.5);
    near("TS.RANGE a 11 20 AGGREGATION twa 100", 110.78);
    near("TS.RANGE a 12 24 AGGREGATION twa 100", 114.17);
    near("TS.RANGE a 11 24 AGGREGATION twa 100", 113.46);
}

#[test]
fn alignment_as_it_is_documented() {
    let ctx = server();
    transcript(
        &ctx,
        "
        > TS.CREATE s
        > TS.MADD s 1000 100 s 1010 110 s 1020 120 s 2000 200 s 2010 210 s 2020 220 s 3000 300 s 3010 310 s 3020 320
        [1000 1010 1020 2000 2010 2020 3000 3010 3020]
        > TS.RANGE s - + AGGREGATION min 20
        [[1000 100] [1020 120] [2000 200] [2020 220] [3000 300] [3020 320]]
        > TS.RANGE s - + ALIGN 10 AGGREGATION min 20
        [[990 100] [1010 110] [1990 200] [2010 210] [2990 300] [3010 310]]
        > TS.RANGE s 5 + ALIGN - AGGREGATION min 20
        [[985 100] [1005 110] [1985 200] [2005 210] [2985 300] [3005 310]]
        > TS.RANGE s - + AGGREGATION min 20 FILTER_BY_VALUE 200 300
        [[2000 200] [2020 220] [3000 300]]
        > TS.RANGE s - + AGGREGATION MIN 20 COUNT 1
        [[1000 100]]
        ",
    );
}

#[test]
fn queries_that_make_no_sense_are_refused() {
    let ctx = server();
    transcript(
        &ctx,
        "
        > TS.CREATE s
        > TS.RANGE s - + ALIGN start AGGREGATION min 20
        (ERR TSDB: start alignment can only be used with explicit start timestamp)
        > TS.RANGE s - + ALIGN end AGGREGATION min 20
        (ERR TSDB: end alignment can only be used with explicit end timestamp)
        > TS.RANGE s - + ALIGN x AGGREGATION min 20
        (ERR TSDB: unknown ALIGN parameter)
        > TS.RANGE s - + ALIGN 5
        (ERR TSDB: ALIGN parameter can only be used with AGGREGATION)
        > TS.RANGE s - + EMPTY
        (ERR TSDB: EMPTY flag should be the 3rd or 5th flag after AGGREGATION flag)
        > TS.RANGE s - + BUCKETTIMESTAMP start
        (ERR TSDB: BUCKETTIMESTAMP flag should be the 3rd or 4th flag after AGGREGATION flag)
        > TS.RANGE s - + AGGREGATION min 20 BUCKETTIMESTAMP x
        (ERR TSDB: unknown BUCKETTIMESTAMP parameter)
        > TS.RANGE s - + AGGREGATION most 20
        (ERR TSDB: Unknown aggregation type)
        > TS.RANGE s - + AGGREGATION min
        (ERR TSDB: Couldn't parse AGGREGATION)
        > TS.RANGE s - + AGGREGATION min x
        (ERR TSDB: Couldn't parse AGGREGATION)
        > TS.RANGE s - + AGGREGATION min 0
        (ERR TSDB: bucketDuration must be greater than zero)
        > TS.RANGE s - + COUNT
        (ERR TSDB: COUNT argument is missing)
        > TS.RANGE s - + COUNT x
        (ERR TSDB: Couldn't parse COUNT)
        > TS.RANGE s - + COUNT 0
        (ERR TSDB: Invalid COUNT value)
        > TS.RANGE s - + COUNT -1
        (ERR TSDB: Invalid COUNT value)
        > TS.RANGE s - + FILTER_BY_VALUE a 1
        (ERR TSDB: Couldn't parse MIN)
        > TS.RANGE s - + FILTER_BY_VALUE 1 b
        (ERR TSDB: Couldn't parse MAX)
        > TS.RANGE s - + FILTER_BY_TS
        (ERR TSDB: FILTER_BY_TS one or more arguments are missing)
        > TS.RANGE s - + FILTER a=b
        (ERR syntax error)
        > TS.RANGE s x +
        (ERR TSDB: wrong fromTimestamp)
        > TS.RANGE s -1000 +
        (ERR TSDB: wrong fromTimestamp)
        > TS.RANGE s - y
        (ERR TSDB: wrong toTimestamp)
        > TS.RANGE s
        (ERR syntax error)
        > TS.RANGE missing - +
        (ERR TSDB: the key does not exist)
        ",
    );
}

/// Two series with labels, as clients' tests like them.
fn two_series(ctx: &Context) {
    transcript(
        ctx,
        "
        > TS.CREATE 2 LABELS Test This Taste That team sf
        > TS.CREATE 1 LABELS Test This team ny
        ",
    );
    for i in 0..20 {
        run(ctx, &format!("TS.MADD 1 {i} {} 2 {i} {}", i % 7, i % 11)).unwrap();
    }
}

#[test]
fn queries_over_many_series_answer_in_the_order_of_keys() {
    let ctx = server();
    two_series(&ctx);
    transcript(
        &ctx,
        "
        > TS.QUERYINDEX Test=This
        <\"1\" \"2\">
        > TS.QUERYINDEX Taste=That
        <\"2\">
        > TS.QUERYINDEX Taste=Other
        <>
        > TS.QUERYINDEX Taste!=That
        (ERR TSDB: please provide at least one matcher)
        > TS.MGET FILTER Test=This
        [[\"1\" [] [19 5]] [\"2\" [] [19 8]]]
        > TS.MGET SELECTED_LABELS team Taste FILTER Test=This
        [[\"1\" [[\"team\" \"ny\"] [\"Taste\" nil]] [19 5]] [\"2\" [[\"team\" \"sf\"] [\"Taste\" \"That\"]] [19 8]]]
        > TS.MRANGE 0 200 FILTER_BY_TS 15 16 17 FILTER_BY_VALUE 1 2 FILTER Test=This
        [[\"1\" [] [[15 1] [16 2]]] [\"2\" [] []]]
        > TS.MREVRANGE 0 200 COUNT 1 WITHLABELS FILTER Test=This team!=sf
        [[\"1\" [[\"Test\" \"This\"] [\"team\" \"ny\"]] [[19 5]]]]
        > TS.MRANGE 0 10 ALIGN - AGGREGATION count 10 FILTER team=ny
        [[\"1\" [] [[0 10] [10 1]]]]
        > TS.MRANGE - + WITHLABELS
        (ERR TSDB: missing FILTER argument)
        > TS.MRANGE - + FILTER Test=This WITHLABELS
        (ERR TSDB: failed parsing labels)
        > TS.MRANGE - + WITHLABELS SELECTED_LABELS a FILTER Test=This
        (ERR TSDB: cannot accept WITHLABELS and SELECT_LABELS together)
        > TS.MRANGE - + FILTER Test=This GROUPBY team
        (ERR TSDB: Couldn't parse GROUPBY)
        > TS.MRANGE - + FILTER Test=This GROUPBY team REDUCE twa
        (ERR TSDB: Invalid reducer type)
        > TS.MGET WITHLABELS
        (ERR TSDB: missing FILTER argument)
        > TS.MGET COUNT 1 FILTER a=b
        (ERR syntax error)
        > TS.MGET SELECTED_LABELS FILTER a=b
        (ERR TSDB: SELECT_LABELS should have at least 1 parameter)
        ",
    );
    speak(&ctx, 3);
    transcript(
        &ctx,
        "
        > TS.MGET FILTER Test=This
        {\"1\": [{} [19 ~5]], \"2\": [{} [19 ~8]]}
        > TS.MRANGE 15 16 SELECTED_LABELS team x FILTER Test=This
        {\"1\": [{\"team\": \"ny\", \"x\": nil} {\"aggregators\": []} [[15 ~1] [16 ~2]]],
        \"2\": [{\"team\": \"sf\", \"x\": nil} {\"aggregators\": []} [[15 ~4] [16 ~5]]]}
        > TS.MRANGE 0 10 AGGREGATION COUNT 20 FILTER team=ny
        {\"1\": [{} {\"aggregators\": [\"count\"]} [[0 ~11]]]}
        > TS.CREATE empty LABELS kind empty
        > TS.MGET WITHLABELS FILTER kind=empty
        {\"empty\": [{\"kind\": \"empty\"} []]}
        ",
    );
}

#[test]
fn groups_are_reduced_to_one_series_each() {
    let ctx = server();
    two_series(&ctx);
    transcript(
        &ctx,
        "
        > TS.MRANGE 0 3 FILTER Test=This GROUPBY Test REDUCE SUM
        [[\"Test=This\" [] [[0 0] [1 2] [2 4] [3 6]]]]
        > TS.MREVRANGE 0 3 FILTER Test=This GROUPBY Test REDUCE max
        [[\"Test=This\" [] [[3 3] [2 2] [1 1] [0 0]]]]
        > TS.MRANGE 0 1 FILTER Test=This GROUPBY team REDUCE min
        [[\"team=ny\" [] [[0 0] [1 1]]] [\"team=sf\" [] [[0 0] [1 1]]]]
        > TS.MREVRANGE - + COUNT 2 AGGREGATION avg 4 FILTER Test=This GROUPBY Test REDUCE count
        [[\"Test=This\" [] [[16 2] [12 2]]]]
        > TS.MRANGE 10 11 WITHLABELS FILTER Test=This GROUPBY Test REDUCE avg
        [[\"Test=This\" [[\"Test\" \"This\"] [\"__reducer__\" \"avg\"] [\"__source__\" \"1,2\"]] [[10 6.5] [11 2]]]]
        > TS.MRANGE 10 10 SELECTED_LABELS Test team FILTER Test=This GROUPBY Test REDUCE range
        [[\"Test=This\" [[\"Test\" \"This\"] [\"team\" nil]] [[10 7]]]]
        > TS.MRANGE 10 10 FILTER Test=This GROUPBY Taste REDUCE sum
        [[\"Taste=That\" [] [[10 10]]]]
        > TS.DEL 1 11 11
        1
        > TS.MRANGE 10 12 AGGREGATION max 1 EMPTY FILTER Test=This GROUPBY Test REDUCE sum
        [[\"Test=This\" [] [[10 13] [11 0] [12 6]]]]
        ",
    );
    speak(&ctx, 3);
    transcript(
        &ctx,
        "
        > TS.MRANGE 10 10 WITHLABELS FILTER Test=This GROUPBY Test REDUCE std.p
        {\"Test=This\": [{\"Test\": \"This\"} {\"reducers\": [\"std.p\"]} {\"sources\": [\"1\" \"2\"]} [[10 ~3.5]]]}
        > TS.MRANGE 10 10 FILTER Test=This GROUPBY Test REDUCE var.s
        {\"Test=This\": [{} {\"reducers\": [\"var.s\"]} {\"sources\": [\"1\" \"2\"]} [[10 ~24.5]]]}
        ",
    );
}

#[test]
fn buckets_without_samples_are_reported_up_to_a_limit() {
    let ctx = server();
    let line = "with EMPTY the reply would have ";
    let refused = |rows| {
        format!(
            "(ERR TSDB: {line}{rows} buckets, and 250000 are the most: ask for a longer bucketDuration or a shorter range)"
        )
    };
    for key in ["a", "b"] {
        run(&ctx, &format!("TS.CREATE {key} LABELS l 1")).unwrap();
        run(&ctx, &format!("TS.MADD {key} 0 1 {key} 9223372036854775807 2")).unwrap();
    }
    let count = |line: &str| run(&ctx, line).unwrap().as_slice().unwrap().len();
    let all = "- + AGGREGATION sum 1 EMPTY";
    for (query, rows) in [
        (format!("TS.RANGE a {all}"), 1 << 63),
        (format!("TS.REVRANGE a {all}"), 1 << 63),
        (format!("TS.RANGE a {all} COUNT 250001"), 250_001),
        ("TS.RANGE a 1 250001 AGGREGATION sum 1 EMPTY".to_owned(), 250_001),
        (
            "TS.RANGE a 0 + ALIGN 9223372036854775807 AGGREGATION sum 9223372036 EMPTY".to_owned(),
            1_000_000_002,
        ),
        (format!("TS.MRANGE {all} COUNT 125001 FILTER l=1"), 250_002),
        (format!("TS.MREVRANGE {all} COUNT 1 FILTER l=1 GROUPBY l REDUCE sum"), u64::MAX),
    ] {
        assert_eq!(ask(&ctx, &query), refused(rows), "{query}");
    }
    assert_eq!(count(&format!("TS.REVRANGE a {all} COUNT 250000")), 250_000);
    assert_eq!(count("TS.RANGE a 1 2500 AGGREGATION sum 1 EMPTY COUNT 9223372036854775807"), 2500);
    assert_eq!(count(&format!("TS.MRANGE {all} COUNT 10 FILTER l=1")), 2);
    // Those that are not reported cost nothing.
    assert_eq!(count("TS.RANGE a - + AGGREGATION sum 1"), 2);
}
