//! The bytes of a value, written field by field as an RDB file has them: an opcode, then what it announces. The other direction
//! is `reader`.

use super::Field;

/// What stands in front of a field.
pub(super) mod opcode {
    pub(crate) const INTEGER: u64 = 2;
    pub(crate) const FLOAT: u64 = 3;
    pub(crate) const DOUBLE: u64 = 4;
    pub(crate) const STRING: u64 = 5;
}

/// Takes the fields of a value, in the order in which a [`Reader`](super::Reader) will give them.
#[derive(Debug, Clone, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Without any field.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Make room for about so many bytes more. A large value whose size is known takes less memory while it is saved.
    pub fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve_exact(bytes);
    }

    /// An unsigned integer.
    pub fn u64(&mut self, number: u64) {
        self.length(opcode::INTEGER);
        self.length(number);
    }

    /// A signed integer. A negative one takes ten bytes.
    pub fn i64(&mut self, number: i64) {
        self.u64(number.cast_unsigned());
    }

    /// A double. NaN and the infinities are allowed.
    pub fn f64(&mut self, number: f64) {
        self.length(opcode::DOUBLE);
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    /// A float of 32 bits.
    pub fn f32(&mut self, number: f32) {
        self.length(opcode::FLOAT);
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    /// Bytes of any content.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.length(opcode::STRING);
        self.length(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    /// Text.
    pub fn string(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Anything that is a [`Field`], which may be many of the above: `writer.field(&self.samples)`.
    pub fn field<T: Field>(&mut self, value: &T) {
        value.write(self);
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// One of RDB's lengths: 6, 14, 32 or 64 bits, and the first bits of the first byte say which.
    fn length(&mut self, length: u64) {
        match length {
            ..0x40 => self.bytes.push(length as u8),
            0x40..0x4000 => self.bytes.extend_from_slice(&(0x4000 | length as u16).to_be_bytes()),
            0x4000..=0xffff_ffff => {
                self.bytes.push(0x80);
                self.bytes.extend_from_slice(&(length as u32).to_be_bytes());
            }
            _ => {
                self.bytes.push(0x81);
                self.bytes.extend_from_slice(&length.to_be_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::new();
        write(&mut writer);
        writer.into_bytes()
    }

    #[test]
    fn integers_take_as_little_as_their_size_allows() {
        assert_eq!(written(|w| w.u64(63)), [2, 63]);
        assert_eq!(written(|w| w.u64(64)), [2, 0x40, 64]);
        assert_eq!(written(|w| w.u64(0x3fff)), [2, 0x7f, 0xff]);
        assert_eq!(written(|w| w.u64(0x4000)), [2, 0x80, 0, 0, 0x40, 0]);
        assert_eq!(written(|w| w.u64(0xffff_ffff)), [2, 0x80, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(written(|w| w.u64(1 << 32)), [2, 0x81, 0, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(written(|w| w.i64(-2)), [2, 0x81, 255, 255, 255, 255, 255, 255, 255, 254]);
    }

    #[test]
    fn floats_are_little_endian_and_strings_have_a_length() {
        assert_eq!(written(|w| w.f32(1.0)), [3, 0, 0, 0x80, 0x3f]);
        assert_eq!(written(|w| w.f64(1.0)), [4, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
        assert_eq!(written(|w| w.string("hé")), [5, 3, b'h', 0xc3, 0xa9]);
        assert_eq!(written(|w| w.bytes(b"")), [5, 0]);
    }
}
