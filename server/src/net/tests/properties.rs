//! The properties of [`differential`](super::differential), on inputs that proptest makes up: random bytes find little, so
//! most inputs are requests with something wrong in them.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::argv::OwnedArgv;
use super::super::resp::RequestLimits;
use super::differential::{check_reply_bytes, check_reply_script, check_requests, encode};

/// A piece of input: whole requests, what requests are made of, and what they should not contain.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let command = vec(vec(any::<u8>(), 0..20), 1..6)
        .prop_map(|args| encode(args.into_iter().collect::<OwnedArgv>().as_argv()));
    let number = prop_oneof![
        (-3i64..40).prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        "[-+]?0?[0-9]{0,3}",
    ];
    let count =
        ("[*$]", number, prop_oneof![Just("\r\n"), Just("\r"), Just("\n"), Just("\rx"), Just("\0\r\n")])
            .prop_map(|(sigil, number, end)| format!("{sigil}{number}{end}").into_bytes());
    let word = prop_oneof![
        Just("\r\n"),
        Just("\n"),
        Just(" "),
        Just("\\"),
        Just("\\x4"),
        Just("\""),
        Just("'"),
        Just("\0"),
        Just("PING"),
        Just("POST"),
        Just("host:"),
        Just("*1\r\n$4\r\n"),
        Just("\u{b}"),
    ];
    prop_oneof![
        4 => command,
        3 => count,
        3 => word.prop_map(|word| word.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..8),
    ]
}

fn input() -> impl Strategy<Value = Vec<u8>> {
    vec(piece(), 0..40).prop_map(|pieces| pieces.concat())
}

/// A piece of RESP3.
fn reply_piece() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![(0u8..5).prop_map(|number| number.to_string()), "[-+]?[0-9]{0,20}"];
    let line = ("[+:$*%~>|=!_#,(-]", number, "(\r\n|\r|\n|)")
        .prop_map(|(sigil, number, end)| sigil + &number + &end);
    let word = prop_oneof![
        Just("_\r\n"),
        Just("#t\r\n"),
        Just(",1.5\r\n"),
        Just(",nan\r\n"),
        Just("$3\r\nabc\r\n"),
        Just("=7\r\ntxt:abc\r\n"),
        Just("!5\r\nE\r\n x\r\n"),
        Just("(123\r\n"),
        Just("\r\n"),
    ];
    prop_oneof![line, word.prop_map(str::to_owned)].prop_map(String::into_bytes)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests(input in input(), pieces in vec(1usize..40, 1..4), unauthenticated: bool) {
        check_requests(&input, &pieces, RequestLimits { unauthenticated, ..RequestLimits::default() });
    }

    #[test]
    fn requests_byte_by_byte(input in input()) {
        check_requests(&input, &[1], RequestLimits { bulk_len_max: 12, unauthenticated: false });
    }

    #[test]
    fn replies_of_any_bytes(pieces in vec(reply_piece(), 0..12)) {
        check_reply_bytes(&pieces.concat());
    }

    #[test]
    fn replies_of_the_writer(script in vec(any::<u8>(), 0..200)) {
        check_reply_script(&script);
    }
}
