//! Types that are generated from wit/ never leave the runtime: its callers would change with every change of the
//! generator. So the module that holds them is private, and no public item of the runtime names anything out of it.

use crate::Complaint;
use crate::source::{Reference, Source, Word};

const WHY: &str = "types generated from wit/ never leave the runtime: give its callers a type of our own";

/// What is wrong in the sources of the runtime.
pub(crate) fn check(sources: &[&Source]) -> Vec<Complaint> {
    let holders: Vec<String> = sources
        .iter()
        .filter(|source| calls_bindgen(&source.words()))
        .map(|source| stem(&source.path))
        .collect();
    let free = sources.iter().filter(|source| !source.is_test() && !holders.contains(&stem(&source.path)));
    free.flat_map(|source| holders.iter().flat_map(|holder| leaks(source, holder))).collect()
}

fn stem(path: &str) -> String {
    let path = path.trim_end_matches("/mod.rs").trim_end_matches(".rs");
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

fn calls_bindgen(words: &[Word]) -> bool {
    words.windows(2).any(|pair| pair[0].text == "bindgen" && pair[1].text == "!")
}

/// Public items of this file that name the module of generated types, or what was imported from it.
fn leaks(source: &Source, holder: &str) -> Vec<Complaint> {
    let words = source.words();
    let from_holder = |reference: &&Reference| reference.path.iter().any(|name| name == holder);
    let references = source.references();
    let imported: Vec<&String> =
        references.iter().filter(from_holder).filter_map(|reference| reference.path.last()).collect();
    let mut complaints = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let open = |n: usize| words.get(at + n).map_or("", |word| word.text.as_str());
        // `pub(crate)` stays inside.
        if word.text != "pub" || open(1) == "(" {
            continue;
        }
        let item = signature(&words[at..]);
        let named = item.iter().find(|word| word.text == holder || imported.contains(&&word.text));
        if let Some(named) = named {
            complaints.push(Complaint::new(
                source,
                named.line,
                format!("`pub` item names {}; {WHY}", named.text),
            ));
        }
    }
    complaints
}

/// From `pub` to the body, to the value, or to the end.
fn signature(words: &[Word]) -> &[Word] {
    let is_use = words.get(1).is_some_and(|word| word.text == "use");
    let mut depth = 0i32;
    let end = words.iter().position(|word| {
        match word.text.as_str() {
            "(" | "[" | "<" => depth += 1,
            ")" | "]" | ">" => depth -= 1,
            _ => {}
        }
        let ends_field = word.text == "," && depth <= 0 && !is_use;
        word.text == ";" || ends_field || (!is_use && matches!(word.text.as_str(), "{" | "}"))
    });
    &words[..end.unwrap_or(words.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        let generated =
            Source::fake("runtime/src/bindings.rs", "wasmtime::component::bindgen!({ path: \"../wit\" });");
        let user = Source::fake("runtime/src/call.rs", text);
        check(&[&generated, &user]).len()
    }

    #[test]
    fn a_public_item_that_names_a_generated_type_is_found() {
        assert_eq!(found("pub mod bindings;"), 1);
        assert_eq!(found("pub use crate::bindings::Reply;"), 1);
        assert_eq!(found("use crate::bindings::Reply;\npub fn call() -> Result<Reply, E> { x }"), 1);
        assert_eq!(
            found("use crate::bindings::{Argv, Reply};\npub struct S { pub a: u8, pub b: Vec<Argv> }"),
            1
        );
        assert_eq!(found("pub type R = crate::bindings::Reply;"), 1);
    }

    #[test]
    fn what_stays_inside_may_name_them() {
        assert_eq!(found("mod bindings; use bindings::Reply; pub(crate) fn f() -> Reply { x }"), 0);
        assert_eq!(found("use crate::bindings::Reply;\npub fn call() -> Own { Own::from(Reply::Ok) }"), 0);
        assert_eq!(found("use crate::bindings::Reply;\npub struct S { pub a: u8, reply: Reply }"), 0);
    }
}
