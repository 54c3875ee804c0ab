//! The component model's canonical ABI, for the shapes of the contract: how their values lie in a guest's memory, in which order
//! a function takes them, and how the guest is asked for memory.
//!
//! wasmtime has all of it, for any shape, behind tables that it reads at every crossing. A module that is no more than one core
//! module is entered past them, with what is written here ([`crate::direct`] tells which are); any other goes through wasmtime.
//! Both ways mean the same. What they cost is in docs/adr/0003.
//!
//! Layout and checks are those of the specification, [CanonicalABI.md], whose words `load`, `store`, `lift` and `lower` are
//! used here in their sense: a guest's value is lifted, a host's lowered.
//!
//! [CanonicalABI.md]: https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md

mod flat;
mod load;
mod manifest;
mod writer;

pub(crate) use flat::{Arguments, MAX_ARGUMENTS};
pub(crate) use load::{Load, Memory, answer_at, unknown_case};
pub(crate) use writer::{CoreParts, Writer};

/// How a type lies in memory.
pub(crate) trait Layout {
    /// Bytes that it takes.
    const SIZE: usize;
    /// What its address is a multiple of.
    const ALIGN: usize;
}

/// The next multiple of an alignment.
pub(crate) const fn align_to(at: usize, align: usize) -> usize {
    at.next_multiple_of(align)
}

/// Where the payload of a variant lies whose largest alignment is this: behind the discriminant, which is one byte for up to 256
/// cases.
pub(crate) const fn payload_offset(align: usize) -> usize {
    align_to(1, align)
}

pub(crate) const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

macro_rules! layouts {
    ($($ty:ty: $size:literal;)*) => {
        $(impl Layout for $ty {
            const SIZE: usize = $size;
            const ALIGN: usize = $size;
        })*
    };
}

layouts! { bool: 1; u8: 1; u16: 2; u32: 4; i32: 4; u64: 8; i64: 8; f64: 8; }

impl Layout for () {
    const SIZE: usize = 0;
    const ALIGN: usize = 1;
}

/// A list or a string: its address and its length.
pub(crate) const LIST_SIZE: usize = 8;
pub(crate) const LIST_ALIGN: usize = 4;

impl<T, E> Layout for Result<T, E>
where
    T: Layout,
    E: Layout,
{
    const ALIGN: usize = max(T::ALIGN, E::ALIGN);
    const SIZE: usize = align_to(payload_offset(Self::ALIGN) + max(T::SIZE, E::SIZE), Self::ALIGN);
}

impl<T: Layout> Layout for Option<T> {
    const ALIGN: usize = T::ALIGN;
    const SIZE: usize = align_to(payload_offset(T::ALIGN) + T::SIZE, T::ALIGN);
}
