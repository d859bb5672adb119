//! The publisher's tool: statements of every kind, signed, published and proved to readers, and
//! what it refuses.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use plainsight_log_server::Server;
use plainsight_specs::codec::to_base64;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::merkle::{LeafIndex, TreeSize};
use plainsight_specs::policy::Policy;
use plainsight_specs::publish::{Logged, PublishAnswer, PublishRequest, Wait};
use plainsight_specs::statement::{Body, Seq, Statement};
use support::auditor::FakeAuditor;
use support::{Client, Made, Reader, key_item, key_set, make, publisher};

const BINARY: &str = env!("CARGO_BIN_EXE_plainsight-log");
const PRODUCT: [&str; 6] = [
    "--purl",
    "pkg:generic/plainsight.example/app",
    "--channel",
    "stable",
    "--arch",
    "x86_64",
];

/// A running log with one auditor, and the machine where its releases are signed.
struct Desk {
    made: Made,
    server: Server,
    policy: Policy,
    folder: tempfile::TempDir,
    _auditor: FakeAuditor,
}

/// A file that its owner alone can read.
fn private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Desk {
    async fn new() -> Self {
        let mut made = make().await;
        let auditor = FakeAuditor::start("auditor.test/a", 9, &made.vkey).await;
        let auditors = format!("{}quorum auditor.test/a\n", auditor.policy_line());
        made.set_policy(&format!("log {}\n{auditors}", made.vkey));
        let server = made.start().await;
        server.until_published(TreeSize::new(2).unwrap()).await;
        let folder = tempfile::tempdir().unwrap();
        let readers = format!("log {} {}\n{auditors}", made.vkey, server.url());
        std::fs::write(folder.path().join("policy"), &readers).unwrap();
        let seed = format!("{}\n", hex::encode([77; 32]));
        for (role, token) in [
            ("releases", &made.tokens.releases),
            ("protections", &made.tokens.protections),
            ("root", &made.tokens.root),
            ("keys", &made.tokens.keys),
        ] {
            private(&folder.path().join(format!("{role}.key")), &seed);
            private(
                &folder.path().join(format!("{role}.token")),
                &format!("{token}\n"),
            );
        }
        Self {
            policy: Policy::parse(&readers).unwrap(),
            made,
            server,
            folder,
            _auditor: auditor,
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.folder.path().join(name), bytes).unwrap();
    }

    fn run(&self, words: &[&str]) -> Output {
        run(self.folder.path(), words)
    }

    /// Signs, and keeps the statement in a file.
    fn sign(&self, words: &[&str], file: &str) -> Statement {
        let output = self.run(&[&["sign"], words].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        self.write(file, &output.stdout);
        Statement::parse(&output.stdout).unwrap()
    }

    fn publish(&self, role: &str, file: &str) -> Output {
        let url = self.server.url();
        let token = format!("{role}.token");
        self.run(&["publish", "--url", &url, "--token-file", &token, file])
    }

    /// Publishes, and gives the leaf that is printed.
    fn published(&self, role: &str, file: &str) -> Hash {
        let output = self.publish(role, file);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let line = text(&output.stdout);
        let leaf = line.trim_end().rsplit(' ').next().unwrap();
        assert!(line.starts_with("position "), "{line}");
        Hash::from_hex(leaf).unwrap()
    }
}

fn run(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(words).current_dir(folder);
    // The other end is in this process, on other threads.
    tokio::task::block_in_place(|| command.output()).unwrap()
}

fn refused(output: &Output, word: &str) {
    let written = text(&output.stderr);
    assert!(!output.status.success(), "{written}");
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
    assert!(written.contains(word), "{word:?} in\n{written}");
}

fn release<'a>(version: &'a str, key: &'a str, file: &'a str) -> Vec<&'a str> {
    let words = [
        "release",
        "--policy",
        "policy",
        "--key",
        key,
        "--version",
        version,
    ];
    [&words[..], &PRODUCT, &[file]].concat()
}

fn yank(version: &str) -> Vec<&str> {
    let words = [
        "yank",
        "--policy",
        "policy",
        "--key",
        "releases.key",
        "--version",
        version,
    ];
    [&words[..], &PRODUCT, &["--reason", "it leaks"]].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn releases_and_yanks_follow_each_other_in_their_stream() {
    let desk = Desk::new().await;
    desk.write("app", b"first");
    desk.write("other", b"second");
    let first = desk.sign(&release("1.0", "releases.key", "app"), "1.json");
    assert_eq!((first.seq(), first.prev()), (Seq::ZERO, None));
    let Body::Release(body) = first.body() else {
        panic!("{first:?}");
    };
    let file = &body.artifacts[0];
    assert_eq!((file.digest, file.size), (sha256(b"first"), 5));
    assert_eq!(file.name.as_deref(), Some("app"));
    let leaf = desk.published("releases", "1.json");
    // What is there already keeps its place.
    assert_eq!(desk.published("releases", "1.json"), leaf);

    let words = [
        &["--ref", "test:x=app", "--audience", "region:CH"][..],
        &["--emergency"],
    ];
    let words = [release("1.1", "releases.key", "other"), words.concat()].concat();
    let second = desk.sign(&words, "2.json");
    assert_eq!((second.seq().get(), second.prev()), (1, Some(leaf)));
    desk.published("releases", "2.json");

    let again = [vec!["sign"], release("1.0", "releases.key", "other")].concat();
    refused(&desk.run(&again), "logged with other files");
    refused(
        &desk.run(&[vec!["sign"], yank("3.0")].concat()),
        "no release of this version",
    );
    let taken = desk.sign(&yank("1.0"), "3.json");
    assert_eq!(taken.digests(), first.digests());
    desk.published("releases", "3.json");
    refused(
        &desk.run(&[vec!["sign"], yank("1.0")].concat()),
        "yanked already",
    );

    let client = Client::new(&desk.server.url());
    let mut reader = Reader::meet(&client, &desk.policy).await;
    let state = reader.stream(Some("1.0"), None).await;
    assert!(state.release().is_some() && state.yank().is_some());
    assert_eq!(state.latest().unwrap().seq.get(), 2);
    let state = reader.stream(Some("1.1"), None).await;
    assert!(state.may_install(&sha256(b"second")));
    desk.made.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keys_are_replaced_and_the_old_ones_count_no_more() {
    let desk = Desk::new().await;
    desk.write("app", b"first");
    let made = desk.run(&["key", "--new", "new.key"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let shown = desk.run(&["key", "new.key"]);
    assert_eq!(made.stdout, shown.stdout);
    refused(&desk.run(&["key", "--new", "new.key"]), "new.key");
    let new = text(&made.stdout);
    let replace = |role| {
        let words = ["publisher-keys", "--policy", "policy", "--key", "root.key"];
        [&words[..], &["--role", role, "--new-key", new.trim_end()]].concat()
    };
    desk.sign(&replace("releases"), "1.json");
    refused(
        &desk.publish("releases", "1.json"),
        "The token does not allow it",
    );
    desk.published("root", "1.json");

    desk.sign(&release("1.0", "releases.key", "app"), "2.json");
    refused(
        &desk.publish("releases", "2.json"),
        "it would break the rule ",
    );
    desk.sign(&release("1.0", "new.key", "app"), "2.json");
    desk.published("releases", "2.json");

    // New root keys are signed by the old and by the new ones, here one after the other.
    desk.sign(&replace("root"), "3.json");
    refused(&desk.publish("root", "3.json"), "it would break the rule ");
    let signed = desk.sign(&["add", "3.json", "--key", "new.key"], "3.json");
    assert_eq!(signed.envelope().signatures().len(), 2);
    refused(
        &desk.run(&["sign", "add", "3.json", "--key", "new.key"]),
        "has signed it already",
    );
    desk.published("root", "3.json");
    desk.made.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_commands_of_the_guide_work() {
    if let Err(error) = Command::new("curl").arg("--version").output() {
        let required = std::env::var("PLAINSIGHT_REQUIRE_CURL").is_ok_and(|value| value == "1");
        assert!(!required, "curl: {error}");
        eprintln!("skipped: curl is not there");
        return;
    }
    let desk = Desk::new().await;
    let guide = include_str!("../deploy/README.md");
    let section = guide
        .split("\n## ")
        .find(|part| part.starts_with("The publisher's side"));
    let blocks = section.unwrap().split("```sh\n").skip(1);
    let script: String = blocks
        .map(|block| block.split("```").next().unwrap())
        .collect();
    assert!(script.lines().count() > 20, "{script}");
    let script = script.replace("https://log.example.org", &desk.server.url());
    for file in ["app-1.0.tar.gz", "sbom.json", "backup.txt", "canary.txt"] {
        desk.write(file, file.as_bytes());
    }
    let item = key_item(&key_set("anna@example.org", 0, None, 1), 1);
    let request = PublishRequest {
        items: vec![item],
        wait: Wait::Published,
    };
    desk.write("request.json", &request.to_json());
    let programs = PathBuf::from(BINARY);
    let path = std::env::join_paths(
        [programs.parent().unwrap().to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let mut sh = Command::new("sh");
    sh.args(["-eu", "-c", &script]).env("PATH", path.unwrap());
    sh.current_dir(desk.folder.path());
    let output = tokio::task::block_in_place(|| sh.output()).unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let client = Client::new(&desk.server.url());
    let mut reader = Reader::meet(&client, &desk.policy).await;
    assert!(reader.look_up("anna@example.org").await.found().is_some());
    desk.made.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_signed_at_a_place_that_is_not_proved() {
    let desk = Desk::new().await;
    desk.write("app", b"first");
    // Another log's key, and a policy without auditors, under which nothing is fresh.
    let other = make().await;
    desk.write(
        "other",
        format!("log {}\nquorum none\n", other.vkey).as_bytes(),
    );
    desk.write(
        "alone",
        format!("log {}\nquorum none\n", desk.made.vkey).as_bytes(),
    );
    let url = desk.server.url();
    for policy in ["other", "alone"] {
        let words = [
            "sign",
            "release",
            "--version",
            "1",
            "--key",
            "releases.key",
            "app",
        ];
        let place = ["--policy", policy, "--url", &url];
        let output = desk.run(&[&words[..], &PRODUCT, &place].concat());
        refused(&output, "the log does not prove the next place");
    }
    let by_hand = |place: &[&str]| {
        let words = [
            "sign",
            "release",
            "--version",
            "1",
            "--key",
            "releases.key",
            "app",
        ];
        desk.run(&[&words[..], &PRODUCT, place].concat())
    };
    refused(&by_hand(&[]), "--policy");
    refused(&by_hand(&["--seq", "1"]), "--prev");
    refused(
        &by_hand(&["--seq", "0", "--prev", &"0".repeat(64)]),
        "--prev",
    );
    let output = by_hand(&["--seq", "1", "--prev", &"0".repeat(64)]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    desk.write("gap.json", &output.stdout);
    refused(
        &desk.publish("releases", "gap.json"),
        "it would break the rule seq",
    );

    let open = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(desk.folder.path().join("releases.key"), open).unwrap();
    refused(&by_hand(&["--seq", "0"]), "can be read by others");
    let clear = ["publish", "--url", "http://log.example.org", "--token-file"];
    let output = desk.run(&[&clear[..], &["releases.token", "gap.json"]].concat());
    refused(&output, "http would show the token");
}

type Seen = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// Fails once, then takes what comes.
async fn take(State(seen): State<Seen>, headers: HeaderMap, body: Bytes) -> Response {
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    let is_first = {
        let mut seen = seen.lock().unwrap();
        seen.push((key, body.to_vec()));
        seen.len() == 1
    };
    if is_first {
        let problem = r#"{"type":"urn:plainsight:error:busy","title":"Too much is going on","detail":"full"}"#;
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::RETRY_AFTER, "1")],
            problem,
        )
            .into_response();
    }
    let logged = Logged::at(LeafIndex::new(7).unwrap());
    PublishAnswer {
        results: vec![Ok(logged)],
    }
    .to_json()
    .into_response()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_busy_log_is_asked_again_with_the_same_key() {
    let seen = Seen::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new()
        .route("/v1/publish", axum::routing::post(take))
        .with_state(Arc::clone(&seen));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let folder = tempfile::tempdir().unwrap();
    let signed = support::release("1.0", 0, None, &publisher());
    std::fs::write(folder.path().join("1.json"), signed).unwrap();
    private(&folder.path().join("token"), "t\n");
    let words = ["publish", "--url", &url, "--token-file", "token", "1.json"];
    let output = run(folder.path(), &words);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("position 7 leaf "));
    let words = "Too much is going on: full; trying again";
    assert!(
        text(&output.stderr).contains(words),
        "{}",
        text(&output.stderr)
    );
    {
        let mut seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0], seen[1]);
        seen.clear();
    }
    let words = [&words_of(&url)[..], &["--patience-s", "0", "1.json"]].concat();
    refused(&run(folder.path(), &words), "nothing is logged twice");
}

fn words_of(url: &str) -> [&str; 5] {
    ["publish", "--url", url, "--token-file", "token"]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_key_is_that_of_its_seed() {
    let folder = tempfile::tempdir().unwrap();
    private(
        &folder.path().join("k"),
        &format!("{}\n", hex::encode([5; 32])),
    );
    let output = run(folder.path(), &["key", "k"]);
    let public = SecretKey::from_seed(&[5; 32]).public();
    assert_eq!(
        text(&output.stdout).trim_end(),
        to_base64(public.as_bytes())
    );
}
