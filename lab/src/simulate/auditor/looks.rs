//! What an auditor looks at by itself: the log's checkpoint, and the other auditors.

use anyhow::{Context as _, Result};
use plainsight_auditor::audit::Event;
use plainsight_auditor::compare::Comparison;
use plainsight_auditor::peers::{HeadVerdict, ShownHead};
use plainsight_client::http::BaseUrl;
use plainsight_client::source::Source;
use plainsight_specs::checkpoint::{SignedCheckpoint, UnverifiedCheckpoint};
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::note::VerifierKey;

use super::{Carried, Died, SimAuditor};

impl SimAuditor {
    /// Reads the published checkpoint, and follows it.
    pub(in crate::simulate) async fn poll(&mut self) -> Result<()> {
        let outcome = self.look_at_the_log().await;
        self.survive(outcome).await
    }

    /// Looks at another auditor's head.
    pub(in crate::simulate) async fn look(&mut self, peer: u8, key: &VerifierKey) -> Result<()> {
        let outcome = self.look_at(peer, key).await;
        self.survive(outcome).await
    }

    pub(super) async fn survive(&mut self, outcome: Carried<()>) -> Result<()> {
        match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Died)) => {
                self.die().await;
                Ok(())
            }
            Err(error) => {
                tracing::warn!(auditor = self.number, %error, "the auditor starts again");
                self.die().await;
                Ok(())
            }
        }
    }

    pub(super) async fn look_at_the_log(&mut self) -> Carried<()> {
        self.wake().await?;
        let awake = self.awake.as_ref().context("asleep")?;
        let event = match awake.known.source.checkpoint().await {
            Ok(bytes) => {
                let signed = UnverifiedCheckpoint::parse(&bytes)
                    .and_then(|note| note.verify_log(&awake.known.keys));
                let Ok(checkpoint) = signed else {
                    return Ok(Ok(()));
                };
                let ours = cosigned(&checkpoint, &awake.signer.verifier_key()).is_some();
                Event::Published { checkpoint, ours }
            }
            Err(error) if error.is_not_found() => Event::NothingPublished,
            Err(_) => return Ok(Ok(())),
        };
        Ok(self.happen(event).await?.map(drop))
    }

    /// Asks all peers once, whether they answer or not.
    pub(super) async fn look_at_all(&mut self) -> Carried<()> {
        let peers = self.config.peers.clone();
        for peer in peers {
            let url = peer.url.as_str();
            let number = url
                .strip_prefix("http://a")
                .and_then(|rest| rest.strip_suffix(".sim"));
            let number = number
                .and_then(|number| number.parse().ok())
                .context("a peer's number")?;
            if let Err(died) = self.look_at(number, &peer.key).await? {
                return Ok(Err(died));
            }
        }
        Ok(self.happen(Event::PeersAsked).await?.map(drop))
    }

    pub(super) async fn look_at(&mut self, peer: u8, key: &VerifierKey) -> Carried<()> {
        if peer == self.number {
            return Ok(Ok(()));
        }
        self.wake().await?;
        let awake = self.awake.as_ref().context("asleep")?;
        let own = awake.signer.verifier_key();
        let base = format!("http://a{peer}.sim/{}", awake.known.origin.origin_hash());
        let mirror = Source::new(self.http(), BaseUrl::parse(&base)?);
        // What it remembers of us: the heads that bear our cosignature.
        let remembered = mirror.read(&format!("remembered/{own}"), 1 << 20).await;
        let remembered = remembered.ok().and_then(|note| awake.known.signed(&note));
        if let Some(head) = remembered.filter(|head| cosigned(head, &own).is_some())
            && let Err(died) = self.happen(Event::OwnFound(head)).await?
        {
            return Ok(Err(died));
        }
        let Ok(note) = mirror.checkpoint().await else {
            return Ok(Ok(()));
        };
        let awake = self.awake.as_ref().context("asleep")?;
        let Some(shown) = awake.known.signed(&note) else {
            return Ok(Ok(()));
        };
        let Some(by_peer) = cosigned(&shown, key) else {
            return Ok(Ok(()));
        };
        let event = match awake.known.compare_with_peer(&shown, &mirror).await? {
            Comparison::Same | Comparison::Consistent => None,
            Comparison::Ahead => Some(Event::Shown(shown.clone())),
            Comparison::Contradicts(evidence) => {
                self.convict(&evidence, shown.head().size.get()).await?;
                None
            }
            Comparison::Unproven(_) => return Ok(Ok(())),
        };
        let awake = self.awake.as_ref().context("asleep")?;
        let kept = ShownHead {
            source: key.to_string(),
            head: shown.head(),
            note: shown.to_bytes_with(std::slice::from_ref(&by_peer.line)),
            verdict: HeadVerdict::Consistent,
            detail: String::new(),
            evidence: None,
            own: awake.state.signed,
            time: self.clock.now_s(),
        };
        let earlier = awake.store.shown(awake.known.mirror.log).await?;
        let newest = earlier.iter().find(|one| one.source == kept.source);
        if newest.is_none_or(|newest| newest.head.size <= kept.head.size) {
            awake
                .store
                .keep_shown(awake.known.mirror.log, &kept)
                .await?;
        }
        match event {
            Some(event) => Ok(self.happen(event).await?.map(drop)),
            None => Ok(Ok(())),
        }
    }
}

fn cosigned(checkpoint: &SignedCheckpoint, key: &VerifierKey) -> Option<Cosignature> {
    let mut lines = checkpoint.other_lines().iter();
    lines.find_map(|line| Cosignature::verify(line, checkpoint.text(), key).ok())
}
