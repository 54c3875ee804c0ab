//! The host of a command that runs again on a value that was lost: one key, which has the object, and the time and the random
//! numbers of then. A command is in a journal only because it needed nothing else.

use std::borrow::Cow;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sandkey_runtime as rt;
use sandkey_runtime::{
    ArgvBuf, ClientInfo, ContextFlags, Error, Host, HostFault, HostResult, Lists, LogLevel, Mode, Sets,
    SortedSets, Streams, ValueType, ValuesBuf,
};

use super::objects::Object;
use super::starting::without_keys;

/// What there is for such a command.
pub(super) struct Replay {
    object: Object,
    now_us: u64,
    rng: SmallRng,
    /// How often the key was opened: each time gives a handle.
    handles: u32,
}

impl Replay {
    /// For a command of this time and seed.
    pub(super) fn new(object: Object, now_us: u64, seed: u64) -> Self {
        Self { object, now_us, rng: SmallRng::seed_from_u64(seed), handles: 0 }
    }

    fn check(&self, handle: u32) -> Result<(), HostFault> {
        if handle < self.handles { Ok(()) } else { Err(HostFault::BadHandle(handle)) }
    }
}

impl Sets for Replay {}
impl Lists for Replay {}
impl SortedSets for Replay {}

impl Streams for Replay {}

impl Host for Replay {
    fn now_us(&mut self) -> u64 {
        self.now_us
    }
    fn random(&mut self) -> u64 {
        self.rng.next_u64()
    }
    fn log(&mut self, _: LogLevel, _: &str) {
        // It was logged when it happened.
    }
    fn open(&mut self, _: &[u8], _: Mode) -> HostResult<u32> {
        // The command opened one key, so this is it, whatever it is called now.
        self.handles += 1;
        Ok(self.handles - 1)
    }
    fn type_of(&mut self, key: u32) -> Result<ValueType, HostFault> {
        self.check(key)?;
        Ok(ValueType::Module)
    }
    fn exists(&mut self, key: u32) -> Result<bool, HostFault> {
        self.check(key)?;
        Ok(true)
    }
    fn object_get(&mut self, key: u32, data_type: u32) -> HostResult<Option<u32>> {
        self.check(key)?;
        if data_type == self.object.data_type {
            Ok(Some(self.object.number))
        } else {
            Err(Error::WrongType.into())
        }
    }
    fn object_edit(&mut self, key: u32, data_type: u32) -> HostResult<Option<u32>> {
        self.object_get(key, data_type)
    }
    fn object_journal(&mut self, key: u32, _: rt::Argv<'_>) -> HostResult<()> {
        Ok(self.check(key)?)
    }

    without_keys!();
}
