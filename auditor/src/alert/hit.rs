//! A watched index that was inserted, as the operator is told of it.
//!
//! One alert for an index, however many watch it: whoever once looked a person up can watch the same
//! index and announce nothing, and the provider can watch it and announce what it plants. So what one
//! of them announced takes nothing from what the others did not.

use plainsight_specs::index::IndexKey;
use plainsight_specs::merkle::LeafIndex;

use super::{Alert, Severity};

/// The code of the alert.
pub const WATCH_HIT: &str = "watch-hit";

/// An index that an entry inserted, and those who watch it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchHit {
    /// The index.
    pub index: IndexKey,
    /// The entry's position.
    pub position: LeafIndex,
    /// Watches that had announced this entry.
    pub announced: u64,
    /// Watches that had announced another one there.
    pub otherwise: u64,
    /// Watches that had announced nothing there.
    pub unannounced: u64,
}

impl WatchHit {
    /// The alert, unless everybody who watches had announced the entry.
    pub fn alert(&self) -> Option<Alert> {
        if self.otherwise == 0 && self.unannounced == 0 {
            return None;
        }
        let watches = self.announced + self.otherwise + self.unannounced;
        Some(Alert {
            severity: Severity::Identity,
            code: WATCH_HIT,
            subject: self.index.to_hex(),
            text: format!(
                "the watched index {} was inserted at position {}; of the {watches} who watch it here \
                 {} had announced this entry, {} another one, and {} nothing",
                self.index.to_hex(),
                self.position,
                self.announced,
                self.otherwise,
                self.unannounced
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_announced_is_no_alert_and_anything_else_is() {
        let hit = |announced, otherwise, unannounced| WatchHit {
            index: IndexKey::from_bytes([7; 32]),
            position: LeafIndex::new(9).unwrap(),
            announced,
            otherwise,
            unannounced,
        };
        assert_eq!(hit(2, 0, 0).alert(), None);
        for hit in [hit(1, 1, 0), hit(1, 0, 1), hit(0, 0, 1)] {
            let alert = hit.alert().unwrap();
            assert_eq!(alert.severity, Severity::Identity);
            assert!(alert.text.contains("position 9"), "{}", alert.text);
        }
    }
}
