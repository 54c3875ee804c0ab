//! The value: entries in the order in which they were made, some bytes without meaning, and the name of another key.
use sandkey::data_type::{Field, Reader, Writer};
use sandkey::prelude::*;

use crate::orders;

/// One entry.
#[derive(Field, Debug, Clone, PartialEq)]
pub struct Entry {
    pub amount: i64,
    /// When it was made, and a random number; 0 where the command did not ask for them.
    pub when_us: u64,
    pub nonce: u64,
    pub text: Vec<u8>,
}

/// An account.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Account {
    pub entries: Vec<Entry>,
    pub blob: Vec<u8>,
    /// The account that `ledger.through` goes on with; empty for none.
    pub link: Vec<u8>,
}

impl Account {
    /// Make an entry; how many there are now.
    pub fn enter(&mut self, amount: i64, text: &[u8]) -> usize {
        self.entries.push(Entry { amount: scaled(amount), when_us: 0, nonce: 0, text: text.to_vec() });
        self.entries.len()
    }

    /// How many entries there are, their sum, and a hash of everything.
    pub fn digest(&self) -> Vec<u8> {
        let sum = self.entries.iter().fold(0i64, |sum, entry| sum.wrapping_add(entry.amount));
        let mut writer = Writer::new();
        writer.field(&self.entries);
        writer.bytes(&self.blob);
        writer.bytes(&self.link);
        let hash = fnv(&writer.into_bytes());
        format!("{}:{sum}:{hash:016x}", self.entries.len()).into_bytes()
    }
}

/// FNV-1a: nobody attacks this.
pub fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// An amount as it is entered: the parameter counts.
fn scaled(amount: i64) -> i64 {
    amount.wrapping_mul(crate::FACTOR.get())
}

impl Entry {
    /// For people and for tests.
    pub fn shown(&self) -> Vec<u8> {
        let Self { amount, when_us, nonce, text } = self;
        [format!("{amount}:{when_us}:{nonce}:").as_bytes(), text].concat()
    }
}

impl DataType for Account {
    const NAME: &'static str = "proof-acc";
    const ENCVER: u32 = crate::ENCVER;

    fn load(reader: &mut Reader<'_>, encver: u32) -> Result<Self> {
        // The second version begins with a word and a sum to check against, and has the entries last.
        let mut account = Self::default();
        if encver == 1 {
            account.entries = reader.field()?;
            account.blob = reader.bytes()?.to_vec();
            account.link = reader.bytes()?.to_vec();
        } else {
            bail!(if reader.string()? != "second", "not of the second version");
            let sum = reader.i64()?;
            account.blob = reader.bytes()?.to_vec();
            account.link = reader.bytes()?.to_vec();
            account.entries = reader.field()?;
            let found = account.entries.iter().fold(0i64, |sum, entry| sum.wrapping_add(entry.amount));
            bail!(if found != sum, "the entries make {found}, not {sum}");
        }
        orders::on_load(&account)?;
        Ok(account)
    }

    fn save(&self, writer: &mut Writer) {
        orders::on_save(self);
        if Self::ENCVER == 1 {
            writer.field(&self.entries);
            writer.bytes(&self.blob);
            writer.bytes(&self.link);
        } else {
            writer.string("second");
            writer.i64(self.entries.iter().fold(0i64, |sum, entry| sum.wrapping_add(entry.amount)));
            writer.bytes(&self.blob);
            writer.bytes(&self.link);
            writer.field(&self.entries);
        }
    }

    fn memory_usage(&self) -> usize {
        size_of::<Self>() + self.entries.heap_size() + self.blob.capacity() + self.link.capacity()
    }

    fn free_effort(&self) -> usize {
        self.entries.len()
    }

    /// The hash of what it means, which is the same in both versions.
    fn digest(&self, digest: &mut Vec<u8>) {
        digest.extend_from_slice(&Self::digest(self));
    }
}
