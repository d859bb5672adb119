//! Look-ups as load: the labels of people who were published, in an order without locality.

use std::rc::Rc;

use anyhow::Result;
use plainsight_specs::lookup::LookupRequest;

use super::drive::{Next, Tally, Work};
use super::material::label;
use super::wire::{Answer, Target};

/// A prime that no number of people is a multiple of: steps of it visit everybody once.
const STEP: u64 = 2_654_435_761;

/// Asks prepared requests one after another, again from the first when they are through.
pub(crate) struct Looking {
    requests: Rc<Vec<Vec<u8>>>,
    next: usize,
    left: u64,
}

/// The `count` people of a scattered order over `people` that begins at `first`.
pub(crate) fn scattered(first: u64, people: u64, count: u64) -> impl Iterator<Item = u64> {
    (0..count.min(people)).map(move |place| first + (place * STEP) % people)
}

/// The look-ups of these people, ready to be sent.
pub(crate) fn requests(
    target: &Target,
    people: impl Iterator<Item = u64>,
) -> Result<Rc<Vec<Vec<u8>>>> {
    let request = |number| {
        let lookup = LookupRequest {
            label: label(number)?,
            since: None,
            logged: false,
        };
        let body = lookup.to_json();
        let mut request = Vec::new();
        target.post("v1/lookup", body.len(), &mut request);
        request.extend_from_slice(&body);
        Ok(request)
    };
    Ok(Rc::new(people.map(request).collect::<Result<_>>()?))
}

impl Looking {
    /// `total` look-ups.
    pub(crate) fn new(requests: Rc<Vec<Vec<u8>>>, total: u64) -> Self {
        Self {
            requests,
            next: 0,
            left: total,
        }
    }
}

impl Work for Looking {
    type Job = ();

    fn next(&mut self, request: &mut Vec<u8>) -> Result<Option<()>> {
        if self.left == 0 {
            return Ok(None);
        }
        if self.next >= self.requests.len() {
            self.next = 0;
        }
        let Some(next) = self.requests.get(self.next) else {
            return Ok(None);
        };
        request.clear();
        request.extend_from_slice(next);
        self.next += 1;
        self.left -= 1;
        Ok(Some(()))
    }

    fn answered(&mut self, (): &(), answer: &Answer<'_>, tally: &mut Tally) -> Result<Next> {
        if answer.status != 200 {
            tally.fail(&answer.status.to_string(), 1);
        } else if is_found(answer.body) {
            tally.items += 1;
        } else {
            tally.fail("absent", 1);
        }
        Ok(Next::Done)
    }
}

/// Whether an answer holds a key set. Members stand in alphabetical order, so this one is near the
/// end; in any other order it is only found later. Proofs are checked for a sample, elsewhere.
fn is_found(body: &[u8]) -> bool {
    const VERSION: &[u8] = b"\"version\":";
    body.windows(VERSION.len()).rev().any(|at| at == VERSION)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn everybody_is_visited_once() {
        for people in [1, 2, 7, 1000, 4096] {
            let visited: BTreeSet<_> = scattered(5, people, people).collect();
            assert_eq!(visited, (5..5 + people).collect());
            assert_eq!(scattered(5, people, 3).count() as u64, people.min(3));
        }
    }

    #[test]
    fn tells_found_from_absent() {
        assert!(is_found(br#"{"key_set":"AA==","version":0,"vrf":[]}"#));
        assert!(!is_found(br#"{"checkpoint":"version","vrf":[]}"#));
    }
}
