//! An auditor whose database is put back to an earlier day: what it signed since is remembered beside
//! the database, by others, or by nobody; then it signs nothing before its operator has said so.

use std::path::{Path, PathBuf};

use plainsight_auditor::{Config, ResumeError, resume};
use plainsight_specs::hash::sha256;

use crate::support::{Auditor, Site, database, folder, grow};
use crate::tiny_log::{ORIGIN, TinyLog};

/// An auditor without peers, of a log that does not publish cosignatures.
struct Alone {
    dir: tempfile::TempDir,
    site: Site,
    log: TinyLog,
    config: Config,
}

impl Alone {
    /// It cosigned a first head.
    async fn new() -> Self {
        let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
        let mut log = TinyLog::new();
        grow(&mut log, 0..3);
        site.publish(&log);
        let config = folder(dir.path(), &log, &site);
        let auditor = Auditor::start(&config).await;
        auditor.wait_ok(log.size()).await;
        auditor.stop().await;
        Self {
            dir,
            site,
            log,
            config,
        }
    }

    /// It cosigns another head; gives the note with its line.
    async fn goes_on(&mut self) -> Vec<u8> {
        let auditor = Auditor::start(&self.config).await;
        grow(&mut self.log, 3..6);
        self.site.publish(&self.log);
        auditor.wait_ok(self.log.size()).await;
        let note = auditor.mirror().checkpoint().await.unwrap();
        auditor.stop().await;
        note
    }

    fn high_water(&self) -> PathBuf {
        self.dir.path().join("high-water")
    }

    fn file(&self) -> PathBuf {
        let hash = sha256(ORIGIN.as_bytes()).to_hex();
        self.high_water().join(format!("audited-{hash}"))
    }

    /// Starts it; it signs nothing, says so where it is looked at, and raises this alert.
    async fn signs_nothing(&self, code: &str) -> Auditor {
        let auditor = Auditor::start(&self.config).await;
        let alert = auditor.wait_alert(code).await;
        assert_eq!(alert["severity"], "self");
        let old = auditor.log().await["cosigned"]["size"].as_u64().unwrap();
        let (proof, signed) = (self.log.consistency(old), self.log.signed());
        assert_eq!(auditor.ask(old, proof, &signed).await.status, 503);
        let log = auditor
            .wait("a stop", |log| log["verdict"] == "stopped")
            .await;
        assert_eq!(log["cosigned"]["size"], old);
        for _ in 0..600 {
            let ready = auditor.base.join("readyz");
            if auditor.http.read(&ready, 4096).await.is_err() {
                return auditor;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        panic!("it says that it is ready");
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_database_is_known_by_the_file_beside_it() {
    let mut alone = Alone::new().await;
    let copy = database::back_up(&alone.config);
    alone.goes_on().await;
    let newest = database::back_up(&alone.config);
    database::put_back(&alone.config, &copy);
    alone.signs_nothing("rolled-back").await.stop().await;
    let refused = resume(&alone.config, ORIGIN, "I am sure").await;
    assert!(matches!(refused, Err(ResumeError::Old(_))), "{refused:?}");
    // Nor with an empty one.
    database::lose(&alone.config);
    database::make_empty(&alone.config);
    alone.signs_nothing("rolled-back").await.stop().await;
    // The newest one goes on at once.
    database::put_back(&alone.config, &newest);
    let auditor = Auditor::start(&alone.config).await;
    auditor.wait_ok(alone.log.size()).await;
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_memory_waits_until_the_log_shows_what_it_signed() {
    let alone = Alone::new().await;
    let auditor = Auditor::start(&alone.config).await;
    let note = auditor.mirror().checkpoint().await.unwrap();
    auditor.stop().await;
    std::fs::remove_dir_all(alone.high_water()).unwrap();
    let auditor = alone.signs_nothing("memory-lost").await;
    alone.site.put("checkpoint", note);
    auditor.wait_ok(alone.log.size()).await;
    assert!(alone.file().exists());
    let alert = auditor.wait_alert("memory-lost").await;
    assert!(alert["resolved"].is_string(), "{alert:#}");
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_put_back_whole_signs_nothing_until_the_operator_says_so() {
    let mut alone = Alone::new().await;
    let kept = tempfile::tempdir().unwrap();
    copy(&alone.high_water(), kept.path());
    let database = database::back_up(&alone.config);
    alone.goes_on().await;
    database::put_back(&alone.config, &database);
    std::fs::remove_dir_all(alone.high_water()).unwrap();
    copy(kept.path(), &alone.high_water());
    // Whatever the file says, it is not the one that was written.
    let auditor = alone.signs_nothing("memory-lost").await;
    assert!(resume(&alone.config, ORIGIN, " ").await.is_err());
    let size = resume(&alone.config, ORIGIN, "nothing was signed since")
        .await
        .unwrap();
    assert!(size < alone.log.size());
    auditor.wait_ok(alone.log.size()).await;
    let alert = auditor.wait_alert("memory-lost").await;
    assert_eq!(alert["acknowledged"]["reason"], "nothing was signed since");
    auditor.stop().await;
    let refused = resume(&alone.config, ORIGIN, "again").await;
    assert!(matches!(refused, Err(ResumeError::Remembered)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_ends_by_the_operator_alone() {
    let alone = Alone::new().await;
    let auditor = Auditor::start(&alone.config).await;
    let note = auditor.mirror().checkpoint().await.unwrap();
    auditor.stop().await;
    std::fs::write(alone.file(), &note).unwrap();
    alone.site.put("checkpoint", note);
    let auditor = alone.signs_nothing("memory-lost").await;
    resume(&alone.config, ORIGIN, "the disk was damaged")
        .await
        .unwrap();
    auditor.wait_ok(alone.log.size()).await;
    auditor.stop().await;
}
