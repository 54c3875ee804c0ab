//! How commands change sorted sets: below a module's command the members that change are recorded for undo one by one, since
//! the whole may be large, and everywhere the events of a key that came or went are the same.

use crate::effects::notify::Class;
use crate::keyspace::{Key, Zset};

use super::error::CommandError;
use super::keys::{Changed, Keys};
use super::undo::Part;

impl Keys<'_> {
    /// Change these members of the sorted set under a key, which is made if it is not there and goes if nothing is left of it. Nothing is
    /// told to anybody, as with `change`.
    pub fn change_members<'m, R>(
        &mut self,
        key: &Key<'_>,
        members: impl ExactSizeIterator<Item = &'m [u8]>,
        change: impl FnOnce(&mut Zset) -> R,
    ) -> Result<Changed<R>, CommandError> {
        self.write_parts(key, members, Zset::len, Part::scored)?;
        self.change_recorded(key, change)
    }

    /// Remove the members with these ranks from the sorted set under a key, which is there, and tell everybody. If nothing is
    /// left, the key goes.
    pub fn remove_ranks(
        &mut self,
        key: &Key<'_>,
        ranks: std::ops::Range<usize>,
        event: &'static str,
    ) -> Result<(), CommandError> {
        let removed = ranks.len();
        if removed == 0 {
            return Ok(());
        }
        let is_recorded = self.scratch.undo.is_active();
        let members: Vec<Box<[u8]>> = match self.peek_as::<Zset>(key)? {
            Some(zset) if is_recorded => {
                zset.range(ranks.clone(), false).map(|(member, _)| member.into()).collect()
            }
            _ => Vec::new(),
        };
        let remove = |zset: &mut Zset| zset.remove_range(ranks);
        let changed = self.change_members(key, members.iter().map(|member| &**member), remove)?;
        self.tell_removed(key, removed, changed.is_gone, event);
        Ok(())
    }

    /// Tell that so many members were removed, one at least, and possibly the key with them.
    pub fn tell_removed(&mut self, key: &Key<'_>, removed: usize, is_gone: bool, event: &'static str) {
        self.modified(key, Class::ZSET, event);
        self.effects.dirty += removed as u64 - 1;
        if is_gone {
            self.event(key, Class::GENERIC, "del");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::keys::tests::with_keys;

    /// Run below a module's command that fails, on a sorted set with so many members. What is left must be what was there.
    fn undone(members: usize, run: impl FnOnce(&mut Keys<'_>, &Key<'_>)) -> usize {
        with_keys(|keys| {
            let key = Key::new(b"z");
            let limits = keys.thresholds.zset;
            let fill = |zset: &mut Zset| {
                (0..members).for_each(|n| _ = zset.set(format!("m{n}").as_bytes(), n as f64, limits));
            };
            keys.change(&key, fill).expect("locked");
            let seen = |keys: &mut Keys<'_>| -> Vec<(Vec<u8>, f64)> {
                let zset = keys.peek_as::<Zset>(&key).expect("it is one").expect("it is there");
                zset.iter().map(|(member, score)| (member.to_vec(), score)).collect()
            };
            let before = seen(keys);
            let mark = keys.scratch.undo.enter();
            run(keys, &key);
            let recorded = keys.scratch.undo.part_bytes();
            keys.scratch.undo.leave(mark);
            keys.undo_to(mark);
            assert_eq!(seen(keys), before);
            recorded
        })
    }

    fn set(keys: &mut Keys<'_>, key: &Key<'_>, member: &[u8], score: f64) {
        let limits = keys.thresholds.zset;
        let change = |zset: &mut Zset| zset.set(member, score, limits);
        keys.change_members(key, std::iter::once(member), change).expect("locked");
    }

    #[test]
    fn members_are_undone_one_by_one_where_there_are_many() {
        for members in [3, 500] {
            let recorded = undone(members, |keys, key| {
                set(keys, key, b"m1", 77.0);
                set(keys, key, b"m1", -77.0);
                set(keys, key, b"fresh", 5.0);
                keys.remove_ranks(key, 1..3, "zremrangebyrank").expect("locked");
            });
            assert_eq!(recorded > 0, members == 500, "a small one is copied, a large one is not");
        }
    }

    #[test]
    fn one_that_goes_as_a_whole_comes_back_as_a_whole() {
        for members in [3, 500] {
            undone(members, |keys, key| {
                set(keys, key, b"m1", 77.0);
                keys.remove_ranks(key, 0..members, "zpopmin").expect("locked");
                assert!(keys.peek(key).expect("locked").is_none());
                set(keys, key, b"new", 1.0);
            });
        }
    }
}
