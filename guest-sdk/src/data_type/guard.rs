//! What a command holds of a value: [`ValueRef`] to look at it, [`ValueMut`] to change it, and [`Slot`], the place under a key
//! where one is or may be put.
//!
//! Looking costs one call of the server, and changing one more: it happens at the first mutable access, so that a command that only
//! checks and refuses has not told the server anything that must be undone.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use super::{DataType, TypeEntry};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::key::{Key, ReadKey};

/// A value to look at. [`Context::open_ref`] gives it.
pub struct ValueRef<'c, T> {
    value: Rc<T>,
    /// It must not outlive the command: the server may want the object back.
    _host: &'c Host,
}

impl<T> Deref for ValueRef<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for ValueRef<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}

/// A value to look at and to change. Looking changes nothing; the first mutable access tells the server that the value changes.
///
/// # Panics
///
/// A value that is being changed cannot be opened once more, nor can a value be changed that is also open elsewhere. This
/// panics, as a `RefCell` does.
pub struct ValueMut<'c, T: DataType> {
    place: Place<'c>,
    object: u32,
    value: Rc<T>,
    state: State,
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place<'c> {
    host: &'c Host,
    key: u32,
    data_type: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// The server does not know that it changes.
    Seen,
    /// It is new, so the server knows.
    New,
    /// It changes, and is out of the store.
    Lent,
}

impl<T: DataType> ValueMut<'_, T> {
    /// Say what has changed the value, as a command of this module that uses no other key: run on the value as it was, at the same
    /// time, it makes the value that there is now. The server then notes this command; without it, it has the whole value saved
    /// after every command that used anything but one value, time and random numbers. That matters for large values that are
    /// changed in passing by a command about others.
    ///
    /// At most once for a value in one command, and after the change. In tests the command is tried at once, if
    /// [`Context::load`] has said which commands there are.
    ///
    /// ```
    /// # use sandkey::prelude::*;
    /// # #[derive(Default, DataType)]
    /// # #[data_type(name = "total-all", encver = 1)]
    /// # struct Total { sum: i64 }
    /// /// Add to a total, and to the total of everything.
    /// #[command("total.add", write)]
    /// fn add(ctx: &Context, key: Key, all: Key, by: i64) -> Result<()> {
    ///     for key in [key, all] {
    ///         let mut total = ctx.open_mut::<Total>(&key)?.or_default()?;
    ///         total.sum += by;
    ///         ValueMut::journal(&mut total, [b"total.add-one", key.name(), by.to_string().as_bytes()])?;
    ///     }
    ///     Ok(())
    /// }
    ///
    /// /// Add to one total.
    /// #[command("total.add-one", write)]
    /// fn add_one(ctx: &Context, key: Key, by: i64) -> Result<()> {
    ///     ctx.open_mut::<Total>(&key)?.or_default()?.sum += by;
    ///     Ok(())
    /// }
    ///
    /// module! { name: "total", version: 1, types: [Total], commands: [add, add_one] }
    /// # let ctx = Context::test();
    /// # ctx.load(&MODULE, [""; 0]).unwrap();
    /// # ctx.run::<add>(["a", "all", "5"]).unwrap();
    /// # ctx.run::<add>(["b", "all", "-2"]).unwrap();
    /// # assert_eq!(ctx.open_ref::<Total>(&ctx.key("all")).unwrap().unwrap().sum, 3);
    /// ```
    pub fn journal<A: AsRef<[u8]>>(value: &mut Self, command: impl IntoIterator<Item = A>) -> Result<()> {
        if value.state == State::Seen {
            value.lend();
        }
        value.place.host.object_journal(value.place.key, command.into_iter().collect())
    }

    #[cold]
    fn lend(&mut self) {
        let Place { host, key, data_type } = self.place;
        if self.state == State::Seen {
            match host.object_edit(key, data_type) {
                Ok(Some(object)) if object == self.object => {}
                Ok(_) => panic!("the key does not hold this value any more, so it cannot be changed"),
                Err(error) => panic!("the value cannot be changed: {error}"),
            }
        }
        host.store(|store| store.lend(self.object));
        self.state = State::Lent;
    }
}

impl<T: DataType> Deref for ValueMut<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: DataType> DerefMut for ValueMut<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        if self.state != State::Lent {
            self.lend();
        }
        Rc::get_mut(&mut self.value)
            .expect("`lend` made sure that nobody else has it, and nobody can get it since")
    }
}

impl<T: DataType> Drop for ValueMut<'_, T> {
    fn drop(&mut self) {
        if self.state == State::Lent {
            self.place.host.store(|store| store.give_back(self.object, Rc::<T>::clone(&self.value)));
        }
    }
}

impl<T: DataType + fmt::Debug> fmt::Debug for ValueMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}

/// The place under a key where a value of a type is, or may be put. [`Context::open_mut`] gives it.
#[must_use = "a slot does nothing by itself"]
pub struct Slot<'c, T: DataType> {
    place: Place<'c>,
    there: Option<(u32, Rc<T>)>,
}

impl<T: DataType> fmt::Debug for Slot<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("exists", &self.exists()).finish_non_exhaustive()
    }
}

impl<'c, T: DataType> Slot<'c, T> {
    /// Whether there is a value.
    #[must_use]
    pub const fn exists(&self) -> bool {
        self.there.is_some()
    }

    /// The value, if there is one.
    #[must_use]
    pub fn get(self) -> Option<ValueMut<'c, T>> {
        let Self { place, there } = self;
        there.map(|(object, value)| ValueMut { place, object, value, state: State::Seen })
    }

    /// The value; if there is none, a new one is put there.
    pub fn or_default(self) -> Result<ValueMut<'c, T>>
    where
        T: Default,
    {
        self.or_insert_with(T::default)
    }

    /// The value; if there is none, this one is made and put there.
    pub fn or_insert_with(self, make: impl FnOnce() -> T) -> Result<ValueMut<'c, T>> {
        if self.exists() { Ok(self.get().expect("it exists")) } else { self.set(make()) }
    }

    /// Put a value there, in place of what there is. A time to live is gone.
    pub fn set(self, value: T) -> Result<ValueMut<'c, T>> {
        let Self { place, there } = self;
        // Nobody needs to look at the old one any more.
        drop(there);
        let value = Rc::new(value);
        let object = place.host.store(|store| store.insert(Rc::<T>::clone(&value)));
        match place.host.object_set(place.key, place.data_type, object) {
            Ok(()) => Ok(ValueMut { place, object, value, state: State::New }),
            Err(error) => {
                // The server has not taken it, so it is still ours to drop.
                place.host.store(|store| store.free(object));
                Err(error)
            }
        }
    }
}

impl Context {
    /// The value of a type of the module's own under a key, to look at it; `None` if there is no such key, and
    /// [`Error::WrongType`] if it holds anything else.
    ///
    /// A value that is not in the module's memory is an error that the command must return: the server then fetches it and runs the
    /// command again, and no client sees anything of that. So nothing but keys may be changed before: a static that counts,
    /// say, would count twice. For several values see [`open_refs`](Self::open_refs).
    pub fn open_ref<T: DataType>(&self, key: &ReadKey<'_>) -> Result<Option<ValueRef<'_, T>>> {
        let host = &self.host;
        let object = host.object_get(key.handle(), self.number_of::<T>())?;
        Ok(object.map(|object| ValueRef { value: host.store(|store| store.get(object)), _host: host }))
    }

    /// The values under several keys, to look at them. Every one is asked for before an error is returned, so that whatever is not in
    /// memory is fetched at once.
    pub fn open_refs<'k, T: DataType>(
        &self,
        keys: impl IntoIterator<Item = &'k ReadKey<'k>>,
    ) -> Result<Vec<Option<ValueRef<'_, T>>>> {
        all(keys.into_iter().map(|key| self.open_ref(key)))
    }

    /// The place of a value under a key, to change the value or to put one there. [`Error::WrongType`] if the key holds anything else,
    /// [`Error::ReadOnly`] in a command that is not flagged `write`. To replace whatever a key holds, [delete](Key::delete) it
    /// before.
    ///
    /// ```
    /// //! PEAK.INCR counts, and remembers how high it ever counted.
    /// use sandkey::prelude::*;
    ///
    /// #[derive(Default, DataType)]
    /// #[data_type(name = "peak-cntr", encver = 1)]
    /// struct Peak {
    ///     now: i64,
    ///     max: i64,
    /// }
    ///
    /// /// Add to a counter, and reply with the highest value it ever had.
    /// #[command("peak.incr", write, fast)]
    /// fn incr(ctx: &Context, key: Key, by: Option<i64>) -> Result<i64> {
    ///     let mut peak = ctx.open_mut::<Peak>(&key)?.or_default()?;
    ///     peak.now += by.unwrap_or(1);
    ///     peak.max = peak.max.max(peak.now);
    ///     Ok(peak.max)
    /// }
    ///
    /// module! { name: "peak", version: 1, types: [Peak], commands: [incr] }
    ///
    /// let ctx = Context::test();
    /// assert_eq!(ctx.run::<incr>(["visits", "5"]).unwrap(), 5);
    /// assert_eq!(ctx.run::<incr>(["visits", "-2"]).unwrap(), 5);
    /// assert_eq!(ctx.open_ref::<Peak>(&ctx.key("visits")).unwrap().unwrap().now, 3);
    /// ```
    pub fn open_mut<T: DataType>(&self, key: &Key<'_>) -> Result<Slot<'_, T>> {
        if !self.write {
            return Err(Error::ReadOnly);
        }
        let host = &self.host;
        let place = Place { host, key: key.handle(), data_type: self.number_of::<T>() };
        let object = host.object_get(place.key, place.data_type)?;
        Ok(Slot { place, there: object.map(|object| (object, host.store(|store| store.get(object)))) })
    }

    /// Some keys of the selected database that hold values of this type, and the cursor for the next call: begin with 0, and 0 means
    /// the end. It gives SCAN's guarantees. About `count` keys are looked at, at most 1,000, so a page may be empty
    /// before the end. The command must be flagged `all_keys`.
    pub fn scan_type<T: DataType>(&self, cursor: u64, count: u32) -> Result<(u64, crate::Strings)> {
        self.host.scan_type(self.number_of::<T>(), cursor, count)
    }

    /// Open keys by name, as [`open`](Self::open) does. Every one is asked for before an error is returned, so that a command with
    /// `finds_keys` runs again only once for all of them.
    pub fn open_many<'k, N: AsRef<[u8]> + ?Sized + 'k>(
        &self,
        names: impl IntoIterator<Item = &'k N>,
    ) -> Result<Vec<Key<'k>>> {
        all(names.into_iter().map(|name| self.open(name)))
    }

    fn number_of<T: DataType>(&self) -> u32 {
        self.host.type_number(const { &TypeEntry::of::<T>() })
    }
}

/// All of them, or the first error after all were tried.
fn all<T>(results: impl Iterator<Item = Result<T>>) -> Result<Vec<T>> {
    let (mut all, mut error) = (Vec::new(), None);
    for result in results {
        match result {
            Ok(value) => all.push(value),
            Err(why) => error = error.or(Some(why)),
        }
    }
    error.map_or(Ok(all), Err)
}
