//! Fetches what the other auditors carry, and keeps of it what could have been handed in here.

use std::time::Duration;

use plainsight_client::http::Http;
use plainsight_specs::rebuild::RebuildList;
use tokio::task::JoinSet;

use super::{RebuildRefusal, Rebuilds, Surroundings};
use crate::peers::Peer;
use crate::store::StoreError;

/// Pages that one peer is asked for in a round.
const MAX_PAGES: u32 = 16;
/// How long one peer may take in a round.
const PATIENCE: Duration = Duration::from_mins(1);

impl Rebuilds {
    /// Asks each peer beside the others, within its time.
    pub(super) async fn ask_peers(&self, around: &Surroundings) {
        let mut asked = JoinSet::new();
        for peer in around.peers.iter() {
            let (own, peer, http) = (self.clone(), peer.clone(), around.http.clone());
            asked.spawn(async move {
                let name = peer.key.name().to_string();
                match tokio::time::timeout(PATIENCE, own.ask(&peer, &http)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => {
                        tracing::error!(peer = %name, %error, "results of rebuilds cannot be kept");
                    }
                    Err(_) => tracing::debug!(peer = %name, "its list of rebuilds takes too long"),
                }
            });
        }
        // A look that panics is a look that failed; the others go on.
        while asked.join_next().await.is_some() {}
    }

    async fn ask(&self, peer: &Peer, http: &Http) -> Result<(), StoreError> {
        // SPEC(REB-10)
        let (name, listed) = (peer.key.to_string(), self.listed());
        let mut after = self.store.rebuild_list_read(&name, &listed).await?;
        for _ in 0..MAX_PAGES {
            let url = peer.url.join(&format!("v1/rebuilds?after={after}"));
            // One that is away has an alert already, and one that has no such list has none.
            let Ok(page) = http.read(&url, RebuildList::MAX_BYTES).await else {
                return Ok(());
            };
            let Ok(page) = RebuildList::parse(&page) else {
                tracing::warn!(peer = %peer.key.name(), "its list of rebuilds does not parse");
                return Ok(());
            };
            for result in &page.results {
                // Of the rest anything may be: it is the peer's, and its rebuilders are others.
                if let Err(RebuildRefusal::Store(error)) = self.take(result).await {
                    return Err(error);
                }
            }
            // SPEC(REB-9)
            let next = page.next.unwrap_or(after);
            let begins_anew = next < after;
            let is_read = next == after;
            after = if begins_anew { 0 } else { next };
            self.store
                .keep_rebuild_list_read(&name, &listed, after)
                .await?;
            if is_read || begins_anew {
                return Ok(());
            }
        }
        Ok(())
    }
}
