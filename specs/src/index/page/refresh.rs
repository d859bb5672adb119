//! Hashes what insertions have left stale.
//!
//! A hash that waits for the one below it takes a processor that works ahead more than twice the
//! time of one that does not. So the pages that are equally many links from the top are hashed
//! together, one node of each in turn: what is hashed next never waits for what was hashed just
//! before. Nothing but the order is decided here.

use std::sync::Arc;

use super::{Link, Page, Part, PartKind};
use crate::hash::{self, Hash, Padded};
use crate::index::{IndexKey, node};

/// How many pages are hashed in turn.
const IN_TURN: usize = hash::TOGETHER;

/// A page, and the depth of its place: one more than that of the node above.
struct Place<'a> {
    page: &'a mut Page,
    top: usize,
}

/// What has to be hashed in the pages of one level, in the order of the pages.
#[derive(Default)]
struct Plan {
    /// The stale forks, in each page what is below first.
    forks: Vec<Stale>,
    /// The links to stale pages, in each page in the order of their numbers.
    links: Vec<Stale>,
    /// Of each page, how many of each it has.
    counts: Vec<Counts>,
}

/// A stale fork or link, and the depth of its place.
#[derive(Clone, Copy)]
struct Stale {
    number: u8,
    top: u16,
}

#[derive(Clone, Copy)]
struct Counts {
    forks: usize,
    links: usize,
}

/// A page that is being hashed.
struct Turn<'a> {
    page: &'a mut Page,
    /// The forks that have no hash yet.
    forks: &'a [Stale],
    next: Next,
    /// The hashes of the leaves on the two sides of the next fork, so far as they were needed.
    leaves: [Option<Hash>; 2],
    /// The hash below a place that is being lifted.
    child: Hash,
    /// An index under that place.
    below: IndexKey,
}

/// What a page's next hash is.
#[derive(Clone, Copy)]
enum Next {
    /// Of the leaf on a side of the next fork.
    Leaf { side: usize },
    /// Of the next fork.
    Fork,
    /// Of the place at `depth` on the way up from the fork, which has no other child.
    Lift { depth: usize },
}

impl Page {
    /// Hashes what is stale, and gives the hash of everything in the page as the node above at
    /// depth `top - 1` needs it.
    pub(in crate::index) fn refresh(&mut self, top: usize) -> Hash {
        refresh_level(&mut [Place { page: self, top }]);
        self.hash()
    }

    /// The hash of everything in the page, where nothing is stale.
    fn hash(&self) -> Hash {
        self.whole().hash()
    }
}

/// Hashes what is stale in these pages and under them. Calls itself once for each link on the
/// longest way down: fewer times than a way has forks.
fn refresh_level(level: &mut [Place<'_>]) {
    let mut plan = Plan::default();
    for place in &*level {
        plan.add_page(place);
    }
    let mut below: Vec<Place<'_>> = stale_links(level, &plan)
        .map(|(link, top)| Place {
            page: Arc::make_mut(&mut link.page),
            top,
        })
        .collect();
    if !below.is_empty() {
        refresh_level(&mut below);
        for (link, _) in stale_links(level, &plan) {
            link.hash = link.page.hash();
        }
    }
    take_turns(level, &plan);
}

/// The links to stale pages, each with the depth of its place.
fn stale_links<'a>(
    level: &'a mut [Place<'_>],
    plan: &'a Plan,
) -> impl Iterator<Item = (&'a mut Link, usize)> {
    let mut planned = plan.links.iter();
    let pages = level.iter_mut().zip(&plan.counts);
    pages.flat_map(move |(place, counts)| {
        let (mine, rest) = planned.as_slice().split_at(counts.links);
        planned = rest.iter();
        let mut mine = mine.iter().peekable();
        let links = place.page.links.iter_mut().enumerate();
        links.filter_map(move |(number, link)| {
            let stale = mine.next_if(|stale| usize::from(stale.number) == number)?;
            Some((link, usize::from(stale.top)))
        })
    })
}

fn take_turns(level: &mut [Place<'_>], plan: &Plan) {
    let mut forks = plan.forks.as_slice();
    let mut waiting = level.iter_mut().zip(&plan.counts).map(|(place, counts)| {
        let (mine, rest) = forks.split_at(counts.forks);
        forks = rest;
        Turn::new(place.page, mine)
    });
    let mut turns: Vec<Turn<'_>> = waiting.by_ref().take(IN_TURN).collect();
    let mut messages = [Padded::pair(node::PARENT, &[0; 32], &[0; 32]); IN_TURN];
    let mut hashes = Vec::with_capacity(IN_TURN);
    while !turns.is_empty() {
        hashes.clear();
        let mut written = 0;
        turns.retain_mut(|turn| {
            while !turn.write(&mut messages[written]) {
                match waiting.next() {
                    Some(next) => *turn = next,
                    None => return false,
                }
            }
            written += 1;
            true
        });
        hash::of_each(&messages[..written], &mut hashes);
        for (turn, hash) in turns.iter_mut().zip(&hashes) {
            turn.take(*hash);
        }
    }
}

impl Plan {
    fn add_page(&mut self, place: &Place<'_>) {
        let (forks, links) = (self.forks.len(), self.links.len());
        self.add(place.page, place.page.top, place.top);
        self.links[links..].sort_unstable_by_key(|link| link.number);
        self.counts.push(Counts {
            forks: self.forks.len() - forks,
            links: self.links.len() - links,
        });
    }

    /// Adds what is stale under a part whose place is at depth `top`.
    fn add(&mut self, page: &Page, part: Part, top: usize) {
        let stale = |number: usize| Stale {
            number: number.to_le_bytes()[0],
            // A depth is at most 256.
            top: u16::try_from(top).unwrap_or(u16::MAX),
        };
        match part.kind() {
            PartKind::Link(number) if page.stale_links >> number & 1 == 1 => {
                self.links.push(stale(number));
            }
            PartKind::Fork(number) if page.stale_forks >> number & 1 == 1 => {
                let fork = page.forks[number];
                for part in fork.parts {
                    self.add(page, part, usize::from(fork.depth) + 1);
                }
                self.forks.push(stale(number));
            }
            PartKind::Leaf(_) | PartKind::Link(_) | PartKind::Fork(_) => {}
        }
    }
}

impl<'a> Turn<'a> {
    fn new(page: &'a mut Page, forks: &'a [Stale]) -> Self {
        page.stale_forks = 0;
        page.stale_links = 0;
        Self {
            page,
            forks,
            next: Next::Fork,
            leaves: [None; 2],
            child: Hash::ZERO,
            below: IndexKey::from_bytes([0; 32]),
        }
    }

    /// Writes what is hashed next; `false` when nothing is.
    fn write(&mut self, message: &mut Padded) -> bool {
        let Some(stale) = self.forks.first() else {
            return false;
        };
        let number = usize::from(stale.number);
        if let Next::Lift { depth } = self.next {
            let (left, right) = node::beside_nothing(self.child, self.below.bit(depth));
            message.set_pair(node::PARENT, left.as_bytes(), right.as_bytes());
            return true;
        }
        let parts = self.page.forks[number].parts;
        for side in 0..2 {
            if let (PartKind::Leaf(cell), None) = (parts[side].kind(), self.leaves[side]) {
                self.next = Next::Leaf { side };
                let leaf = &self.page.cells[cell].leaf;
                message.set_pair(node::LEAF, leaf.index.as_bytes(), leaf.value.as_bytes());
                return true;
            }
        }
        self.next = Next::Fork;
        let [left, right] = [0, 1].map(|side| match (parts[side].kind(), &self.leaves[side]) {
            (PartKind::Leaf(_), leaf) => leaf.as_ref().unwrap_or(&Hash::ZERO),
            (PartKind::Link(link), _) => &self.page.links[link].hash,
            (PartKind::Fork(fork), _) => &self.page.cells[fork].fork,
        });
        message.set_pair(node::PARENT, left.as_bytes(), right.as_bytes());
        true
    }

    /// Takes the hash of what was written last.
    fn take(&mut self, hash: Hash) {
        let Some((stale, rest)) = self.forks.split_first() else {
            return;
        };
        let number = usize::from(stale.number);
        let depth = match self.next {
            Next::Leaf { side } => {
                self.leaves[side] = Some(hash);
                return;
            }
            Next::Fork => usize::from(self.page.forks[number].depth),
            Next::Lift { depth } => depth,
        };
        if depth > usize::from(stale.top) {
            if matches!(self.next, Next::Fork) {
                self.below = *self.page.below(Part::fork(number));
            }
            self.child = hash;
            self.next = Next::Lift { depth: depth - 1 };
            return;
        }
        self.page.cells[number].fork = hash;
        self.forks = rest;
        self.leaves = [None; 2];
        self.next = Next::Fork;
    }
}
