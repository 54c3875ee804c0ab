//! Buffers of bytes that may become very large, and of which there may be very many: they grow by a quarter, and keep little.

use crate::limits::BUFFER_KEPT;

/// Makes room for so many more bytes.
pub(super) fn make_room(buffer: &mut Vec<u8>, bytes: usize) {
    if buffer.capacity() - buffer.len() < bytes {
        buffer.reserve_exact(bytes.max(buffer.len() / 4));
    }
}

/// Puts bytes behind those that are there.
pub(super) fn append(buffer: &mut Vec<u8>, bytes: &[u8]) {
    make_room(buffer, bytes.len());
    buffer.extend_from_slice(bytes);
}

/// Takes all bytes out.
pub(super) fn clear(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.shrink_to(BUFFER_KEPT);
}
