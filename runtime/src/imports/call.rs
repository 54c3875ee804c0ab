//! `call`: a command of the server, run by a module.

use crate::contract::Reply;
use crate::linking::{Interface, Strings};

pub(super) fn define(on: &mut impl Interface) -> wasmtime::Result<()> {
    on.refusable::<(Strings,), Reply>("run", |c, (args,)| c.host.call(args))
}
