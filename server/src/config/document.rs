//! docs/configuration.md, made from the table so that it cannot say anything else.
//!
//! It exists for the test below only, which fails when the file in the repository is not what it should be;
//! `UPDATE=1 cargo test -p sandkey-server configuration_document` writes the file.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::kind::Kind;
use super::table::{Directive, Effect, FILE_ONLY, Flags, GROUPS, RETIRED};

const HEAD: &str = "# Configuration

<!-- Made from the table in server/src/config/table by a test: `UPDATE=1 cargo test -p sandkey-server
     configuration_document`. Change the table, not this file. -->

Sandkey is configured as redis-server is: the same command line, the same file, the same names.

```
sandkey-server [/path/to/sandkey.conf] [--directive value ...] [-]
```

A file has one directive on a line. `#` begins a comment at the start of a line only. Words with blanks are written in
double quotes, where `\\n \\r \\t \\b \\a \\xHH` and any other escaped character work, or in single quotes, where only `\\'`
does. `include` reads other files in that place; a later line overrides an earlier one, and `save` lines add up. `-`
as the first or last argument reads the standard input after the file, and options come last. An unknown directive or a
bad value stops the start, with the file, the line, the reason, and what would be right.

Memory is written in bytes or with a unit: `1k` is 1000 bytes and `1kb` 1024, likewise `m`, `mb`, `g`, `gb`, in any case
of letters. Relative paths are relative to `dir`.

`CONFIG SET` changes what is marked so while the server runs, several directives at once or none of them;
`CONFIG REWRITE` writes the running values into the file, and keeps its comments and its order. Modules add directives
of their own, called `module.name`.

A directive that is marked _kept only_ is read, checked, shown and rewritten, because tools set and read it, but nothing
follows from it; when one is set, the server says so in its log.
";

/// The whole document.
fn document() -> String {
    let mut text = HEAD.to_owned();
    for group in GROUPS {
        let _ = writeln!(text, "\n## {}\n", group.title);
        text.push_str("| directive | default | takes | `CONFIG SET` | |\n|---|---|---|---|---|\n");
        for row in group.rows {
            let _ = writeln!(text, "{}", line(row));
        }
    }
    text.push_str("\n## In files and on the command line only\n\n| directive | takes |\n|---|---|\n");
    for (name, takes) in FILE_ONLY {
        let _ = writeln!(text, "| `{name}` | {takes} |");
    }
    text.push_str("| `module.name` | a value of a module's parameter |\n");
    let retired = RETIRED.map(|name| format!("`{name}`")).join(", ");
    let _ = writeln!(text, "\nRead and forgotten, because old files have them: {retired}.");
    text
}

fn line(row: &Directive) -> String {
    let alias = row.alias.map(|alias| format!("<br>`{alias}`")).unwrap_or_default();
    let default = match (&row.kind, row.default) {
        (Kind::Dir, _) => "where it was started".to_owned(),
        (_, "") => "`\"\"`".to_owned(),
        (_, default) => format!("`{default}`"),
    };
    let set = match row.flags {
        flags if flags.has(Flags::IMMUTABLE) => "no",
        flags if flags.has(Flags::PROTECTED) => "if `enable-protected-configs` allows",
        _ => "yes",
    };
    let mut notes = row.summary.to_owned();
    if row.flags.has(Flags::HIDDEN) {
        notes.push_str(" Patterns of CONFIG GET do not show it.");
    }
    if let Effect::Stored(reason) = row.effect {
        let _ = write!(notes, " _Kept only: {reason}._");
    }
    let takes = row.kind.describe().replace('|', "\\|");
    format!("| `{}`{alias} | {default} | {takes} | {set} | {notes} |", row.name)
}

#[test]
fn the_configuration_document_is_made_from_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let wanted = document();
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().expect("docs")).expect("the repository is writable");
        fs::write(&path, &wanted).expect("the repository is writable");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/configuration.md is stale: UPDATE=1 cargo test -p sandkey-server configuration_document"
    );
}

#[test]
fn every_directive_is_in_the_configuration_document() {
    let text = document();
    for row in super::table::directives() {
        assert!(text.contains(&format!("| `{}`", row.name)), "{}", row.name);
    }
}
