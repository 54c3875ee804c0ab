//! The list type: elements in the order in which they were put at either end.

use std::collections::VecDeque;

use super::value::Encoding;

/// Elements in order.
#[derive(Clone, Default)]
pub struct List {
    elements: VecDeque<Box<[u8]>>,
    /// Bytes of all elements.
    bytes: usize,
}

impl List {
    /// A list with these elements.
    pub fn of_elements<'a>(elements: impl Iterator<Item = &'a [u8]>) -> List {
        let elements: VecDeque<Box<[u8]>> = elements.map(Box::from).collect();
        let bytes = elements.iter().map(|element| element.len()).sum();
        List { elements, bytes }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// `quicklist`.
    pub fn encoding(&self) -> Encoding {
        Encoding::Quicklist
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.elements.iter().map(|element| &**element)
    }

    /// Heap bytes, the struct itself included, since it always stands in a box.
    pub fn memory(&self) -> usize {
        size_of::<List>() + self.elements.capacity() * size_of::<Box<[u8]>>() + self.bytes
    }
}

impl std::fmt::Debug for List {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} elements", self.encoding().name(), self.len())
    }
}
