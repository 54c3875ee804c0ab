//! The shapes of parameters. What carries bytes is lent: it is read where it lies in the guest's memory.

use std::borrow::Cow;

use wasmtime::component::{ComponentNamedList, ComponentType, Lift, WasmList, WasmStr};
use wasmtime::{StoreContextMut, ValType};

use super::{Bytes, Count, Strings, Text};
use crate::bindings::sandkey::module::keyspace::Mode as WireMode;
use crate::bindings::sandkey::module::lists::{End as WireEnd, Side as WireSide};
use crate::bindings::sandkey::module::log::Level as WireLevel;
use crate::bindings::sandkey::module::sorted_sets::ScoreRange as WireRange;
use crate::canonical::{Arguments, Memory, unknown_case};
use crate::contract::Argv;
use crate::guest::{Guest, Moved};
use crate::host::{End, HostFault, LogLevel, Mode, ScoreRange, Side};
use crate::limits::SCAN_COUNT;

/// A store whose guest stands still.
pub(crate) type Stopped<'m> = StoreContextMut<'m, Guest>;

/// The shape of one parameter.
pub(crate) trait Param: 'static {
    /// What a definition gets.
    type In<'m>;
    /// What wasmtime lifts out of a component.
    type Wire: ComponentType + Lift + 'static;
    /// Its core types.
    const FLAT: &'static [ValType];

    fn of_wire<'m>(wire: &'m Self::Wire, store: &'m Stopped<'_>) -> wasmtime::Result<Self::In<'m>>;
    fn of_core<'m>(arguments: &mut Arguments<'_>, memory: Memory<'m>) -> wasmtime::Result<Self::In<'m>>;

    /// What it brings from the guest.
    #[inline]
    fn moved(_: &Self::In<'_>) -> Moved {
        Moved::default()
    }
}

/// The shapes of all parameters of a function.
pub(crate) trait Params: 'static {
    /// What a definition gets, a tuple.
    type In<'m>;
    /// What wasmtime lifts out of a component.
    type Wire: ComponentNamedList + Lift + 'static;

    fn flat() -> Vec<ValType>;
    fn of_wire<'m>(wire: &'m Self::Wire, store: &'m Stopped<'_>) -> wasmtime::Result<Self::In<'m>>;
    fn of_core<'m>(arguments: &mut Arguments<'_>, memory: Memory<'m>) -> wasmtime::Result<Self::In<'m>>;
    fn moved(params: &Self::In<'_>) -> Moved;
}

macro_rules! tuples {
    ($(($($name:ident)*))*) => {
        $(
            #[allow(non_snake_case, reason = "each variable is named after its type")]
            #[allow(clippy::unused_unit, unused_variables, reason = "there is a tuple of nothing")]
            impl<$($name: Param),*> Params for ($($name,)*) {
                type In<'m> = ($($name::In<'m>,)*);
                type Wire = ($($name::Wire,)*);

                fn flat() -> Vec<ValType> {
                    let all: &[&[ValType]] = &[$($name::FLAT),*];
                    all.concat()
                }

                #[inline]
                fn of_wire<'m>(wire: &'m Self::Wire, store: &'m Stopped<'_>) -> wasmtime::Result<Self::In<'m>> {
                    let ($($name,)*) = wire;
                    Ok(($($name::of_wire($name, store)?,)*))
                }

                #[inline]
                fn of_core<'m>(arguments: &mut Arguments<'_>, memory: Memory<'m>) -> wasmtime::Result<Self::In<'m>> {
                    Ok(($($name::of_core(arguments, memory)?,)*))
                }

                #[inline]
                fn moved(params: &Self::In<'_>) -> Moved {
                    let ($($name,)*) = params;
                    Moved::default() $(+ $name::moved($name))*
                }
            }
        )*
    };
}

tuples! { () (A) (A B) (A B C) (A B C D) (A B C D E) }

/// Numbers, which are what they are in both.
macro_rules! numbers {
    ($($ty:ty: $flat:ident = $take:expr;)*) => {
        $(impl Param for $ty {
            type In<'m> = $ty;
            type Wire = $ty;
            const FLAT: &'static [ValType] = &[ValType::$flat];

            #[inline]
            fn of_wire<'m>(wire: &'m $ty, _: &'m Stopped<'_>) -> wasmtime::Result<$ty> {
                Ok(*wire)
            }

            #[inline]
            fn of_core<'m>(arguments: &mut Arguments<'_>, _: Memory<'m>) -> wasmtime::Result<$ty> {
                let take: fn(&mut Arguments<'_>) -> $ty = $take;
                Ok(take(arguments))
            }
        })*
    };
}

numbers! {
    u32: I32 = |arguments| arguments.u32();
    u64: I64 = |arguments| arguments.u64();
    i64: I64 = |arguments| arguments.u64().cast_signed();
    f64: F64 = |arguments| arguments.f64();
    // Any number but 0 is true, says the specification.
    bool: I32 = |arguments| arguments.u32() != 0;
}

impl Param for Count {
    type In<'m> = u32;
    type Wire = u32;
    const FLAT: &'static [ValType] = &[ValType::I32];

    fn of_wire<'m>(wire: &'m u32, _: &'m Stopped<'_>) -> wasmtime::Result<u32> {
        Ok((*wire).clamp(1, SCAN_COUNT))
    }

    fn of_core<'m>(arguments: &mut Arguments<'_>, _: Memory<'m>) -> wasmtime::Result<u32> {
        Ok(arguments.u32().clamp(1, SCAN_COUNT))
    }

    fn moved(count: &u32) -> Moved {
        Moved { walked: *count, ..Moved::default() }
    }
}

/// `option<u64>`.
impl Param for Option<u64> {
    type In<'m> = Self;
    type Wire = Self;
    const FLAT: &'static [ValType] = &[ValType::I32, ValType::I64];

    fn of_wire<'m>(wire: &'m Self, _: &'m Stopped<'_>) -> wasmtime::Result<Self> {
        Ok(*wire)
    }

    fn of_core<'m>(arguments: &mut Arguments<'_>, _: Memory<'m>) -> wasmtime::Result<Self> {
        let (case, number) = (arguments.u32(), arguments.u64());
        Ok(is_some(case)?.then_some(number))
    }
}

/// `option<list<u8>>`.
impl Param for Option<Bytes> {
    type In<'m> = Option<&'m [u8]>;
    type Wire = Option<WasmList<u8>>;
    const FLAT: &'static [ValType] = &[ValType::I32, ValType::I32, ValType::I32];

    fn of_wire<'m>(wire: &'m Self::Wire, store: &'m Stopped<'_>) -> wasmtime::Result<Option<&'m [u8]>> {
        Ok(wire.as_ref().map(|bytes| bytes.as_le_slice(store)))
    }

    fn of_core<'m>(arguments: &mut Arguments<'_>, memory: Memory<'m>) -> wasmtime::Result<Option<&'m [u8]>> {
        let (case, at, len) = (arguments.u32(), arguments.size(), arguments.size());
        is_some(case)?.then(|| memory.slice(at, len)).transpose()
    }

    fn moved(bytes: &Option<&[u8]>) -> Moved {
        Moved { bytes: bytes.map_or(0, <[u8]>::len), ..Moved::default() }
    }
}

/// The discriminant of an option.
pub(super) fn is_some(case: u32) -> wasmtime::Result<bool> {
    match case {
        0 => Ok(false),
        1 => Ok(true),
        case => Err(unknown(case)),
    }
}

/// A discriminant on the stack has 32 bits, and only the first 256 values mean something in a message.
pub(super) fn unknown(case: u32) -> wasmtime::Error {
    unknown_case(u8::try_from(case).unwrap_or(u8::MAX))
}

impl Param for Bytes {
    type In<'m> = &'m [u8];
    type Wire = WasmList<u8>;
    const FLAT: &'static [ValType] = &[ValType::I32, ValType::I32];

    #[inline]
    fn of_wire<'m>(wire: &'m Self::Wire, store: &'m Stopped<'_>) -> wasmtime::Result<&'m [u8]> {
        Ok(wire.as_le_slice(store))
    }

    #[inline]
    fn of_core<'m>(arguments: &mut Arguments<'_>, memory: Memory<'m>) -> wasmtime::Result<&'m [u8]> {
        let (at, len) = (arguments.size(), arguments.size());
        memory.slice(at, len)
    }

    #[inline]
    fn moved(bytes: &&[u8]) -> Moved {
        Moved { bytes: bytes.len(), ..Moved::default() }
    }
}

impl Param for Text {
    type In<'m> = Cow<'m, str>;
    type Wire = WasmStr;
    const FLAT: &'static [ValType] = &[ValType::I32, ValType::I32];

    fn of_wire<'m>(wire: &'m WasmStr, store: &'m Stopped<'_>) -> wasmtime::Result<Cow<'m, str>> {
        wire.to_str(store)
    }

    fn of_core<'m>(arguments: &mut Arguments<'_>, memory: Memory<'m>) -> wasmtime::Result<Cow<'m, str>> {
        let (at, len) = (arguments.size(), arguments.size());
        Ok(Cow::Borrowed(std::str::from_utf8(memory.slice(at, len)?)?))
    }

    fn moved(text: &Cow<'_, str>) -> Moved {
        Moved { bytes: text.len(), ..Moved::default() }
    }
}

/// `argv` as wasmtime lifts it.
#[derive(wasmtime::component::ComponentType, wasmtime::component::Lift)]
#[component(record)]
pub(crate) struct WireArgv {
    data: WasmList<u8>,
    ends: WasmList<u32>,
}

/// The strings, once their ends have been checked.
fn argv<'m>(data: &'m [u8], ends: &'m [u32]) -> wasmtime::Result<Argv<'m>> {
    Argv::new(data, ends).ok_or_else(|| {
        HostFault::Other("the ends of an argv do not ascend to the length of its data".into()).into()
    })
}

impl Param for Strings {
    type In<'m> = Argv<'m>;
    type Wire = WireArgv;
    const FLAT: &'static [ValType] = &[ValType::I32, ValType::I32, ValType::I32, ValType::I32];

    fn of_wire<'m>(wire: &'m WireArgv, store: &'m Stopped<'_>) -> wasmtime::Result<Argv<'m>> {
        argv(wire.data.as_le_slice(store), wire.ends.as_le_slice(store))
    }

    fn of_core<'m>(arguments: &mut Arguments<'_>, memory: Memory<'m>) -> wasmtime::Result<Argv<'m>> {
        let (data, data_len, ends, count) =
            (arguments.size(), arguments.size(), arguments.size(), arguments.size());
        argv(memory.slice(data, data_len)?, memory.words(ends, count)?)
    }

    fn moved(argv: &Argv<'_>) -> Moved {
        Moved { bytes: argv.data().len() + 4 * argv.len(), strings: argv.len(), ..Moved::default() }
    }
}

/// `list<f64>`. Nothing is copied: a guest's doubles are little-endian, as the host's are.
pub(crate) struct Doubles;

impl Param for Doubles {
    type In<'m> = &'m [f64];
    type Wire = Vec<f64>;
    const FLAT: &'static [ValType] = &[ValType::I32, ValType::I32];

    fn of_wire<'m>(wire: &'m Vec<f64>, _: &'m Stopped<'_>) -> wasmtime::Result<&'m [f64]> {
        Ok(wire)
    }

    fn of_core<'m>(arguments: &mut Arguments<'_>, memory: Memory<'m>) -> wasmtime::Result<&'m [f64]> {
        let (at, count) = (arguments.size(), arguments.size());
        memory.doubles(at, count)
    }

    fn moved(scores: &&[f64]) -> Moved {
        Moved { bytes: 8 * scores.len(), ..Moved::default() }
    }
}

impl Param for ScoreRange {
    type In<'m> = Self;
    type Wire = WireRange;
    const FLAT: &'static [ValType] = &[ValType::F64, ValType::I32, ValType::F64, ValType::I32];

    fn of_wire<'m>(wire: &'m WireRange, _: &'m Stopped<'_>) -> wasmtime::Result<Self> {
        let WireRange { min, min_excluded, max, max_excluded } = *wire;
        Ok(Self { min, min_excluded, max, max_excluded })
    }

    fn of_core<'m>(arguments: &mut Arguments<'_>, _: Memory<'m>) -> wasmtime::Result<Self> {
        Ok(Self {
            min: arguments.f64(),
            min_excluded: arguments.u32() != 0,
            max: arguments.f64(),
            max_excluded: arguments.u32() != 0,
        })
    }
}

/// Enums, in the order of their cases in `wit/`.
macro_rules! enums {
    ($($ty:ident, $wire:ident { $($number:literal $case:ident)* })*) => {
        $(impl Param for $ty {
            type In<'m> = Self;
            type Wire = $wire;
            const FLAT: &'static [ValType] = &[ValType::I32];

            fn of_wire<'m>(wire: &'m $wire, _: &'m Stopped<'_>) -> wasmtime::Result<Self> {
                Ok(match wire {
                    $($wire::$case => Self::$case,)*
                })
            }

            fn of_core<'m>(arguments: &mut Arguments<'_>, _: Memory<'m>) -> wasmtime::Result<Self> {
                match arguments.u32() {
                    $($number => Ok(Self::$case),)*
                    case => Err(unknown(case)),
                }
            }
        })*
    };
}

enums! {
    Mode, WireMode { 0 Read 1 Write }
    LogLevel, WireLevel { 0 Debug 1 Verbose 2 Notice 3 Warning }
    End, WireEnd { 0 Head 1 Tail }
    Side, WireSide { 0 Before 1 After }
}
