//! SORT and SORT_RO: the elements of a list, a set or a sorted set in an order, which may be that of other keys, and what other keys have
//! for them.
//!
//! Patterns make names of keys out of elements. Which these are is known only when the elements have been read, so the command runs
//! again with their shards locked: for BY before anything is sorted, for GET when it is known which elements are answered.
//! Texts are compared byte by byte; redis-server does so in the locale "C".

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::command;
use crate::effects::notify::Class;
use crate::keyspace::{Collection, EntryRef, Key, List, Set, StringRef, Zset, key as key_hash};
use crate::net::argv::Argv;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::keys::Keys;
use super::spec::{Family, Find, KeySpec, access, key};
use super::string::reply_string;
use super::strtod;

const DERIVED: KeySpec = KeySpec { access: access::READ, find: Find::Derived, notes: "" }.with_notes(
    "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort",
);
const DESTINATION: KeySpec = KeySpec { access: access::OVERWRITE, find: Find::SortStore, notes: "" }.with_notes(
    "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument array",
);
const TYPES: &[&str] = &["set", "sortedset", "list", "dangerous"];

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "generic",
    commands: &[
        command!("SORT", -2, WRITE | OOM | MOVABLE_KEYS | FINDS_KEYS, [key(1, access::READ), DERIVED, DESTINATION], sort,
            "1.0.0", "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned elements. When the elements are not sorted, complexity is O(N).",
            "Sorts the elements of a list, a set or a sorted set, and answers or stores them.",
            "key [BY by-pattern:pattern] [LIMIT offset count] [GET get-pattern:pattern [GET get-pattern:pattern ...]] [ASC|DESC] [ALPHA] [STORE destination]",
            categories: TYPES),
        command!("SORT_RO", -2, READ | MOVABLE_KEYS | FINDS_KEYS, [key(1, access::READ), DERIVED], sort_ro,
            "7.0.0", "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned elements. When the elements are not sorted, complexity is O(N).",
            "Answers the sorted elements of a list, a set or a sorted set.",
            "key [BY by-pattern:pattern] [LIMIT offset count] [GET get-pattern:pattern [GET get-pattern:pattern ...]] [ASC|DESC] [ALPHA]",
            categories: TYPES),
    ],
};

/// What an element is replaced by.
#[derive(Clone, Copy)]
enum Pattern<'a> {
    /// `#`: the element itself.
    Element,
    /// A text without `*`, which no key is looked up for.
    Nothing,
    /// The string under a key, or a field of the hash there. The element stands between these.
    Key { before: &'a [u8], after: &'a [u8], field: Option<&'a [u8]> },
}

impl<'a> Pattern<'a> {
    fn parse(text: &'a [u8]) -> Self {
        if text == b"#" {
            return Pattern::Element;
        }
        let Some(star) = text.iter().position(|&byte| byte == b'*') else { return Pattern::Nothing };
        let (before, after) = (&text[..star], &text[star + 1..]);
        // An arrow with nothing behind it belongs to the name.
        match after.windows(2).position(|pair| pair == b"->").filter(|at| at + 2 < after.len()) {
            Some(at) => Pattern::Key { before, after: &after[..at], field: Some(&after[at + 2..]) },
            None => Pattern::Key { before, after, field: None },
        }
    }

    /// Writes the name of the key for an element. False if there is none.
    fn name(&self, element: &[u8], name: &mut Vec<u8>) -> bool {
        let Pattern::Key { before, after, .. } = self else { return false };
        name.clear();
        [before, element, after].into_iter().for_each(|part| name.extend_from_slice(part));
        true
    }

    /// What stands for an element. A key of another type is as good as none.
    fn value<'s>(
        &self,
        keys: &'s mut Keys<'_>,
        element: &'s [u8],
        name: &mut Vec<u8>,
    ) -> Result<Option<StringRef<'s>>, CommandError> {
        if matches!(self, Pattern::Element) {
            return Ok(Some(StringRef::Bytes(element)));
        }
        if !self.name(element, name) {
            return Ok(None);
        }
        let entry = keys.read(&Key::new(name))?;
        Ok(match self {
            Pattern::Key { field: Some(field), .. } => {
                entry.and_then(EntryRef::hash).and_then(|hash| hash.get(field))
            }
            _ => entry.and_then(EntryRef::string),
        })
    }
}

/// What stands behind the key.
#[derive(Default)]
struct Options<'a> {
    descending: bool,
    alpha: bool,
    offset: i64,
    count: Option<i64>,
    by: Option<Pattern<'a>>,
    /// Some BY has no `*`: the order is that of the value.
    unsorted: bool,
    get: Vec<Pattern<'a>>,
    store: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    /// `may_read` tells whether the client may read whatever keys the patterns name.
    fn parse(words: Argv<'a>, may_store: bool, may_read: bool) -> Result<Self, CommandError> {
        let mut parsed = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut argument = || words.next().ok_or(CommandError::Syntax);
            if args::is(word, "ASC") {
                parsed.descending = false;
            } else if args::is(word, "DESC") {
                parsed.descending = true;
            } else if args::is(word, "ALPHA") {
                parsed.alpha = true;
            } else if args::is(word, "LIMIT") {
                let (offset, count) = (argument()?, argument()?);
                (parsed.offset, parsed.count) = (args::integer(offset)?, Some(args::integer(count)?));
            } else if args::is(word, "STORE") && may_store {
                parsed.store = Some(argument()?);
            } else if args::is(word, "BY") {
                match Pattern::parse(argument()?) {
                    Pattern::Key { .. } if !may_read => return Err(denied("BY")),
                    pattern @ Pattern::Key { .. } => parsed.by = Some(pattern),
                    _ => parsed.unsorted = true,
                }
            } else if args::is(word, "GET") {
                let pattern = Pattern::parse(argument()?);
                if !may_read {
                    return Err(denied("GET"));
                }
                parsed.get.push(pattern);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(parsed)
    }

    /// Which of `len` elements are answered.
    fn window(&self, len: usize) -> std::ops::Range<usize> {
        let start = usize::try_from(self.offset.max(0)).unwrap_or(usize::MAX).min(len);
        let count = self.count.map_or(len, |count| usize::try_from(count).unwrap_or(len));
        start..start.saturating_add(count).min(len)
    }
}

fn denied(option: &str) -> CommandError {
    CommandError::err(format_args!("{option} option of SORT denied due to insufficient ACL permissions."))
}

/// Texts, one after the other in one buffer.
#[derive(Clone, Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn at(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }
}

/// The elements to be sorted, or those that are answered if they are not sorted.
#[derive(Default)]
struct Elements {
    texts: Texts,
    /// They have no order of their own.
    are_of_set: bool,
}

impl Elements {
    fn read(keys: &mut Keys<'_>, key: &Key<'_>, options: &mut Options<'_>) -> Result<Elements, CommandError> {
        let Some(entry) = keys.read(key)? else { return Ok(Elements::default()) };
        let (list, set, zset) = (List::of(entry), Set::of(entry), Zset::of(entry));
        let len = list.map(List::len).or(set.map(Set::len)).or(zset.map(Zset::len));
        let len = len.ok_or(CommandError::WrongType)?;
        if set.is_some() && options.unsorted && options.store.is_some() {
            // What is stored must be the same wherever the command is repeated.
            (options.unsorted, options.alpha, options.by) = (false, true, None);
        }
        let window = if options.unsorted { options.window(len) } else { 0..len };
        let reversed = options.unsorted && options.descending;
        let mut texts = Texts::default();
        if let Some(list) = list {
            if reversed {
                let range: Vec<&[u8]> = list.range(len - window.end..len - window.start).collect();
                range.iter().rev().for_each(|element| texts.push(element));
            } else {
                list.range(window).for_each(|element| texts.push(element));
            }
        } else if let Some(zset) = zset {
            let ranks = if reversed { len - window.end..len - window.start } else { window };
            zset.range(ranks, reversed).for_each(|(member, _)| texts.push(member));
        } else if let Some(set) = set {
            let mut digits = itoa::Buffer::new();
            let members = set.iter().skip(window.start).take(window.len());
            members.for_each(|member| texts.push(member.bytes(&mut digits)));
        }
        Ok(Elements { texts, are_of_set: set.is_some() })
    }
}

/// By what the elements are sorted.
enum Weights {
    Numbers(Vec<f64>),
    /// What other keys have for them.
    Texts(Vec<Option<Vec<u8>>>),
    /// They themselves.
    Elements,
}

/// A number as C's `strtod` reads one out of a C string: blanks may stand in front, and nothing at all is 0.
fn weight(text: &[u8]) -> Result<f64, CommandError> {
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    match &text[blanks..] {
        [] if blanks == 0 => Ok(0.0),
        text => strtod::number(text)
            .ok_or(CommandError::line("ERR One or more scores can't be converted into double")),
    }
}

impl Weights {
    fn find(keys: &mut Keys<'_>, elements: &Elements, options: &Options<'_>) -> Result<Self, CommandError> {
        let (texts, mut name) = (&elements.texts, Vec::new());
        let Some(by) = options.by else {
            if options.alpha {
                return Ok(Weights::Elements);
            }
            let numbers = (0..texts.len()).map(|index| weight(texts.at(index)));
            return Ok(Weights::Numbers(numbers.collect::<Result<_, _>>()?));
        };
        if options.alpha {
            let mut found = Vec::with_capacity(texts.len());
            for index in 0..texts.len() {
                found.push(by.value(keys, texts.at(index), &mut name)?.map(StringRef::to_vec));
            }
            return Ok(Weights::Texts(found));
        }
        // All keys are looked up before a text that is no number counts.
        let mut numbers = Vec::with_capacity(texts.len());
        for index in 0..texts.len() {
            numbers.push(match by.value(keys, texts.at(index), &mut name)? {
                None => Ok(0.0),
                Some(StringRef::Int(number)) => Ok(number as f64),
                Some(StringRef::Bytes(text)) => weight(text),
            });
        }
        Ok(Weights::Numbers(numbers.into_iter().collect::<Result<_, _>>()?))
    }

    /// Positions of the elements of the window, in order.
    fn sorted(&self, elements: &Elements, options: &Options<'_>) -> Vec<usize> {
        let texts = &elements.texts;
        let compare = |&a: &usize, &b: &usize| {
            let order = match self {
                Weights::Numbers(numbers) => {
                    let order = numbers[a].partial_cmp(&numbers[b]).unwrap_or(Ordering::Equal);
                    order.then_with(|| texts.at(a).cmp(texts.at(b)))
                }
                Weights::Texts(found) => found[a].cmp(&found[b]),
                Weights::Elements => texts.at(a).cmp(texts.at(b)),
            };
            let order = if options.descending { order.reverse() } else { order };
            // What is stored must be the same wherever the command is repeated: the members of a set come in another order there.
            let order =
                if elements.are_of_set { order.then_with(|| texts.at(a).cmp(texts.at(b))) } else { order };
            order.then(a.cmp(&b))
        };
        let mut positions: Vec<usize> = (0..texts.len()).collect();
        let window = options.window(positions.len());
        if window.end < positions.len() {
            positions.select_nth_unstable_by(window.end, compare);
            positions.truncate(window.end);
        }
        positions.sort_unstable_by(compare);
        positions.split_off(window.start)
    }
}

impl CommandContext<'_> {
    /// Make sure that the keys are locked which patterns make of elements. If they are not, the command has an error, and runs again with
    /// them locked: so this comes before anything is changed.
    fn need_keys<'e>(
        &mut self,
        patterns: &[Pattern<'_>],
        elements: &(impl Iterator<Item = &'e [u8]> + Clone),
    ) -> CommandResult {
        if self.keys.locked.is_all() {
            return Ok(());
        }
        let (mut missing, mut more, mut name) = (HashSet::new(), Vec::new(), Vec::new());
        for pattern in patterns.iter().filter(|pattern| matches!(pattern, Pattern::Key { .. })) {
            for element in elements.clone() {
                pattern.name(element, &mut name);
                let shard = self.tenant.keyspace.shard_of(key_hash::slot(&name));
                // One key is enough to have a shard locked.
                if self.keys.locked.shard_by_id(shard).is_none() && missing.insert(shard) {
                    more.push(name.as_slice().into());
                }
            }
        }
        if more.is_empty() {
            return Ok(());
        }
        // Below other commands it cannot run again; they have all keys locked.
        if !self.in_transaction && !self.keys.scratch.undo.is_active() {
            self.more_keys = more;
        }
        Err(CommandError::UndeclaredKey)
    }
}

/// Read, sort and answer or store.
fn run(ctx: &mut CommandContext<'_>, argv: Argv<'_>, may_store: bool) -> CommandResult {
    let may_read = ctx.may_use_all_keys(argv, access::READ);
    let mut options = Options::parse(argv.tail(2), may_store, may_read)?;
    let key = ctx.key_at(argv, 1);
    let elements = Elements::read(&mut ctx.keys, &key, &mut options)?;
    let texts = &elements.texts;
    let positions: Vec<usize> = if options.unsorted {
        (0..texts.len()).collect()
    } else {
        let all = (0..texts.len()).map(|index| texts.at(index));
        ctx.need_keys(options.by.as_slice(), &all)?;
        Weights::find(&mut ctx.keys, &elements, &options)?.sorted(&elements, &options)
    };
    let found = positions.iter().map(|&index| texts.at(index));
    ctx.need_keys(&options.get, &found)?;
    match options.store {
        None => answer(ctx, &options.get, found),
        Some(destination) => store(ctx, &options.get, found, destination),
    }
}

fn answer<'e>(
    ctx: &mut CommandContext<'_>,
    get: &[Pattern<'_>],
    found: impl ExactSizeIterator<Item = &'e [u8]>,
) -> CommandResult {
    ctx.reply.array_header(found.len().saturating_mul(get.len().max(1)));
    let mut name = Vec::new();
    for element in found {
        if get.is_empty() {
            ctx.reply.bulk(element);
        }
        for pattern in get {
            match pattern.value(&mut ctx.keys, element, &mut name)? {
                Some(value) => reply_string(ctx.reply, value),
                None => ctx.reply.null(),
            }
        }
    }
    Ok(())
}

fn store<'e>(
    ctx: &mut CommandContext<'_>,
    get: &[Pattern<'_>],
    found: impl Iterator<Item = &'e [u8]> + Clone,
    destination: &[u8],
) -> CommandResult {
    let limit = ctx.keys.thresholds.list_node;
    let list = if get.is_empty() {
        List::of_elements(found, limit)
    } else {
        let (mut values, mut name, mut digits) = (Texts::default(), Vec::new(), itoa::Buffer::new());
        for element in found {
            for pattern in get {
                let value = pattern.value(&mut ctx.keys, element, &mut name)?;
                values.push(value.map_or(&b""[..], |value| value.bytes(&mut digits)));
            }
        }
        List::of_elements((0..values.len()).map(|index| values.at(index)), limit)
    };
    let (key, len) = (ctx.key_of(destination), list.len());
    ctx.keys.store_result(&key, list, Class::LIST, "sortstore")?;
    // Redis counts a change for each element.
    ctx.keys.effects.dirty += (len as u64).saturating_sub(1);
    ctx.reply.integer(len as i64);
    Ok(())
}

/// `SORT key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC|DESC] [ALPHA] [STORE destination]` -- O(N+M*log(M)), N being
/// the number of elements and M of those that are answered. The elements, or what GET finds for each; with STORE how many.
fn sort(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    run(ctx, argv, true)
}

/// `SORT_RO key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC|DESC] [ALPHA]` -- as SORT, which this is without STORE.
fn sort_ro(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    run(ctx, argv, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_read_as_c_reads_them() {
        for (text, expected) in [
            ("", Some(0.0)),
            (" 1", Some(1.0)),
            ("\t\n\x0b\x0c\r-2.5", Some(-2.5)),
            ("0x10", Some(16.0)),
            ("1\0x", Some(1.0)),
            ("\0x", Some(0.0)),
            ("-inf", Some(f64::NEG_INFINITY)),
            (" ", None),
            ("1 ", None),
            ("nan", None),
            ("1e5000", None),
            ("1e-5000", None),
            ("x", None),
        ] {
            assert_eq!(weight(text.as_bytes()).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn patterns_make_names_of_elements() {
        for (pattern, name, field) in [
            ("w_*", Some("w_7"), None),
            ("*", Some("7"), None),
            ("w_*_x*", Some("w_7_x*"), None),
            ("h_*->f", Some("h_7"), Some("f")),
            ("h_*_x->f->g", Some("h_7_x"), Some("f->g")),
            ("h_*->", Some("h_7->"), None),
            ("a->b*", Some("a->b7"), None),
            ("#", None, None),
            ("no star", None, None),
            ("", None, None),
        ] {
            let parsed = Pattern::parse(pattern.as_bytes());
            let mut made = Vec::new();
            let is_key = parsed.name(b"7", &mut made);
            assert_eq!(is_key.then_some(made.as_slice()), name.map(str::as_bytes), "{pattern}");
            if let Pattern::Key { field: found, .. } = parsed {
                assert_eq!(found, field.map(str::as_bytes), "{pattern}");
            }
        }
    }

    #[test]
    fn windows_lie_within_the_elements() {
        for (offset, count, len, window) in [
            (0, None, 3, 0..3),
            (1, Some(1), 3, 1..2),
            (-5, Some(2), 3, 0..2),
            (2, Some(-1), 3, 2..3),
            (3, Some(1), 3, 3..3),
            (i64::MAX, Some(i64::MAX), 3, 3..3),
            (1, Some(i64::MAX), 3, 1..3),
            (i64::MIN, Some(i64::MIN), 3, 0..3),
            (0, Some(0), 3, 0..0),
            (0, Some(5), 0, 0..0),
        ] {
            let options = Options { offset, count, ..Options::default() };
            assert_eq!(options.window(len), window, "{offset} {count:?}");
        }
    }
}
