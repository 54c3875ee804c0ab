//! One measurement: when, and how much.

/// A timestamp in milliseconds since 1970, never negative, and a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When.
    pub timestamp: i64,
    /// How much.
    pub value: f64,
}

impl Sample {
    /// A sample as it is kept. All NaNs are one: which one arithmetic gives differs from machine to machine, and the same
    /// commands must give the same bytes everywhere.
    pub const fn new(timestamp: i64, value: f64) -> Self {
        Self { timestamp, value: if value.is_nan() { f64::NAN } else { value } }
    }
}
