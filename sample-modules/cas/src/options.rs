//! The options that several commands share.
use sandkey::prelude::*;

/// What becomes of the time to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ttl {
    /// It goes, as with SET.
    Clear,
    /// It stays: KEEPTTL.
    Keep,
    /// The key expires at that time in milliseconds: EX, PX, EXAT, PXAT.
    At(u64),
}

impl Ttl {
    /// Read the options of SET that are about time.
    pub fn parse(ctx: &Context, mut args: Args) -> Result<Self> {
        let mut ttl = Self::Clear;
        while !args.is_empty() {
            let new = if args.keyword("KEEPTTL") {
                Self::Keep
            } else if args.keyword("EX") {
                Self::at(ctx.now_ms(), args.parse()?, 1000)?
            } else if args.keyword("PX") {
                Self::at(ctx.now_ms(), args.parse()?, 1)?
            } else if args.keyword("EXAT") {
                Self::at(0, args.parse()?, 1000)?
            } else if args.keyword("PXAT") {
                Self::at(0, args.parse()?, 1)?
            } else {
                return Err(Error::Syntax);
            };
            if ttl != Self::Clear {
                return Err(Error::Syntax);
            }
            ttl = new;
        }
        Ok(ttl)
    }

    fn at(from: u64, time: i64, unit: u64) -> Result<Self> {
        let time = u64::try_from(time).ok().filter(|time| *time > 0);
        let when = time.and_then(|time| time.checked_mul(unit)?.checked_add(from));
        // What does not fit into Redis's signed time is no time either.
        when.filter(|when| i64::try_from(*when).is_ok())
            .map(Self::At)
            .ok_or_else(|| error!("ERR invalid expire time"))
    }

    /// Write a value with it.
    pub fn write(self, key: &Key, value: &[u8]) -> Result<()> {
        match self {
            Self::Keep => key.replace(value),
            Self::Clear => key.set(value),
            Self::At(when) => {
                key.set(value)?;
                key.expire_at_ms(when)?;
                Ok(())
            }
        }
    }
}

/// The bounds of a counter: MIN and MAX.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    min: i64,
    max: i64,
}

impl Bounds {
    /// Read them.
    pub fn parse(mut args: Args) -> Result<Self> {
        let mut bounds = Self { min: i64::MIN, max: i64::MAX };
        while !args.is_empty() {
            if args.keyword("MIN") {
                bounds.min = args.parse()?;
            } else if args.keyword("MAX") {
                bounds.max = args.parse()?;
            } else {
                return Err(Error::Syntax);
            }
        }
        bail!(if bounds.min > bounds.max, "ERR MIN is larger than MAX");
        Ok(bounds)
    }

    /// The sum, if it is within them. A sum that does not fit into 64 bits is not.
    pub fn add(&self, to: i64, by: i64) -> Option<i64> {
        to.checked_add(by).filter(|sum| (self.min..=self.max).contains(sum))
    }
}
