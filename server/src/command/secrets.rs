//! Which arguments nobody but the server may see: passwords, in whatever command they come. MONITOR and SLOWLOG show
//! `(redacted)` in their place, as redis-server does.

use crate::config::table;
use crate::net::argv::Argv;

use super::args;

/// What is shown instead.
pub const REDACTED: &[u8] = b"(redacted)";

/// Whether the argument at `index` of the command that has this name is a secret. Clients may call the command otherwise.
pub fn is_secret(command: &str, argv: Argv<'_>, index: usize) -> bool {
    let word = |at: usize, word: &str| argv.get(at).is_some_and(|arg| args::is(arg, word));
    match command {
        _ if index == 0 => false,
        "auth" => true,
        // Name and password follow the word.
        "hello" => index > 2 && word(index - 1, "AUTH") || index > 3 && word(index - 2, "AUTH"),
        "migrate" => {
            // Up to the keys, among which there are no options.
            let options = 6..(6..index).find(|&at| word(at, "KEYS")).unwrap_or(index);
            options.contains(&(index - 1)) && (word(index - 1, "AUTH") || word(index - 1, "AUTH2"))
                || index > 7 && options.contains(&(index - 2)) && word(index - 2, "AUTH2")
        }
        "config|set" => index >= 3 && index % 2 == 1 && argv.get(index - 1).is_some_and(table::is_sensitive),
        // Who the users are is nobody's business either.
        "acl|setuser" | "acl|getuser" | "acl|deluser" => index >= 2,
        _ => false,
    }
}

/// The argument at `index`, or what is shown instead.
pub fn shown<'a>(command: &str, argv: Argv<'a>, index: usize) -> &'a [u8] {
    if is_secret(command, argv, index) { REDACTED } else { argv.get(index).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::argv::OwnedArgv;

    #[test]
    fn passwords_are_not_shown() {
        for (command, line, expected) in [
            ("auth", "AUTH secret", "AUTH (redacted)"),
            ("auth", "knock user secret", "knock (redacted) (redacted)"),
            ("hello", "HELLO 3 AUTH user secret SETNAME me", "HELLO 3 AUTH (redacted) (redacted) SETNAME me"),
            ("hello", "hello 3 setname me", "hello 3 setname me"),
            ("config|set", "CONFIG SET requirepass secret hz 5", "CONFIG SET requirepass (redacted) hz 5"),
            ("config|set", "config set hz 5 PrimaryAuth x", "config set hz 5 PrimaryAuth (redacted)"),
            ("config|get", "CONFIG GET requirepass", "CONFIG GET requirepass"),
            ("acl|setuser", "ACL SETUSER bob on >x", "ACL SETUSER (redacted) (redacted) (redacted)"),
            ("acl|list", "ACL LIST", "ACL LIST"),
            ("set", "SET auth secret", "SET auth secret"),
            (
                "migrate",
                "MIGRATE h 1 auth 0 9 COPY AUTH secret REPLACE",
                "MIGRATE h 1 auth 0 9 COPY AUTH (redacted) REPLACE",
            ),
            (
                "migrate",
                "MIGRATE h 1 x 0 9 auth2 me secret KEYS auth x",
                "MIGRATE h 1 x 0 9 auth2 (redacted) (redacted) KEYS auth x",
            ),
        ] {
            let owned: OwnedArgv = line.split(' ').collect();
            let argv = owned.as_argv();
            let words: Vec<_> = (0..argv.len())
                .map(|i| String::from_utf8_lossy(shown(command, argv, i)).into_owned())
                .collect();
            assert_eq!(words.join(" "), expected);
        }
    }
}
