//! What a command does to the model, and what the server must reply to it.
//!
//! A command that the server answers with an error has done nothing: that is one of the things to prove, so the model relies on it.

use super::commands::Command;
use super::model::{Account, Bytes, Data, Entry, Model, Stamp, WrongType, filling, fnv};
use crate::value::Value;

/// What the server must reply.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expected {
    /// Exactly this.
    Is(Value),
    /// Anything that is no error.
    Any,
    /// An error with these words.
    Error(&'static str),
}

impl From<WrongType> for Expected {
    fn from(_: WrongType) -> Expected {
        Expected::Error("WRONGTYPE")
    }
}

pub(crate) fn int(n: impl TryInto<i64>) -> Expected {
    Expected::Is(Value::Int(n.try_into().unwrap_or(i64::MAX)))
}

pub(crate) fn ok() -> Expected {
    Expected::Is(Value::ok())
}

pub(crate) fn bulk(bytes: Option<Bytes>) -> Expected {
    Expected::Is(bytes.map_or(Value::NullBulk, Value::Bulk))
}

fn number(bytes: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.parse().ok().filter(|n: &i64| n.to_string() == text)
}

/// How far LEDGER.THROUGH goes.
const LINKS_MAX: usize = 8;

impl Command {
    /// Do to the model what the command does, if it succeeds. With the reply the model learns what only the server knows.
    pub(crate) fn apply(&self, model: &mut Model, reply: Option<&Value>) -> Expected {
        self.try_apply(model, reply).unwrap_or_else(Expected::from)
    }

    fn try_apply(&self, model: &mut Model, reply: Option<&Value>) -> Result<Expected, WrongType> {
        let is_string = |data: &Data| matches!(data, Data::Str(_));
        Ok(match self {
            Command::Set { key, value, expire_ms } => {
                model.put(key, Data::Str(value.clone()), *expire_ms);
                ok()
            }
            Command::Append { key, value } => {
                let string = model.string(key)?;
                string.extend_from_slice(value);
                int(string.len())
            }
            Command::SetRange { key, at, value } => {
                let string = model.string(key)?;
                string.resize(string.len().max(at + value.len()), 0);
                string[*at..at + value.len()].copy_from_slice(value);
                int(string.len())
            }
            Command::GetDel { key } => {
                model.check(&[key], is_string)?;
                match model.keys.remove(key).map(|item| item.data) {
                    Some(Data::Str(value)) => bulk(Some(value)),
                    _ => bulk(None),
                }
            }
            Command::IncrBy { key, by } => {
                let there = model.has(key, is_string)?;
                let string = model.string(key)?;
                match if there { number(string) } else { Some(0) } {
                    Some(n) => {
                        *string = (n + by).to_string().into_bytes();
                        int(n + by)
                    }
                    None => Expected::Error("not an integer"),
                }
            }
            Command::MSet { pairs } => {
                pairs.iter().for_each(|(key, value)| model.put(key, Data::Str(value.clone()), None));
                ok()
            }
            Command::Del { keys } => int(keys.iter().filter(|key| model.keys.remove(*key).is_some()).count()),
            Command::Rename { from, to } => match model.keys.remove(from) {
                Some(item) => {
                    model.keys.insert(to.clone(), item);
                    ok()
                }
                None => Expected::Error("no such key"),
            },
            Command::Copy { from, to } => match model.keys.get(from).cloned() {
                Some(item) if from != to => {
                    model.keys.insert(to.clone(), item);
                    int(1)
                }
                Some(_) => Expected::Error("source and destination objects are the same"),
                None => int(0),
            },
            Command::ExpireAt { key, ms } => match model.keys.get_mut(key) {
                Some(item) => {
                    item.expire_ms = Some(*ms);
                    int(1)
                }
                None => int(0),
            },
            Command::Persist { key } => {
                let taken = model.keys.get_mut(key).and_then(|item| item.expire_ms.take());
                int(i64::from(taken.is_some()))
            }
            other => return other.apply_hash(model, reply),
        })
    }

    fn apply_hash(&self, model: &mut Model, reply: Option<&Value>) -> Result<Expected, WrongType> {
        Ok(match self {
            Command::HSet { key, pairs } => {
                let hash = model.hash(key)?;
                let new =
                    |(field, value): &(Bytes, Bytes)| hash.insert(field.clone(), value.clone()).is_none();
                int(pairs.iter().map(new).filter(|new| *new).count())
            }
            Command::HDel { key, fields } => {
                let hash = model.hash(key)?;
                let deleted = fields.iter().filter(|field| hash.remove(*field).is_some()).count();
                model.tidy(key);
                int(deleted)
            }
            Command::HIncrBy { key, field, by } => {
                let hash = model.hash(key)?;
                let sum = match hash.get(field) {
                    Some(value) => number(value).map(|n| n + by),
                    None => Some(*by),
                };
                if let Some(sum) = sum {
                    hash.insert(field.clone(), sum.to_string().into_bytes());
                }
                model.tidy(key);
                sum.map_or(Expected::Error("hash value is not an integer"), int)
            }
            Command::Collection(command) => return command.apply(model),
            Command::CasSet { key, expected, new } => {
                model.check(&[key], |data| matches!(data, Data::Str(_)))?;
                match model.keys.get_mut(key).map(|item| &mut item.data) {
                    Some(Data::Str(value)) if value == expected => {
                        value.clone_from(new);
                        int(1)
                    }
                    Some(_) => int(0),
                    None => int(-1),
                }
            }
            Command::CasMSet { changes } => {
                let keys: Vec<&str> = changes.iter().map(|(key, ..)| key.as_str()).collect();
                model.check(&keys, |data| matches!(data, Data::Str(_)))?;
                let is = |(key, expected, _): &(String, Bytes, Bytes)| matches!(model.keys.get(key), Some(item) if item.data == Data::Str(expected.clone()));
                if !changes.iter().all(is) {
                    return Ok(int(0));
                }
                for (key, _, new) in changes {
                    model.string(key)?.clone_from(new);
                }
                int(1)
            }
            Command::Throttle { key } => {
                *model.taken(key)? += 1;
                Expected::Any
            }
            ledger => return ledger.apply_ledger(model, reply),
        })
    }

    fn apply_ledger(&self, model: &mut Model, reply: Option<&Value>) -> Result<Expected, WrongType> {
        let is_account = |data: &Data| matches!(data, Data::Account(_));
        Ok(match self {
            Command::Add { key, amount, text } => int(model.account(key)?.enter(*amount, text)),
            Command::Stamp { key, text } => {
                let said = reply.map(Value::text).and_then(|line| {
                    let mut parts = line.splitn(4, ':').skip(1);
                    Some(Stamp::Known(format!("{}:{}", parts.next()?, parts.next()?)))
                });
                let stamp = said.unwrap_or(Stamp::Unknown);
                model.account(key)?.entries.push(Entry { amount: 0, stamp, text: text.clone() });
                Expected::Any
            }
            Command::Fill { key, len, seed } => {
                model.account(key)?.blob = (*len, fnv(filling(*len, *seed).iter()));
                ok()
            }
            Command::Trim { key, keep } => {
                if !model.has(key, is_account)? {
                    return Ok(int(0));
                }
                let entries = &mut model.account(key)?.entries;
                let dropped = entries.len().saturating_sub(*keep);
                entries.drain(..dropped);
                int(dropped)
            }
            Command::Link { key, other } => {
                other.as_bytes().clone_into(&mut model.account(key)?.link);
                ok()
            }
            Command::Reset { key, amount } => {
                model.put(key, Data::Account(Account::new()), None);
                int(model.account(key)?.enter(*amount, b"reset"))
            }
            Command::Move { from, to, amount } => {
                model.check(&[from, to], is_account)?;
                model.account(from)?.enter(-amount, to.as_bytes());
                model.account(to)?.enter(*amount, from.as_bytes());
                ok()
            }
            Command::AddAll { amount, text, keys, .. } => {
                let names: Vec<&str> = keys.iter().map(String::as_str).collect();
                model.check(&names, is_account)?;
                for key in keys {
                    model.account(key)?.enter(*amount, text);
                }
                int(keys.len())
            }
            Command::Mixed { key, counter, hash, amount } => {
                return mixed(model, [key, counter, hash], *amount);
            }
            Command::Through { key, amount } => return through(model, key, *amount),
            Command::Swap { left, right } => {
                model.check(&[left, right], is_account)?;
                let one = model.account(left)?.blob;
                let other = std::mem::replace(&mut model.account(right)?.blob, one);
                model.account(left)?.blob = other;
                ok()
            }
            Command::Fail { how, .. } => {
                Expected::Error(if *how == "error" { "told to fail" } else { "unreachable" })
            }
            Command::Burn { key, counter, other, steps, .. } => {
                for step in 0..*steps {
                    model.account(key)?.enter(step, b"burn");
                    model.account(other)?.enter(-step, b"burn");
                }
                let count = Command::IncrBy { key: counter.clone(), by: *steps };
                return count.try_apply(model, None);
            }
            native => unreachable!("{native:?} is no command of the module"),
        })
    }
}

fn mixed(model: &mut Model, [key, counter, hash]: [&String; 3], amount: i64) -> Result<Expected, WrongType> {
    model.check(&[key], |data| matches!(data, Data::Account(_)))?;
    model.check(&[counter], |data| matches!(data, Data::Str(_)))?;
    model.check(&[hash], |data| matches!(data, Data::Hash(_)))?;
    let entries = model.account(key)?.enter(amount, b"mixed");
    let fields = model.hash(hash)?;
    fields.insert(b"last".to_vec(), amount.to_string().into_bytes());
    fields.insert(entries.to_string().into_bytes(), amount.to_string().into_bytes());
    Command::IncrBy { key: counter.clone(), by: amount }.try_apply(model, None)
}

fn through(model: &mut Model, key: &str, amount: i64) -> Result<Expected, WrongType> {
    let before = model.clone();
    let mut name = key.to_owned();
    let mut entered = 0;
    while entered < LINKS_MAX && !name.is_empty() {
        let Ok(account) = model.account(&name) else {
            *model = before;
            return Err(WrongType);
        };
        account.enter(amount, b"through");
        name = String::from_utf8_lossy(&account.link).into_owned();
        entered += 1;
    }
    Ok(int(entered))
}
