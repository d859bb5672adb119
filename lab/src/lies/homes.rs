//! The people to whom lies are told: each runs the `plainsight` command line in a home of its own, and
//! what it noticed is its exit code and what it printed.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Caught;
use crate::story::Ran;

/// What somebody noticed, from what the command line said; nothing if it was content.
pub(super) fn noticed(party: &str, ran: &Ran) -> Result<BTreeSet<Caught>> {
    if ran.code == 0 {
        return Ok(BTreeSet::new());
    }
    let exit = format!("exit {}", ran.code);
    let said: Value = serde_json::from_str(ran.said.lines().next().unwrap_or("null"))
        .with_context(|| format!("{}{}", ran.said, ran.noted))?;
    let caught = |by: String| Caught::new(party, by, exit.as_str());
    if let Some(alarms) = said["alarms"]
        .as_array()
        .filter(|alarms| !alarms.is_empty())
    {
        let kinds = alarms.iter().filter_map(|alarm| alarm["kind"].as_str());
        return Ok(kinds.map(|kind| caught(format!("alarm {kind}"))).collect());
    }
    if let Some(unmet) = said["unmet_rules"]
        .as_array()
        .filter(|unmet| !unmet.is_empty())
    {
        let rules = unmet.iter().filter_map(|rule| rule.as_str());
        return Ok(rules.map(|rule| caught(format!("unmet {rule}"))).collect());
    }
    let by = if let Some(step) = said["step"].as_str() {
        format!("step {step}")
    } else if let Some(code) = said["code"]["kind"].as_str() {
        format!("code {code}")
    } else if let Some(state) = said["state"].as_str() {
        format!("state {state}")
    } else {
        said["verdict"].as_str().context("no verdict")?.to_owned()
    };
    Ok(BTreeSet::from([caught(by)]))
}
