//! The table of commands, as COMMAND shows it, beside redis-server's: whoever routes, checks rights or completes by it
//! must come to the same results.

use sandkey_tests::{Client, Peer, Protocol, Server, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What COMMAND INFO says of a command but its name and its subcommands, which are rows of their own.
#[derive(Debug, PartialEq)]
struct Row {
    arity: Value,
    flags: BTreeSet<String>,
    keys: [Value; 3],
    categories: BTreeSet<String>,
    tips: BTreeSet<String>,
    specs: Vec<String>,
}

/// Commands that only one of the two servers has, and why. `|*` stands for all subcommands.
const ONE_SIDED: &[(&str, &str)] = &[
    ("client|no-touch", "newer than 7.0"),
    ("client|setinfo", "newer than 7.0"),
    ("cluster|*", "there is no cluster mode, and CLUSTER says so whatever is asked"),
    ("hexpire", "newer than 7.0"),
    ("hexpireat", "newer than 7.0"),
    ("hexpiretime", "newer than 7.0"),
    ("hgetdel", "newer than 7.0"),
    ("hgetex", "newer than 7.0"),
    ("hpersist", "newer than 7.0"),
    ("hpexpire", "newer than 7.0"),
    ("hpexpireat", "newer than 7.0"),
    ("hpexpiretime", "newer than 7.0"),
    ("hpttl", "newer than 7.0"),
    ("hsetex", "newer than 7.0"),
    ("httl", "newer than 7.0"),
    ("module|inspect", "our own"),
    ("module|limits", "our own"),
    ("module|loadbytes", "our own"),
    ("module|upgrade", "our own"),
    ("waitaof", "newer than 7.0"),
];

/// Compiling a module happens beside the workers, so our MULTI cannot queue these; redis-server's can.
const NOT_IN_MULTI: &[&str] = &["module|load", "module|loadex", "module|unload"];

/// Redis 7.2 has given these an option, WITHSCORE, that 7.0 does not know.
const LONGER_IN_7_2: &[&str] = &["zrank", "zrevrank"];

/// A set, whose order does not count.
fn words(value: &Value) -> BTreeSet<String> {
    value.items().iter().map(Value::text).collect()
}

/// A key spec in which the order of fields and of flags does not count.
fn spec(value: &Value) -> String {
    let fields: BTreeMap<String, String> = value
        .pairs()
        .into_iter()
        .map(|(name, value)| match name.text().as_str() {
            "flags" => (name.text(), format!("{:?}", words(&value))),
            _ => (name.text(), format!("{value:?}")),
        })
        .collect();
    format!("{fields:?}")
}

/// All commands and their subcommands, by name.
fn table(client: &mut Client) -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    let mut rest = client.value("COMMAND").items();
    while let Some(command) = rest.pop() {
        let info = command.items();
        assert_eq!(info.len(), 10, "{command:?}");
        let row = Row {
            arity: info[1].clone(),
            flags: words(&info[2]),
            keys: [info[3].clone(), info[4].clone(), info[5].clone()],
            categories: words(&info[6]),
            tips: words(&info[7]),
            specs: info[8].items().iter().map(spec).collect(),
        };
        rest.extend(info[9].items());
        rows.insert(info[0].text(), row);
    }
    rows
}

/// How `ONE_SIDED` lists a name, if it does.
fn one_sided(name: &str) -> Option<&'static str> {
    let holds = |listed: &str| match listed.strip_suffix('*') {
        Some(container) => name.starts_with(container),
        None => name == listed,
    };
    ONE_SIDED.iter().map(|(listed, _)| *listed).find(|listed| holds(listed))
}

#[test]
fn command_info_is_that_of_redis() {
    for protocol in Protocol::BOTH {
        let (ours, theirs) = (Server::start(&[]), Peer::redis(&[]));
        let mut ours = table(&mut ours.client_speaking(protocol));
        let mut theirs = table(&mut theirs.client_speaking(protocol));
        // What we do not have at all is no subject here.
        theirs.retain(|name, _| ours.contains_key(name.split('|').next().unwrap_or_default()));
        for name in NOT_IN_MULTI {
            let row = ours.get_mut(*name).expect("we have it");
            assert!(row.flags.remove("no_multi"), "{name} needs no exception any more");
        }
        for name in LONGER_IN_7_2 {
            let (row, other) = (ours.get_mut(*name), theirs.get_mut(*name));
            let (row, other) = row.zip(other).expect("both have it");
            let arity = std::mem::replace(&mut row.arity, other.arity.clone());
            assert_eq!((arity, &other.arity), (Value::Int(-3), &Value::Int(3)), "{name}");
        }
        let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        let (mut differences, mut used) = (Vec::new(), BTreeSet::new());
        for name in names {
            let (row, other) = (ours.get(name), theirs.get(name));
            match one_sided(name) {
                Some(listed) if row.is_none() || other.is_none() => _ = used.insert(listed),
                _ if row == other => {}
                _ => differences.push(format!("{name}:\n    ours:   {row:?}\n    theirs: {other:?}")),
            }
        }
        assert!(differences.is_empty(), "{} in {protocol:?}:\n{}", differences.len(), differences.join("\n"));
        let listed: BTreeSet<&str> = ONE_SIDED.iter().map(|(listed, _)| *listed).collect();
        assert_eq!(used, listed, "some need no exception any more");
        for name in sandkey_tests::generator::Generator::command_names() {
            assert!(ours.contains_key(&name), "COMMAND does not know {name}");
        }
    }
}

/// Commands whose arguments COMMAND DOCS shows otherwise, and why.
const OTHER_ARGUMENTS: &[(&str, &str)] = &[
    ("bitcount", "it needs no end"),
    ("bitop", "newer than 7.0 is what its operations are"),
    ("client|kill", "MAXAGE, and what SKIPME takes, are newer than 7.0"),
    ("client|list", "a block of one argument"),
    ("cluster", "there is no cluster mode, and CLUSTER says so whatever is asked"),
    ("command|getkeys", "7.0 does not say them"),
    ("command|getkeysandflags", "7.0 does not say them"),
    ("config|get", "a block of one argument"),
    ("debug", "7.0 does not say them"),
    ("geohash", "7.0 does not say that there may be none"),
    ("geopos", "7.0 does not say that there may be none"),
    ("georadius", "7.0 does not say that one of two counts"),
    ("georadiusbymember", "7.0 does not say that one of two counts"),
    ("hscan", "NOVALUES is newer than 7.0"),
    ("lolwut", "how many grains is our own"),
    ("migrate", "what is one of two optional ones is not optional twice"),
    ("module|loadex", "a block of one argument"),
    ("pfmerge", "7.0 does not say that there may be none"),
    ("psubscribe", "a block of one argument"),
    ("xinfo|stream", "FULL announces a block in which nothing has to be"),
    ("zrank", "WITHSCORE is newer than 7.0"),
    ("zrevrank", "WITHSCORE is newer than 7.0"),
    ("zscan", "NOSCORES is newer than 7.0"),
];

/// Arguments as far as clients go by them: types, words, flags and groups, without the names that are for people.
fn arguments(docs: &Value) -> String {
    let one = |argument: &Value| {
        let text = |field| argument.field(field).map(|value| value.text()).unwrap_or_default();
        let flags: Vec<String> = argument.field("flags").iter().flat_map(words).collect();
        format!("{}={}({}){}", text("token"), text("type"), arguments(argument), flags.join(","))
    };
    docs.field("arguments").iter().flat_map(Value::items).map(|it| one(&it)).collect::<Vec<_>>().join(" ")
}

/// The arguments of all commands and their subcommands, by name.
fn documented(client: &mut Client) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut rest = client.value("COMMAND DOCS").pairs();
    while let Some((name, docs)) = rest.pop() {
        all.insert(name.text(), arguments(&docs));
        rest.extend(docs.field("subcommands").iter().flat_map(Value::pairs));
    }
    all
}

#[test]
fn arguments_are_those_of_redis() {
    let (ours, theirs) = (Server::start(&[]), Peer::redis(&[]));
    let ours = documented(&mut ours.client_speaking(Protocol::Resp3));
    let theirs = documented(&mut theirs.client_speaking(Protocol::Resp3));
    let both = ours.iter().filter_map(|(name, ours)| Some((name.as_str(), ours, theirs.get(name)?)));
    let (mut differences, mut used) = (Vec::new(), BTreeSet::new());
    for (name, ours, theirs) in both.filter(|(_, ours, theirs)| ours != theirs) {
        if OTHER_ARGUMENTS.iter().any(|(listed, _)| *listed == name) {
            used.insert(name);
        } else {
            differences.push(format!("{name}:\n    ours:   {ours}\n    theirs: {theirs}"));
        }
    }
    assert!(differences.is_empty(), "{}:\n{}", differences.len(), differences.join("\n"));
    let listed: BTreeSet<&str> = OTHER_ARGUMENTS.iter().map(|(listed, _)| *listed).collect();
    assert_eq!(used, listed, "some need no exception any more");
}

#[test]
fn every_command_is_documented() {
    let server = Server::start(&[]);
    for protocol in Protocol::BOTH {
        let mut client = server.client_speaking(protocol);
        let all = client.value("COMMAND DOCS").pairs();
        let names: BTreeSet<String> = client.value("COMMAND LIST").items().iter().map(Value::text).collect();
        let top: BTreeSet<String> = names.iter().filter(|name| !name.contains('|')).cloned().collect();
        assert_eq!(all.iter().map(|(name, _)| name.text()).collect::<BTreeSet<_>>(), top);
        for (name, docs) in &all {
            for what in ["summary", "since", "group"] {
                let text = docs.field(what).map(|value| value.text()).unwrap_or_default();
                assert!(!text.is_empty(), "{} has no {what}", name.text());
            }
        }
        assert_eq!(client.int("COMMAND COUNT"), i64::try_from(top.len()).expect("it is small"));
        let one = client.value("COMMAND DOCS getrange").field("getrange").expect("it is there");
        let arguments = one.field("arguments").expect("it has some").items();
        let names: Vec<String> = arguments.iter().filter_map(|a| Some(a.field("name")?.text())).collect();
        assert_eq!(names, ["key", "start", "end"]);
    }
}
