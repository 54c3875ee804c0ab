//! How COMMAND INFO and COMMAND DOCS tell of a command: the shapes that clients and redis-cli know from redis-server 7.0.
//! What is told is in the command table; `syntax` reads its lines.

use crate::acl::category::CATEGORIES;
use crate::net::reply::{Aggregate, ReplyWriter};

use super::spec::{Access, Find, Flags, KeySpec};
use super::syntax::{self, Argument, Kind};
use super::table::Command;

/// The array of COMMAND INFO.
pub(super) fn write_info(command: &Command, reply: &mut ReplyWriter) {
    let positions = Positions::of(&command.keys);
    reply.array_header(10);
    reply.bulk(&command.name);
    reply.integer(i64::from(command.arity));
    let movable = if positions.incomplete { Flags::MOVABLE_KEYS } else { Flags::NONE };
    let flags: Vec<_> = (command.flags | movable).names().collect();
    write_words(&flags, "", reply);
    for position in [positions.first, positions.last, positions.step] {
        reply.integer(position);
    }
    let mut categories: Vec<&str> = command.categories.iter().map(String::as_str).collect();
    // Those that modules have follow.
    let rank = |name: &&str| CATEGORIES.iter().position(|known| known == name).unwrap_or(CATEGORIES.len());
    categories.sort_by_key(rank);
    write_words(&categories, "@", reply);
    reply.set_header(command.tips.len());
    command.tips.iter().for_each(|tip| reply.bulk(tip));
    reply.set_header(command.keys.len());
    command.keys.iter().for_each(|spec| write_key_spec(spec, reply));
    if command.subcommands.is_empty() {
        reply.set_header(0);
    } else {
        reply.array_header(command.subcommands.len());
        command.subcommands.values().for_each(|sub| write_info(sub, reply));
    }
}

/// A set of status lines, each with something before it.
fn write_words(words: &[&str], prefix: &str, reply: &mut ReplyWriter) {
    reply.set_header(words.len());
    words.iter().for_each(|word| reply.simple(format!("{prefix}{word}")));
}

/// What is done to a key, in words.
pub(super) fn access_flags(access: Access, reply: &mut ReplyWriter) {
    let names = Access::NAMES.iter().filter(|(flag, _)| access.has(*flag));
    write_words(&names.map(|(_, name)| *name).collect::<Vec<_>>(), "", reply);
}

/// The older way of saying where keys are: the first, the last, and the step between them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Positions {
    first: i64,
    last: i64,
    step: i64,
    /// There are keys elsewhere too.
    incomplete: bool,
}

impl Positions {
    fn of(specs: &[KeySpec]) -> Self {
        if let [KeySpec { find: Find::Range { first, last, step }, .. }] = specs {
            return Self { first: *first as i64, last: *last as i64, step: *step as i64, incomplete: false };
        }
        let mut positions = Self::default();
        for spec in specs {
            match spec.find {
                Find::Range { first, last, step: 1 }
                    if positions.first == 0 || positions.last == first as i64 - 1 =>
                {
                    if positions.first == 0 {
                        positions.first = first as i64;
                    }
                    positions.last = last as i64;
                    positions.step = 1;
                }
                _ => positions.incomplete = true,
            }
        }
        positions
    }
}

fn write_key_spec(spec: &KeySpec, reply: &mut ReplyWriter) {
    if spec.notes.is_empty() {
        reply.map_header(3);
    } else {
        reply.map_header(4);
        reply.bulk("notes");
        reply.bulk(spec.notes);
    }
    reply.bulk("flags");
    access_flags(spec.access, reply);
    reply.bulk("begin_search");
    match spec.find {
        Find::Range { first, .. } => write_search("index", &[("index", first as i64)], reply),
        // The keys are counted from the number on.
        Find::Count { count, .. } => write_search("index", &[("index", count as i64)], reply),
        Find::Keyword { word, from } => write_keyword(word, from as i64, reply),
        Find::Streams { from } => write_keyword("STREAMS", from as i64, reply),
        // Looked for from the end, by those who cannot skip what an option is followed by.
        Find::Trailing { word, .. } => write_keyword(word, -2, reply),
        Find::Derived | Find::SortStore => write_search("unknown", &[], reply),
    }
    reply.bulk("find_keys");
    let range_of = |last, step, limit| [("lastkey", last), ("keystep", step), ("limit", limit)];
    let range = |last: i64, step: i64| range_of(last, step, 0);
    match spec.find {
        Find::Range { first, last, step } => {
            let last = if last < 0 { last as i64 } else { last as i64 - first as i64 };
            write_search("range", &range(last, step as i64), reply);
        }
        Find::Count { count, first, step } => write_search(
            "keynum",
            &[("keynumidx", 0), ("firstkey", first as i64 - count as i64), ("keystep", step as i64)],
            reply,
        ),
        Find::Keyword { .. } => write_search("range", &range(0, 1), reply),
        // The half of them.
        Find::Streams { .. } => write_search("range", &range_of(-1, 1, 2), reply),
        Find::Trailing { .. } => write_search("range", &range(-1, 1), reply),
        Find::Derived | Find::SortStore => write_search("unknown", &[], reply),
    }
}

fn write_keyword(word: &str, from: i64, reply: &mut ReplyWriter) {
    reply.map_header(2);
    reply.bulk("type");
    reply.bulk("keyword");
    reply.bulk("spec");
    reply.map_header(2);
    reply.bulk("keyword");
    reply.bulk(word);
    reply.bulk("startfrom");
    reply.integer(from);
}

fn write_search(kind: &str, numbers: &[(&str, i64)], reply: &mut ReplyWriter) {
    reply.map_header(2);
    reply.bulk("type");
    reply.bulk(kind);
    reply.bulk("spec");
    reply.map_header(numbers.len());
    for (name, value) in numbers {
        reply.bulk(name);
        reply.integer(*value);
    }
}

/// A map that grows while it is written.
struct Map<'r> {
    reply: &'r mut ReplyWriter,
    header: crate::net::reply::Deferred,
    len: usize,
}

impl<'r> Map<'r> {
    fn begin(reply: &'r mut ReplyWriter) -> Self {
        let header = reply.deferred(Aggregate::Map);
        Self { reply, header, len: 0 }
    }

    /// A name; its value is written next.
    fn name(&mut self, name: &str) -> &mut ReplyWriter {
        self.len += 1;
        self.reply.bulk(name);
        self.reply
    }

    /// A text, unless there is none.
    fn text(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.name(name).bulk(value);
        }
    }

    fn end(self) {
        self.reply.set_deferred(self.header, self.len);
    }
}

/// The map of COMMAND DOCS.
pub(super) fn write_docs(command: &Command, reply: &mut ReplyWriter) {
    let docs = &command.docs;
    let mut map = Map::begin(reply);
    map.text("summary", &docs.summary);
    map.text("since", &docs.since);
    map.text("group", &docs.group);
    map.text("complexity", &docs.complexity);
    if let Some(module) = command.run.module() {
        map.text("module", &module.name);
    }
    // A module's line may be no line at all; then nobody knows its arguments.
    let arguments = syntax::parse(&docs.syntax).unwrap_or_default();
    if !arguments.is_empty() {
        let mut keys = KeyIndex { specs: command.keys.len(), next: 0 };
        write_arguments(&arguments, &mut keys, map.name("arguments"));
    }
    if !command.subcommands.is_empty() {
        let reply = map.name("subcommands");
        reply.map_header(command.subcommands.len());
        for sub in command.subcommands.values() {
            reply.bulk(&sub.name);
            write_docs(sub, reply);
        }
    }
    map.end();
}

/// Which key spec the next argument that is a key belongs to.
struct KeyIndex {
    specs: usize,
    next: usize,
}

fn write_arguments(arguments: &[Argument], keys: &mut KeyIndex, reply: &mut ReplyWriter) {
    reply.array_header(arguments.len());
    arguments.iter().for_each(|argument| write_argument(argument, keys, reply));
}

fn write_argument(argument: &Argument, keys: &mut KeyIndex, reply: &mut ReplyWriter) {
    let mut map = Map::begin(reply);
    // What is called like a key is none where the command declares none.
    let kind = if argument.kind == Kind::Key && keys.specs == 0 { Kind::String } else { argument.kind };
    map.text("name", &argument.name);
    map.text("type", kind.name());
    if kind == Kind::Key {
        map.name("key_spec_index").integer(keys.next as i64);
        keys.next = (keys.next + 1).min(keys.specs - 1);
    }
    if let Some(token) = &argument.token {
        map.name("token").bulk(token);
    }
    let flags = [
        (argument.optional, "optional"),
        (argument.multiple, "multiple"),
        (argument.multiple_token, "multiple_token"),
    ];
    let flags: Vec<_> = flags.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
    if !flags.is_empty() {
        write_words(&flags, "", map.name("flags"));
    }
    if !argument.arguments.is_empty() {
        write_arguments(&argument.arguments, keys, map.name("arguments"));
    }
    map.end();
}

#[cfg(test)]
mod tests {
    use super::super::spec::{access, key, keys};
    use super::*;

    #[test]
    fn positions_cover_what_they_can() {
        let count =
            KeySpec { access: access::READ, find: Find::Count { count: 2, first: 3, step: 1 }, notes: "" };
        for (specs, expected) in [
            (&[][..], (0, 0, 0, false)),
            (&[key(1, access::READ)], (1, 1, 1, false)),
            (&[keys(1, -1, 2, access::OVERWRITE)], (1, -1, 2, false)),
            (&[key(1, access::OVERWRITE), key(2, access::READ)], (1, 2, 1, false)),
            (&[key(1, access::OVERWRITE), keys(2, -1, 1, access::READ)], (1, -1, 1, false)),
            (&[key(1, access::OVERWRITE), count], (1, 1, 1, true)),
            (&[count], (0, 0, 0, true)),
        ] {
            let found = Positions::of(specs);
            assert_eq!((found.first, found.last, found.step, found.incomplete), expected);
        }
    }
}
