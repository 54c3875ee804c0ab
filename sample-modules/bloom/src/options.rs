//! Reading arguments with the errors of RedisBloom, and the places of values under keys.

use sandkey::FromBytes;
use sandkey::data_type::DataType;
use sandkey::prelude::*;

/// A number, or this error line.
pub fn number<'a, T: FromBytes<'a>>(argument: &'a [u8], or: &'static str) -> Result<T> {
    T::from_bytes(argument).map_err(|_| or.into())
}

/// A number within bounds, or this error line.
pub fn number_in<'a, T>(
    argument: &'a [u8],
    bounds: impl std::ops::RangeBounds<T>,
    or: &'static str,
) -> Result<T>
where
    T: FromBytes<'a> + PartialOrd,
{
    let number = number(argument, or)?;
    if bounds.contains(&number) { Ok(number) } else { Err(or.into()) }
}

/// The value of an option, or this error line if it is missing.
pub fn value<'a>(args: &mut Args<'a>, or: &'static str) -> Result<&'a [u8]> {
    args.bytes().map_err(|_| or.into())
}

/// The value under a key, and if there is none a new one that is put there.
pub fn open_or_create<'c, T: DataType>(
    ctx: &'c Context,
    key: &Key,
    create: impl FnOnce() -> Result<T>,
) -> Result<ValueMut<'c, T>> {
    let slot = ctx.open_mut::<T>(key)?;
    if slot.exists() { slot.get().ok_or(Error::WrongType) } else { slot.set(create()?) }
}

/// Put a new value under a key that does not exist, or answer this error line.
pub fn create<T: DataType>(
    ctx: &Context,
    key: &Key,
    exists: &'static str,
    create: impl FnOnce() -> Result<T>,
) -> Result<()> {
    let slot = ctx.open_mut::<T>(key)?;
    if slot.exists() {
        return Err(exists.into());
    }
    slot.set(create()?)?;
    Ok(())
}

/// The value under a key, or this error line if there is none.
pub fn open<'c, T: DataType>(
    ctx: &'c Context,
    key: &ReadKey,
    missing: &'static str,
) -> Result<ValueRef<'c, T>> {
    ctx.open_ref(key)?.ok_or_else(|| missing.into())
}

/// The same, to change it.
pub fn open_mut<'c, T: DataType>(
    ctx: &'c Context,
    key: &Key,
    missing: &'static str,
) -> Result<ValueMut<'c, T>> {
    ctx.open_mut(key)?.get().ok_or_else(|| missing.into())
}

/// The value under a key for those commands to which a value of any other type is none.
pub fn open_if_any<'c, T: DataType>(ctx: &'c Context, key: &ReadKey) -> Result<Option<ValueRef<'c, T>>> {
    match ctx.open_ref(key) {
        Err(Error::WrongType) => Ok(None),
        other => other,
    }
}
