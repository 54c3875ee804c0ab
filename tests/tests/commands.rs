//! The table of commands, as COMMAND shows it, beside redis-server's: whoever routes, checks rights or completes by it
//! must come to the same results.

use sandkey_tests::{Client, Peer, Protocol, Server, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What must be the same of a command: everything that COMMAND INFO says but the tips, which are for proxies, and the
/// subcommands, which are compared one by one.
#[derive(Debug, PartialEq)]
struct Row {
    arity: Value,
    flags: BTreeSet<String>,
    keys: [Value; 3],
    categories: BTreeSet<String>,
    specs: Vec<String>,
}

/// Flags and categories of version 7.0 that tell how that server does something, and not what may be done with a command.
const INTERNAL: &[&str] = &["movablekeys", "allow_busy", "no_async_loading", "sentinel", "only_sentinel"];

fn words(value: &Value) -> BTreeSet<String> {
    value.items().iter().map(Value::text).filter(|word| !INTERNAL.contains(&word.as_str())).collect()
}

/// A key spec in which the order of flags does not count.
fn spec(value: &Value) -> String {
    let fields: BTreeMap<String, String> = value
        .pairs()
        .into_iter()
        .map(|(name, value)| {
            let value =
                if name.text() == "flags" { format!("{:?}", words(&value)) } else { format!("{value:?}") };
            (name.text(), value)
        })
        .filter(|(name, _)| name != "notes")
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
        let mut row = Row {
            arity: info[1].clone(),
            flags: words(&info[2]),
            keys: [info[3].clone(), info[4].clone(), info[5].clone()],
            categories: words(&info[6]),
            specs: info[8].items().iter().map(spec).collect(),
        };
        if info[0].text().starts_with("module|") {
            // Compiling a module happens beside the workers, so our MULTI cannot queue it; redis-server's can.
            row.flags.remove("no_multi");
        }
        rest.extend(info[9].items());
        rows.insert(info[0].text(), row);
    }
    rows
}

#[test]
fn command_info_is_that_of_redis() {
    for protocol in Protocol::BOTH {
        let (ours, theirs) = (Server::start(&[]), Peer::redis(&[]));
        let ours = table(&mut ours.client_speaking(protocol));
        let theirs = table(&mut theirs.client_speaking(protocol));
        let differences: Vec<String> = ours
            .iter()
            .filter_map(|(name, row)| {
                let other = theirs.get(name)?;
                (row != other).then(|| format!("{name}:\n    ours:   {row:?}\n    theirs: {other:?}"))
            })
            .collect();
        assert!(differences.is_empty(), "{} in {protocol:?}:\n{}", differences.len(), differences.join("\n"));
        for name in sandkey_tests::generator::Generator::command_names() {
            assert!(ours.contains_key(&name), "COMMAND does not know {name}");
        }
    }
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
