//! Into a core module, by the canonical ABI.
//!
//! The guest may not call the host while it gives out memory for its arguments, and while it takes back that of its answer.
//! So the host is at hand for the function itself and not around it.
//!
//! By the ABI every list is memory that the guest is asked for and then owns, and each time it is asked it is entered. A guest may
//! save that for the arguments of commands, as modules made with the SDK do: it exports `sandkey_argument_space`, a function
//! from a number of bytes to the address of so many, aligned to 4. The server writes arguments there, the ends in front of the
//! data, and asks again only when it needs more; they are the guest's own and lent to the command until it returns.
//! Arguments that are larger than [`ARGUMENT_SPACE`] come as the ABI has it.

use wasmtime::{Instance, InstancePre, Store, TypedFunc, WasmParams};

use super::values::{CoreValues, NO_VALUES, ValueFunction};
use super::{Ended, begin, used};
use crate::bindings::sandkey::module::manifest::Manifest as WireManifest;
use crate::canonical::{
    CoreParts, LIST_ALIGN, Layout, Load, Memory, Writer, answer_at, payload_offset, unknown_case,
};
use crate::contract::{Argv, ConfigValue, Error, Reply};
use crate::convert;
use crate::guest::{self, Guest, Phase};
use crate::host::Host;
use crate::instance::Outcome;
use crate::interfaces::Interfaces;
use crate::lend;

/// The most that is asked for as argument space: few arguments are larger, and no instance shall keep room for them.
const ARGUMENT_SPACE: usize = 16 << 10;

/// An address and a length.
type Place = (u32, u32);

/// A name, and a value: its case, and what the payloads of all cases share.
type ConfigParams = (u32, u32, u32, u64, u32);

/// The functions that an instance exports.
pub(crate) struct Entry {
    memory: wasmtime::Memory,
    init: Function<(u32, u32, u32, u32)>,
    call: Function<(u32, u32, u32, u32, u32)>,
    space: Option<ArgumentSpace>,
    set: Option<Function<ConfigParams>>,
    values: Option<Box<CoreValues>>,
}

/// A function that answers with an address or a number, and the one that is told when that has been read, if the guest wants it.
pub(crate) struct Function<P, R = u32> {
    function: TypedFunc<P, R>,
    post: Option<TypedFunc<R, ()>>,
}

/// Where a guest wants the arguments of its commands.
struct ArgumentSpace {
    ask: TypedFunc<u32, u32>,
    at: u32,
    bytes: usize,
}

impl ArgumentSpace {
    /// Write arguments there, if they are not too large for it.
    #[inline]
    fn write(
        &mut self,
        to: &mut Writer<'_, &mut Store<Guest>>,
        argv: Argv<'_>,
    ) -> wasmtime::Result<Option<(Place, Place)>> {
        let ends = 4 * argv.len();
        let needed = ends + argv.data().len();
        if needed > self.bytes {
            if needed > ARGUMENT_SPACE {
                return Ok(None);
            }
            let bytes = needed.next_power_of_two().max(256);
            self.at = self.ask.call(&mut *to.store(), bytes as u32)?;
            self.bytes = bytes;
        }
        let data = self.at.saturating_add(ends as u32);
        to.put_words(self.at, argv.ends())?;
        to.put(data as usize, argv.data())?;
        Ok(Some(((data, argv.data().len() as u32), (self.at, argv.len() as u32))))
    }
}

impl<P: WasmParams, R: WasmParams + wasmtime::WasmResults> Function<P, R> {
    /// Find a function of an interface by the name that a toolchain gives it.
    pub(super) fn find(
        instance: &Instance,
        store: &mut Store<Guest>,
        interface: Option<&str>,
        name: &str,
    ) -> wasmtime::Result<Self> {
        let name = format!("{}#{name}", interface.unwrap_or_default());
        let function = instance.get_typed_func(&mut *store, &name)?;
        let name = format!("cabi_post_{name}");
        let post = match instance.get_func(&mut *store, &name) {
            Some(post) => Some(post.typed(&*store)?),
            None => None,
        };
        Ok(Self { function, post })
    }

    /// Tell the guest that its answer has been read.
    fn tell(&self, store: &mut Store<Guest>, answer: R) -> wasmtime::Result<()> {
        match &self.post {
            Some(post) => without_host(store, |store, _| post.call(store, answer)),
            None => Ok(()),
        }
    }
}

impl Entry {
    /// Make an instance: what the ABI needs is found first, and then what a C toolchain wants is run before anything else.
    pub(crate) fn instantiate(
        pre: &InstancePre<Guest>,
        store: &mut Store<Guest>,
        host: &mut dyn Host,
    ) -> wasmtime::Result<Instance> {
        lend::with_host(store, host, |store| {
            let instance = pre.instantiate(&mut *store)?;
            let memory = instance.get_memory(&mut *store, "memory");
            let memory = memory.ok_or_else(|| wasmtime::format_err!("there is no memory"))?;
            let realloc = instance.get_typed_func(&mut *store, "cabi_realloc")?;
            if let Some(lent) = &mut store.data_mut().lent {
                lent.parts = Some(CoreParts { memory, realloc });
            }
            if let Some(initialize) = instance.get_func(&mut *store, "_initialize") {
                initialize.typed::<(), ()>(&*store)?.call(&mut *store, ())?;
            }
            Ok(instance)
        })
    }

    /// Find its exports. What they mean has been checked when the component around them was.
    pub(crate) fn find(
        instance: &Instance,
        store: &mut Store<Guest>,
        interfaces: &Interfaces,
    ) -> wasmtime::Result<Self> {
        let memory =
            store.data().lent.as_ref().and_then(|lent| lent.parts.as_ref()).map(|parts| parts.memory);
        let memory = memory.ok_or_else(guest::no_host)?;
        let space = match instance.get_func(&mut *store, "sandkey_argument_space") {
            Some(ask) => Some(ArgumentSpace { ask: ask.typed(&*store)?, at: 0, bytes: 0 }),
            None => None,
        };
        Ok(Self {
            memory,
            space,
            init: Function::find(instance, store, interfaces.export("lifecycle"), "init")?,
            call: Function::find(instance, store, interfaces.export("commands"), "call")?,
            set: match interfaces.export("configs") {
                Some(configs) => Some(Function::find(instance, store, Some(configs), "set")?),
                None => None,
            },
            values: match interfaces.export("values") {
                Some(values) => Some(Box::new(CoreValues::find(instance, store, values)?)),
                None => None,
            },
        })
    }

    pub(super) fn call(
        &mut self,
        store: &mut Store<Guest>,
        host: &mut dyn Host,
        (command, argv): (u32, Argv<'_>),
        fuel: u64,
        spent: u64,
    ) -> Result<Outcome, Ended> {
        begin(store, Phase::Command, fuel);
        let arguments = without_host(store, |store, parts| {
            let mut to = Writer::new(store, parts);
            if let Some(space) = &mut self.space
                && let Some(places) = space.write(&mut to, argv)?
            {
                return Ok(places);
            }
            lower(&mut to, argv)
        });
        let at = arguments.and_then(|((data, data_len), (ends, count))| {
            let params = (command, data, data_len, ends, count);
            lend::with_host(store, host, |store| self.call.function.call(store, params))
        });
        let fuel_used = used(store, fuel) + spent;
        let ended = |error, fuel_used| Ended { error, fuel_used };
        let at = at.map_err(|error| ended(error, fuel_used))?;
        let mut outcome =
            lift_outcome(&mut self.memory(store), at, fuel_used).map_err(|error| ended(error, fuel_used))?;
        if let Some(post) = &self.call.post {
            let result = without_host(store, |store, _| post.call(store, at));
            outcome.fuel_used = used(store, fuel) + spent;
            result.map_err(|error| ended(error, outcome.fuel_used))?;
        }
        Ok(outcome)
    }

    pub(super) fn init(
        &self,
        store: &mut Store<Guest>,
        host: &mut dyn Host,
        args: Argv<'_>,
    ) -> wasmtime::Result<Result<WireManifest, String>> {
        let ((data, data_len), (ends, count)) =
            without_host(store, |store, parts| lower(&mut Writer::new(store, parts), args))?;
        self.entering(store, host).answer(&self.init, (data, data_len, ends, count))
    }

    pub(super) fn set_config(
        &self,
        store: &mut Store<Guest>,
        host: &mut dyn Host,
        name: &str,
        value: &ConfigValue,
    ) -> wasmtime::Result<Result<(), String>> {
        let Some(set) = &self.set else { return Ok(Err(super::NO_CONFIGS.into())) };
        let ((name, name_len), (case, payload, len)) = without_host(store, |store, parts| {
            let mut to = Writer::new(store, parts);
            let name = to.list(name.as_bytes())?;
            // The payloads of all cases share their places: a number, or an address and a length.
            let value = match value {
                ConfigValue::Boolean(yes) => (0, u64::from(*yes), 0),
                ConfigValue::Integer(number) => (1, number.cast_unsigned(), 0),
                ConfigValue::String(text) => {
                    let (at, len) = to.list(text.as_bytes())?;
                    (2, u64::from(at), len)
                }
            };
            Ok((name, value))
        })?;
        self.entering(store, host).answer(set, (name, name_len, case, payload, len))
    }

    pub(super) fn value<F: ValueFunction>(
        &self,
        store: &mut Store<Guest>,
        host: &mut dyn Host,
        function: &F,
        most: usize,
    ) -> wasmtime::Result<F::Answer> {
        let values = self.values.as_ref().ok_or_else(|| wasmtime::format_err!(NO_VALUES))?;
        function.of_core(values, Entering { most, ..self.entering(store, host) })
    }

    fn entering<'e>(&self, store: &'e mut Store<Guest>, host: &'e mut dyn Host) -> Entering<'e> {
        let most = store.data().reply_bytes;
        Entering { store, host, memory: self.memory, most }
    }

    /// What the guest has in its memory, of which so much may be copied as may cross to the server.
    fn memory<'s>(&self, store: &'s Store<Guest>) -> Memory<'s> {
        Memory::new(self.memory.data(store), store.data().reply_bytes)
    }
}

/// A guest that is about to be entered.
pub(crate) struct Entering<'e> {
    store: &'e mut Store<Guest>,
    host: &'e mut dyn Host,
    memory: wasmtime::Memory,
    /// How many bytes its answer may have.
    most: usize,
}

impl Entering<'_> {
    /// Copy bytes into memory that the guest gives out for them, and owns.
    pub(super) fn list(&mut self, bytes: &[u8]) -> wasmtime::Result<Place> {
        without_host(self.store, |store, parts| Writer::new(store, parts).list(bytes))
    }

    /// Call a function and read its answer, at whose address it points.
    pub(super) fn answer<P: WasmParams, T: Load>(
        self,
        function: &Function<P>,
        params: P,
    ) -> wasmtime::Result<T> {
        let Self { store, host, memory, most } = self;
        let at = lend::with_host(store, host, |store| function.function.call(store, params))?;
        let answer = T::load_answer(&mut Memory::new(memory.data(&*store), most), at)?;
        function.tell(store, at)?;
        Ok(answer)
    }

    /// Call a function whose answer is a number, or none.
    pub(super) fn number<P: WasmParams, R: WasmParams + wasmtime::WasmResults + Copy>(
        self,
        function: &Function<P, R>,
        params: P,
    ) -> wasmtime::Result<R> {
        let Self { store, host, .. } = self;
        let answer = lend::with_host(store, host, |store| function.function.call(store, params))?;
        function.tell(store, answer)?;
        Ok(answer)
    }
}

/// Run `f`, which may enter the guest, without anything at hand for host functions.
#[inline]
fn without_host<R>(
    store: &mut Store<Guest>,
    f: impl FnOnce(&mut Store<Guest>, &CoreParts) -> wasmtime::Result<R>,
) -> wasmtime::Result<R> {
    let lent = store.data_mut().lent.take().ok_or_else(guest::no_host)?;
    let parts = lent.parts.as_ref().ok_or_else(guest::no_host)?;
    let result = f(store, parts);
    store.data_mut().lent = Some(lent);
    result
}

/// Copy arguments into memory that the guest gives out for them, and owns.
fn lower(to: &mut Writer<'_, &mut Store<Guest>>, argv: Argv<'_>) -> wasmtime::Result<(Place, Place)> {
    Ok((to.list(argv.data())?, to.words(argv.ends())?))
}

/// Read `result<reply, error>`. Each arm makes the whole outcome, so that an answer is moved once.
#[inline]
fn lift_outcome(from: &mut Memory<'_>, at: u32, fuel_used: u64) -> wasmtime::Result<Outcome> {
    let at = answer_at::<Result<Reply, Error>>(at)?;
    let payload = at + payload_offset(Result::<Reply, Error>::ALIGN);
    let good = |reply| Outcome { result: Ok(Ok(reply)), fuel_used };
    match u8::load(from, at)? {
        0 => {}
        1 => return Ok(Outcome { result: Ok(Err(lift_error(from, payload)?)), fuel_used }),
        case => return Err(unknown_case(case)),
    }
    let content = payload + payload_offset(Reply::ALIGN);
    Ok(match u8::load(from, payload)? {
        0 => good(Reply::Ok),
        1 => good(Reply::Null),
        2 => good(Reply::Integer(i64::load(from, content)?)),
        3 => good(Reply::Double(f64::load(from, content)?)),
        4 => good(Reply::Boolean(bool::load(from, content)?)),
        5 => convert::simple(String::load(from, content)?, fuel_used),
        6 => good(Reply::Bulk(from.list(content)?.to_vec())),
        7 => convert::resp3(from.list(content)?.to_vec(), fuel_used),
        case => return Err(unknown_case(case)),
    })
}

/// Read `error`.
pub(crate) fn lift_error(from: &mut Memory<'_>, at: usize) -> wasmtime::Result<Error> {
    match u8::load(from, at)? {
        convert::OTHER_ERROR => Ok(Error::other(from.text(at + payload_offset(LIST_ALIGN))?)),
        case => convert::error_of_case(case).ok_or_else(|| unknown_case(case)),
    }
}
