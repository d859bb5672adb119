//! `/alerts` and `/alerts/<id>`: what somebody should look at, what is proven, what to do.

use askama::Template;
use plainsight_specs::rules::Rule;
use serde::Serialize;

use super::super::admin::Form;
use super::super::asked::Asked;
use super::super::error::PageError;
use super::super::frame;
use super::super::view::{Badge, Frame, Nav, Prose, Tone, When};
use super::advice;
use super::overview::{product_page, subject};
use super::words::{capital, severity_tone, severity_word};
use crate::alert::{RULE_BROKEN, Severity, words};
use crate::audit::Break;
use crate::clock;
use crate::http::Site;
use crate::store::KeptAlert;

/// Open alerts of one page.
const OPEN: u32 = 200;
/// Earlier alerts of one page.
const EARLIER: u32 = 50;

/// An alert in a list.
#[derive(Debug, Clone, Serialize)]
pub(super) struct AlertLine {
    /// Its id.
    pub(super) id: String,
    /// How to take it.
    pub(super) badge: Badge,
    /// What happened.
    pub(super) text: String,
    /// What kind of fact.
    #[serde(skip)]
    pub(super) kind: String,
    /// The log; absent if it is about this auditor.
    pub(super) log: Option<String>,
    /// Its page.
    pub(super) path: String,
    /// When it was raised.
    pub(super) raised: When,
    /// When it ended.
    pub(super) ended: Option<When>,
    /// When somebody acknowledged it, and why.
    pub(super) acknowledged: Option<(When, String)>,
}

impl AlertLine {
    /// Of an alert.
    pub(super) fn of(alert: &KeptAlert, now: u64) -> Self {
        let severity = Severity::parse(&alert.severity).unwrap_or(Severity::Own);
        let acknowledged = alert.acknowledged.as_ref();
        let word = match alert.code.as_str() {
            // No provider has declared that.
            "rebuild-mismatch" => "Found by a rebuilder",
            _ => severity_word(severity),
        };
        Self {
            badge: Badge::new(severity_tone(severity), word),
            text: capital(&alert.text),
            kind: alert.code.clone(),
            log: alert.origin.clone(),
            path: super::alert_path(&alert.id),
            raised: When::new(alert.time, now),
            ended: alert.resolved.map(|time| When::new(time, now)),
            acknowledged: acknowledged.map(|(time, why)| (When::new(*time, now), why.clone())),
            id: alert.id.clone(),
        }
    }

    /// Whether somebody has to look at it.
    fn is_open(&self) -> bool {
        self.ended.is_none() && self.acknowledged.is_none()
    }
}

/// All alerts.
#[derive(Debug, Template, Serialize)]
#[template(path = "alerts.html")]
pub(super) struct Alerts {
    #[serde(rename = "page")]
    frame: Frame,
    /// Those that last and that nobody acknowledged, the gravest first.
    open: Vec<AlertLine>,
    /// Those that ended or were acknowledged, the newest first.
    earlier: Vec<AlertLine>,
    /// The address of still earlier ones.
    further: Option<String>,
    /// The evidence files, the newest first.
    evidence: Vec<EvidenceLine>,
}

/// An evidence file in a list.
#[derive(Debug, Clone, Serialize)]
pub(super) struct EvidenceLine {
    log: String,
    rule: &'static str,
    meaning: String,
    path: String,
    seen: When,
}

/// Draws the list.
pub(super) async fn list(site: Site, mut asked: Asked) -> Result<Alerts, PageError> {
    let now = clock::now_s();
    let before = asked.number("before");
    if let Some(before) = before {
        asked.keep("before", &before.to_string());
    }
    let frame = frame(&site, &asked, "Alerts", Nav::Alerts).await?;
    let open = match before {
        None => site.store.open_alert_list(OPEN).await?,
        Some(_) => Vec::new(),
    };
    let rows = site
        .store
        .alerts_before(before.unwrap_or(u64::MAX), EARLIER)
        .await?;
    let last = rows.last().map(|alert| alert.row);
    let further = last.filter(|_| rows.len() == EARLIER as usize);
    let earlier = rows.iter().filter(|alert| !alert.is_open());
    let mut evidence = Vec::new();
    for desk in site.desks.values() {
        for kept in site.store.newest_evidence(desk.id, EARLIER).await? {
            evidence.push(EvidenceLine {
                log: desk.log.origin.to_string(),
                rule: kept.found.rule.as_str(),
                meaning: capital(kept.found.rule.meaning()),
                path: super::evidence_path(&kept.evidence.unwrap_or_default()),
                seen: When::new(kept.seen, now),
            });
        }
    }
    Ok(Alerts {
        frame,
        open: open.iter().map(|alert| AlertLine::of(alert, now)).collect(),
        earlier: earlier.map(|alert| AlertLine::of(alert, now)).collect(),
        further: further.map(|row| format!("/alerts?before={row}")),
        evidence,
    })
}

/// One alert.
#[derive(Debug, Template, Serialize)]
#[template(path = "alert.html")]
pub(super) struct AlertPage {
    #[serde(rename = "page")]
    frame: Frame,
    #[serde(flatten)]
    line: AlertLine,
    /// How to take it, in one word of the protocol.
    severity: String,
    /// What kind of fact.
    code: String,
    /// What is proven.
    proven: Prose,
    /// What is not.
    not_proven: Prose,
    /// What people do who use the log, if it broke a rule.
    people: Option<&'static str>,
    /// What the entry is about, where that can be said.
    concerns: Option<String>,
    /// Who is concerned, if a rule was broken.
    whom: Option<String>,
    /// What the operator does next; everybody, if no rule was broken.
    next: Prose,
    /// How often it ended and came back soon.
    again: u64,
    /// The log's page.
    log_path: Option<String>,
    /// The page of the evidence.
    evidence: Option<String>,
    /// The page of the entry that it is about.
    entry: Option<String>,
    /// The page of the product that it is about, where a file can be compared.
    product: Option<String>,
    /// Whether acknowledging lets cosigning go on; `None` if it is about no broken rule.
    lets_cosigning_go_on: Option<bool>,
    /// Whether and how it can be acknowledged here.
    #[serde(skip)]
    form: Form,
    /// The command that acknowledges it.
    command: Option<String>,
}

/// Draws an alert.
pub(super) async fn one(site: Site, asked: Asked) -> Result<AlertPage, PageError> {
    let now = clock::now_s();
    let alert = site.store.alert(asked.param("id")).await?;
    let alert =
        alert.ok_or_else(|| PageError::not_found("This auditor knows of no such alert."))?;
    let line = AlertLine::of(&alert, now);
    let frame = frame(&site, &asked, line.badge.word.clone(), Nav::Alerts).await?;
    let severity = Severity::parse(&alert.severity).unwrap_or(Severity::Own);
    let sentences = words(severity, &alert.code);
    let desk = alert.origin.as_deref().and_then(|origin| site.desk(origin));
    let found = found_break(&alert);
    let (mut evidence, mut entry, mut concerns) = (None, None, None);
    let mut product = None;
    if let (Some(desk), Some(found)) = (desk, &found) {
        let kept = site.store.kept_break(desk.id, found).await?;
        evidence = kept.and_then(|kept| kept.evidence);
        if !found.is_about_head() {
            concerns = subject(&site, desk, found.at).await?;
            product = product_page(&site, desk, found.at).await?;
            entry = Some(super::entry_path(desk, found.at));
        }
    }
    let whom = found.as_ref().map(|found| match &concerns {
        Some(about) => format!("Everybody who uses {about}"),
        None => advice::concerned(found.rule).to_owned(),
    });
    let command = match (&found, desk, line.acknowledged.is_some()) {
        (_, _, true) => None,
        (Some(found), Some(desk), _) => found.can_be_acknowledged().then(|| {
            format!(
                "plainsight-auditor acknowledge --dir DIR --log {} --rule {} --position {} --reason \"…\"",
                desk.log.origin, found.rule, found.at
            )
        }),
        _ => Some(format!(
            "plainsight-auditor alert ack --dir DIR {} --reason \"…\"",
            alert.id
        )),
    };
    Ok(AlertPage {
        frame,
        severity: alert.severity.clone(),
        code: alert.code.clone(),
        proven: Prose::new(sentences.proven),
        not_proven: Prose::new(sentences.not_proven),
        people: found.as_ref().map(|found| advice::steps(found.rule)),
        concerns,
        whom,
        next: Prose::new(sentences.next),
        again: alert.again,
        log_path: desk.map(super::log_path),
        evidence: evidence.as_deref().map(super::evidence_path),
        entry,
        product,
        lets_cosigning_go_on: found.map(|found| found.can_be_acknowledged()),
        form: Form::of(&site, command.is_some()),
        command,
        line,
    })
}

/// The broken rule that an alert is about.
pub(in crate::dashboard) fn found_break(alert: &KeptAlert) -> Option<Break> {
    if alert.code != RULE_BROKEN {
        return None;
    }
    let (rule, at) = alert.subject.split_once(' ')?;
    Some(Break {
        at: at.parse().ok()?,
        rule: Rule::parse(rule)?,
    })
}
