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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_keeps_every_entry_and_survives() {
        let ctx = Context::test();
        ctx.load(&MODULE, [""; 0]).unwrap();
        assert_eq!(ctx.run::<single::add>(["a", "5", "first"]).unwrap(), 1);
        ctx.run::<single::stamp>(["a", "second"]).unwrap();
        ctx.run::<single::fill>(["a", "1000", "7"]).unwrap();
        ctx.run::<several::post_all>(["2", "posted", "a", "b"]).unwrap();
        let before = ctx.run::<single::digest>(["a"]).unwrap();
        ctx.reload().unwrap();
        assert_eq!(ctx.run::<single::digest>(["a"]).unwrap(), before);
        assert_eq!(ctx.run::<single::last>(["b"]).unwrap(), "2:0:0:posted");
    }

    #[test]
    fn what_fails_leaves_nothing() {
        let ctx = Context::test();
        ctx.load(&MODULE, [""; 0]).unwrap();
        ctx.key("n").set("before").unwrap();
        ctx.run::<single::add>(["a", "5"]).unwrap();
        assert_eq!(ctx.run::<failing::fail>(["a", "n", "r", "error"]), Err(error!("ERR told to fail")));
        assert_eq!(ctx.run::<single::last>(["a"]).unwrap(), "5:0:0:");
        assert_eq!(ctx.key("n").get().unwrap().as_deref(), Some(&b"before"[..]));
        assert!(!ctx.key("r").exists());
    }

    #[test]
    fn links_are_followed_and_the_parameter_counts() {
        let ctx = Context::test();
        ctx.load(&MODULE, [""; 0]).unwrap();
        ctx.configure(&MODULE, "factor", "3").unwrap();
        ctx.run::<single::link>(["a", "b"]).unwrap();
        assert_eq!(ctx.run::<several::through>(["a", "2"]).unwrap(), 2);
        assert_eq!(ctx.run::<single::last>(["b"]).unwrap(), "6:0:0:through");
    }

    #[test]
    fn orders_make_accounts_unusable() {
        let ctx = Context::test();
        ctx.load(&MODULE, ["REFUSE-LOAD", "boom"]).unwrap();
        ctx.run::<single::add>(["a", "1", "boom"]).unwrap();
        assert!(ctx.reload().unwrap_err().contains("told to refuse"));
        assert!(ctx.load(&MODULE, ["NONSENSE"]).is_err());
    }
}
