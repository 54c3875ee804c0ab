//! Every transcript in tests/transcripts, in RESP2 and RESP3. See README.md there for how to write one.

use sandkey_tests::transcript::{Run, Transcript};
use sandkey_tests::{Protocol, paths};
use std::path::PathBuf;

/// The ways in which a transcript is run.
const RUNS: [Run; 3] = [Run::Fresh, Run::AfterAof, Run::AfterRdb];

fn path(name: &str) -> PathBuf {
    paths::workspace().join("tests/transcripts").join(format!("{name}.txt"))
}

fn all() -> Vec<String> {
    let dir = paths::workspace().join("tests/transcripts");
    let entries = std::fs::read_dir(&dir).expect("the transcripts are there");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("the directory can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

fn run(name: &str) {
    let transcript = Transcript::load(&path(name));
    for run in RUNS {
        for protocol in Protocol::BOTH {
            transcript.run(protocol, run);
        }
    }
}

macro_rules! transcripts {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            run(stringify!($name));
        })*

        #[test]
        fn no_transcript_is_forgotten() {
            assert_eq!(all(), [$(stringify!($name)),*], "the list in tests/transcripts.rs, in order");
        }
    };
}

transcripts! {
    bitmaps,
    connection,
    dump,
    field_expiry,
    geo,
    groups,
    hashes,
    hyperloglogs,
    keys,
    lists,
    monitor,
    pubsub,
    server,
    sets,
    sort,
    streams,
    strings,
    transactions,
    zsets,
}

/// For those who write transcripts: puts redis-server's replies where a file has none. Name files in `SANDKEY_FILL`.
#[test]
#[ignore = "writes into the source tree"]
fn fill() {
    let names = std::env::var("SANDKEY_FILL").expect("SANDKEY_FILL has the transcripts' names");
    for name in names.split(',') {
        let transcript = Transcript::load(&path(name));
        let mut server = sandkey_tests::Peer::redis(&transcript.server_args());
        transcript.fill(&mut server).expect("the file can be written");
    }
}
