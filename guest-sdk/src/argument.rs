//! Reading a command's arguments: one by one through the types of its parameters, or by hand through [`Args`].
//! A type says in its [`Shape`] what it takes, and the command's arity and key specs follow from that (`spec`).

use std::ops::Deref;

use crate::bytes::FromBytes;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::key::{Key, ReadKey};
use crate::spec::{ArgumentKind, KeyUse, Repeat, Shape};
use crate::strings::Argv;

/// A type that a parameter of a command may have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the parameter of a command",
    note = "parameters are Key, ReadKey, integers, floats, bool, &str, String, &[u8], Vec<u8>, Option, Vec, Many and Counted \
            of those, tuples, Arg<T> where T: FromBytes, and Args for reading by hand"
)]
pub trait Argument<'a>: Sized {
    /// What it takes.
    const SHAPE: Shape;

    /// Take it.
    fn take(args: &mut Args<'a>) -> Result<Self>;
}

/// The arguments that are left, to be read by hand: for commands whose options come in any order.
///
/// ```
/// # use sandkey::prelude::*;
/// # fn parse(mut args: Args) -> Result<(Option<u64>, bool)> {
/// let (mut ttl, mut only_new) = (None, false);
/// while !args.is_empty() {
///     if args.keyword("EX") {
///         ttl = Some(args.parse()?);
///     } else if args.keyword("NX") {
///         only_new = true;
///     } else {
///         return Err(Error::Syntax);
///     }
/// }
/// # Ok((ttl, only_new)) }
/// ```
#[derive(Debug, Clone)]
pub struct Args<'a> {
    argv: Argv<'a>,
    next: usize,
    host: Host,
    write: bool,
}

impl<'a> Args<'a> {
    pub(crate) const fn new(argv: Argv<'a>, next: usize, host: Host, write: bool) -> Self {
        Self { argv, next, host, write }
    }

    /// How many are left.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.argv.len() - self.next
    }

    /// Whether none is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.next >= self.argv.len()
    }

    /// The next one as it is. A missing one is `ERR syntax error`: the arity was checked, so an option lacks its value.
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        let bytes = self.argv.get(self.next).ok_or(Error::Syntax)?;
        self.next += 1;
        Ok(bytes)
    }

    /// The next one as a number, as text, or as anything else that can be read from bytes.
    pub fn parse<T: FromBytes<'a>>(&mut self) -> Result<T> {
        T::from_bytes(self.bytes()?)
    }

    /// The next one, or the next ones, as a parameter of that type would take them.
    pub fn take<T: Argument<'a>>(&mut self) -> Result<T> {
        T::take(self)
    }

    /// The next one, without taking it.
    #[must_use]
    pub fn peek(&self) -> Option<&'a [u8]> {
        self.argv.get(self.next)
    }

    /// Take the next one if it is this word, in any case of letters.
    pub fn keyword(&mut self, word: &str) -> bool {
        let is = self.peek().is_some_and(|next| next.eq_ignore_ascii_case(word.as_bytes()));
        self.next += usize::from(is);
        is
    }

    /// All that are left, as they are.
    pub fn rest(&mut self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let rest = self.argv.iter_from(self.next);
        self.next = self.argv.len();
        rest
    }

    /// `ERR syntax error` if something is left.
    pub fn finish(&self) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(Error::Syntax) }
    }

    pub(crate) fn all_taken(&self) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(Error::WrongArity) }
    }
}

impl<'a> Argument<'a> for Args<'a> {
    const SHAPE: Shape = Shape { width: 0, repeat: Repeat::Rest, key: None, kind: ArgumentKind::String };

    fn take(args: &mut Self) -> Result<Self> {
        let rest = args.clone();
        args.next = args.argv.len();
        Ok(rest)
    }
}

impl<'a> Argument<'a> for Key<'a> {
    const SHAPE: Shape = Shape::key(KeyUse::ByFlags);

    fn take(args: &mut Args<'a>) -> Result<Self> {
        let name = args.bytes()?;
        Self::open(&args.host, name, args.write)
    }
}

impl<'a> Argument<'a> for ReadKey<'a> {
    const SHAPE: Shape = Shape::key(KeyUse::Read);

    fn take(args: &mut Args<'a>) -> Result<Self> {
        let name = args.bytes()?;
        Self::open(&args.host, name, false)
    }
}

macro_rules! from_bytes {
    ($($kind:ident: $($type:ty),*;)*) => {$($(
        impl<'a> Argument<'a> for $type {
            const SHAPE: Shape = Shape::one(ArgumentKind::$kind);

            fn take(args: &mut Args<'a>) -> Result<Self> {
                args.parse()
            }
        }
    )*)*};
}

from_bytes! {
    Integer: i8, i16, i32, i64, isize, u16, u32, u64, usize;
    Double: f64;
    String: bool, &'a [u8], &'a str, String;
}

/// A byte string of one's own. `&[u8]` does the same without a copy.
impl<'a> Argument<'a> for Vec<u8> {
    const SHAPE: Shape = Shape::one(ArgumentKind::String);

    fn take(args: &mut Args<'a>) -> Result<Self> {
        args.parse()
    }
}

/// One argument of a type of your own: whatever implements [`FromBytes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arg<T>(pub T);

impl<'a, T: FromBytes<'a>> Argument<'a> for Arg<T> {
    const SHAPE: Shape = Shape::one(ArgumentKind::String);

    fn take(args: &mut Args<'a>) -> Result<Self> {
        args.parse().map(Self)
    }
}

impl<'a, T: Argument<'a>> Argument<'a> for Option<T> {
    const SHAPE: Shape = T::SHAPE.repeated(Repeat::Optional);

    fn take(args: &mut Args<'a>) -> Result<Self> {
        if args.is_empty() { Ok(None) } else { whole(args).map(Some) }
    }
}

/// Any number, none too.
impl<'a, T: Argument<'a>> Argument<'a> for Vec<T> {
    const SHAPE: Shape = T::SHAPE.repeated(Repeat::Any);

    fn take(args: &mut Args<'a>) -> Result<Self> {
        let mut items = Self::with_capacity(args.len() / T::SHAPE.width.max(1) as usize);
        while !args.is_empty() {
            items.push(whole(args)?);
        }
        Ok(items)
    }
}

/// One item of several arguments. Half of one means that the client sent a wrong number of arguments.
fn whole<'a, T: Argument<'a>>(args: &mut Args<'a>) -> Result<T> {
    if args.len() < T::SHAPE.width as usize {
        return Err(Error::WrongArity);
    }
    T::take(args)
}

/// At least one. It reads like a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Many<T>(Vec<T>);

impl<T> Deref for Many<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> IntoIterator for Many<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'t, T> IntoIterator for &'t Many<T> {
    type Item = &'t T;
    type IntoIter = std::slice::Iter<'t, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'a, T: Argument<'a>> Argument<'a> for Many<T> {
    const SHAPE: Shape = T::SHAPE.repeated(Repeat::Many);

    fn take(args: &mut Args<'a>) -> Result<Self> {
        if args.is_empty() { Err(Error::WrongArity) } else { Vec::take(args).map(Self) }
    }
}

/// A number and then as many items: `numkeys key [key ...]`. It reads like a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted<T>(Vec<T>);

impl<T> Deref for Counted<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> IntoIterator for Counted<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T: Argument<'a>> Argument<'a> for Counted<T> {
    const SHAPE: Shape = T::SHAPE.repeated(Repeat::Counted);

    fn take(args: &mut Args<'a>) -> Result<Self> {
        let count: usize = args.parse()?;
        // Before anything is allocated: the number is whatever a client likes.
        if count > args.len() / T::SHAPE.width.max(1) as usize {
            return Err("ERR Number of keys can't be greater than number of args".into());
        }
        (0..count).map(|_| T::take(args)).collect::<Result<_>>().map(Self)
    }
}

macro_rules! tuples {
    ($(($first:ident $(, $rest:ident)+))*) => {$(
        /// Several arguments that belong together, as in `Many<(Key, &[u8])>`.
        impl<'a, $first: Argument<'a> $(, $rest: Argument<'a>)+> Argument<'a> for ($first $(, $rest)+) {
            const SHAPE: Shape = $first::SHAPE$(.then($rest::SHAPE))+;

            fn take(args: &mut Args<'a>) -> Result<Self> {
                Ok(($first::take(args)? $(, $rest::take(args)?)+))
            }
        }
    )*};
}

tuples! {
    (A, B)
    (A, B, C)
    (A, B, C, D)
}
