//! Whole files: ours, and every way in which one can be damaged.

use super::super::reader::{Checksum, Entry, Item, ModuleAux};
use super::super::writer::{self, Header, Meta, Replication};
use super::super::{ErrorKind, Loaded, RdbError, Reader, Writer, kind, value};
use super::dumps::unhex;
use crate::keyspace::{self, Hash, List, ModuleValue, NodeLimit, PackedLimits, TypeId, Value};
use crate::limits::RDB_BUFFER;

/// A file with an item of every kind.
fn sample(checksum: bool) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), checksum);
    let id = "0123456789abcdef0123456789abcdef01234567";
    let replication = Some(Replication { stream_db: 0, id, offset: 1 << 33 });
    let header =
        Header { redis_ver: "7.0.15", ctime: 1_700_000_000, used_mem: 1 << 20, aof_base: true, replication };
    let memory = "writing to memory does not fail";
    writer.header(&header).expect(memory);
    writer.module_aux(77, 1, &[2, 5]).expect(memory);
    writer.function(b"#!lua name=lib", true).expect(memory);
    writer.select_db(0).expect(memory);
    writer.resize_db(5, 1).expect(memory);
    for (key, value, expire_ms) in values() {
        let entry = keyspace::Entry::new(key.as_bytes(), value, expire_ms, 0);
        let meta = match key {
            "text" => Meta { idle_s: Some(100), freq: None },
            "hash" => Meta { idle_s: None, freq: Some(5) },
            _ => Meta::default(),
        };
        let mut bytes = Vec::new();
        value::put_entry(&mut bytes, entry.as_ref(), meta, true);
        writer.append(&bytes).expect(memory);
    }
    writer.module_aux(77, 2, &[]).expect(memory);
    let before = writer.written();
    let bytes = writer.finish().expect(memory);
    assert_eq!(bytes.len() as u64, before + 9);
    bytes
}

fn values() -> Vec<(&'static str, Value, Option<u64>)> {
    let mut hash = Hash::new();
    hash.set(b"field", b"value", PackedLimits::default());
    hash.set(b"number", b"-5", PackedLimits::default());
    let id = TypeId::new("test___dt", 1).expect("nine characters");
    let list = List::of_elements([&b"1"[..], b"a"].into_iter(), NodeLimit(-2));
    vec![
        ("text", Value::String(b"some text".to_vec()), None),
        ("number", Value::Int(123_456), Some(1_700_000_000_123)),
        ("repeats", Value::String(b"again and ".repeat(20)), None),
        ("hash", Value::Hash(Box::new(hash)), None),
        ("module", Value::Module(Box::new(ModuleValue::new(id, vec![2, 0x40, 0x6F]))), None),
        ("list", Value::List(Box::new(list)), None),
    ]
}

/// What a file says, one line an item.
fn told(bytes: &[u8]) -> Result<Vec<String>, RdbError> {
    let mut reader = Reader::with_len(bytes, bytes.len() as u64);
    let mut lines = Vec::new();
    loop {
        let line = match reader.next()? {
            Item::Aux { key, value } => format!("aux {} {}", key.escape_ascii(), value.escape_ascii()),
            Item::Function(code) => format!("function {}", code.escape_ascii()),
            Item::Entry(Entry { key, expire_ms, idle_s, freq, value }) => {
                let value = match value {
                    Loaded::String(bytes) => format!("string {}", bytes.escape_ascii()),
                    Loaded::Hash(pairs) => {
                        let pairs =
                            pairs.iter().map(|(f, v)| format!("{}={}", f.escape_ascii(), v.escape_ascii()));
                        format!("hash {}", pairs.collect::<Vec<_>>().join(" "))
                    }
                    Loaded::List(elements) | Loaded::Set(elements) | Loaded::Zset(elements) => {
                        let elements: Vec<_> =
                            elements.firsts().map(|element| element.escape_ascii().to_string()).collect();
                        format!("elements {}", elements.join(" "))
                    }
                    Loaded::Module { id, fields } => {
                        format!("module {:?} {fields:x?}", TypeId::from_bits(id))
                    }
                    Loaded::Stream(stream) => format!("{stream:?}"),
                };
                format!("key {} {expire_ms:?} {idle_s:?} {freq:?} {value}", key.escape_ascii())
            }
            Item::End(checksum) => {
                lines.push(format!("end {checksum:?}"));
                return Ok(lines);
            }
            other => format!("{other:?}"),
        };
        lines.push(line);
    }
}

#[test]
fn a_file_says_what_was_written() {
    let lines = told(&sample(true)).expect("ours");
    let expected = [
        "aux redis-ver 7.0.15",
        "aux redis-bits 64",
        "aux ctime 1700000000",
        "aux used-mem 1048576",
        "aux repl-stream-db 0",
        "aux repl-id 0123456789abcdef0123456789abcdef01234567",
        "aux repl-offset 8589934592",
        "aux aof-base 1",
        "ModuleAux(ModuleAux { id: 77, when: 1, fields: [2, 5] })",
        "function #!lua name=lib",
        "SelectDb(0)",
        "ResizeDb { keys: 5, expires: 1 }",
        "key text None Some(100) None string some text",
        "key number Some(1700000000123) None None string 123456",
        &format!("key repeats None None None string {}", "again and ".repeat(20)),
        "key hash None None Some(5) hash field=value number=-5",
        "key module None None None module test___dt.1 [2, 40, 6f]",
        "key list None None None elements 1 a",
        "ModuleAux(ModuleAux { id: 77, when: 2, fields: [] })",
        "end Right",
    ];
    assert_eq!(lines, expected);
    let without = told(&sample(false)).expect("ours");
    assert_eq!(without.last().map(String::as_str), Some("end Absent"));
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let bytes = sample(true);
    let right = told(&bytes).expect("ours");
    for at in 0..bytes.len() {
        let cut = told(&bytes[..at]).expect_err("something is missing");
        assert!(matches!(cut.kind, ErrorKind::Truncated), "cut at {at}: {cut}");
        assert!(cut.to_string().starts_with("at byte "), "{cut}");
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            match told(&bytes) {
                Err(error) => assert!(error.offset <= bytes.len() as u64, "{error}"),
                // A version that is too old for a checksum.
                Ok(lines) => assert!((5..9).contains(&at), "bit {bit} of byte {at}: {lines:?} {right:?}"),
            }
        }
    }
}

#[test]
fn what_is_no_rdb_is_told() {
    for (bytes, expected) in [
        (&b"REDIS001"[..], "at byte 8: the input ends here, in the middle of an item"),
        (
            b"SOMETHING",
            "at byte 0: this is not an RDB file: it begins with neither REDIS nor VALKEY and a number",
        ),
        (
            b"REDISabcd",
            "at byte 0: this is not an RDB file: it begins with neither REDIS nor VALKEY and a number",
        ),
        (b"REDIS0013", "at byte 0: version 13 of the format cannot be read"),
        (b"REDIS0000", "at byte 0: version 0 of the format cannot be read"),
        (b"VALKEY081", "at byte 0: version 81 of the format cannot be read"),
        (b"REDIS0010\x08\x01a", "at byte 9: 8 is neither a type of value nor an opcode"),
        (b"REDIS0010\xf3\x01a", "at byte 9: 243 is neither a type of value nor an opcode"),
        (b"REDIS0010\x06\x01a\x00", "at byte 9: a module's value of a release candidate cannot be read"),
        (b"REDIS0010\xf6\x01a", "at byte 9: a library of functions of a release candidate cannot be read"),
        (b"REDIS0010\xff12345678", "at byte 10: the checksum is"),
    ] {
        let error = told(bytes).expect_err("none of them is right").to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn old_files_have_no_checksum_and_seconds() {
    let lines = told(b"REDIS0003\xfe\x02\xfd\x10\x27\x00\x00\x00\x01k\x01v\xff").expect("version 3");
    assert_eq!(lines, ["SelectDb(2)", "key k Some(10000000) None None string v", "end Absent"]);
}

#[test]
fn keys_without_elements_are_passed_over() {
    let bytes = b"REDIS0010\xfc\x01\0\0\0\0\0\0\0\x02\x05empty\x00\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0";
    let mut reader = Reader::new(&bytes[..]);
    let Item::Entry(entry) = reader.next().expect("a key") else { panic!("a key") };
    assert_eq!((entry.key, entry.expire_ms), (&b"k"[..], None));
    assert_eq!(reader.empty_keys(), 1);
}

#[test]
fn long_strings_and_what_follows_the_file_are_read() {
    use std::io::Read as _;
    for len in [RDB_BUFFER - 100, RDB_BUFFER, RDB_BUFFER + 1, 5 * RDB_BUFFER] {
        let text: Vec<u8> = (0..len).map(|n| ((n * n) >> 5) as u8).collect();
        let mut writer = Writer::new(Vec::new(), true);
        let memory = "writing to memory does not fail";
        writer.header(&Header::default()).expect(memory);
        writer
            .put(|out| {
                writer::put_key(out, kind::STRING, &text, false);
                super::super::string::put_string(out, &text, false);
            })
            .expect(memory);
        let mut bytes = writer.finish().expect(memory);
        bytes.extend_from_slice(b"*1\r\n");
        let mut reader = Reader::new(bytes.as_slice());
        loop {
            match reader.next().expect("ours") {
                Item::Entry(entry) => {
                    assert!(entry.key == text);
                    assert!(entry.value == Loaded::String(text.as_slice().into()));
                }
                Item::End(checksum) => {
                    assert_eq!(checksum, Checksum::Right);
                    break;
                }
                _ => {}
            }
        }
        assert_eq!(reader.offset(), bytes.len() as u64 - 4);
        let mut rest = Vec::new();
        reader.into_rest().read_to_end(&mut rest).expect("memory can be read");
        assert_eq!(rest, b"*1\r\n");
    }
}

#[test]
fn module_data_is_kept_byte_for_byte() {
    let aux = ModuleAux { id: u64::MAX, when: 1, fields: unhex("05 c3 04 0a 00 61 e0 00 02 80000000 05") };
    let mut bytes = b"REDIS0010".to_vec();
    writer::put_module_aux(&mut bytes, aux.id, aux.when, &aux.fields);
    let mut reader = Reader::new(bytes.as_slice());
    assert_eq!(reader.next().expect("ours"), Item::ModuleAux(aux));
}
