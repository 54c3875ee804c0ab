//! The objects, by numbers that this module gives out. Nothing is checked: a number that means nothing gets an object made for it.
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What the server knows as an object.
#[derive(Debug, Clone, Default)]
pub struct Object {
    pub mood: String,
    pub payload: Vec<u8>,
}

thread_local! {
    // There is one thread, so these are plain statics.
    static OBJECTS: RefCell<BTreeMap<u32, Object>> = const { RefCell::new(BTreeMap::new()) };
    static NEXT: RefCell<u32> = const { RefCell::new(1) };
}

/// Keep an object.
pub fn insert(object: Object) -> u32 {
    NEXT.with_borrow_mut(|next| {
        *next += 1;
        OBJECTS.with_borrow_mut(|objects| objects.insert(*next, object));
        *next
    })
}

/// Look at an object, or change it.
pub fn change<R>(number: u32, change: impl FnOnce(&mut Object) -> R) -> R {
    OBJECTS.with_borrow_mut(|objects| change(objects.entry(number).or_default()))
}

/// Some number that was given out already, if there is one.
pub fn any() -> Option<u32> {
    OBJECTS.with_borrow(|objects| objects.keys().next().copied())
}

/// Drop an object.
pub fn remove(number: u32) -> Object {
    OBJECTS.with_borrow_mut(|objects| objects.remove(&number).unwrap_or_default())
}
