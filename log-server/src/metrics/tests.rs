use super::*;

fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find(|line| {
        line.strip_prefix(series)
            .is_some_and(|rest| rest.starts_with(' '))
    });
    let line = line.unwrap_or_else(|| panic!("no {series} in\n{text}"));
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[test]
fn what_is_recorded_is_told() {
    let metrics = Metrics::new();
    metrics.commit(3, Duration::from_millis(7));
    metrics.commit(300, Duration::from_millis(2));
    metrics.publish("published", Duration::from_millis(80));
    metrics.item(Ok(()));
    metrics.item(Err("exists"));
    metrics.http("/v1/lookup", 429, Some("rate-limited"), Duration::ZERO);
    metrics.auditor("auditor.example/a", AuditorAnswer::Refused);
    metrics.object_put(PutResult::Written);
    metrics.fsync(Duration::from_millis(1));
    metrics.term(7);
    metrics.demoted(Fenced::Yes);
    metrics.demoted(Fenced::No);
    metrics.published(1_700_000_000_999, Duration::from_millis(20));
    let text = metrics
        .encode(Snapshot {
            sequenced: 20,
            signed: 18,
            published: 15,
            pool_entries: 4,
            pool_bytes: 400,
            writable: true,
            read_only: false,
        })
        .unwrap();
    for (series, expected) in [
        ("plainsight_log_batch_entries_sum", 303.0),
        ("plainsight_log_batch_entries_bucket{le=\"4.0\"}", 1.0),
        ("plainsight_log_commit_seconds_count", 2.0),
        (
            "plainsight_log_publish_seconds_count{wait=\"published\"}",
            1.0,
        ),
        ("plainsight_log_items_total{result=\"logged\"}", 1.0),
        ("plainsight_log_items_total{result=\"exists\"}", 1.0),
        (
            "plainsight_log_http_responses_total{route=\"/v1/lookup\",status=\"429\"}",
            1.0,
        ),
        ("plainsight_log_problems_total{code=\"rate-limited\"}", 1.0),
        (
            "plainsight_log_auditor_answers_total{auditor=\"auditor.example/a\",answer=\"refused\"}",
            1.0,
        ),
        ("plainsight_log_object_puts_total{result=\"written\"}", 1.0),
        ("plainsight_log_fsync_seconds_count", 1.0),
        ("plainsight_log_term", 7.0),
        ("plainsight_log_demotions_total", 2.0),
        ("plainsight_log_cas_failures_total", 1.0),
        ("plainsight_log_unpublished_entries", 5.0),
        (
            "plainsight_log_published_timestamp_seconds",
            1_700_000_000.0,
        ),
        ("plainsight_log_pool_bytes", 400.0),
        ("plainsight_log_writable", 1.0),
    ] {
        assert!((value(&text, series) - expected).abs() < 1e-9, "{series}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_is_measured() {
    let text = Metrics::new().encode(Snapshot::default()).unwrap();
    for series in [
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_threads",
        "process_start_time_seconds",
    ] {
        assert!(value(&text, series) >= 1.0, "{series}");
    }
}
