//! What may vary in expected lines: `<int:id 1..9>`, `<float>`, `<hex>`, `<word>`, `<any>`, a line `...` for any number of
//! lines, and `$id` for what a pattern of that name has found. It is not a regular expression, and need not be.

use std::collections::HashMap;

/// Put the values of `$variables` into a line. A name that nobody knows stays as it is.
pub fn substitute(line: &str, variables: &HashMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let length = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
        match variables.get(&after[..length]) {
            Some(value) => out.push_str(value),
            None => out.push_str(&rest[at..at + 1 + length]),
        }
        rest = &after[length..];
    }
    out + rest
}

/// Whether the lines are as expected, which may have patterns in them; those with a name give it a value.
pub fn lines_match(expected: &[String], got: &[String], variables: &mut HashMap<String, String>) -> bool {
    let Some((first, rest)) = expected.split_first() else { return got.is_empty() };
    if first == "..." {
        return (0..=got.len()).any(|skip| lines_match(rest, &got[skip..], variables));
    }
    let Some((line, others)) = got.split_first() else { return false };
    let mut named = variables.clone();
    let pattern = pattern(&substitute(first, variables));
    if text_matches(&pattern, line, &mut named) && lines_match(rest, others, &mut named) {
        *variables = named;
        return true;
    }
    false
}

/// Whether a pattern takes a text.
type Accepts<'a> = Box<dyn Fn(&str) -> bool + 'a>;

#[derive(Debug)]
enum Piece {
    Literal(String),
    Int { name: String, from: i64, to: i64 },
    Float(String),
    Hex(String),
    Word(String),
    Any(String),
}

/// Cut `(integer) <int:id 1..9>` into its pieces. What looks like a pattern and is none stands for itself.
fn pattern(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        literal.push_str(&rest[..open]);
        rest = &rest[open..];
        let piece = rest.find('>').and_then(|close| Some((parse_piece(&rest[1..close])?, close)));
        match piece {
            Some((piece, close)) => {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                pieces.push(piece);
                rest = &rest[close + 1..];
            }
            None => {
                literal.push('<');
                rest = &rest[1..];
            }
        }
    }
    literal.push_str(rest);
    pieces.push(Piece::Literal(literal));
    pieces
}

fn parse_piece(text: &str) -> Option<Piece> {
    let (kind, range) = text.split_once(' ').unwrap_or((text, ""));
    let (kind, name) = kind.split_once(':').unwrap_or((kind, ""));
    let name = name.to_owned();
    Some(match (kind, range.split_once("..")) {
        ("int", Some((from, to))) => Piece::Int { name, from: from.parse().ok()?, to: to.parse().ok()? },
        ("int", None) => Piece::Int { name, from: i64::MIN, to: i64::MAX },
        ("float", None) => Piece::Float(name),
        ("hex", None) => Piece::Hex(name),
        ("word", None) => Piece::Word(name),
        ("any", None) => Piece::Any(name),
        _ => return None,
    })
}

fn text_matches(pieces: &[Piece], text: &str, variables: &mut HashMap<String, String>) -> bool {
    let Some((piece, rest)) = pieces.split_first() else { return text.is_empty() };
    let (name, accepts): (&str, Accepts<'_>) = match piece {
        Piece::Literal(literal) => {
            return text.strip_prefix(literal.as_str()).is_some_and(|t| text_matches(rest, t, variables));
        }
        Piece::Int { name, from, to } => {
            (name, Box::new(|t: &str| t.parse::<i64>().is_ok_and(|n| *from <= n && n <= *to)))
        }
        Piece::Float(name) => (name, Box::new(|t: &str| t.parse::<f64>().is_ok())),
        Piece::Hex(name) => {
            (name, Box::new(|t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_hexdigit())))
        }
        Piece::Word(name) => (name, Box::new(|t: &str| !t.is_empty() && !t.contains(char::is_whitespace))),
        Piece::Any(name) => (name, Box::new(|_: &str| true)),
    };
    // The longest piece first, so that `<int>` takes all of a number's digits.
    for end in (0..=text.len()).rev().filter(|&end| text.is_char_boundary(end)) {
        if accepts(&text[..end]) && text_matches(rest, &text[end..], variables) {
            if !name.is_empty() {
                variables.insert(name.to_owned(), text[..end].to_owned());
            }
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(lines: &[&str]) -> Vec<String> {
        lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn patterns_match_what_they_name() {
        let mut variables = HashMap::new();
        assert!(lines_match(
            &owned(&["(integer) <int:id 1..99>"]),
            &owned(&["(integer) 42"]),
            &mut variables
        ));
        assert_eq!(variables["id"], "42");
        assert!(lines_match(&owned(&["id=$id name=<word>"]), &owned(&["id=42 name=x"]), &mut variables));
        assert!(!lines_match(&owned(&["(integer) <int 1..9>"]), &owned(&["(integer) 10"]), &mut variables));
        assert!(!lines_match(&owned(&["OK"]), &owned(&["OK", "more"]), &mut variables));
        assert!(lines_match(&owned(&["a", "...", "d"]), &owned(&["a", "b", "c", "d"]), &mut variables));
        assert!(lines_match(&owned(&["<not a pattern>"]), &owned(&["<not a pattern>"]), &mut variables));
    }
}
