//! How files look: how they open, how long they are, where unsafe code stands, and what is left out of all of them.
//! The two lists of exceptions give a reason for each, and an exception that is no longer needed is a complaint too.

use crate::Complaint;
use crate::source::Source;

/// A file of more lines does more than one thing.
const LINES_MAX: usize = 700;

/// Files that are longer all the same.
const LONG: &[(&str, &str)] = &[];

/// Files that may hold unsafe code: a measured gain, or a call that has no safe form. Each block in them has its argument.
const UNSAFE: &[(&str, &str)] = &[
    ("benches/native-module/src/series.rs", "redis-server calls a native module's type with plain pointers"),
    ("guest-sdk/macros/src/module.rs", "exports of a component have unsafe signatures"),
    ("guest-sdk/src/allocator.rs", "an allocator, at half the fuel of the usual one for small pieces"),
    ("guest-sdk/src/entry.rs", "takes a command's arguments from the server and hands it the reply"),
    ("runtime/src/artifact.rs", "machine code that this server compiled becomes a component again"),
    ("runtime/src/lend.rs", "a store's data is 'static, and the host of a command is a borrow"),
    (
        "runtime/src/linking/component.rs",
        "wasmtime takes only 'static answers from host functions, and copies them at once",
    ),
    (
        "runtime/src/linking/core.rs",
        "host functions that read their arguments as raw values, by the types that they declare",
    ),
    ("runtime/src/rlimit.rs", "limits of the compiler's process are calls of the system"),
    (
        "sample-modules/foul/src/exports.rs",
        "exports of a component have unsafe signatures, and its answers are its own",
    ),
    ("sample-modules/hostile/src/raw.rs", "attacks that safe Rust does not let anybody write"),
    ("server/src/allocator.rs", "jemalloc reads its settings from a symbol of the binary"),
    ("server/src/rusage.rs", "CPU times are a call of the system"),
    ("server/src/keyspace/block.rs", "what a table needs to know of the blocks that it owns by address"),
    (
        "server/src/keyspace/entry.rs",
        "a key with its value and expiry in one heap block: 89 bytes a key instead of 110",
    ),
    ("server/src/keyspace/entry_ref.rs", "the same block, as its readers see it"),
    (
        "server/src/keyspace/member.rs",
        "a member of a set with its length in one heap block: half of what an entry takes",
    ),
    ("server/src/keyspace/prefetch.rs", "a hint to the processor has no safe form"),
    ("server/src/keyspace/tests/table.rs", "a block of the tests' own"),
    (
        "server/src/keyspace/zset/large.rs",
        "the order of a sorted set has the addresses of its members: their bytes are in memory once",
    ),
    ("server/src/keyspace/zset/member.rs", "such an address"),
    ("server/src/keyspace/slots.rs", "a slot is one word, and the block's address is in it"),
    (
        "tests/preload/synced.rs",
        "stands in for calls of the C library, to note what a server has forced to disk",
    ),
];

/// What is wrong with this file by itself.
pub(crate) fn check(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    if source.is_rust() {
        complaints.extend(opening(source));
        complaints.extend(length(source, LONG));
        complaints.extend(unsafe_code(source, UNSAFE));
    }
    if source.path.ends_with("Cargo.lock") {
        complaints.extend(sources_of_crates(source));
    } else {
        complaints.extend(left_out(source));
    }
    complaints
}

/// Exceptions for files that are gone, or that need none.
pub(crate) fn stale_exceptions(sources: &[&Source]) -> Vec<Complaint> {
    let stale = |list: &[(&str, &str)], needs: fn(&Source) -> bool| -> Vec<Complaint> {
        let unneeded = |path: &str| !sources.iter().any(|source| source.path == path && needs(source));
        list.iter()
            .filter(|(path, _)| unneeded(path))
            .map(|(path, _)| Complaint {
                path: (*path).to_owned(),
                line: 1,
                text: "needs no exception in tests/tests/tidy/habits.rs any more".to_owned(),
            })
            .collect()
    };
    let mut complaints = stale(LONG, |source| length(source, &[]).is_some());
    complaints.extend(stale(UNSAFE, |source| unsafe_code(source, &[]).is_some()));
    complaints
}

fn opening(source: &Source) -> Option<Complaint> {
    // A fixture is input of a test, and may have to look like anything.
    let fixture = source.path.contains("/fixtures/");
    let first = source.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let says = first.strip_prefix("//!").is_some_and(|rest| !rest.trim().is_empty());
    (!fixture && !says).then(|| {
        Complaint::new(source, 1, "a file opens with `//!` and what it is, why it is so, and what it is not")
    })
}

fn length(source: &Source, exceptions: &[(&str, &str)]) -> Option<Complaint> {
    let lines = source.text.lines().count();
    let too_long = lines > LINES_MAX && !listed(exceptions, source);
    let text = format!("{lines} lines; past {LINES_MAX} a file does more than one thing: find the seam");
    too_long.then(|| Complaint::new(source, lines, text))
}

fn unsafe_code(source: &Source, exceptions: &[(&str, &str)]) -> Option<Complaint> {
    let words = source.words();
    let word = words.iter().find(|word| word.text == "unsafe")?;
    let text = "unsafe code stands only in files that tests/tests/tidy/habits.rs lists with a reason, each small and \
                with the argument for its soundness above every block";
    (!listed(exceptions, source)).then(|| Complaint::new(source, word.line, text))
}

fn listed(exceptions: &[(&str, &str)], source: &Source) -> bool {
    exceptions.iter().any(|(path, _)| *path == source.path)
}

/// Texts that no file holds. In two pieces each, so that this one does not hold them either.
const LEFT_OUT: &[(&str, &str, &str)] = &[
    ("TO", "DO", "do it now, or write down in docs/ what is absent and why"),
    ("FIX", "ME", "fix it now"),
    ("XX", "X", "say what you mean"),
    ("/wo", "rk/", "a path of one machine says nothing on another"),
    ("/ro", "ot/", "a path of one machine says nothing on another"),
    ("/ho", "me/", "a path of one machine says nothing on another"),
    ("index.cra", "tes.io", "where packages come from is a matter of the machine"),
    ("static.cra", "tes.io", "where packages come from is a matter of the machine"),
    ("registry.np", "mjs.org", "where packages come from is a matter of the machine"),
    ("py", "pi.org", "where packages come from is a matter of the machine"),
    ("files.python", "hosted.org", "where packages come from is a matter of the machine"),
];

fn left_out(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (number, line) in source.text.lines().enumerate() {
        for (head, tail, why) in LEFT_OUT {
            if holds(line, &format!("{head}{tail}")) {
                complaints.push(Complaint::new(source, number + 1, format!("holds `{head}{tail}`: {why}")));
            }
        }
    }
    complaints
}

/// Whether `line` holds `text`, not as a part of a longer word.
fn holds(line: &str, text: &str) -> bool {
    let part_of_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(text).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + text.len()..].chars().next();
        let word = text.starts_with(|c: char| c.is_alphanumeric());
        !(word && (part_of_word(before) || part_of_word(after)))
    })
}

/// A lock file names one registry, the public one.
fn sources_of_crates(source: &Source) -> Vec<Complaint> {
    const PUBLIC: &str = r#"source = "registry+https://github.com/rust-lang/crates.io-index""#;
    let lines = source.text.lines().enumerate();
    let strange = lines.filter(|(_, line)| line.starts_with("source = ") && *line != PUBLIC);
    strange
        .map(|(number, line)| {
            Complaint::new(source, number + 1, format!("{line} is not the public registry"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> Vec<usize> {
        check(&Source::fake(path, text)).iter().map(|complaint| complaint.line).collect()
    }

    #[test]
    fn a_file_says_what_it_is() {
        assert_eq!(complaints("a/src/b.rs", "use std::fmt;\n"), [1]);
        assert_eq!(complaints("a/src/b.rs", "//!\nuse std::fmt;\n"), [1]);
        assert_eq!(complaints("a/src/b.rs", "\n//! Formats.\nuse std::fmt;\n"), []);
        assert_eq!(complaints("a/fixtures/b.rs", "use std::fmt;\n"), []);
    }

    #[test]
    fn a_file_ends_in_time() {
        assert_eq!(complaints("a/src/b.rs", &"//! Long.\n".repeat(LINES_MAX)), []);
        assert_eq!(complaints("a/src/b.rs", &"//! Long.\n".repeat(LINES_MAX + 1)), [LINES_MAX + 1]);
    }

    #[test]
    fn unsafe_code_is_found_wherever_it_is_not_listed() {
        let text = "//! Sharp.\nfn f() {\n    unsafe { g() }\n}\n";
        assert_eq!(complaints("a/src/b.rs", text), [3]);
        assert_eq!(complaints("a/src/b.rs", "//! No unsafe code.\n#![forbid(unsafe_code)]\n"), []);
        let source = Source::fake("a/src/b.rs", text);
        assert_eq!(unsafe_code(&source, &[("a/src/b.rs", "measured")]), None);
    }

    #[test]
    fn what_is_left_out_is_found() {
        for (head, tail, _) in LEFT_OUT {
            let text = format!("one line\nand {head}{tail} here");
            assert_eq!(complaints("docs/a.md", &text), [2], "{head}{tail}");
        }
        assert_eq!(complaints("docs/a.md", &format!("{}DOS and {}DO_LIST", "TO", "TO")), []);
    }

    #[test]
    fn a_lock_file_names_the_public_registry() {
        let strange = "source = \"registry+https://example.com/index\"";
        assert_eq!(complaints("Cargo.lock", &format!("[[package]]\n{strange}\n")), [2]);
        let public = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
        assert_eq!(complaints("Cargo.lock", &format!("[[package]]\n{public}\n")), []);
    }
}
