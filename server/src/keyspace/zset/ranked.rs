//! Items in order, with their ranks: a B+ tree whose inner nodes count what is below each child.
//!
//! It stands where Redis has a skip list. A node of a skip list holds one member, so each step of a search or of a range is a
//! cache miss; here a step is one of 25 children, and the items of a range lie side by side in leaves of sixteen
//! cache lines. An item costs its own 16 bytes and a third more for room in the leaves; a skip list's costs 40 and more.
//!
//! The tree knows nothing of what it orders: whoever asks says of an item whether it stands before the place that is meant.
//! No `unsafe` here.

use smallvec::SmallVec;

use crate::keyspace::prefetch::prefetch_lines;

/// Items of a leaf: with items of 16 bytes, a leaf fills a block of 1 KiB.
const LEAF: usize = 63;
/// Children of an inner node, which fills such a block too.
const FANOUT: usize = 25;
/// Levels that a walk remembers without asking for room: enough for a billion items.
const LEVELS: usize = 8;

/// Heap bytes of a node of either kind.
const NODE_BYTES: usize = 1024;

type Leaf<T> = SmallVec<[T; LEAF]>;

enum Node<T: Copy> {
    Leaf(Box<Leaf<T>>),
    Inner(Box<Inner<T>>),
}

/// What is known of each child, in an array for each question.
struct Inner<T: Copy> {
    /// The first item below.
    firsts: SmallVec<[T; FANOUT]>,
    /// How many items are below.
    counts: SmallVec<[usize; FANOUT]>,
    nodes: SmallVec<[Node<T>; FANOUT]>,
}

/// A node that comes into an inner one.
struct Child<T: Copy> {
    first: T,
    count: usize,
    node: Node<T>,
}

/// Items in order.
pub(super) struct Ranked<T: Copy> {
    root: Node<T>,
    len: usize,
    nodes: usize,
}

impl<T: Copy> Default for Ranked<T> {
    fn default() -> Self {
        Ranked { root: Node::Leaf(Box::default()), len: 0, nodes: 1 }
    }
}

impl<T: Copy> Ranked<T> {
    /// A tree of items that are in order already.
    pub(super) fn of_sorted(items: &[T]) -> Self {
        const { assert!(size_of::<Leaf<T>>() <= NODE_BYTES && size_of::<Inner<T>>() <= NODE_BYTES) };
        // Some room is left, for what comes between them.
        let leaves = items.chunks(LEAF - LEAF / 8);
        let mut level: Vec<Node<T>> =
            leaves.map(|items| Node::Leaf(Box::new(SmallVec::from_slice(items)))).collect();
        let mut nodes = level.len();
        while level.len() > 1 {
            let mut above = Vec::with_capacity(level.len() / FANOUT + 1);
            let mut below = level.into_iter().peekable();
            while below.peek().is_some() {
                let mut inner = Inner::default();
                below.by_ref().take(FANOUT - FANOUT / 8).for_each(|node| inner.push(Child::of(node)));
                above.push(Node::Inner(Box::new(inner)));
            }
            nodes += above.len();
            level = above;
        }
        match level.pop() {
            Some(root) => Ranked { root, len: items.len(), nodes },
            None => Self::default(),
        }
    }

    /// Heap bytes.
    pub(super) fn memory(&self) -> usize {
        self.nodes * NODE_BYTES
    }

    /// Asks for the node on the way to a place that is so many steps below the root, those above it being there. False when nothing is
    /// left to ask for.
    pub(super) fn prefetch(&self, step: usize, before: impl Fn(&T) -> bool) -> bool {
        let mut node = &self.root;
        for _ in 0..step {
            let Node::Inner(inner) = node else { return false };
            node = &inner.nodes[inner.child_before(&before)];
        }
        match node {
            Node::Leaf(items) => prefetch_lines(&**items),
            Node::Inner(inner) => prefetch_lines(&**inner),
        }
        matches!(node, Node::Inner(_))
    }

    /// Puts an item behind all those that stand before it.
    pub(super) fn insert(&mut self, item: T, before: impl Fn(&T) -> bool) {
        if let Some(right) = self.root.insert(item, &before, &mut self.nodes) {
            let left = std::mem::replace(&mut self.root, Node::Leaf(Box::default()));
            let mut root = Inner::default();
            root.push(Child::of(left));
            root.push(right);
            self.root = Node::Inner(Box::new(root));
            self.nodes += 1;
        }
        self.len += 1;
    }

    /// Takes out the item of a rank, which must be below the length.
    pub(super) fn remove_at(&mut self, rank: usize) -> T {
        let item = self.root.remove_at(rank, &mut self.nodes);
        self.len -= 1;
        while let Node::Inner(inner) = &mut self.root
            && inner.nodes.len() == 1
        {
            self.root = inner.remove(0).node;
            self.nodes -= 1;
        }
        item
    }

    /// How many items stand before a place.
    pub(super) fn rank(&self, before: impl Fn(&T) -> bool) -> usize {
        let mut rank = 0;
        let mut node = &self.root;
        loop {
            match node {
                Node::Leaf(items) => return rank + items.partition_point(&before),
                Node::Inner(inner) => {
                    let at = inner.child_before(&before);
                    rank += inner.counts[..at].iter().sum::<usize>();
                    node = &inner.nodes[at];
                }
            }
        }
    }

    /// A place between two items: behind as many as `rank` says, or behind all.
    pub(super) fn cursor(&self, rank: usize) -> Cursor<'_, T> {
        let mut cursor = Cursor { path: SmallVec::new(), leaf: &[], at: 0 };
        let mut rank = rank.min(self.len);
        let mut node = &self.root;
        loop {
            match node {
                Node::Leaf(items) => {
                    (cursor.leaf, cursor.at) = (items, rank);
                    return cursor;
                }
                Node::Inner(inner) => {
                    let at = inner.child_of(&mut rank);
                    cursor.path.push((inner, at));
                    node = &inner.nodes[at];
                }
            }
        }
    }
}

impl<T: Copy> Node<T> {
    /// The node's own items or children.
    fn width(&self) -> usize {
        match self {
            Node::Leaf(items) => items.len(),
            Node::Inner(inner) => inner.nodes.len(),
        }
    }

    /// Whether it should be joined with a neighbour.
    fn is_sparse(&self) -> bool {
        match self {
            Node::Leaf(items) => items.len() < LEAF / 4,
            Node::Inner(inner) => inner.nodes.len() < FANOUT / 4,
        }
    }

    /// Puts an item in its place. If the node was full, its second half comes out.
    fn insert(&mut self, item: T, before: &impl Fn(&T) -> bool, nodes: &mut usize) -> Option<Child<T>> {
        match self {
            Node::Leaf(items) => {
                let at = items.partition_point(before);
                if items.len() < LEAF {
                    items.insert(at, item);
                    return None;
                }
                *nodes += 1;
                Some(Child::of(Node::Leaf(split_leaf(items, at, item))))
            }
            Node::Inner(inner) => {
                let at = inner.child_before(before);
                let right = inner.nodes[at].insert(item, before, nodes);
                let Some(right) = right else {
                    inner.counts[at] += 1;
                    inner.refresh_first(at);
                    return None;
                };
                inner.counts[at] = inner.counts[at] + 1 - right.count;
                inner.refresh_first(at);
                if inner.nodes.len() < FANOUT {
                    inner.insert(at + 1, right);
                    return None;
                }
                *nodes += 1;
                Some(Child::of(Node::Inner(inner.split(at + 1, right))))
            }
        }
    }

    fn remove_at(&mut self, mut rank: usize, nodes: &mut usize) -> T {
        match self {
            Node::Leaf(items) => items.remove(rank),
            Node::Inner(inner) => {
                let at = inner.child_of(&mut rank);
                let item = inner.nodes[at].remove_at(rank, nodes);
                inner.counts[at] -= 1;
                if inner.nodes[at].is_sparse() && inner.nodes.len() > 1 {
                    inner.mend(at, nodes);
                } else {
                    inner.refresh_first(at);
                }
                item
            }
        }
    }
}

/// Splits a full leaf, into which an item comes. Whoever adds at an end fills leaves: they are not halved then.
fn split_leaf<T: Copy>(items: &mut Leaf<T>, at: usize, item: T) -> Box<Leaf<T>> {
    let mut right: Box<Leaf<T>> = Box::default();
    match at {
        0 => {
            right.push(item);
            std::mem::swap(&mut *right, items);
        }
        LEAF => right.push(item),
        _ => {
            right.extend(items.drain(LEAF / 2..));
            match at.checked_sub(items.len()) {
                Some(at) => right.insert(at, item),
                None => items.insert(at, item),
            }
        }
    }
    right
}

impl<T: Copy> Child<T> {
    /// A node that is not empty.
    fn of(node: Node<T>) -> Self {
        match &node {
            Node::Leaf(items) => Child { first: items[0], count: items.len(), node },
            Node::Inner(inner) => Child { first: inner.firsts[0], count: inner.counts.iter().sum(), node },
        }
    }
}

impl<T: Copy> Default for Inner<T> {
    fn default() -> Self {
        Inner { firsts: SmallVec::new(), counts: SmallVec::new(), nodes: SmallVec::new() }
    }
}

impl<T: Copy> Inner<T> {
    /// The child where a place is.
    #[inline]
    fn child_before(&self, before: &impl Fn(&T) -> bool) -> usize {
        self.firsts.partition_point(before).saturating_sub(1)
    }

    /// The child where a rank is; the rank becomes that in the child. The end belongs to the last one.
    #[inline]
    fn child_of(&self, rank: &mut usize) -> usize {
        let last = self.counts.len() - 1;
        for (at, count) in self.counts[..last].iter().enumerate() {
            if *rank < *count {
                return at;
            }
            *rank -= count;
        }
        last
    }

    fn push(&mut self, child: Child<T>) {
        self.insert(self.nodes.len(), child);
    }

    fn insert(&mut self, at: usize, child: Child<T>) {
        self.firsts.insert(at, child.first);
        self.counts.insert(at, child.count);
        self.nodes.insert(at, child.node);
    }

    fn remove(&mut self, at: usize) -> Child<T> {
        Child { first: self.firsts.remove(at), count: self.counts.remove(at), node: self.nodes.remove(at) }
    }

    /// Splits the full node, into which a child comes.
    fn split(&mut self, at: usize, child: Child<T>) -> Box<Self> {
        let mut right: Box<Self> = Box::default();
        let half = if at == FANOUT { FANOUT } else { FANOUT / 2 };
        self.move_tail(half, &mut right);
        match at.checked_sub(half) {
            Some(at) => right.insert(at, child),
            None => self.insert(at, child),
        }
        right
    }

    /// Moves the children from `from` on to the beginning of the next node.
    fn move_tail(&mut self, from: usize, next: &mut Self) {
        next.firsts.insert_many(0, self.firsts.drain(from..));
        next.counts.insert_many(0, self.counts.drain(from..));
        next.nodes.insert_many(0, self.nodes.drain(from..));
    }

    /// Moves the first children of the next node to the end.
    fn take_head(&mut self, next: &mut Self, n: usize) {
        self.firsts.extend(next.firsts.drain(..n));
        self.counts.extend(next.counts.drain(..n));
        self.nodes.extend(next.nodes.drain(..n));
    }

    /// A child's first item may be another one.
    #[inline]
    fn refresh_first(&mut self, at: usize) {
        self.firsts[at] = match &self.nodes[at] {
            Node::Leaf(items) => items[0],
            Node::Inner(inner) => inner.firsts[0],
        };
    }

    /// Joins a sparse child with a neighbour, or lets them share evenly what is too much for one.
    fn mend(&mut self, sparse: usize, nodes: &mut usize) {
        let left = sparse.saturating_sub(1);
        let mut right = self.remove(left + 1);
        let total = self.nodes[left].width() + right.node.width();
        let (capacity, kept) = match (&mut self.nodes[left], &mut right.node) {
            (Node::Leaf(left), Node::Leaf(right)) => {
                let kept = if total <= LEAF { total } else { total / 2 };
                match kept.checked_sub(left.len()) {
                    Some(n) => left.extend(right.drain(..n)),
                    None => right.insert_many(0, left.drain(kept..)),
                }
                (LEAF, kept)
            }
            (Node::Inner(left), Node::Inner(right)) => {
                let kept = if total <= FANOUT { total } else { total / 2 };
                match kept.checked_sub(left.nodes.len()) {
                    Some(n) => left.take_head(right, n),
                    None => left.move_tail(kept, right),
                }
                (FANOUT, kept)
            }
            _ => unreachable!("all leaves are on one level"),
        };
        debug_assert!(kept <= capacity && kept > 0);
        let whole = self.counts[left] + right.count;
        if kept == total {
            *nodes -= 1;
            self.counts[left] = whole;
        } else {
            let right = Child::of(right.node);
            self.counts[left] = whole - right.count;
            self.insert(left + 1, right);
        }
        self.refresh_first(left);
    }
}

/// A place between two items.
pub(super) struct Cursor<'a, T: Copy> {
    /// The inner nodes above the leaf, and which of their children is on the way.
    path: SmallVec<[(&'a Inner<T>, usize); LEVELS]>,
    leaf: &'a [T],
    /// How many items of the leaf are in front of the place.
    at: usize,
}

impl<'a, T: Copy> Cursor<'a, T> {
    /// The item behind the place, which moves over it.
    #[inline]
    pub(super) fn next(&mut self) -> Option<&'a T> {
        if self.at == self.leaf.len() {
            self.leaf = self.step(|at, len| (at + 1 < len).then_some(at + 1), |_| 0)?;
            self.at = 0;
        }
        self.at += 1;
        self.leaf.get(self.at - 1)
    }

    /// The item in front of the place, which moves over it.
    #[inline]
    pub(super) fn back(&mut self) -> Option<&'a T> {
        if self.at == 0 {
            self.leaf = self.step(|at, _| at.checked_sub(1), |len| len - 1)?;
            self.at = self.leaf.len();
        }
        self.at = self.at.checked_sub(1)?;
        self.leaf.get(self.at)
    }

    /// An item that the walk comes to later, if it is in the same leaf.
    #[inline]
    pub(super) fn ahead(&self, n: usize, reverse: bool) -> Option<&'a T> {
        self.leaf.get(if reverse { self.at.checked_sub(n)? } else { self.at + n })
    }

    /// The next leaf in a direction: `beside` is the child beside one, `first` the one to begin with.
    fn step(
        &mut self,
        beside: impl Fn(usize, usize) -> Option<usize>,
        first: impl Fn(usize) -> usize,
    ) -> Option<&'a [T]> {
        // At the end the path stays as it is, so that the walk can turn round.
        let has_next = |&(inner, at): &(&'a Inner<T>, usize)| beside(at, inner.nodes.len()).is_some();
        let level = self.path.iter().rposition(has_next)?;
        self.path.truncate(level + 1);
        let (inner, at) = self.path[level];
        let at = beside(at, inner.nodes.len())?;
        self.path[level].1 = at;
        let mut node = &inner.nodes[at];
        loop {
            match node {
                Node::Leaf(items) => return Some(items),
                Node::Inner(inner) => {
                    let at = first(inner.nodes.len());
                    self.path.push((inner, at));
                    node = &inner.nodes[at];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    type Item = (u64, u64);

    /// Checks what every node must keep, and counts nodes.
    fn check(node: &Node<Item>, is_root: bool) -> (Vec<Item>, usize) {
        match node {
            Node::Leaf(items) => {
                assert!(items.len() <= LEAF && !items.spilled() && (is_root || !items.is_empty()));
                (items.to_vec(), 1)
            }
            Node::Inner(inner) => {
                let (mut all, mut nodes) = (Vec::new(), 1);
                assert!(inner.nodes.len() <= FANOUT && (inner.nodes.len() > 1 || !is_root));
                assert!(!inner.nodes.spilled() && !inner.firsts.spilled() && !inner.counts.spilled());
                for (at, node) in inner.nodes.iter().enumerate() {
                    let (items, below) = check(node, false);
                    assert_eq!((inner.firsts[at], inner.counts[at]), (items[0], items.len()));
                    all.extend(items);
                    nodes += below;
                }
                (all, nodes)
            }
        }
    }

    fn check_all(tree: &Ranked<Item>, model: &[Item]) {
        let (items, nodes) = check(&tree.root, true);
        assert_eq!(items, model);
        assert_eq!((tree.len, tree.nodes), (model.len(), nodes));
    }

    fn insert(tree: &mut Ranked<Item>, model: &mut Vec<Item>, item: Item) {
        tree.insert(item, |other| *other < item);
        let at = model.partition_point(|other| *other < item);
        assert_eq!(tree.rank(|other| *other < item), at);
        model.insert(at, item);
    }

    fn walk(tree: &Ranked<Item>, model: &[Item], rank: usize) {
        let rank = rank.min(model.len());
        let mut cursor = tree.cursor(rank);
        let forward: Vec<Item> = std::iter::from_fn(|| cursor.next().copied()).take(200).collect();
        assert_eq!(forward, &model[rank..model.len().min(rank + 200)]);
        let mut cursor = tree.cursor(rank);
        let back: Vec<Item> = std::iter::from_fn(|| cursor.back().copied()).take(200).collect();
        let expected: Vec<Item> = model[..rank].iter().rev().take(200).copied().collect();
        assert_eq!(back, expected);
    }

    #[test]
    fn it_grows_and_shrinks_in_every_order() {
        let mut rng = StdRng::seed_from_u64(3);
        for order in 0..4u64 {
            let (mut tree, mut model) = (Ranked::default(), Vec::new());
            for n in 0..6000 {
                let key = match order {
                    0 => n,
                    1 => 6000 - n,
                    2 => rng.random_range(0..1000),
                    _ => 7,
                };
                insert(&mut tree, &mut model, (key, n));
            }
            check_all(&tree, &model);
            if order == 0 {
                assert!(tree.nodes < 6000 / LEAF + 10, "what is appended fills its leaves");
            }
            while !model.is_empty() {
                let rank = match order {
                    0 => 0,
                    1 => model.len() - 1,
                    _ => rng.random_range(0..model.len()),
                };
                assert_eq!(tree.remove_at(rank), model.remove(rank));
                if model.len() % 500 == 0 {
                    check_all(&tree, &model);
                    walk(&tree, &model, rank);
                }
            }
            assert_eq!(tree.memory(), NODE_BYTES);
        }
    }

    #[test]
    fn one_that_is_built_at_once_is_whole() {
        for len in [0, 1, 55, 56, 57, 1000, 1210, 40_000] {
            let model: Vec<Item> = (0..len).map(|n| (n, 0)).collect();
            let tree = Ranked::of_sorted(&model);
            check_all(&tree, &model);
            for rank in [0, 1, len as usize / 2, len as usize] {
                walk(&tree, &model, rank);
            }
        }
    }

    proptest! {
        #[test]
        fn behaves_as_a_sorted_vec(
            steps in proptest::collection::vec((0u8..5, 0u64..40, any::<u64>()), 0..600),
            built in 0u64..2000,
        ) {
            let mut model: Vec<Item> = (0..built).map(|n| (n / 50, n)).collect();
            let mut tree = Ranked::of_sorted(&model);
            for (step, key, salt) in steps {
                if step < 3 || model.is_empty() {
                    insert(&mut tree, &mut model, (key, salt));
                } else {
                    let rank = salt as usize % model.len();
                    prop_assert_eq!(tree.remove_at(rank), model.remove(rank));
                }
                walk(&tree, &model, salt as usize % (model.len() + 1));
            }
            check_all(&tree, &model);
        }
    }
}
