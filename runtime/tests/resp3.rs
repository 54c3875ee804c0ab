//! The check of RESP3 replies against redis-protocol's decoder, on values that are nearly right.
//!
//! The decoder is more lenient than a reply may be (streamed types, pushes, RESP2 nulls, numbers that Rust parses), so
//! the two need not agree everywhere: what we accept it must decode, whole; what it decodes and we refuse must be refused
//! for one of the reasons that are ours.

use proptest::prelude::*;
use redis_protocol::resp3::decode::complete::decode;
use redis_protocol::resp3::types::OwnedFrame;
use sandkey_runtime::resp3::{Invalid, validate};

/// A value, written as it goes over the wire.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let line = |prefix: char, text: String| format!("{prefix}{text}\r\n").into_bytes();
    let blob = |prefix: u8, bytes: Vec<u8>| {
        let mut wire = vec![prefix];
        wire.extend(format!("{}\r\n", bytes.len()).bytes());
        wire.extend(bytes);
        wire.extend(b"\r\n");
        wire
    };
    let leaf = prop_oneof![
        "[ -~]{0,8}".prop_map(move |text| line('+', text)),
        "[A-Z]{3} [ -~]{0,8}".prop_map(move |text| line('-', text)),
        any::<i64>().prop_map(move |number| line(':', number.to_string())),
        any::<f64>()
            .prop_filter("no NaN with a sign", |n| !n.is_nan())
            .prop_map(move |n| line(',', n.to_string())),
        any::<bool>().prop_map(move |truth| line('#', if truth { "t".into() } else { "f".into() })),
        Just(b"_\r\n".to_vec()),
        "-?[0-9]{1,30}".prop_map(move |digits| line('(', digits)),
        prop::collection::vec(any::<u8>(), 0..12).prop_map(move |bytes| blob(b'$', bytes)),
        "[ -~]{0,8}".prop_map(move |text| blob(b'!', text.into_bytes())),
        "[ -~]{0,8}".prop_map(move |text| blob(b'=', format!("txt:{text}").into_bytes())),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        (prop_oneof![Just(b'*'), Just(b'~'), Just(b'%')], prop::collection::vec(inner, 0..6)).prop_map(
            |(kind, mut values)| {
                if kind == b'%' && values.len() % 2 == 1 {
                    values.pop();
                }
                let count = if kind == b'%' { values.len() / 2 } else { values.len() };
                let mut wire = vec![kind];
                wire.extend(format!("{count}\r\n").bytes());
                wire.extend(values.concat());
                wire
            },
        )
    })
}

/// The same with a few bytes changed, dropped or doubled, mostly to ones that mean something.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let meaningful = prop::sample::select(b"*~%$!=+-:,(#_>|;.?\r\n0123456789tfe".to_vec());
    (value(), prop::collection::vec((any::<prop::sample::Index>(), 0..3u8, meaningful), 0..4)).prop_map(
        |(mut wire, changes)| {
            for (at, how, byte) in changes {
                if wire.is_empty() {
                    break;
                }
                let at = at.index(wire.len());
                match how {
                    0 => wire[at] = byte,
                    1 => drop(wire.remove(at)),
                    _ => wire.insert(at, byte),
                }
            }
            wire
        },
    )
}

/// What the decoder makes of bytes, if they are one whole value.
fn decoded(bytes: &[u8]) -> Option<OwnedFrame> {
    match decode(bytes) {
        Ok(Some((frame, read))) if read == bytes.len() => Some(frame),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn what_is_right_is_accepted(wire in value()) {
        prop_assert_eq!(validate(&wire), Ok(()), "{:?}", String::from_utf8_lossy(&wire));
    }

    #[test]
    fn what_is_accepted_decodes(wire in nearly()) {
        let ours = validate(&wire);
        let text = String::from_utf8_lossy(&wire).into_owned();
        match (ours, decoded(&wire)) {
            // The decoder puts sets and maps into tables and refuses a value twice; clients see no harm in it. It also
            // has no aggregates as keys.
            (Ok(()), None) => prop_assert!(text.contains(['~', '%']), "only we accept {text:?}"),
            (Err(why), Some(_)) => prop_assert!(
                matches!(
                    why,
                    Invalid::Forbidden | Invalid::BadNumber | Invalid::BadLength | Invalid::BadLine
                        | Invalid::BadVerbatim | Invalid::BadScalar | Invalid::BadText
                ),
                "only the decoder accepts {text:?}: {why}"
            ),
            _ => {}
        }
    }

    #[test]
    fn no_bytes_make_it_panic(wire in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = validate(&wire);
    }
}
