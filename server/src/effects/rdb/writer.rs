//! Writes an RDB, version 10. The pieces append to a `Vec`: a snapshot serialises an entry while it holds that entry's lock,
//! and a lock is no place to wait for a disk. [`Writer`] takes such bytes, computes the checksum and passes them on in large
//! blocks.

use std::io::{self, Write};

use super::crc64::Crc64;
use super::fields;
use super::length::put_len;
use super::string::put_string;
use super::{VERSION, opcode};
use crate::limits::RDB_BUFFER;

/// What the auxiliary fields at the beginning say.
#[derive(Debug, Clone, Default)]
pub struct Header<'a> {
    /// The version of Redis whose server writes such files; `redis-ver`.
    pub redis_ver: &'a str,
    /// When the snapshot was begun, in seconds.
    pub ctime: u64,
    /// Bytes of memory in use.
    pub used_mem: u64,
    /// Whether an append-only file follows.
    pub aof_base: bool,
    /// Where the replication stream was, if there is one.
    pub replication: Option<Replication<'a>>,
}

/// Where the replication stream was.
#[derive(Debug, Clone, Copy)]
pub struct Replication<'a> {
    /// The database that was selected; -1 if none was.
    pub stream_db: i64,
    /// Which stream.
    pub id: &'a str,
    /// How much of it there was.
    pub offset: i64,
}

/// What a key has beside its value and its expiry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Meta {
    /// Seconds since it was used, if keys are evicted by that.
    pub idle_s: Option<u64>,
    /// How often it is used, if keys are evicted by that.
    pub freq: Option<u8>,
}

/// Appends the first bytes of a file and its auxiliary fields.
pub fn put_header(out: &mut Vec<u8>, header: &Header<'_>) {
    out.extend_from_slice(format!("REDIS{VERSION:04}").as_bytes());
    put_aux(out, b"redis-ver", header.redis_ver.as_bytes());
    put_aux(out, b"redis-bits", usize::BITS.to_string().as_bytes());
    put_aux(out, b"ctime", header.ctime.to_string().as_bytes());
    put_aux(out, b"used-mem", header.used_mem.to_string().as_bytes());
    if let Some(replication) = &header.replication {
        put_aux(out, b"repl-stream-db", replication.stream_db.to_string().as_bytes());
        put_aux(out, b"repl-id", replication.id.as_bytes());
        put_aux(out, b"repl-offset", replication.offset.to_string().as_bytes());
    }
    put_aux(out, b"aof-base", if header.aof_base { b"1" } else { b"0" });
}

/// Appends an auxiliary field.
pub fn put_aux(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    out.push(opcode::AUX);
    put_string(out, key, false);
    put_string(out, value, false);
}

/// Appends the database of the keys that follow.
pub fn put_select_db(out: &mut Vec<u8>, index: u64) {
    out.push(opcode::SELECTDB);
    put_len(out, index);
}

/// Appends how many keys and expiries that database has.
pub fn put_resize_db(out: &mut Vec<u8>, keys: u64, expires: u64) {
    out.push(opcode::RESIZEDB);
    put_len(out, keys);
    put_len(out, expires);
}

/// Appends the source of a library of functions.
pub fn put_function(out: &mut Vec<u8>, code: &[u8], compress: bool) {
    out.push(opcode::FUNCTION2);
    put_string(out, code, compress);
}

/// Appends what a module keeps beside its keys, before (1) or after (2) them.
pub fn put_module_aux(out: &mut Vec<u8>, id: u64, when: u64, saved: &[u8]) {
    out.push(opcode::MODULE_AUX);
    put_len(out, id);
    fields::put_unsigned(out, when);
    out.extend_from_slice(saved);
    fields::put_end(out);
}

/// Appends what stands before the type of a key.
#[inline]
pub fn put_meta(out: &mut Vec<u8>, expire_ms: Option<u64>, meta: Meta) {
    if let Some(at) = expire_ms {
        out.push(opcode::EXPIRETIME_MS);
        out.extend_from_slice(&at.to_le_bytes());
    }
    if let Some(idle) = meta.idle_s {
        out.push(opcode::IDLE);
        put_len(out, idle);
    }
    if let Some(freq) = meta.freq {
        out.extend_from_slice(&[opcode::FREQ, freq]);
    }
}

/// Appends the value of a module, without the number of its form.
pub fn put_module(out: &mut Vec<u8>, id: u64, saved: &[u8]) {
    put_len(out, id);
    out.extend_from_slice(saved);
    fields::put_end(out);
}

/// Appends a key.
#[inline]
pub fn put_key(out: &mut Vec<u8>, rdb_type: u8, key: &[u8], compress: bool) {
    out.push(rdb_type);
    put_string(out, key, compress);
}

/// Writes an RDB.
pub struct Writer<W> {
    sink: W,
    pending: Vec<u8>,
    crc: Option<Crc64>,
    written: u64,
}

impl<W: Write> Writer<W> {
    /// Writes to `sink`, which needs no buffer, with a checksum or without one.
    pub fn new(sink: W, checksum: bool) -> Self {
        let crc = checksum.then(Crc64::default);
        Writer { sink, pending: Vec::with_capacity(RDB_BUFFER), crc, written: 0 }
    }

    /// The first bytes and the auxiliary fields.
    pub fn header(&mut self, header: &Header<'_>) -> io::Result<()> {
        self.put(|out| put_header(out, header))
    }

    /// An auxiliary field.
    pub fn aux(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        self.put(|out| put_aux(out, key, value))
    }

    /// The database of the keys that follow.
    pub fn select_db(&mut self, index: u64) -> io::Result<()> {
        self.put(|out| put_select_db(out, index))
    }

    /// How many keys and expiries it has.
    pub fn resize_db(&mut self, keys: u64, expires: u64) -> io::Result<()> {
        self.put(|out| put_resize_db(out, keys, expires))
    }

    /// The source of a library of functions.
    pub fn function(&mut self, code: &[u8], compress: bool) -> io::Result<()> {
        self.put(|out| put_function(out, code, compress))
    }

    /// What a module keeps beside its keys.
    pub fn module_aux(&mut self, id: u64, when: u64, saved: &[u8]) -> io::Result<()> {
        self.put(|out| put_module_aux(out, id, when, saved))
    }

    /// Whatever `append` appends: an entry, usually.
    #[inline]
    pub fn put(&mut self, append: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        append(&mut self.pending);
        if self.pending.len() >= RDB_BUFFER { self.flush() } else { Ok(()) }
    }

    /// Entries that have been serialised already.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() < RDB_BUFFER {
            return self.put(|out| out.extend_from_slice(bytes));
        }
        self.flush()?;
        self.write(bytes)
    }

    /// How many bytes there are so far, those that are yet to be passed on included.
    pub fn written(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    /// Passes everything on that is pending, so that only the end is missing.
    pub fn flush(&mut self) -> io::Result<()> {
        let mut pending = std::mem::take(&mut self.pending);
        let result = self.write(&pending);
        pending.clear();
        // One huge value must not cost memory until the end.
        pending.shrink_to(2 * RDB_BUFFER);
        self.pending = pending;
        result
    }

    /// What `append` was given is passed on, then the end and the checksum. The sink is flushed, not synced.
    pub fn finish(mut self) -> io::Result<W> {
        self.pending.push(opcode::EOF);
        self.flush()?;
        let checksum = self.crc.take().map_or(0, |crc| crc.value());
        self.write(&checksum.to_le_bytes())?;
        self.sink.flush()?;
        Ok(self.sink)
    }

    /// Where the bytes go, for whoever syncs or limits it.
    pub fn sink(&mut self) -> &mut W {
        &mut self.sink
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(crc) = &mut self.crc {
            crc.update(bytes);
        }
        self.sink.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}
