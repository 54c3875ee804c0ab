//! The files of the checkout as the rules see them: their text, and for Rust what is left of it without comments,
//! strings and test modules, cut into words, with every path that it names resolved to where it begins.
//! It is a reader for well-formed code that compiles, not a parser: nothing here is an error.

use std::path::Path;

/// Folders that hold nothing of ours.
const SKIPPED_FOLDERS: [&str; 4] = ["target", "node_modules", "corpus", "artifacts"];
/// Hidden folders that do.
const HIDDEN_FOLDERS: [&str; 2] = [".cargo", ".ci"];
/// Endings of text files. A file without any is text too.
const TEXT: [&str; 10] = ["rs", "toml", "md", "wit", "lock", "json", "py", "js", "mjs", "txt"];

/// The root of the checkout.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace")
}

/// One file.
pub(crate) struct Source {
    /// From the root of the checkout, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// All text files of the checkout.
pub(crate) struct Tree {
    files: Vec<Source>,
}

impl Tree {
    pub(crate) fn read() -> Tree {
        let mut files = Vec::new();
        let root = workspace();
        walk(root, root, &mut files);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        assert!(files.len() > 40, "the checkout at {} looks empty", root.display());
        Tree { files }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Source> {
        self.files.iter()
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = &Source> {
        self.files.iter().filter(|source| source.is_rust())
    }

    pub(crate) fn named(&self, name: &str) -> impl Iterator<Item = &Source> {
        self.files.iter().filter(move |source| source.path.rsplit('/').next() == Some(name))
    }
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<Source>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let hidden = name.starts_with('.');
        if path.is_dir() {
            let wanted =
                if hidden { HIDDEN_FOLDERS.contains(&&*name) } else { !SKIPPED_FOLDERS.contains(&&*name) };
            if wanted {
                walk(root, &path, files);
            }
            continue;
        }
        let is_text = match path.extension() {
            Some(ending) => TEXT.iter().any(|known| ending == *known),
            None => !hidden,
        };
        // A worktree's `.git` is a file, and hidden. What is no UTF-8 is no text, whatever its name.
        if let (true, Ok(text)) = (is_text, std::fs::read_to_string(&path)) {
            let path =
                path.strip_prefix(root).expect("walked from the root").to_string_lossy().replace('\\', "/");
            files.push(Source { path, text });
        }
    }
}

/// A word or a sign of a program, with the line that it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// A path that a file names, from its crate's root: `crate::keyspace::Db`, or from another crate's name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
}

impl Source {
    #[cfg(test)]
    pub(crate) fn fake(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the whole file is test code: it may import what it likes.
    pub(crate) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs") || self.path.ends_with("_tests.rs")
    }

    /// The words of the program, without comments, strings and items under `#[cfg(test)]`.
    pub(crate) fn words(&self) -> Vec<Word> {
        without_tests(&words(&self.text))
    }

    /// The modules from the crate's root down to this file: `server/src/net/resp.rs` is `crate::net::resp`.
    fn module(&self) -> Vec<String> {
        let mut module = vec!["crate".to_owned()];
        let inside = self.path.split_once("src/").map_or("", |(_, inside)| inside);
        let inside = inside.trim_end_matches(".rs").trim_end_matches("/mod");
        let root = matches!(inside, "lib" | "main" | "");
        module.extend(inside.split('/').filter(|_| !root).map(str::to_owned));
        module
    }

    /// Every path that the program names and that begins at a crate.
    pub(crate) fn references(&self) -> Vec<Reference> {
        let words = self.words();
        let mut module = self.module();
        // The depths of braces at which inline modules began.
        let mut inline: Vec<usize> = Vec::new();
        let mut depth = 0;
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(word) = words.get(at) {
            let next = |n: usize| words.get(at + n).map_or("", |word| word.text.as_str());
            match word.text.as_str() {
                // `impl Trait + use<'a>` captures a lifetime; it names nothing.
                "use" if next(1) != "<" => {
                    at = tree_of_use(&words, at + 1, &module, &[], &mut found);
                    continue;
                }
                "mod" if next(2) == "{" => {
                    module.push(next(1).to_owned());
                    inline.push(depth);
                }
                "{" => depth += 1,
                "}" => {
                    depth = depth.saturating_sub(1);
                    if inline.last() == Some(&depth) {
                        inline.pop();
                        module.pop();
                    }
                }
                _ if next(1) == "::" && is_name(&word.text) => {
                    let (path, after) = path_from(&words, at);
                    found.push(Reference { line: word.line, path: resolved(&path, &module) });
                    at = after;
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        found
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The path that begins here, and where it ends.
fn path_from(words: &[Word], mut at: usize) -> (Vec<String>, usize) {
    let mut path = vec![words[at].text.clone()];
    at += 1;
    while words.get(at).is_some_and(|word| word.text == "::") {
        match words.get(at + 1) {
            Some(word) if is_name(&word.text) => path.push(word.text.clone()),
            _ => break,
        }
        at += 2;
    }
    (path, at)
}

/// A `use`, in all its branches. Answers where it ends.
fn tree_of_use(
    words: &[Word],
    mut at: usize,
    module: &[String],
    before: &[String],
    found: &mut Vec<Reference>,
) -> usize {
    let mut path = before.to_vec();
    let mut line = words.get(at).map_or(0, |word| word.line);
    let mut branched = false;
    let mut renamed = false;
    while let Some(word) = words.get(at) {
        at += 1;
        match word.text.as_str() {
            "::" => {}
            "{" => {
                branched = true;
                while words.get(at).is_some_and(|word| !matches!(word.text.as_str(), "}" | ";")) {
                    at = tree_of_use(words, at, module, &path, found);
                    if words.get(at).is_some_and(|word| word.text == ",") {
                        at += 1;
                    }
                }
                at += 1;
            }
            "as" => renamed = true,
            ";" | "," | "}" => {
                at -= 1;
                break;
            }
            _ if renamed => {}
            "self" if !path.is_empty() && path.last().is_none_or(|last| last != "super") => {}
            text => {
                line = word.line;
                path.push(text.to_owned());
            }
        }
    }
    if !branched && !path.is_empty() {
        found.push(Reference { line, path: resolved(&path, module) });
    }
    at
}

/// The same path from its crate's root.
fn resolved(path: &[String], module: &[String]) -> Vec<String> {
    let (mut absolute, rest) = match path.first().map(String::as_str) {
        Some("self" | "super") => (module.to_vec(), path),
        _ => return path.to_vec(),
    };
    for segment in rest {
        match segment.as_str() {
            "self" => {}
            "super" => {
                absolute.pop();
            }
            name => absolute.push(name.to_owned()),
        }
    }
    absolute
}

/// Drop every item under an attribute that says `test`.
fn without_tests(words: &[Word]) -> Vec<Word> {
    let mut kept = Vec::with_capacity(words.len());
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let follows = |texts: &[&str]| texts.iter().zip(&words[at..]).all(|(text, word)| word.text == *text);
        if follows(&["#", "[", "cfg", "(", "test", ")", "]"]) {
            at = end_of_item(words, at + 7);
        } else {
            kept.push(word.clone());
            at += 1;
        }
    }
    kept
}

/// Where the item that begins here ends: after its braces, or its semicolon.
fn end_of_item(words: &[Word], mut at: usize) -> usize {
    let mut depth = 0usize;
    while let Some(word) = words.get(at) {
        at += 1;
        match word.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && word.text == "}" {
                    break;
                }
            }
            ";" if depth == 0 => break,
            _ => {}
        }
    }
    at
}

/// Cut a program into words, leaving out comments and what strings hold.
fn words(text: &str) -> Vec<Word> {
    let chars: Vec<char> = text.chars().collect();
    let mut words = Vec::new();
    let mut line = 1;
    let mut at = 0;
    while at < chars.len() {
        let start = at;
        let here = chars[at];
        let next = chars.get(at + 1).copied().unwrap_or(' ');
        if here == '/' && next == '/' {
            while at < chars.len() && chars[at] != '\n' {
                at += 1;
            }
        } else if here == '/' && next == '*' {
            at = end_of_comment(&chars, at);
        } else if let Some(end) = end_of_string(&chars, at) {
            at = end;
        } else if here.is_alphanumeric() || here == '_' {
            while at < chars.len() && (chars[at].is_alphanumeric() || chars[at] == '_') {
                at += 1;
            }
            words.push(Word { line, text: chars[start..at].iter().collect() });
        } else if here == ':' && next == ':' {
            at += 2;
            words.push(Word { line, text: "::".to_owned() });
        } else {
            at += 1;
            if !here.is_whitespace() {
                words.push(Word { line, text: here.to_string() });
            }
        }
        line += chars[start..at].iter().filter(|c| **c == '\n').count();
    }
    words
}

fn end_of_comment(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Where the string or character that begins here ends; `None` if none begins here.
fn end_of_string(chars: &[char], start: usize) -> Option<usize> {
    let get = |at: usize| chars.get(at).copied().unwrap_or(' ');
    let mut at = start;
    // A prefix counts only at the beginning of a word: `attr"` is no raw string.
    let in_word = start > 0 && (get(start - 1).is_alphanumeric() || get(start - 1) == '_');
    if !in_word && matches!(get(at), 'b' | 'c') {
        at += 1;
    }
    let raw = !in_word && get(at) == 'r';
    if raw {
        at += 1;
        let mut hashes = 0;
        while get(at) == '#' {
            (at, hashes) = (at + 1, hashes + 1);
        }
        if get(at) != '"' {
            return None;
        }
        at += 1;
        while at < chars.len() {
            at += 1;
            if get(at - 1) == '"' && (0..hashes).all(|n| get(at + n) == '#') {
                return Some(at + hashes);
            }
        }
        return Some(at);
    }
    let quote = get(at);
    // `'a` without an end is a lifetime.
    let character = quote == '\'' && (get(at + 1) == '\\' || get(at + 2) == '\'');
    if quote != '"' && !character {
        return None;
    }
    at += 1;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    Some((at + 1).min(chars.len()))
}

#[test]
fn comments_strings_and_tests_are_left_out() {
    let text = r###"
        // crate::a /* not opened
        /* /* crate::b */ crate::c */ fn f<'a>(x: &'a str) -> char { "crate::d \" crate::e"; br#"crate::"f"#; '"' }
        #[cfg(test)]
        mod tests { use crate::g; fn h() { {} } }
        #[cfg(test)] use crate::i;
        fn j() { crate::k::l() }
    "###;
    let found = Source::fake("server/src/net/resp.rs", text).references();
    assert_eq!(found, [Reference { line: 7, path: ["crate", "k", "l"].map(str::to_owned).to_vec() }]);
}

#[test]
fn paths_are_resolved_from_the_root() {
    let text = "fn a<'a>() -> impl B + use<'a> { ; c::d }\nuse super::{argv::{self, Argv}, reply as answer};\nuse std::fmt::{self, Write as _};\n\
                use crate::limits;\nmod inner { use super::super::client; }\npub(crate) fn f() { self::g::h(); a::b!(); }";
    let found: Vec<(usize, String)> = Source::fake("server/src/net/resp.rs", text)
        .references()
        .into_iter()
        .map(|reference| (reference.line, reference.path.join("::")))
        .collect();
    let expected = [
        (1, "c::d"),
        (2, "crate::net::argv"),
        (2, "crate::net::argv::Argv"),
        (2, "crate::net::reply"),
        (3, "std::fmt"),
        (3, "std::fmt::Write"),
        (4, "crate::limits"),
        (5, "crate::net::client"),
        (6, "crate::net::resp::g::h"),
        (6, "a::b"),
    ];
    assert_eq!(found, expected.map(|(line, path)| (line, path.to_owned())));
}
