//! The databases of one shard. Most servers use database 0 alone, which therefore stands in the shard itself and saves every
//! look-up a step. The others are made when first used, in boxes: there are many shards, and a server may have many databases.

use super::db::Db;

/// Databases by index.
pub struct Dbs {
    first: Db,
    /// From index 1 on.
    others: Vec<Option<Box<Db>>>,
}

impl Dbs {
    pub(super) fn new(first: Db) -> Self {
        Dbs { first, others: Vec::new() }
    }

    /// A database, if it was ever used.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&Db> {
        if index == 0 { Some(&self.first) } else { self.others.get(index - 1)?.as_deref() }
    }

    /// The same, to change it.
    #[inline]
    pub fn get_mut(&mut self, index: usize) -> Option<&mut Db> {
        if index == 0 { Some(&mut self.first) } else { self.others.get_mut(index - 1)?.as_deref_mut() }
    }

    /// A database, which `make` makes if it is used for the first time.
    #[inline]
    pub(super) fn get_or_make(&mut self, index: usize, make: impl FnOnce() -> Db) -> &mut Db {
        if index == 0 {
            return &mut self.first;
        }
        if self.others.len() < index {
            self.grow(index);
        }
        self.others[index - 1].get_or_insert_with(|| Box::new(make()))
    }

    #[cold]
    fn grow(&mut self, len: usize) {
        self.others.reserve_exact(len - self.others.len());
        self.others.resize_with(len, || None);
    }

    /// Puts each of two databases that are there in the place of the other.
    pub(super) fn swap(&mut self, a: usize, b: usize) {
        match (a.min(b), a.max(b)) {
            (low, high) if low == high => {}
            (0, high) => {
                if let Some(Some(other)) = self.others.get_mut(high - 1) {
                    std::mem::swap(&mut self.first, other);
                }
            }
            (low, high) => self.others.swap(low - 1, high - 1),
        }
    }

    /// Those that were used so far, empty or not, with their indices.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Db)> {
        let others = (1..).zip(&self.others).filter_map(|(index, db)| Some((index, db.as_deref()?)));
        std::iter::once((0, &self.first)).chain(others)
    }

    /// The same, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut Db)> {
        let others = (1..).zip(&mut self.others).filter_map(|(index, db)| Some((index, db.as_deref_mut()?)));
        std::iter::once((0, &mut self.first)).chain(others)
    }
}
