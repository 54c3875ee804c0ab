//! Moods: `<function>-<what it does>`, for instance `save-trap`. A mood that concerns another function changes nothing.
//!
//! Every function knows `trap`, `loop` (for ever), `memory` (allocate for ever), `logs` (write without end) and `keys` (use keys, which
//! is not allowed here). Those that answer with bytes know `garbage`, `huge` (100 MB) and `empty` too, those with a number `huge`, `load`
//! and `copy` `refuse`; and `load-twice` gives out a number that another object has.
use sandkey::bindings::sandkey::module::keyspace;
use sandkey::data_type::{Reader, Writer};
use sandkey::prelude::*;

use crate::{Object, objects};

/// A function of `values`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Function {
    Load,
    Save,
    Free,
    Usage,
    Effort,
    Copy,
    Digest,
    Rewrite,
}

/// What an object in this mood does in a function, if that is what its mood is about.
pub fn what(mood: &str, function: Function) -> Option<&str> {
    let name = format!("{function:?}").to_lowercase();
    mood.strip_prefix(name.as_str())?.strip_prefix('-')
}

/// What any function can do wrong.
pub fn misbehave(mood: &str, function: Function) {
    match what(mood, function) {
        Some("trap") => panic!("told to trap in {function:?}"),
        Some("loop") => loop {
            std::hint::black_box(mood);
        },
        Some("memory") => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![0xaau8; 1 << 20]);
                std::hint::black_box(&hoard);
            }
        }
        Some("logs") => (0..10_000).for_each(|line| warning!("line {line} of {function:?}")),
        Some("keys") => {
            assert!(
                keyspace::open(b"key", keyspace::Mode::Write).is_err(),
                "a key was opened in {function:?}"
            );
        }
        _ => {}
    }
}

/// Make an object of what `bytes` wrote.
pub fn load(bytes: &[u8]) -> Result<u32, String> {
    let mut reader = Reader::new(bytes);
    let read = |reader: &mut Reader<'_>| -> Result<Object> {
        Ok(Object { mood: reader.string()?, payload: reader.bytes()?.to_vec() })
    };
    let object = read(&mut reader).map_err(|error| error.to_string())?;
    misbehave(&object.mood, Function::Load);
    refusal(&object.mood, Function::Load)?;
    match (what(&object.mood, Function::Load), objects::any()) {
        (Some("twice"), Some(number)) => Ok(number),
        (Some("stranger"), _) => Ok(u32::MAX),
        _ => Ok(objects::insert(object)),
    }
}

/// The refusal that the mood asks for.
pub fn refusal(mood: &str, function: Function) -> Result<(), String> {
    match what(mood, function) {
        Some("refuse") => {
            Err(format!("refused in {function:?}\r\n-ERR forged \u{1b}[31m{}", "x".repeat(100_000)))
        }
        _ => Ok(()),
    }
}

/// The bytes of an object, or what the mood makes of them.
pub fn bytes(object: &Object, function: Function) -> Vec<u8> {
    misbehave(&object.mood, function);
    match what(&object.mood, function) {
        Some("garbage") => b"\x07garbage\x00".to_vec(),
        Some("empty") => Vec::new(),
        Some("huge") => {
            let mut writer = Writer::new();
            writer.bytes(&vec![b'x'; 100 << 20]);
            writer.into_bytes()
        }
        _ => {
            let mut writer = Writer::new();
            writer.string(&object.mood);
            writer.bytes(&object.payload);
            writer.into_bytes()
        }
    }
}

/// A number of bytes or steps.
pub fn number(mood: &str, function: Function) -> u64 {
    misbehave(mood, function);
    if what(mood, function) == Some("huge") { u64::MAX } else { 1 }
}
