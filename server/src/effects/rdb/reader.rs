//! Reads an RDB from its first byte to its checksum, item by item. What an item holds is lent until the next one is asked
//! for, so that a file of millions of short strings needs no allocation for any of them here.

use std::io::{self, Read};

use super::error::{ErrorKind, RdbError, Result};
use super::fields;
use super::input::{Input, Stream};
use super::length;
use super::loaded::{Found, Loaded, Loader};
use super::{VALKEY_VERSION, VERSION_MAX, opcode, string};

/// The first version that ends with a checksum.
const CHECKSUM_SINCE: u32 = 5;

/// An item.
#[derive(Debug, PartialEq)]
pub enum Item<'a> {
    /// An auxiliary field.
    Aux {
        /// Its name.
        key: &'a [u8],
        /// Its value.
        value: &'a [u8],
    },
    /// The database of the keys that follow.
    SelectDb(u64),
    /// How many keys and expiries that database had when it was written.
    ResizeDb {
        /// Keys.
        keys: u64,
        /// Keys that expire.
        expires: u64,
    },
    /// The same for one slot of a cluster.
    SlotInfo {
        /// The slot.
        slot: u64,
        /// Keys.
        keys: u64,
        /// Keys that expire.
        expires: u64,
    },
    /// The source of a library of functions.
    Function(&'a [u8]),
    /// What a module keeps beside its keys.
    ModuleAux(ModuleAux),
    /// A key.
    Entry(Entry<'a>),
    /// The end. The source may go on with something else.
    End(Checksum),
}

/// What a module keeps beside its keys, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleAux {
    /// The id of the type that it was saved with.
    pub id: u64,
    /// Whether it stands before (1) or after (2) the keys.
    pub when: u64,
    /// What the module saved, without its end.
    pub fields: Vec<u8>,
}

/// A key with its value.
#[derive(Debug, PartialEq)]
pub struct Entry<'a> {
    /// The key.
    pub key: &'a [u8],
    /// When it expires.
    pub expire_ms: Option<u64>,
    /// Seconds since it was used.
    pub idle_s: Option<u64>,
    /// How often it is used, as LFU counts.
    pub freq: Option<u8>,
    /// Its value.
    pub value: Loaded<'a>,
}

/// What is known of the checksum at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// It is that of the bytes.
    Right,
    /// The writer left it out, or the format is too old to have one.
    Absent,
    /// Nobody wanted to know.
    NotChecked,
}

/// Reads an RDB.
pub struct Reader<R> {
    input: Stream<R>,
    loader: Loader,
    check: bool,
    version: Option<u32>,
    key: Vec<u8>,
    other: Vec<u8>,
    empty_keys: u64,
}

/// An item before it is lent.
enum Step {
    Aux,
    SelectDb(u64),
    ResizeDb(u64, u64),
    SlotInfo(u64, u64, u64),
    Function,
    ModuleAux(ModuleAux),
    Entry(Meta, Found),
    End(Checksum),
}

#[derive(Default)]
struct Meta {
    expire_ms: Option<u64>,
    idle_s: Option<u64>,
    freq: Option<u8>,
}

impl<R: Read> Reader<R> {
    /// Reads from a source that goes on for as long as it does. It needs no buffer.
    pub fn new(source: R) -> Self {
        Self::with(Stream::new(source, None))
    }

    /// Reads from a source that has this many bytes, so that a length beyond its end is noticed at once.
    pub fn with_len(source: R, len: u64) -> Self {
        Self::with(Stream::new(source, Some(len)))
    }

    fn with(input: Stream<R>) -> Self {
        Reader {
            input,
            loader: Loader::default(),
            check: true,
            version: None,
            key: Vec::new(),
            other: Vec::new(),
            empty_keys: 0,
        }
    }

    /// Whether the checksum at the end is compared: `rdbchecksum`. To be said before the first item.
    pub fn check_checksum(&mut self, check: bool) {
        self.check = check;
        if !check {
            self.input.forget_checksum();
        }
    }

    /// Leaves out fields of hashes that expired before this moment.
    pub fn set_now(&mut self, now_ms: u64) {
        self.loader.scratch.now_ms = Some(now_ms);
    }

    /// The version of the format; 0 before the first item.
    pub fn version(&self) -> u32 {
        self.version.unwrap_or(0)
    }

    /// How many bytes have been read.
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// How many keys had an empty collection, and were passed over for that.
    pub fn empty_keys(&self) -> u64 {
        self.empty_keys
    }

    /// How many fields of hashes had expired, and were left out.
    pub fn fields_expired(&self) -> u64 {
        self.loader.scratch.fields_expired
    }

    /// What follows the RDB: what is in the buffer already, then the source.
    pub fn into_rest(self) -> io::Chain<io::Cursor<Vec<u8>>, R> {
        self.input.into_rest()
    }

    /// The next item. After an error or the end there is none.
    #[allow(clippy::should_implement_trait)] // An iterator cannot lend.
    pub fn next(&mut self) -> Result<Item<'_>> {
        let version = match self.version {
            Some(version) => version,
            None => self.header()?,
        };
        let step = self.step(version)?;
        Ok(match step {
            Step::Aux => Item::Aux { key: &self.key, value: &self.other },
            Step::SelectDb(index) => Item::SelectDb(index),
            Step::ResizeDb(keys, expires) => Item::ResizeDb { keys, expires },
            Step::SlotInfo(slot, keys, expires) => Item::SlotInfo { slot, keys, expires },
            Step::Function => Item::Function(&self.other),
            Step::ModuleAux(aux) => Item::ModuleAux(aux),
            Step::Entry(Meta { expire_ms, idle_s, freq }, found) => {
                let value = self.loader.lend(&mut self.input, found)?;
                Item::Entry(Entry { key: &self.key, expire_ms, idle_s, freq, value })
            }
            Step::End(checksum) => Item::End(checksum),
        })
    }

    fn header(&mut self) -> Result<u32> {
        let header: [u8; 9] = self.input.array()?;
        let version = match &header {
            [b'R', b'E', b'D', b'I', b'S', digits @ ..] => number(digits),
            [b'V', b'A', b'L', b'K', b'E', b'Y', digits @ ..] => number(digits),
            _ => None,
        };
        let version = version.ok_or(RdbError { offset: 0, kind: ErrorKind::NotRdb })?;
        let known = match header[0] {
            b'R' => (1..=VERSION_MAX).contains(&version),
            _ => version == VALKEY_VERSION,
        };
        if !known {
            return Err(RdbError { offset: 0, kind: ErrorKind::Version(version) });
        }
        self.version = Some(version);
        Ok(version)
    }

    /// Reads an item.
    fn step(&mut self, version: u32) -> Result<Step> {
        let mut meta = Meta::default();
        loop {
            let at = self.input.offset();
            let byte = self.input.byte()?;
            match byte {
                opcode::EXPIRETIME_MS => meta.expire_ms = expire(i64::from_le_bytes(self.input.array()?)),
                opcode::EXPIRETIME => {
                    meta.expire_ms =
                        expire(i64::from(i32::from_le_bytes(self.input.array()?)).saturating_mul(1000));
                }
                opcode::IDLE => meta.idle_s = Some(length::read_len(&mut self.input)?),
                opcode::FREQ => meta.freq = Some(self.input.byte()?),
                opcode::SLOT_INFO.. => return self.item(byte, at, version),
                rdb_type => {
                    self.key.clear();
                    string::append(&mut self.input, &mut self.key)?;
                    match self.loader.find(&mut self.input, rdb_type, version) {
                        Ok(found) => return Ok(Step::Entry(meta, found)),
                        Err(RdbError { kind: ErrorKind::Empty, .. }) => self.empty_keys += 1,
                        // A type is named where it stands, not where its value does.
                        Err(RdbError {
                            kind: kind @ (ErrorKind::UnknownType(_) | ErrorKind::Unsettled(_)),
                            ..
                        }) => {
                            return Err(RdbError { offset: at, kind });
                        }
                        Err(error) => return Err(error),
                    }
                    meta = Meta::default();
                }
            }
        }
    }

    /// Reads what is no key.
    fn item(&mut self, opcode: u8, at: u64, version: u32) -> Result<Step> {
        let input = &mut self.input;
        Ok(match opcode {
            opcode::AUX => {
                self.key.clear();
                string::append(input, &mut self.key)?;
                self.other.clear();
                string::append(input, &mut self.other)?;
                Step::Aux
            }
            opcode::SELECTDB => Step::SelectDb(length::read_len(input)?),
            opcode::RESIZEDB => Step::ResizeDb(length::read_len(input)?, length::read_len(input)?),
            opcode::SLOT_INFO => {
                Step::SlotInfo(length::read_len(input)?, length::read_len(input)?, length::read_len(input)?)
            }
            opcode::FUNCTION2 => {
                self.other.clear();
                string::append(input, &mut self.other)?;
                Step::Function
            }
            opcode::MODULE_AUX => Step::ModuleAux(module_aux(input)?),
            opcode::EOF => Step::End(self.end(version)?),
            opcode::FUNCTION_PRE_GA => {
                return Err(RdbError { offset: at, kind: ErrorKind::Unsettled("a library of functions") });
            }
            other => return Err(RdbError { offset: at, kind: ErrorKind::UnknownType(other) }),
        })
    }

    /// Reads what follows the end.
    fn end(&mut self, version: u32) -> Result<Checksum> {
        if version < CHECKSUM_SINCE {
            return Ok(Checksum::Absent);
        }
        let computed = self.input.checksum();
        let at = self.input.offset();
        let stored = u64::from_le_bytes(self.input.array()?);
        match computed {
            None => Ok(Checksum::NotChecked),
            Some(_) if stored == 0 => Ok(Checksum::Absent),
            Some(computed) if computed == stored => Ok(Checksum::Right),
            Some(computed) => Err(RdbError { offset: at, kind: ErrorKind::Checksum { computed, stored } }),
        }
    }
}

fn module_aux<I: Input>(input: &mut I) -> Result<ModuleAux> {
    let id = length::read_len(input)?;
    let at = input.offset();
    if length::read_len(input)? != fields::UNSIGNED {
        return Err(RdbError::malformed(at, "a module's data that does not say where it belongs"));
    }
    let when = length::read_len(input)?;
    let mut fields = Vec::new();
    fields::copy(input, &mut fields)?;
    Ok(ModuleAux { id, when, fields })
}

/// The number that these digits spell.
fn number(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0')))
}

/// When a key expires: -1 is never, and what is before 1970 is long ago.
fn expire(ms: i64) -> Option<u64> {
    (ms != -1).then_some(ms.max(0) as u64)
}
