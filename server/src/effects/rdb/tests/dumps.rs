//! Payloads of DUMP, ours and those that redis-server 7.0.15 and Valkey 8 gave.

use super::super::decoded::Decoded;
use super::super::dump::{self, DumpError};
use super::super::fields::{Field, Fields};
use super::super::input::{Input, Slice};
use super::super::walk::Scratch;
use super::super::{Canonical, Loaded, value};
use crate::keyspace::{Entry, Hash, ModuleValue, PackedLimits, Thresholds, TypeId, Value};

pub(super) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |digit: u8| (digit as char).to_digit(16).expect("a hexadecimal digit") as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// The value of a payload, in plain types.
fn decoded(payload: &[u8]) -> Result<Decoded, DumpError> {
    let (version, value) = dump::open(payload)?;
    let mut input = Slice::new(value);
    let rdb_type = input.byte().map_err(|_| DumpError::BadData)?;
    let canonical = Canonical::read(&mut input, rdb_type, version, &mut Scratch::default());
    Decoded::of(&canonical.map_err(|_| DumpError::BadData)?).map_err(|_| DumpError::BadData)
}

#[test]
fn a_module_value_of_valkey_is_read_and_written_again() {
    // datatype.so, type test___dt with version 1, value (111, "foo").
    let payload = unhex("07 81 b5eb2dffffddb401 02 40 6f 05 03 666f6f 00 0b00 c3aa75ff78fdb048");
    let (id, fields) = dump::load(&payload, 0, |loaded| match loaded {
        Loaded::Module { id, fields } => Some((id, fields)),
        _ => None,
    })
    .expect("a module's value");
    assert_eq!(TypeId::from_bits(id), TypeId::new("test___dt", 1).expect("nine characters"));
    let mut read = Fields::new(&fields);
    assert_eq!(read.next().expect("an integer"), Some(Field::Unsigned(111)));
    assert_eq!(read.next().expect("a string"), Some(Field::String(b"foo".into())));
    assert_eq!(read.next().expect("the end"), None);

    let value = Value::Module(Box::new(ModuleValue::new(TypeId::from_bits(id), fields)));
    let again = value::dump(Entry::new(b"key", value, None, 0).as_ref(), true);
    // Another version, so another checksum.
    assert_eq!(again[..again.len() - 10], payload[..payload.len() - 10]);
    assert_eq!(decoded(&again).expect("ours"), decoded(&payload).expect("theirs"));
}

#[test]
fn strings_and_hashes_come_back() {
    let limits = PackedLimits::default();
    for text in [&b""[..], b"0", b"-123456", b"99999999999", b"text", &[b'x'; 1000], &b"abc".repeat(200_000)]
    {
        for compress in [false, true] {
            let payload = value::dump(Entry::string(b"key", text, None, 0).as_ref(), compress);
            let Ok(Value::String(back)) = value::restore(&payload, &Thresholds::default(), 0) else {
                panic!("a string")
            };
            assert_eq!(back, text);
        }
    }
    for fields in [1, 2, 200] {
        let mut hash = Hash::new();
        for n in 0..fields {
            hash.set(format!("field {n}").as_bytes(), n.to_string().as_bytes(), limits);
        }
        let entry = Entry::new(b"key", Value::Hash(Box::new(hash)), None, 0);
        let Ok(Value::Hash(back)) =
            value::restore(&value::dump(entry.as_ref(), true), &Thresholds::default(), 0)
        else {
            panic!("a hash")
        };
        assert_eq!(back.len(), fields);
        for n in 0..fields {
            let value = back.get(format!("field {n}").as_bytes()).expect("the field is there");
            assert_eq!(value.to_vec(), n.to_string().as_bytes());
        }
    }
}

#[test]
fn a_damaged_payload_is_refused() {
    let payload = value::dump(Entry::string(b"key", b"text", None, 0).as_ref(), true);
    for at in 0..payload.len() {
        for bit in 0..8 {
            let mut payload = payload.clone();
            payload[at] ^= 1 << bit;
            assert_eq!(decoded(&payload), Err(DumpError::Checksum), "bit {bit} of byte {at}");
        }
        assert_eq!(decoded(&payload[..at]), Err(DumpError::Checksum), "cut at {at}");
    }
    let mut newer = payload[..payload.len() - 10].to_vec();
    newer.extend_from_slice(&13u16.to_le_bytes());
    let checksum = super::super::crc64::crc64(&newer);
    newer.extend_from_slice(&checksum.to_le_bytes());
    assert_eq!(decoded(&newer), Err(DumpError::Checksum));
    assert_eq!(DumpError::Checksum.to_string(), "ERR DUMP payload version or checksum are wrong");
}

#[test]
fn a_wrong_value_with_a_right_checksum_is_refused() {
    for value in [
        "",
        "08 00",
        "1a 00",
        "06 00",
        "00",
        "00 05 61",
        "01 00",
        "02 02 01 61 01 61",
        "04 02 0161 0162 0161 0163",
    ] {
        let mut payload = unhex(value);
        dump::seal(&mut payload);
        let restored = value::restore(&payload, &Thresholds::default(), 0).map(|value| value.value_type());
        assert_eq!(restored, Err(DumpError::BadData), "{value}");
    }
}
