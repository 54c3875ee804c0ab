//! CONFIG GET and CONFIG SET, directive by directive.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::command_line::{self, Invocation};
use super::super::kind::{Kind, Unit};
use super::super::store::{Caller, ConfigStore};
use super::super::table::{Flags, directives};
use super::{OTHER_DEFAULTS, Redis, Reply, show};

/// Our store, started with the arguments that the judge was started with.
fn ours(folder: &Path) -> ConfigStore {
    let args = ["--port", "0", "--unixsocket", "redis.sock"].map(|arg| arg.as_bytes().to_vec());
    let invocation = command_line::read(&args, folder, &mut std::io::empty()).expect("good arguments");
    let Invocation::Run(startup) = invocation else { panic!("it asks to run") };
    ConfigStore::new(startup.config, startup.config_file)
}

/// The names that redis-server 7.0 does not have: those of later versions, those of Valkey, and our own.
const NOT_IN_7_0: &[&str] = &[
    "aof-rewrite-cpulist",
    "availability-zone",
    "bgsave-cpulist",
    "bio-cpulist",
    "cluster-announce-client-ipv4",
    "cluster-announce-client-ipv6",
    "cluster-announce-human-nodename",
    "cluster-blacklist-ttl",
    "cluster-slot-stats-enabled",
    "dual-channel-replication-enabled",
    "events-per-io-thread",
    "extended-redis-compatibility",
    "hide-user-data-from-log",
    "locale-collate",
    "max-new-connections-per-cycle",
    "max-new-tls-connections-per-cycle",
    "metrics-bind",
    "metrics-port",
    "module-cache-dir",
    "module-compile-memory",
    "module-compile-time-limit",
    "module-file-max-size",
    "module-fuel",
    "module-fuel-rate",
    "module-memory",
    "prefetch-batch-max-size",
    "primaryauth",
    "primaryuser",
    "server-cpulist",
    "set-max-listpack-entries",
    "set-max-listpack-value",
    "unixsocketgroup",
    "worker-threads",
];

#[test]
fn config_get_shows_what_redis_shows() {
    let mut redis = Redis::start(&[]);
    let ours = ours(redis.folder());
    let text = |pairs: Vec<(Vec<u8>, Vec<u8>)>| -> BTreeMap<String, String> {
        pairs.into_iter().map(|(name, value)| (show(&name), show(&value))).collect()
    };
    let mut theirs = text(redis.config_get(&["*"]));
    let mut mine = text(ours.get(&["*"], Caller::default()));
    for name in NOT_IN_7_0 {
        assert!(mine.remove(*name).is_some(), "{name} is listed as ours, but not there");
    }
    for (name, value) in OTHER_DEFAULTS {
        assert_eq!(mine.remove(*name).as_deref(), Some(*value), "{name} is listed with this default");
        assert_ne!(theirs.remove(*name).as_deref(), Some(*value), "{name} is listed as another default");
    }
    assert_eq!(mine, theirs);
}

#[test]
fn config_get_answers_like_redis() {
    let mut redis = Redis::start(&[]);
    let ours = ours(redis.folder());
    for patterns in [
        &["PORT"][..],
        &["port", "PORT", "por?"],
        &["key-load-delay"],
        &["key-load-*"],
        &["SLAVE-PRIORITY", "replica-priority"],
        &["slave*", "MAXmem*"],
        &["[d]ir", "nothing", "no*hing"],
        &["watchdog-period", "*-period"],
    ] {
        let mut theirs = redis.config_get(patterns);
        let mut mine = ours.get(patterns, Caller::default());
        theirs.sort();
        mine.sort();
        assert_eq!(mine, theirs, "{patterns:?}");
    }
}

/// Directives that are not set at the judge, or not to every value, each for a reason.
fn left_out(name: &str) -> bool {
    match name {
        // What the real server then does, we do elsewhere: listen, start a log of changes, hand out certificates.
        "port" | "bind" | "appendonly" => true,
        name if name.starts_with("tls-") => true,
        // The largest value is refused for the limits of the machine.
        "maxclients" => true,
        // A small limit disconnects the test itself, and a signal every millisecond stops the judge.
        "maxmemory-clients" | "watchdog-period" => true,
        // We say in our own words that it cannot be turned on.
        "activedefrag" => true,
        // 7.0 does not know the word `nothing`, 7.2 does.
        "loglevel" => true,
        // What cannot be set keeps its default, which is another one.
        name if OTHER_DEFAULTS.iter().any(|(other, _)| *other == name) => true,
        // Redis loses the letter `n` beside `A`.
        "notify-keyspace-events" => true,
        _ => false,
    }
}

/// Values to try for a directive: on both sides of each bound, and of other kinds.
fn candidates(kind: &Kind) -> Vec<String> {
    let mut values: Vec<String> =
        ["", "yes", "NO", "x", "1x", "1kb", " 1", "01", "-1", "5%", "a b", "0 0 0"].map(str::to_owned).into();
    match kind {
        Kind::Int(min, max, unit) => {
            // Beyond 64 bits Redis takes the remainder, and we refuse.
            for bound in [min - 1, *min, *max, (max + 1).min(u64::MAX.into())] {
                values.push(match unit {
                    Unit::Octal => format!("{bound:o}"),
                    _ => bound.to_string(),
                });
            }
        }
        Kind::Enum(words) | Kind::Flags(words) => {
            values.extend(words.iter().map(|(word, _)| word.to_ascii_uppercase()));
            values.extend(words.windows(2).map(|pair| format!("{} {}", pair[0].0, pair[1].0)));
        }
        Kind::Save => values.extend(["1 2", "1 2 3", "0 1", "1 -1", "1  2", "5 0 6 7"].map(str::to_owned)),
        Kind::OutputLimits => values.extend(
            [
                "normal 1 2 3",
                "slave 1kb 1k 3",
                "REPLICA 0 0 0",
                "master 0 0 0",
                "pubsub 1 2",
                "normal 1 2 -3",
            ]
            .map(str::to_owned),
        ),
        Kind::OomValues => {
            values.extend(["1 2 3", "-2000 0 2000", "-2001 0 0", "0 0 2001"].map(str::to_owned));
        }
        Kind::Percentiles => values.extend(["0 100", "1.5", "100.1", "-1", "1e1", "50 x"].map(str::to_owned)),
        _ => values.extend(["a/b", "name", "{title}", "{port} x", "ABC-1.d"].map(str::to_owned)),
    }
    values
}

#[test]
fn config_set_accepts_and_refuses_like_redis() {
    let mut redis = Redis::start(&[]);
    let ours = ours(redis.folder());
    // What may be set to the value that it has is immutable in Redis.
    let shared: Vec<_> = directives()
        .filter(|row| !NOT_IN_7_0.contains(&row.name) && !left_out(row.name))
        .filter(|row| !row.flags.has(Flags::FIXED))
        .collect();
    let mut tried = 0;
    for directive in shared {
        let unknown = redis.config_get(&[directive.name]).is_empty();
        let names =
            std::iter::once(directive.name).chain(directive.alias.filter(|name| !NOT_IN_7_0.contains(name)));
        for name in names.filter(|_| !unknown) {
            let before = redis.config_get(&[name]).remove(0).1;
            for value in candidates(&directive.kind) {
                let theirs = redis.call(&["CONFIG", "SET", name, &value]);
                let mine = match ours.set(&[(name, &value)], Caller::default()) {
                    Ok(_) => Reply::Text(b"OK".to_vec()),
                    Err(error) => Reply::Error(error.to_string()),
                };
                assert_eq!(mine, theirs, "CONFIG SET {name} '{value}'");
                let theirs = redis.config_get(&[name]);
                assert_eq!(ours.get(&[name], Caller::default()), theirs, "after CONFIG SET {name} '{value}'");
                tried += 1;
            }
            if !directive.flags.has(Flags::IMMUTABLE) && !directive.flags.has(Flags::PROTECTED) {
                let back = redis.call(&[b"CONFIG", &b"SET"[..], name.as_bytes(), &before]);
                assert_eq!(back, Reply::Text(b"OK".to_vec()), "{name} goes back");
                ours.set(&[(name.as_bytes(), &before)], Caller::default()).expect("ours goes back");
            }
        }
    }
    assert!(tried > 1_000, "only {tried} values were tried");
}

#[test]
fn config_set_of_several_fails_like_redis() {
    let mut redis = Redis::start(&[]);
    let ours = ours(redis.folder());
    for words in [
        &["hz", "5", "hz", "6"][..],
        &["hz", "5", "databases", "6", "foo", "1"],
        &["foo", "1", "databases", "6"],
        &["hz", "5", "maxmemory", "x"],
        &["HZ", "5", "Maxmemory", "x"],
        &["slave-priority", "1", "replica-priority", "2"],
        &["DBFILENAME", "x"],
        &["hz", "7", "timeout", "9"],
    ] {
        let mut call = vec!["CONFIG", "SET"];
        call.extend(words);
        let pairs: Vec<(&str, &str)> = words.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        let mine = match ours.set(&pairs, Caller::default()) {
            Ok(_) => Reply::Text(b"OK".to_vec()),
            Err(error) => Reply::Error(error.to_string()),
        };
        assert_eq!(mine, redis.call(&call), "{words:?}");
        for name in ["hz", "maxmemory", "replica-priority", "timeout"] {
            assert_eq!(
                ours.get(&[name], Caller::default()),
                redis.config_get(&[name]),
                "{name} after {words:?}"
            );
        }
    }
}
