//! The shapes of answers. What carries bytes is borrowed from the host and copied once, into the guest's memory.

use std::borrow::Cow;

use wasmtime::component::{ComponentType, Lower};
use wasmtime::{AsContextMut, ValRaw, ValType};

use super::{Bytes, Strings, Text};
use crate::bindings::sandkey::module::context as wire_context;
use crate::bindings::sandkey::module::keyspace::ValueType as WireType;
use crate::bindings::sandkey::module::types::{ArgvParam, Error as WireError, Reply as WireReply};
use crate::canonical::{LIST_ALIGN, LIST_SIZE, Layout, Writer, payload_offset};
use crate::contract::{Argv, Error, Reply, ValuesBuf};
use crate::convert;
use crate::guest::Guest;
use crate::host::{ClientInfo, ContextFlags, ValueType};

/// The shape of an answer.
pub(crate) trait Answer: Layout + 'static {
    /// What a definition returns; it may borrow from the host.
    type Of<'h>;
    /// What wasmtime lowers into a component, which it wants without lifetimes.
    type Wire: ComponentType + Lower + Send + Sync + 'static;

    fn into_wire(of: Self::Of<'static>) -> Self::Wire;

    /// Write it at an address.
    fn put(
        of: Self::Of<'_>,
        to: &mut Writer<'_, impl AsContextMut<Data = Guest>>,
        at: usize,
    ) -> wasmtime::Result<()>;

    /// How many bytes it brings to the guest.
    #[inline]
    fn moved(_: &Self::Of<'_>) -> usize {
        0
    }
}

/// The shape of an answer that is one number, or none.
pub(crate) trait Scalar: 'static {
    /// What a definition returns.
    type Of;
    /// What wasmtime lowers into a component: a tuple of one, or of none.
    type Wire: wasmtime::component::ComponentNamedList + Lower + Send + Sync + 'static;
    /// Its core type, if there is one.
    const FLAT: &'static [ValType];

    fn into_wire(of: Self::Of) -> Self::Wire;
    /// The number; nobody looks at it when there is none.
    fn into_core(of: Self::Of) -> ValRaw;
}

/// Answers that wasmtime lowers as they are.
macro_rules! plain_answers {
    ($($ty:ty: |$of:ident, $to:ident, $at:ident| $put:expr;)*) => {
        $(impl Answer for $ty {
            type Of<'h> = Self;
            type Wire = Self;

            fn into_wire(of: Self) -> Self {
                of
            }

            #[inline]
            fn put($of: Self, $to: &mut Writer<'_, impl AsContextMut<Data = Guest>>, $at: usize) -> wasmtime::Result<()> {
                $put
            }
        })*
    };
}
pub(super) use plain_answers;

/// Answers of one number, on the stack and in memory.
macro_rules! numbers {
    ($($ty:ty: $flat:ident, |$number:ident| $raw:expr, $bytes:expr;)*) => {
        $(
            plain_answers! { $ty: |$number, to, at| to.put(at, &$bytes); }

            impl Scalar for $ty {
                type Of = Self;
                type Wire = (Self,);
                const FLAT: &'static [ValType] = &[ValType::$flat];

                fn into_wire(of: Self) -> (Self,) {
                    (of,)
                }

                #[inline]
                fn into_core($number: Self) -> ValRaw {
                    $raw
                }
            }
        )*
    };
}

numbers! {
    bool: I32, |yes| ValRaw::u32(u32::from(yes)), [u8::from(yes)];
    u32: I32, |number| ValRaw::u32(number), number.to_le_bytes();
    u64: I64, |number| ValRaw::u64(number), number.to_le_bytes();
    i64: I64, |number| ValRaw::i64(number), number.to_le_bytes();
    f64: F64, |number| ValRaw::f64(number.to_bits()), number.to_le_bytes();
}

/// Nothing.
impl Answer for () {
    type Of<'h> = ();
    type Wire = ();

    fn into_wire((): ()) {}

    #[inline]
    fn put((): (), _: &mut Writer<'_, impl AsContextMut<Data = Guest>>, _: usize) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl Scalar for () {
    type Of = ();
    type Wire = ();
    const FLAT: &'static [ValType] = &[];

    fn into_wire((): ()) {}

    fn into_core((): ()) -> ValRaw {
        ValRaw::u32(0)
    }
}

/// `value-type`.
impl Scalar for ValueType {
    type Of = Self;
    type Wire = (WireType,);
    const FLAT: &'static [ValType] = &[ValType::I32];

    fn into_wire(of: Self) -> (WireType,) {
        (match of {
            Self::None => WireType::None,
            Self::String => WireType::String,
            Self::List => WireType::List,
            Self::Set => WireType::Set,
            Self::Zset => WireType::Zset,
            Self::Hash => WireType::Hash,
            Self::Stream => WireType::Stream,
            Self::Module => WireType::Module,
        },)
    }

    fn into_core(of: Self) -> ValRaw {
        // The cases stand in the order of `wit/`.
        ValRaw::u32(of as u32)
    }
}

/// `context-flags`, in the order of `wit/`, the first the lowest bit.
impl Scalar for ContextFlags {
    type Of = Self;
    type Wire = (wire_context::ContextFlags,);
    const FLAT: &'static [ValType] = &[ValType::I32];

    fn into_wire(of: Self) -> (wire_context::ContextFlags,) {
        use wire_context::ContextFlags as Wire;
        let flags = [Wire::IN_MULTI, Wire::REPLAYING, Wire::OUT_OF_MEMORY, Wire::CALLED];
        let set = of.in_order().into_iter().zip(flags).filter_map(|(set, flag)| set.then_some(flag));
        (set.fold(Wire::empty(), |all, flag| all | flag),)
    }

    fn into_core(of: Self) -> ValRaw {
        let bits = of.in_order().into_iter().enumerate().map(|(bit, set)| u32::from(set) << bit);
        ValRaw::u32(bits.sum())
    }
}

impl ContextFlags {
    fn in_order(self) -> [bool; 4] {
        [self.in_multi, self.replaying, self.out_of_memory, self.called]
    }
}

/// `option<answer>`.
impl<A: Answer> Answer for Option<A> {
    type Of<'h> = Option<A::Of<'h>>;
    type Wire = Option<A::Wire>;

    fn into_wire(of: Option<A::Of<'static>>) -> Option<A::Wire> {
        of.map(A::into_wire)
    }

    #[inline]
    fn put(
        of: Self::Of<'_>,
        to: &mut Writer<'_, impl AsContextMut<Data = Guest>>,
        at: usize,
    ) -> wasmtime::Result<()> {
        to.put(at, &[u8::from(of.is_some())])?;
        of.map_or(Ok(()), |answer| A::put(answer, to, at + payload_offset(Self::ALIGN)))
    }

    #[inline]
    fn moved(of: &Self::Of<'_>) -> usize {
        of.as_ref().map_or(0, A::moved)
    }
}

/// `result<answer, error>`.
impl<A: Answer> Answer for Result<A, Error> {
    type Of<'h> = Result<A::Of<'h>, Error>;
    type Wire = Result<A::Wire, WireError>;

    fn into_wire(of: Result<A::Of<'static>, Error>) -> Result<A::Wire, WireError> {
        match of {
            Ok(answer) => Ok(A::into_wire(answer)),
            Err(error) => Err(error.into()),
        }
    }

    #[inline]
    fn put(
        of: Self::Of<'_>,
        to: &mut Writer<'_, impl AsContextMut<Data = Guest>>,
        at: usize,
    ) -> wasmtime::Result<()> {
        to.put(at, &[u8::from(of.is_err())])?;
        let payload = at + payload_offset(Self::ALIGN);
        match of {
            Ok(answer) => A::put(answer, to, payload),
            Err(error) => put_error(&error, to, payload),
        }
    }

    #[inline]
    fn moved(of: &Self::Of<'_>) -> usize {
        of.as_ref().map_or(0, A::moved)
    }
}

/// Shapes that lie in memory as a list or a string does.
macro_rules! lists {
    ($($shape:ident)*) => {
        $(impl Layout for $shape {
            const SIZE: usize = LIST_SIZE;
            const ALIGN: usize = LIST_ALIGN;
        })*
    };
}

lists! { Bools Bytes MaybeDoubles Values Text }

impl Answer for Bytes {
    type Of<'h> = &'h [u8];
    type Wire = &'static [u8];

    fn into_wire(of: &'static [u8]) -> &'static [u8] {
        of
    }

    #[inline]
    fn put(
        of: &[u8],
        to: &mut Writer<'_, impl AsContextMut<Data = Guest>>,
        at: usize,
    ) -> wasmtime::Result<()> {
        to.put_list(at, of)
    }

    #[inline]
    fn moved(of: &&[u8]) -> usize {
        of.len()
    }
}

/// `list<bool>`.
pub(crate) struct Bools;

impl Answer for Bools {
    type Of<'h> = Vec<bool>;
    type Wire = Vec<bool>;

    fn into_wire(of: Vec<bool>) -> Vec<bool> {
        of
    }

    fn put(
        of: Vec<bool>,
        to: &mut Writer<'_, impl AsContextMut<Data = Guest>>,
        at: usize,
    ) -> wasmtime::Result<()> {
        let bytes: Vec<u8> = of.into_iter().map(u8::from).collect();
        to.put_list(at, &bytes)
    }

    fn moved(of: &Vec<bool>) -> usize {
        of.len()
    }
}

/// `list<option<f64>>`.
pub(crate) struct MaybeDoubles;

impl MaybeDoubles {
    const ELEMENT: usize = <Option<f64> as Layout>::SIZE;
}

impl Answer for MaybeDoubles {
    type Of<'h> = Vec<Option<f64>>;
    type Wire = Vec<Option<f64>>;

    fn into_wire(of: Vec<Option<f64>>) -> Vec<Option<f64>> {
        of
    }

    fn put(
        of: Vec<Option<f64>>,
        to: &mut Writer<'_, impl AsContextMut<Data = Guest>>,
        at: usize,
    ) -> wasmtime::Result<()> {
        let mut bytes = vec![0; of.len() * Self::ELEMENT];
        for (place, number) in bytes.chunks_exact_mut(Self::ELEMENT).zip(&of) {
            if let Some(number) = number {
                place[0] = 1;
                place[payload_offset(f64::ALIGN)..].copy_from_slice(&number.to_le_bytes());
            }
        }
        to.put_elements::<Option<f64>>(at, &bytes)
    }

    fn moved(of: &Vec<Option<f64>>) -> usize {
        of.len() * Self::ELEMENT
    }
}

/// `list<option<list<u8>>>`.
pub(crate) struct Values;

/// An element of it.
type Element = Option<Bytes>;

impl Answer for Values {
    type Of<'h> = &'h ValuesBuf;
    type Wire = Vec<Option<&'static [u8]>>;

    fn into_wire(of: &'static ValuesBuf) -> Vec<Option<&'static [u8]>> {
        of.iter().collect()
    }

    fn put(
        of: &ValuesBuf,
        to: &mut Writer<'_, impl AsContextMut<Data = Guest>>,
        at: usize,
    ) -> wasmtime::Result<()> {
        let align = u32::try_from(Element::ALIGN).expect("an alignment is small");
        let elements = to.allocate(of.iter().len().saturating_mul(Element::SIZE), align)?;
        let mut next = elements as usize;
        for value in of.iter() {
            Element::put(value, to, next)?;
            next += Element::SIZE;
        }
        let count = u32::try_from(of.iter().len()).expect("their bytes have been allocated in 32 bits");
        to.put_place(at, elements, count)
    }

    fn moved(of: &&ValuesBuf) -> usize {
        of.data_bytes() + Element::SIZE * of.iter().len()
    }
}

impl Answer for Text {
    type Of<'h> = Cow<'h, str>;
    type Wire = String;

    fn into_wire(of: Cow<'static, str>) -> String {
        of.into_owned()
    }

    fn put(
        of: Cow<'_, str>,
        to: &mut Writer<'_, impl AsContextMut<Data = Guest>>,
        at: usize,
    ) -> wasmtime::Result<()> {
        to.put_list(at, of.as_bytes())
    }

    fn moved(of: &Cow<'_, str>) -> usize {
        of.len()
    }
}

impl Layout for Strings {
    const SIZE: usize = 2 * LIST_SIZE;
    const ALIGN: usize = LIST_ALIGN;
}

impl Answer for Strings {
    type Of<'h> = Argv<'h>;
    type Wire = ArgvParam<'static>;

    fn into_wire(of: Argv<'static>) -> ArgvParam<'static> {
        ArgvParam { data: of.data(), ends: of.ends() }
    }

    fn put(
        of: Argv<'_>,
        to: &mut Writer<'_, impl AsContextMut<Data = Guest>>,
        at: usize,
    ) -> wasmtime::Result<()> {
        to.put_list(at, of.data())?;
        to.put_word_list(at + LIST_SIZE, of.ends())
    }

    fn moved(of: &Argv<'_>) -> usize {
        of.data().len() + 4 * of.len()
    }
}

/// The records `page`: a cursor, and strings that each names in its own way.
macro_rules! pages {
    ($($shape:ident, $wire:ident { $strings:ident })*) => {
        $(
            #[doc = concat!("`page` with `", stringify!($strings), "`.")]
            pub(crate) struct $shape;

            /// The same as wasmtime lowers it.
            #[derive(wasmtime::component::ComponentType, wasmtime::component::Lower)]
            #[component(record)]
            pub(crate) struct $wire {
                cursor: u64,
                $strings: ArgvParam<'static>,
            }

            impl Layout for $shape {
                const SIZE: usize = 8 + Strings::SIZE;
                const ALIGN: usize = 8;
            }

            impl Answer for $shape {
                type Of<'h> = (u64, Argv<'h>);
                type Wire = $wire;

                fn into_wire((cursor, strings): (u64, Argv<'static>)) -> $wire {
                    $wire { cursor, $strings: Strings::into_wire(strings) }
                }

                fn put(
                    (cursor, strings): (u64, Argv<'_>),
                    to: &mut Writer<'_, impl AsContextMut<Data = Guest>>,
                    at: usize,
                ) -> wasmtime::Result<()> {
                    to.u64(at, cursor)?;
                    Strings::put(strings, to, at + 8)
                }

                fn moved((_, strings): &(u64, Argv<'_>)) -> usize {
                    Strings::moved(strings)
                }
            }
        )*
    };
}

pages! {
    KeyPage, WireKeyPage { keys }
    PairPage, WirePairPage { pairs }
    MemberPage, WireMemberPage { members }
}

/// `scored`: members, and the score of each.
pub(crate) struct ScoredMembers;

/// The same as wasmtime lowers it.
#[derive(wasmtime::component::ComponentType, wasmtime::component::Lower)]
#[component(record)]
pub(crate) struct WireScored {
    members: ArgvParam<'static>,
    scores: Vec<f64>,
}

impl Layout for ScoredMembers {
    const SIZE: usize = Strings::SIZE + LIST_SIZE;
    const ALIGN: usize = LIST_ALIGN;
}

impl Answer for ScoredMembers {
    type Of<'h> = (Vec<f64>, Argv<'h>);
    type Wire = WireScored;

    fn into_wire((scores, members): (Vec<f64>, Argv<'static>)) -> WireScored {
        WireScored { members: Strings::into_wire(members), scores }
    }

    fn put(
        (scores, members): (Vec<f64>, Argv<'_>),
        to: &mut Writer<'_, impl AsContextMut<Data = Guest>>,
        at: usize,
    ) -> wasmtime::Result<()> {
        Strings::put(members, to, at)?;
        let bytes: Vec<u8> = scores.iter().flat_map(|score| score.to_le_bytes()).collect();
        to.put_elements::<f64>(at + Strings::SIZE, &bytes)
    }

    fn moved((scores, members): &(Vec<f64>, Argv<'_>)) -> usize {
        Strings::moved(members) + 8 * scores.len()
    }
}

/// `client-info`.
pub(crate) struct Client;

impl Layout for Client {
    const SIZE: usize = 32;
    const ALIGN: usize = 8;
}

impl Answer for Client {
    type Of<'h> = ClientInfo<'h>;
    type Wire = wire_context::ClientInfo;

    fn into_wire(of: ClientInfo<'static>) -> wire_context::ClientInfo {
        wire_context::ClientInfo {
            id: of.id,
            name: of.name.into_owned(),
            address: of.address.into_owned(),
            resp: of.resp,
        }
    }

    fn put(
        of: ClientInfo<'_>,
        to: &mut Writer<'_, impl AsContextMut<Data = Guest>>,
        at: usize,
    ) -> wasmtime::Result<()> {
        to.u64(at, of.id)?;
        to.put_list(at + 8, of.name.as_bytes())?;
        to.put_list(at + 16, of.address.as_bytes())?;
        to.put(at + 24, &[of.resp])
    }

    fn moved(of: &ClientInfo<'_>) -> usize {
        of.name.len() + of.address.len()
    }
}

/// `reply`.
impl Layout for Reply {
    const SIZE: usize = 16;
    const ALIGN: usize = 8;
}

impl Answer for Reply {
    type Of<'h> = Self;
    type Wire = WireReply;

    fn into_wire(of: Self) -> WireReply {
        of.into()
    }

    fn put(
        of: Self,
        to: &mut Writer<'_, impl AsContextMut<Data = Guest>>,
        at: usize,
    ) -> wasmtime::Result<()> {
        let payload = at + payload_offset(Self::ALIGN);
        let mut case = |case: u8| to.put(at, &[case]);
        match of {
            Self::Ok => case(0),
            Self::Null => case(1),
            Self::Integer(number) => {
                case(2)?;
                to.u64(payload, number.cast_unsigned())
            }
            Self::Double(number) => {
                case(3)?;
                to.u64(payload, number.to_bits())
            }
            Self::Boolean(yes) => {
                case(4)?;
                to.put(payload, &[u8::from(yes)])
            }
            Self::Simple(text) => {
                case(5)?;
                to.put_list(payload, text.as_bytes())
            }
            Self::Bulk(bytes) => {
                case(6)?;
                to.put_list(payload, &bytes)
            }
            Self::Resp3(value) => {
                case(7)?;
                to.put_list(payload, value.as_bytes())
            }
        }
    }

    fn moved(of: &Self) -> usize {
        match of {
            Self::Simple(text) => text.len(),
            Self::Bulk(bytes) => bytes.len(),
            Self::Resp3(value) => value.as_bytes().len(),
            Self::Ok | Self::Null | Self::Integer(_) | Self::Double(_) | Self::Boolean(_) => 0,
        }
    }
}

/// `error`.
impl Layout for Error {
    const SIZE: usize = payload_offset(LIST_ALIGN) + LIST_SIZE;
    const ALIGN: usize = LIST_ALIGN;
}

/// Write an error at an address: the number of its case, and the text that one of them carries.
fn put_error(
    error: &Error,
    to: &mut Writer<'_, impl AsContextMut<Data = Guest>>,
    at: usize,
) -> wasmtime::Result<()> {
    to.put(at, &[convert::case(error)])?;
    match error {
        Error::Other(line) => to.put_list(at + payload_offset(LIST_ALIGN), line.as_bytes()),
        _ => Ok(()),
    }
}
