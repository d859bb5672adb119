//! The program itself: made, run, killed without warning and run again.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::support::{Site, epoch, key_entry};
use crate::tiny_log::{ORIGIN, TinyLog};
use plainsight_auditor::Config;
use plainsight_auditor::check::check;
use plainsight_client::http::{BaseUrl, Http, Patience};
use plainsight_specs::hash::sha256;
use plainsight_specs::index::IndexKey;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plainsight-auditor"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Runs `serve` until it says where it listens.
fn serve(dir: &Path) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_plainsight-auditor"))
        .args(["serve", "--dir", dir.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let stdout = child.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    let url = line.trim_end().rsplit(' ').next().unwrap().to_owned();
    (child, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn goes_on_after_being_killed_at_any_moment() {
    killed(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn goes_on_after_being_killed_on_postgres() {
    let Some(cluster) = plainsight_cluster::shared() else {
        return;
    };
    killed(Some(cluster.database())).await;
}

async fn killed(database: Option<String>) {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    for n in 0..9000u64 {
        log.push(key_entry(IndexKey::private(sha256(&n.to_be_bytes()))));
        if n % 1000 == 0 {
            epoch(&mut log);
        }
    }
    epoch(&mut log);
    site.publish(&log);

    let folder = dir.path().join("auditor");
    let path = folder.to_str().unwrap();
    let init = [
        "init",
        "--dir",
        path,
        "--name",
        "audit.example/killed",
        "--organisation",
        "Test",
        "--jurisdiction",
        "CH",
    ];
    let mut init = init.to_vec();
    if let Some(url) = &database {
        init.extend(["--database", url]);
    }
    let made = run(&init);
    assert!(made.status.success(), "{made:?}");
    let vkey = String::from_utf8(made.stdout).unwrap();
    assert!(vkey.starts_with("audit.example/killed+"), "{vkey}");
    assert!(
        !run(&init).status.success(),
        "a second init overwrites nothing"
    );
    let vkey = log.log_key().to_string();
    let added = run(&[
        "add-log", "--dir", path, "--vkey", &vkey, "--url", &site.url,
    ]);
    assert!(added.status.success(), "{added:?}");
    let file = folder.join("auditor.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(":8090", ":0")).unwrap();

    // Longer and longer, so that it is hit while it starts, fetches, stores and signs.
    let mut held = 0;
    for milliseconds in [1u64, 20, 40, 60, 90, 130, 180, 240, 320, 420] {
        let (mut child, _) = serve(&folder);
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let checked = check(&Config::load(&folder).unwrap()).await.unwrap();
        assert_eq!(checked[0].faults, Vec::<String>::new());
        let size = checked[0].size.get();
        assert!(size >= held, "nothing that was held is lost");
        held = size;
    }
    let (mut child, url) = serve(&folder);
    let base = BaseUrl::parse(&url).unwrap();
    let http = Http::new(Patience::default()).unwrap();
    let mut cosigned = serde_json::Value::Null;
    for _ in 0..1200 {
        let logs = http.read(&base.join("v1/logs"), 1 << 20).await.unwrap();
        let logs: serde_json::Value = serde_json::from_slice(&logs).unwrap();
        cosigned = logs[0]["cosigned"]["size"].clone();
        if cosigned == log.size().get() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(cosigned, log.size().get());
    child.kill().unwrap();
    child.wait().unwrap();
    let checked = run(&["check", "--dir", path]);
    assert!(checked.status.success(), "{checked:?}");
    let nothing = run(&[
        "acknowledge",
        "--dir",
        path,
        "--log",
        ORIGIN,
        "--rule",
        "seq",
        "--position",
        "3",
        "--reason",
        "x",
    ]);
    assert!(!nothing.status.success());
}
