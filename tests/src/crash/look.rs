//! The keys of one client as the server has them, read after it has come back.

use super::commands::{BURST, PERIOD_S};
use super::model::{Account, Data, Entry, Item, Model, Stamp, Stream};
use crate::client::Client;
use crate::value::Value;
use std::time::{SystemTime, UNIX_EPOCH};

/// What was found, and when.
pub(crate) struct Seen {
    pub(crate) model: Model,
    /// Before the first and after the last key was read, in milliseconds since 1970.
    pub(crate) between: (u64, u64),
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    u64::try_from(since.as_millis()).expect("for millions of years")
}

/// Read these keys.
pub(crate) fn look(client: &mut Client, keys: &[String]) -> Seen {
    let begin = now_ms();
    let types: Vec<Vec<&str>> = keys.iter().map(|key| vec!["TYPE", key]).collect();
    let mut model = Model::default();
    for (key, kind) in keys.iter().zip(client.pipeline(&types)) {
        if let Some(item) = item(client, key, &kind.text()) {
            model.keys.insert(key.clone(), item);
        }
    }
    Seen { model, between: (begin, now_ms()) }
}

/// What is under a key; none if it expires just now.
fn item(client: &mut Client, key: &str, kind: &str) -> Option<Item> {
    let expires = |client: &mut Client| client.int(&format!("PEXPIRETIME {key}")).try_into().ok();
    let bytes = |value: &Value| value.bytes().expect("elements are strings").to_vec();
    // Its time first: when it has one and is gone afterwards, it was not there.
    let expire_ms: Option<u64> = expires(client);
    let data = match kind {
        "none" => return None,
        "string" if is_limit(key) => {
            let reply = client.value(&format!("CL.THROTTLE {key} {} 1 {PERIOD_S} 0", BURST - 1)).items();
            let (limit, left) = (reply[1].int()?, reply[2].int()?);
            return Some(Item { data: Data::Taken(limit - left), expire_ms: None });
        }
        "string" => Data::Str(client.value(&format!("GET {key}")).bytes()?.to_vec()),
        "hash" => {
            let pairs = client.value(&format!("HGETALL {key}")).pairs();
            Data::Hash(pairs.iter().map(|(field, value)| (bytes(field), bytes(value))).collect())
        }
        "list" => {
            let elements = client.value(&format!("LRANGE {key} 0 -1")).items();
            Data::List(elements.iter().map(bytes).collect())
        }
        "set" => {
            let members = client.value(&format!("SMEMBERS {key}")).items();
            Data::Set(members.iter().map(bytes).collect())
        }
        "zset" => {
            let pairs = client.value(&format!("ZRANGE {key} 0 -1 WITHSCORES")).pairs();
            let score = |value: &Value| value.text().parse().expect("scores are whole numbers");
            Data::Zset(pairs.iter().map(|(member, value)| (bytes(member), score(value))).collect())
        }
        "stream" => Data::Stream(stream(client, key)),
        "proof-acc" => Data::Account(account(client, key)?),
        other => panic!("{key} is of the type {other}"),
    };
    Some(Item { data, expire_ms })
}

/// Whether it is a key of CL.THROTTLE, by its name.
pub(crate) fn is_limit(key: &str) -> bool {
    key.contains(":t")
}

fn stream(client: &mut Client, key: &str) -> Stream {
    let number =
        |id: &str| id.split('-').next().and_then(|ms| ms.parse().ok()).expect("an id begins with a number");
    let entry = |entry: &Value| {
        let [id, fields] = &entry.items()[..] else { panic!("an entry is an id and its fields") };
        (number(&id.text()), fields.items()[1].bytes().expect("values are strings").to_vec())
    };
    let entries = client.value(&format!("XRANGE {key} - +")).items();
    let info = client.value(&format!("XINFO STREAM {key}")).pairs();
    let last = info.iter().find(|(field, _)| field.text() == "last-generated-id").expect("it has a last id");
    Stream { entries: entries.iter().map(entry).collect(), last_id: number(&last.1.text()) }
}

fn account(client: &mut Client, key: &str) -> Option<Account> {
    let reply = client.value(&format!("LEDGER.READ {key}"));
    assert!(reply.error().is_none(), "{key} cannot be read: {}", reply.cli());
    if reply.is_null() {
        return None;
    }
    let entries =
        reply.items().iter().map(|line| entry(line.bytes().expect("entries are strings"))).collect();
    let rest = client.value(&format!("LEDGER.REST {key}")).items();
    let hash = u64::from_str_radix(&rest.get(1)?.text(), 16).expect("the hash is a number");
    let len = usize::try_from(rest[0].int()?).expect("the length is a length");
    Some(Account { entries, blob: (len, hash), link: rest[2].bytes()?.to_vec() })
}

/// `amount:time:random:text`
fn entry(line: &[u8]) -> Entry {
    let mut parts = line.splitn(4, |byte| *byte == b':');
    let mut next = || String::from_utf8_lossy(parts.next().expect("an entry has four parts")).into_owned();
    let (amount, when, nonce) = (next(), next(), next());
    let stamp = if when == "0" { Stamp::None } else { Stamp::Known(format!("{when}:{nonce}")) };
    let text = parts.next().expect("an entry has four parts").to_vec();
    Entry { amount: amount.parse().expect("an amount is a number"), stamp, text }
}
