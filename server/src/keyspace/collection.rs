//! What the collections have in common: how they are found in an entry and made into a value, so that what every command
//! does with its key is written once (`command::keys`). What each of them can do is in its own file.

use super::entry::EntryMut;
use super::entry_ref::EntryRef;
use super::hash::Hash;
use super::list::List;
use super::set::Set;
use super::stream::Stream;
use super::value::Value;
use super::zset::Zset;

/// A type of values that are made of elements.
pub trait Collection: Default + Sized {
    /// The collection in an entry, if it is of this type.
    fn of(entry: EntryRef<'_>) -> Option<&Self>;

    /// The same, to change it.
    fn of_mut<'a>(entry: &'a mut EntryMut<'_>) -> Option<&'a mut Self>;

    /// The value to store.
    fn into_value(self) -> Value;

    /// Whether it is nothing any more, so that its key must go.
    fn is_nothing(&self) -> bool;
}

macro_rules! collection {
    ($($name:ident $method:ident $is_nothing:ident;)+) => {$(
        impl Collection for $name {
            #[inline]
            fn of(entry: EntryRef<'_>) -> Option<&Self> {
                entry.$method()
            }

            #[inline]
            fn of_mut<'a>(entry: &'a mut EntryMut<'_>) -> Option<&'a mut Self> {
                entry.$method()
            }

            fn into_value(self) -> Value {
                Value::$name(Box::new(self))
            }

            #[inline]
            fn is_nothing(&self) -> bool {
                self.$is_nothing()
            }
        }
    )+};
}

collection! {
    Hash hash is_empty;
    List list is_empty;
    Set set is_empty;
    Zset zset is_empty;
    Stream stream is_nothing;
}
