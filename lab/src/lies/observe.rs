//! What auditors noticed, as strangers see it: breaks with their evidence, alerts, and heads that do
//! not fit.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use plainsight_client::http::{BaseUrl, Http, Patience};
use plainsight_client::source::Source;
use plainsight_specs::evidence::Evidence;
use plainsight_specs::hash::sha256;
use serde_json::Value;
use tokio::time::Instant;

use super::Caught;

/// How long auditors may take to come to their verdict.
const PATIENCE: Duration = Duration::from_secs(40);
/// How long is looked on for what should not come.
const AFTERWARDS: Duration = Duration::from_millis(600);
const MAX_PAGE: usize = 1 << 26;

/// An auditor as strangers see it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    source: Source,
}

impl Seen {
    /// The auditor at this address.
    pub(super) fn at(url: &BaseUrl) -> Result<Self> {
        let http = Http::new(Patience::default())?;
        Ok(Self {
            source: Source::new(http, url.clone()),
        })
    }

    pub(super) async fn page(&self, path: &str) -> Result<Vec<Value>> {
        let page = self.source.read(path, MAX_PAGE).await?;
        Ok(serde_json::from_slice(&page)?)
    }

    /// Posts, and gives the status and the answer.
    pub(super) async fn post(&self, path: &str, body: &[u8]) -> Result<(u16, Vec<u8>)> {
        let answer = self.source.send(path, body, None, MAX_PAGE).await?;
        Ok((answer.status, answer.body))
    }

    /// All that it has to say about a log. Evidence is checked as a stranger checks it, and kept in
    /// `dir`.
    pub(super) async fn of(
        &self,
        party: &str,
        origin: &str,
        dir: &Path,
    ) -> Result<BTreeSet<Caught>> {
        let mut noticed = BTreeSet::new();
        for log in self.page("v1/logs").await? {
            if log["origin"] != origin {
                continue;
            }
            for found in log["breaks"].as_array().context("breaks")? {
                let rule = found["rule"].as_str().context("rule")?;
                let proof = match found["evidence"].as_str() {
                    Some(id) => {
                        self.check(id, rule, origin, dir).await?;
                        "evidence"
                    }
                    None if found["unproven"].is_string() => "no evidence",
                    // It is being made.
                    None => "nothing yet",
                };
                noticed.insert(Caught::new(party, format!("rule {rule}"), proof));
            }
        }
        for alert in self.page("v1/alerts").await? {
            let code = alert["code"].as_str().context("code")?;
            if alert["log"] == origin && code != "rule-broken" {
                let severity = alert["severity"].as_str().context("severity")?;
                noticed.insert(Caught::new(
                    party,
                    format!("alert {code}"),
                    format!("{severity} alert"),
                ));
            }
        }
        for heads in self.page("v1/heads").await? {
            if heads["origin"] != origin {
                continue;
            }
            for list in ["peers", "readers"] {
                for head in heads[list].as_array().context("heads")? {
                    let verdict = head["verdict"].as_str().context("verdict")?;
                    let is_news =
                        head["head"].is_object() && !["same", "consistent"].contains(&verdict);
                    if is_news {
                        let proof = if head["evidence"].is_string() {
                            "evidence"
                        } else {
                            "no evidence"
                        };
                        noticed.insert(Caught::new(party, format!("head {verdict}"), proof));
                    }
                }
            }
        }
        Ok(noticed)
    }

    async fn check(&self, id: &str, rule: &str, origin: &str, dir: &Path) -> Result<()> {
        let file = dir.join(format!("{id}.json"));
        if file.exists() {
            return Ok(());
        }
        let bytes = self
            .source
            .read(&format!("v1/evidence/{id}"), MAX_PAGE)
            .await?;
        ensure!(
            sha256(&bytes).to_hex() == id,
            "evidence under another address"
        );
        let finding = Evidence::parse(&bytes)?.verify()?;
        ensure!(
            finding.rule.as_str() == rule && finding.log_key.name().as_str() == origin,
            "the evidence proves something else: {finding:?}"
        );
        std::fs::write(file, bytes)?;
        Ok(())
    }
}

/// Waits until every one of `auditors` has noticed what is `expected` of them and nothing else, and
/// gives what they noticed: the same if all did, else also what only some did.
pub(super) async fn settle(
    auditors: &[Seen],
    origin: &str,
    expected: &BTreeSet<Caught>,
    dir: &Path,
) -> Result<BTreeSet<Caught>> {
    let party = "auditors";
    let expected: BTreeSet<_> = expected
        .iter()
        .filter(|one| one.party == party)
        .cloned()
        .collect();
    let deadline = Instant::now() + PATIENCE;
    let mut held_since = None;
    loop {
        let mut all = Vec::new();
        for auditor in auditors {
            all.push(auditor.of(party, origin, dir).await?);
        }
        if all.iter().all(|one| *one == expected) {
            let since = *held_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= AFTERWARDS {
                return Ok(expected);
            }
        } else {
            held_since = None;
            if Instant::now() > deadline {
                let other = all.iter().find(|one| **one != expected);
                return Ok(other.cloned().unwrap_or_default());
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
