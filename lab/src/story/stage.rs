//! A stage for one lie: a dishonest log, two honest auditors that follow it, and the policy of its
//! victims.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use plainsight_auditor::LogConfig;
use plainsight_client::http::{BaseUrl, Http, Patience};
use plainsight_client::source::Source;
use plainsight_specs::rules::Rule;
use serde_json::Value;

use super::{Kind, Person, Plainsight, Step, Telling};
use crate::liar::{AuditorAnswer, Liar, Served};
use crate::network::{AUDITORS, RunningAuditor, free_address, start_auditor, write_policy};

/// How long an auditor may take to come to its verdict.
const PATIENCE: Duration = Duration::from_secs(20);

/// A dishonest log with its auditors.
pub(super) struct Stage {
    dir: PathBuf,
    pub(super) log: Served,
    auditors: Vec<RunningAuditor>,
    policy: PathBuf,
}

impl Stage {
    /// Starts a log of this name and two auditors, and publishes its first head.
    pub(super) async fn start(dir: &Path, name: &str) -> Result<Self> {
        let dir = dir.join(name);
        std::fs::create_dir_all(&dir)?;
        let liar = Liar::new(&format!("log.liar.example/{name}"))?;
        let vkey = liar.vkey()?.to_string();
        let log = Served::start(liar).await?;
        let url = log.url()?;
        let follow = LogConfig::new(&vkey, url.to_string());
        let mut auditors = Vec::new();
        for auditor in AUDITORS.into_iter().take(2) {
            let auditor_dir = dir.join(auditor.name);
            auditors.push(start_auditor(&auditor_dir, auditor, free_address()?, &follow).await?);
        }
        let policy = dir.join("policy");
        write_policy(&policy, &vkey, &url, &auditors)?;
        log.liar().await.auditors = auditors.iter().map(|running| running.url.clone()).collect();
        log.liar().await.push_epoch()?;
        let stage = Self {
            dir,
            log,
            auditors,
            policy,
        };
        stage.publish_honestly().await?;
        Ok(stage)
    }

    /// Publishes what must be cosigned by both.
    pub(super) async fn publish_honestly(&self) -> Result<()> {
        for answer in self.log.publish().await? {
            anyhow::ensure!(
                answer.status == 200,
                "an honest head was refused: {answer:?}"
            );
        }
        Ok(())
    }

    /// A reader of this log.
    pub(super) fn person(&self, plainsight: &Plainsight, name: &str) -> Result<Person> {
        self.person_at(plainsight, name, &self.log.url()?)
    }

    /// A reader who is sent to another address for it.
    pub(super) fn person_at(
        &self,
        plainsight: &Plainsight,
        name: &str,
        log: &BaseUrl,
    ) -> Result<Person> {
        Person::new(
            plainsight,
            self.dir.join(name),
            log,
            &self.policy,
            "any token",
        )
    }

    /// The first auditor's address.
    pub(super) fn auditor(&self) -> Result<&BaseUrl> {
        Ok(&self.auditors.first().context("no auditor")?.url)
    }

    /// A file of this stage.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Adds the step that every auditor has evidence for a rule, and that a stranger with nothing
    /// but the file is convinced.
    pub(super) async fn stranger_is_convinced(
        &self,
        telling: &mut Telling,
        plainsight: &Plainsight,
        rule: Rule,
    ) -> Result<()> {
        for running in &self.auditors {
            let title = format!(
                "A stranger checks, offline, the evidence of {}",
                running.auditor.organisation
            );
            let Some((id, bytes)) = evidence(&running.url, rule).await? else {
                telling.step(Step {
                    kind: Kind::Lie,
                    title,
                    expected: format!("evidence for {rule}"),
                    seen: format!("none within {} s", PATIENCE.as_secs()),
                    held: false,
                    evidence: None,
                });
                continue;
            };
            let file = self.path(&format!("{}.json", running.auditor.name));
            std::fs::write(&file, bytes)?;
            let file = file.to_str().context("the path is not text")?;
            let ran = plainsight.run(&["evidence", "verify", file]).await?;
            telling.step(Step {
                kind: Kind::Lie,
                title,
                expected: format!("exit code 0, and {:?}", rule.as_str()),
                seen: format!("exit code {}: {}", ran.code, ran.headline()),
                held: ran.code == 0 && ran.said.contains(rule.as_str()),
                evidence: Some(id),
            });
        }
        Ok(())
    }

    /// Ends it.
    pub(super) async fn end(self) {
        for auditor in self.auditors {
            auditor.shutdown().await;
        }
    }
}

/// Adds the step that every auditor refused a head, if that is so.
pub(super) fn all_refuse(
    telling: &mut Telling,
    title: &str,
    answers: &[AuditorAnswer],
    word: &str,
) {
    let held = !answers.is_empty()
        && answers
            .iter()
            .all(|answer| answer.status == 422 && answer.body.contains(word));
    let seen = answers
        .iter()
        .map(|answer| format!("{} {}", answer.status, answer.body.trim()))
        .collect::<Vec<_>>()
        .join("; ");
    telling.step(Step {
        kind: Kind::Lie,
        title: title.to_owned(),
        expected: format!("422 with {word:?} from every auditor"),
        seen: format!("the auditors answered: {seen}"),
        held,
        evidence: None,
    });
}

/// The id and the bytes of an auditor's evidence for a rule, as soon as it has it.
async fn evidence(auditor: &BaseUrl, rule: Rule) -> Result<Option<(String, Vec<u8>)>> {
    let source = Source::new(Http::new(Patience::default())?, auditor.clone());
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while tokio::time::Instant::now() < deadline {
        let list: Vec<Value> = serde_json::from_slice(&source.read("v1/evidence", 1 << 20).await?)?;
        let found = list.iter().find(|item| item["rule"] == rule.as_str());
        if let Some(id) = found.and_then(|item| item["id"].as_str()) {
            let bytes = source.read(&format!("v1/evidence/{id}"), 64 << 20).await?;
            return Ok(Some((id.to_owned(), bytes)));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(None)
}
