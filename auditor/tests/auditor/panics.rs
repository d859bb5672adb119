//! A fault of our own in one place stops nothing else, is told, and passes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use plainsight_auditor::pulse::Disk;
use plainsight_auditor::{Clock, FollowedLog, LogConfig};
use serde_json::Value;
use tokio::task;

use crate::honest::other_log;
use crate::support::{Auditor, Site, folder, grow, now_ms};
use crate::tiny_log::TinyLog;

/// A clock that panics for the first task that looks at it while it is armed, and for that one only.
#[derive(Default)]
struct Poison {
    armed: AtomicBool,
    victim: Mutex<Option<task::Id>>,
}

impl Poison {
    fn clock(self: &Arc<Self>) -> Clock {
        let poison = self.clone();
        Clock::from_fn(move || {
            assert!(!poison.hits(), "planted");
            now_ms()
        })
    }

    fn hits(&self) -> bool {
        let Some(id) = task::try_id().filter(|_| self.armed.load(Ordering::SeqCst)) else {
            return false;
        };
        *self.victim.lock().unwrap().get_or_insert(id) == id
    }
}

async fn ready(auditor: &Auditor) -> bool {
    let url = auditor.base.join("readyz");
    auditor.http.read(&url, 4096).await.is_ok()
}

async fn wait_ready(auditor: &Auditor, wanted: bool) {
    for _ in 0..1200 {
        if ready(auditor).await == wanted {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("waited in vain for health to be {wanted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_one_logs_task_stops_no_other_and_passes() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (Site::open().await, Site::open().await);
    let mut logs = [TinyLog::new(), other_log("log.example/other")];
    for (log, site) in logs.iter_mut().zip([&one, &other]) {
        grow(log, 0..3);
        site.publish(log);
    }
    let mut config = folder(dir.path(), &logs[0], &one);
    let second = LogConfig::new(logs[1].log_key().to_string(), &other.url);
    config.logs.push(FollowedLog::new(&second).unwrap());
    let poison = Arc::new(Poison::default());
    let auditor = Auditor::start_at(&config, poison.clock()).await;
    wait_ready(&auditor, true).await;
    // Both logs stand still, so that only their own tasks look at the clock.
    poison.armed.store(true, Ordering::SeqCst);
    let alert = auditor.wait_alert("restarted").await;
    assert_eq!(alert["severity"], "self");
    assert!(alert["resolved"].is_null());
    wait_ready(&auditor, false).await;
    let hit = alert["log"].as_str().unwrap().to_owned();
    // The other one is followed and cosigned, and everybody is answered.
    let healthy = logs
        .iter()
        .position(|log| log.origin.as_str() != hit)
        .unwrap();
    grow(&mut logs[healthy], 3..600);
    [&one, &other][healthy].publish(&logs[healthy]);
    let cosigned = |page: &Value, log: &TinyLog| {
        page.as_array().unwrap().iter().any(|status| {
            status["origin"] == log.origin.as_str()
                && status["cosigned"]["size"] == log.size().get()
        })
    };
    auditor
        .wait_for("the other log", |page| cosigned(page, &logs[healthy]))
        .await;
    assert!(!ready(&auditor).await, "one is still down");
    poison.armed.store(false, Ordering::SeqCst);
    let sick = 1 - healthy;
    grow(&mut logs[sick], 3..9);
    [&one, &other][sick].publish(&logs[sick]);
    auditor
        .wait_for("the log that was down", |page| cosigned(page, &logs[sick]))
        .await;
    wait_ready(&auditor, true).await;
    let alert = auditor.wait_alert("restarted").await;
    assert!(alert["resolved"].is_string(), "{alert:#}");
    assert_eq!(auditor.alerts().await, ["restarted"], "one alert in all");
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_beside_the_logs_is_told_and_health_is_red_meanwhile() {
    let (dir, site, mut log) = (
        tempfile::tempdir().unwrap(),
        Site::open().await,
        TinyLog::new(),
    );
    grow(&mut log, 0..3);
    site.publish(&log);
    let config = folder(dir.path(), &log, &site);
    let armed = Arc::new(AtomicBool::new(false));
    let planted = armed.clone();
    let disk = Disk::with(move |_| {
        assert!(!planted.load(Ordering::SeqCst), "planted");
        Ok(u64::MAX)
    });
    let auditor = Auditor::start_on(&config, disk).await;
    auditor.wait_ok(log.size()).await;
    wait_ready(&auditor, true).await;
    armed.store(true, Ordering::SeqCst);
    let alert = auditor.wait_alert("task-fell").await;
    assert_eq!(
        (&alert["severity"], &alert["subject"]),
        (&Value::from("self"), &Value::from("the look at progress"))
    );
    wait_ready(&auditor, false).await;
    // Auditing goes on.
    grow(&mut log, 3..300);
    site.publish(&log);
    auditor.wait_ok(log.size()).await;
    armed.store(false, Ordering::SeqCst);
    wait_ready(&auditor, true).await;
    assert_eq!(auditor.alerts().await, ["task-fell"]);
    auditor.stop().await;
}
