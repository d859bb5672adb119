//! The logs that lie on the stage: how each begins, and what it does when it is told to.

use anyhow::{Context as _, Result, ensure};
use plainsight_client::http::{Http, Patience};
use plainsight_client::status::submit;
use plainsight_specs::hash::sha256;
use plainsight_specs::keyset::KeySet;
use plainsight_specs::label::{Label, Version};

use super::{Stage, VICTIM, build};
use crate::accounts;
use crate::liar::{AuditorAnswer, Liar, Opened, Script, Served};
use crate::network::AUDITORS;
use crate::provider::random;
use crate::story::forged;

/// How often a head is published again that an auditor has not judged, each time with patience of its own.
const PATIENCE: usize = 8;

/// The logs that lie, by the word that makes them.
pub(super) const LIARS: [&str; 6] = [
    "second-build",
    "wrong-root",
    "rewrite",
    "split-view",
    "never-logged",
    "decoy",
];

impl Stage {
    /// The honest beginning of a log that will lie.
    pub(super) async fn begin(&self, name: &str, served: &Served) -> Result<()> {
        let auditors = self.network.auditors().iter();
        {
            let mut liar = served.liar().await;
            liar.auditors = auditors.map(|running| running.url.clone()).collect();
            if name == "second-build" {
                liar.push_statement(build("1.0.0", b"the build that everybody has")?)?;
            } else {
                push_victim(&mut liar)?;
            }
            liar.push_epoch()?;
        }
        for answer in judged(served).await? {
            ensure!(
                answer.status == 200,
                "an honest head was refused: {answer:?}"
            );
        }
        Ok(())
    }

    pub(super) async fn tell(&self, lie: &str, served: &Served) -> Result<()> {
        let mut liar = served.liar().await;
        match lie {
            "second-build" => {
                liar.push_statement(build("1.0.0", b"the build for one person")?)?;
                liar.push_epoch()?;
            }
            "wrong-root" => {
                let root = sha256(b"an index with something else in it");
                liar.push_wrong_epoch(|epoch| epoch.index_root = root)?;
            }
            "rewrite" => {
                let mut twin = liar.rewound(1)?;
                push_victim(&mut twin)?;
                twin.push_epoch()?;
                twin.push_epoch()?;
                *liar = twin;
            }
            "never-logged" => {
                let label = Label::email(VICTIM)?;
                let opened = liar.opened(&label, Version::FIRST).cloned();
                let shown = Opened {
                    opening: random()?,
                    key_set: accounts::first_key_set(&label)?,
                    ..opened.context("the victim has no keys")?
                };
                liar.script = Script::never_logged(label, shown);
                return Ok(());
            }
            "decoy" => {
                put_a_decoy(&mut liar)?;
                drop(liar);
                // No rule forbids an entry that nobody can name: the auditors vouch for it.
                let answers = judged(served).await?;
                let is_cosigned = answers.iter().all(|answer| answer.status == 200);
                ensure!(is_cosigned, "an auditor refused: {answers:?}");
                return Ok(());
            }
            _ => {
                // The same keys, the same size, another key for the same person.
                let mut twin = liar.rewound(1)?;
                push_victim(&mut twin)?;
                twin.push_epoch()?;
                let note = twin.sign()?.to_bytes();
                drop(liar);
                return self.submit(&note).await;
            }
        }
        drop(liar);
        let answers = judged(served).await?;
        let is_refused = answers.iter().all(|answer| answer.status != 200);
        ensure!(is_refused, "an auditor cosigned a lie: {answers:?}");
        Ok(())
    }

    /// A reader hands a head that he was shown to every auditor.
    async fn submit(&self, note: &[u8]) -> Result<()> {
        let http = Http::new(Patience::default())?;
        for running in self.network.auditors() {
            submit(&http, &running.url, note)
                .await
                .map_err(|failure| anyhow::anyhow!("{failure}"))?;
        }
        ensure!(self.network.auditors().len() == AUDITORS.len());
        Ok(())
    }
}

/// Publishes until every auditor has judged the head: on a busy machine one may still be reading.
async fn judged(served: &Served) -> Result<Vec<AuditorAnswer>> {
    let mut answers = served.publish().await?;
    for _ in 0..PATIENCE {
        if answers.iter().all(|answer| answer.status != 503) {
            break;
        }
        answers = served.publish().await?;
    }
    Ok(answers)
}

fn push_victim(liar: &mut Liar) -> Result<()> {
    let label = Label::email(VICTIM)?;
    liar.push_key_set(&label, Version::FIRST, accounts::first_key_set(&label)?)?;
    Ok(())
}

/// A ghost becomes the victim's next version; what the victim published stands where nobody looks, and is
/// shown in histories in the ghost's place.
fn put_a_decoy(liar: &mut Liar) -> Result<()> {
    let label = Label::email(VICTIM)?;
    let first = liar.opened(&label, Version::FIRST);
    let current = KeySet::parse(&first.context("the victim has no keys")?.key_set)?;
    let version = Version::new(1);
    let shown = liar.push_aside(&label, version, forged(&current, &["tablet"])?)?;
    liar.push_key_set(&label, version, forged(&current, &["ghost-device"])?)?;
    liar.push_epoch()?;
    liar.script = Script::decoy(label, version, shown);
    Ok(())
}
