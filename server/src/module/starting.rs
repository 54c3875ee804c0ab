//! The hosts of an instance outside of commands: there is a log and a clock, and there are no keys.

use std::borrow::Cow;

use sandkey_runtime as rt;
use sandkey_runtime::{
    ArgvBuf, ClientInfo, ContextFlags, Error, Host, HostFault, HostResult, Lists, LogLevel, Mode, Sets,
    SortedSets, Streams, ValueType, ValuesBuf,
};

use super::log_line;

/// While an instance starts, takes over a parameter or works on a value.
pub(super) struct Starting<'a> {
    /// The module's name, for the log.
    name: &'a str,
    now_us: u64,
}

impl<'a> Starting<'a> {
    /// Now.
    pub(super) fn new(name: &'a str) -> Self {
        Self::at(name, crate::clock::wall_us())
    }

    /// At this time, in microseconds since 1970.
    pub(super) fn at(name: &'a str, now_us: u64) -> Self {
        Self { name, now_us }
    }
}

/// The functions of a [`Host`] that has no client, and no keys but perhaps one with an object.
macro_rules! without_keys {
    () => {
        fn client(&mut self) -> ClientInfo<'_> {
            ClientInfo::default()
        }
        fn user(&mut self) -> Cow<'_, str> {
            Cow::Borrowed("")
        }
        fn db(&mut self) -> u32 {
            0
        }
        fn flags(&mut self) -> ContextFlags {
            ContextFlags::default()
        }
        fn delete(&mut self, key: u32) -> HostResult<bool> {
            Err(HostFault::BadHandle(key).into())
        }
        fn expires_at_ms(&mut self, key: u32) -> Result<Option<u64>, HostFault> {
            Err(HostFault::BadHandle(key))
        }
        fn expire_at_ms(&mut self, key: u32, _: Option<u64>) -> HostResult<bool> {
            Err(HostFault::BadHandle(key).into())
        }
        fn scan(&mut self, _: u64, _: Option<&[u8]>, _: u32, _: &mut ArgvBuf) -> HostResult<u64> {
            Err(Error::UndeclaredKey.into())
        }
        fn string_get(&mut self, key: u32) -> HostResult<Option<&[u8]>> {
            Err(HostFault::BadHandle(key).into())
        }
        fn string_get_range(&mut self, key: u32, _: i64, _: i64) -> HostResult<&[u8]> {
            Err(HostFault::BadHandle(key).into())
        }
        fn string_len(&mut self, key: u32) -> HostResult<u64> {
            Err(HostFault::BadHandle(key).into())
        }
        fn string_set(&mut self, key: u32, _: &[u8]) -> HostResult<()> {
            Err(HostFault::BadHandle(key).into())
        }
        fn string_replace(&mut self, key: u32, _: &[u8]) -> HostResult<()> {
            Err(HostFault::BadHandle(key).into())
        }
        fn string_append(&mut self, key: u32, _: &[u8]) -> HostResult<u64> {
            Err(HostFault::BadHandle(key).into())
        }
        fn string_set_range(&mut self, key: u32, _: u64, _: &[u8]) -> HostResult<u64> {
            Err(HostFault::BadHandle(key).into())
        }
        fn string_incr_by(&mut self, key: u32, _: i64) -> HostResult<i64> {
            Err(HostFault::BadHandle(key).into())
        }
        fn hash_get(&mut self, key: u32, _: &[u8]) -> HostResult<Option<&[u8]>> {
            Err(HostFault::BadHandle(key).into())
        }
        fn hash_get_many(&mut self, key: u32, _: rt::Argv<'_>, _: &mut ValuesBuf) -> HostResult<()> {
            Err(HostFault::BadHandle(key).into())
        }
        fn hash_get_all(&mut self, key: u32, _: &mut ArgvBuf) -> HostResult<()> {
            Err(HostFault::BadHandle(key).into())
        }
        fn hash_set(&mut self, key: u32, _: &[u8], _: &[u8]) -> HostResult<bool> {
            Err(HostFault::BadHandle(key).into())
        }
        fn hash_set_many(&mut self, key: u32, _: rt::Argv<'_>) -> HostResult<u32> {
            Err(HostFault::BadHandle(key).into())
        }
        fn hash_delete(&mut self, key: u32, _: rt::Argv<'_>) -> HostResult<u32> {
            Err(HostFault::BadHandle(key).into())
        }
        fn hash_exists(&mut self, key: u32, _: &[u8]) -> HostResult<bool> {
            Err(HostFault::BadHandle(key).into())
        }
        fn hash_len(&mut self, key: u32) -> HostResult<u64> {
            Err(HostFault::BadHandle(key).into())
        }
        fn hash_incr_by(&mut self, key: u32, _: &[u8], _: i64) -> HostResult<i64> {
            Err(HostFault::BadHandle(key).into())
        }
        fn hash_scan(&mut self, key: u32, _: u64, _: u32, _: &mut ArgvBuf) -> HostResult<u64> {
            Err(HostFault::BadHandle(key).into())
        }
        fn object_set(&mut self, key: u32, _: u32, _: u32) -> HostResult<()> {
            Err(HostFault::BadHandle(key).into())
        }
        fn object_type_name(&mut self, key: u32) -> Result<Option<Cow<'_, str>>, HostFault> {
            Err(HostFault::BadHandle(key))
        }
        fn object_scan(&mut self, _: u32, _: u64, _: u32, _: &mut ArgvBuf) -> HostResult<u64> {
            Err(Error::UndeclaredKey.into())
        }
        fn call(&mut self, _: rt::Argv<'_>) -> HostResult<rt::Reply> {
            Err(Error::NotCallable.into())
        }
    };
}
pub(super) use without_keys;

impl Sets for Starting<'_> {}
impl Lists for Starting<'_> {}
impl SortedSets for Starting<'_> {}

impl Streams for Starting<'_> {}

impl Host for Starting<'_> {
    fn now_us(&mut self) -> u64 {
        self.now_us
    }
    fn random(&mut self) -> u64 {
        rand::random()
    }
    fn log(&mut self, level: LogLevel, line: &str) {
        log_line(self.name, level, line);
    }
    fn open(&mut self, _: &[u8], _: Mode) -> HostResult<u32> {
        Err(Error::UndeclaredKey.into())
    }
    fn type_of(&mut self, key: u32) -> Result<ValueType, HostFault> {
        Err(HostFault::BadHandle(key))
    }
    fn exists(&mut self, key: u32) -> Result<bool, HostFault> {
        Err(HostFault::BadHandle(key))
    }
    fn object_get(&mut self, key: u32, _: u32) -> HostResult<Option<u32>> {
        Err(HostFault::BadHandle(key).into())
    }
    fn object_edit(&mut self, key: u32, _: u32) -> HostResult<Option<u32>> {
        Err(HostFault::BadHandle(key).into())
    }
    fn object_journal(&mut self, key: u32, _: rt::Argv<'_>) -> HostResult<()> {
        Err(HostFault::BadHandle(key).into())
    }

    without_keys!();
}
