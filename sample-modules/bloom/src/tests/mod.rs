//! The commands, as clients see them: replies, errors, and what survives a restart. How good the sketches are is tested beside them.

use sandkey::prelude::*;
use sandkey::{Command, Reply};

use crate::MODULE;

mod bf;
mod cf;
mod cms;
mod hostile;
mod tdigest;
mod topk;

/// A server that has loaded the module.
fn server() -> Context {
    let ctx = Context::test();
    ctx.load(&MODULE, [""; 0]).unwrap();
    ctx
}

/// Runs a command from a line of words.
fn run<C: Command>(ctx: &Context, line: &str) -> Result<Value> {
    ctx.run::<C>(line.split(' '))
}

/// The same, and the command must succeed.
fn ok<C: Command>(ctx: &Context, line: &str) -> Value {
    run::<C>(ctx, line).unwrap_or_else(|why| panic!("{} {line}: {why}", C::SPEC.name))
}

/// The line with which a command refuses.
fn refusal<C: Command>(ctx: &Context, line: &str) -> String {
    run::<C>(ctx, line).expect_err(line).to_string()
}

/// An array from what stands in it.
fn array<const N: usize>(elements: [Reply; N]) -> Value {
    let Reply::Resp3(bytes) = Reply::array(elements) else { panic!("arrays are RESP3") };
    Value::parse(&bytes).unwrap()
}

/// The value of a name in a map.
fn field(map: &Value, name: &str) -> Value {
    let Value::Map(pairs) = map else { panic!("{map:?} is no map") };
    pairs.iter().find(|(key, _)| *key == *name).unwrap_or_else(|| panic!("no {name} in {map:?}")).1.clone()
}

fn integer(value: i64) -> Value {
    Value::Integer(value)
}

#[test]
fn the_table_has_the_commands_that_clients_know() {
    let families = [
        ("bf", "add card exists info insert loadchunk madd mexists reserve scandump debug"),
        ("cf", "add addnx count del exists info insert insertnx loadchunk mexists reserve scandump"),
        ("cms", "incrby info initbydim initbyprob merge query"),
        ("topk", "add count incrby info list query reserve"),
        (
            "tdigest",
            "add byrank byrevrank cdf create info max merge min quantile rank reset revrank trimmed_mean",
        ),
    ];
    let mut expected: Vec<String> = families
        .iter()
        .flat_map(|(family, verbs)| verbs.split(' ').map(move |verb| format!("{family}.{verb}")))
        .collect();
    let mut names: Vec<_> = MODULE.commands.iter().map(|command| command.spec.name.to_owned()).collect();
    expected.sort_unstable();
    names.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(MODULE.name, "bf");
    let types: Vec<_> = MODULE.types.iter().map(|entry| entry.name).collect();
    assert_eq!(types, ["MBbloom--", "MBbloomCF", "CMSk-TYPE", "TopK-TYPE", "TDIS-TYPE"]);
}

#[test]
fn every_command_says_what_it_does() {
    for command in MODULE.commands {
        let spec = &command.spec;
        assert!(
            !spec.summary.is_empty() && !spec.complexity.is_empty() && !spec.since.is_empty(),
            "{}",
            spec.name
        );
        assert!(!spec.keys.as_slice().is_empty(), "{}", spec.name);
    }
}

#[test]
fn a_value_of_one_family_is_the_wrong_type_to_the_others() {
    let ctx = server();
    ok::<crate::bf::add>(&ctx, "k x");
    assert_eq!(run::<crate::cf::add>(&ctx, "k x"), Err(Error::WrongType));
    assert_eq!(run::<crate::cms::info>(&ctx, "k"), Err(Error::WrongType));
    assert_eq!(run::<crate::topk::list>(&ctx, "k"), Err(Error::WrongType));
    assert_eq!(run::<crate::tdigest::add>(&ctx, "k 1"), Err(Error::WrongType));
    assert_eq!(run::<crate::tdigest::merge>(&ctx, "k 1 k"), Err(Error::WrongType));
    // These two families answer as if there were nothing.
    assert_eq!(ok::<crate::cf::exists>(&ctx, "k x"), false);
    assert_eq!(ok::<crate::cf::mexists>(&ctx, "k x y"), [false, false]);
    ctx.key("text").set("hello").unwrap();
    assert_eq!(run::<crate::bf::reserve>(&ctx, "text 0.01 100"), Err(Error::WrongType));
    assert_eq!(run::<crate::bf::card>(&ctx, "text"), Err(Error::WrongType));
    assert_eq!(ok::<crate::bf::exists>(&ctx, "text x"), false);
}
