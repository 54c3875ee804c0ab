//! A value as it comes out of a file. Strings and the elements of collections are lent where they were read; they are copied
//! once, into the keyspace. A stream is made at once.

use std::borrow::Cow;

use super::error::{ErrorKind, RdbError, Result};
use super::fields;
use super::input::Input;
use super::kind::Kind;
use super::length::{self, Length};
use super::pairs::Pairs;
use super::stream;
use super::string;
use super::walk::{self, Scratch};
use crate::keyspace::Stream;
use crate::limits::RDB_SCRATCH_KEPT;

/// A value.
#[derive(Debug, PartialEq)]
pub enum Loaded<'a> {
    /// A string; owned if it is long.
    String(Cow<'a, [u8]>),
    /// The elements of a list.
    List(&'a Pairs),
    /// The members of a set; the same one may be there twice, which nobody may accept.
    Set(&'a Pairs),
    /// The members of a sorted set with their scores; the same goes for them.
    Zset(&'a Pairs),
    /// The fields of a hash; the same goes for them.
    Hash(&'a Pairs),
    /// A value of a module's type: the type's id, and what the module saved, byte for byte and without its end.
    Module {
        /// The type's name and encoding version.
        id: u64,
        /// See [`fields`].
        fields: Vec<u8>,
    },
    /// A stream.
    Stream(Box<Stream>),
}

/// Reads values, one after the other, into the same room.
#[derive(Default)]
pub struct Loader {
    /// What reading needs, and what it has counted.
    pub scratch: Scratch,
    pairs: Pairs,
}

/// A value that has been read, before it is lent.
pub(super) enum Found {
    /// A string that is yet to be taken from the input, where it is in one piece.
    InInput(usize),
    InScratch,
    Long(Vec<u8>),
    Pairs(Kind),
    Module {
        id: u64,
        fields: Vec<u8>,
    },
    Stream(Box<Stream>),
}

impl Loader {
    /// Reads a value.
    pub fn load<'a, I: Input>(
        &'a mut self,
        input: &'a mut I,
        rdb_type: u8,
        version: u32,
    ) -> Result<Loaded<'a>> {
        let found = self.find(input, rdb_type, version)?;
        self.lend(input, found)
    }

    /// Reads a value and does not lend it yet.
    pub(super) fn find<I: Input>(&mut self, input: &mut I, rdb_type: u8, version: u32) -> Result<Found> {
        let at = input.offset();
        match Kind::of(rdb_type, version).map_err(|kind| RdbError { offset: at, kind })? {
            Kind::String => self.string(input),
            kind @ (Kind::Hash | Kind::List | Kind::Set | Kind::Zset) => {
                self.elements(input, kind, (rdb_type, version))?;
                if self.pairs.is_empty() {
                    return Err(RdbError { offset: at, kind: ErrorKind::Empty });
                }
                Ok(Found::Pairs(kind))
            }
            Kind::Module => {
                let id = length::read_len(input)?;
                let mut fields = Vec::new();
                fields::copy(input, &mut fields)?;
                fields.shrink_to_fit();
                Ok(Found::Module { id, fields })
            }
            Kind::Stream => {
                let stream = stream::read(input, rdb_type, &mut self.scratch)?;
                Ok(Found::Stream(Box::new(stream)))
            }
        }
    }

    /// Reads the elements of a collection into `pairs`.
    fn elements<I: Input>(&mut self, input: &mut I, kind: Kind, form: (u8, u32)) -> Result<()> {
        let (scratch, pairs) = (&mut self.scratch, &mut self.pairs);
        pairs.clear();
        let mut digits = itoa::Buffer::new();
        match kind {
            Kind::Hash => walk::fields(input, form, scratch, pairs),
            Kind::Zset => walk::scored(input, form.0, scratch, &mut |member, score| {
                pairs.push(member.bytes(&mut digits), &score.to_le_bytes());
            }),
            _ => walk::elements(input, form.0, scratch, &mut |element| {
                pairs.push(element.bytes(&mut digits), b"");
            }),
        }
    }

    #[inline]
    fn string<I: Input>(&mut self, input: &mut I) -> Result<Found> {
        match length::read(input)? {
            Length::Plain(len) if input.can_take(len) => {
                Ok(Found::InInput(usize::try_from(len).unwrap_or(usize::MAX)))
            }
            Length::Plain(len) => {
                let mut bytes = Vec::new();
                input.append(len, &mut bytes)?;
                Ok(Found::Long(bytes))
            }
            Length::Special(form) => {
                self.scratch.bytes.clear();
                string::append_special(input, form, &mut self.scratch.bytes)?;
                if self.scratch.bytes.len() > RDB_SCRATCH_KEPT {
                    return Ok(Found::Long(std::mem::take(&mut self.scratch.bytes)));
                }
                Ok(Found::InScratch)
            }
        }
    }

    /// Lends what was found.
    #[inline]
    pub(super) fn lend<'a, I: Input>(&'a mut self, input: &'a mut I, found: Found) -> Result<Loaded<'a>> {
        Ok(match found {
            Found::InInput(len) => Loaded::String(Cow::Borrowed(input.take(len)?)),
            Found::InScratch => Loaded::String(Cow::Borrowed(&self.scratch.bytes)),
            Found::Long(bytes) => Loaded::String(Cow::Owned(bytes)),
            Found::Pairs(Kind::List) => Loaded::List(&self.pairs),
            Found::Pairs(Kind::Set) => Loaded::Set(&self.pairs),
            Found::Pairs(Kind::Zset) => Loaded::Zset(&self.pairs),
            Found::Pairs(_) => Loaded::Hash(&self.pairs),
            Found::Module { id, fields } => Loaded::Module { id, fields },
            Found::Stream(stream) => Loaded::Stream(stream),
        })
    }
}
