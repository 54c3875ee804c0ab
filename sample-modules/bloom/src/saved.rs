//! How values are saved in RDB files, in DUMP and in copies: the types of this module, field by field.
//!
//! The names are RedisBloom's, because TYPE answers them and clients know them. The bytes are ours: version 100 is beyond every version
//! that RedisBloom has used, so a value that it wrote is refused by its version and never misread.

use sandkey::data_type::{DataType, Reader, Writer};
use sandkey::prelude::{Result, error};

use crate::limits::{SAVED_NODE_BYTES, VALUE_BYTES};
use crate::sketch::bloom::{Bloom, Filter};
use crate::sketch::copied;
use crate::sketch::countmin::CountMin;
use crate::sketch::cuckoo::{Cuckoo, Shape};
use crate::sketch::hash::ItemHash;
use crate::sketch::heavykeeper::{Cell, HeavyKeeper, Place};
use crate::sketch::tdigest::{Merged, Node, Parts, TDigest};

/// The first version of ours.
const ENCVER: u32 = 100;

/// Cells in one field: they are turned into bytes piece by piece, so that saving them takes no third copy.
const PIECE_CELLS: usize = 16_384;

fn check_version(encver: u32) -> Result<()> {
    if encver == ENCVER {
        return Ok(());
    }
    Err(error!("ERR version {encver} was written by RedisBloom, whose saved form this module does not read"))
}

/// A value that was read field by field and may still make no sense as a whole.
fn sound<T>(value: Option<T>, reader: &Reader<'_>) -> Result<T> {
    value.ok_or_else(|| reader.refuse("these fields do not fit together"))
}

fn narrow<T: TryFrom<u64>>(reader: &mut Reader<'_>) -> Result<T> {
    let number = reader.u64()?;
    T::try_from(number).map_err(|_| reader.refuse(format_args!("{number} is too large here")))
}

fn read_bytes(reader: &mut Reader<'_>) -> Result<Vec<u8>> {
    let bytes = reader.bytes()?;
    copied(bytes).map_err(|_| reader.refuse("not enough memory"))
}

impl DataType for Bloom {
    const NAME: &'static str = "MBbloom--";
    const ENCVER: u32 = ENCVER;

    fn load(reader: &mut Reader<'_>, encver: u32) -> Result<Self> {
        check_version(encver)?;
        let expansion: u32 = narrow(reader)?;
        let mut filters = Vec::new();
        for _ in 0..reader.count()? {
            filters.push(Filter {
                capacity: reader.u64()?,
                items: reader.u64()?,
                hashes: narrow(reader)?,
                error: reader.f64()?,
                bits: read_bytes(reader)?,
            });
        }
        sound(Self::restored(filters, (expansion > 0).then_some(expansion)), reader)
    }

    fn save(&self, writer: &mut Writer) {
        writer.reserve(self.memory());
        writer.u64(u64::from(self.expansion().unwrap_or(0)));
        writer.u64(self.filters().len() as u64);
        for filter in self.filters() {
            writer.u64(filter.capacity);
            writer.u64(filter.items);
            writer.u64(u64::from(filter.hashes));
            writer.f64(filter.error);
            writer.bytes(&filter.bits);
        }
    }

    fn memory_usage(&self) -> usize {
        self.memory()
    }

    fn free_effort(&self) -> usize {
        self.filters().len()
    }
}

impl DataType for Cuckoo {
    const NAME: &'static str = "MBbloomCF";
    const ENCVER: u32 = ENCVER;

    fn load(reader: &mut Reader<'_>, encver: u32) -> Result<Self> {
        check_version(encver)?;
        let shape =
            Shape { bucket_size: narrow(reader)?, iterations: narrow(reader)?, expansion: narrow(reader)? };
        let (items, deleted) = (reader.u64()?, reader.u64()?);
        let mut tables = Vec::new();
        for _ in 0..reader.count()? {
            tables.push(read_bytes(reader)?);
        }
        sound(Self::restored(shape, items, deleted, tables), reader)
    }

    fn save(&self, writer: &mut Writer) {
        writer.reserve(self.memory());
        let shape = self.shape();
        writer.u64(u64::from(shape.bucket_size));
        writer.u64(u64::from(shape.iterations));
        writer.u64(u64::from(shape.expansion));
        writer.u64(self.items());
        writer.u64(self.deleted());
        writer.u64(self.tables().len() as u64);
        for table in self.tables() {
            writer.bytes(table);
        }
    }

    fn memory_usage(&self) -> usize {
        self.memory()
    }

    fn free_effort(&self) -> usize {
        self.tables().len()
    }
}

/// Write cells of `SIZE` bytes each, in pieces. How many there are, the shape of the sketch has said.
fn save_cells<T, const SIZE: usize>(cells: &[T], writer: &mut Writer, bytes: impl Fn(&T) -> [u8; SIZE]) {
    let mut piece = Vec::with_capacity(PIECE_CELLS.min(cells.len()) * SIZE);
    for cells in cells.chunks(PIECE_CELLS) {
        piece.clear();
        cells.iter().for_each(|cell| piece.extend_from_slice(&bytes(cell)));
        writer.bytes(&piece);
    }
}

/// Read them again: as many as the shape says, which is no more than the bytes that are left have.
fn load_cells<T, const SIZE: usize>(
    (width, depth): (u32, u32),
    reader: &mut Reader<'_>,
    cell: impl Fn([u8; SIZE]) -> T,
) -> Result<Vec<T>> {
    let count = u64::from(width) * u64::from(depth);
    let count = usize::try_from(count).ok().filter(|count| *count <= reader.remaining() / SIZE);
    let count = count.ok_or_else(|| reader.refuse(format_args!("no {width} * {depth} cells follow")))?;
    let mut cells = Vec::new();
    cells.try_reserve_exact(count).map_err(|_| reader.refuse("not enough memory"))?;
    while cells.len() < count {
        let (piece, rest) = reader.bytes()?.as_chunks::<SIZE>();
        if piece.len() != PIECE_CELLS.min(count - cells.len()) || !rest.is_empty() {
            return Err(reader.refuse("a piece of cells has another length"));
        }
        cells.extend(piece.iter().map(|bytes| cell(*bytes)));
    }
    Ok(cells)
}

impl DataType for CountMin {
    const NAME: &'static str = "CMSk-TYPE";
    const ENCVER: u32 = ENCVER;

    fn load(reader: &mut Reader<'_>, encver: u32) -> Result<Self> {
        check_version(encver)?;
        let (width, depth) = (narrow(reader)?, narrow(reader)?);
        let count = reader.u64()?;
        let cells = load_cells((width, depth), reader, u32::from_le_bytes)?;
        sound(Self::restored(width, depth, count, cells), reader)
    }

    fn save(&self, writer: &mut Writer) {
        writer.reserve(self.memory());
        writer.u64(u64::from(self.width()));
        writer.u64(u64::from(self.depth()));
        writer.u64(self.count());
        save_cells(self.cells(), writer, |cell| cell.to_le_bytes());
    }

    fn memory_usage(&self) -> usize {
        self.memory()
    }
}

impl DataType for HeavyKeeper {
    const NAME: &'static str = "TopK-TYPE";
    const ENCVER: u32 = ENCVER;

    fn load(reader: &mut Reader<'_>, encver: u32) -> Result<Self> {
        check_version(encver)?;
        let (width, depth) = (narrow(reader)?, narrow(reader)?);
        let decay = reader.f64()?;
        let cells = load_cells((width, depth), reader, |bytes| {
            let both = u64::from_le_bytes(bytes);
            Cell { fingerprint: both as u32, count: (both >> 32) as u32 }
        })?;
        let places = reader.count()?;
        if places > VALUE_BYTES / size_of::<Place>() {
            return Err(reader.refuse(format_args!("{places} places are too many")));
        }
        let mut heap = Vec::new();
        heap.try_reserve_exact(places).map_err(|_| reader.refuse("not enough memory"))?;
        for _ in 0..places {
            let count = narrow(reader)?;
            // A place without an item has no name.
            let item = if count == 0 { Vec::new() } else { read_bytes(reader)? };
            let fingerprint = if count == 0 { 0 } else { ItemHash::of(&item).fingerprint() };
            heap.push(Place { count, fingerprint, item });
        }
        sound(Self::restored(width, depth, decay, cells, heap), reader)
    }

    fn save(&self, writer: &mut Writer) {
        writer.reserve(self.memory());
        writer.u64(u64::from(self.width()));
        writer.u64(u64::from(self.depth()));
        writer.f64(self.decay());
        save_cells(self.cells(), writer, |cell| {
            (u64::from(cell.count) << 32 | u64::from(cell.fingerprint)).to_le_bytes()
        });
        writer.u64(self.heap().len() as u64);
        for place in self.heap() {
            writer.u64(u64::from(place.count));
            if place.count > 0 {
                writer.bytes(&place.item);
            }
        }
    }

    fn memory_usage(&self) -> usize {
        self.memory()
    }

    fn free_effort(&self) -> usize {
        self.heap().len()
    }
}

impl DataType for TDigest {
    const NAME: &'static str = "TDIS-TYPE";
    const ENCVER: u32 = ENCVER;

    fn load(reader: &mut Reader<'_>, encver: u32) -> Result<Self> {
        check_version(encver)?;
        let (compression, compressions) = (narrow(reader)?, reader.u64()?);
        let (min, max) = (reader.f64()?, reader.f64()?);
        let merged = Merged { nodes: narrow(reader)?, weight: reader.u64()? };
        let count = reader.count()?;
        let mut nodes = Vec::new();
        for _ in 0..count {
            nodes.push(Node { mean: reader.f64()?, weight: reader.u64()? });
        }
        let parts = Parts { compression, compressions, min, max, merged, nodes };
        sound(Self::restored(parts), reader)
    }

    fn save(&self, writer: &mut Writer) {
        // In order before the room is taken: sorting needs some too, and gives it back.
        let nodes = self.nodes();
        // What stands before the nodes takes less than 64 bytes.
        writer.reserve(nodes.len() * SAVED_NODE_BYTES + 64);
        writer.u64(u64::from(self.compression()));
        writer.u64(self.compressions());
        writer.f64(self.min().unwrap_or(f64::INFINITY));
        writer.f64(self.max().unwrap_or(f64::NEG_INFINITY));
        writer.u64(self.merged().nodes as u64);
        writer.u64(self.merged().weight);
        writer.u64(nodes.len() as u64);
        for node in &*nodes {
            writer.f64(node.mean);
            writer.u64(node.weight);
        }
    }

    fn memory_usage(&self) -> usize {
        self.memory()
    }
}
