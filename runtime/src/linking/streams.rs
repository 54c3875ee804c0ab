//! The shapes of streams: ids, alone and in lists, and entries in one piece.

use std::borrow::Cow;

use wasmtime::{AsContextMut, ValType, bail};

use super::answers::{Answer, plain_answers};
use super::params::{Param, Stopped, is_some, unknown};
use super::{EntryIds, Strings};
use crate::bindings::sandkey::module::types::ArgvParam;
use crate::canonical::{Arguments, LIST_SIZE, Layout, Memory, Writer};
use crate::contract::{Argv, EntryHeads, EntryId, StreamInfo, Trimming};
use crate::guest::{Guest, Moved};
use crate::limits::ENTRIES_IN_BLOCK;

impl Layout for EntryId {
    const SIZE: usize = 16;
    const ALIGN: usize = 8;
}

fn entry_id(arguments: &mut Arguments<'_>) -> EntryId {
    EntryId { ms: arguments.u64(), seq: arguments.u64() }
}

/// Parameters of numbers alone, which are what they are in both.
macro_rules! plain {
    ($($ty:ty: [$($flat:ident)*], $take:expr;)*) => {
        $(impl Param for $ty {
            type In<'m> = Self;
            type Wire = Self;
            const FLAT: &'static [ValType] = &[$(ValType::$flat),*];

            fn of_wire<'m>(wire: &'m Self, _: &'m Stopped<'_>) -> wasmtime::Result<Self> {
                Ok(*wire)
            }

            fn of_core<'m>(arguments: &mut Arguments<'_>, _: Memory<'m>) -> wasmtime::Result<Self> {
                let take: fn(&mut Arguments<'_>) -> wasmtime::Result<Self> = $take;
                take(arguments)
            }
        })*
    };
}

plain! {
    EntryId: [I64 I64], |arguments| Ok(entry_id(arguments));
    Option<EntryId>: [I32 I64 I64], |arguments| {
        let (case, id) = (arguments.u32(), entry_id(arguments));
        Ok(is_some(case)?.then_some(id))
    };
    Trimming: [I32 I64 I64], |arguments| {
        // A number lies where the first half of an id does.
        let (case, id) = (arguments.u32(), entry_id(arguments));
        match case {
            0 => Ok(Self::MaxLen(id.ms)),
            1 => Ok(Self::MinId(id)),
            case => Err(unknown(case)),
        }
    };
}

impl Param for EntryIds {
    type In<'m> = Cow<'m, [EntryId]>;
    type Wire = Vec<EntryId>;
    const FLAT: &'static [ValType] = &[ValType::I32, ValType::I32];

    fn of_wire<'m>(wire: &'m Vec<EntryId>, _: &'m Stopped<'_>) -> wasmtime::Result<Cow<'m, [EntryId]>> {
        Ok(Cow::Borrowed(wire))
    }

    fn of_core<'m>(
        arguments: &mut Arguments<'_>,
        memory: Memory<'m>,
    ) -> wasmtime::Result<Cow<'m, [EntryId]>> {
        let (at, count) = (arguments.size(), arguments.size());
        if !at.is_multiple_of(EntryId::ALIGN) {
            bail!("list pointer is not aligned");
        }
        let (halves, _) = memory.slice(at, count.saturating_mul(EntryId::SIZE))?.as_chunks::<8>();
        let halves = halves.iter().map(|half| u64::from_le_bytes(*half));
        let ids = halves.clone().step_by(2).zip(halves.skip(1).step_by(2));
        Ok(ids.map(|(ms, seq)| EntryId { ms, seq }).collect())
    }

    /// Looking for an entry goes through its block.
    fn moved(ids: &Cow<'_, [EntryId]>) -> Moved {
        let walked = u32::try_from(ids.len()).unwrap_or(u32::MAX).saturating_mul(ENTRIES_IN_BLOCK);
        Moved { bytes: size_of_val(&**ids), strings: ids.len(), walked }
    }
}

/// `stream-info`.
impl Layout for StreamInfo {
    const SIZE: usize = 24 + <Option<EntryId>>::SIZE;
    const ALIGN: usize = 8;
}

plain_answers! {
    EntryId: |id, to, at| {
        to.u64(at, id.ms)?;
        to.u64(at + 8, id.seq)
    };
    StreamInfo: |info, to, at| {
        to.u64(at, info.entries_added)?;
        EntryId::put(info.last_id, to, at + 8)?;
        <Option<EntryId> as Answer>::put(info.first_id, to, at + 24)
    };
}

/// `page` with entries.
pub(crate) struct EntryPage;

/// The same as wasmtime lowers it.
#[derive(wasmtime::component::ComponentType, wasmtime::component::Lower)]
#[component(record)]
pub(crate) struct WireEntryPage {
    ids: Vec<EntryId>,
    counts: Vec<u32>,
    fields: ArgvParam<'static>,
}

impl Layout for EntryPage {
    const SIZE: usize = 2 * LIST_SIZE + Strings::SIZE;
    const ALIGN: usize = Strings::ALIGN;
}

impl Answer for EntryPage {
    type Of<'h> = (EntryHeads, Argv<'h>);
    type Wire = WireEntryPage;

    fn into_wire((EntryHeads { ids, counts }, fields): (EntryHeads, Argv<'static>)) -> WireEntryPage {
        WireEntryPage { ids, counts, fields: Strings::into_wire(fields) }
    }

    fn put(
        (heads, fields): (EntryHeads, Argv<'_>),
        to: &mut Writer<'_, impl AsContextMut<Data = Guest>>,
        at: usize,
    ) -> wasmtime::Result<()> {
        let halves = heads.ids.iter().flat_map(|id| [id.ms, id.seq]);
        let bytes: Vec<u8> = halves.flat_map(u64::to_le_bytes).collect();
        to.put_elements::<EntryId>(at, &bytes)?;
        to.put_word_list(at + LIST_SIZE, &heads.counts)?;
        Strings::put(fields, to, at + 2 * LIST_SIZE)
    }

    fn moved((heads, fields): &(EntryHeads, Argv<'_>)) -> usize {
        heads.ids.len() * (EntryId::SIZE + size_of::<u32>()) + <Strings as Answer>::moved(fields)
    }
}
