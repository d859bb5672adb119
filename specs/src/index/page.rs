//! A page: a part of the tree that lies together in memory.
//!
//! A page holds a few items, each a leaf or a link to the page that holds everything below one
//! place of the tree, and the forks at which they part. Nodes with one child are not stored, since
//! a log may choose indexes that share long prefixes: n items have n - 1 forks.
//!
//! Pages are shared between copies of a tree and copied when one of them is about to change.
//! Which page holds what depends on the order of arrival; the tree that they mean does not.

mod refresh;

use std::hint::black_box;
use std::sync::Arc;

use super::{IndexKey, node};
use crate::hash::Hash;

/// How many items a page has room for. A page is split as soon as it is full, so that one more
/// always fits.
const ROOM: usize = 32;
/// By how many parts a list grows: doubling would cost up to twice the memory. Always a multiple
/// of it, so that what one page gives back fits another.
const GROWTH: usize = 8;

/// A leaf of the tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaf {
    pub(super) index: IndexKey,
    pub(super) value: Hash,
}

/// A leaf, and the hash of the fork with the same number: they lie together since an insertion
/// needs some of both.
#[derive(Debug, Clone, Copy)]
struct Cell {
    leaf: Leaf,
    /// As the node above needs it, unless it is stale.
    fork: Hash,
}

/// Leads to another page.
#[derive(Debug, Clone)]
struct Link {
    page: Arc<Page>,
    /// The hash of the page's place, unless it is stale.
    hash: Hash,
}

/// A fork, a leaf or a link of a page, in one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part(u8);

/// What a [`Part`] says.
#[derive(Debug, Clone, Copy)]
enum PartKind {
    Fork(usize),
    Leaf(usize),
    Link(usize),
}

/// Where two parts fork.
#[derive(Debug, Clone, Copy)]
struct Fork {
    depth: u8,
    /// The left part and the right one.
    parts: [Part; 2],
}

/// Where a part hangs: at the top of its page, or on one side of a fork.
#[derive(Clone, Copy)]
enum Holder {
    Top,
    Side(usize, usize),
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Page {
    /// Under which everything else is.
    top: Part,
    forks: [Fork; ROOM - 1],
    /// How many forks there are.
    fork_count: u8,
    /// How many leaves there are.
    leaf_count: u8,
    /// Bit i: fork i has to be hashed anew.
    stale_forks: u32,
    /// Bit i: the page that link i leads to has something to be hashed anew.
    stale_links: u32,
    /// As many as there are leaves or forks.
    cells: Vec<Cell>,
    links: Vec<Link>,
}

/// Where a walk down the tree ended.
#[derive(Clone, Copy)]
pub(super) struct End<'a> {
    page: &'a Page,
    part: Part,
}

/// What a place of the tree holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a> {
    page: &'a Page,
    part: Part,
}

/// What a [`Node`] is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind<'a> {
    Leaf(&'a Leaf),
    /// Two nodes that part at a depth.
    Fork {
        depth: usize,
        left: Node<'a>,
        right: Node<'a>,
    },
}

impl Part {
    const LEAF: u8 = 0x40;
    const LINK: u8 = 0x80;

    fn fork(number: usize) -> Self {
        Self(number.to_le_bytes()[0])
    }

    fn leaf(number: usize) -> Self {
        Self(number.to_le_bytes()[0] | Self::LEAF)
    }

    fn link(number: usize) -> Self {
        Self(number.to_le_bytes()[0] | Self::LINK)
    }

    fn kind(self) -> PartKind {
        let number = usize::from(self.0 & (Self::LEAF - 1));
        match self.0 & (Self::LEAF | Self::LINK) {
            0 => PartKind::Fork(number),
            Self::LEAF => PartKind::Leaf(number),
            _ => PartKind::Link(number),
        }
    }
}

impl Page {
    fn empty(room: usize) -> Self {
        const NONE: Fork = Fork {
            depth: 0,
            parts: [Part(Part::LEAF); 2],
        };
        Self {
            top: Part(Part::LEAF),
            forks: [NONE; ROOM - 1],
            fork_count: 0,
            leaf_count: 0,
            stale_forks: 0,
            stale_links: 0,
            cells: Vec::with_capacity(room),
            links: Vec::new(),
        }
    }

    pub(super) fn new(leaf: Leaf) -> Self {
        let mut page = Self::empty(0);
        page.top = page.add_leaf(leaf);
        page
    }

    /// Everything in the page.
    pub(super) fn whole(&self) -> Node<'_> {
        Node {
            page: self,
            part: self.top,
        }
    }

    /// The leaf that a walk along the bits of `index` ends at. No other leaf shares more bits with
    /// it.
    pub(super) fn nearest(&self, index: &IndexKey) -> &Leaf {
        let mut page = self;
        loop {
            match page.walk(page.top, index).kind() {
                PartKind::Link(link) => page = &page.links[link].page,
                PartKind::Leaf(cell) | PartKind::Fork(cell) => return &page.cells[cell].leaf,
            }
        }
    }

    /// The leaf nearest to each index, and whatever an insertion there needs is read.
    pub(super) fn nearest_each<'a>(&'a self, indexes: &[IndexKey]) -> Vec<&'a Leaf> {
        let ends = self.ends(indexes);
        let mut seen = 0;
        for (end, index) in ends.iter().zip(indexes) {
            seen ^= end.page.see_way(index);
        }
        black_box(seen);
        ends.into_iter().map(End::leaf).collect()
    }

    /// Where the walk along the bits of each index ends. The walks go side by side and meet each
    /// page at the same time, so that they wait for memory together.
    pub(super) fn ends<'a>(&'a self, indexes: &[IndexKey]) -> Vec<End<'a>> {
        let mut ends = vec![
            End {
                page: self,
                part: self.top
            };
            indexes.len()
        ];
        let mut is_over = false;
        while !is_over {
            is_over = true;
            for (End { page, part }, index) in ends.iter_mut().zip(indexes) {
                *part = page.walk(*part, index);
            }
            // Apart from the walks, whose branches nobody foresees: so more pages are waited for
            // together.
            let mut seen = 0;
            for End { page, part } in &mut ends {
                if let PartKind::Link(link) = part.kind() {
                    *page = &page.links[link].page;
                    seen ^= page.seen();
                    is_over = false;
                }
            }
            black_box(seen);
            if !is_over {
                for End { page, part } in &mut ends {
                    if let PartKind::Link(_) = part.kind() {
                        *part = page.top;
                    }
                }
            }
        }
        ends
    }

    /// The leaf or link of this page to which `index` leads from a part.
    fn walk(&self, mut part: Part, index: &IndexKey) -> Part {
        while let PartKind::Fork(fork) = part.kind() {
            let fork = self.forks[fork];
            part = fork.parts[fork.side(index)];
        }
        part
    }

    /// Something of each line of memory that a page begins with.
    fn seen(&self) -> u8 {
        let [count, ..] = self.cells.len().to_le_bytes();
        count ^ self.forks[0].depth ^ self.forks[ROOM - 2].depth
    }

    /// Reads something of whatever hashing the forks on the way to `index` needs.
    fn see_way(&self, index: &IndexKey) -> u8 {
        let mut seen = 0;
        let mut part = self.top;
        while let PartKind::Fork(fork) = part.kind() {
            let fork = self.forks[fork];
            for part in fork.parts {
                seen ^= match part.kind() {
                    PartKind::Fork(cell) => ends_of(&self.cells[cell].fork),
                    PartKind::Leaf(cell) => {
                        let Leaf { index, value } = &self.cells[cell].leaf;
                        index.as_bytes()[0] ^ value.as_bytes()[31]
                    }
                    PartKind::Link(link) => ends_of(&self.links[link].hash),
                };
            }
            part = fork.parts[fork.side(index)];
        }
        seen
    }

    /// Inserts a leaf that shares its first `shared` bits with the leaf nearest to it and no
    /// more, and hashes nothing.
    pub(super) fn insert(page: &mut Arc<Self>, leaf: Leaf, shared: usize) {
        Arc::make_mut(page).place(leaf, shared);
        if page.is_full() {
            let mut above = Self::empty(GROWTH);
            above.top = above.add_link(Arc::clone(page));
            above.split(0, Holder::Top);
            *page = Arc::new(above);
        }
    }

    /// Hashes what is stale, and gives the hash of everything in the page as the node above at
    /// depth `top - 1` needs it.
    pub(super) fn refresh(&mut self, top: usize) -> Hash {
        refresh::refresh(self, top)
    }

    fn is_full(&self) -> bool {
        usize::from(self.leaf_count) + self.links.len() == ROOM
    }

    fn place(&mut self, leaf: Leaf, shared: usize) {
        let mut holder = Holder::Top;
        let mut part = self.top;
        while let PartKind::Fork(number) = part.kind() {
            let fork = self.forks[number];
            self.stale_forks |= 1 << number;
            if usize::from(fork.depth) > shared {
                // Its hash changes too, since it gets another node above it.
                break;
            }
            let side = fork.side(&leaf.index);
            holder = Holder::Side(number, side);
            part = fork.parts[side];
        }
        if let PartKind::Link(link) = part.kind() {
            self.stale_links |= 1 << link;
            let page = Arc::make_mut(&mut self.links[link].page);
            page.place(leaf, shared);
            if page.is_full() {
                self.split(link, holder);
            }
            return;
        }
        let is_right = leaf.index.bit(shared);
        let new = self.add_leaf(leaf);
        let parts = if is_right { [part, new] } else { [new, part] };
        let depth = shared.to_le_bytes()[0];
        let fork = self.add_fork(Fork { depth, parts });
        self.hold(holder, fork);
    }

    /// Splits the page that a link leads to at its uppermost fork, which comes to this page.
    fn split(&mut self, link: usize, holder: Holder) {
        let page = Arc::clone(&self.links[link].page);
        let PartKind::Fork(fork) = page.top.kind() else {
            return;
        };
        self.forget(link);
        let Fork { depth, parts } = page.forks[fork];
        let parts = parts.map(|part| match part.kind() {
            PartKind::Leaf(leaf) => self.add_leaf(page.cells[leaf].leaf),
            PartKind::Link(link) => self.add_link(Arc::clone(&page.links[link].page)),
            PartKind::Fork(_) => {
                let mut half = Self::empty((page.forks_under(part) + 2).next_multiple_of(GROWTH));
                half.top = half.copy(&page, part);
                self.add_link(Arc::new(half))
            }
        });
        let fork = self.add_fork(Fork { depth, parts });
        self.hold(holder, fork);
    }

    /// Drops a link, whose holder is about to hold something else. The last one gets its number.
    fn forget(&mut self, link: usize) {
        self.links.swap_remove(link);
        let last = self.links.len();
        let is_last_stale = self.stale_links >> last & 1;
        self.stale_links &= !(1 << last | 1 << link);
        if link == last {
            return;
        }
        self.stale_links |= is_last_stale << link;
        let held = self.forks.iter_mut().flat_map(|fork| &mut fork.parts);
        for part in held.chain([&mut self.top]) {
            if *part == Part::link(last) {
                *part = Part::link(link);
            }
        }
    }

    fn hold(&mut self, holder: Holder, part: Part) {
        match holder {
            Holder::Top => self.top = part,
            Holder::Side(fork, side) => self.forks[fork].parts[side] = part,
        }
    }

    fn forks_under(&self, part: Part) -> usize {
        match part.kind() {
            PartKind::Leaf(_) | PartKind::Link(_) => 0,
            PartKind::Fork(fork) => {
                let [left, right] = self.forks[fork].parts;
                1 + self.forks_under(left) + self.forks_under(right)
            }
        }
    }

    /// Copies all that is under a part of another page.
    fn copy(&mut self, from: &Self, part: Part) -> Part {
        match part.kind() {
            PartKind::Leaf(leaf) => self.add_leaf(from.cells[leaf].leaf),
            PartKind::Link(link) => {
                let Link { page, hash } = &from.links[link];
                let copy = self.add_link(Arc::clone(page));
                if let (PartKind::Link(number), 0) = (copy.kind(), from.stale_links >> link & 1) {
                    self.stale_links &= !(1 << number);
                    self.links[number].hash = *hash;
                }
                copy
            }
            PartKind::Fork(fork) => {
                let Fork { depth, parts } = from.forks[fork];
                let parts = parts.map(|part| self.copy(from, part));
                let copy = self.add_fork(Fork { depth, parts });
                if let (PartKind::Fork(number), 0) = (copy.kind(), from.stale_forks >> fork & 1) {
                    self.stale_forks &= !(1 << number);
                    self.cells[number].fork = from.cells[fork].fork;
                }
                copy
            }
        }
    }

    fn add_leaf(&mut self, leaf: Leaf) -> Part {
        let number = usize::from(self.leaf_count);
        self.leaf_count += 1;
        self.cell(number).leaf = leaf;
        Part::leaf(number)
    }

    fn add_link(&mut self, page: Arc<Self>) -> Part {
        let number = self.links.len();
        let hash = Hash::ZERO;
        add(&mut self.links, Link { page, hash });
        self.stale_links |= 1 << number;
        Part::link(number)
    }

    fn add_fork(&mut self, fork: Fork) -> Part {
        let number = usize::from(self.fork_count);
        self.fork_count += 1;
        self.cell(number);
        self.forks[number] = fork;
        self.stale_forks |= 1 << number;
        Part::fork(number)
    }

    /// The cell with a number that is at most the next one.
    fn cell(&mut self, number: usize) -> &mut Cell {
        const EMPTY: Cell = Cell {
            leaf: Leaf {
                index: IndexKey::from_bytes([0; 32]),
                value: Hash::ZERO,
            },
            fork: Hash::ZERO,
        };
        if number == self.cells.len() {
            add(&mut self.cells, EMPTY);
        }
        &mut self.cells[number]
    }

    /// An index under a part.
    fn below(&self, mut part: Part) -> &IndexKey {
        let mut page = self;
        loop {
            match part.kind() {
                PartKind::Fork(fork) => part = page.forks[fork].parts[0],
                PartKind::Leaf(leaf) => return &page.cells[leaf].leaf.index,
                PartKind::Link(link) => {
                    page = &page.links[link].page;
                    part = page.top;
                }
            }
        }
    }
}

impl Fork {
    /// On which side `index` lies.
    fn side(self, index: &IndexKey) -> usize {
        let byte = index.as_bytes()[usize::from(self.depth >> 3)];
        usize::from(byte >> (7 - (self.depth & 7)) & 1)
    }
}

impl Leaf {
    fn hash(&self) -> Hash {
        node::leaf(&self.index, &self.value)
    }
}

impl<'a> End<'a> {
    /// The leaf at which it ended.
    pub(super) fn leaf(self) -> &'a Leaf {
        // A walk along an index ends at a leaf, and at nothing else.
        let (PartKind::Leaf(cell) | PartKind::Fork(cell) | PartKind::Link(cell)) = self.part.kind();
        &self.page.cells[cell].leaf
    }
}

impl<'a> Node<'a> {
    /// An index that lies under the node.
    pub(super) fn below(self) -> &'a IndexKey {
        self.page.below(self.part)
    }

    /// What the node is.
    pub(super) fn kind(self) -> Kind<'a> {
        let Self { mut page, mut part } = self;
        loop {
            match part.kind() {
                PartKind::Leaf(leaf) => return Kind::Leaf(&page.cells[leaf].leaf),
                PartKind::Link(link) => {
                    page = &page.links[link].page;
                    part = page.top;
                }
                PartKind::Fork(fork) => {
                    let Fork { depth, parts } = page.forks[fork];
                    let [left, right] = parts.map(|part| Node { page, part });
                    let depth = usize::from(depth);
                    return Kind::Fork { depth, left, right };
                }
            }
        }
    }

    /// The node's hash as the node above needs it, where nothing is stale.
    pub(super) fn hash(self) -> Hash {
        match self.part.kind() {
            PartKind::Leaf(leaf) => self.page.cells[leaf].leaf.hash(),
            PartKind::Link(link) => self.page.links[link].hash,
            PartKind::Fork(fork) => self.page.cells[fork].fork,
        }
    }
}

/// Something of the one or two lines of memory that a hash lies in.
fn ends_of(hash: &Hash) -> u8 {
    let [first, .., last] = hash.as_bytes();
    first ^ last
}

fn add<T>(list: &mut Vec<T>, item: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(GROWTH);
    }
    list.push(item);
}
