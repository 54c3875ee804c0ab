//! The arguments of a core function.

use wasmtime::ValRaw;

/// How many arguments a function takes on the stack; of more, the address would be passed. No function of the contract has so many.
pub(crate) const MAX_ARGUMENTS: usize = 16;

/// The arguments that a guest passed, taken one after the other in their order.
#[derive(Clone)]
pub(crate) struct Arguments<'a>(std::slice::Iter<'a, ValRaw>);

impl<'a> Arguments<'a> {
    pub(crate) fn new(values: &'a [ValRaw]) -> Self {
        Self(values.iter())
    }

    #[inline]
    fn next(&mut self) -> &'a ValRaw {
        self.0.next().expect("a function has as many arguments as its type says")
    }

    /// The next one, of type i32.
    #[inline]
    pub(crate) fn u32(&mut self) -> u32 {
        self.next().get_u32()
    }

    /// The same, as an address or a length.
    #[inline]
    pub(crate) fn size(&mut self) -> usize {
        self.u32() as usize
    }

    /// The next one, of type i64.
    #[inline]
    pub(crate) fn u64(&mut self) -> u64 {
        self.next().get_u64()
    }

    /// The next one, of type f64.
    #[inline]
    pub(crate) fn f64(&mut self) -> f64 {
        f64::from_bits(self.next().get_f64())
    }
}
