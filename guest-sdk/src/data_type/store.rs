//! The objects of an instance, by the numbers that the server knows them by. A number is a place in a list, and is given out again
//! after its object was freed: the server has forgotten it then.
//!
//! Whoever looks at an object has a counted reference, and whoever changes it takes it out of its place meanwhile. So two that want
//! to change the same object collide with a message instead of in memory, and there is nothing unsafe here.

use std::any::{Any, type_name};
use std::cell::RefCell;
use std::rc::Rc;

use super::{DataType, Object};

#[derive(Default)]
pub(crate) struct Store {
    places: RefCell<Places>,
}

#[derive(Default)]
struct Places {
    places: Vec<Place>,
    free: Vec<u32>,
}

enum Place {
    Free,
    Here(Object),
    /// A guard has it and will bring it back.
    Lent,
}

const OPENED_TWICE: &str =
    "a value is being changed and is used once more: drop the guard of one before the other";

impl Store {
    /// Only for a static.
    #[cfg(target_arch = "wasm32")]
    pub(crate) const fn new() -> Self {
        Self { places: RefCell::new(Places { places: Vec::new(), free: Vec::new() }) }
    }

    /// Keep an object; the answer is its number.
    pub(crate) fn insert(&self, object: Object) -> u32 {
        let mut places = self.places.borrow_mut();
        if let Some(number) = places.free.pop() {
            places.places[number as usize] = Place::Here(object);
            return number;
        }
        places.places.push(Place::Here(object));
        u32::try_from(places.places.len() - 1).expect("memory holds no 2^32 objects")
    }

    /// A reference to an object of any type.
    pub(crate) fn any(&self, number: u32) -> Object {
        match self.places.borrow().places.get(number as usize) {
            Some(Place::Here(object)) => Rc::clone(object),
            Some(Place::Lent) => panic!("{OPENED_TWICE}"),
            Some(Place::Free) | None => panic!("the server names object {number}, which there is not"),
        }
    }

    /// A reference to an object.
    pub(crate) fn get<T: DataType>(&self, number: u32) -> Rc<T> {
        let object: Rc<dyn Any> = self.any(number);
        object.downcast().unwrap_or_else(|_| panic!("object {number} is no {}", type_name::<T>()))
    }

    /// Take an object out of its place for whoever has the only other reference to it.
    pub(crate) fn lend(&self, number: u32) {
        let mut places = self.places.borrow_mut();
        let place = &mut places.places[number as usize];
        match place {
            Place::Here(object) if Rc::strong_count(object) <= 2 => *place = Place::Lent,
            _ => panic!("{OPENED_TWICE}"),
        }
    }

    /// Bring it back.
    pub(crate) fn give_back(&self, number: u32, object: Object) {
        self.places.borrow_mut().places[number as usize] = Place::Here(object);
    }

    /// The numbers that are given out.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        let places = self.places.borrow();
        let taken = |place: &Place| !matches!(place, Place::Free);
        let numbers: Vec<u32> =
            (0u32..).zip(&places.places).filter(|(_, place)| taken(place)).map(|(at, _)| at).collect();
        numbers.into_iter()
    }

    /// Drop an object.
    pub(crate) fn free(&self, number: u32) {
        let mut places = self.places.borrow_mut();
        let place = &mut places.places[number as usize];
        match std::mem::replace(place, Place::Free) {
            Place::Here(object) => {
                places.free.push(number);
                // What the object's own `drop` does must not find the list borrowed.
                drop(places);
                drop(object);
            }
            Place::Free => panic!("the server frees object {number} twice"),
            Place::Lent => panic!("{OPENED_TWICE}"),
        }
    }
}
