//! Every contradiction, and what it says; and that what is right passes.

use super::*;
use crate::contract::{CommandArgument, CommandDocs, CommandFlags};

/// What a module exports that declares no data types.
const CONFIGS: Exported = Exported { configs: true, values: false };

fn get() -> Command {
    Command {
        name: "peak.get".into(),
        arity: 2,
        flags: CommandFlags { readonly: true, fast: true, ..CommandFlags::default() },
        key_specs: vec![range(KeyAccess::Read, 1, 1, 1)],
        acl_categories: vec!["Dangerous".into()],
        docs: CommandDocs::default(),
    }
}

fn range(access: KeyAccess, first: u32, last: i32, step: u32) -> KeySpec {
    KeySpec { access, find: FindKeys::Range { first, last, step } }
}

fn counted(count: u32, first: u32, step: u32) -> KeySpec {
    KeySpec { access: KeyAccess::Read, find: FindKeys::Count { count, first, step } }
}

fn declared() -> Declared {
    Declared {
        manifest: Manifest {
            name: "peak".into(),
            version: 1,
            summary: "Counts.".into(),
            state: State::None,
            commands: vec![get()],
            configs: vec![],
            data_types: vec![],
            calls: vec!["CONFIG|Get".into()],
        },
        events: vec![],
        capabilities: vec![],
    }
}

/// The sentence for a manifest that `change` has spoilt.
fn sentence(change: impl FnOnce(&mut Declared)) -> String {
    let mut declared = declared();
    change(&mut declared);
    match check(declared, CONFIGS) {
        Ok(_) => "nothing is wrong".into(),
        Err(contradiction) => contradiction.to_string(),
    }
}

fn command(change: impl FnOnce(&mut Command)) -> String {
    sentence(|declared| change(&mut declared.manifest.commands[0]))
}

fn spec(arity: i32, spec: KeySpec) -> String {
    command(|command| {
        command.arity = arity;
        command.key_specs = vec![spec];
    })
}

fn config(name: &str, kind: ConfigKind) -> String {
    let config = Config { name: name.into(), kind, immutable: false, sensitive: false };
    sentence(|declared| declared.manifest.configs = vec![config])
}

#[test]
fn what_is_right_passes_and_is_spelled_in_lower_case() {
    let manifest = check(declared(), Exported::default()).expect("it is right");
    assert_eq!(manifest.calls, ["config|get"]);
    assert_eq!(manifest.commands[0].acl_categories, ["dangerous"]);
    assert_eq!(manifest.commands[0].name, "peak.get", "names keep their case");
}

#[test]
fn names() {
    assert_eq!(sentence(|d| d.manifest.name.clear()), "the module has no name");
    assert_eq!(
        sentence(|d| d.manifest.name = "a b".into()),
        "the module has the name \"a b\"; letters, digits and _ - . are allowed"
    );
    assert_eq!(sentence(|d| d.manifest.name = "x".repeat(64)), "nothing is wrong");
    assert_eq!(
        sentence(|d| d.manifest.name = "x".repeat(65)),
        "the module has a name of more than 64 characters"
    );
    assert_eq!(
        command(|c| c.name = "peak get".into()),
        "a command has the name \"peak get\"; letters, digits and _ - . : are allowed"
    );
    assert_eq!(
        sentence(|d| d.manifest.calls = vec!["config|".into()]),
        "a subcommand that the module calls has no name"
    );
    assert_eq!(
        sentence(|d| d.manifest.calls = vec!["get key".into()]),
        "a command that the module calls has the name \"get key\"; letters, digits and _ - . : are allowed"
    );
    assert_eq!(
        sentence(|d| d.manifest.summary = "a\r\nb".into()),
        "the module's summary contains a control character"
    );
    assert_eq!(
        sentence(|d| d.manifest.summary = "x".repeat(4097)),
        "the module's summary is longer than 4096 bytes"
    );
}

#[test]
fn commands() {
    assert_eq!(sentence(|d| d.manifest.commands.clear()), "it declares no command");
    assert_eq!(sentence(|d| d.manifest.commands = vec![get(); 1001]), "it declares more than 1000 commands");
    assert_eq!(
        sentence(|d| d.manifest.commands.push(Command { name: "PEAK.Get".into(), ..get() })),
        "it declares the command 'PEAK.Get' twice"
    );
    assert_eq!(
        command(|c| c.arity = 0),
        "the command 'peak.get' has arity 0, which not even its name satisfies"
    );
    assert_eq!(
        command(|c| c.arity = i32::MIN),
        "the command 'peak.get' has an arity beyond what a request can have"
    );
    assert_eq!(
        command(|c| c.flags.write = true),
        "the command 'peak.get' is flagged both write and readonly"
    );
    let write = CommandFlags { write: true, ..CommandFlags::default() };
    assert_eq!(
        command(|c| (c.flags, c.key_specs) = (write, vec![])),
        "the command 'peak.get' is flagged write and declares no keys to write to"
    );
    assert_eq!(
        command(|c| (c.flags, c.key_specs) = (CommandFlags { all_keys: true, ..write }, vec![])),
        "nothing is wrong"
    );
    assert_eq!(
        command(|c| (c.flags, c.key_specs) = (CommandFlags { finds_keys: true, ..write }, vec![])),
        "nothing is wrong"
    );
    assert_eq!(
        command(|c| c.acl_categories = vec!["@fast".into()]),
        "the command 'peak.get' has the ACL category \"@fast\", which is no name of one"
    );
    assert_eq!(
        command(|c| c.docs.summary = "\u{7}".into()),
        "the command 'peak.get' has a summary that contains a control character"
    );
    let token = CommandArgument {
        name: "xx".into(),
        kind: ArgumentKind::Token,
        token: None,
        optional: true,
        multiple: false,
    };
    assert_eq!(
        command(|c| c.docs.arguments = vec![token.clone()]),
        "the command 'peak.get' documents the token 'xx' without its word"
    );
    assert_eq!(
        command(|c| c.docs.arguments = vec![CommandArgument { name: String::new(), ..token }]),
        "the command 'peak.get' documents an argument without a name"
    );
}

#[test]
fn key_specs() {
    let read = KeyAccess::Read;
    let fine = "nothing is wrong";
    let says = |text: &str| format!("the command 'peak.get' has a key spec {text}");
    assert_eq!(spec(2, range(read, 1, 1, 1)), fine);
    assert_eq!(spec(2, range(read, 1, -1, 1)), fine);
    assert_eq!(spec(-2, range(read, 1, -1, 2)), fine);
    assert_eq!(spec(-2, range(read, 5, 9, 1)), fine, "optional arguments may be keys");
    assert_eq!(spec(3, range(read, 1, -2, 1)), fine);
    assert_eq!(spec(2, range(read, 0, 1, 1)), says("whose first key is position 0, the command's name"));
    assert_eq!(spec(2, range(read, 1, 1, 0)), says("with step 0"));
    assert_eq!(spec(4, range(read, 3, 2, 1)), says("whose last key, 2, is before its first, 3"));
    assert_eq!(spec(2, range(read, 2, 2, 1)), says("whose first key, 2, is beyond its arity of 2"));
    assert_eq!(spec(2, range(read, 1, 2, 1)), says("whose last key, 2, is beyond its arity of 2"));
    assert_eq!(
        spec(2, range(read, 1, -2, 1)),
        says("whose last key, -2, is before its first, 1, at an arity of 2")
    );
    assert_eq!(
        spec(2, range(read, 1, i32::MIN, 1)),
        says("whose last key, -2147483648, is before its first, 1, at an arity of 2")
    );
    assert_eq!(spec(-3, counted(1, 2, 1)), fine);
    assert_eq!(spec(-3, counted(0, 2, 1)), says("counted by position 0, the command's name"));
    assert_eq!(spec(-3, counted(2, 2, 1)), says("whose first key, 2, is not behind its count, 2"));
    assert_eq!(spec(-3, counted(1, 2, 0)), says("with step 0"));
    assert_eq!(spec(2, counted(1, 2, 1)), says("whose first key, 2, is beyond its arity of 2"));
    for (access, word) in
        [(KeyAccess::Update, "update"), (KeyAccess::Overwrite, "overwrite"), (KeyAccess::Remove, "remove")]
    {
        let text = says(&format!("with access {word} and is not flagged write"));
        assert_eq!(spec(2, range(access, 1, 1, 1)), text);
    }
    assert_eq!(
        command(|c| c.key_specs = vec![range(read, 1, 1, 1); 257]),
        "the command 'peak.get' has more than 256 key specs"
    );
}

#[test]
fn configs() {
    let integer = |default, min, max, memory| ConfigKind::Integer { default, min, max, memory };
    let words = |default: &str, values: &[&str]| ConfigKind::Enum {
        default: default.into(),
        values: values.iter().map(ToString::to_string).collect(),
    };
    let fine = "nothing is wrong";
    let says = |text: &str| format!("the parameter 'x' {text}");
    assert_eq!(config("x", integer(1, 1, 1, false)), fine);
    assert_eq!(config("x", integer(1, 2, 1, false)), says("has the minimum 2 above its maximum 1"));
    assert_eq!(config("x", integer(3, 1, 2, false)), says("has the default 3, outside of its bounds 1 to 2"));
    assert_eq!(config("x", integer(0, -1, 2, true)), says("is a size in bytes and may be negative"));
    assert_eq!(config("x", words("a", &["a", "b"])), fine);
    assert_eq!(
        config("x", words("c", &["a", "b"])),
        says("has the default \"c\", which is not among its values")
    );
    assert_eq!(config("x", words("", &[])), says("has the default \"\", which is not among its values"));
    assert_eq!(config("x", words("a", &["a", "A"])), says("has the value 'A' twice"));
    assert_eq!(config("x", words("a", &["a", "b c"])), says("has the value \"b c\", which is not one word"));
    assert_eq!(
        config("a.b", ConfigKind::Boolean(true)),
        "a configuration parameter has the name \"a.b\"; letters, digits and _ - are allowed"
    );
    let twice = |name: &str| Config {
        name: name.into(),
        kind: ConfigKind::Boolean(true),
        immutable: false,
        sensitive: false,
    };
    assert_eq!(
        sentence(|d| d.manifest.configs = vec![twice("on"), twice("ON")]),
        "it declares the parameter 'ON' twice"
    );
    let mut declared = declared();
    declared.manifest.configs = vec![twice("on")];
    assert_eq!(
        check(declared, Exported::default()).expect_err("it must be refused").to_string(),
        "it declares configuration parameters and does not export the interface configs"
    );
}

#[test]
fn data_types() {
    const BOTH: Exported = Exported { configs: true, values: true };
    let of = |name: &str, encver| DataType { name: name.into(), encver };
    let says = |types: Vec<DataType>, state, exported| {
        let mut declared = declared();
        (declared.manifest.data_types, declared.manifest.state) = (types, state);
        check(declared, exported).map_or_else(|wrong| wrong.to_string(), |_| "nothing is wrong".into())
    };
    let values = |types: Vec<DataType>| says(types, State::Values, BOTH);
    assert_eq!(values(vec![of("peak-cntr", 0), of("Peak_CNT1", 1023)]), "nothing is wrong");
    assert_eq!(values(vec![of("peak-cntr", 0), of("Peak-cntr", 0)]), "nothing is wrong", "case tells apart");
    assert_eq!(says(vec![of("peak-cntr", 0)], State::Global, BOTH), "nothing is wrong");
    for name in ["", "peak-cnt", "peak-cntrs", "peak.cntr", "peak cntr", "pëak-cnt"] {
        assert_eq!(
            values(vec![of(name, 0)]),
            format!("a data type has the name {name:?}; it must be exactly 9 letters, digits, - and _")
        );
    }
    assert_eq!(
        values(vec![of("peak-cntr", 1024)]),
        "the data type 'peak-cntr' has the encver 1024, of at most 1023"
    );
    assert_eq!(
        values(vec![of("peak-cntr", 0), of("peak-cntr", 1)]),
        "it declares the data type 'peak-cntr' twice"
    );
    let many = |count: usize| (0..count).map(|number| of(&format!("peak-{number:04}"), 0)).collect();
    assert_eq!(values(many(64)), "nothing is wrong");
    assert_eq!(values(many(65)), "it declares more than 64 data types");
    assert_eq!(
        says(many(1), State::None, BOTH),
        "it declares data types and the state none, which keeps no objects of them"
    );
    assert_eq!(
        says(many(1), State::Values, CONFIGS),
        "it declares data types and does not export the interface values"
    );
    assert_eq!(
        says(vec![], State::Values, BOTH),
        "it exports the interface values and declares no data types"
    );
}

#[test]
fn what_is_reserved_is_refused() {
    assert_eq!(
        sentence(|d| d.events = vec!["expired".into()]),
        "it declares keyspace events (\"expired\"), which this version of the server reserves"
    );
    assert_eq!(
        sentence(|d| d.capabilities = vec!["network".into()]),
        "it asks for the capability \"network\", which this server does not know"
    );
}
