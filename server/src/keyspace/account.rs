//! What the entries of a database occupy, kept up to date with every change.

use super::entry_ref::EntryRef;

/// Heap bytes of entries, and what of them is modules' values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Bytes of keys and values, as the allocator's size classes have them.
    pub bytes: usize,
    /// How many of the values are of modules' types.
    pub module_values: usize,
    /// Bytes that these have saved.
    pub saved: usize,
    /// Bytes of their journals.
    pub journals: usize,
}

impl Account {
    /// What one entry occupies.
    #[inline]
    pub(super) fn of(entry: EntryRef<'_>) -> Self {
        let mut account = Self { bytes: entry.memory(), ..Self::default() };
        if let Some(value) = entry.module() {
            account.module_values = 1;
            account.saved = value.saved().len();
            account.journals = value.journal().bytes();
        }
        account
    }

    /// An entry has come.
    #[inline]
    pub(super) fn add(&mut self, entry: EntryRef<'_>) {
        self.merge(Self::of(entry));
    }

    /// An entry goes.
    #[inline]
    pub(super) fn subtract(&mut self, entry: EntryRef<'_>) {
        self.remove(Self::of(entry));
    }

    /// Other entries belong to it, too.
    #[inline]
    pub fn merge(&mut self, other: Self) {
        self.bytes += other.bytes;
        if other.module_values != 0 {
            self.module_values += other.module_values;
            self.saved += other.saved;
            self.journals += other.journals;
        }
    }

    /// What was added before is no longer.
    #[inline]
    pub(super) fn remove(&mut self, other: Self) {
        self.bytes -= other.bytes;
        if other.module_values != 0 {
            self.module_values -= other.module_values;
            self.saved -= other.saved;
            self.journals -= other.journals;
        }
    }
}
