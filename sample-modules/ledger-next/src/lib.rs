//! The next version of `ledger`, to upgrade to: it saves accounts in another form and reads both, and one command has another name.
//! It takes the orders of `ledger` when it is loaded, so that an upgrade fails where a test wants it to.
use sandkey::prelude::*;

#[path = "../../ledger/src/account.rs"]
mod account;
#[path = "../../ledger/src/failing.rs"]
mod failing;
#[path = "../../ledger/src/orders.rs"]
mod orders;
#[path = "../../ledger/src/several.rs"]
mod several;
#[path = "../../ledger/src/single.rs"]
mod single;

use account::Account;

/// The version of the saved form.
const ENCVER: u32 = 2;

/// As in `ledger`.
static FACTOR: Config<i64> = Config::integer("factor", 1).between(-1000, 1000);

/// A parameter that `ledger` does not have.
static NOTE: Config<String> = Config::string("note", "none");

/// What `ledger.last` is called now.
#[command("ledger.newest", readonly, fast)]
fn newest(ctx: &Context, key: ReadKey) -> Result<Option<Vec<u8>>> {
    single::last(ctx, key)
}

/// Reply with the parameter.
#[command("ledger.note", fast)]
fn note(_ctx: &Context) -> Result<String> {
    Ok(NOTE.get())
}

module! {
    name: "ledger",
    version: 2,
    summary: "Accounts that keep every entry, in another form. Only for tests.",
    init: orders::init,
    types: [Account],
    configs: [FACTOR, NOTE],
    commands: [
        single::add, single::stamp, single::fill, single::trim, single::link, single::touch, single::reset,
        single::read, single::digest, newest, single::rest, single::keys, note,
        several::transfer, several::add_all, several::post_all, several::mixed, several::through, several::swap,
        failing::fail, failing::burn_steps,
    ],
}
