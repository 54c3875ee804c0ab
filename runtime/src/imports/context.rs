//! `context`: who runs the command, where, and when.

use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::bindings::sandkey::module::context::{ClientInfo, ContextFlags};
use crate::guest::{self, Guest, define_sure};

pub(super) fn define(linker: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    define_sure(linker, "client", |host, (): ()| {
        let client = host.client();
        Ok(ClientInfo {
            id: client.id,
            name: client.name.into_owned(),
            address: client.address.into_owned(),
            resp: client.resp,
        })
    })?;
    define_sure(linker, "user", |host, (): ()| Ok(host.user().into_owned()))?;
    define_sure(linker, "db", |host, (): ()| Ok(host.db()))?;
    define_sure(linker, "flags", |host, (): ()| {
        let flags = host.flags();
        let mut wire = ContextFlags::empty();
        for (set, flag) in [
            (flags.in_multi, ContextFlags::IN_MULTI),
            (flags.replaying, ContextFlags::REPLAYING),
            (flags.out_of_memory, ContextFlags::OUT_OF_MEMORY),
            (flags.called, ContextFlags::CALLED),
        ] {
            if set {
                wire |= flag;
            }
        }
        Ok(wire)
    })?;
    // Time and randomness are there for `init` too.
    linker.func_wrap("now-us", |mut store: StoreContextMut<'_, Guest>, (): ()| {
        guest::charge(&mut store, 0)?;
        Ok((store.data_mut().with_host(|host| host.now_us())?,))
    })?;
    linker.func_wrap("random", |mut store: StoreContextMut<'_, Guest>, (): ()| {
        guest::charge(&mut store, 0)?;
        Ok((store.data_mut().with_host(|host| host.random())?,))
    })
}
