//! The arguments of a command, read out of the line that documents them, such as
//! `key value [NX|XX] [EX seconds|PX milliseconds|KEEPTTL] [field value [field value ...]]`.
//!
//! What is in brackets may be left out; `|` separates alternatives; capitals and signs are words that stand for
//! themselves, and what follows such a word is its value; a bracket that ends in `...` says that what stands before it may
//! be repeated. What is between `<` and `>` belongs together, as in `AGGREGATE <SUM|MIN|MAX>`, and may be repeated if it ends in
//! `...`. A name tells the type of a value (`seconds` is an integer), unless the type stands behind it: `id:integer`.
//! COMMAND DOCS, and with it the hints of redis-cli, come from here. Nothing here checks what a client sends.

/// The type of an argument, by the words of COMMAND DOCS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A key.
    Key,
    /// Any bytes.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Double,
    /// A pattern of names.
    Pattern,
    /// A point in time.
    UnixTime,
    /// A word that stands for itself.
    PureToken,
    /// One of several arguments.
    OneOf,
    /// Several arguments that belong together.
    Block,
}

impl Kind {
    /// The word of COMMAND DOCS.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Key => "key",
            Kind::String => "string",
            Kind::Integer => "integer",
            Kind::Double => "double",
            Kind::Pattern => "pattern",
            Kind::UnixTime => "unix-time",
            Kind::PureToken => "pure-token",
            Kind::OneOf => "oneof",
            Kind::Block => "block",
        }
    }

    /// The type that a name suggests.
    pub fn of_name(name: &str) -> Self {
        const INTEGERS: [&str; 31] = [
            "bit",
            "bytes",
            "client-id",
            "count",
            "cursor",
            "db",
            "decrement",
            "end",
            "fuel",
            "increment",
            "index",
            "index1",
            "index2",
            "length",
            "len",
            "limit",
            "maxage",
            "maxlen",
            "milliseconds",
            "min-match-len",
            "numkeys",
            "offset",
            "port",
            "position",
            "protover",
            "rank",
            "samples",
            "seconds",
            "start",
            "stop",
            "timeout",
        ];
        match name {
            "key" | "key1" | "key2" | "newkey" | "source" | "destination" => Kind::Key,
            "pattern" => Kind::Pattern,
            "score" | "min" | "max" | "longitude" | "latitude" | "radius" | "width" | "height" => {
                Kind::Double
            }
            name if name.starts_with("unix-time") => Kind::UnixTime,
            name if name.ends_with("-db") || name.ends_with("-per-second") => Kind::Integer,
            name if INTEGERS.contains(&name) => Kind::Integer,
            _ => Kind::String,
        }
    }

    /// The type that is written behind a name.
    fn of_suffix(suffix: &str) -> Option<Self> {
        const WRITTEN: [Kind; 6] =
            [Kind::Key, Kind::String, Kind::Integer, Kind::Double, Kind::Pattern, Kind::UnixTime];
        WRITTEN.into_iter().find(|kind| kind.name() == suffix)
    }
}

/// One argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// The word that announces it.
    pub token: Option<String>,
    /// It may be left out.
    pub optional: bool,
    /// It may be repeated.
    pub multiple: bool,
    /// The word that announces it is repeated with it.
    pub multiple_token: bool,
    /// Its parts or alternatives.
    pub arguments: Vec<Argument>,
}

impl Argument {
    fn new(name: String, kind: Kind) -> Self {
        Self {
            name,
            kind,
            token: None,
            optional: false,
            multiple: false,
            multiple_token: false,
            arguments: Vec::new(),
        }
    }

    /// A value.
    fn value(word: &str) -> Self {
        match word.rsplit_once(':').and_then(|(name, kind)| Some((name, Kind::of_suffix(kind)?))) {
            Some((name, kind)) => Self::new(name.to_owned(), kind),
            None => Self::new(word.to_owned(), Kind::of_name(word)),
        }
    }

    /// A word that stands for itself.
    fn pure_token(word: &str) -> Self {
        let word = word.trim_matches('"');
        let name = if word.is_empty() { "empty_string".to_owned() } else { word.to_ascii_lowercase() };
        Self { token: Some(word.to_ascii_uppercase()), ..Self::new(name, Kind::PureToken) }
    }

    /// Several in one: the argument itself if it is only one.
    fn combine(mut arguments: Vec<Argument>, kind: Kind) -> Option<Self> {
        if arguments.len() <= 1 {
            return arguments.pop();
        }
        let time = arguments.iter().any(|argument| argument.kind == Kind::UnixTime);
        let name = if kind == Kind::OneOf && time {
            "expiration".to_owned()
        } else {
            arguments.iter().map(|argument| argument.name.as_str()).collect::<Vec<_>>().join("_")
        };
        Some(Self { arguments, ..Self::new(name, kind) })
    }
}

/// The line cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

/// Read a line.
pub fn parse(line: &str) -> Result<Vec<Argument>, Unreadable> {
    let mut words = Words { rest: line };
    let group = read_group(&mut words, None, 0)?;
    if words.next().is_some() { Err(Unreadable) } else { Ok(arguments_of(&group)) }
}

/// How deep brackets may nest: a module's line comes from outside.
const DEPTH_MAX: usize = 16;

/// Cuts a line into brackets, bars and words.
struct Words<'l> {
    rest: &'l str,
}

impl<'l> Iterator for Words<'l> {
    type Item = &'l str;

    fn next(&mut self) -> Option<&'l str> {
        self.rest = self.rest.trim_start();
        let first = self.rest.chars().next()?;
        let is_sign = |c: char| matches!(c, '[' | ']' | '<' | '>' | '|');
        let end = if is_sign(first) {
            1
        } else {
            self.rest.find(|c: char| is_sign(c) || c.is_whitespace()).unwrap_or(self.rest.len())
        };
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(word)
    }
}

/// What stands between brackets, bars or the ends of the line.
#[derive(Debug)]
enum Node<'l> {
    Word(&'l str),
    Bar,
    /// In brackets.
    Group(Vec<Node<'l>>),
    /// Between `<` and `>`.
    Required(Vec<Node<'l>>),
}

/// What stands before the sign that closes it, or the end of the line.
fn read_group<'l>(
    words: &mut Words<'l>,
    close: Option<&str>,
    depth: usize,
) -> Result<Vec<Node<'l>>, Unreadable> {
    let mut nodes = Vec::new();
    while let Some(word) = words.next() {
        nodes.push(match word {
            "[" | "<" if depth == DEPTH_MAX => return Err(Unreadable),
            "[" => Node::Group(read_group(words, Some("]"), depth + 1)?),
            "<" => Node::Required(read_group(words, Some(">"), depth + 1)?),
            "]" | ">" if Some(word) == close => return Ok(nodes),
            "]" | ">" => return Err(Unreadable),
            "|" => Node::Bar,
            word => Node::Word(word),
        });
    }
    if close.is_some() { Err(Unreadable) } else { Ok(nodes) }
}

/// Whether a word stands for itself: it has no small letter.
fn is_token(word: &str) -> bool {
    !word.contains(|c: char| c.is_lowercase())
}

impl<'l> Node<'l> {
    fn token(&self) -> Option<&'l str> {
        match self {
            Node::Word(word) if is_token(word) && *word != "..." => Some(word),
            _ => None,
        }
    }

    /// Whether it is a word that does not stand for itself.
    fn is_plain(&self) -> bool {
        matches!(self, Node::Word(_)) && self.token().is_none()
    }

    fn is_group(&self) -> bool {
        matches!(self, Node::Group(_) | Node::Required(_))
    }

    /// What may be repeated, if this is a group that says so.
    fn repeated(&self) -> Option<&[Node<'l>]> {
        match self {
            Node::Group(nodes) | Node::Required(nodes) => match nodes.as_slice() {
                [repeated @ .., Node::Word("...")] => Some(repeated),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Whether bars separate everything between them, as in `EX seconds|PX milliseconds`, and not only the words beside
/// them, as in `key BEFORE|AFTER pivot`.
fn bars_are_wide(nodes: &[Node<'_>]) -> bool {
    nodes.iter().enumerate().filter(|(_, node)| matches!(node, Node::Bar)).any(|(at, _)| {
        let values = nodes[..at].iter().rev().take_while(|node| node.is_plain()).count();
        let announced = values > 0 && at > values && nodes[at - values - 1].token().is_some();
        let next = nodes.get(at + 1);
        let beside_group = [at.checked_sub(1).and_then(|before| nodes.get(before)), next];
        beside_group.into_iter().flatten().any(Node::is_group)
            || announced && next.is_some_and(|next| next.token().is_some())
    })
}

fn arguments_of(nodes: &[Node<'_>]) -> Vec<Argument> {
    if !bars_are_wide(nodes) {
        return sequence(nodes);
    }
    let alternatives = nodes.split(|node| matches!(node, Node::Bar));
    let alternatives = alternatives.filter_map(|nodes| Argument::combine(sequence(nodes), Kind::Block));
    Argument::combine(alternatives.collect(), Kind::OneOf).into_iter().collect()
}

fn sequence(nodes: &[Node<'_>]) -> Vec<Argument> {
    let mut arguments: Vec<Argument> = Vec::new();
    let mut at = 0;
    while at < nodes.len() {
        let bars = count_alternatives(&nodes[at..]);
        match &nodes[at] {
            _ if bars > 1 => {
                let words = (0..bars).map(|i| &nodes[at + 2 * i]);
                arguments.extend(alternatives(words, false));
                at += 2 * bars - 1;
            }
            node if node.token().is_some() => {
                let values = &nodes[at + 1..];
                let count = match values {
                    [Node::Required(_), ..] => 1,
                    _ => values.iter().position(|node| !is_value(node)).unwrap_or(values.len()),
                };
                arguments.push(announced(node.token().unwrap_or_default(), &values[..count]));
                at += 1 + count;
            }
            Node::Word(word) => {
                if *word != "..." {
                    arguments.push(Argument::value(word));
                }
                at += 1;
            }
            Node::Bar => at += 1,
            Node::Required(inner) => {
                let repeated = nodes[at].repeated();
                let inner = Argument::combine(arguments_of(repeated.unwrap_or(inner)), Kind::Block);
                let multiple = |inner: &Argument| inner.multiple || repeated.is_some();
                arguments.extend(inner.map(|inner| Argument { multiple: multiple(&inner), ..inner }));
                at += 1;
            }
            Node::Group(inner) => {
                match nodes[at].repeated() {
                    Some(repeated) => repeat(&mut arguments, arguments_of(repeated)),
                    None => {
                        let inner = Argument::combine(arguments_of(inner), Kind::Block);
                        arguments.extend(inner.map(|inner| Argument { optional: true, ..inner }));
                    }
                }
                at += 1;
            }
        }
    }
    arguments
}

/// How many words bars join at the beginning of `nodes`.
fn count_alternatives(nodes: &[Node<'_>]) -> usize {
    let joined = nodes.get(1..).unwrap_or_default().chunks_exact(2);
    1 + joined.take_while(|pair| matches!(pair, [Node::Bar, Node::Word(_)])).count()
}

/// Whether a node can belong to the value of the word before it.
fn is_value(node: &Node<'_>) -> bool {
    match node {
        Node::Word(_) => node.token().is_none(),
        Node::Bar => true,
        Node::Required(_) => false,
        Node::Group(_) => node
            .repeated()
            .is_some_and(|repeated| repeated.first().is_some_and(|first| first.token().is_none())),
    }
}

/// An argument that a word announces.
fn announced(token: &str, values: &[Node<'_>]) -> Argument {
    let bars = count_alternatives(values);
    let value = if bars > 1 && values.len() == 2 * bars - 1 {
        alternatives((0..bars).map(|i| &values[2 * i]), true)
    } else {
        Argument::combine(sequence(values), Kind::Block)
    };
    match value {
        None => Argument::pure_token(token),
        Some(value) => Argument { token: Some(token.to_owned()), ..value },
    }
}

/// One of several words. Those behind a word that announces them stand for themselves.
fn alternatives<'n, 'l: 'n>(words: impl Iterator<Item = &'n Node<'l>>, announced: bool) -> Option<Argument> {
    let arguments = words.filter_map(|node| match node {
        Node::Word(word) if announced || is_token(word) => Some(Argument::pure_token(word)),
        Node::Word(word) => Some(Argument::value(word)),
        _ => None,
    });
    Argument::combine(arguments.collect(), Kind::OneOf)
}

/// What was repeated may be: the arguments before are the same, and become one if they are several.
fn repeat(arguments: &mut Vec<Argument>, repeated: Vec<Argument>) {
    let start = arguments.len().saturating_sub(repeated.len());
    let block = if arguments[start..] == repeated[..] {
        Argument::combine(arguments.split_off(start), Kind::Block)
    } else {
        Argument::combine(repeated, Kind::Block).map(|block| Argument { optional: true, ..block })
    };
    arguments.extend(block.map(|block| Argument {
        multiple: true,
        multiple_token: block.token.is_some(),
        ..block
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The arguments in a short form: `name:type`, `TOKEN=` before, `?` optional, `+` multiple, parts in parentheses.
    fn short(arguments: &[Argument]) -> String {
        let one = |argument: &Argument| {
            let token = argument.token.as_ref().map(|token| format!("{token}=")).unwrap_or_default();
            let parts = match argument.arguments.as_slice() {
                [] => String::new(),
                parts => format!("({})", short(parts)),
            };
            let marks = [(argument.optional, "?"), (argument.multiple, "+"), (argument.multiple_token, "t")];
            let marks: String = marks.iter().filter(|(on, _)| *on).map(|(_, mark)| *mark).collect();
            format!("{token}{}:{}{parts}{marks}", argument.name, argument.kind.name())
        };
        arguments.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lines_are_read() {
        for (line, expected) in [
            ("", ""),
            ("key", "key:key"),
            ("key [key ...]", "key:key+"),
            ("[channel [channel ...]]", "channel:string?+"),
            (
                "key seconds [NX|XX]",
                "key:key seconds:integer nx_xx:oneof(NX=nx:pure-token XX=xx:pure-token)?",
            ),
            ("key field value [field value ...]", "key:key field_value:block(field:string value:string)+"),
            (
                "cursor [MATCH pattern] [COUNT count]",
                "cursor:integer MATCH=pattern:pattern? COUNT=count:integer?",
            ),
            (
                "[EX seconds|EXAT unix-time-seconds|KEEPTTL]",
                "expiration:oneof(EX=seconds:integer EXAT=unix-time-seconds:unix-time KEEPTTL=keepttl:pure-token)?",
            ),
            (
                "[SET x value|INCRBY x by:integer]",
                "x_value_x_by:oneof(SET=x_value:block(x:string value:string) INCRBY=x_by:block(x:string by:integer))?",
            ),
            (
                "key BEFORE|AFTER pivot",
                "key:key before_after:oneof(BEFORE=before:pure-token AFTER=after:pure-token) pivot:string",
            ),
            (
                "key id|$ [MKSTREAM]",
                "key:key id_$:oneof(id:string $=$:pure-token) MKSTREAM=mkstream:pure-token?",
            ),
            (
                "[TYPE normal|pubsub] [SKIPME yes|no]",
                "TYPE=normal_pubsub:oneof(NORMAL=normal:pure-token PUBSUB=pubsub:pure-token)? \
                 SKIPME=yes_no:oneof(YES=yes:pure-token NO=no:pure-token)?",
            ),
            (
                "path [CONFIG name value [CONFIG name value ...]] [ARGS args [args ...]]",
                "path:string CONFIG=name_value:block(name:string value:string)?+t ARGS=args:string?+",
            ),
            (
                "[protover [AUTH username password] [SETNAME clientname]]",
                "protover_username_password_clientname:block(protover:integer \
                 AUTH=username_password:block(username:string password:string)? SETNAME=clientname:string?)?",
            ),
            (
                "LIB-NAME libname|LIB-VER libver",
                "libname_libver:oneof(LIB-NAME=libname:string LIB-VER=libver:string)",
            ),
            ("port key|\"\"", "port:integer key_empty_string:oneof(key:key =empty_string:pure-token)"),
            ("member:key [id:integer]", "member:key id:integer?"),
            (
                "key <FROMMEMBER member|FROMLONLAT x y> [DESC]",
                "key:key member_x_y:oneof(FROMMEMBER=member:string FROMLONLAT=x_y:block(x:string y:string)) \
                 DESC=desc:pure-token?",
            ),
            (
                "<BYRADIUS radius <M|KM>|BYBOX width <height> <M|KM>> [REV]",
                "radius_m_km_width_height_m_km:oneof(radius_m_km:block(BYRADIUS=radius:double \
                 m_km:oneof(M=m:pure-token KM=km:pure-token)) width_height_m_km:block(BYBOX=width:double \
                 height:double m_km:oneof(M=m:pure-token KM=km:pure-token))) REV=rev:pure-token?",
            ),
            ("a|<[ID id]|b ...>", "a_id_b:oneof(a:string id_b:oneof(ID=id:string? b:string)+)"),
            (
                "[AGGREGATE <SUM|MIN>] [WITHSCORES]",
                "AGGREGATE=sum_min:oneof(SUM=sum:pure-token MIN=min:pure-token)? WITHSCORES=withscores:pure-token?",
            ),
            ("ip:port|[ID client-id]", "ip:port_client-id:oneof(ip:port:string ID=client-id:integer?)"),
        ] {
            assert_eq!(parse(line).map(|arguments| short(&arguments)), Ok(expected.to_owned()), "{line}");
        }
    }

    #[test]
    fn lines_that_cannot_be_read_are_refused() {
        for line in [
            "[key",
            "key]",
            "<key",
            "key>",
            "[key>",
            "<[key>]",
            "[[a]",
            &"[".repeat(100),
            &("[".repeat(99) + &"]".repeat(99)),
        ] {
            assert_eq!(parse(line), Err(Unreadable), "{line}");
        }
        // Odd ones are read somehow.
        for line in
            ["<>", "<|>", "A <>", "<...>", "|", "...", "[...]", "[]", "| | a", "A | [b", "a|", "[a ...] b"]
        {
            let _ = parse(line);
        }
    }

    #[test]
    fn every_native_line_can_be_read() {
        fn check(spec: &crate::command::spec::Spec, names: u32) {
            let arguments = parse(spec.syntax);
            assert!(arguments.is_ok(), "{}: {}", spec.name, spec.syntax);
            let takes = arguments.is_ok_and(|arguments| !arguments.is_empty());
            let wants = spec.arity.unsigned_abs() > names && spec.subcommands.is_empty();
            assert!(takes || !wants, "{} takes arguments, and its line shows none", spec.name);
            spec.subcommands.iter().for_each(|sub| check(sub, 2));
        }
        crate::command::FAMILIES.iter().flat_map(|family| family.commands).for_each(|spec| check(spec, 1));
    }
}
