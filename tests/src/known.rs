//! Where redis-server 7.0.15, which is what there is to compare with, is known to differ from 7.2, which is what we
//! follow; and a few things of 7.0 that are not worth imitating. Each has its reason, and is as narrow as can be said.

use crate::value::Value;

/// A difference that is no fault.
struct Known {
    /// The commands that it is about, in capital letters; all, if there are none.
    commands: &'static [&'static str],
    /// Whether it is this difference: the arguments, our reply, and theirs.
    is: fn(&[Vec<u8>], &Value, &Value) -> bool,
}

const KNOWN: &[Known] = &[
    // The arguments that an error line of theirs repeats are C strings, which end at a zero byte.
    Known {
        commands: &[],
        is: |args, ours, theirs| {
            let zero = args.iter().any(|arg| arg.contains(&0));
            zero && ours.error().is_some() && theirs.error().is_some()
        },
    },
    // The line was given the name of the command and the right sign.
    Known {
        commands: &["XREAD", "XREADGROUP"],
        is: |_, ours, theirs| {
            let unbalanced = "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be";
            errors(ours, theirs, "ERR Unbalanced 'xread", unbalanced)
        },
    },
    // A time that is too long for the clock was taken for a negative one.
    Known {
        commands: &[
            "BLPOP",
            "BRPOP",
            "BLMOVE",
            "BRPOPLPUSH",
            "BLMPOP",
            "BZPOPMIN",
            "BZPOPMAX",
            "BZMPOP",
            "XREAD",
            "XREADGROUP",
        ],
        is: |_, ours, theirs| errors(ours, theirs, "ERR timeout is out of range", "ERR timeout is negative"),
    },
    // The same in milliseconds was taken for whatever came out of it.
    Known {
        commands: &["XREAD", "XREADGROUP"],
        is: |args, ours, _| {
            let longest = args.iter().any(|arg| arg == b"9223372036854775807");
            longest && ours.error().is_some_and(|error| error == "ERR timeout is out of range")
        },
    },
    // They were told what had become of what they waited for; now the command runs again, and says itself what it misses.
    Known {
        commands: &["XREADGROUP"],
        is: |_, ours, theirs| {
            let lost = [
                "UNBLOCKED the stream key no longer",
                "NOGROUP the consumer group this client was blocked on",
            ];
            lost.iter().any(|lost| errors(ours, theirs, "NOGROUP No such key", lost))
        },
    },
    // Small integers are shared, and have the age of the server.
    Known {
        commands: &["OBJECT"],
        is: |args, ours, theirs| {
            let asks = args.get(1).is_some_and(|arg| arg.eq_ignore_ascii_case(b"IDLETIME"));
            asks && matches!((ours, theirs), (Value::Int(ours), Value::Int(theirs)) if 0 <= *ours && ours < theirs)
        },
    },
    // A number of keys that is none is looked at by C's atoi in the end, to which "01" is 1, and which takes the lower half of a long
    // number. What is found so has no flags.
    Known {
        commands: &["COMMAND"],
        is: |args, ours, theirs| {
            let odd: [&[u8]; 6] = [b"01", b"+1", b" 1", b"1 ", b"1.5", b"-9223372036854775807"];
            let refused =
                ours.error().is_some_and(|error| error == "ERR Invalid arguments specified for command");
            let without_flags = |value: &Value| {
                let keys = value.items();
                !keys.is_empty()
                    && keys.iter().all(|key| key.items().get(1).is_some_and(|f| f.items().is_empty()))
            };
            args.iter().any(|arg| odd.contains(&arg.as_slice())) && (refused || without_flags(theirs))
        },
    },
    // Arguments are read before the key is looked up, in the order in which they stand, and BITCOUNT needs no end: as in Valkey 8.
    Known {
        commands: &["BITCOUNT", "BITPOS"],
        is: |args, ours, theirs| {
            let refused = ["ERR syntax error", "ERR value is not an integer or out of range"];
            let without_end = args.len() == 3 && theirs.error().is_some_and(|error| error == refused[0]);
            without_end || ours.error().is_some_and(|error| refused.contains(&&*error))
        },
    },
    // Where no sequence number is left, theirs does not say why, and takes the reason of whatever failed before.
    Known {
        commands: &["XADD"],
        is: |args, ours, theirs| {
            let smaller = "ERR The ID specified in XADD is equal or smaller";
            args.iter().any(|arg| arg.ends_with(b"-*"))
                && errors(ours, theirs, smaller, "ERR Elements are too large")
        },
    },
    // 7.2 looks at what was deleted, too, and first.
    Known {
        commands: &["XSETID"],
        is: |_, ours, theirs| {
            let [ours_start, theirs_start] = ["current max_deleted_entry_id", "the target stream top item"]
                .map(|than| format!("ERR The ID specified in XSETID is smaller than {than}"));
            errors(ours, theirs, &ours_start, &theirs_start)
        },
    },
    // A rank that has no opposite is refused.
    Known {
        commands: &["LPOS"],
        is: |args, ours, _| {
            args.iter().any(|arg| arg == b"-9223372036854775808")
                && ours
                    .error()
                    .is_some_and(|error| error.starts_with("ERR value is out of range, value must"))
        },
    },
];

/// Whether somebody who has waited was served otherwise for a reason that is known. 7.2 runs the command again as soon as one of
/// its keys is ready, and finds what the others are by then; 7.0 looks at the one key only.
pub(crate) fn served_otherwise(args: &[Vec<u8>], ours: &Value, theirs: &Value) -> bool {
    let reads = args[0].starts_with(b"XREAD");
    let streams = |value: &Value| match value {
        Value::Map(streams) => streams.len(),
        other => other.items().len(),
    };
    let wrong_type = ours.error().is_some_and(|error| error.starts_with("WRONGTYPE"));
    let first = |value: &Value| value.items().into_iter().next();
    let other_key =
        !reads && first(ours).is_some() && first(theirs).is_some() && first(ours) != first(theirs);
    wrong_type || other_key || reads && streams(ours) > streams(theirs) && streams(theirs) == 1
}

/// Whether these are errors that begin so.
fn errors(ours: &Value, theirs: &Value, our_start: &str, their_start: &str) -> bool {
    let begins = |value: &Value, start: &str| value.error().is_some_and(|error| error.starts_with(start));
    begins(ours, our_start) && begins(theirs, their_start)
}

/// Whether two replies differ for a reason that is known.
pub(crate) fn known(args: &[Vec<u8>], ours: &Value, theirs: &Value) -> bool {
    let name = args.first().map(|name| name.to_ascii_uppercase()).unwrap_or_default();
    let applies = |known: &&Known| {
        known.commands.is_empty() || known.commands.iter().any(|command| command.as_bytes() == name)
    };
    KNOWN.iter().filter(applies).any(|known| (known.is)(args, ours, theirs))
}

/// Replies with scores as they would be if numbers were spelled with all their digits: 7.0 writes seventeen of them, 7.2 as many
/// as it takes to tell a number from all others. What is shorter than that is compared as it is.
pub(crate) fn with_plain_numbers(args: &[Vec<u8>], value: Value) -> Value {
    let name = args.first().map(|name| name.to_ascii_uppercase()).unwrap_or_default();
    let scored = [&b"Z"[..], b"BZ", b"GEO", b"EXEC"].iter().any(|prefix| name.starts_with(prefix));
    if scored { plain(value) } else { value }
}

fn plain(value: Value) -> Value {
    match value {
        Value::Bulk(text) => Value::Bulk(plain_number(text)),
        Value::Double(text) => Value::Double(plain_number(text)),
        Value::Array(items) => Value::Array(items.into_iter().map(plain).collect()),
        Value::Map(pairs) => Value::Map(pairs.into_iter().map(|(k, v)| (plain(k), plain(v))).collect()),
        other => other,
    }
}

fn plain_number(text: Vec<u8>) -> Vec<u8> {
    let long = text.len() >= 17 || text.contains(&b'e');
    let number = std::str::from_utf8(&text).ok().filter(|_| long).and_then(|t| t.parse::<f64>().ok());
    match number.filter(|number| number.is_finite()) {
        Some(number) => number.to_string().into_bytes(),
        None => text,
    }
}
