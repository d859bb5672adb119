#![doc = include_str!("../ladder.md")]

use std::marker::PhantomData;

use crate::Blame;

/// A number that climbs a ladder: a label's version or a stream's sequence number. Any newtype of
/// `u32` with both conversions is one.
pub trait Rung: Copy + From<u32> + Into<u32> {}

impl<N: Copy + From<u32> + Into<u32>> Rung for N {}

/// Why a list of look-ups is not a whole ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LadderError {
    /// Another rung than the one whose turn it was.
    #[error("rung {found} where the ladder has rung {expected}")]
    WrongRung {
        /// The rung that comes next, given the answers so far.
        expected: u32,
        /// The rung in the list.
        found: u32,
    },
    /// The list ends before the ladder does.
    #[error("the ladder ends before rung {expected}")]
    MissingRung {
        /// The rung that is missing.
        expected: u32,
    },
    /// The list goes on after the ladder is done.
    #[error("rung {found} after the end of the ladder")]
    SurplusRung {
        /// The first rung too many.
        found: u32,
    },
}

impl LadderError {
    /// Who is to blame.
    pub fn blame(&self) -> Blame {
        Blame::Unproven
    }
}

/// What a ladder asks for next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LadderStep<N> {
    /// Look this number up, then [`Ladder::answer`].
    Look(N),
    /// The ladder is done: the latest number, or none at all.
    Found(Option<N>),
}

/// A ladder while it is climbed, one look-up at a time.
#[derive(Debug, Clone)]
pub struct Ladder<N> {
    /// The highest rung that was present.
    present: Option<u32>,
    /// The lowest rung that was absent. While there is none the ladder climbs, and `present` is
    /// one below a power of two.
    absent: Option<u32>,
    number: PhantomData<N>,
}

impl<N: Rung> Ladder<N> {
    /// At the foot.
    pub fn new() -> Self {
        Self {
            present: None,
            absent: None,
            number: PhantomData,
        }
    }

    /// The next rung, or the result.
    pub fn next(&self) -> LadderStep<N> {
        match (self.present, self.absent) {
            // SPEC(LADDER-1)
            (None, None) => LadderStep::Look(N::from(0)),
            (None, Some(_)) => LadderStep::Found(None),
            (Some(present), None) => {
                match present
                    .checked_mul(2)
                    .and_then(|twice| twice.checked_add(1))
                {
                    Some(rung) => LadderStep::Look(N::from(rung)),
                    // SPEC(LADDER-3): from 2^32 on everything is absent, so 2^32 - 1 is the latest.
                    None => LadderStep::Found(Some(N::from(present))),
                }
            }
            // SPEC(LADDER-2)
            (Some(present), Some(absent)) => match absent.saturating_sub(present) {
                0 | 1 => LadderStep::Found(Some(N::from(present))),
                gap => LadderStep::Look(N::from(present + gap / 2)),
            },
        }
    }

    /// Whether the number that [`Self::next`] asked for is present. Changes nothing once the
    /// ladder is done.
    pub fn answer(&mut self, present: bool) {
        if let LadderStep::Look(rung) = self.next() {
            let side = if present {
                &mut self.present
            } else {
                &mut self.absent
            };
            *side = Some(rung.into());
        }
    }
}

impl<N: Rung> Default for Ladder<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs the ladder over finished look-ups, `(number, present)` in ladder order. Accepts the whole
/// ladder only: no rung more, less or out of order.
pub fn verify<N: Rung>(results: &[(N, bool)]) -> Result<Option<N>, LadderError> {
    let mut ladder = Ladder::<N>::new();
    for (found, present) in results {
        let found: u32 = (*found).into();
        // SPEC(LADDER-4)
        let expected: u32 = match ladder.next() {
            LadderStep::Look(rung) => rung.into(),
            LadderStep::Found(_) => return Err(LadderError::SurplusRung { found }),
        };
        if found != expected {
            return Err(LadderError::WrongRung { expected, found });
        }
        ladder.answer(*present);
    }
    match ladder.next() {
        LadderStep::Found(latest) => Ok(latest),
        LadderStep::Look(rung) => Err(LadderError::MissingRung {
            expected: rung.into(),
        }),
    }
}

/// The rungs, in order, of the ladder whose result is `latest` where nothing lies above it.
pub fn rungs_for<N: Rung>(latest: Option<N>) -> Vec<N> {
    let mut ladder = Ladder::<N>::new();
    let mut rungs = Vec::new();
    let latest: Option<u32> = latest.map(Into::into);
    while let LadderStep::Look(rung) = ladder.next() {
        rungs.push(rung);
        ladder.answer(latest.is_some_and(|latest| rung.into() <= latest));
    }
    rungs
}

/// The rungs that the ladder for `latest` shows absent, in ladder order: no other number can
/// become the latest unless one of these is inserted.
pub fn absent_rungs<N: Rung>(latest: N) -> Vec<N> {
    let number: u32 = latest.into();
    let mut rungs = rungs_for(Some(latest));
    rungs.retain(|rung| (*rung).into() > number);
    rungs
}

/// What the owner of `latest` watches until after the next rotation, ascending: the absent rungs
/// of `latest` and of the number after it.
pub fn watched_rungs<N: Rung>(latest: N) -> Vec<N> {
    let number: u32 = latest.into();
    let mut watched = absent_rungs(latest);
    // SPEC(LADDER-5)
    if let Some(next) = number.checked_add(1) {
        watched.extend(absent_rungs(N::from(next)));
    }
    watched.sort_by_key(|rung| -> u32 { (*rung).into() });
    watched.dedup_by_key(|rung| -> u32 { (*rung).into() });
    watched
}

#[cfg(test)]
mod tests;
