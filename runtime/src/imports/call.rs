//! `call`: a command of the server, run by a module.

use wasmtime::component::LinkerInstance;

use crate::bindings::sandkey::module::types::{Error as WireError, Reply as WireReply};
use crate::contract::Reply;
use crate::guest::{self, ArgvIn, Guest, Moved};
use crate::host::Refusal;

pub(super) fn define(linker: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    linker.func_wrap("run", |mut store: wasmtime::StoreContextMut<'_, Guest>, (args,): (ArgvIn,)| {
        let mut moved = args.moved();
        let result = guest::with_command_host(&mut store, |host, store| host.call(args.read(store)?))?;
        let answer = match result {
            Ok(reply) => {
                moved += bytes(&reply);
                Ok(WireReply::from(reply))
            }
            Err(Refusal::Error(error)) => Err(WireError::from(error)),
            Err(Refusal::Fault(fault)) => return Err(fault.into()),
        };
        guest::charge(&mut store, moved)?;
        Ok((answer,))
    })
}

fn bytes(reply: &Reply) -> usize {
    match reply {
        Reply::Simple(text) => text.len(),
        Reply::Bulk(bytes) => bytes.len(),
        Reply::Resp3(value) => value.as_bytes().len(),
        Reply::Ok | Reply::Null | Reply::Integer(_) | Reply::Double(_) | Reply::Boolean(_) => 0,
    }
}
