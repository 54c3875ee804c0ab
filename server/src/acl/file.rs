//! `aclfile`: a line for each user, read as a whole and written as a whole. Comments are no lines of it, since writing
//! would lose them. When anything in it is wrong, all of what is wrong is told, and nothing changes.

use std::collections::HashSet;
use std::path::Path;

use crate::config::{os_text, replace_file};

use super::Grounds;
use super::rule::{RuleError, has_blanks, merge_selectors};
use super::user::User;

/// The end of the line that tells what is wrong.
const UNCHANGED: &str =
    "WARNING: ACL errors detected, no change to the previously active ACL rules was performed";

/// The text of a file; `shown` is how the file is called where something is wrong with it.
pub fn read(path: &Path, shown: &str) -> Result<Vec<u8>, Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        format!("Error loading ACLs, opening file '{shown}': {}", os_text(&error)).into_bytes()
    })
}

/// The users that a file with this text holds. They have no numbers yet.
pub fn parse(text: &[u8], shown: &str, grounds: &Grounds<'_>) -> Result<Vec<User>, Vec<u8>> {
    let mut users: Vec<User> = Vec::new();
    let mut names = HashSet::new();
    let mut errors = Vec::new();
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let place = format!("{shown}:{}", number + 1);
        match user(line, number + 1, &place, grounds, &mut names) {
            Ok(user) => users.push(user),
            Err(error) => errors.extend(error),
        }
    }
    if errors.is_empty() {
        return Ok(users);
    }
    errors.extend_from_slice(UNCHANGED.as_bytes());
    Err(errors)
}

/// The user of one line.
fn user<'l>(
    line: &'l [u8],
    number: usize,
    place: &str,
    grounds: &Grounds<'_>,
    known: &mut HashSet<&'l [u8]>,
) -> Result<User, Vec<u8>> {
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(b"user"), Some(name)) = (words.next(), words.next()) else {
        return Err(format!("{place} should start with user keyword followed by the username. ").into());
    };
    let named = |before: String, after: String| [before.as_bytes(), name, after.as_bytes()].concat();
    if has_blanks(name) {
        return Err(named(format!("'{place}: username '"), "' contains invalid characters. ".into()));
    }
    if !known.insert(name) {
        return Err(named("WARNING: Duplicate user '".into(), format!("' found on line {number}. ")));
    }
    let rules = merge_selectors(words)
        .map_err(|_| format!("{place}: Unmatched parenthesis in selector definition.").into_bytes())?;
    let mut user = User::new(name, 0, grounds);
    let (mut errors, mut other_error) = (Vec::new(), false);
    for rule in rules {
        let rule = rule.trim_ascii();
        match user.apply(rule, grounds) {
            Ok(()) => {}
            // Names of commands and categories are no secrets, and all of them are worth knowing.
            Err(error @ RuleError::Unknown) => {
                errors.extend_from_slice(format!("{place}: Error in applying operation '").as_bytes());
                errors.extend_from_slice(rule);
                errors.extend_from_slice(format!("': {error}. ").as_bytes());
            }
            // What follows may be wrong for the same reason.
            Err(error) if !other_error => {
                errors.extend_from_slice(format!("{place}: {error}. ").as_bytes());
                other_error = true;
            }
            Err(_) => {}
        }
    }
    if errors.is_empty() { Ok(user) } else { Err(errors) }
}

/// Write users into a file, which is replaced as a whole.
pub fn save<'u>(path: &Path, users: impl IntoIterator<Item = &'u User>) -> std::io::Result<()> {
    let mut text = Vec::new();
    for user in users {
        text.extend(user.line());
        text.push(b'\n');
    }
    replace_file(path, &text)
}
