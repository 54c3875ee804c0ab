//! Between the format and the keyspace: values of the server's own types as bytes of a file, and back.

use super::compress;
use super::dump::{self, DumpError};
use super::error::Malformed;
use super::kind::{self, Kind};
use super::length::put_len;
use super::loaded::Loaded;
use super::string::{put_int, put_string};
use super::writer::{Meta, put_key, put_meta, put_module};
use crate::keyspace::{EntryRef, Hash, HashLimits, ModuleValue, Opaque, StringRef, TypeId, Value, ValueType};
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
        // Redis 7.0 has no form for fields that expire: then it is that of 7.4, so that nothing is lost.
        ValueType::Hash if entry.hash().is_some_and(|hash| hash.next_expiry().is_some()) => {
            kind::HASH_METADATA
        }
        ValueType::Hash if entry.hash().is_some() => kind::HASH,
        ValueType::Module => kind::MODULE_2,
        _ => entry.opaque().map_or(kind::STRING, |opaque| opaque.rdb_type),
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
    } else if let Some(module) = entry.module() {
        put_module(out, module.id().bits(), module.saved());
    } else if let Some(opaque) = entry.opaque() {
        if compress {
            compress::put(out, opaque.rdb_type, &opaque.bytes);
        } else {
            out.extend_from_slice(&opaque.bytes);
        }
    }
}

#[inline]
fn put_text(out: &mut Vec<u8>, string: StringRef<'_>, compress: bool) {
    match string {
        StringRef::Int(number) => put_int(out, number),
        StringRef::Bytes(bytes) => put_string(out, bytes, compress),
    }
}

/// The value as the keyspace has it.
pub fn decode(loaded: Loaded<'_>, limits: HashLimits) -> Result<Value, Malformed> {
    Ok(match loaded {
        Loaded::String(bytes) => Value::String(bytes.into_owned()),
        Loaded::Hash(pairs) => {
            if pairs.iter().any(|(field, _)| field.len() > KEY_BYTES_MAX) {
                return Err(Malformed("a hash with a field that is longer than fields may be"));
            }
            let mut hash =
                Hash::of_fields(pairs.iter(), limits).ok_or(Malformed("a hash with the same field twice"))?;
            for (field, at) in pairs.expiries() {
                // No command can set a later one, and commands may have to repeat it.
                hash.set_expire(field, Some(at.min(FIELD_EXPIRY_MS_MAX)));
            }
            Value::Hash(Box::new(hash))
        }
        Loaded::Module { id, fields } => {
            Value::Module(Box::new(ModuleValue::new(TypeId::from_bits(id), fields)))
        }
        Loaded::Other(canonical) => Value::Opaque(Box::new(Opaque {
            value_type: value_type(canonical.kind),
            rdb_type: canonical.rdb_type,
            bytes: canonical.bytes.into_boxed_slice(),
        })),
    })
}

fn value_type(kind: Kind) -> ValueType {
    match kind {
        Kind::String => ValueType::String,
        Kind::List => ValueType::List,
        Kind::Set => ValueType::Set,
        Kind::Zset => ValueType::Zset,
        Kind::Hash => ValueType::Hash,
        Kind::Stream => ValueType::Stream,
        Kind::Module => ValueType::Module,
    }
}

/// The payload of DUMP. A module's value must be folded.
pub fn dump(entry: EntryRef<'_>, compress: bool) -> Vec<u8> {
    let mut payload = vec![rdb_type(entry)];
    put_value(&mut payload, entry, compress);
    dump::seal(&mut payload);
    payload
}

/// The value of a payload.
pub fn restore(payload: &[u8], limits: HashLimits, now_ms: u64) -> Result<Value, DumpError> {
    dump::load(payload, now_ms, |loaded| decode(loaded, limits).ok())
}
