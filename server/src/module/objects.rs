//! The objects in a module's memory that stand for values: which of the module's own numbers each is, and which values have let
//! theirs go. A value names its object by a number of ours and the home of the instance that has it; so nothing can be
//! mistaken for an object that was lost with its instance.
//!
//! This is bookkeeping only. What calls the module is in `values`.

use std::collections::HashSet;
use std::sync::Arc;

use crate::keyspace::{Home, Live, ModuleValue};

/// An object of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Object {
    /// The position of its type in the manifest.
    pub data_type: u32,
    /// The module's number for it.
    pub number: u32,
}

/// The objects of one instance.
#[derive(Debug, Default)]
pub(super) struct Objects {
    home: Arc<Home>,
    /// By our number.
    held: Vec<Option<Object>>,
    /// Our numbers that nobody names.
    free: Vec<u32>,
    /// The same objects, to see whether a module gives one twice.
    known: HashSet<Object>,
}

impl Objects {
    /// The object of a value, if it is here.
    #[inline]
    pub(super) fn of(&self, value: &ModuleValue) -> Option<Object> {
        let number = value.live()?.number_in(&self.home)?;
        self.held.get(number as usize).copied().flatten()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Take an object in; what is returned belongs into its value. None if it is here already.
    pub(super) fn hold(&mut self, object: Object) -> Option<Live> {
        if !self.known.insert(object) {
            return None;
        }
        let number = self.free.pop().unwrap_or(self.held.len() as u32);
        match self.held.get_mut(number as usize) {
            Some(place) => *place = Some(object),
            None => self.held.push(Some(object)),
        }
        Some(Live::new(&self.home, number))
    }

    /// Whether values have let objects go.
    #[inline]
    pub(super) fn has_left(&self) -> bool {
        self.home.has_left()
    }

    /// Forget the objects that no value names any more. The module must be told to free them.
    pub(super) fn take_left(&mut self) -> Vec<Object> {
        let mut left = Vec::new();
        for number in self.home.take_left() {
            if let Some(object) = self.held.get_mut(number as usize).and_then(Option::take) {
                self.known.remove(&object);
                left.push(object);
            }
            self.free.push(number);
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::TypeId;

    fn value() -> ModuleValue {
        ModuleValue::new(TypeId::new("test___dt", 1).expect("the name is good"), Vec::new())
    }

    #[test]
    fn a_value_names_its_object_until_it_is_dropped_or_the_instance_is_lost() {
        let mut objects = Objects::default();
        let (first, second) = (Object { data_type: 0, number: 9 }, Object { data_type: 1, number: 9 });
        let (mut a, mut b) = (value(), value());
        assert_eq!(objects.of(&a), None);
        a.set_live(objects.hold(first));
        b.set_live(objects.hold(second));
        assert!(objects.hold(first).is_none(), "it is here already");
        assert_eq!((objects.of(&a), objects.of(&b), objects.len()), (Some(first), Some(second), 2));
        drop(a);
        assert!(objects.has_left());
        assert_eq!(objects.take_left(), [first]);
        assert!(!objects.has_left() && objects.take_left().is_empty());
        let third = Object { data_type: 0, number: 10 };
        let mut c = value();
        c.set_live(objects.hold(third));
        assert_eq!((objects.of(&c), objects.of(&b), objects.held.len()), (Some(third), Some(second), 2));
        let mut another = Objects::default();
        let mut d = value();
        d.set_live(another.hold(first));
        assert_eq!((another.of(&c), another.of(&d), objects.of(&d)), (None, Some(first), None));
    }
}
