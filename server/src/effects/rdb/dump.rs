//! What DUMP gives and RESTORE takes: a value, the version of the format and a checksum, so that a value can go from one
//! server to another that may be older, and no damaged one comes in.

use super::crc64::crc64;
use super::input::{Input, Slice};
use super::loaded::{Loaded, Loader};
use super::{VALKEY_VERSION, VERSION, VERSION_MAX};

/// Version and checksum.
const FOOTER: usize = 2 + 8;

/// Why a payload cannot be restored; its text is the line that RESTORE replies with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DumpError {
    /// It was written by a newer server, or something happened to it.
    #[error("ERR DUMP payload version or checksum are wrong")]
    Checksum,
    /// It is what somebody dumped, and still no value.
    #[error("ERR Bad data format")]
    BadData,
}

/// Makes a payload of a number of a form and the value behind it.
pub fn seal(payload: &mut Vec<u8>) {
    payload.extend_from_slice(&(VERSION as u16).to_le_bytes());
    let checksum = crc64(payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
}

/// The version of a payload and what is before it, if its checksum is right.
pub fn open(payload: &[u8]) -> Result<(u32, &[u8]), DumpError> {
    let Some((value, &[low, high, ref checksum @ ..])) = payload.split_last_chunk::<FOOTER>() else {
        return Err(DumpError::Checksum);
    };
    let version = u32::from(u16::from_le_bytes([low, high]));
    if version > VERSION_MAX && version != VALKEY_VERSION {
        return Err(DumpError::Checksum);
    }
    let (summed, _) = payload.split_at(payload.len() - checksum.len());
    if crc64(summed) != u64::from_le_bytes(*checksum) {
        return Err(DumpError::Checksum);
    }
    Ok((version, value))
}

/// The version that a payload says it has, right or wrong; 0 if it is too short to say one.
pub fn version(payload: &[u8]) -> u32 {
    let footer = payload.last_chunk::<FOOTER>();
    footer.map_or(0, |[low, high, ..]| u32::from(u16::from_le_bytes([*low, *high])))
}

/// Reads the value of a payload and hands it to `read`, which may refuse it. What stands behind the value is ignored, as
/// Redis does.
pub fn load<R>(
    payload: &[u8],
    now_ms: u64,
    read: impl FnOnce(Loaded<'_>) -> Option<R>,
) -> Result<R, DumpError> {
    let (version, value) = open(payload)?;
    let mut input = Slice::new(value);
    let mut loader = Loader::default();
    loader.scratch.now_ms = Some(now_ms);
    let rdb_type = input.byte().map_err(|_| DumpError::BadData)?;
    let loaded = loader.load(&mut input, rdb_type, version).map_err(|_| DumpError::BadData)?;
    read(loaded).ok_or(DumpError::BadData)
}
