//! What holds for modules that are entered directly holds for those that are entered as components: the same tests once more, with
//! the direct way closed.

#![allow(
    clippy::duplicate_mod,
    reason = "each of them brings what it needs, as it does when it stands alone"
)]

#[path = "hostile.rs"]
mod hostile;
#[path = "imports.rs"]
mod imports;
#[path = "values.rs"]
mod values;
