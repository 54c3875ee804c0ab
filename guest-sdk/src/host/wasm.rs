//! The imports of the contract, each with its types turned into ours. The only place that names generated bindings,
//! beside the exports in `exports`.

use std::cell::Cell;

use crate::context::{Circumstances, Client};
use crate::data_type::TypeEntry;
use crate::data_type::store::Store;
use crate::error::{Error, Result};
use crate::key::ValueType;
use crate::list::{End, Side};
use crate::log::Level;
use crate::reply::Reply;
use crate::sorted_set::{ScoreRange, Scored};
use crate::stream::{EntryId, Page, StreamInfo, Trim};
use crate::strings::Strings;

/// Generated from wit/. Public, because `module!` exports through them from the module's crate.
#[doc(hidden)]
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        world: "module",
        generate_all,
        // This is `commands.call`, which `entry` exports; importing `call.run` is something else.
        skip: ["call"],
        pub_export_macro: true,
        default_bindings_module: "sandkey::bindings",
        export_macro_name: "export_module",
    });

    /// What a module with parameters exports beside that: `configurable-module` is the union of the two.
    pub mod configurable {
        wit_bindgen::generate!({
            inline: "package sandkey:sdk; world parameters { export sandkey:module/configs@0.1.0; }",
            path: "../wit",
            world: "sandkey:sdk/parameters",
            generate_all,
            pub_export_macro: true,
            default_bindings_module: "sandkey::bindings::configurable",
            export_macro_name: "export_parameters",
        });
    }

    /// What a module with data types exports beside that, likewise from `data-module`.
    pub mod data {
        wit_bindgen::generate!({
            inline: "package sandkey:sdk; world data-types { export sandkey:module/values@0.1.0; }",
            path: "../wit",
            world: "sandkey:sdk/data-types",
            generate_all,
            pub_export_macro: true,
            default_bindings_module: "sandkey::bindings::data",
            export_macro_name: "export_values",
        });
    }
}

use bindings::sandkey::module::{
    call, context, hashes, keyspace, lists, log as wit_log, objects, sets, sorted_sets, streams, strings,
    types,
};

thread_local! {
    // There is one thread, so these are plain statics.
    static STORE: Store = const { Store::new() };
    /// The table of types, whose positions are the types' numbers.
    static TYPES: Cell<&'static [TypeEntry]> = const { Cell::new(&[]) };
}

/// An instance of this module begins.
pub(crate) fn set_types(types: &'static [TypeEntry]) {
    TYPES.set(types);
}

/// The server. It is reached through imports, so there is nothing to keep.
#[derive(Debug, Clone)]
pub(crate) struct Host;

impl From<types::Error> for Error {
    fn from(error: types::Error) -> Self {
        match error {
            types::Error::WrongArity => Self::WrongArity,
            types::Error::WrongType => Self::WrongType,
            types::Error::Syntax => Self::Syntax,
            types::Error::NotAnInteger => Self::NotAnInteger,
            types::Error::NotAFloat => Self::NotAFloat,
            types::Error::Overflow => Self::Overflow,
            types::Error::HashValueNotAnInteger => Self::HashValueNotAnInteger,
            types::Error::HashValueNotAFloat => Self::HashValueNotAFloat,
            types::Error::TooLong => Self::TooLong,
            types::Error::UndeclaredKey => Self::UndeclaredKey,
            types::Error::ReadOnly => Self::ReadOnly,
            types::Error::OutOfMemory => Self::OutOfMemory,
            types::Error::NotCallable => Self::NotCallable,
            types::Error::Other(text) => Self::Other(text.into()),
        }
    }
}

impl From<types::Argv> for Strings {
    fn from(argv: types::Argv) -> Self {
        Self { data: argv.data, ends: argv.ends }
    }
}

impl From<Strings> for types::Argv {
    fn from(strings: Strings) -> Self {
        Self { data: strings.data, ends: strings.ends }
    }
}

impl From<streams::EntryId> for EntryId {
    fn from(id: streams::EntryId) -> Self {
        Self { ms: id.ms, seq: id.seq }
    }
}

impl From<EntryId> for streams::EntryId {
    fn from(id: EntryId) -> Self {
        Self { ms: id.ms, seq: id.seq }
    }
}

impl From<types::Reply> for Reply {
    fn from(reply: types::Reply) -> Self {
        match reply {
            types::Reply::Ok => Self::Ok,
            types::Reply::Null => Self::Null,
            types::Reply::Integer(number) => Self::Integer(number),
            types::Reply::Double(number) => Self::Double(number),
            types::Reply::Boolean(yes) => Self::Boolean(yes),
            types::Reply::Simple(text) => Self::Simple(text.into()),
            types::Reply::Bulk(bytes) => Self::Bulk(bytes),
            types::Reply::Resp3(bytes) => Self::Resp3(bytes),
        }
    }
}

impl From<End> for lists::End {
    fn from(end: End) -> Self {
        match end {
            End::Head => Self::Head,
            End::Tail => Self::Tail,
        }
    }
}

impl From<Side> for lists::Side {
    fn from(side: Side) -> Self {
        match side {
            Side::Before => Self::Before,
            Side::After => Self::After,
        }
    }
}

impl From<ScoreRange> for sorted_sets::ScoreRange {
    fn from(range: ScoreRange) -> Self {
        let ScoreRange { min, min_excluded, max, max_excluded } = range;
        Self { min, min_excluded, max, max_excluded }
    }
}

impl From<sorted_sets::Scored> for Scored {
    fn from(scored: sorted_sets::Scored) -> Self {
        Self { members: scored.members.into(), scores: scored.scores }
    }
}

pub(crate) fn log(level: Level, message: &str) {
    let level = match level {
        Level::Debug => wit_log::Level::Debug,
        Level::Verbose => wit_log::Level::Verbose,
        Level::Notice => wit_log::Level::Notice,
        Level::Warning => wit_log::Level::Warning,
    };
    wit_log::write(level, message);
}

/// Methods take `&self` although there is nothing in it, because the fake of the tests needs it.
#[allow(clippy::unused_self)]
impl Host {
    pub(crate) fn now_us(&self) -> u64 {
        context::now_us()
    }

    pub(crate) fn random(&self) -> u64 {
        context::random()
    }

    pub(crate) fn client(&self) -> Client {
        let client = context::client();
        Client { id: client.id, name: client.name, address: client.address, resp: client.resp }
    }

    pub(crate) fn user(&self) -> String {
        context::user()
    }

    pub(crate) fn db(&self) -> u32 {
        context::db()
    }

    pub(crate) fn flags(&self) -> Circumstances {
        let flags = context::flags();
        let has = |flag| flags.contains(flag);
        Circumstances {
            in_multi: has(context::ContextFlags::IN_MULTI),
            replaying: has(context::ContextFlags::REPLAYING),
            out_of_memory: has(context::ContextFlags::OUT_OF_MEMORY),
            called: has(context::ContextFlags::CALLED),
        }
    }

    pub(crate) fn call(&self, argv: Strings) -> Result<Reply> {
        Ok(call::run(&argv.into())?.into())
    }

    pub(crate) fn open(&self, name: &[u8], write: bool) -> Result<u32> {
        Ok(keyspace::open(name, if write { keyspace::Mode::Write } else { keyspace::Mode::Read })?)
    }

    pub(crate) fn type_of(&self, key: u32) -> ValueType {
        match keyspace::type_of(key) {
            keyspace::ValueType::None => ValueType::None,
            keyspace::ValueType::String => ValueType::String,
            keyspace::ValueType::List => ValueType::List,
            keyspace::ValueType::Set => ValueType::Set,
            keyspace::ValueType::Zset => ValueType::Zset,
            keyspace::ValueType::Hash => ValueType::Hash,
            keyspace::ValueType::Stream => ValueType::Stream,
            keyspace::ValueType::Module => ValueType::Module,
        }
    }

    pub(crate) fn exists(&self, key: u32) -> bool {
        keyspace::exists(key)
    }

    pub(crate) fn delete(&self, key: u32) -> Result<bool> {
        Ok(keyspace::delete(key)?)
    }

    pub(crate) fn expires_at_ms(&self, key: u32) -> Option<u64> {
        keyspace::expires_at_ms(key)
    }

    pub(crate) fn expire_at_ms(&self, key: u32, when: Option<u64>) -> Result<bool> {
        Ok(keyspace::expire_at_ms(key, when)?)
    }

    pub(crate) fn scan(&self, cursor: u64, pattern: Option<&[u8]>, count: u32) -> Result<(u64, Strings)> {
        let page = keyspace::scan(cursor, pattern, count)?;
        Ok((page.cursor, page.keys.into()))
    }

    pub(crate) fn string_get(&self, key: u32) -> Result<Option<Vec<u8>>> {
        Ok(strings::get(key)?)
    }

    pub(crate) fn string_get_range(&self, key: u32, start: i64, end: i64) -> Result<Vec<u8>> {
        Ok(strings::get_range(key, start, end)?)
    }

    pub(crate) fn string_len(&self, key: u32) -> Result<u64> {
        Ok(strings::len(key)?)
    }

    pub(crate) fn string_set(&self, key: u32, value: &[u8]) -> Result<()> {
        Ok(strings::set(key, value)?)
    }

    pub(crate) fn string_replace(&self, key: u32, value: &[u8]) -> Result<()> {
        Ok(strings::replace(key, value)?)
    }

    pub(crate) fn string_append(&self, key: u32, value: &[u8]) -> Result<u64> {
        Ok(strings::append(key, value)?)
    }

    pub(crate) fn string_set_range(&self, key: u32, offset: u64, value: &[u8]) -> Result<u64> {
        Ok(strings::set_range(key, offset, value)?)
    }

    pub(crate) fn string_incr_by(&self, key: u32, by: i64) -> Result<i64> {
        Ok(strings::incr_by(key, by)?)
    }

    pub(crate) fn hash_get(&self, key: u32, field: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(hashes::get(key, field)?)
    }

    pub(crate) fn hash_get_many(&self, key: u32, fields: Strings) -> Result<Vec<Option<Vec<u8>>>> {
        Ok(hashes::get_many(key, &fields.into())?)
    }

    pub(crate) fn hash_get_all(&self, key: u32) -> Result<Strings> {
        Ok(hashes::get_all(key)?.into())
    }

    pub(crate) fn hash_set(&self, key: u32, field: &[u8], value: &[u8]) -> Result<bool> {
        Ok(hashes::set(key, field, value)?)
    }

    pub(crate) fn hash_set_many(&self, key: u32, pairs: Strings) -> Result<u32> {
        Ok(hashes::set_many(key, &pairs.into())?)
    }

    pub(crate) fn hash_delete(&self, key: u32, fields: Strings) -> Result<u32> {
        Ok(hashes::delete(key, &fields.into())?)
    }

    pub(crate) fn hash_exists(&self, key: u32, field: &[u8]) -> Result<bool> {
        Ok(hashes::exists(key, field)?)
    }

    pub(crate) fn hash_len(&self, key: u32) -> Result<u64> {
        Ok(hashes::len(key)?)
    }

    pub(crate) fn hash_incr_by(&self, key: u32, field: &[u8], by: i64) -> Result<i64> {
        Ok(hashes::incr_by(key, field, by)?)
    }

    pub(crate) fn set_add(&self, key: u32, members: Strings) -> Result<u32> {
        Ok(sets::add(key, &members.into())?)
    }

    pub(crate) fn set_remove(&self, key: u32, members: Strings) -> Result<u32> {
        Ok(sets::remove(key, &members.into())?)
    }

    pub(crate) fn set_contains(&self, key: u32, member: &[u8]) -> Result<bool> {
        Ok(sets::contains(key, member)?)
    }

    pub(crate) fn set_contains_many(&self, key: u32, members: Strings) -> Result<Vec<bool>> {
        Ok(sets::contains_many(key, &members.into())?)
    }

    pub(crate) fn set_len(&self, key: u32) -> Result<u64> {
        Ok(sets::len(key)?)
    }

    pub(crate) fn set_members(&self, key: u32) -> Result<Strings> {
        Ok(sets::members(key)?.into())
    }

    pub(crate) fn set_random(&self, key: u32, count: u32) -> Result<Strings> {
        Ok(sets::random(key, count)?.into())
    }

    pub(crate) fn set_pop(&self, key: u32, count: u32) -> Result<Strings> {
        Ok(sets::pop(key, count)?.into())
    }

    pub(crate) fn set_scan(&self, key: u32, cursor: u64, count: u32) -> Result<(u64, Strings)> {
        let page = sets::scan(key, cursor, count)?;
        Ok((page.cursor, page.members.into()))
    }

    pub(crate) fn list_push(&self, key: u32, end: End, elements: Strings) -> Result<u64> {
        Ok(lists::push(key, end.into(), &elements.into())?)
    }

    pub(crate) fn list_pop(&self, key: u32, end: End, count: u32) -> Result<Strings> {
        Ok(lists::pop(key, end.into(), count)?.into())
    }

    pub(crate) fn list_len(&self, key: u32) -> Result<u64> {
        Ok(lists::len(key)?)
    }

    pub(crate) fn list_get(&self, key: u32, index: i64) -> Result<Option<Vec<u8>>> {
        Ok(lists::get(key, index)?)
    }

    pub(crate) fn list_set(&self, key: u32, index: i64, element: &[u8]) -> Result<bool> {
        Ok(lists::set(key, index, element)?)
    }

    pub(crate) fn list_insert(
        &self,
        key: u32,
        side: Side,
        pivot: &[u8],
        element: &[u8],
    ) -> Result<Option<u64>> {
        Ok(lists::insert(key, side.into(), pivot, element)?)
    }

    pub(crate) fn list_remove(&self, key: u32, element: &[u8], from: End, count: u64) -> Result<u64> {
        Ok(lists::remove(key, element, from.into(), count)?)
    }

    pub(crate) fn list_trim(&self, key: u32, start: i64, stop: i64) -> Result<()> {
        Ok(lists::trim(key, start, stop)?)
    }

    pub(crate) fn list_range(&self, key: u32, start: i64, count: u32) -> Result<Strings> {
        Ok(lists::range(key, start, count)?.into())
    }

    pub(crate) fn zset_add(&self, key: u32, members: Strings, scores: &[f64]) -> Result<u32> {
        Ok(sorted_sets::add(key, &members.into(), scores)?)
    }

    pub(crate) fn zset_increment(&self, key: u32, member: &[u8], by: f64) -> Result<f64> {
        Ok(sorted_sets::increment(key, member, by)?)
    }

    pub(crate) fn zset_remove(&self, key: u32, members: Strings) -> Result<u32> {
        Ok(sorted_sets::remove(key, &members.into())?)
    }

    pub(crate) fn zset_score(&self, key: u32, member: &[u8]) -> Result<Option<f64>> {
        Ok(sorted_sets::score(key, member)?)
    }

    pub(crate) fn zset_scores(&self, key: u32, members: Strings) -> Result<Vec<Option<f64>>> {
        Ok(sorted_sets::scores(key, &members.into())?)
    }

    pub(crate) fn zset_rank(&self, key: u32, member: &[u8], reverse: bool) -> Result<Option<u64>> {
        Ok(sorted_sets::rank(key, member, reverse)?)
    }

    pub(crate) fn zset_len(&self, key: u32) -> Result<u64> {
        Ok(sorted_sets::len(key)?)
    }

    pub(crate) fn zset_count(&self, key: u32, scores: ScoreRange) -> Result<u64> {
        Ok(sorted_sets::count(key, scores.into())?)
    }

    pub(crate) fn zset_range(&self, key: u32, start: u64, count: u32, reverse: bool) -> Result<Scored> {
        Ok(sorted_sets::range(key, start, count, reverse)?.into())
    }

    pub(crate) fn zset_range_by_score(
        &self,
        key: u32,
        scores: ScoreRange,
        offset: u64,
        count: u32,
        reverse: bool,
    ) -> Result<Scored> {
        Ok(sorted_sets::range_by_score(key, scores.into(), offset, count, reverse)?.into())
    }

    pub(crate) fn zset_pop(&self, key: u32, count: u32, reverse: bool) -> Result<Scored> {
        Ok(sorted_sets::pop(key, count, reverse)?.into())
    }

    pub(crate) fn stream_add(&self, key: u32, id: Option<EntryId>, fields: Strings) -> Result<EntryId> {
        Ok(streams::add(key, id.map(Into::into), &fields.into())?.into())
    }

    pub(crate) fn stream_delete(&self, key: u32, ids: &[EntryId]) -> Result<u32> {
        let ids: Vec<streams::EntryId> = ids.iter().copied().map(Into::into).collect();
        Ok(streams::delete(key, &ids)?)
    }

    pub(crate) fn stream_trim(&self, key: u32, to: Trim, exact: bool) -> Result<u64> {
        let to = match to {
            Trim::MaxLen(len) => streams::Trimming::MaxLen(len),
            Trim::MinId(id) => streams::Trimming::MinId(id.into()),
        };
        Ok(streams::trim(key, to, exact)?)
    }

    pub(crate) fn stream_len(&self, key: u32) -> Result<u64> {
        Ok(streams::len(key)?)
    }

    pub(crate) fn stream_range(
        &self,
        key: u32,
        first: EntryId,
        last: EntryId,
        count: u32,
        reverse: bool,
    ) -> Result<Page> {
        let page = streams::range(key, first.into(), last.into(), count, reverse)?;
        let ids = page.ids.into_iter().map(Into::into).collect();
        Ok(Page { ids, counts: page.counts, fields: page.fields.into() })
    }

    pub(crate) fn stream_info(&self, key: u32) -> Result<StreamInfo> {
        let info = streams::info(key)?;
        Ok(StreamInfo {
            entries_added: info.entries_added,
            last_id: info.last_id.into(),
            first_id: info.first_id.map(Into::into),
        })
    }

    pub(crate) fn hash_scan(&self, key: u32, cursor: u64, count: u32) -> Result<(u64, Strings)> {
        let page = hashes::scan(key, cursor, count)?;
        Ok((page.cursor, page.pairs.into()))
    }

    /// The objects of this instance.
    pub(crate) fn store<R>(&self, with: impl FnOnce(&Store) -> R) -> R {
        STORE.with(with)
    }

    pub(crate) fn type_number(&self, data_type: &TypeEntry) -> u32 {
        let listed = TYPES.get().iter().position(|listed| listed.id == data_type.id);
        let Some(number) = listed else { panic!("{} is not among the module's `types`", data_type.name) };
        number as u32
    }

    pub(crate) fn object_get(&self, key: u32, data_type: u32) -> Result<Option<u32>> {
        Ok(objects::get(key, data_type)?)
    }

    pub(crate) fn object_edit(&self, key: u32, data_type: u32) -> Result<Option<u32>> {
        Ok(objects::edit(key, data_type)?)
    }

    pub(crate) fn object_journal(&self, key: u32, command: Strings) -> Result<()> {
        Ok(objects::journal(key, &command.into())?)
    }

    pub(crate) fn object_set(&self, key: u32, data_type: u32, object: u32) -> Result<()> {
        Ok(objects::set(key, data_type, object)?)
    }

    pub(crate) fn type_name(&self, key: u32) -> Option<String> {
        objects::type_name(key)
    }

    pub(crate) fn scan_type(&self, data_type: u32, cursor: u64, count: u32) -> Result<(u64, Strings)> {
        let page = objects::scan(data_type, cursor, count)?;
        Ok((page.cursor, page.keys.into()))
    }
}
