//! The real binary as its operators run it: signals, the service manager's socket, tokens, reading
//! replicas, the configuration, and what must never be in what it writes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use plainsight_specs::label::Label;
use plainsight_specs::lookup::LookupRequest;
use plainsight_specs::publish::Wait;
use support::auditor::{FakeAuditor, Trick};
use support::{Client, Made, key_item, key_set, make, problem};

const BINARY: &str = env!("CARGO_BIN_EXE_plainsight-log");
/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running binary, ended with the test.
struct Running {
    child: Child,
    url: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn folder(made: &Made) -> PathBuf {
    let dir = made.dir.path().join("log");
    let toml = made.config.to_toml(&dir).unwrap();
    std::fs::write(dir.join("plainsight-log.toml"), toml).unwrap();
    dir
}

fn command(dir: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(words).arg("--dir").arg(dir);
    for (name, _) in std::env::vars() {
        if name.starts_with("PLAINSIGHT_LOG") {
            command.env_remove(name);
        }
    }
    command
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let first = lines.next().expect("it starts").unwrap();
        let url = match serde_json::from_str::<serde_json::Value>(&first) {
            Ok(line) => line["listening"].as_str().unwrap().to_owned(),
            Err(_) => first.strip_prefix("listening on ").unwrap().to_owned(),
        };
        Self { child, url }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// What it wrote, after it ended by itself.
    fn end(mut self) -> (bool, String) {
        let mut written = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut written).unwrap();
        (self.child.wait().unwrap().success(), written)
    }
}

fn run(dir: &Path, words: &[&str]) -> Output {
    command(dir, words).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_label_and_no_token_is_ever_written() {
    let made = make().await;
    let dir = folder(&made);
    for format in ["text", "json"] {
        let mut serve = command(&dir, &["--log-format", format, "serve"]);
        serve.env("PLAINSIGHT_LOG", "debug");
        let running = Running::start(serve);
        let client = Client::new(&running.url);
        let name = format!("canary-{format}@example.org");
        let item = |version| key_item(&key_set(&name, version, None, 1), 1);
        let token = &made.tokens.keys;
        client.publish_one(token, item(0)).await.unwrap();
        // A reset, a version that is not the next, an unknown token, a wrong role.
        client.publish_one(token, item(1)).await.unwrap();
        client.publish_one(token, item(7)).await.unwrap_err();
        for token in ["canary-token", &made.tokens.releases] {
            let (status, _) = client
                .send(token, vec![item(2)], Wait::Sequenced)
                .await
                .unwrap();
            assert!([401, 403].contains(&status));
        }
        let lookup = LookupRequest {
            label: Label::email(&name).unwrap(),
            since: None,
            logged: true,
        };
        client.post("/v1/lookup", lookup.to_json()).await;
        client.get(&format!("/{name}")).await;
        client.get(&format!("/v1/artifact/{name}")).await;
        client.get(&format!("/v1/genesis?{name}")).await;
        running.signal("TERM");
        let (is_success, written) = running.end();
        assert!(is_success, "{written}");
        assert!(written.contains("/v1/lookup"), "{written}");
        if format == "json" {
            // Without exception.
            let parsed = written
                .lines()
                .map(serde_json::from_str::<serde_json::Value>);
            assert!(parsed.collect::<Result<Vec<_>, _>>().unwrap().len() > 5);
        }
        let label = hex::encode(Label::email(&name).unwrap().as_bytes());
        for private in [
            "canary-",
            "example.org",
            token,
            &made.tokens.releases,
            &label,
        ] {
            let line = written.lines().find(|line| line.contains(private));
            assert_eq!(line, None, "{private}");
        }
    }
}

fn told(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 1024];
    let length = socket.recv(&mut buffer).unwrap();
    text(&buffer[..length])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_manager_is_told_from_start_to_stop() {
    let made = make().await;
    let dir = folder(&made);
    let path = made.dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut serve = command(&dir, &["serve"]);
    serve.env("NOTIFY_SOCKET", &path);
    serve.env("WATCHDOG_USEC", "200000");
    let running = Running::start(serve);
    let ready = told(&socket);
    assert!(ready.starts_with("READY=1\nSTATUS="), "{ready}");
    for _ in 0..3 {
        let well = told(&socket);
        assert!(well.starts_with("WATCHDOG=1\nSTATUS="), "{well}");
    }
    running.signal("TERM");
    let stopping = std::iter::repeat_with(|| told(&socket)).find(|told| !told.starts_with("WATCH"));
    assert!(stopping.unwrap().starts_with("STOPPING=1\n"));
    assert!(running.end().0);
    made.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_reads_limits_anew_and_refuses_a_wrong_file() {
    let mut made = make().await;
    let dir = folder(&made);
    let running = Running::start(command(&dir, &["serve"]));
    let client = Client::new(&running.url);
    let long = || b"{\"label\":\"not base64\"}".to_vec();
    assert_eq!(client.post("/v1/lookup", long()).await.0, 400);
    made.config.limits.query_bytes = 10;
    folder(&made);
    running.signal("HUP");
    let changed = async {
        while client.post("/v1/lookup", long()).await.0 != 413 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, changed).await.unwrap();
    std::fs::write(dir.join("plainsight-log.toml"), "limits = 7").unwrap();
    running.signal("HUP");
    running.signal("TERM");
    let (is_success, written) = running.end();
    assert!(is_success, "{written}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_made_listed_and_revoked_while_the_server_runs() {
    let made = make().await;
    let dir = folder(&made);
    let running = Running::start(command(&dir, &["serve"]));
    let client = Client::new(&running.url);
    let file = made.dir.path().join("token");
    let add = [
        "token",
        "add",
        "--role",
        "keys",
        "--name",
        "ci",
        "--days",
        "2",
        "--items-per-s",
        "5",
        "--out",
        file.to_str().unwrap(),
    ];
    let added = run(&dir, &add);
    assert!(added.status.success(), "{}", text(&added.stderr));
    assert!(added.stdout.is_empty());
    assert!(
        !run(&dir, &add).status.success(),
        "a file is not overwritten"
    );
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let token = std::fs::read_to_string(&file).unwrap();
    let token = token.trim_end();
    let again = run(&dir, &["token", "add", "--role", "keys", "--name", "ci"]);
    assert!(!again.status.success(), "a name is used once");

    let publish = async |version| {
        let item = key_item(&key_set("anna@example.org", version, None, 1), 1);
        let sent = client.send(token, vec![item], Wait::Sequenced).await;
        sent.unwrap()
    };
    let until = async |status| {
        while publish(0).await.0 != status {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, until(200)).await.unwrap();
    let listed = text(&run(&dir, &["token", "list"]).stdout);
    let line = listed
        .lines()
        .find(|line| line.starts_with("ci\t"))
        .unwrap();
    assert!(
        line.contains("keys\texpires ") && line.contains("5/s"),
        "{line}"
    );
    assert!(!listed.contains(token));

    let revoked = run(&dir, &["token", "revoke", "--name", "ci"]);
    assert!(revoked.status.success(), "{}", text(&revoked.stderr));
    assert!(
        !run(&dir, &["token", "revoke", "--name", "ci"])
            .status
            .success()
    );
    tokio::time::timeout(PATIENCE, until(401)).await.unwrap();
    assert_eq!(problem(&publish(1).await.1), "unauthorized");
    let listed = text(&run(&dir, &["token", "list"]).stdout);
    assert!(listed.contains("ci\tkeys\trevoked "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_replica_follows_the_writer_and_takes_nothing() {
    let made = make().await;
    let dir = folder(&made);
    let writer = Running::start(command(&dir, &["serve"]));
    let publisher = Client::new(&writer.url);
    let item = |version| key_item(&key_set("anna@example.org", version, None, 1), 1);
    let token = &made.tokens.keys;
    publisher.publish_one(token, item(0)).await.unwrap();
    let reader = Running::start(command(&dir, &["serve", "--read-only"]));
    let client = Client::new(&reader.url);
    publisher.publish_one(token, item(1)).await.unwrap();
    let size = publisher.checkpoint().await.head().size;
    let followed = async {
        while client.get("/checkpoint").await.0 != 200
            || client.checkpoint().await.head().size < size
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, followed).await.unwrap();
    assert_eq!(client.get("/readyz").await.0, 200);
    let lookup = LookupRequest {
        label: Label::email("anna@example.org").unwrap(),
        since: None,
        logged: false,
    };
    assert_eq!(client.post("/v1/lookup", lookup.to_json()).await.0, 200);
    let (status, body) = client
        .send(token, vec![item(2)], Wait::Sequenced)
        .await
        .unwrap();
    assert_eq!((status, problem(&body).as_str()), (503, "read-only"));
    // The writer is gone, and readers are still answered.
    writer.signal("TERM");
    assert!(writer.end().0);
    assert_eq!(client.post("/v1/lookup", lookup.to_json()).await.0, 200);
    reader.signal("TERM");
    assert!(reader.end().0);
    made.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_is_checked_and_shown_without_secrets() {
    let made = make().await;
    let dir = folder(&made);
    let mut check = command(&dir, &["config", "check"]);
    check.env("PLAINSIGHT_LOG_LIMITS_WAIT_MS", "123");
    check.env("PLAINSIGHT_LOG_DATABASE", "postgres://log:hunter2@db/log");
    check.args(["--set", "limits.query_bytes=456"]);
    let output = check.output().unwrap();
    let written = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{written}");
    for line in [
        "limits.wait_ms = 123  # PLAINSIGHT_LOG_LIMITS_WAIT_MS",
        "limits.query_bytes = 456  # flag",
        "database = \"postgres://log@db/log\"  # PLAINSIGHT_LOG_DATABASE",
    ] {
        assert!(written.contains(line), "{line} in\n{written}");
    }
    let seed = std::fs::read_to_string(&made.config.log_key).unwrap();
    assert!(!written.contains("hunter2") && !written.contains(seed.trim_end()));
    assert!(written.contains(&made.vkey.to_string()));

    let mut wrong = command(&dir, &["config", "check"]);
    wrong.env("PLAINSIGHT_LOG_LIMITS_WAIT_SM", "123");
    let output = wrong.output().unwrap();
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("LIMITS_WAIT_SM"));

    let open = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(&made.config.log_key, open).unwrap();
    for words in [&["config", "check"][..], &["serve"]] {
        let output = run(&dir, words);
        assert!(!output.status.success());
        assert!(text(&output.stderr).contains("can be read by others"));
    }
}

/// Makes a log with these flags, in a world where backtraces are wanted.
fn make_with(dir: &Path, origin: &str, flags: &[&str]) -> Output {
    let mut init = command(dir, &["init", "--origin", origin]);
    init.args(flags).env("RUST_BACKTRACE", "1");
    init.output().unwrap()
}

#[test]
fn a_log_that_is_not_made_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let parent = folder.path().join("new");
    let dir = parent.join("log");
    let away = ["--database", "postgres://nobody@127.0.0.1:1/none"];
    let output = make_with(&dir, "log.example.org/1", &away);
    let written = text(&output.stderr);
    assert!(!output.status.success());
    assert!(!parent.exists(), "{written}");
    // One sentence, and no backtrace.
    assert!(written.starts_with("Error: "), "{written}");
    assert_eq!(written.lines().count(), 1, "{written}");

    // What was there stays there.
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("notes"), "mine").unwrap();
    assert!(!make_with(&dir, "log.example.org/1", &away).status.success());
    let left: Vec<_> = std::fs::read_dir(&dir).unwrap().collect();
    assert_eq!(left.len(), 1);
    let output = make_with(&dir, "log.example.org/1", &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let key = std::fs::read(dir.join("keys/log.key")).unwrap();
    let output = make_with(&dir, "log.example.org/1", &[]);
    assert!(text(&output.stderr).contains("a log is never overwritten"));
    assert_eq!(std::fs::read(dir.join("keys/log.key")).unwrap(), key);
}

#[test]
fn an_origin_is_no_address() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("log");
    let output = make_with(&dir, "https://log.example.org/3", &[]);
    assert!(!output.status.success() && !dir.exists());
    let written = text(&output.stderr);
    assert!(
        written.contains("such as \"log.example.org/3\""),
        "{written}"
    );
}

#[test]
fn either_the_folder_or_the_file_says_where_a_log_is() {
    let output = Command::new(BINARY).args(["config", "check"]).output();
    let written = text(&output.unwrap().stderr);
    assert!(
        written.contains("<--dir <DIR>|--config <CONFIG>>"),
        "{written}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_auditor_says_is_in_the_log_with_its_address_and_not_each_second() {
    const TIMES: usize = 12;
    let mut made = make().await;
    let auditor = FakeAuditor::start("auditor.test/a", 9, &made.vkey).await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let away = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let other = FakeAuditor::start("auditor.test/b", 10, &made.vkey).await;
    let line = format!("witness auditor.test/b {} {away}\n", other.vkey());
    let line = format!("{}{line}", auditor.policy_line());
    made.set_policy(&format!("log {}\n{line}quorum auditor.test/a\n", made.vkey));
    auditor.play([Trick::WrongKey]);
    auditor.play(vec![Trick::Status(503, "the disk is full"); TIMES]);
    let running = Running::start(command(&folder(&made), &["serve"]));
    let client = Client::new(&running.url);
    let item = key_item(&key_set("anna@example.org", 0, None, 1), 1);
    let published = client.publish_one(&made.tokens.keys, item);
    tokio::time::timeout(PATIENCE, published)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(auditor.tricks_left(), 0);
    running.signal("TERM");
    let (_, written) = running.end();
    let told = |words: &[&str]| {
        let has = |line: &&str| words.iter().all(|word| line.contains(word));
        written.lines().filter(has).count()
    };
    let key = auditor.vkey().to_string();
    let missing = ["no line of the key", "auditor.test/a", &auditor.url, &key];
    assert_eq!(told(&missing), 1, "{written}");
    let full = told(&["the disk is full", "auditor.test/a", &auditor.url]);
    assert!((1..TIMES).contains(&full), "{written}");
    let gone = told(&["cannot be reached", "auditor.test/b", &away]);
    assert!((1..TIMES).contains(&gone), "{written}");
}
