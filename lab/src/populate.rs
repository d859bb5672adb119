//! Publishes real input to a network: protections, the packages of `Cargo.lock`, and a thousand
//! accounts of which a third rotate a key.

use anyhow::{Context as _, Result};
use indicatif::{ProgressBar, ProgressStyle};
use plainsight_specs::hash::sha256;
use plainsight_specs::publish::{PublishItem, Wait};
use plainsight_specs::statement::{Body, Canary, Name, Place, Protection, ProtectionState, Region};
use plainsight_specs::time::Timestamp;

use crate::accounts::Account;
use crate::clock;
use crate::crates::{self, Downloaded, Fetched};
use crate::network::Network;
use crate::provider::{Publisher, sign};

/// How many people the lab has.
pub const ACCOUNTS: usize = 1000;
/// How many items go into one request.
const BATCH: usize = 250;
/// The feature that the story is about.
pub const FEATURE: &str = "end-to-end-backup";

/// What was published.
#[derive(Debug)]
pub struct Populated {
    /// The releases, with the files they are of.
    pub releases: Vec<Downloaded>,
    /// Which packages of the lock file are not among them, and what to do about it, in sentences.
    pub missing: Option<String>,
    /// How many key sets.
    pub key_sets: usize,
}

/// A protection's statement.
pub fn protection(state: ProtectionState, place: Place, now: Timestamp) -> Result<Body> {
    Ok(Body::Protection(Protection {
        feature: Name::parse(FEATURE)?,
        place,
        state,
        effective: now,
        wording: sha256(b"Only you hold the keys to your backups."),
    }))
}

/// Publishes everything, showing progress on a terminal.
pub async fn populate(network: &Network) -> Result<Populated> {
    let now = clock::now()?;
    publish_protections(network, now).await?;
    let Fetched { found, missing } = tokio::task::spawn_blocking(crates::downloaded).await??;
    publish_releases(network, &found, now).await?;
    let key_sets = publish_accounts(network, now).await?;
    Ok(Populated {
        releases: found,
        missing,
        key_sets,
    })
}

/// Publishes what the provider promises.
pub async fn publish_protections(network: &Network, now: Timestamp) -> Result<()> {
    let key = &network.roles().protections;
    let publisher = Publisher::new(network.log_url(), &network.tokens().protections)?;
    let offered = ProtectionState::Offered;
    let bodies = [
        protection(offered, Place::Everywhere, now)?,
        protection(offered, Place::Region(Region::parse("GB")?), now)?,
        Body::Canary(Canary {
            name: Name::parse("no-secret-orders")?,
            valid_until: now.plus(30 * 86_400),
            published: now,
            text: sha256(b"We have not been ordered to weaken anything in secret."),
        }),
    ];
    let items = bodies
        .into_iter()
        .map(|body| {
            Ok(PublishItem::Statement {
                envelope: sign(body, None, key)?.envelope,
            })
        })
        .collect::<Result<_>>()?;
    publisher.publish(items, Wait::Sequenced).await?;
    Ok(())
}

/// Publishes releases of packages, each stream in order.
pub async fn publish_releases(
    network: &Network,
    files: &[Downloaded],
    now: Timestamp,
) -> Result<()> {
    let key = &network.roles().releases;
    let publisher = Publisher::new(network.log_url(), &network.tokens().releases)?;
    let mut items = Vec::new();
    for (_, stream) in crates::by_name(files) {
        let mut last = None;
        for (seq, file) in (0u32..).zip(stream) {
            let signed = sign(crates::release(file, now)?, last, key)?;
            last = Some((seq.into(), signed.leaf));
            items.push(PublishItem::Statement {
                envelope: signed.envelope,
            });
        }
    }
    let bar = bar("releases from Cargo.lock", items.len())?;
    publish_in_batches(&publisher, items, &bar).await
}

async fn publish_accounts(network: &Network, now: Timestamp) -> Result<usize> {
    let publisher = Publisher::new(network.log_url(), &network.tokens().keys)?;
    let mut accounts = (0..ACCOUNTS)
        .map(Account::new)
        .collect::<Result<Vec<_>>>()?;
    let first = accounts
        .iter_mut()
        .map(|account| account.next(now))
        .collect::<Result<Vec<_>>>()?;
    let bar = bar("key sets", ACCOUNTS + ACCOUNTS.div_ceil(3))?;
    publish_in_batches(&publisher, first, &bar).await?;
    let rotated = accounts
        .iter_mut()
        .step_by(3)
        .map(|account| account.next(now))
        .collect::<Result<Vec<_>>>()?;
    let key_sets = ACCOUNTS + rotated.len();
    publish_in_batches(&publisher, rotated, &bar).await?;
    Ok(key_sets)
}

async fn publish_in_batches(
    publisher: &Publisher,
    items: Vec<PublishItem>,
    bar: &ProgressBar,
) -> Result<()> {
    let mut items = items.into_iter().peekable();
    while items.peek().is_some() {
        let batch: Vec<_> = items.by_ref().take(BATCH).collect();
        let count = batch.len() as u64;
        // The last batch waits until auditors have cosigned everything before it.
        let wait = if items.peek().is_some() {
            Wait::Sequenced
        } else {
            Wait::Published
        };
        publisher.publish(batch, wait).await?;
        bar.inc(count);
    }
    bar.finish();
    Ok(())
}

/// A progress bar on standard error; hidden when that is not a terminal.
fn bar(what: &'static str, count: usize) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{msg:26} {wide_bar} {pos}/{len}")
        .context("the progress bar's template")?;
    Ok(ProgressBar::new(count as u64)
        .with_style(style)
        .with_message(what))
}
