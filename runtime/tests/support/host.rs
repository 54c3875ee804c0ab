//! A host that is a few maps: enough of a keyspace to see that every function arrives with its arguments and returns with
//! its answer. It undoes nothing and checks no declared keys; that is the server's work.

#![allow(dead_code, missing_docs, unreachable_pub)]

#[path = "collections.rs"]
mod collections;
#[path = "sets.rs"]
mod sets;
#[path = "streams.rs"]
mod streams;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sandkey_runtime::{
    Argv, ArgvBuf, ClientInfo, ContextFlags, Error, Host, HostFault, HostResult, LogLevel, Mode, Reply,
    ValueType, ValuesBuf,
};

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    String(Vec<u8>),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
    Set(BTreeSet<Vec<u8>>),
    List(VecDeque<Vec<u8>>),
    Zset(BTreeMap<Vec<u8>, f64>),
    Stream(streams::Log),
    /// A data type and an object.
    Object(u32, u32),
}

#[derive(Default)]
pub struct TestHost {
    pub now_us: u64,
    pub random: u64,
    pub lines: Vec<String>,
    pub keys: BTreeMap<Vec<u8>, Value>,
    pub expires: BTreeMap<Vec<u8>, u64>,
    pub open: Vec<(Vec<u8>, Mode)>,
    pub called: Vec<Vec<Vec<u8>>>,
}

impl TestHost {
    fn name(&self, key: u32) -> Result<Vec<u8>, HostFault> {
        self.open.get(key as usize).map(|(name, _)| name.clone()).ok_or(HostFault::BadHandle(key))
    }

    fn string(&mut self, key: u32) -> HostResult<Option<&mut Vec<u8>>> {
        let name = self.name(key)?;
        match self.keys.get_mut(&name) {
            None => Ok(None),
            Some(Value::String(bytes)) => Ok(Some(bytes)),
            Some(_) => Err(Error::WrongType.into()),
        }
    }

    fn hash(&mut self, key: u32) -> HostResult<&mut BTreeMap<Vec<u8>, Vec<u8>>> {
        let name = self.name(key)?;
        match self.keys.entry(name).or_insert_with(|| Value::Hash(BTreeMap::new())) {
            Value::Hash(fields) => Ok(fields),
            _ => Err(Error::WrongType.into()),
        }
    }

    fn writable(&self, key: u32) -> HostResult<Vec<u8>> {
        match self.open.get(key as usize) {
            None => Err(HostFault::BadHandle(key).into()),
            Some((_, Mode::Read)) => Err(Error::ReadOnly.into()),
            Some((name, Mode::Write)) => Ok(name.clone()),
        }
    }
}

impl Host for TestHost {
    fn client(&mut self) -> ClientInfo<'_> {
        ClientInfo { id: 7, name: "tester".into(), address: "127.0.0.1:1".into(), resp: 3 }
    }

    fn user(&mut self) -> Cow<'_, str> {
        "default".into()
    }

    fn db(&mut self) -> u32 {
        9
    }

    fn flags(&mut self) -> ContextFlags {
        ContextFlags { in_multi: true, replaying: false, out_of_memory: false, called: true }
    }

    fn now_us(&mut self) -> u64 {
        self.now_us
    }

    fn random(&mut self) -> u64 {
        self.random += 1;
        self.random
    }

    fn log(&mut self, level: LogLevel, line: &str) {
        self.lines.push(format!("{} {line}", format!("{level:?}").to_lowercase()));
    }

    fn open(&mut self, name: &[u8], mode: Mode) -> HostResult<u32> {
        if name == b"undeclared" {
            return Err(Error::UndeclaredKey.into());
        }
        self.open.push((name.to_vec(), mode));
        Ok(u32::try_from(self.open.len() - 1).expect("a test opens few keys"))
    }

    fn type_of(&mut self, key: u32) -> Result<ValueType, HostFault> {
        let name = self.name(key)?;
        Ok(match self.keys.get(&name) {
            None => ValueType::None,
            Some(Value::String(_)) => ValueType::String,
            Some(Value::Hash(_)) => ValueType::Hash,
            Some(Value::Set(_)) => ValueType::Set,
            Some(Value::List(_)) => ValueType::List,
            Some(Value::Zset(_)) => ValueType::Zset,
            Some(Value::Stream(_)) => ValueType::Stream,
            Some(Value::Object(..)) => ValueType::Module,
        })
    }

    fn exists(&mut self, key: u32) -> Result<bool, HostFault> {
        let name = self.name(key)?;
        Ok(self.keys.contains_key(&name))
    }

    fn delete(&mut self, key: u32) -> HostResult<bool> {
        let name = self.writable(key)?;
        Ok(self.keys.remove(&name).is_some())
    }

    fn expires_at_ms(&mut self, key: u32) -> Result<Option<u64>, HostFault> {
        let name = self.name(key)?;
        Ok(self.expires.get(&name).copied())
    }

    fn expire_at_ms(&mut self, key: u32, when: Option<u64>) -> HostResult<bool> {
        let name = self.writable(key)?;
        match when {
            Some(when) => self.expires.insert(name.clone(), when),
            None => self.expires.remove(&name),
        };
        Ok(self.keys.contains_key(&name))
    }

    fn scan(
        &mut self,
        cursor: u64,
        pattern: Option<&[u8]>,
        count: u32,
        keys: &mut ArgvBuf,
    ) -> HostResult<u64> {
        keys.push(format!("cursor={cursor} count={count}").as_bytes());
        keys.push(pattern.unwrap_or(b"no pattern"));
        Ok(cursor + 1)
    }

    fn string_get(&mut self, key: u32) -> HostResult<Option<&[u8]>> {
        Ok(self.string(key)?.map(|bytes| bytes.as_slice()))
    }

    fn string_get_range(&mut self, key: u32, start: i64, end: i64) -> HostResult<&[u8]> {
        let bytes = self.string(key)?.map_or(&[][..], |bytes| bytes.as_slice());
        let start = usize::try_from(start).unwrap_or(0).min(bytes.len());
        let end = usize::try_from(end).unwrap_or(0).min(bytes.len());
        Ok(&bytes[start..end])
    }

    fn string_len(&mut self, key: u32) -> HostResult<u64> {
        Ok(self.string(key)?.map_or(0, |bytes| bytes.len() as u64))
    }

    fn string_set(&mut self, key: u32, value: &[u8]) -> HostResult<()> {
        let name = self.writable(key)?;
        self.keys.insert(name, Value::String(value.to_vec()));
        Ok(())
    }

    fn string_replace(&mut self, key: u32, value: &[u8]) -> HostResult<()> {
        self.string_set(key, value)
    }

    fn string_append(&mut self, key: u32, value: &[u8]) -> HostResult<u64> {
        let mut bytes = self.string(key)?.cloned().unwrap_or_default();
        bytes.extend_from_slice(value);
        let length = bytes.len() as u64;
        self.string_set(key, &bytes)?;
        Ok(length)
    }

    fn string_set_range(&mut self, key: u32, offset: u64, value: &[u8]) -> HostResult<u64> {
        let mut bytes = self.string(key)?.cloned().unwrap_or_default();
        let offset = usize::try_from(offset).map_err(|_| Error::TooLong)?;
        bytes.resize(bytes.len().max(offset + value.len()), 0);
        bytes[offset..offset + value.len()].copy_from_slice(value);
        let length = bytes.len() as u64;
        self.string_set(key, &bytes)?;
        Ok(length)
    }

    fn string_incr_by(&mut self, key: u32, by: i64) -> HostResult<i64> {
        let bytes = self.string(key)?.cloned().unwrap_or_else(|| b"0".to_vec());
        let number: i64 =
            std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok()).ok_or(Error::NotAnInteger)?;
        let sum = number.checked_add(by).ok_or(Error::Overflow)?;
        self.string_set(key, sum.to_string().as_bytes())?;
        Ok(sum)
    }

    fn hash_get(&mut self, key: u32, field: &[u8]) -> HostResult<Option<&[u8]>> {
        Ok(self.hash(key)?.get(field).map(Vec::as_slice))
    }

    fn hash_get_many(&mut self, key: u32, fields: Argv<'_>, values: &mut ValuesBuf) -> HostResult<()> {
        let hash = self.hash(key)?;
        for field in fields.iter() {
            values.push(hash.get(field).map(Vec::as_slice));
        }
        Ok(())
    }

    fn hash_get_all(&mut self, key: u32, pairs: &mut ArgvBuf) -> HostResult<()> {
        for (field, value) in self.hash(key)? {
            pairs.push(field);
            pairs.push(value);
        }
        Ok(())
    }

    fn hash_set(&mut self, key: u32, field: &[u8], value: &[u8]) -> HostResult<bool> {
        self.writable(key)?;
        Ok(self.hash(key)?.insert(field.to_vec(), value.to_vec()).is_none())
    }

    fn hash_set_many(&mut self, key: u32, pairs: Argv<'_>) -> HostResult<u32> {
        let mut new = 0;
        let pairs: Vec<&[u8]> = pairs.iter().collect();
        for pair in pairs.chunks_exact(2) {
            new += u32::from(self.hash_set(key, pair[0], pair[1])?);
        }
        Ok(new)
    }

    fn hash_delete(&mut self, key: u32, fields: Argv<'_>) -> HostResult<u32> {
        self.writable(key)?;
        let hash = self.hash(key)?;
        Ok(fields.iter().map(|field| u32::from(hash.remove(field).is_some())).sum())
    }

    fn hash_exists(&mut self, key: u32, field: &[u8]) -> HostResult<bool> {
        Ok(self.hash(key)?.contains_key(field))
    }

    fn hash_len(&mut self, key: u32) -> HostResult<u64> {
        Ok(self.hash(key)?.len() as u64)
    }

    fn hash_incr_by(&mut self, key: u32, field: &[u8], by: i64) -> HostResult<i64> {
        let number: i64 = match self.hash(key)?.get(field) {
            None => 0,
            Some(bytes) => std::str::from_utf8(bytes)
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or(Error::HashValueNotAnInteger)?,
        };
        let sum = number.checked_add(by).ok_or(Error::Overflow)?;
        self.hash_set(key, field, sum.to_string().as_bytes())?;
        Ok(sum)
    }

    fn hash_scan(&mut self, key: u32, cursor: u64, count: u32, pairs: &mut ArgvBuf) -> HostResult<u64> {
        pairs.push(format!("key={key} cursor={cursor} count={count}").as_bytes());
        Ok(0)
    }

    fn object_get(&mut self, key: u32, data_type: u32) -> HostResult<Option<u32>> {
        let name = self.name(key)?;
        match self.keys.get(&name) {
            None => Ok(None),
            Some(Value::Object(found, object)) if *found == data_type => Ok(Some(*object)),
            Some(_) => Err(Error::WrongType.into()),
        }
    }

    fn object_edit(&mut self, key: u32, data_type: u32) -> HostResult<Option<u32>> {
        self.writable(key)?;
        self.object_get(key, data_type)
    }

    fn object_journal(&mut self, key: u32, command: Argv<'_>) -> HostResult<()> {
        self.writable(key)?;
        self.called.push(command.iter().map(<[u8]>::to_vec).collect());
        Ok(())
    }

    fn object_set(&mut self, key: u32, data_type: u32, object: u32) -> HostResult<()> {
        let name = self.writable(key)?;
        self.keys.insert(name, Value::Object(data_type, object));
        Ok(())
    }

    fn object_type_name(&mut self, key: u32) -> Result<Option<Cow<'_, str>>, HostFault> {
        let name = self.name(key)?;
        Ok(match self.keys.get(&name) {
            Some(Value::Object(data_type, _)) => Some(format!("test-typ{data_type}").into()),
            _ => None,
        })
    }

    fn object_scan(
        &mut self,
        data_type: u32,
        cursor: u64,
        count: u32,
        keys: &mut ArgvBuf,
    ) -> HostResult<u64> {
        keys.push(format!("type={data_type} cursor={cursor} count={count}").as_bytes());
        Ok(cursor + 1)
    }

    fn call(&mut self, args: Argv<'_>) -> HostResult<Reply> {
        self.called.push(args.iter().map(<[u8]>::to_vec).collect());
        match args.get(0) {
            Some(b"get") => Ok(Reply::Bulk(b"got".to_vec())),
            Some(b"fail") => Err(Error::other("NOPE not today").into()),
            _ => Err(Error::NotCallable.into()),
        }
    }
}
