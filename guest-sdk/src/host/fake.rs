//! The fake server of unit tests: the methods of the contract over the data in `world`. It answers as the server does, errors
//! included, so that a test that passes here passes there.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use super::world::{Data, Entry, STRING_LEN_MAX, glob};
use crate::bytes::FromBytes;
use crate::context::{Circumstances, Client};
use crate::error::{Error, Result};
use crate::key::ValueType;
use crate::log::Level;
use crate::reply::Reply;
use crate::strings::Strings;

pub(crate) use super::world::{Rights, World, keys_of};

thread_local! {
    // Logging needs no context, so the lines of a test are kept by its thread.
    static LOGS: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn log(level: Level, message: &str) {
    LOGS.with_borrow_mut(|logs| logs.push((level, message.to_owned())));
}

pub(crate) fn take_logs() -> Vec<(Level, String)> {
    LOGS.take()
}

/// A handle of the fake server.
#[derive(Clone, Default)]
pub(crate) struct Host(Rc<RefCell<World>>);

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Host")
    }
}

// By value where the imports of `wasm` want it so.
#[allow(clippy::needless_pass_by_value)]
impl Host {
    pub(super) fn of(world: World) -> Self {
        Self(Rc::new(RefCell::new(world)))
    }

    pub(crate) fn world(&self) -> RefMut<'_, World> {
        self.0.borrow_mut()
    }

    pub(crate) fn now_us(&self) -> u64 {
        self.world().now_us
    }

    pub(crate) fn random(&self) -> u64 {
        self.world().random()
    }

    pub(crate) fn client(&self) -> Client {
        self.world().client.clone()
    }

    pub(crate) fn user(&self) -> String {
        self.world().user.clone()
    }

    pub(crate) fn db(&self) -> u32 {
        self.world().db
    }

    pub(crate) fn flags(&self) -> Circumstances {
        self.world().flags
    }

    pub(crate) fn call(&self, argv: Strings) -> Result<Reply> {
        let words: Vec<&[u8]> = argv.iter().collect();
        let name = words.first().map(|name| String::from_utf8_lossy(name).to_lowercase()).unwrap_or_default();
        // Not under the borrow: the answer may look at the context.
        let answer = self.world().answers.get(&name).cloned();
        answer.ok_or(Error::NotCallable).and_then(|answer| answer(&words))
    }

    pub(crate) fn open(&self, name: &[u8], write: bool) -> Result<u32> {
        self.world().open(name, write)
    }

    pub(super) fn read<R>(&self, key: u32, read: impl FnOnce(Option<&Entry>) -> R) -> R {
        let mut world = self.world();
        let name = world.name(key);
        read(world.database().get(&name))
    }

    /// Change an entry; one that is left without a value or without fields goes.
    pub(super) fn change<R>(
        &self,
        key: u32,
        change: impl FnOnce(&mut Option<Entry>) -> Result<R>,
    ) -> Result<R> {
        let mut world = self.world();
        let name = world.name_to_write(key)?;
        let mut entry = world.database().get(&name).cloned();
        let answer = change(&mut entry)?;
        match entry {
            Some(Entry { data: Data::Fields(fields), .. }) if fields.is_empty() => {
                world.database().remove(&name)
            }
            Some(Entry { data: Data::Members(members), .. }) if members.is_empty() => {
                world.database().remove(&name)
            }
            Some(Entry { data: Data::Elements(elements), .. }) if elements.is_empty() => {
                world.database().remove(&name)
            }
            Some(Entry { data: Data::Scores(scores), .. }) if scores.is_empty() => {
                world.database().remove(&name)
            }
            Some(entry) => world.database().insert(name, entry),
            None => world.database().remove(&name),
        };
        Ok(answer)
    }

    pub(crate) fn type_of(&self, key: u32) -> ValueType {
        self.read(key, |entry| match entry.map(|entry| &entry.data) {
            None => ValueType::None,
            Some(Data::Text(_)) => ValueType::String,
            Some(Data::Fields(_)) => ValueType::Hash,
            Some(Data::Members(_)) => ValueType::Set,
            Some(Data::Elements(_)) => ValueType::List,
            Some(Data::Scores(_)) => ValueType::Zset,
            Some(Data::Log(_)) => ValueType::Stream,
            Some(Data::Value(_)) => ValueType::Module,
        })
    }

    pub(crate) fn exists(&self, key: u32) -> bool {
        self.read(key, |entry| entry.is_some())
    }

    pub(crate) fn delete(&self, key: u32) -> Result<bool> {
        self.change(key, |entry| Ok(entry.take().is_some()))
    }

    pub(crate) fn expires_at_ms(&self, key: u32) -> Option<u64> {
        self.read(key, |entry| entry.and_then(|entry| entry.expires_at_ms))
    }

    pub(crate) fn expire_at_ms(&self, key: u32, when: Option<u64>) -> Result<bool> {
        let now_ms = self.now_us() / 1000;
        self.change(key, |entry| match entry {
            None => Ok(false),
            Some(_) if when.is_some_and(|when| when <= now_ms) => {
                *entry = None;
                Ok(true)
            }
            Some(entry) => {
                entry.expires_at_ms = when;
                Ok(true)
            }
        })
    }

    pub(crate) fn scan(&self, cursor: u64, pattern: Option<&[u8]>, count: u32) -> Result<(u64, Strings)> {
        let mut world = self.world();
        if !world.rights.all_keys {
            return Err(Error::UndeclaredKey);
        }
        let names: Vec<Vec<u8>> = world.database().keys().cloned().collect();
        let mut keys = Strings::new();
        let cursor = world.page(cursor, &names, count, |name| {
            if pattern.is_none_or(|pattern| glob(pattern, name)) {
                keys.push(name);
            }
        });
        Ok((cursor, keys))
    }

    pub(crate) fn string_get(&self, key: u32) -> Result<Option<Vec<u8>>> {
        self.read(key, |entry| text(entry).map(|text| text.map(<[u8]>::to_vec)))
    }

    pub(crate) fn string_get_range(&self, key: u32, start: i64, end: i64) -> Result<Vec<u8>> {
        self.read(key, |entry| {
            let text = text(entry)?.unwrap_or_default();
            let len = i64::try_from(text.len()).unwrap_or(i64::MAX);
            let from_start = |at: i64| if at < 0 { (len + at).max(0) } else { at };
            let (start, end) = (from_start(start), from_start(end).min(len - 1));
            if start > end || len == 0 {
                return Ok(Vec::new());
            }
            let at = |at: i64| usize::try_from(at).unwrap_or(0);
            Ok(text[at(start)..=at(end)].to_vec())
        })
    }

    pub(crate) fn string_len(&self, key: u32) -> Result<u64> {
        self.read(key, |entry| Ok(text(entry)?.unwrap_or_default().len() as u64))
    }

    pub(crate) fn string_set(&self, key: u32, value: &[u8]) -> Result<()> {
        let data = Data::Text(checked(value.to_vec())?);
        self.change(key, |entry| {
            *entry = Some(Entry { data, expires_at_ms: None });
            Ok(())
        })
    }

    pub(crate) fn string_replace(&self, key: u32, value: &[u8]) -> Result<()> {
        let value = checked(value.to_vec())?;
        self.change(key, |entry| {
            *text_mut(entry)? = value;
            Ok(())
        })
    }

    pub(crate) fn string_append(&self, key: u32, value: &[u8]) -> Result<u64> {
        self.change(key, |entry| {
            let text = text_mut(entry)?;
            *text = checked([text, value].concat())?;
            Ok(text.len() as u64)
        })
    }

    pub(crate) fn string_set_range(&self, key: u32, offset: u64, value: &[u8]) -> Result<u64> {
        if value.is_empty() {
            // As SETRANGE: nothing to write creates nothing.
            self.world().name_to_write(key)?;
            return self.string_len(key);
        }
        let offset = usize::try_from(offset).map_err(|_| Error::TooLong)?;
        let end =
            offset.checked_add(value.len()).filter(|end| *end <= STRING_LEN_MAX).ok_or(Error::TooLong)?;
        self.change(key, |entry| {
            let text = text_mut(entry)?;
            text.resize(text.len().max(end), 0);
            text[offset..end].copy_from_slice(value);
            Ok(text.len() as u64)
        })
    }

    pub(crate) fn string_incr_by(&self, key: u32, by: i64) -> Result<i64> {
        self.change(key, |entry| {
            let now = text(entry.as_ref())?.map_or(Ok(0), i64::from_bytes)?;
            let sum = now.checked_add(by).ok_or(Error::Overflow)?;
            *text_mut(entry)? = sum.to_string().into_bytes();
            Ok(sum)
        })
    }

    pub(crate) fn hash_get(&self, key: u32, field: &[u8]) -> Result<Option<Vec<u8>>> {
        self.read(key, |entry| Ok(fields(entry)?.and_then(|fields| fields.get(field).cloned())))
    }

    pub(crate) fn hash_get_many(&self, key: u32, wanted: Strings) -> Result<Vec<Option<Vec<u8>>>> {
        wanted.iter().map(|field| self.hash_get(key, field)).collect()
    }

    pub(crate) fn hash_get_all(&self, key: u32) -> Result<Strings> {
        self.read(key, |entry| {
            Ok(fields(entry)?.into_iter().flatten().flat_map(|(field, value)| [field, value]).collect())
        })
    }

    pub(crate) fn hash_set(&self, key: u32, field: &[u8], value: &[u8]) -> Result<bool> {
        let value = checked(value.to_vec())?;
        self.change(key, |entry| Ok(fields_mut(entry)?.insert(field.to_vec(), value).is_none()))
    }

    pub(crate) fn hash_set_many(&self, key: u32, pairs: Strings) -> Result<u32> {
        self.change(key, |entry| {
            let fields = fields_mut(entry)?;
            let new = pairs
                .pairs()
                .filter(|(field, value)| fields.insert(field.to_vec(), value.to_vec()).is_none());
            Ok(u32::try_from(new.count()).unwrap_or(u32::MAX))
        })
    }

    pub(crate) fn hash_delete(&self, key: u32, wanted: Strings) -> Result<u32> {
        self.change(key, |entry| {
            let fields = fields_mut(entry)?;
            let gone = wanted.iter().filter(|field| fields.remove(*field).is_some()).count();
            Ok(u32::try_from(gone).unwrap_or(u32::MAX))
        })
    }

    pub(crate) fn hash_exists(&self, key: u32, field: &[u8]) -> Result<bool> {
        Ok(self.hash_get(key, field)?.is_some())
    }

    pub(crate) fn hash_len(&self, key: u32) -> Result<u64> {
        self.read(key, |entry| Ok(fields(entry)?.map_or(0, BTreeMap::len) as u64))
    }

    pub(crate) fn hash_incr_by(&self, key: u32, field: &[u8], by: i64) -> Result<i64> {
        self.change(key, |entry| {
            let value = fields_mut(entry)?.entry(field.to_vec()).or_insert_with(|| b"0".to_vec());
            let now = i64::from_bytes(value).map_err(|_| Error::HashValueNotAnInteger)?;
            let sum = now.checked_add(by).ok_or(Error::Overflow)?;
            *value = sum.to_string().into_bytes();
            Ok(sum)
        })
    }

    pub(crate) fn hash_scan(&self, key: u32, cursor: u64, count: u32) -> Result<(u64, Strings)> {
        let all = self.read(key, |entry| Ok::<_, Error>(fields(entry)?.cloned().unwrap_or_default()))?;
        let names: Vec<Vec<u8>> = all.keys().cloned().collect();
        let mut pairs = Strings::new();
        let cursor = self.world().page(cursor, &names, count, |name| {
            pairs.push(name);
            pairs.push(&all[name]);
        });
        Ok((cursor, pairs))
    }
}

fn checked(value: Vec<u8>) -> Result<Vec<u8>> {
    if value.len() > STRING_LEN_MAX { Err(Error::TooLong) } else { Ok(value) }
}

fn text(entry: Option<&Entry>) -> Result<Option<&[u8]>> {
    match entry.map(|entry| &entry.data) {
        None => Ok(None),
        Some(Data::Text(text)) => Ok(Some(text)),
        Some(_) => Err(Error::WrongType),
    }
}

fn text_mut(entry: &mut Option<Entry>) -> Result<&mut Vec<u8>> {
    let empty = || Entry { data: Data::Text(Vec::new()), expires_at_ms: None };
    match &mut entry.get_or_insert_with(empty).data {
        Data::Text(text) => Ok(text),
        _ => Err(Error::WrongType),
    }
}

fn fields(entry: Option<&Entry>) -> Result<Option<&BTreeMap<Vec<u8>, Vec<u8>>>> {
    match entry.map(|entry| &entry.data) {
        None => Ok(None),
        Some(Data::Fields(fields)) => Ok(Some(fields)),
        Some(_) => Err(Error::WrongType),
    }
}

fn fields_mut(entry: &mut Option<Entry>) -> Result<&mut BTreeMap<Vec<u8>, Vec<u8>>> {
    let empty = || Entry { data: Data::Fields(BTreeMap::new()), expires_at_ms: None };
    match &mut entry.get_or_insert_with(empty).data {
        Data::Fields(fields) => Ok(fields),
        _ => Err(Error::WrongType),
    }
}
