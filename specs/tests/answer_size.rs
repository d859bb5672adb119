//! How long the answer about a first version is in a log of a million labels. What a server sends of
//! it when it compresses is measured beside the server's own code.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod million;

use million::{Million, million};
use plainsight_specs::head::Trust;
use plainsight_specs::lookup::{LookupAnswer, LookupRequest};

/// What the chapter promises, in bytes.
const JSON_LIMIT: usize = 5_000;

#[test]
fn the_answer_at_a_million_labels_holds_and_stays_within_its_bound() {
    let Million {
        answer,
        policy,
        genesis,
        label,
        now,
    } = million();
    let body = answer.to_json();
    // Two ways of more than twenty siblings, which part early.
    let elements = answer.index.elements().len();
    assert!((38..=43).contains(&elements), "{elements}");
    assert!(
        answer
            .index
            .results()
            .iter()
            .all(|result| result.depth() == 22)
    );
    assert!(body.len() <= JSON_LIMIT, "{}", body.len());
    let trust = Trust {
        policy: &policy,
        genesis: &genesis,
        remembered: None,
        now,
        max_age_s: 60,
    };
    let request = LookupRequest {
        label,
        since: None,
        logged: false,
    };
    let lookup = LookupAnswer::parse(&body).unwrap();
    let lookup = lookup.verify(&trust, &request).unwrap();
    assert_eq!(lookup.found().unwrap().key_set().keys().len(), 3);
}
