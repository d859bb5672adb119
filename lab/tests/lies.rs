//! The chapter of lies, told: in every section exactly what stands there is noticed, and nothing that
//! is there to catch lies is without one.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use plainsight_auditor::alert;
use plainsight_auditor::peers::HeadVerdict;
use plainsight_client::monitor::Alarm;
use plainsight_client::watch::WatchAlarm;
use plainsight_lab::lies::{self, Caught, SECTIONS, Table};
use plainsight_lab::story::Plainsight;
use plainsight_specs::head::{HeadError, Step};
use plainsight_specs::lookup::LookupError;
use plainsight_specs::query::QueryError;
use plainsight_specs::rules::Rule;

const LAB: &str = env!("CARGO_BIN_EXE_plainsight-lab");

async fn told_as_the_chapter_says(section: &str) {
    let table = Table::of_the_chapter().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let plainsight = Plainsight::of_program(Path::new(LAB));
    let told = lies::tell(section, &table, &plainsight, dir.path())
        .await
        .unwrap();
    let expected = &table.section(section).unwrap().lies;
    let none = BTreeSet::new();
    let mut wrong = String::new();
    for name in told.keys().chain(expected.keys()).collect::<BTreeSet<_>>() {
        let (is, should) = (
            told.get(name).unwrap_or(&none),
            expected.get(name).unwrap_or(&none),
        );
        for (what, list) in [
            ("noticed, and not in the chapter", is.difference(should)),
            ("in the chapter, and not noticed", should.difference(is)),
        ] {
            for Caught {
                party,
                by,
                comes_to,
            } in list
            {
                let _ = writeln!(wrong, "{name}: {what}: {party} | {by} | {comes_to}");
            }
        }
        if is.is_empty() {
            let _ = writeln!(wrong, "{name}: nobody notices");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    second_opinion(section, dir.path());
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect()
}

/// A verifier in another language, written from the chapters alone, accepts the evidence of every lie,
/// and refuses what strangers refused.
fn second_opinion(section: &str, dir: &Path) {
    let evidence = files(&dir.join("evidence"));
    let refused = match section {
        "To strangers" => files(dir),
        _ => Vec::new(),
    };
    if evidence.is_empty() && refused.is_empty() {
        return;
    }
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: there is no python3 here");
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("second-opinion/verify.py");
    let output = Command::new("python3")
        .arg("-B")
        .arg(script)
        .arg("--evidence")
        .args(&evidence)
        .arg("--refused")
        .args(&refused)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let noted = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{noted}");
    assert!(said.ends_with("all holds\n"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_in_the_log_are_caught() {
    told_as_the_chapter_says("In the log").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_to_readers_are_caught() {
    told_as_the_chapter_says("To readers").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_about_releases_are_caught() {
    told_as_the_chapter_says("About releases").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_by_auditors_are_caught() {
    told_as_the_chapter_says("By auditors").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_by_clients_are_caught() {
    told_as_the_chapter_says("By clients").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_to_strangers_are_caught() {
    told_as_the_chapter_says("To strangers").await;
}

#[test]
fn every_section_is_told() {
    let table = Table::of_the_chapter().unwrap();
    let titles: Vec<_> = table
        .sections()
        .iter()
        .map(|section| &section.title)
        .collect();
    assert_eq!(titles, SECTIONS);
}

/// Whether somebody of `parties` catches a lie by this; with this result, if one is given.
fn is_needed(table: &Table, parties: &[&str], by: &str, comes_to: Option<&str>) -> bool {
    table.all().any(|(_, caught)| {
        parties.contains(&caught.party.as_str())
            && caught.by == by
            && comes_to.is_none_or(|expected| caught.comes_to == expected)
    })
}

#[test]
fn every_rule_is_needed() {
    let table = Table::of_the_chapter().unwrap();
    for rule in Rule::ALL {
        let by = format!("rule {rule}");
        assert!(
            is_needed(&table, &["auditors"], &by, Some("evidence")),
            "no lie needs {by}"
        );
    }
}

#[test]
fn every_step_of_every_verification_is_needed() {
    let table = Table::of_the_chapter().unwrap();
    let watched = [Step::Vrf, Step::Index];
    let flows: [(&[&str], &[Step]); 6] = [
        (&["contact", "returning"], &LookupError::STEPS),
        (&["owner"], &LookupError::STEPS),
        (&["watcher"], &watched),
        (&["installer", "finder", "deceived"], &QueryError::STEPS),
        (&["reader"], &QueryError::STEPS),
        (&["offline"], &QueryError::STEPS),
    ];
    let mut all = BTreeSet::new();
    for (parties, steps) in flows {
        for step in HeadError::STEPS.iter().chain(steps) {
            all.insert(*step);
            // A bundle is older than what its reader remembers.
            if parties == ["offline"] && *step == Step::Consistency {
                continue;
            }
            let by = format!("step {step}");
            assert!(
                is_needed(&table, parties, &by, None),
                "no lie to {parties:?} needs {by}"
            );
        }
    }
    assert_eq!(all, BTreeSet::from(Step::ALL), "a step of no verification");
}

#[test]
fn every_outcome_of_a_comparison_every_alert_and_every_alarm_is_needed() {
    let table = Table::of_the_chapter().unwrap();
    for verdict in HeadVerdict::ALL {
        let by = format!("head {}", verdict.as_str());
        let needed = is_needed(&table, &["auditors"], &by, None);
        assert_eq!(needed, !verdict.is_innocent(), "{by}");
    }
    for code in alert::about_logs() {
        let by = format!("alert {code}");
        assert!(
            is_needed(&table, &["auditors"], &by, None),
            "no lie needs {by}"
        );
    }
    let alarms = Alarm::KINDS.into_iter().chain(WatchAlarm::KINDS);
    let alarms: BTreeSet<_> = alarms.map(|kind| format!("alarm {kind}")).collect();
    let told = table.all().map(|(_, caught)| caught.by.clone());
    let told: BTreeSet<_> = told.filter(|by| by.starts_with("alarm ")).collect();
    assert_eq!(
        told, alarms,
        "an alarm that no lie needs, or that there is not"
    );
    // An alert accuses nobody, and evidence is no alert.
    for (name, caught) in table.all() {
        let is_alert = caught.by.starts_with("alert ");
        assert_eq!(is_alert, caught.comes_to.ends_with(" alert"), "{name}");
    }
}
