//! The checks of texts: what a file name, a host name or a template may be.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Any text will do.
pub(super) fn any(_: &[u8]) -> Result<(), String> {
    Ok(())
}

/// The longest host name, with C's NUL at its end.
const HOST_NAME_MAX: usize = 256;

fn is_path(text: &[u8]) -> bool {
    text.contains(&b'/')
}

/// `dbfilename`: a name in `dir`, so that nobody writes elsewhere with it.
pub(super) fn dbfilename(text: &[u8]) -> Result<(), String> {
    if is_path(text) { Err("dbfilename can't be a path, just a filename".into()) } else { Ok(()) }
}

/// `appendfilename`: a name.
pub(super) fn appendfilename(text: &[u8]) -> Result<(), String> {
    if text.is_empty() {
        return Err("appendfilename can't be empty".into());
    }
    if is_path(text) { Err("appendfilename can't be a path, just a filename".into()) } else { Ok(()) }
}

/// `appenddirname`: a name.
pub(super) fn appenddirname(text: &[u8]) -> Result<(), String> {
    if text.is_empty() {
        return Err("appenddirname can't be empty".into());
    }
    if is_path(text) { Err("appenddirname can't be a path, just a dirname".into()) } else { Ok(()) }
}

/// `cluster-announce-hostname`.
pub(super) fn hostname(text: &[u8]) -> Result<(), String> {
    if text.len() >= HOST_NAME_MAX {
        return Err(format!("Hostnames must be less than {HOST_NAME_MAX} characters"));
    }
    if text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')) {
        return Ok(());
    }
    Err("Hostnames may only contain alphanumeric characters, hyphens or dots".into())
}

/// `cluster-announce-human-nodename`.
pub(super) fn nodename(text: &[u8]) -> Result<(), String> {
    if text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')) {
        return Ok(());
    }
    Err("Announced human node name may only contain alphanumeric characters, hyphens, underscores or dots"
        .into())
}

/// An IPv4 address.
pub(super) fn ipv4(text: &[u8]) -> Result<(), String> {
    address::<Ipv4Addr>(text).ok_or_else(|| "Invalid IPv4 address".into())
}

/// An IPv6 address.
pub(super) fn ipv6(text: &[u8]) -> Result<(), String> {
    address::<Ipv6Addr>(text).ok_or_else(|| "Invalid IPv6 address".into())
}

fn address<A: std::str::FromStr>(text: &[u8]) -> Option<()> {
    let good = text.is_empty() || std::str::from_utf8(text).ok()?.parse::<A>().is_ok();
    good.then_some(())
}

/// `proc-title-template`: variables in braces, `{{` for a brace, and something to show in the end.
pub(super) fn title_template(text: &[u8]) -> Result<(), String> {
    const KNOWN: [&[u8]; 7] =
        [b"title", b"listen-addr", b"server-mode", b"port", b"tls-port", b"unixsocket", b"config-file"];
    let wrong = || Err("template format is invalid or contains unknown variables".to_owned());
    let (mut rest, mut shows) = (text, false);
    while let Some(open) = rest.iter().position(|byte| *byte == b'{') {
        shows |= rest[..open].iter().any(|byte| *byte != b' ');
        rest = &rest[open + 1..];
        if rest.first() == Some(&b'{') {
            (rest, shows) = (&rest[1..], true);
            continue;
        }
        let Some(close) = rest.iter().position(|byte| *byte == b'}') else { return wrong() };
        if !KNOWN.contains(&&rest[..close]) {
            return wrong();
        }
        // What is always there when the title is made; the others may be empty.
        shows |= matches!(&rest[..close], b"listen-addr" | b"server-mode" | b"port" | b"tls-port");
        rest = &rest[close + 1..];
    }
    if shows || rest.iter().any(|byte| *byte != b' ') { Ok(()) } else { wrong() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_no_paths() {
        assert!(dbfilename(b"dump.rdb").is_ok() && dbfilename(b"").is_ok() && dbfilename(b"a/b").is_err());
        assert!(
            appendfilename(b"a").is_ok() && appendfilename(b"").is_err() && appendfilename(b"/a").is_err()
        );
        assert!(appenddirname(b"a").is_ok() && appenddirname(b"").is_err() && appenddirname(b"a/").is_err());
    }

    #[test]
    fn host_names() {
        assert!(hostname(b"a-1.example").is_ok() && hostname(b"a_b").is_err());
        assert!(hostname(&[b'a'; 255]).is_ok() && hostname(&[b'a'; 256]).is_err());
        assert!(nodename(b"a_b").is_ok() && nodename(b"a b").is_err());
        assert!(ipv4(b"127.0.0.1").is_ok() && ipv4(b"").is_ok() && ipv4(b"::1").is_err());
        assert!(ipv6(b"::1").is_ok() && ipv6(b"1.2.3.4").is_err());
    }

    #[test]
    fn title_templates() {
        for good in ["{title} {listen-addr} {server-mode}", "x", "{{", "{port}"] {
            assert!(title_template(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in ["{foo}", "{title", "", " ", "{title}"] {
            assert!(title_template(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
