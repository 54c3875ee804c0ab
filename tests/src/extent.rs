//! How much the tests with random requests do. The short form repeats the same requests each time, so that what fails is
//! what was changed; the long form, `SANDKEY_LONG=1`, draws others in every run. `SANDKEY_SEED=n` repeats any of them.

/// What the short form begins with.
const SHORT_SEED: u64 = 0x5a4d_6b65;

/// Whether the tests shall take as long as they can use.
pub fn long() -> bool {
    std::env::var_os("SANDKEY_LONG").is_some_and(|value| value == "1")
}

/// What random decisions begin with. It is printed, for the run to be repeated.
pub fn seed() -> u64 {
    let seed = match std::env::var("SANDKEY_SEED") {
        Ok(text) => text.parse().expect("SANDKEY_SEED is a number"),
        Err(_) if long() => rand::random(),
        Err(_) => SHORT_SEED,
    };
    eprintln!("SANDKEY_SEED={seed}");
    seed
}
