//! Reading sources.

use std::fs;

use super::super::command_line::{self, Invocation};
use super::*;

fn start(args: &[&str], folder: &Path, stdin: &str) -> Result<Box<Startup>, StartError> {
    let args: Vec<Vec<u8>> = args.iter().map(|arg| arg.as_bytes().to_vec()).collect();
    match command_line::read(&args, folder, &mut stdin.as_bytes())? {
        Invocation::Run(startup) => Ok(startup),
        other => panic!("it asks to run, not for {other:?}"),
    }
}

/// Start with a file of this text, in a folder that goes away.
fn with_file(text: impl AsRef<[u8]>) -> Result<Box<Startup>, StartError> {
    let folder = tempfile::tempdir().expect("a temporary directory");
    fs::write(folder.path().join("a.conf"), text).expect("writable");
    start(&["a.conf"], folder.path(), "")
}

fn message(result: Result<Box<Startup>, StartError>) -> String {
    result.expect_err("it is refused").to_string()
}

#[test]
fn an_unknown_directive_is_refused_with_file_line_reason_and_the_nearest_name() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("a.conf");
    fs::write(&path, "port 1\n  prot   2 \n").expect("writable");
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        "\n*** FATAL CONFIG FILE ERROR (Sandkey {version}) ***\n\
         Reading the configuration file, at line 2\n\
         >>> 'prot   2'\n\
         Bad directive or wrong number of arguments\n\
         In the file {}: there is no directive 'prot'. Did you mean 'port'?",
        path.display()
    );
    assert_eq!(message(start(&["a.conf"], folder.path(), "")), expected);
}

#[test]
fn a_bad_value_is_refused_with_what_would_be_right() {
    let text = message(with_file("maxmemory-samples 0\n"));
    assert!(text.contains("argument must be between 1 and 2147483647 inclusive"), "{text}");
    assert!(text.ends_with("'maxmemory-samples' takes an integer from 1 to 2147483647."), "{text}");
    let text = message(with_file("rename-command x\n"));
    assert!(
        text.ends_with("'rename-command' takes a command, and its new name or \"\" to remove it."),
        "{text}"
    );
}

#[test]
fn what_others_understand_is_collected_with_its_origin() {
    let startup = with_file(
        "loadmodule /a.wasm x \"y z\"\nuser bob on >pw\nrename-command FLUSHALL \"\"\n\
         hello.greeting good morning\nHELLO.greeting 'good day'\nloadmodule /b.wasm\n",
    )
    .expect("a good file");
    assert_eq!(startup.load_modules.len(), 2);
    assert_eq!(startup.load_modules[0].args, [b"x".to_vec(), b"y z".to_vec()]);
    assert_eq!((&*startup.users[0].name, startup.users[0].rules.len()), (&b"bob"[..], 2));
    assert_eq!(
        (&*startup.rename_commands[0].from, &*startup.rename_commands[0].to),
        (&b"FLUSHALL"[..], &b""[..])
    );
    assert_eq!(startup.module_configs.len(), 1, "the last value of a parameter counts");
    assert_eq!(
        (&*startup.module_configs[0].name, &*startup.module_configs[0].value),
        ("hello.greeting", &b"good day"[..])
    );
    let text = startup.rename_commands[0].origin.fail("No such command in rename-command").to_string();
    assert!(text.contains("at line 3\n>>> 'rename-command FLUSHALL \"\"'\nNo such command"), "{text}");
}

#[test]
fn dir_is_where_later_relative_paths_refer_to() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let root = folder.path().canonicalize().expect("there");
    fs::create_dir_all(root.join("data/conf")).expect("writable");
    fs::write(root.join("data/conf/b.conf"), "timeout 3").expect("writable");
    fs::write(root.join("a.conf"), "dir data\ninclude conf/b.conf\nlogfile log.txt\n").expect("writable");
    let startup = start(&["a.conf"], &root, "").expect("a good file");
    assert_eq!((startup.config.timeout, &startup.config.dir), (3, &root.join("data")));
    assert_eq!(startup.config_file, Some(root.join("a.conf")));
    assert!(root.join("data/log.txt").exists(), "the log was tried");
}

#[test]
fn a_file_that_includes_itself_comes_to_an_end() {
    let text = message(with_file("include a.conf\n"));
    assert!(text.contains("Too many nested include directives"), "{text}");
}

#[test]
fn includes_may_be_sixteen_deep() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    for number in 0..=INCLUDE_DEPTH_MAX {
        let text = format!("include {}.conf\n", number + 1);
        fs::write(folder.path().join(format!("{number}.conf")), text).expect("writable");
    }
    let last = folder.path().join(format!("{INCLUDE_DEPTH_MAX}.conf"));
    assert!(message(start(&["0.conf"], folder.path(), "")).contains("Too many nested"));
    fs::write(last, "timeout 9\n").expect("writable");
    assert_eq!(start(&["0.conf"], folder.path(), "").expect("deep enough").config.timeout, 9);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let text = message(start(&["none.conf"], folder.path(), ""));
    assert!(
        text.starts_with("Fatal error, can't open config file '")
            && text.ends_with("No such file or directory")
    );
    let text = message(with_file("\ninclude none.conf\n"));
    assert!(text.contains("none.conf': No such file") && text.ends_with("a.conf, at line 2."), "{text}");
}

#[test]
fn a_source_may_be_eight_mebibytes() {
    let line = "# a comment\n";
    let most = usize::try_from(SOURCE_BYTES_MAX).expect("it fits");
    let mut text = line.repeat(most / line.len());
    text.extend(std::iter::repeat_n('\n', most - text.len()));
    assert!(with_file(&text).is_ok());
    text.push('\n');
    assert!(message(with_file(&text)).ends_with("it is larger than 8 MiB"));
}

#[test]
fn standard_input_stands_between_file_and_options() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    fs::write(folder.path().join("a.conf"), "timeout 1\nhz 1\nport 1\n").expect("writable");
    let startup =
        start(&["a.conf", "--port", "3", "-"], folder.path(), "hz 2\nport 2\n").expect("good sources");
    let config = &startup.config;
    assert_eq!((config.timeout, config.hz, config.port), (1, 2, 3));
    let text = message(start(&["-", "--port", "3"], folder.path(), "port 1\nfoo"));
    assert!(text.contains("at line 2\n>>> 'foo'") && text.contains("from the standard input"), "{text}");
    let startup = start(&["--port", "3"], folder.path(), "foo").expect("it is not read when nobody asks");
    assert_eq!(startup.config.port, 3);
}

#[test]
fn patterns_of_includes_see_no_hidden_files_and_may_name_none() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let etc = folder.path().join("etc");
    for folder in [&etc, &folder.path().join(".hidden")] {
        fs::create_dir(folder).expect("writable");
        for name in ["b.conf", "a.conf", ".c.conf", "d.txt"] {
            fs::write(folder.join(name), "").expect("writable");
        }
    }
    let names = |pattern: &str| -> Vec<String> {
        let paths = expand(&etc, pattern.as_bytes());
        paths.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect()
    };
    assert_eq!(names("*.conf"), ["a.conf", "b.conf"]);
    assert_eq!(names(".*.conf"), [".c.conf"]);
    assert_eq!(names("[!a].conf"), ["b.conf"]);
    assert_eq!(names("../*/a.con?"), ["a.conf"]);
    assert_eq!(names(&format!("{}/*/a.con?", folder.path().display())), ["a.conf"]);
    assert!(names("*.none").is_empty() && names("none/*").is_empty());
}

#[test]
fn sentinel_is_refused() {
    assert!(
        message(with_file("sentinel monitor a b 1 2"))
            .contains("sentinel directive while not in sentinel mode")
    );
}

#[test]
fn bytes_of_any_value_survive() {
    let startup = with_file(b"requirepass \"\\x00\\xff\"\nmasterauth \xfe\n").expect("a good file");
    assert_eq!(&*startup.config.requirepass, b"\x00\xff");
    assert_eq!(startup.config.text_of("masterauth").as_deref(), Some(&b"\xfe"[..]));
}
