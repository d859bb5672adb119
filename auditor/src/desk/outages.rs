//! What keeps heads from being compared with a peer, for all logs together: that a peer is away is one
//! fact, however many logs it is asked about.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use plainsight_specs::checkpoint::Origin;

/// The code of the alert that a peer does not answer, or not with heads.
pub(super) const UNREACHABLE: &str = "peer-unreachable";
/// The code of the alert that what answers signs with another key than the configured one.
pub(super) const OTHER_KEY: &str = "peer-other-key";

/// What each log's desk says of each peer. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Outages(Arc<Mutex<Said>>);

type Said = BTreeMap<String, BTreeMap<String, &'static str>>;

impl Outages {
    /// A desk says what is wrong with a peer, if anything is. Gives the codes that no desk says of it.
    pub(super) fn say(
        &self,
        peer: &str,
        log: &Origin,
        wrong: Option<&'static str>,
    ) -> Vec<&'static str> {
        // Nobody panics while holding it; were one to, they are still words.
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_peer = said.entry(peer.to_owned()).or_default();
        match wrong {
            Some(code) => of_peer.insert(log.to_string(), code),
            None => of_peer.remove(log.as_str()),
        };
        [UNREACHABLE, OTHER_KEY]
            .into_iter()
            .filter(|code| !of_peer.values().any(|said| said == code))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_when_the_last_log_has_an_answer() {
        let outages = Outages::default();
        let [a, b] = ["a.example", "b.example"].map(|name| Origin::parse(name).unwrap());
        let say = |log: &Origin, wrong| outages.say("peer", log, wrong);
        assert_eq!(say(&a, Some(UNREACHABLE)), [OTHER_KEY]);
        assert_eq!(say(&b, Some(UNREACHABLE)), [OTHER_KEY]);
        assert_eq!(say(&a, None), [OTHER_KEY]);
        assert_eq!(say(&b, Some(OTHER_KEY)), [UNREACHABLE]);
        assert_eq!(say(&b, None), [UNREACHABLE, OTHER_KEY]);
        assert_eq!(outages.say("other", &a, Some(OTHER_KEY)), [UNREACHABLE]);
    }
}
