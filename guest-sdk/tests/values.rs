//! Values of a module's own types: what commands do with them, what becomes of them when a command fails, and what survives.

use sandkey::data_type::{Reader, Writer};
use sandkey::prelude::*;
use std::cell::Cell;
use std::rc::Rc;

#[derive(Debug, Default, PartialEq, DataType)]
#[data_type(name = "test-list", encver = 1)]
struct List {
    items: Vec<String>,
}

#[derive(Debug, DataType)]
#[data_type(name = "test-link", encver = 1)]
struct Link {
    target: Vec<u8>,
}

#[command("test.push", write)]
fn push(ctx: &Context, key: Key, items: Many<&str>) -> Result<usize> {
    let mut list = ctx.open_mut::<List>(&key)?.or_default()?;
    for item in &items {
        list.items.push((*item).to_owned());
        bail!(if *item == "bad", "ERR bad item");
    }
    Ok(list.items.len())
}

#[command("test.all", readonly)]
fn all(ctx: &Context, key: Key) -> Result<Option<Vec<String>>> {
    Ok(ctx.open_ref::<List>(&key)?.map(|list| list.items.clone()))
}

#[command("test.link", write)]
fn link(ctx: &Context, key: Key, target: &[u8]) -> Result<bool> {
    let slot = ctx.open_mut::<Link>(&key)?;
    let existed = slot.exists();
    slot.set(Link { target: target.to_vec() })?;
    Ok(existed)
}

/// Push to the list that a link leads to.
#[command("test.follow", write, finds_keys)]
fn follow(ctx: &Context, key: Key, item: &str) -> Result<usize> {
    RUNS.set(RUNS.get() + 1);
    let Some(link) = ctx.open_ref::<Link>(&key)? else { bail!("ERR no link") };
    let target = ctx.open(&link.target)?;
    let mut list = ctx.open_mut::<List>(&target)?.or_default()?;
    list.items.push(format!("{item} {}", ctx.random() % 100));
    Ok(list.items.len())
}

/// How many items there are under all links, and what their names are.
#[command("test.count", readonly, finds_keys)]
fn count(ctx: &Context, keys: Many<ReadKey>) -> Result<usize> {
    RUNS.set(RUNS.get() + 1);
    let links = ctx.open_refs::<Link>(keys.iter())?;
    let targets = ctx.open_many(links.iter().flatten().map(|link| &link.target))?;
    let lists = ctx.open_refs::<List>(targets.iter().map(|key| &**key))?;
    Ok(lists.iter().flatten().map(|list| list.items.len()).sum())
}

#[command("test.keys", readonly, all_keys)]
fn keys(ctx: &Context) -> Result<Vec<String>> {
    let (mut cursor, mut found) = (0, Vec::new());
    loop {
        let (next, page) = ctx.scan_type::<List>(cursor, 2)?;
        for name in page.iter() {
            let list = ctx.open_ref::<List>(&ctx.open_read(name)?)?.expect("the scan found it");
            found.push(format!("{} {}", String::from_utf8_lossy(name), list.items.len()));
        }
        cursor = next;
        if cursor == 0 {
            return Ok(found);
        }
    }
}

#[command("test.undeclared", write)]
fn undeclared(ctx: &Context, key: Key) -> Result<()> {
    ctx.open_mut::<List>(&key)?.or_default()?.items.clear();
    ctx.open("another").map(|_| ())
}

thread_local! {
    static RUNS: Cell<u32> = const { Cell::new(0) };
}

fn runs() -> u32 {
    RUNS.replace(0)
}

module! { name: "test", version: 1, types: [List, Link], commands: [push, all, link, follow, count, keys, undeclared] }

#[test]
fn the_table_says_what_the_module_keeps() {
    assert_eq!(MODULE.state, sandkey::State::Values);
    let types: Vec<_> = MODULE.types.iter().map(|entry| (entry.name, entry.encver)).collect();
    assert_eq!(types, [("test-list", 1), ("test-link", 1)]);
}

#[test]
fn values_live_under_their_keys() {
    let ctx = Context::test();
    assert_eq!(ctx.run::<all>(["k"]).unwrap(), Value::Null);
    assert_eq!(ctx.run::<push>(["k", "a", "b"]).unwrap(), 2);
    assert_eq!(ctx.run::<push>(["other", "x"]).unwrap(), 1);
    assert_eq!(ctx.run::<push>(["k", "c"]).unwrap(), 3);
    assert_eq!(ctx.run::<all>(["k"]).unwrap(), ["a", "b", "c"]);
    let key = ctx.key("k");
    assert_eq!((key.value_type(), key.type_name().as_deref()), (ValueType::Module, Some("test-list")));
    assert_eq!(ctx.key("none").type_name(), None);
    assert_eq!(key.delete(), Ok(true));
    assert_eq!(ctx.run::<all>(["k"]).unwrap(), Value::Null);
    assert_eq!(ctx.run::<all>(["other"]).unwrap(), ["x"]);
}

#[test]
fn keys_of_another_type_are_refused() {
    let ctx = Context::test();
    ctx.key("s").set("text").unwrap();
    ctx.run::<link>(["l", "k"]).unwrap();
    for name in ["s", "l"] {
        assert_eq!(ctx.run::<push>([name, "a"]), Err(Error::WrongType));
        assert_eq!(ctx.run::<all>([name]), Err(Error::WrongType));
    }
    assert_eq!(ctx.key("s").type_name(), None);
    assert_eq!(ctx.key("l").get(), Err(Error::WrongType));
    assert_eq!(ctx.key("l").append("x"), Err(Error::WrongType));
    assert_eq!(ctx.key("l").hash().set("f", 1), Err(Error::WrongType));
    ctx.key("l").set("text").unwrap();
    assert_eq!(ctx.key("l").type_name(), None);
}

#[test]
fn a_failed_command_leaves_no_trace_in_a_value() {
    let ctx = Context::test();
    assert_eq!(ctx.run::<push>(["k", "a", "bad"]), Err(error!("ERR bad item")));
    assert!(!ctx.key("k").exists());
    ctx.run::<push>(["k", "a"]).unwrap();
    assert_eq!(ctx.run::<push>(["k", "b", "bad"]), Err(error!("ERR bad item")));
    assert_eq!(ctx.run::<all>(["k"]).unwrap(), ["a"]);
    assert_eq!(ctx.run::<push>(["k", "c"]).unwrap(), 2);
    assert_eq!(ctx.run::<undeclared>(["k"]), Err(Error::UndeclaredKey));
    assert_eq!(ctx.run::<all>(["k"]).unwrap(), ["a", "c"]);
}

#[test]
fn setting_replaces_a_value_and_its_time_to_live() {
    let ctx = Context::test();
    assert_eq!(ctx.run::<link>(["l", "a"]).unwrap(), false);
    ctx.key("l").expire_in_ms(1000).unwrap();
    assert_eq!(ctx.run::<link>(["l", "b"]).unwrap(), true);
    assert_eq!(ctx.key("l").expires_at_ms(), None);
    assert_eq!(ctx.open_ref::<Link>(&ctx.key("l")).unwrap().unwrap().target, b"b");
    ctx.key("l").expire_in_ms(1000).unwrap();
    ctx.open_mut::<Link>(&ctx.key("l")).unwrap().get().unwrap().target = b"c".to_vec();
    assert!(ctx.key("l").expires_at_ms().is_some(), "changing it in place keeps it");
    ctx.advance(std::time::Duration::from_secs(1));
    assert!(ctx.open_ref::<Link>(&ctx.key("l")).unwrap().is_none());
}

#[test]
fn values_survive_a_restart_and_the_loss_of_an_instance() {
    let ctx = Context::test();
    ctx.run::<push>(["k", "a"]).unwrap();
    ctx.open_mut::<List>(&ctx.key("k")).unwrap().get().unwrap().items.push("by hand".to_owned());
    ctx.reload().unwrap();
    assert_eq!(ctx.run::<all>(["k"]).unwrap(), ["a", "by hand"]);
    ctx.lose_objects();
    assert_eq!(ctx.run::<push>(["k", "b"]).unwrap(), 3);
    ctx.lose_objects();
    assert_eq!(ctx.open_ref::<List>(&ctx.key("k")).unwrap().unwrap().items.len(), 3);
}

#[test]
fn a_command_that_finds_keys_runs_again_with_them() {
    let ctx = Context::test();
    ctx.set_seed(7);
    ctx.run::<link>(["l", "hidden"]).unwrap();
    assert_eq!(ctx.run::<follow>(["l", "x"]).unwrap(), 1);
    assert_eq!(runs(), 2, "once to find the key, once with it");
    let random = ctx.random();
    ctx.set_seed(7);
    let first = ctx.random() % 100;
    assert_eq!(
        ctx.run::<all>(["hidden"]).unwrap(),
        [format!("x {first}").as_str()],
        "a rerun has the same sequence"
    );
    assert_eq!(ctx.random(), random);

    ctx.lose_objects();
    assert_eq!(ctx.run::<follow>(["l", "y"]).unwrap(), 2);
    assert_eq!(runs(), 4, "the link, the key that it names, the list there, and then all of it");
    assert_eq!(ctx.run::<follow>(["nothing", "y"]), Err(error!("ERR no link")));
    ctx.key("hidden").set("text").unwrap();
    assert_eq!(ctx.run::<follow>(["l", "y"]), Err(Error::WrongType));
}

#[test]
fn asking_for_all_at_once_saves_runs() {
    let ctx = Context::test();
    for at in 0..5 {
        ctx.run::<push>([format!("list{at}"), "item".to_owned()]).unwrap();
        ctx.run::<link>([format!("link{at}"), format!("list{at}")]).unwrap();
    }
    ctx.lose_objects();
    assert_eq!(ctx.run::<count>(["link0", "link1", "link2", "link3", "link4", "none"]).unwrap(), 5);
    assert_eq!(runs(), 4);
}

#[test]
fn all_keys_with_values_of_a_type_are_found() {
    let ctx = Context::test();
    for name in ["a", "b", "c"] {
        ctx.run::<push>([name, "item"]).unwrap();
    }
    ctx.run::<link>(["bb", "a"]).unwrap();
    ctx.key("s").set("text").unwrap();
    ctx.lose_objects();
    assert_eq!(ctx.run::<keys>([""; 0]).unwrap(), ["a 1", "b 1", "c 1"]);
}

#[command("test.guarded", write)]
fn guarded(ctx: &Context, key: Key, how: &str) -> Result<usize> {
    let mut one = ctx.open_mut::<List>(&key)?.or_default()?;
    match how {
        // Two that look.
        "look" => Ok(ctx.open_ref::<List>(&key)?.map_or(0, |list| list.items.len()) + one.items.len()),
        "look while it changes" => {
            one.items.clear();
            Ok(ctx.open_ref::<List>(&key)?.map_or(0, |list| list.items.len()))
        }
        "change what another looks at" => {
            let other = ctx.open_ref::<List>(&key)?;
            one.items.clear();
            Ok(other.map_or(0, |list| list.items.len()))
        }
        "change what is gone" => {
            drop(ctx.open_mut::<List>(&key)?.set(List::default())?);
            one.items.clear();
            Ok(0)
        }
        _ => {
            let mut two = ctx.open_mut::<List>(&key)?.or_default()?;
            two.items.clear();
            one.items.clear();
            Ok(0)
        }
    }
}

fn with_a_value(how: &str) -> Result<Value> {
    let ctx = Context::test();
    ctx.run::<push>(["k", "a"])?;
    ctx.run::<guarded>(["k", how])
}

type Value = sandkey::Value;

#[test]
fn a_value_may_be_looked_at_twice() {
    assert_eq!(with_a_value("look").unwrap(), 2);
}

#[test]
#[should_panic(expected = "a value is being changed and is used once more")]
fn a_value_cannot_be_changed_twice_at_once() {
    let _ = with_a_value("change twice");
}

#[test]
#[should_panic(expected = "a value is being changed and is used once more")]
fn a_value_cannot_be_looked_at_while_it_changes() {
    let _ = with_a_value("look while it changes");
}

#[test]
#[should_panic(expected = "a value is being changed and is used once more")]
fn a_value_cannot_change_while_it_is_looked_at() {
    let _ = with_a_value("change what another looks at");
}

#[test]
#[should_panic(expected = "the key does not hold this value any more")]
fn a_value_that_was_replaced_cannot_be_changed() {
    let _ = with_a_value("change what is gone");
}

#[test]
#[should_panic(expected = "other-typ is not among the module's `types`")]
fn a_type_must_be_in_the_table() {
    #[derive(DataType)]
    #[data_type(name = "other-typ", encver = 0)]
    struct Other {
        _n: u8,
    }
    let ctx = Context::test();
    ctx.load(&MODULE, [""; 0]).unwrap();
    let _ = ctx.open_ref::<Other>(&ctx.key("k"));
}

/// Counts how many of its kind there are.
#[derive(Debug)]
struct Counted(Rc<Cell<i32>>);

thread_local! {
    static ALIVE: Rc<Cell<i32>> = Rc::default();
}

impl Counted {
    fn new() -> Self {
        let alive = ALIVE.with(Rc::clone);
        alive.set(alive.get() + 1);
        Self(alive)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl DataType for Counted {
    const NAME: &'static str = "countdrop";
    const ENCVER: u32 = 3;

    fn load(reader: &mut Reader<'_>, _encver: u32) -> Result<Self> {
        reader.u64()?;
        Ok(Self::new())
    }

    fn save(&self, writer: &mut Writer) {
        writer.u64(1);
    }
}

#[command("test.make", write)]
fn make(ctx: &Context, key: Key, fail: bool) -> Result<()> {
    ctx.open_mut(&key)?.set(Counted::new())?;
    bail!(if fail, "ERR told to fail");
    Ok(())
}

#[test]
fn objects_that_nobody_needs_are_dropped() {
    let ctx = Context::test();
    let alive = || ALIVE.with(|alive| alive.get());
    ctx.run::<make>(["a", "no"]).unwrap();
    ctx.run::<make>(["b", "no"]).unwrap();
    ctx.run::<make>(["a", "no"]).unwrap();
    assert_eq!(alive(), 2);
    ctx.run::<make>(["a", "yes"]).unwrap_err();
    assert_eq!(alive(), 2);
    ctx.key("a").delete().unwrap();
    ctx.reload().unwrap();
    assert_eq!(alive(), 1);
    ctx.lose_objects();
    assert_eq!(alive(), 0);
    ctx.run::<make>(["b", "yes"]).unwrap_err();
    assert_eq!(alive(), 0);
    drop(ctx.open_ref::<Counted>(&ctx.key("b")).unwrap());
    assert_eq!(alive(), 1);
}

/// Does not load what it saved.
#[derive(Default)]
struct Forgetful {
    broken: bool,
    loaded: bool,
}

impl DataType for Forgetful {
    const NAME: &'static str = "forgetful";
    const ENCVER: u32 = 0;

    fn load(reader: &mut Reader<'_>, _encver: u32) -> Result<Self> {
        if reader.u64()? == 1 {
            return Err(reader.refuse("it is broken"));
        }
        reader.u64()?;
        Ok(Self { broken: false, loaded: true })
    }

    fn save(&self, writer: &mut Writer) {
        writer.u64(u64::from(self.broken));
        writer.u64(u64::from(self.loaded));
    }
}

#[command("test.forget", write)]
fn forget(ctx: &Context, key: Key, broken: bool) -> Result<()> {
    ctx.open_mut::<Forgetful>(&key)?.or_default()?.broken = broken;
    Ok(())
}

#[test]
fn a_value_that_does_not_survive_is_found() {
    let ctx = Context::test();
    ctx.run::<forget>(["k", "yes"]).unwrap();
    assert_eq!(ctx.reload(), Err("forgetful: byte 2: it is broken".to_owned()));
    let error = ctx.run::<forget>(["k", "no"]).unwrap_err().to_string();
    assert_eq!(error, "ERR the value of the key 'k' cannot be used: forgetful: byte 2: it is broken");
    let ctx = Context::test();
    ctx.run::<forget>(["k", "no"]).unwrap();
    assert_eq!(ctx.reload(), Err("forgetful: a loaded value saves other bytes".to_owned()));
}

/// Push to two lists, and say of the second what was done to it.
#[command("test.both", write)]
fn both(ctx: &Context, one: Key, two: Key, item: &str, how: &str) -> Result<()> {
    ctx.open_mut::<List>(&one)?.or_default()?.items.push(item.to_owned());
    let mut list = ctx.open_mut::<List>(&two)?.or_default()?;
    list.items.push(item.to_owned());
    let words = match how {
        "no command" => ["test.unknown", "two", item],
        "another value" => ["test.push", "two", "other"],
        "a failure" => ["test.push", "two", "bad"],
        _ => ["TEST.PUSH", "two", item],
    };
    ValueMut::journal(&mut list, words)?;
    bail!(if how == "fail", "ERR told to fail");
    if how == "twice" {
        ValueMut::journal(&mut list, words)?;
    }
    Ok(())
}

fn with_a_journal(how: &str) {
    let ctx = Context::test();
    ctx.load(&MODULE, [""; 0]).expect("it takes no arguments");
    ctx.run::<push>(["two", "first"]).expect("the list is new");
    ctx.run::<both>(["one", "two", "a", "fail"]).expect_err("it is told to");
    ctx.run::<both>(["one", "two", "a", how]).expect("it says what it did");
    assert_eq!(ctx.run::<all>(["two"]).expect("it is a list"), ["first", "a"]);
}

#[test]
fn a_module_may_say_what_has_changed_a_value() {
    with_a_journal("as it is");
}

#[test]
#[should_panic(expected = "the journal names test.unknown, which is no command of the module")]
fn a_journal_has_commands_of_the_module() {
    with_a_journal("no command");
}

#[test]
#[should_panic(expected = "test.push in the journal makes another value than the one that is there")]
fn a_journal_makes_the_value_again() {
    with_a_journal("another value");
}

#[test]
#[should_panic(expected = "test.push in the journal fails: ERR bad item")]
fn a_journal_does_not_fail() {
    with_a_journal("a failure");
}

#[test]
#[should_panic(expected = "journal is called twice for a value: this traps")]
fn a_value_has_one_command_in_its_journal_for_each() {
    with_a_journal("twice");
}
