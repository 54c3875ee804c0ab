//! Which arguments of a command are keys or channels, and what the command does to each, as permissions need it: more
//! exactly than key specs tell it, which describe a command for whatever arguments it may get.
//! What a command locks is in `lock_plan`, which may take too much where this must not.

use crate::net::argv::Argv;

use super::args;
use super::introspection::access_of;
use super::lock_plan;
use super::spec::{Access, Find, Flags, access};
use super::table::Command;

/// Call `f` with position, bytes and access of every key among the arguments.
pub fn for_each_key<'b>(command: &Command, argv: Argv<'b>, mut f: impl FnMut(usize, &'b [u8], Access)) {
    match command.name.as_str() {
        "migrate" => return for_each_migrated(command, argv, f),
        "sort" => return for_each_sorted(argv, f),
        _ => {}
    }
    // A count that does not fit is a syntax error of the command, and none of what follows it is a key. A module may read
    // its arguments in another way, so there whatever may be a key counts as one.
    if !command.flags.has(Flags::MODULE) && command.keys.iter().any(|spec| !counts_fit(&spec.find, argv)) {
        return;
    }
    for spec in command.keys.iter().filter(|spec| !spec.access.has(Access::NOT_KEY)) {
        let access = access_of(&command.name, spec.access, argv);
        lock_plan::for_each_key(std::slice::from_ref(spec), argv, |position, key| f(position, key, access));
    }
}

/// Whether there are as many keys as a number among the arguments says.
fn counts_fit(find: &Find, argv: Argv<'_>) -> bool {
    let Find::Count { count, first, step } = *find else { return true };
    let keys = argv.get(count).and_then(args::parse_i64).and_then(|keys| usize::try_from(keys).ok());
    let fits = |keys: usize| {
        keys.checked_mul(step).and_then(|span| span.checked_add(first)).is_some_and(|end| end <= argv.len())
    };
    keys.is_some_and(fits)
}

/// MIGRATE: one key, or those after KEYS if the key is empty. AUTH may be followed by a password that is this word.
fn for_each_migrated<'b>(command: &Command, argv: Argv<'b>, mut f: impl FnMut(usize, &'b [u8], Access)) {
    let Some(only) = argv.get(3) else { return };
    let access = command.keys.first().map_or(access::MODIFY, |spec| spec.access);
    let mut at = 6;
    while at < argv.len() {
        let word = argv.at(at);
        if args::is(word, "KEYS") && only.is_empty() {
            return (at + 1..argv.len()).for_each(|position| f(position, argv.at(position), access));
        }
        at += match word {
            word if args::is(word, "AUTH") => 2,
            word if args::is(word, "AUTH2") => 3,
            _ => 1,
        };
    }
    f(3, only, access);
}

/// SORT: the key, and the last one that STORE names.
fn for_each_sorted<'b>(argv: Argv<'b>, mut f: impl FnMut(usize, &'b [u8], Access)) {
    let Some(sorted) = argv.get(1) else { return };
    f(1, sorted, access::READ);
    let (mut at, mut stored) = (2, None);
    while at < argv.len() {
        at += match argv.at(at) {
            word if args::is(word, "LIMIT") => 3,
            word if args::is(word, "GET") || args::is(word, "BY") => 2,
            word if args::is(word, "STORE") && at + 1 < argv.len() => {
                stored = Some(at + 1);
                2
            }
            _ => 1,
        };
    }
    if let Some(position) = stored {
        f(position, argv.at(position), access::OVERWRITE);
    }
}

/// Which arguments are channels that a message is sent to or comes from.
pub fn channels(command: &Command, argv: Argv<'_>) -> Option<std::ops::Range<usize>> {
    match command.name.as_str() {
        "subscribe" | "ssubscribe" | "psubscribe" => Some(1..argv.len()),
        "publish" | "spublish" => Some(1..argv.len().min(2)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::argv::OwnedArgv;

    #[test]
    fn sort_reads_one_key_and_writes_the_last_that_it_stores_to() {
        for (line, keys) in [
            ("SORT a", &["a"][..]),
            ("SORT a BY w_* GET # LIMIT 0 5 DESC", &["a"]),
            ("SORT a STORE b store c", &["a", "c"]),
            ("SORT a GET store LIMIT 0 store BY store ALPHA", &["a"]),
            ("SORT a STORE", &["a"]),
        ] {
            let argv: OwnedArgv = line.split(' ').collect();
            let mut found = Vec::new();
            for_each_sorted(argv.as_argv(), |position, key, access| {
                assert_eq!(argv.as_argv().at(position), key);
                assert_eq!(access, if position == 1 { access::READ } else { access::OVERWRITE });
                found.push(String::from_utf8_lossy(key).into_owned());
            });
            assert_eq!(found, keys, "{line}");
        }
    }
}
