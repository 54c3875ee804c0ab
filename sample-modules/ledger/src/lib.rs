//! A type for proving things about values: an account that keeps every entry ever made, so that a lost, doubled or halved write
//! shows. Only for tests: some commands fail on purpose, at a point that the caller chooses.
//!
//! Where it says "pure", the command uses one value, time and random numbers, so the server journals it.
//! The next version of this module is `ledger-next`, from the same source.
use sandkey::prelude::*;

mod account;
mod failing;
mod orders;
mod several;
mod single;

use account::Account;

/// The version of the saved form.
const ENCVER: u32 = 1;

/// Every amount is multiplied by this when it is entered. So what a journal says depends on what this was then.
static FACTOR: Config<i64> = Config::integer("factor", 1).between(-1000, 1000);

module! {
    name: "ledger",
    version: 1,
    summary: "Accounts that keep every entry. Only for tests.",
    init: orders::init,
    types: [Account],
    configs: [FACTOR],
    commands: [
        single::add, single::stamp, single::fill, single::trim, single::link, single::touch, single::reset,
        single::read, single::digest, single::last, single::rest, single::keys,
        several::transfer, several::add_all, several::post_all, several::mixed, several::through, several::swap,
        failing::fail, failing::burn_steps,
    ],
}
