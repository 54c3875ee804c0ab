//! Sketches under keys, as RedisBloom 2.6 has them: Bloom and cuckoo filters, count-min sketches, top-k lists and t-digests, with its
//! commands, its replies and its errors. Clients recognise the module by its name, `bf`, and the values by their types.
//!
//! The sketches are in `sketch`, the saved form of each in `saved`, the commands of a family in the file of its name. Nothing here
//! is compatible with the bytes that RedisBloom writes: values and chunks of SCANDUMP that come from there are refused.
use sandkey::prelude::*;

mod bf;
mod cf;
mod cms;
mod dump;
mod limits;
mod options;
mod reply;
mod saved;
mod sketch;
mod tdigest;
#[cfg(test)]
mod tests;
mod topk;

use sketch::bloom::Bloom;
use sketch::countmin::CountMin;
use sketch::cuckoo::Cuckoo;
use sketch::heavykeeper::HeavyKeeper;
use sketch::tdigest::TDigest;

module! {
    name: "bf",
    version: 20600,
    summary: "Probabilistic data structures with the commands of RedisBloom 2.6.",
    types: [Bloom, Cuckoo, CountMin, HeavyKeeper, TDigest],
    commands: [
        bf::reserve, bf::add, bf::madd, bf::insert, bf::exists, bf::mexists, bf::card, bf::info, bf::scandump, bf::loadchunk,
        bf::debug,
        cf::reserve, cf::add, cf::addnx, cf::insert, cf::insertnx, cf::exists, cf::mexists, cf::del, cf::count, cf::info,
        cf::scandump, cf::loadchunk,
        cms::initbydim, cms::initbyprob, cms::incrby, cms::query, cms::merge, cms::info,
        topk::reserve, topk::add, topk::incrby, topk::query, topk::count, topk::list, topk::info,
        tdigest::create_digest, tdigest::reset, tdigest::add, tdigest::merge, tdigest::quantile, tdigest::cdf, tdigest::rank,
        tdigest::revrank, tdigest::byrank, tdigest::byrevrank, tdigest::trimmed_mean, tdigest::min, tdigest::max, tdigest::info,
    ],
    configs: [bf::ERROR_RATE, bf::INITIAL_CAPACITY, cf::MAX_EXPANSIONS],
}
