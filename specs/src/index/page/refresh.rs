//! Hashing what is stale in pages.
//!
//! On its way up from a leaf each hash needs the one before it, so that a processor has nothing to
//! do but wait. What is stale in different pages of one level does not: such pages are hashed side
//! by side, a step of each in turn.

use std::ops::Range;
use std::sync::Arc;

use super::{Page, Part, PartKind};
use crate::hash::{Hash, Padded, TOGETHER, hash_together};
use crate::index::node;

/// One hash on the way to that of a page.
#[derive(Clone, Copy)]
enum Step {
    /// Of the two sides of a fork.
    Join { fork: usize, sides: [Side; 2] },
    /// Of a fork's hash and an empty child, which is on the left or on the right.
    Lift { fork: usize, is_right: bool },
}

/// A side of a fork.
#[derive(Clone, Copy)]
enum Side {
    /// A leaf, by its place among the hashes of leaves that a [`Plan`] wants.
    Leaf(usize),
    Other(Part),
}

/// A page with something stale.
struct Work<'a> {
    page: &'a mut Page,
    /// Which steps of the [`Plan`] are still to be taken.
    steps: Range<usize>,
}

/// What is to be done in the pages of one level.
#[derive(Default)]
struct Plan {
    /// The pages' steps one page after the other, each step after those that it needs.
    steps: Vec<Step>,
    leaves: Vec<Padded>,
    /// The links of one page that lead to something stale, and the depth at which each one's
    /// hash is wanted.
    links: Vec<(usize, usize)>,
}

/// Hashes what is stale in a page and below it, and gives the hash of everything in it as the node
/// above at depth `top - 1` needs it.
pub(super) fn refresh(page: &mut Page, top: usize) -> Hash {
    let hashes = refresh_level(vec![(page, top)]);
    hashes.first().copied().unwrap_or_default()
}

/// [`refresh`] of each of several pages, none of which is below another.
fn refresh_level(pages: Vec<(&mut Page, usize)>) -> Vec<Hash> {
    let mut plan = Plan::default();
    let mut works = Vec::with_capacity(pages.len());
    let mut depths = Vec::new();
    for (page, top) in pages {
        let first = plan.steps.len();
        plan.links.clear();
        plan.add(page, page.top, top);
        plan.links.sort_unstable();
        depths.extend(plan.links.iter().map(|(_, top)| *top));
        let steps = first..plan.steps.len();
        works.push(Work { page, steps });
    }
    if !depths.is_empty() {
        let stale = works
            .iter_mut()
            .flat_map(|work| work.page.stale_links_mut());
        let below = stale.map(|link| Arc::make_mut(&mut link.page));
        let below = below.zip(depths).collect();
        let hashes = refresh_level(below);
        let stale = works
            .iter_mut()
            .flat_map(|work| work.page.stale_links_mut());
        for (link, hash) in stale.zip(hashes) {
            link.hash = hash;
        }
    }
    let mut leaves = Vec::with_capacity(plan.leaves.len());
    hash_together(&plan.leaves, &mut leaves);
    take(&mut works, &plan.steps, &leaves);
    works.iter_mut().map(Work::end).collect()
}

/// Takes all steps, of [`TOGETHER`] pages at a time one of each.
fn take(works: &mut [Work<'_>], steps: &[Step], leaves: &[Hash]) {
    let mut waiting = works.iter_mut().filter(|work| !work.steps.is_empty());
    let mut at_work: Vec<_> = waiting.by_ref().take(TOGETHER).collect();
    let mut messages = Vec::with_capacity(TOGETHER);
    let mut hashes = Vec::with_capacity(TOGETHER);
    while !at_work.is_empty() {
        messages.clear();
        hashes.clear();
        for work in &at_work {
            messages.push(work.page.message(steps[work.steps.start], leaves));
        }
        hash_together(&messages, &mut hashes);
        for (work, hash) in at_work.iter_mut().zip(&hashes) {
            let (Step::Join { fork, .. } | Step::Lift { fork, .. }) = steps[work.steps.start];
            work.page.cells[fork].fork = *hash;
            work.steps.start += 1;
            if work.steps.is_empty()
                && let Some(next) = waiting.next()
            {
                *work = next;
            }
        }
        at_work.retain(|work| !work.steps.is_empty());
    }
}

impl Plan {
    /// Adds what is stale in a part of a page whose hash is wanted at depth `top`.
    fn add(&mut self, page: &Page, part: Part, top: usize) {
        let fork = match part.kind() {
            PartKind::Fork(fork) if page.stale_forks >> fork & 1 == 1 => fork,
            PartKind::Link(link) if page.stale_links >> link & 1 == 1 => {
                self.links.push((link, top));
                return;
            }
            _ => return,
        };
        let super::Fork { depth, parts } = page.forks[fork];
        let depth = usize::from(depth);
        for part in parts {
            self.add(page, part, depth + 1);
        }
        let sides = parts.map(|part| match part.kind() {
            PartKind::Leaf(cell) => {
                let leaf = &page.cells[cell].leaf;
                self.leaves
                    .push(node::leaf_message(&leaf.index, &leaf.value));
                Side::Leaf(self.leaves.len() - 1)
            }
            _ => Side::Other(part),
        });
        self.steps.push(Step::Join { fork, sides });
        if top < depth {
            let below = page.below(part);
            let lifts = (top..depth).rev().map(|depth| Step::Lift {
                fork,
                is_right: below.bit(depth),
            });
            self.steps.extend(lifts);
        }
    }
}

impl Work<'_> {
    /// Nothing is stale any more.
    fn end(&mut self) -> Hash {
        self.page.stale_forks = 0;
        self.page.stale_links = 0;
        self.page.whole().hash()
    }
}

impl Page {
    /// What is hashed in a step.
    fn message(&self, step: Step, leaves: &[Hash]) -> Padded {
        match step {
            Step::Join { sides, .. } => {
                let [left, right] = sides.map(|side| match side {
                    Side::Leaf(place) => &leaves[place],
                    Side::Other(part) => match part.kind() {
                        PartKind::Link(link) => &self.links[link].hash,
                        PartKind::Fork(cell) | PartKind::Leaf(cell) => &self.cells[cell].fork,
                    },
                });
                node::parent_message(left, right)
            }
            Step::Lift { fork, is_right } => {
                let child = &self.cells[fork].fork;
                if is_right {
                    node::parent_message(&Hash::ZERO, child)
                } else {
                    node::parent_message(child, &Hash::ZERO)
                }
            }
        }
    }

    /// The links that lead to something stale, in the order of their numbers.
    fn stale_links_mut(&mut self) -> impl Iterator<Item = &mut super::Link> {
        let stale = self.stale_links;
        let links = self.links.iter_mut().enumerate();
        links.filter_map(move |(number, link)| (stale >> number & 1 == 1).then_some(link))
    }
}
