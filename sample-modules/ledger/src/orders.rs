//! What MODULE LOAD or MODULE UPGRADE told this version to do wrong: pairs of a verb and the text of an entry. An account that has such
//! an entry cannot be loaded (REFUSE-LOAD, TRAP-LOAD, LOOP-LOAD) or saved (TRAP-SAVE, LOOP-SAVE).
use sandkey::prelude::*;
use std::cell::RefCell;

use crate::account::Account;

#[derive(Default)]
struct Orders {
    refuse_load: Option<Vec<u8>>,
    trap_load: Option<Vec<u8>>,
    loop_load: Option<Vec<u8>>,
    trap_save: Option<Vec<u8>>,
    loop_save: Option<Vec<u8>>,
}

thread_local! {
    // There is one thread, so this is a plain static.
    static ORDERS: RefCell<Orders> = RefCell::default();
}

/// Take the orders.
pub fn init(mut args: Args) -> Result<()> {
    let mut orders = Orders::default();
    while !args.is_empty() {
        let order = if args.keyword("REFUSE-LOAD") {
            &mut orders.refuse_load
        } else if args.keyword("TRAP-LOAD") {
            &mut orders.trap_load
        } else if args.keyword("LOOP-LOAD") {
            &mut orders.loop_load
        } else if args.keyword("TRAP-SAVE") {
            &mut orders.trap_save
        } else if args.keyword("LOOP-SAVE") {
            &mut orders.loop_save
        } else {
            bail!("ERR unknown order");
        };
        *order = Some(args.bytes()?.to_vec());
    }
    ORDERS.set(orders);
    Ok(())
}

fn concerns(account: &Account, text: Option<&Vec<u8>>) -> bool {
    text.is_some_and(|text| account.entries.iter().any(|entry| entry.text == *text))
}

/// An account is being loaded.
pub fn on_load(account: &Account) -> Result<()> {
    ORDERS.with_borrow(|orders| {
        assert!(!concerns(account, orders.trap_load.as_ref()), "told to trap in load");
        if concerns(account, orders.loop_load.as_ref()) {
            burn(u64::MAX);
        }
        bail!(if concerns(account, orders.refuse_load.as_ref()), "told to refuse this account");
        Ok(())
    })
}

/// An account is being saved.
pub fn on_save(account: &Account) {
    ORDERS.with_borrow(|orders| {
        assert!(!concerns(account, orders.trap_save.as_ref()), "told to trap in save");
        if concerns(account, orders.loop_save.as_ref()) {
            burn(u64::MAX);
        }
    });
}

/// Use so much fuel, about: a few units each.
pub fn burn(rounds: u64) {
    for round in 0..rounds {
        std::hint::black_box(round);
    }
}
