//! The contract in wit/ is what modules out there are compiled against. tests/golden/ holds it as it was agreed, one
//! file a version, without comments: wording may improve at any time, a shape changes on purpose or not at all.
//! After a deliberate change, `UPDATE=1 cargo test -p sandkey-tests --test tidy` writes the file, and the difference is part
//! of the change that one reviews.

use crate::source::workspace;
use std::fmt::Write as _;

/// Compare wit/ with the golden file of its version.
pub(crate) fn check() {
    let files = read();
    let version = version(&files);
    let text = golden(&files);
    let path = workspace().join(format!("tests/golden/wit-{version}.txt"));
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&path, &text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    let agreed = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = agreed.lines().zip(text.lines()).position(|(a, b)| a != b);
    let line = differs.unwrap_or_else(|| agreed.lines().count().min(text.lines().count())) + 1;
    assert!(
        agreed == text,
        "wit/ is not what tests/golden/wit-{version}.txt says, from its line {line} on:\n  agreed: {}\n  now:    {}\n\
         Modules are compiled against this. If the change is deliberate, give new items their `@since`, raise the \
         package's version if the old one is out in the world, and run\n  \
         UPDATE=1 cargo test -p sandkey-tests --test tidy",
        agreed.lines().nth(line - 1).unwrap_or("(the end)"),
        text.lines().nth(line - 1).unwrap_or("(the end)"),
    );
}

/// The files of wit/ by name.
fn read() -> Vec<(String, String)> {
    let folder = workspace().join("wit");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<(String, String)> = entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|ending| ending == "wit"))
        .map(|entry| {
            let text = std::fs::read_to_string(entry.path()).expect("a file of wit/ is text");
            (entry.file_name().to_string_lossy().into_owned(), text)
        })
        .collect();
    files.sort();
    files
}

/// The version that the package declares, once.
fn version(files: &[(String, String)]) -> String {
    let declared: Vec<&str> = files
        .iter()
        .flat_map(|(_, text)| text.lines())
        .filter_map(|line| line.strip_prefix("package sandkey:module@")?.strip_suffix(';'))
        .collect();
    assert_eq!(declared.len(), 1, "one file of wit/ declares `package sandkey:module@<version>;`");
    declared[0].to_owned()
}

/// All files in one, without comments and empty lines.
fn golden(files: &[(String, String)]) -> String {
    let mut all = String::new();
    for (name, text) in files {
        let _ = writeln!(all, "// {name}");
        for line in text.lines() {
            let code = line.split("//").next().unwrap_or_default().trim_end();
            if !code.is_empty() {
                let _ = writeln!(all, "{code}");
            }
        }
    }
    all
}

#[test]
fn a_change_of_shape_is_seen_and_a_change_of_words_is_not() {
    let files = |text: &str| vec![("a.wit".to_owned(), text.to_owned())];
    let agreed = golden(&files("/// Old words.\ninterface a {\n  f: func();\n}\n"));
    assert_eq!(agreed, golden(&files("/// New words.\n\ninterface a {\n  f: func(); // why\n}\n")));
    assert_ne!(agreed, golden(&files("/// Old words.\ninterface a {\n  f: func() -> bool;\n}\n")));
}

#[test]
fn the_version_is_declared_once() {
    let one = vec![("a.wit".to_owned(), "package sandkey:module@1.2.3;\n".to_owned())];
    assert_eq!(version(&one), "1.2.3");
    let twice = [one.clone(), one].concat();
    assert!(std::panic::catch_unwind(|| version(&twice)).is_err());
}

#[test]
fn every_item_of_the_contract_says_since_when() {
    for (name, text) in read() {
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let is_item = ["interface ", "world "].iter().any(|word| line.starts_with(word));
            let dated = at > 0 && lines[at - 1].trim_start().starts_with("@since(version = ");
            assert!(!is_item || dated, "wit/{name}:{}: no @since in front of `{line}`", at + 1);
        }
    }
}
