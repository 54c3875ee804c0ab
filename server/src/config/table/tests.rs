//! The table against itself.

use std::collections::HashSet;

use super::*;

#[test]
fn names_are_unique_and_in_lower_case() {
    let mut seen = HashSet::new();
    for directive in directives() {
        for name in std::iter::once(directive.name).chain(directive.alias) {
            assert!(seen.insert(name), "{name} stands there twice");
            assert_eq!(name, name.to_ascii_lowercase());
            assert!(!name.contains([' ', '.']), "a name with a dot belongs to a module: {name}");
        }
    }
    for name in RETIRED.into_iter().chain(FILE_ONLY.map(|(name, _)| name)) {
        assert!(seen.insert(name), "{name} stands there twice");
    }
}

#[test]
fn every_default_is_good_and_is_printed_as_a_value_that_is_good_again() {
    for directive in directives().filter(|row| row.name != "replicaof") {
        let value = directive.default_value();
        let printed = directive.kind.format(&value);
        let words =
            if directive.is_multi_arg() { split_args(&printed).expect("balanced") } else { vec![printed] };
        assert_eq!(directive.kind.parse(&words, &value), Ok(value), "{}", directive.name);
    }
}

#[test]
fn every_integer_is_refused_beyond_its_bounds() {
    for directive in directives() {
        let Kind::Int(min, max, unit) = directive.kind else { continue };
        let old = directive.default_value();
        let parse = |number: i128| {
            let text = match unit {
                super::super::kind::Unit::Octal => format!("{number:o}"),
                super::super::kind::Unit::MemoryOrPercent if number < 0 => format!("{}%", -number),
                _ => number.to_string(),
            };
            directive.kind.parse(&[text.into()], &old)
        };
        for inside in [min, max] {
            assert_eq!(parse(inside), Ok(Value::Int(inside)), "{}", directive.name);
        }
        for outside in [min - 1, max + 1] {
            assert!(parse(outside).is_err(), "{} takes {outside}", directive.name);
        }
    }
}

#[test]
fn every_row_says_what_it_is_for() {
    for directive in directives() {
        let sentence = directive.summary;
        assert!(sentence.ends_with('.') && sentence.len() > 10, "{}: {sentence}", directive.name);
        if let Effect::Stored(reason) = directive.effect {
            assert!(reason.len() > 10 && !reason.ends_with('.'), "{}: {reason}", directive.name);
        }
    }
}

#[test]
fn lookup_knows_names_and_aliases_in_any_case() {
    let (place, directive) = lookup(b"SLAVE-Priority").expect("an alias");
    assert_eq!(
        (directive.name, lookup(b"replica-priority").map(|(at, _)| at)),
        ("replica-priority", Some(place))
    );
    assert!(find(b"nothing").is_none() && find(b"\xff").is_none());
    assert!(is_sensitive(b"RequirePass") && is_sensitive(b"primaryauth") && !is_sensitive(b"port"));
}

#[test]
fn the_nearest_name_is_what_was_meant_or_none() {
    for (typed, meant) in [
        ("prot", "port"),
        ("maxmemroy", "maxmemory"),
        ("max-memory", "maxmemory"),
        ("MAXCLIENT", "maxclients"),
        ("hash_max_listpack_entries", "hash-max-listpack-entries"),
        ("load-module", "loadmodule"),
        ("requirepas", "requirepass"),
    ] {
        assert_eq!(nearest(typed.as_bytes()), Some(meant), "{typed}");
    }
    assert_eq!(nearest(b"something-else-altogether"), None);
    assert_eq!(nearest(b"x"), nearest(b"x"));
}
