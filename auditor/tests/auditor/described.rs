//! The document of the interface against the interface.

use std::process::Command;

use crate::support::{Auditor, Site, busy, folder};

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_served_as_it_is_checked_in() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let log = busy();
    let config = folder(dir.path(), &log, &site);
    let auditor = Auditor::start(&config).await;
    let document = auditor.text("v1/openapi.json").await;
    assert!(document == include_str!("../../openapi.json"));
    auditor.stop().await;
}

/// Every case that the description of the interface allows or forbids, by a generator that knows
/// nothing else: no failure of the server, no answer that is not described.
#[tokio::test(flavor = "multi_thread")]
async fn answers_as_described_to_generated_requests() {
    let required = std::env::var_os("PLAINSIGHT_REQUIRE_SCHEMATHESIS").is_some();
    let program = std::env::var_os("PLAINSIGHT_SCHEMATHESIS").unwrap_or("schemathesis".into());
    if Command::new(&program).arg("--version").output().is_err() {
        assert!(!required, "there is no schemathesis");
        println!("SKIPPED: there is no schemathesis");
        return;
    }
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let log = busy();
    site.publish(&log);
    let mut config = folder(dir.path(), &log, &site);
    config.limits.posts_per_minute = 0;
    config.operations.watch.bucket_feed = true;
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(log.size()).await;
    let url = auditor.base.to_string();
    let place = dir.path().to_owned();
    let output = tokio::task::spawn_blocking(move || {
        // It leaves a folder where it runs.
        Command::new(program)
            .current_dir(place)
            .args(["run", &format!("{url}/v1/openapi.json"), "--url", &url])
            .args(["--phases", "coverage,fuzzing", "--max-examples", "10"])
            .args(["--generation-deterministic", "--workers", "1", "--no-color"])
            // Notes, envelopes and tiles have grammars that no schema states.
            .args(["--exclude-checks", "positive_data_acceptance"])
            // It does not end.
            .args(["--exclude-path", "/v1/events"])
            .output()
            .unwrap()
    });
    let output = output.await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    auditor.wait_ok(log.size()).await;
    assert_eq!(auditor.alerts().await, Vec::<String>::new());
    auditor.stop().await;
}
