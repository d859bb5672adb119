//! The script of a dishonest log: what it does to readers from now on.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use plainsight_specs::commitment::Opening;
use plainsight_specs::label::{Label, Version};

use super::said::{Bend, Garble, Said};
use super::state::{Liar, Opened};

/// What a dishonest log does. By default it does as it should.
#[derive(Clone, Default)]
pub struct Script {
    /// Changes each answer.
    pub bend: Option<Bend>,
    /// Changes the bytes of each answer.
    pub garble: Option<Garble>,
    /// Shown as the published checkpoint, whatever is published.
    pub checkpoint: Option<Vec<u8>>,
    /// Tiles and bundles are not to be had.
    pub hides_tiles: bool,
    /// The published checkpoint cannot be read.
    pub is_down: bool,
    /// Histories are not answered.
    pub is_silent: bool,
    /// Answers come from this other log by the same keys, to which nothing else was shown.
    pub twin: Option<Arc<Liar>>,
    /// Look-ups are answered from this one, which goes on from what everything else is answered from.
    pub looked_up: Option<Arc<Liar>>,
    /// What is done to the next version of a label that is published.
    pub next: Option<(Label, Version, Next)>,
}

/// What becomes of a key set that its owner publishes.
#[derive(Debug, Clone)]
pub enum Next {
    /// This ghost takes its place, and it is logged where nobody looks, and shown in histories.
    Ghost(Vec<u8>),
    /// It is acknowledged, and not logged.
    Nothing,
}

impl Script {
    /// Changes each answer so.
    pub fn bending(bend: impl Fn(&Liar, &mut Said) -> Result<()> + Send + Sync + 'static) -> Self {
        Self {
            bend: Some(Arc::new(bend)),
            ..Self::default()
        }
    }

    /// In look-ups of a label, shows a key set that was never logged.
    pub fn never_logged(label: Label, shown: Opened) -> Self {
        Self::bending(move |_, said| {
            let Said::Lookup(request, answer) = said else {
                return Ok(());
            };
            if let (true, Some(found)) = (request.label == label, &mut answer.found) {
                found.opening = Some(Opening::from_bytes(shown.opening));
                found.key_set = Some(shown.key_set.clone());
            }
            Ok(())
        })
    }

    /// In histories, shows an entry at another index in place of a version's own.
    pub fn decoy(label: Label, version: Version, shown: Opened) -> Self {
        Self::bending(move |liar, said| {
            let Said::History(request, answer) = said else {
                return Ok(());
            };
            let listed = answer.versions.iter_mut();
            let mut listed = listed.filter(|listed| listed.version == version);
            if let (true, Some(listed)) = (request.label == label, listed.next()) {
                listed.entry = liar.entry(shown.position).context("the decoy")?;
                listed.opening = Some(Opening::from_bytes(shown.opening));
                listed.key_set = Some(shown.key_set.clone());
                listed.position = shown.position;
                listed.inclusion = liar.inclusion(shown.position)?;
            }
            Ok(())
        })
    }
}
