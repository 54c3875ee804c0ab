//! Values in plain Rust types, for tests and tools. The server itself goes the short way into its keyspace.

use super::canonical::Canonical;
use super::error::{RdbError, Result};
use super::fields;
use super::input::{Input, Slice};
use super::kind::Kind;
use super::length;
use super::listpack::Element;
use super::pairs::Pairs;
use super::stream;
use super::walk::{self, Scratch};
use super::{VERSION, string};
use crate::keyspace::Stream;

/// A value.
#[derive(Debug, Clone)]
pub enum Decoded {
    /// Bytes.
    String(Vec<u8>),
    /// Elements in their order.
    List(Vec<Vec<u8>>),
    /// Members, in any order.
    Set(Vec<Vec<u8>>),
    /// Members with their scores, in any order.
    Zset(Vec<(Vec<u8>, f64)>),
    /// Fields with their values, in any order.
    Hash(Vec<(Vec<u8>, Vec<u8>)>),
    /// A stream.
    Stream(Box<Stream>),
    /// A module's value.
    Module {
        /// The id of its type.
        id: u64,
        /// What the module saved, without its end.
        fields: Vec<u8>,
    },
}

/// Reads a value of any form. `bytes` is what follows the number of the form, and must be the value and nothing else.
pub fn decode(rdb_type: u8, bytes: &[u8]) -> Result<Decoded> {
    let (rdb_type, bytes) = super::canonical::canonical(rdb_type, bytes)?;
    Decoded::of_canonical(rdb_type, &bytes)
}

/// Streams are the same if they are written alike.
impl PartialEq for Decoded {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::String(a), Self::String(b)) => a == b,
            (Self::List(a), Self::List(b)) | (Self::Set(a), Self::Set(b)) => a == b,
            (Self::Zset(a), Self::Zset(b)) => a == b,
            (Self::Hash(a), Self::Hash(b)) => a == b,
            (Self::Stream(a), Self::Stream(b)) => {
                let written = |stream| {
                    let mut bytes = Vec::new();
                    stream::put(&mut bytes, stream, false);
                    bytes
                };
                written(a) == written(b)
            }
            (Self::Module { id: a, fields: x }, Self::Module { id: b, fields: y }) => (a, x) == (b, y),
            _ => false,
        }
    }
}

impl Decoded {
    /// Reads a value in the one form of its type.
    pub fn of(canonical: &Canonical) -> Result<Decoded> {
        Self::of_canonical(canonical.rdb_type, &canonical.bytes)
    }

    fn of_canonical(rdb_type: u8, bytes: &[u8]) -> Result<Decoded> {
        let mut input = Slice::new(bytes);
        let kind = Kind::of(rdb_type, VERSION).map_err(|kind| RdbError { offset: 0, kind })?;
        let scratch = &mut Scratch::default();
        Ok(match kind {
            Kind::String => {
                let mut bytes = Vec::new();
                string::append(&mut input, &mut bytes)?;
                Decoded::String(bytes)
            }
            Kind::List => Decoded::List(elements(&mut input, rdb_type, scratch)?),
            Kind::Set => Decoded::Set(elements(&mut input, rdb_type, scratch)?),
            Kind::Zset => {
                let mut members = Vec::new();
                walk::scored(&mut input, rdb_type, scratch, &mut |member, score| {
                    members.push((owned(member), score));
                })?;
                Decoded::Zset(members)
            }
            Kind::Hash => {
                let mut pairs = Pairs::default();
                walk::fields(&mut input, (rdb_type, VERSION), scratch, &mut pairs)?;
                Decoded::Hash(pairs.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect())
            }
            Kind::Stream => Decoded::Stream(Box::new(stream::read(&mut input, rdb_type, scratch)?)),
            Kind::Module => {
                let id = length::read_len(&mut input)?;
                let mut fields = Vec::new();
                fields::copy(&mut input, &mut fields)?;
                Decoded::Module { id, fields }
            }
        })
    }
}

fn elements<I: Input>(input: &mut I, rdb_type: u8, scratch: &mut Scratch) -> Result<Vec<Vec<u8>>> {
    let mut elements = Vec::new();
    walk::elements(input, rdb_type, scratch, &mut |element| elements.push(owned(element)))?;
    Ok(elements)
}

fn owned(element: Element<'_>) -> Vec<u8> {
    element.bytes(&mut itoa::Buffer::new()).to_vec()
}
