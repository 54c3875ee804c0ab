//! Rules, the forms in which they are told again, and what they allow. The forms were compared with redis-server.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::command::FAMILIES;
use crate::command::context::CommandContext;
use crate::command::error::CommandResult;
use crate::command::spec::{Flags, access};
use crate::command::table::{CommandTable, Docs, Run, categories};
use crate::net::argv::OwnedArgv;

use super::file::parse;
use super::*;

struct Bench {
    table: CommandTable,
    users: Users,
    all_channels: bool,
}

impl Bench {
    fn new() -> Self {
        let table = CommandTable::native(FAMILIES, 1);
        let acl = Acl::new(&table);
        Self { users: acl.users.into_inner(), table, all_channels: false }
    }

    fn set(&mut self, rules: &str) -> Result<Arc<User>, String> {
        let grounds = Grounds { table: &self.table, all_channels: self.all_channels };
        let rules = rules.split(' ').filter(|rule| !rule.is_empty()).map(str::as_bytes);
        let (_, user) = self.users.set(b"bob", rules, &grounds).map_err(|error| match error {
            SetError::Unmatched(first) => format!("open: {}", String::from_utf8_lossy(&first)),
            SetError::Rule(rule, why) => format!("{}: {why}", String::from_utf8_lossy(&rule)),
        })?;
        Ok(user)
    }

    /// The line of a new user with these rules, without its name.
    #[track_caller]
    fn line(&mut self, rules: &str) -> String {
        self.users.remove([&b"bob"[..]]);
        let user = self.set(rules).unwrap_or_else(|why| panic!("{rules}: {why}"));
        let line = String::from_utf8(user.line()).expect("plain text");
        line.strip_prefix("user bob ").expect("it is bob's").to_owned()
    }

    #[track_caller]
    fn commands(&mut self, rules: &str) -> String {
        self.set(rules).unwrap_or_else(|why| panic!("{rules}: {why}")).root().commands_text()
    }

    /// What a user with these rules may not do about a command.
    #[track_caller]
    fn denied(&mut self, rules: &str, line: &str) -> Option<(Reason, usize)> {
        self.users.remove([&b"bob"[..]]);
        let user = self.set(rules).unwrap_or_else(|why| panic!("{rules}: {why}"));
        self.check(&user, line)
    }

    #[track_caller]
    fn check(&self, user: &User, line: &str) -> Option<(Reason, usize)> {
        let argv: OwnedArgv = line.split(' ').collect();
        let argv = argv.as_argv();
        let command = crate::command::dispatch::resolve(&self.table, argv).expect("a command");
        user.check(command, argv).err().map(|denied| (denied.reason, denied.position))
    }
}

#[test]
fn lines_tell_what_a_user_is() {
    let mut bench = Bench::new();
    for (rules, line) in [
        ("", "off sanitize-payload resetchannels -@all"),
        ("on nopass", "on nopass sanitize-payload resetchannels -@all"),
        ("ON ALLKEYS &* +@ALL", "on sanitize-payload ~* &* +@all"),
        (
            "skip-sanitize-payload %R~a %w~b %Rw~c ~d %W~a",
            "off skip-sanitize-payload ~a %W~b ~c ~d resetchannels -@all",
        ),
        ("&a &b &a +get", "off sanitize-payload resetchannels &a &b -@all +get"),
        (
            "(+get ~a) ( +set  &x )",
            "off sanitize-payload resetchannels -@all (~a resetchannels -@all +get) (resetchannels &x -@all +set)",
        ),
        ("(+get) clearselectors ()", "off sanitize-payload resetchannels -@all (resetchannels -@all)"),
        (
            "on ~a &a +@all nopass (+get) skip-sanitize-payload reset",
            "off sanitize-payload resetchannels -@all",
        ),
        (
            "allkeys resetkeys allchannels resetchannels allcommands nocommands",
            "off sanitize-payload resetchannels -@all",
        ),
    ] {
        assert_eq!(bench.line(rules), line, "{rules}");
        assert_eq!(
            bench.line(&line.replace('(', "( ").replace(')', " )")),
            line,
            "a line makes the same user"
        );
    }
    let hash = "c3ab8ff13720e8ad9047dd39466b3c8974e592c2fa383d4a3960714caef0c4f2";
    assert_eq!(
        bench.line(&format!(">foobar #{hash}")),
        format!("off sanitize-payload #{hash} resetchannels -@all")
    );
    assert_eq!(bench.line(">foobar <foobar"), bench.line(&format!(">foobar !{hash}")));
    assert!(
        bench.line("nopass >x").starts_with("off sanitize")
            && bench.line(">x nopass").starts_with("off nopass s")
    );
    bench.all_channels = true;
    assert_eq!(bench.line("(+get) reset (+get)"), "off sanitize-payload &* -@all (&* -@all +get)");
}

#[test]
fn rules_about_commands_are_kept_in_order_and_override_older_ones() {
    let mut bench = Bench::new();
    // One after another, of the same user.
    for (rules, commands) in [
        ("+@all -@hash -@slow +hget", "+@all -@hash -@slow +hget"),
        ("-@hash", "+@all -@slow +hget -@hash"),
        ("+@hash", "+@all -@slow +hget +@hash"),
        ("-@all", "-@all"),
        ("-@string -@slow +@all", "+@all"),
        ("-@all +@HASH +@hash +@HaSh", "-@all +@hash"),
        ("-@all +HGET +hget +hGeT", "-@all +hget"),
        ("-@all +@hash +@slow +@keyspace +@keyspace +@slow +@hash", "-@all +@keyspace +@slow +@hash"),
        ("-@all +hget -hset +hset -hget", "-@all +hset -hget"),
        (
            "-@all +client|list +client|list +config|get +config +acl|list -acl",
            "-@all +client|list +config -acl",
        ),
        ("-@all +select|0 +select|0 +debug|segfault +debug", "-@all +select|0 +debug"),
        ("-@all -@dangerous", "-@all -@dangerous"),
        ("-@all +config +config|get -config|set +config", "-@all +config"),
    ] {
        assert_eq!(bench.commands(rules), commands, "{rules}");
    }
}

/// Rules that come in any order, of a user that they change one after another.
fn some_rules() -> impl Strategy<Value = Vec<&'static str>> {
    const RULES: [&str; 24] = [
        "+get",
        "-get",
        "+get|a",
        "+get|b",
        "+select|0",
        "-select",
        "+select",
        "+config",
        "-config",
        "+config|get",
        "-config|get",
        "+config|set",
        "-config|set",
        "+@string",
        "-@string",
        "+@hash",
        "-@hash",
        "+@fast",
        "-@fast",
        "+@admin",
        "-@admin",
        "+@connection",
        "+@all",
        "-@all",
    ];
    vec(select(&RULES[..]), 0..24)
}

proptest! {
    #[test]
    fn a_line_makes_the_user_that_many_rules_have_made(rules in some_rules()) {
        let mut bench = Bench::new();
        let user = bench.set(&rules.join(" ")).expect("good rules");
        let line = String::from_utf8(user.line()).expect("plain text");
        bench.users.remove([&b"bob"[..]]);
        let same = bench.set(line.strip_prefix("user bob ").expect("it is bob's")).expect("a line is good");
        prop_assert_eq!(same.line(), line.as_bytes());
        let mut renewed = User::clone(&same);
        renewed.renew(&bench.table);
        for command in bench.table.originals() {
            for argument in ["", "a", "b", "0", "get"] {
                let argv: OwnedArgv = [command.name.as_str(), argument].into_iter().collect();
                let command_of = |user: &User| match user.check(command, argv.as_argv()) {
                    Err(denied) => denied.reason == Reason::Command,
                    Ok(()) => false,
                };
                let denied = command_of(&user);
                prop_assert_eq!(denied, command_of(&same), "{} {} of {}", command.name, argument, line);
                prop_assert_eq!(denied, command_of(&renewed), "{} {} of {}", command.name, argument, line);
            }
        }
    }
}

#[test]
fn wrong_rules_change_nothing() {
    let mut bench = Bench::new();
    let before = bench.line("on ~a &a +get");
    for (rules, error) in [
        ("off +nothing", "+nothing: Unknown command or category name in ACL"),
        ("off +@nothing", "+@nothing: Unknown command or category name in ACL"),
        ("off -get|x", "-get|x: Unknown command or category name in ACL"),
        ("off +get|x|y", "+get|x|y: Unknown command or category name in ACL"),
        ("off +config|x", "+config|x: Unknown command or category name in ACL"),
        ("off +config|get|x", "+config|get|x: Allowing first-arg of a subcommand is not supported"),
        ("off +get|", "+get|: Syntax error"),
        ("off hello", "hello: Syntax error"),
        ("off %~", "%~: Syntax error"),
        ("off %RR~x", "%RR~x: Syntax error"),
        ("off %R", "%R: Syntax error"),
        ("off <x", "<x: The password you are trying to remove from the user does not exist"),
        (
            "off #12",
            "#12: The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters",
        ),
        ("off (+get (+set )", "(+get (+set ): Syntax error"),
        ("off ) ", "): Syntax error"),
        ("off (+get", "open: (+get"),
    ] {
        assert_eq!(bench.set(rules).map(|user| user.line()), Err(error.to_owned()));
    }
    let all = bench.set("allkeys ~x").map(|user| user.line()).expect_err("after all keys");
    assert!(all.contains("Try 'resetkeys'"), "{all}");
    let all = bench.set("&* &x").map(|user| user.line()).expect_err("after all channels");
    assert!(all.contains("Try 'resetchannels'"), "{all}");
    let now = bench.users.get(b"bob").expect("bob").line();
    assert_eq!(String::from_utf8_lossy(&now), format!("user bob {before}"));
}

#[test]
fn commands_are_allowed_one_by_one_and_by_category() {
    let mut bench = Bench::new();
    let command = Some((Reason::Command, 0));
    for (rules, line, denied) in [
        ("~*", "get a", command),
        ("~* +get", "get a", None),
        ("~* +@all -get", "get a", command),
        ("~* +@all -@string", "strlen a", command),
        ("~* +@all -@string +strlen", "strlen a", None),
        ("~* +@read", "get a", None),
        ("~* +@read", "set a b", command),
        ("+config", "config get x", None),
        ("+config|get", "config get x", None),
        ("+config|get", "config set x y", command),
        ("+config -config|set", "config set x y", command),
        ("+@all -config", "config get x", command),
        ("+select|0", "select 0", None),
        ("+select|0", "select 1", command),
        ("+debug|OBJECT ~*", "debug object x", None),
        ("+select|0 -select", "select 0", command),
        ("+select|0 -@connection", "select 0", command),
        // Whoever may do nothing may still log in.
        ("", "auth x", None),
        ("", "hello 3", None),
        ("", "reset", None),
        ("", "ping", command),
    ] {
        assert_eq!(bench.denied(rules, line), denied, "{rules}: {line}");
    }
}

#[test]
fn keys_need_what_the_command_does_to_them() {
    let mut bench = Bench::new();
    let key = |position| Some((Reason::Key, position));
    for (line, denied) in [
        ("get r", None),
        ("get w", key(1)),
        ("set w x", None),
        ("set r x", key(1)),
        ("set w x get", key(1)),
        ("set rw x get", None),
        ("copy r w", None),
        ("copy w r", key(1)),
        ("mget r r2 x", key(3)),
        ("exists r w rw", None),
        ("exists r x", key(2)),
        ("strlen w", None),
        ("hstrlen w f", None),
        ("touch r", None),
        ("memory usage w", None),
        ("memory usage x", key(2)),
        ("del w", None),
        ("del r", key(1)),
        ("migrate h p rw 0 500", None),
        ("migrate h p r 0 500", key(3)),
        ("ping x", None),
        ("watch w", None),
        ("watch x", key(1)),
        ("bitfield r get u4 0", None),
        ("bitfield r get u4 0 set u4 0 1", key(1)),
        ("bitfield w get u4 0", key(1)),
        ("bitfield rw incrby u4 0 1", None),
        ("sinter r r2", None),
        ("sintercard 2 r w", key(3)),
        ("lmpop 1 r left", key(2)),
        // These are syntax errors, and no keys.
        ("lmpop 3 r left", None),
        ("lmpop -1 r left", None),
        ("sintercard x r w", None),
    ] {
        assert_eq!(bench.denied("+@all %R~r* %W~w* %RW~rw*", line), denied, "{line}");
    }
    let user = bench.set("").expect("bob");
    for (password, denied) in [("AUTH KEYS", None), ("AUTH2 KEYS 1", None), ("AUTH2 1 KEYS", None)] {
        assert_eq!(bench.check(&user, &format!("migrate h p  0 5 {password} KEYS rw")), denied, "{password}");
    }
    assert_eq!(bench.check(&user, "migrate h p  0 5 AUTH KEYS KEYS r"), key(9));
    assert!(!user.permits_key(b"r", access::MODIFY) && user.permits_key(b"r", access::READ));
}

#[test]
fn selectors_do_not_add_up() {
    let mut bench = Bench::new();
    let rules = "(%R~r* +@all) (%W~w* +@all) (+mget ~m)";
    assert_eq!(bench.denied(rules, "get r"), None);
    assert_eq!(bench.denied(rules, "set w x"), None);
    assert_eq!(
        bench.denied(rules, "copy r w"),
        Some((Reason::Key, 2)),
        "the last key that one of them refuses"
    );
    assert_eq!(bench.denied("+mget ~key (+mget ~key ~other)", "mget other third"), Some((Reason::Key, 2)));
    assert_eq!(bench.denied("(+get ~a) (+set ~b)", "del c"), Some((Reason::Command, 0)));
    assert_eq!(bench.denied("(+get ~a)", "get b"), Some((Reason::Key, 1)));
}

#[test]
fn channels_are_matched_and_patterns_are_compared() {
    let mut bench = Bench::new();
    let channel = |position| Some((Reason::Channel, position));
    for (line, denied) in [
        ("publish news.a x", None),
        ("publish other x", channel(1)),
        ("spublish news.a x", None),
        ("subscribe news.a other", channel(2)),
        ("ssubscribe news.a", None),
        ("psubscribe news.*", None),
        ("psubscribe news.a", channel(1)),
        ("unsubscribe other", None),
        ("sunsubscribe other", None),
        ("sunsubscribe", None),
    ] {
        assert_eq!(bench.denied("+@all &news.*", line), denied, "{line}");
    }
    let (narrow, wide) = (bench.set("resetchannels &a").expect("bob"), bench.set("&b").expect("bob"));
    assert!(wide.keeps_channels_of(&narrow) && !narrow.keeps_channels_of(&wide));
    let all = bench.set("allchannels").expect("bob");
    assert!(all.keeps_channels_of(&wide) && !wide.keeps_channels_of(&all));
}

#[test]
fn what_all_keys_are_needed_for() {
    let mut bench = Bench::new();
    let argv: OwnedArgv = ["get", "a"].into_iter().collect();
    for (rules, permitted) in [
        ("(+get ~a)", false),
        ("(+get ~a %W~*)", false),
        ("(+get %R~*)", true),
        ("~* -get (+get ~a)", false),
        ("+@all ~*", true),
    ] {
        bench.users.remove([&b"bob"[..]]);
        let user = bench.set(rules).expect("good rules");
        let command = bench.table.get(b"get").expect("GET");
        assert_eq!(user.permits_with_all_keys(command, argv.as_argv(), access::READ), permitted, "{rules}");
    }
}

#[test]
fn who_is_unlimited_is_known() {
    let mut bench = Bench::new();
    for (rules, unlimited) in [
        ("+@all ~* &*", true),
        ("+@all ~* &* -get", false),
        ("+@all ~* &* -get +get", false),
        ("+@all ~*", false),
        ("(+@all ~* &*)", true),
        ("+@all ~* &* reset", false),
    ] {
        bench.users.remove([&b"bob"[..]]);
        assert_eq!(bench.set(rules).expect("good rules").is_unlimited(), unlimited, "{rules}");
    }
}

#[test]
fn passwords_and_the_default_user() {
    let mut bench = Bench::new();
    let user = bench.set(">a >b").expect("bob");
    assert!(!user.takes(b"a"), "it is off");
    let user = bench.set("on").expect("bob");
    assert!(user.takes(b"a") && user.takes(b"b") && !user.takes(b"c") && !user.takes(b""));
    assert!(
        bench.set("nopass").expect("bob").takes(b"c") && !bench.set("resetpass").expect("bob").takes(b"c")
    );
    let default = Arc::clone(bench.users.get(DEFAULT).expect("it always is there"));
    assert!(default.is_open() && default.is_unlimited() && default.takes(b"whatever"));
    let grounds = Grounds { table: &CommandTable::native(FAMILIES, 1), all_channels: false };
    bench.users.set_default_password(b"x y", &grounds);
    let default = Arc::clone(bench.users.get(DEFAULT).expect("it always is there"));
    assert!(!default.is_open() && default.is_unlimited() && default.takes(b"x y") && !default.takes(b"x"));
    bench.users.set_default_password(b"", &grounds);
    assert!(bench.users.get(DEFAULT).is_some_and(|user| user.is_open()));
    assert_eq!(bench.users.remove([DEFAULT, b"bob", b"bob", b"eve"]), 1);
}

#[test]
fn who_gets_the_name_of_a_deleted_user_is_another_one() {
    let mut bench = Bench::new();
    let first = bench.set("on").expect("bob");
    assert_eq!(bench.set("off").expect("bob").id(), first.id());
    bench.users.remove([&b"bob"[..]]);
    let second = bench.set("on").expect("bob");
    assert_ne!(second.id(), first.id());
    let grounds = Grounds { table: &bench.table, all_channels: false };
    let loaded = parse(b"user bob on\nuser eve on", "f", &grounds).expect("good lines");
    bench.users.replace(loaded, &bench.table);
    assert_eq!(bench.users.get(b"bob").map(|user| user.id()), Some(second.id()), "a file only changes it");
    assert!(bench.users.get(DEFAULT).is_some_and(|user| user.is_unlimited()), "nobody mentioned it");
}

#[test]
fn new_commands_are_judged_by_old_rules() {
    let mut bench = Bench::new();
    let whole = CommandTable::native(FAMILIES, 1);
    let users = ["~* +@all -set", "~* -@all +get", "~* +@read"].map(|rules| {
        bench.users.remove([&b"bob"[..]]);
        bench.set(rules).expect("good rules")
    });
    let allowed = |user: &User, table: &CommandTable, name: &str| {
        let argv: OwnedArgv = [name, "a", "b"].into_iter().collect();
        user.check(table.get(name.as_bytes()).expect("a command"), argv.as_argv()).is_ok()
    };
    // The same commands with other numbers: as if all of them had been unloaded and loaded again.
    let names = ["get", "set", "strlen"];
    let judged = users.each_ref().map(|user| {
        let mut user = User::clone(user);
        assert!(!names.iter().any(|name| allowed(&user, &whole, name)), "these are strangers");
        user.renew(&whole);
        names.map(|name| allowed(&user, &whole, name))
    });
    assert_eq!(judged, [[true, false, true], [true, false, false], [true, false, true]]);
    // Rules about commands that are not there wait.
    let mut user = User::clone(&users[1]);
    user.renew(&CommandTable::default());
    assert_eq!(user.root().commands_text(), "-@all +get");
    user.renew(&whole);
    assert!(allowed(&user, &whole, "get"));
}

/// A command of a module that brings a category of its own along.
struct Idle;

impl Run for Idle {
    fn run(&self, _ctx: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
        Ok(())
    }
}

#[test]
fn a_category_is_there_while_a_command_is_in_it() {
    let mut bench = Bench::new();
    assert!(bench.set("+@mine").is_err() && !category::exists(&bench.table, b"mine"));
    let text = || std::borrow::Cow::Borrowed("");
    let docs = Docs { summary: text(), since: text(), group: text(), complexity: text(), syntax: text() };
    let mut command = Command::new("my.command", 1, Flags::MODULE, Vec::new(), docs, Box::new(Idle), 1);
    command.categories = categories(Flags::MODULE, "module", &["mine"]);
    bench.table.insert(Arc::new(command));
    assert_eq!(category::list(&bench.table).last().map(String::as_str), Some("mine"));
    assert_eq!(bench.commands("+@MINE"), "-@all +@mine");
    assert_eq!(bench.denied("+@mine", "my.command"), None);
    assert_eq!(bench.denied("+@slow -@mine", "my.command"), Some((Reason::Command, 0)));
    // When the module is gone, the rule waits for it.
    let user = bench.set("-@all +@mine").expect("good rules");
    bench.table.remove("my.command");
    let mut user = User::clone(&user);
    user.renew(&bench.table);
    assert_eq!(user.root().commands_text(), "-@all +@mine");
    assert!(bench.set("+@mine").is_err() && category::list(&bench.table).len() == category::CATEGORIES.len());
}

#[test]
fn renamed_commands_keep_their_names_in_rules() {
    let mut bench = Bench::new();
    bench.table.rename(b"GET", b"fetch").expect("there is GET");
    bench.table.rename(b"config", b"").expect("there is CONFIG");
    assert_eq!(bench.table.rename(b"get", b"x"), Err("No such command in rename-command"));
    assert_eq!(bench.table.rename(b"set", b"FETCH"), Err("Target command name already exists"));
    assert!(bench.table.get(b"get").is_none() && bench.table.get(b"config").is_none());
    assert_eq!(bench.table.get(b"Fetch").map(|command| &*command.name), Some("get"));
    assert_eq!(bench.commands("+get +config|get"), "-@all +get +config|get");
    assert!(bench.set("+fetch").is_err());
    assert_eq!(bench.denied("~a +get", "fetch a"), None);
    assert_eq!(bench.denied("~a +@all -get", "fetch a"), Some((Reason::Command, 0)));
    let members = bench.table.originals().filter(|command| command.name.starts_with("config")).count();
    assert!(members > 3, "categories know what was removed");
}

#[test]
fn a_file_is_read_as_a_whole_or_not_at_all() {
    let table = CommandTable::native(FAMILIES, 1);
    let grounds = Grounds { table: &table, all_channels: false };
    let read = |text: &str| {
        let users = parse(text.as_bytes(), "f", &grounds)
            .map_err(|error| String::from_utf8_lossy(&error).into_owned());
        users.map(|users| {
            users.iter().map(|user| String::from_utf8_lossy(&user.line()).into_owned()).collect::<Vec<_>>()
        })
    };
    let good = "user a on  nopass\r\n\n  user b (+get ~x) (+set\t %W~y)\n";
    let lines = read(good).expect("good lines");
    assert_eq!(lines[0], "user a on nopass sanitize-payload resetchannels -@all");
    assert!(
        lines[1].ends_with("-@all (~x resetchannels -@all +get) (%W~y resetchannels -@all +set)"),
        "{}",
        lines[1]
    );
    assert_eq!(read(&lines.join("\n")), Ok(lines));
    let unchanged =
        "WARNING: ACL errors detected, no change to the previously active ACL rules was performed";
    for (text, error) in [
        ("user a on\n# x", "f:2 should start with user keyword followed by the username. "),
        ("user", "f:1 should start with user keyword followed by the username. "),
        ("user a\nuser a", "WARNING: Duplicate user 'a' found on line 2. "),
        ("user a\tb", "'f:1: username 'a\tb' contains invalid characters. "),
        ("user a (on", "f:1: Unmatched parenthesis in selector definition."),
        (
            "user a +x foo bar -y\nuser b !",
            "f:1: Error in applying operation '+x': Unknown command or category name in ACL. f:1: Syntax error. f:1: \
             Error in applying operation '-y': Unknown command or category name in ACL. f:2: The password hash must be \
             exactly 64 characters and contain only lowercase hexadecimal characters. ",
        ),
    ] {
        assert_eq!(read(text), Err(format!("{error}{unchanged}")));
    }
}
