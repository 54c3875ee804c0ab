//! Commands on lists: elements in the order in which they were put there. Their form is chosen in `keyspace::list`.
//! A list without elements does not exist: whoever takes the last one takes the key.
//! Moving elements between lists, and waiting for them, is in `list_move`.

use crate::command;
use crate::effects::notify::Class;
use crate::keyspace::list::Iter;
use crate::keyspace::{Encoding, End, Key, List};
use crate::net::argv::Argv;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::keys::{Changed, Keys};
use super::spec::{Access, Family, access, key};
use super::undo::Part;

/// Elements are taken out.
pub(super) const TAKE: Access = Access::RW.with(Access::ACCESS).with(Access::DELETE);

/// The rows.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "list",
    commands: &[
        command!("LPUSH", -3, WRITE | OOM | FAST, [key(1, access::INSERT)], lpush,
            "1.0.0", "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
            "Prepends one or more elements to a list. Creates the key if it doesn't exist.", "key element [element ...]"),
        command!("RPUSH", -3, WRITE | OOM | FAST, [key(1, access::INSERT)], rpush,
            "1.0.0", "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
            "Appends one or more elements to a list. Creates the key if it doesn't exist.", "key element [element ...]"),
        command!("LPUSHX", -3, WRITE | OOM | FAST, [key(1, access::INSERT)], lpushx,
            "2.2.0", "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
            "Prepends one or more elements to a list only when the list exists.", "key element [element ...]"),
        command!("RPUSHX", -3, WRITE | OOM | FAST, [key(1, access::INSERT)], rpushx,
            "2.2.0", "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
            "Appends an element to a list only when the list exists.", "key element [element ...]"),
        command!("LPOP", -2, WRITE | FAST, [key(1, TAKE)], lpop,
            "1.0.0", "O(N) where N is the number of elements returned",
            "Returns the first elements in a list after removing it. Deletes the list if the last element was popped.", "key [count]"),
        command!("RPOP", -2, WRITE | FAST, [key(1, TAKE)], rpop,
            "1.0.0", "O(N) where N is the number of elements returned",
            "Returns and removes the last elements of a list. Deletes the list if the last element was popped.", "key [count]"),
        command!("LLEN", 2, READ | FAST, [key(1, access::INSPECT)], llen,
            "1.0.0", "O(1)", "Returns the length of a list.", "key"),
        command!("LINDEX", 3, READ, [key(1, access::READ)], lindex,
            "1.0.0", "O(N) where N is the number of elements to traverse to get to the element at index. This makes asking for the first or the last element of the list O(1).",
            "Returns an element from a list by its index.", "key index"),
        command!("LSET", 4, WRITE | OOM, [key(1, access::UPDATE)], lset,
            "1.0.0", "O(N) where N is the length of the list. Setting either the first or the last element of the list is O(1).",
            "Sets the value of an element in a list by its index.", "key index element"),
        command!("LINSERT", 5, WRITE | OOM, [key(1, access::INSERT)], linsert,
            "2.2.0", "O(N) where N is the number of elements to traverse before seeing the value pivot. This means that inserting somewhere on the left end on the list (head) can be considered O(1) and inserting somewhere on the right end (tail) is O(N).",
            "Inserts an element before or after another element in a list.", "key BEFORE|AFTER pivot element"),
        command!("LRANGE", 4, READ, [key(1, access::READ)], lrange,
            "1.0.0", "O(S+N) where S is the distance of start offset from HEAD for small lists, from nearest end (HEAD or TAIL) for large lists; and N is the number of elements in the specified range.",
            "Returns a range of elements from a list.", "key start stop"),
        command!("LTRIM", 4, WRITE, [key(1, access::DELETE)], ltrim,
            "1.0.0", "O(N) where N is the number of elements to be removed by the operation.",
            "Removes elements from both ends a list. Deletes the list if all elements were trimmed.", "key start stop"),
        command!("LREM", 4, WRITE, [key(1, access::DELETE)], lrem,
            "1.0.0", "O(N+M) where N is the length of the list and M is the number of elements removed.",
            "Removes elements from a list. Deletes the list if the last element was removed.", "key count element"),
        command!("LPOS", -3, READ, [key(1, access::READ)], lpos,
            "6.0.6", "O(N) where N is the number of elements in the list, for the average case. When searching for elements near the head or the tail of the list, or when the MAXLEN option is provided, the command may run in constant time.",
            "Returns the index of matching elements in a list.", "key element [RANK rank] [COUNT num-matches:integer] [MAXLEN len]"),
    ],
};

impl Keys<'_> {
    /// Record what undo needs before elements are put at an end of a list or taken off it: of a large list that stays, only
    /// that.
    pub(super) fn write_end(&mut self, key: &Key<'_>, part: Part) -> CommandResult {
        if self.scratch.undo.is_active() && self.may_write {
            let list = self.peek_as::<List>(key)?;
            if list.is_some_and(|list| list.encoding() == Encoding::Quicklist) {
                self.scratch.undo.record_part(self.db, key, part);
                return Ok(());
            }
        }
        self.write(key).map(drop)
    }

    /// The same before `n` elements are taken off.
    pub(super) fn write_taking(&mut self, key: &Key<'_>, end: End, n: usize) -> CommandResult {
        // What goes as a whole must be recorded as a whole.
        let is_recorded = self.scratch.undo.is_active();
        match self.peek_as::<List>(key)? {
            Some(list) if is_recorded && list.len() > n => {
                let elements = list.iter();
                let taken = match end {
                    End::Head => elements.take(n).map(Box::from).collect(),
                    End::Tail => elements.rev().take(n).map(Box::from).collect(),
                };
                self.write_end(key, Part::Taken(end, taken))
            }
            _ => self.write(key).map(drop),
        }
    }
}

/// The event of putting elements at an end.
pub(super) fn pushed(end: End) -> &'static str {
    if end == End::Head { "lpush" } else { "rpush" }
}

/// The event of taking elements off an end.
pub(super) fn popped(end: End) -> &'static str {
    if end == End::Head { "lpop" } else { "rpop" }
}

/// Put elements at an end of a list. Its length.
pub fn push<'e>(
    ctx: &mut CommandContext<'_>,
    key: &Key<'_>,
    end: End,
    elements: impl ExactSizeIterator<Item = &'e [u8]> + Clone,
) -> Result<usize, CommandError> {
    let (limit, count) = (ctx.keys.thresholds.list_node, elements.len() as u64);
    ctx.keys.write_end(key, Part::Pushed(end, elements.len()))?;
    let Changed { result: len, is_new, .. } = ctx.keys.change_recorded(key, |list: &mut List| {
        if count > 1 {
            list.make_room(elements.len(), elements.clone().map(List::room).sum(), limit);
        }
        elements.for_each(|element| list.push(end, element, limit));
        list.len()
    })?;
    ctx.keys.made_or_modified(key, is_new, Class::LIST, pushed(end));
    ctx.keys.effects.dirty += count - 1;
    Ok(len)
}

/// Take elements off an end of a list; they have been read.
pub fn take(ctx: &mut CommandContext<'_>, key: &Key<'_>, end: End, n: usize) -> CommandResult {
    let limit = ctx.keys.thresholds.list_node;
    ctx.keys.write_taking(key, end, n)?;
    let changed = ctx.keys.change_recorded(key, |list: &mut List| list.take(end, n, limit))?;
    ctx.keys.modified(key, Class::LIST, popped(end));
    tell_if_gone(&mut ctx.keys, key, &changed);
    Ok(())
}

fn tell_if_gone<R>(keys: &mut Keys<'_>, key: &Key<'_>, changed: &Changed<R>) {
    if changed.is_gone {
        keys.event(key, Class::GENERIC, "del");
    }
}

fn push_all(ctx: &mut CommandContext<'_>, argv: Argv<'_>, end: End, must_exist: bool) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    let len = if must_exist && ctx.keys.peek_as::<List>(&key)?.is_none() {
        0
    } else {
        push(ctx, &key, end, argv.tail(2).iter())?
    };
    ctx.reply.integer(len as i64);
    Ok(())
}

/// `LPUSH key element [element ...]` -- O(1) an element. The length of the list.
fn lpush(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    push_all(ctx, argv, End::Head, false)
}

/// `RPUSH key element [element ...]` -- O(1) an element. The length of the list.
fn rpush(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    push_all(ctx, argv, End::Tail, false)
}

/// `LPUSHX key element [element ...]` -- O(1) an element. The length of the list; 0 if there is none, and nothing happens.
fn lpushx(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    push_all(ctx, argv, End::Head, true)
}

/// `RPUSHX key element [element ...]` -- O(1) an element. The length of the list; 0 if there is none, and nothing happens.
fn rpushx(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    push_all(ctx, argv, End::Tail, true)
}

/// Elements from an end on, as they are popped there.
pub(super) fn reply_from(reply: &mut crate::net::reply::ReplyWriter, list: &List, end: End, n: usize) {
    let elements = list.iter();
    match end {
        End::Head => elements.take(n).for_each(|element| reply.bulk(element)),
        End::Tail => elements.rev().take(n).for_each(|element| reply.bulk(element)),
    }
}

fn pop(ctx: &mut CommandContext<'_>, argv: Argv<'_>, end: End) -> CommandResult {
    if argv.len() > 3 {
        return Err(ctx.wrong_arity());
    }
    let count = argv.get(2).map(|count| args::unsigned(count, POSITIVE)).transpose()?;
    let key = ctx.key_at(argv, 1);
    let Some(list) = ctx.keys.peek_as::<List>(&key)? else {
        match count {
            None => ctx.reply.null(),
            Some(_) => ctx.reply.null_array(),
        }
        return Ok(());
    };
    let n = count.map_or(1, |count| usize::try_from(count).unwrap_or(usize::MAX)).min(list.len());
    if count.is_some() {
        ctx.reply.array_header(n);
    }
    reply_from(ctx.reply, list, end, n);
    if n > 0 {
        take(ctx, &key, end, n)?;
        ctx.keys.effects.dirty += n as u64 - 1;
    }
    Ok(())
}

const POSITIVE: &str = "ERR value is out of range, must be positive";

/// `LPOP key [count]` -- O(N). The first element, or with a count an array of the first; null if there is no list.
fn lpop(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    pop(ctx, argv, End::Head)
}

/// `RPOP key [count]` -- O(N). The last element, or with a count an array of the last; null if there is no list.
fn rpop(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    pop(ctx, argv, End::Tail)
}

/// `LLEN key` -- O(1). How many elements there are.
fn llen(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let len = ctx.keys.read_as::<List>(&ctx.key_at(argv, 1))?.map_or(0, List::len);
    ctx.reply.integer(len as i64);
    Ok(())
}

/// The place that an index means, which counts from the end if it is negative.
pub fn place(index: i64, len: usize) -> Option<usize> {
    let place = if index < 0 { index.checked_add(len as i64)? } else { index };
    usize::try_from(place).ok().filter(|&place| place < len)
}

/// The places that two indices mean, the second one included: empty if there are none.
pub fn places(start: i64, stop: i64, len: usize) -> std::ops::Range<usize> {
    let of = |index: i64| if index < 0 { index.saturating_add(len as i64) } else { index };
    let (start, stop) = (of(start).max(0), of(stop).min(len as i64 - 1));
    if start > stop { 0..0 } else { start as usize..stop as usize + 1 }
}

/// `LINDEX key index` -- O(N) to the place. The element; null if there is none.
fn lindex(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    let Some(list) = ctx.keys.read_as::<List>(&key)? else {
        ctx.reply.null();
        return Ok(());
    };
    let element = place(args::integer(argv.at(2))?, list.len()).and_then(|place| list.get(place));
    ctx.reply.bulk_or_null(element);
    Ok(())
}

/// `LSET key index element` -- O(N) to the place. OK.
fn lset(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let key = ctx.key_at(argv, 1);
    let len = ctx.keys.peek_as::<List>(&key)?.ok_or(CommandError::NoSuchKey)?.len();
    let place = place(args::integer(argv.at(2))?, len).ok_or(CommandError::OutOfRange)?;
    set_at(&mut ctx.keys, &key, place, argv.at(3))?;
    ctx.reply.ok();
    Ok(())
}

/// Put another element in the place of one that is there.
pub fn set_at(keys: &mut Keys<'_>, key: &Key<'_>, place: usize, element: &[u8]) -> CommandResult {
    let limit = keys.thresholds.list_node;
    keys.change(key, |list: &mut List| list.set(place, element, limit))?;
    keys.modified(key, Class::LIST, "lset");
    Ok(())
}

/// `LINSERT key BEFORE|AFTER pivot element` -- O(N). The length of the list; 0 without a list, -1 without the pivot.
fn linsert(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let behind = match argv.at(2) {
        word if args::is(word, "before") => 0,
        word if args::is(word, "after") => 1,
        _ => return Err(CommandError::Syntax),
    };
    let key = ctx.key_at(argv, 1);
    let len = insert(&mut ctx.keys, &key, behind, argv.at(3), argv.at(4))?;
    ctx.reply.integer(len);
    Ok(())
}

/// Put an element so many places behind the first one that is equal to `pivot`. What LINSERT answers.
pub fn insert(
    keys: &mut Keys<'_>,
    key: &Key<'_>,
    behind: usize,
    pivot: &[u8],
    element: &[u8],
) -> Result<i64, CommandError> {
    let limit = keys.thresholds.list_node;
    let Some(list) = keys.peek_as::<List>(key)? else { return Ok(0) };
    let Some(pivot) = list.iter().position(|it| it == pivot) else { return Ok(-1) };
    let changed = keys.change(key, |list: &mut List| {
        list.insert(pivot + behind, element, limit);
        list.len()
    })?;
    keys.modified(key, Class::LIST, "linsert");
    Ok(changed.result as i64)
}

/// `LRANGE key start stop` -- O(S+N). The elements in this range.
fn lrange(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let (start, stop) = (args::integer(argv.at(2))?, args::integer(argv.at(3))?);
    let key = ctx.key_at(argv, 1);
    let Some(list) = ctx.keys.read_as::<List>(&key)? else {
        ctx.reply.array_header(0);
        return Ok(());
    };
    let elements = list.range(places(start, stop, list.len()));
    ctx.reply.array_header(elements.len());
    elements.for_each(|element| ctx.reply.bulk(element));
    Ok(())
}

/// `LTRIM key start stop` -- O(N) in what goes. OK; only the elements in this range are left.
fn ltrim(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let (start, stop) = (args::integer(argv.at(2))?, args::integer(argv.at(3))?);
    let key = ctx.key_at(argv, 1);
    trim(&mut ctx.keys, &key, start, stop)?;
    ctx.reply.ok();
    Ok(())
}

/// Leave only the elements in this range. Whether there is a list.
pub fn trim(keys: &mut Keys<'_>, key: &Key<'_>, start: i64, stop: i64) -> Result<bool, CommandError> {
    let limit = keys.thresholds.list_node;
    let Some(len) = keys.peek_as::<List>(key)?.map(List::len) else { return Ok(false) };
    let left = places(start, stop, len);
    let (head, tail) = if left.is_empty() { (len, 0) } else { (left.start, len - left.end) };
    let changed = keys.change(key, |list: &mut List| {
        list.take(End::Tail, tail, limit);
        list.take(End::Head, head, limit);
    })?;
    // It is told even if nothing had to go.
    keys.also_modified_in(keys.db, key, Class::LIST, "ltrim");
    keys.effects.dirty += (head + tail) as u64;
    tell_if_gone(keys, key, &changed);
    Ok(true)
}

/// `LREM key count element` -- O(N). How many elements that are equal to this were taken out: from the head, with a negative count from the
/// tail, with 0 all of them.
fn lrem(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let count = args::integer(argv.at(2))?;
    let key = ctx.key_at(argv, 1);
    let from = if count < 0 { End::Tail } else { End::Head };
    let most = if count == 0 { usize::MAX } else { count.unsigned_abs() as usize };
    let removed = remove(&mut ctx.keys, &key, argv.at(3), most, from)?;
    ctx.reply.integer(removed as i64);
    Ok(())
}

/// Take out up to so many elements that are equal to this one, beginning at an end. How many they were.
pub fn remove(
    keys: &mut Keys<'_>,
    key: &Key<'_>,
    element: &[u8],
    most: usize,
    from: End,
) -> Result<usize, CommandError> {
    let limit = keys.thresholds.list_node;
    if !keys.peek_as::<List>(key)?.is_some_and(|list| list.iter().any(|it| it == element)) {
        return Ok(0);
    }
    let changed = keys.change(key, |list: &mut List| list.remove_equal(element, most, from, limit))?;
    keys.modified(key, Class::LIST, "lrem");
    keys.effects.dirty += changed.result as u64 - 1;
    tell_if_gone(keys, key, &changed);
    Ok(changed.result)
}

/// What LPOS looks for.
struct Search {
    /// Which match comes first, from 1 on.
    skip: u64,
    from: End,
    /// How many matches are wanted; all with 0. One, and as a number, if none.
    count: Option<u64>,
    /// How many elements are looked at.
    most: usize,
}

impl Search {
    fn parse(options: Argv<'_>) -> Result<Self, CommandError> {
        let mut search = Search { skip: 1, from: End::Head, count: None, most: usize::MAX };
        let mut at = 0;
        while at < options.len() {
            let value = options.get(at + 1).ok_or(CommandError::Syntax)?;
            match options.at(at) {
                word if args::is(word, "rank") => {
                    let rank = args::integer_in(value, -i64::MAX, i64::MAX)?;
                    if rank == 0 {
                        return Err(RANK_ZERO);
                    }
                    search.skip = rank.unsigned_abs();
                    search.from = if rank < 0 { End::Tail } else { End::Head };
                }
                word if args::is(word, "count") => {
                    search.count = Some(args::unsigned(value, "ERR COUNT can't be negative")?);
                }
                word if args::is(word, "maxlen") => {
                    let most = args::unsigned(value, "ERR MAXLEN can't be negative")?;
                    search.most = if most == 0 { usize::MAX } else { most as usize };
                }
                _ => return Err(CommandError::Syntax),
            }
            at += 2;
        }
        Ok(search)
    }

    /// The indices of the elements that match.
    fn run(&self, elements: Iter<'_>, wanted: &[u8]) -> Vec<usize> {
        let len = elements.len();
        let most = match self.count {
            None => 1,
            Some(0) => usize::MAX,
            Some(count) => usize::try_from(count).unwrap_or(usize::MAX),
        };
        let skip = usize::try_from(self.skip - 1).unwrap_or(usize::MAX);
        match self.from {
            End::Head => {
                let matches = elements.enumerate().take(self.most).filter(|(_, element)| *element == wanted);
                matches.map(|(at, _)| at).skip(skip).take(most).collect()
            }
            End::Tail => {
                let matches =
                    elements.rev().enumerate().take(self.most).filter(|(_, element)| *element == wanted);
                matches.map(|(at, _)| len - 1 - at).skip(skip).take(most).collect()
            }
        }
    }
}

const RANK_ZERO: CommandError = CommandError::line(
    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
);

/// `LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]` -- O(N). The index of the first match, null if there is none; with
/// COUNT an array of indices.
fn lpos(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let search = Search::parse(argv.tail(3))?;
    let key = ctx.key_at(argv, 1);
    let list = ctx.keys.read_as::<List>(&key)?;
    let found = list.map(|list| search.run(list.iter(), argv.at(2))).unwrap_or_default();
    match (search.count, found.first()) {
        (Some(_), _) => {
            ctx.reply.array_header(found.len());
            found.iter().for_each(|&at| ctx.reply.integer(at as i64));
        }
        (None, Some(&at)) => ctx.reply.integer(at as i64),
        (None, None) => ctx.reply.null(),
    }
    Ok(())
}
