//! Replies of a shape that the families share.

use sandkey::Element;
use sandkey::prelude::*;

/// A map whose keys are status lines, as RedisBloom has them.
pub fn map<V: Element, const N: usize>(pairs: [(&str, V); N]) -> Reply {
    Reply::build(|writer| {
        writer.map(N);
        for (name, value) in pairs {
            writer.simple(name);
            value.write(writer);
        }
    })
}
