//! The enemy: one command per attack. Each says what must happen; that the server goes on, that other clients do not wait and
//! that no key has changed goes without saying every time. Never load it where it matters.
//!
//! Arguments of MODULE LOAD attack the loading itself: INIT-LOOP, INIT-SLEEP, INIT-TRAP, INIT-RECURSE, INIT-MEMORY, INIT-LOGS,
//! INIT-KEYS and INIT-FAIL. Every one of them refuses the load, except INIT-LOGS.
use sandkey::prelude::*;

mod broken;
mod collections;
mod exhaust;
mod overstep;
mod raw;

/// While it is being set to yes, it loops. MODULE LOADEX and CONFIG SET refuse it, and the client reads why.
static LOOP: Config<bool> = Config::boolean("loop", false).check(|yes| {
    if *yes {
        raw::forever();
    }
    Ok(())
});

/// While it is being set to yes, it panics. Refused likewise.
static TRAP: Config<bool> = Config::boolean("trap", false).check(|yes| {
    assert!(!yes, "told to trap by a parameter");
    Ok(())
});

/// It accepts nothing but its default. The client reads the module's own words.
static REFUSE: Config<String> = Config::string("refuse", "")
    .check(|text| if text.is_empty() { Ok(()) } else { Err(format!("I do not like {text}")) });

fn init(mut args: Args) -> Result<()> {
    while !args.is_empty() {
        if args.keyword("INIT-LOOP") {
            raw::forever();
        } else if args.keyword("INIT-SLEEP") {
            raw::sleep();
        } else if args.keyword("INIT-TRAP") {
            panic!("told to trap in init");
        } else if args.keyword("INIT-RECURSE") {
            raw::recurse(0);
        } else if args.keyword("INIT-MEMORY") {
            raw::eat_memory();
        } else if args.keyword("INIT-LOGS") {
            (0..10_000).for_each(|line| warning!("line {line} of init"));
        } else if args.keyword("INIT-KEYS") {
            raw::touch_keys_in_init()?;
        } else if args.keyword("INIT-FAIL") {
            bail!("told to fail in init");
        } else {
            bail!("ERR unknown argument");
        }
    }
    Ok(())
}

module! {
    name: "hostile",
    version: 1,
    summary: "One command per attack. Only for tests.",
    init: init,
    configs: [LOOP, TRAP, REFUSE],
    calls: ["hostile.self", "set", "get", "publish", "flushall"],
    commands: [
        exhaust::spin, exhaust::sleep, exhaust::recurse, exhaust::memory, exhaust::memory_by, exhaust::table,
        exhaust::calls, exhaust::calls_back, exhaust::logs, exhaust::keys, exhaust::store, exhaust::huge,
        broken::panic, broken::unreachable, broken::outside, broken::divide, broken::resp3, broken::deep, broken::line,
        broken::handle, broken::text,
        overstep::undeclared, overstep::readonly, overstep::unlisted, overstep::called_write, overstep::scan,
        overstep::write_trap, overstep::write_error, overstep::write_loop, overstep::write_memory, overstep::write_resp3,
        overstep::fine,
        collections::collections,
    ],
}
