//! Between the format and the keyspace: values of the server's own types as bytes of a file, and back.

use super::dump::{self, DumpError};
use super::error::Malformed;
use super::kind;
use super::length::put_len;
use super::loaded::Loaded;
use super::pairs::Pairs;
use super::stream;
use super::string::{put_int, put_string};
use super::writer::{Meta, put_key, put_meta, put_module};
use crate::keyspace::{
    EntryRef, Hash, List, ModuleValue, Set, StringRef, Thresholds, TypeId, Value, ValueType, Zset,
};
use crate::limits::{FIELD_EXPIRY_MS_MAX, KEY_BYTES_MAX};

/// Appends a key with its value, its expiry, and what else is known of it. A module's value must be folded.
pub fn put_entry(out: &mut Vec<u8>, entry: EntryRef<'_>, meta: Meta, compress: bool) {
    put_meta(out, entry.expire_at(), meta);
    put_key(out, rdb_type(entry), entry.key(), compress);
    put_value(out, entry, compress);
}

/// The number of the form in which [`put_value`] writes the value.
pub fn rdb_type(entry: EntryRef<'_>) -> u8 {
    match entry.value_type() {
        ValueType::String => kind::STRING,
        ValueType::List => kind::LIST,
        ValueType::Set => kind::SET,
        ValueType::Zset => kind::ZSET_2,
        // Redis 7.0 has no form for fields that expire: then it is that of 7.4, so that nothing is lost.
        ValueType::Hash if entry.hash().is_some_and(|hash| hash.next_expiry().is_some()) => {
            kind::HASH_METADATA
        }
        ValueType::Hash => kind::HASH,
        ValueType::Module => kind::MODULE_2,
        ValueType::Stream => kind::STREAM_LISTPACKS_2,
    }
}

/// Appends the value, without the number of its form. Of a module's value it is what was saved: a journal that came after is
/// not in it, so whoever wants it folds it first.
pub fn put_value(out: &mut Vec<u8>, entry: EntryRef<'_>, compress: bool) {
    if let Some(string) = entry.string() {
        put_text(out, string, compress);
    } else if let Some(hash) = entry.hash() {
        let first = hash.next_expiry();
        if let Some(first) = first {
            out.extend_from_slice(&first.to_le_bytes());
        }
        put_len(out, hash.len() as u64);
        for (field, value, expire_at) in hash.iter_with_expiry() {
            if let Some(first) = first {
                // Counted from the earliest of all, and from one; 0 is never.
                put_len(out, expire_at.map_or(0, |at| at - first + 1));
            }
            put_string(out, field, compress);
            put_text(out, value, compress);
        }
    } else if let Some(list) = entry.list() {
        put_strings(out, list.len(), list.iter(), compress);
    } else if let Some(set) = entry.set() {
        put_len(out, set.len() as u64);
        set.iter().for_each(|member| put_text(out, member, compress));
    } else if let Some(zset) = entry.zset() {
        put_len(out, zset.len() as u64);
        for (member, score) in zset.iter() {
            put_string(out, member, compress);
            out.extend_from_slice(&score.to_le_bytes());
        }
    } else if let Some(module) = entry.module() {
        put_module(out, module.id().bits(), module.saved());
    } else if let Some(stream) = entry.stream() {
        stream::put(out, stream, compress);
    }
}

fn put_strings<'a>(out: &mut Vec<u8>, len: usize, strings: impl Iterator<Item = &'a [u8]>, compress: bool) {
    put_len(out, len as u64);
    strings.for_each(|string| put_string(out, string, compress));
}

#[inline]
fn put_text(out: &mut Vec<u8>, string: StringRef<'_>, compress: bool) {
    match string {
        StringRef::Int(number) => put_int(out, number),
        StringRef::Bytes(bytes) => put_string(out, bytes, compress),
    }
}

/// The value as the keyspace has it.
pub fn decode(loaded: Loaded<'_>, thresholds: &Thresholds) -> Result<Value, Malformed> {
    Ok(match loaded {
        Loaded::String(bytes) => Value::String(bytes.into_owned()),
        Loaded::List(elements) => {
            Value::List(Box::new(List::of_elements(elements.firsts(), thresholds.list_node)))
        }
        Loaded::Set(members) => {
            check_lengths(members)?;
            let set = Set::of_members(members.firsts(), thresholds);
            Value::Set(Box::new(set.ok_or(Malformed("a set with the same member twice"))?))
        }
        Loaded::Zset(members) => {
            check_lengths(members)?;
            let zset = Zset::of_members(members.scored(), thresholds);
            Value::Zset(Box::new(zset.ok_or(Malformed("a sorted set with the same member twice"))?))
        }
        Loaded::Hash(pairs) => {
            check_lengths(pairs)?;
            let mut hash = Hash::of_fields(pairs.iter(), thresholds.hash)
                .ok_or(Malformed("a hash with the same field twice"))?;
            for (field, at) in pairs.expiries() {
                // No command can set a later one, and commands may have to repeat it.
                hash.set_expire(field, Some(at.min(FIELD_EXPIRY_MS_MAX)));
            }
            Value::Hash(Box::new(hash))
        }
        Loaded::Module { id, fields } => {
            Value::Module(Box::new(ModuleValue::new(TypeId::from_bits(id), fields)))
        }
        Loaded::Stream(stream) => Value::Stream(stream),
    })
}

/// Names within a collection are bounded as keys are.
fn check_lengths(elements: &Pairs) -> Result<(), Malformed> {
    if elements.firsts().any(|name| name.len() > KEY_BYTES_MAX) {
        return Err(Malformed("a collection with a field or member that is longer than they may be"));
    }
    Ok(())
}

/// The payload of DUMP. A module's value must be folded.
pub fn dump(entry: EntryRef<'_>, compress: bool) -> Vec<u8> {
    let mut payload = vec![rdb_type(entry)];
    put_value(&mut payload, entry, compress);
    dump::seal(&mut payload);
    payload
}

/// The value of a payload.
pub fn restore(payload: &[u8], thresholds: &Thresholds, now_ms: u64) -> Result<Value, DumpError> {
    dump::load(payload, now_ms, |loaded| decode(loaded, thresholds).ok())
}
