//! What the sample modules must answer, written a second time and without looking at how they do it: hello, bench,
//! throttle and cas, with the few native commands that their keys are looked at with. Where a reply depends on the
//! server's clock, the model takes the time before the request and after its reply, and the reply must fit to a
//! moment between them.
//! It models one database that nobody else uses, and no expiry: times to live are long or absent, but for the limits
//! of CL.THROTTLE.

use crate::client::{Client, shown};
use crate::model_requests::Requests;
use crate::value::{Protocol, Value};
use std::collections::{BTreeMap, HashMap};
use std::time::{SystemTime, UNIX_EPOCH};

/// The database that the model has for itself.
pub const MODEL_DB: usize = 9;

/// How many limits CL.THROTTLE is asked about.
pub(crate) const LIMITS: usize = 12;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
const SYNTAX: &str = "ERR syntax error";

/// What a key holds.
#[derive(Debug, Clone, PartialEq)]
enum Stored {
    Text(Vec<u8>),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
}

/// What a reply must be.
#[derive(Debug)]
enum Expected {
    /// This value.
    Value(Value),
    /// Any null of the protocol.
    Null,
    /// An error line.
    Error(String),
    /// Every integer between those of the two moments.
    Between(Vec<i64>, Vec<i64>),
}

type Answer = Result<Expected, String>;

/// A database as it must be, and the connection to compare it with.
#[derive(Debug)]
pub struct Model {
    random: Requests,
    client: Client,
    keys: HashMap<Vec<u8>, Stored>,
    /// How many requests were compared.
    pub requests: usize,
    /// What was found to be wrong.
    pub differences: Vec<String>,
}

/// Nanoseconds since 1970, in the server's whole microseconds.
fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    i64::try_from(since.as_micros() * 1000).expect("the year is below 2262")
}

fn integer(text: &[u8]) -> Result<i64, String> {
    let parsed = std::str::from_utf8(text).ok().and_then(|t| t.parse::<i64>().ok());
    // Redis takes an integer in its one canonical spelling only.
    parsed.filter(|n| n.to_string().as_bytes() == text).ok_or_else(|| NOT_AN_INTEGER.to_owned())
}

fn int(n: i64) -> Answer {
    Ok(Expected::Value(Value::Int(n)))
}

impl Model {
    /// Take a connection for the model, whose database is emptied.
    #[track_caller]
    pub fn new(mut client: Client, seed: u64) -> Model {
        assert_eq!(client.run(&format!("SELECT {MODEL_DB}")), "OK");
        assert_eq!(client.run("FLUSHDB"), "OK");
        let random = Requests::new(seed);
        let mut model = Model { random, client, keys: HashMap::new(), requests: 0, differences: Vec::new() };
        // Two that CL.THROTTLE cannot use, and nothing else touches.
        assert_eq!(model.client.run("SET text hello"), "OK");
        assert_eq!(model.client.run("HSET hash f v"), "(integer) 1");
        model.put_text(b"text", "hello");
        model.put_hash(b"hash", BTreeMap::from([(b"f".to_vec(), b"v".to_vec())]));
        model
    }

    /// Send a batch, sometimes as a transaction, and compare what comes back.
    #[track_caller]
    pub fn step(&mut self) {
        let (count, transaction) = self.random.batch();
        let mut requests: Vec<Vec<Vec<u8>>> = Vec::new();
        for _ in 0..count {
            let request = self.random.request();
            let key = request.get(1).cloned();
            let throttle = request[0].eq_ignore_ascii_case(b"cl.throttle");
            requests.push(request);
            if let (true, Some(key)) = (throttle, key) {
                // What it keeps depends on the clock: the model takes it from there.
                requests.push(vec![b"GET".to_vec(), key]);
            }
        }
        let before = now_ns();
        let replies = if transaction { self.transaction(&requests) } else { self.client.pipeline(&requests) };
        let after = now_ns();
        self.requests += requests.len();
        let mut throttled = None;
        for (request, reply) in requests.iter().zip(replies) {
            if let Some(reset) = throttled.take() {
                self.resynchronise(&request[1], &reply, reset, before, after);
                continue;
            }
            let expected = self.answer(request, before, after);
            if request[0].eq_ignore_ascii_case(b"cl.throttle") && request.len() > 1 {
                throttled = Some(match expected {
                    Ok(Expected::Between(..)) => reply.items().last().and_then(Value::int),
                    _ => None,
                });
            }
            self.compare(request, &expected.unwrap_or_else(Expected::Error), &reply);
        }
    }

    fn transaction(&mut self, requests: &[Vec<Vec<u8>>]) -> Vec<Value> {
        let mut all = vec![vec![b"MULTI".to_vec()]];
        all.extend(requests.iter().cloned());
        all.push(vec![b"EXEC".to_vec()]);
        let replies = self.client.pipeline(&all);
        let last = replies.last().cloned().unwrap_or(Value::Null);
        if let Value::Array(results) = &last {
            return results.clone();
        }
        // A request with a wrong number of arguments is refused when it is queued, and all with it.
        assert!(last.error().is_some_and(|e| e.starts_with("EXECABORT")), "EXEC: {last:?}");
        let mut single = Vec::new();
        for request in requests {
            single.push(self.client.call(request));
        }
        single
    }

    fn compare(&mut self, request: &[Vec<u8>], expected: &Expected, reply: &Value) {
        let null = match self.client.protocol() {
            Protocol::Resp2 => Value::NullBulk,
            Protocol::Resp3 => Value::Null,
        };
        let fits = match expected {
            Expected::Value(value) => value == reply,
            Expected::Null => *reply == null,
            Expected::Error(line) => reply.error().as_ref() == Some(line),
            Expected::Between(first, last) => {
                let items = reply.items();
                items.len() == first.len()
                    && items
                        .iter()
                        .zip(first.iter().zip(last))
                        .all(|(item, (a, b))| item.int().is_some_and(|n| *a.min(b) <= n && n <= *a.max(b)))
            }
        };
        if !fits {
            self.differences
                .push(format!("{}\n    model: {expected:?}\n    reply: {reply:?}", shown(request)));
        }
    }

    /// Compare the whole database.
    #[track_caller]
    pub fn compare_state(&mut self) {
        // Limits go by themselves when they are whole.
        for limit in 0..LIMITS {
            let key = format!("t:{limit}").into_bytes();
            self.client.call(&[b"DEL".to_vec(), key.clone()]);
            self.keys.remove(&key);
        }
        let size = Value::Int(i64::try_from(self.keys.len()).expect("it is small"));
        let got = self.client.value("DBSIZE");
        if got != size {
            self.differences.push(format!("DBSIZE: model {size:?}, reply {got:?}"));
        }
        for (key, stored) in self.keys.clone() {
            match stored {
                Stored::Text(text) => {
                    let reply = self.client.call(&[b"GET".to_vec(), key.clone()]);
                    self.compare(&[b"GET".to_vec(), key], &Expected::Value(Value::Bulk(text)), &reply);
                }
                Stored::Hash(hash) => {
                    let request = [b"HGETALL".to_vec(), key];
                    let reply = self.client.call(&request);
                    let got: BTreeMap<Vec<u8>, Vec<u8>> = reply
                        .pairs()
                        .iter()
                        .filter_map(|(k, v)| Some((k.bytes()?.to_vec(), v.bytes()?.to_vec())))
                        .collect();
                    if got != hash {
                        self.differences.push(format!("{}: model {hash:?}, reply {got:?}", shown(&request)));
                    }
                }
            }
        }
    }

    /// Leave the database empty.
    #[track_caller]
    pub fn clean(&mut self) {
        assert_eq!(self.client.run("FLUSHDB"), "OK");
        self.keys.clear();
    }

    fn text(&self, key: &[u8]) -> Result<Option<Vec<u8>>, String> {
        match self.keys.get(key) {
            None => Ok(None),
            Some(Stored::Text(text)) => Ok(Some(text.clone())),
            Some(Stored::Hash(_)) => Err(WRONG_TYPE.to_owned()),
        }
    }

    fn hash(&self, key: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, String> {
        match self.keys.get(key) {
            None => Ok(BTreeMap::new()),
            Some(Stored::Hash(hash)) => Ok(hash.clone()),
            Some(Stored::Text(_)) => Err(WRONG_TYPE.to_owned()),
        }
    }

    fn put_text(&mut self, key: &[u8], text: impl Into<Vec<u8>>) {
        self.keys.insert(key.to_vec(), Stored::Text(text.into()));
    }

    fn put_hash(&mut self, key: &[u8], hash: BTreeMap<Vec<u8>, Vec<u8>>) {
        if hash.is_empty() {
            self.keys.remove(key);
        } else {
            self.keys.insert(key.to_vec(), Stored::Hash(hash));
        }
    }

    fn answer(&mut self, request: &[Vec<u8>], before: i64, after: i64) -> Answer {
        let name = String::from_utf8_lossy(&request[0]).to_ascii_lowercase();
        let args = &request[1..];
        check_arity(&name, args.len())?;
        match name.as_str() {
            "get" => {
                Ok(self.text(&args[0])?.map_or(Expected::Null, |text| Expected::Value(Value::Bulk(text))))
            }
            "set" => {
                self.put_text(&args[0], args[1].clone());
                Ok(Expected::Value(Value::ok()))
            }
            "del" => int(i64::from(self.keys.remove(&args[0]).is_some())),
            "hset" => {
                let mut hash = self.hash(&args[0])?;
                let new = hash.insert(args[1].clone(), args[2].clone()).is_none();
                self.put_hash(&args[0], hash);
                int(i64::from(new))
            }
            "hello.greet" => {
                Ok(Expected::Value(Value::Bulk([b"Hello, ".as_slice(), &args[0], b"!"].concat())))
            }
            "hello.count" => self.count(&args[0], args.get(1)),
            "bench.nop" => Ok(Expected::Value(Value::ok())),
            "bench.incr" => self.count(&args[0], None),
            "bench.echo" => Ok(Expected::Value(Value::Array(args.iter().map(Value::bulk).collect()))),
            "bench.nest" => {
                let pair = |n| Value::Array(vec![Value::Int(n), Value::bulk(n.to_string())]);
                Ok(Expected::Value(Value::Array((0..integer(&args[0])?).map(pair).collect())))
            }
            "cl.throttle" => self.throttle(args, before, after),
            _ => match name.split_once('.') {
                Some(("cas", verb)) => self.cas(verb, args),
                Some(("hcas", verb)) => self.hcas(verb, args),
                _ => panic!("the model does not know {name}"),
            },
        }
    }

    fn count(&mut self, key: &[u8], by: Option<&Vec<u8>>) -> Answer {
        let by = by.map_or(Ok(1), |by| integer(by))?;
        let now = self.text(key)?.map_or(Ok(0), |text| integer(&text))?;
        let sum = now.checked_add(by).ok_or("ERR increment or decrement would overflow")?;
        self.put_text(key, sum.to_string());
        int(sum)
    }

    fn cas(&mut self, verb: &str, args: &[Vec<u8>]) -> Answer {
        let key = &args[0];
        match verb {
            "incrby" => {
                let by = integer(&args[1])?;
                let (min, max) = bounds(&args[2..])?;
                let now = self.text(key)?.map_or(Ok(0), |text| integer(&text))?;
                Ok(match now.checked_add(by).filter(|sum| (min..=max).contains(sum)) {
                    Some(sum) => {
                        self.put_text(key, sum.to_string());
                        Expected::Value(Value::Int(sum))
                    }
                    None => Expected::Null,
                })
            }
            "mset" => {
                for change in args.chunks(3) {
                    if self.text(&change[0])?.as_ref() != Some(&change[1]) {
                        return int(0);
                    }
                }
                for change in args.chunks(3) {
                    self.put_text(&change[0], change[2].clone());
                }
                int(1)
            }
            "swap" => {
                let now = self.text(key)?;
                if now.as_ref() == Some(&args[1]) {
                    self.put_text(key, args[2].clone());
                }
                Ok(now.map_or(Expected::Null, |text| Expected::Value(Value::Bulk(text))))
            }
            _ => {
                match verb {
                    "set" => check_ttl(&args[3..])?,
                    "pexpire" if integer(&args[2])? > i64::MAX / 2 => {
                        return Err("ERR invalid expire time in 'cas.pexpire' command".to_owned());
                    }
                    _ => {}
                }
                let Some(now) = self.text(key)? else { return int(-1) };
                if now != args[1] {
                    return int(0);
                }
                match verb {
                    "set" => self.put_text(key, args[2].clone()),
                    "del" => {
                        self.keys.remove(key);
                    }
                    _ if integer(&args[2])? <= 0 => {
                        self.keys.remove(key);
                    }
                    _ => {}
                }
                int(1)
            }
        }
    }

    fn hcas(&mut self, verb: &str, args: &[Vec<u8>]) -> Answer {
        let (key, field) = (&args[0], &args[1]);
        match verb {
            "incrby" => {
                let by = integer(&args[2])?;
                let (min, max) = bounds(&args[3..])?;
                let mut hash = self.hash(key)?;
                let not_an_integer = |_| "ERR hash value is not an integer".to_owned();
                let now = hash.get(field).map_or(Ok(0), |text| integer(text).map_err(not_an_integer))?;
                Ok(match now.checked_add(by).filter(|sum| (min..=max).contains(sum)) {
                    Some(sum) => {
                        hash.insert(field.clone(), sum.to_string().into_bytes());
                        self.put_hash(key, hash);
                        Expected::Value(Value::Int(sum))
                    }
                    None => Expected::Null,
                })
            }
            "mset" => {
                let mut hash = self.hash(key)?;
                let changes = &args[1..];
                if changes.chunks(3).any(|change| hash.get(&change[0]) != Some(&change[1])) {
                    return int(0);
                }
                for change in changes.chunks(3) {
                    hash.insert(change[0].clone(), change[2].clone());
                }
                self.put_hash(key, hash);
                int(1)
            }
            _ => {
                let mut hash = self.hash(key)?;
                let Some(now) = hash.get(field) else { return int(-1) };
                if *now != args[2] {
                    return int(0);
                }
                if verb == "del" {
                    hash.remove(field);
                } else {
                    hash.insert(field.clone(), args[3].clone());
                }
                self.put_hash(key, hash);
                int(1)
            }
        }
    }

    fn throttle(&mut self, args: &[Vec<u8>], before: i64, after: i64) -> Answer {
        let numbers: Vec<i64> = args[1..].iter().map(|arg| integer(arg)).collect::<Result<_, _>>()?;
        let (burst, count, period) = (numbers[0], numbers[1], numbers[2]);
        let quantity = numbers.get(3).copied().unwrap_or(1);
        for (bad, why) in [
            (burst < 0, "ERR max_burst must not be negative"),
            (count < 1, "ERR count must be positive"),
            (period < 1, "ERR period must be positive"),
        ] {
            if bad {
                return Err(why.to_owned());
            }
        }
        let too_long = || "ERR the limit spans too long a time".to_owned();
        let interval = (period.checked_mul(1_000_000_000).ok_or_else(too_long)? / count).max(1);
        let bucket = burst.checked_add(1).and_then(|n| n.checked_mul(interval)).ok_or_else(too_long)?;
        let kept = self.text(&args[0])?.map(|text| integer(&text)).transpose()?;
        if quantity < 0 {
            return Err("ERR quantity must not be negative".to_owned());
        }
        let at = |now: i64| gcra(kept, now, i128::from(interval), i128::from(bucket), burst, quantity);
        Ok(Expected::Between(at(before), at(after)))
    }

    /// Take over what CL.THROTTLE has kept, if it fits to the last of the five integers: in how many seconds the
    /// limit is whole again. The key is gone when it is, and otherwise must be there. After an error there is no such
    /// integer, and nothing may have changed.
    fn resynchronise(&mut self, key: &[u8], kept: &Value, reset: Option<i64>, before: i64, after: i64) {
        let known = self.keys.get(key).cloned();
        let fits = match (kept, reset) {
            (Value::Bulk(text), Some(reset)) => {
                self.put_text(key, text.clone());
                integer(text).is_ok_and(|tat| {
                    let seconds = |now: i64| ((tat - now).max(0) + 999_999_999) / 1_000_000_000;
                    (seconds(after)..=seconds(before)).contains(&reset)
                })
            }
            (Value::Bulk(text), None) => known == Some(Stored::Text(text.clone())),
            (null, _) if null.is_null() => {
                self.keys.remove(key);
                let whole = match known {
                    Some(Stored::Text(tat)) => integer(&tat).is_ok_and(|tat| tat < after + 1_000_000),
                    _ => true,
                };
                reset.map_or(whole, |reset| reset <= 1)
            }
            (Value::Error(_), None) => matches!(known, Some(Stored::Hash(_))),
            _ => false,
        };
        if !fits {
            let key = shown(&[key]);
            self.differences
                .push(format!("CL.THROTTLE {key} is whole in {reset:?} seconds, but keeps {kept:?}"));
        }
    }
}

/// The five integers of CL.THROTTLE at a moment: the generic cell rate algorithm in its textbook form, with the
/// theoretical arrival time (TAT) of the next action.
fn gcra(tat: Option<i64>, now: i64, interval: i128, bucket: i128, burst: i64, quantity: i64) -> Vec<i64> {
    let now = i128::from(now);
    let tat = tat.map_or(now, |tat| i128::from(tat).max(now));
    let new_tat = tat + interval * i128::from(quantity);
    let allow_at = new_tat - bucket;
    let limited = allow_at > now;
    let never = interval * i128::from(quantity) > bucket;
    let reset = if limited { tat - now } else { new_tat - now };
    let seconds = |ns: i128| i64::try_from((ns + 999_999_999) / 1_000_000_000).unwrap_or(i64::MAX);
    let retry = if limited && !never { seconds(allow_at - now) } else { -1 };
    let remaining = i64::try_from(((bucket - reset) / interval).max(0)).unwrap_or(i64::MAX);
    vec![i64::from(limited), burst + 1, remaining, retry, seconds(reset)]
}

fn bounds(mut args: &[Vec<u8>]) -> Result<(i64, i64), String> {
    let (mut min, mut max) = (i64::MIN, i64::MAX);
    while let Some((name, rest)) = args.split_first() {
        let bound = match name.to_ascii_uppercase().as_slice() {
            b"MIN" => &mut min,
            b"MAX" => &mut max,
            _ => return Err(SYNTAX.to_owned()),
        };
        *bound = integer(rest.first().ok_or(SYNTAX)?)?;
        args = &rest[1..];
    }
    if min > max { Err("ERR MIN is larger than MAX".to_owned()) } else { Ok((min, max)) }
}

/// The options of CAS.SET: at most one, and a time that is one.
fn check_ttl(mut args: &[Vec<u8>]) -> Result<(), String> {
    let mut given = 0;
    while let Some((name, rest)) = args.split_first() {
        let unit = match name.to_ascii_uppercase().as_slice() {
            b"KEEPTTL" => 0,
            b"EX" | b"EXAT" => 1000,
            b"PX" | b"PXAT" => 1,
            _ => return Err(SYNTAX.to_owned()),
        };
        args = rest;
        if unit > 0 {
            let time = integer(rest.first().ok_or(SYNTAX)?)?;
            if time <= 0 || time.checked_mul(unit).is_none_or(|ms| ms > i64::MAX / 2) {
                return Err("ERR invalid expire time".to_owned());
            }
            args = &rest[1..];
        }
        given += 1;
        if given > 1 {
            return Err(SYNTAX.to_owned());
        }
    }
    Ok(())
}

/// The number of arguments that a command takes: fewest, most, and in steps of how many.
fn check_arity(name: &str, got: usize) -> Result<(), String> {
    const ANY: usize = usize::MAX;
    let (least, most, step) = match name {
        "bench.nop" => (0, 0, 1),
        "bench.echo" => (0, ANY, 1),
        "get" | "del" | "hello.greet" | "bench.incr" | "bench.nest" => (1, 1, 1),
        "hello.count" => (1, 2, 1),
        "set" | "cas.del" => (2, 2, 1),
        "cas.incrby" => (2, ANY, 1),
        "cas.set" => (3, ANY, 1),
        "cas.mset" => (3, ANY, 3),
        "hset" | "cas.swap" | "cas.pexpire" | "hcas.del" => (3, 3, 1),
        "hcas.incrby" => (3, ANY, 1),
        "hcas.set" => (4, 4, 1),
        "hcas.mset" => (4, ANY, 3),
        "cl.throttle" => (4, 5, 1),
        other => panic!("the model does not know {other}"),
    };
    if got < least || got > most || !(got - least).is_multiple_of(step) {
        return Err(format!("ERR wrong number of arguments for '{name}' command"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_of_throttle_agrees_with_the_examples_of_redis_cell() {
        // 15 more at once, 30 in 60 seconds: one each two seconds.
        let (interval, bucket) = (2_000_000_000, 32_000_000_000);
        assert_eq!(gcra(None, 0, interval, bucket, 15, 1), [0, 16, 15, -1, 2]);
        assert_eq!(gcra(Some(32_000_000_000), 0, interval, bucket, 15, 1), [1, 16, 0, 2, 32]);
        assert_eq!(gcra(Some(32_000_000_000), 1_999_999_999, interval, bucket, 15, 1), [1, 16, 0, 1, 31]);
        assert_eq!(gcra(Some(32_000_000_000), 2_000_000_000, interval, bucket, 15, 1), [0, 16, 0, -1, 32]);
        assert_eq!(gcra(None, 0, interval, bucket, 15, 17), [1, 16, 16, -1, 0]);
    }
}
