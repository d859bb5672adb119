//! When the log gives no answer that holds, the owner's auditors are asked: one rule, whatever the log
//! did. What the log did stays the verdict, unless it merely did not answer.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod person;
mod tiny_log;

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use person::{Person, plainsight, printed, schema};
use plainsight_specs::label::Label;
use tiny_log::TinyLog;

const ME: &str = "me@example.org";

/// What stands between the owner and the log does to every answer of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Nothing,
    Status(u16),
    /// Begins an answer and never ends it.
    Hang,
    Garbage,
    TooLong,
    BreakProof,
}

#[derive(Clone)]
struct Front {
    does: Arc<Mutex<Does>>,
    behind: String,
    url: String,
}

impl Front {
    fn before(behind: &str) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let front = Self {
            does: Arc::new(Mutex::new(Does::Nothing)),
            behind: behind.into(),
            url: format!("http://{}", listener.local_addr().unwrap()),
        };
        let router = axum::Router::new()
            .fallback(answer)
            .with_state(front.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, router).await.unwrap();
            });
        });
        front
    }

    fn does(&self, does: Does) {
        *self.does.lock().unwrap() = does;
    }
}

async fn answer(State(front): State<Front>, method: Method, uri: Uri, body: Bytes) -> Response {
    let does = *front.does.lock().unwrap();
    let (status, body) = match does {
        Does::Status(status) => (status, Vec::new()),
        Does::Garbage => (200, b"<html>Please log in</html>".to_vec()),
        Does::TooLong => (200, vec![b' '; 40 * 1024 * 1024]),
        Does::Hang => {
            tokio::time::sleep(Duration::from_mins(10)).await;
            (500, Vec::new())
        }
        Does::Nothing | Does::BreakProof => {
            let asked = reqwest::Client::new()
                .request(method, format!("{}{uri}", front.behind))
                .body(body);
            let answer = asked.send().await.unwrap();
            let status = answer.status().as_u16();
            let body = answer.bytes().await.unwrap().to_vec();
            let is_broken = does == Does::BreakProof && status == 200;
            (
                status,
                if is_broken {
                    TinyLog::break_proof(&body)
                } else {
                    body
                },
            )
        }
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

/// An owner with two versions and two auditors that have an address.
struct Owner {
    person: Person,
    front: Front,
}

impl Owner {
    fn new() -> Self {
        let person = Person::new();
        let front = Front::before(&person.served.url);
        let token = person.path("token").display().to_string();
        let note = |n| {
            let url = &person.served.url;
            format!("[[auditor]]\nname = \"w{n}\"\nurl = \"{url}/auditor{n}\"\n")
        };
        std::fs::write(person.path("policy.toml"), [note(0), note(1)].concat()).unwrap();
        for args in [
            &["new", ME, "--device", "phone"][..],
            &["publish", ME, "--token-file", &token],
            &["rotate", ME, "--token-file", &token],
        ] {
            let (code, text) = person.run(&[&["keys"], args].concat());
            assert_eq!(code, 0, "{text}");
        }
        std::fs::write(person.path("home/config.toml"), "patience_s = 1\n").unwrap();
        Self { person, front }
    }

    fn at(&self, url: &str, args: &[&str]) -> Command {
        let mut command = plainsight();
        command.args(args).args(["--log", url]);
        for (name, path) in [("--policy", "policy"), ("--home", "home")] {
            command.arg(name).arg(self.person.path(path));
        }
        command
    }

    fn monitor(&self, url: &str) -> (i32, String) {
        printed(&self.at(url, &["keys", "monitor"]).output().unwrap())
    }

    fn monitor_json(&self, url: &str) -> serde_json::Value {
        let args = ["keys", "monitor", "--json"];
        let output = self.at(url, &args).output().unwrap();
        let line = String::from_utf8(output.stdout).unwrap();
        schema::check("keys monitor", line.trim());
        serde_json::from_str(&line).unwrap()
    }

    fn plant(&self) {
        let label = Label::email(ME).unwrap();
        self.person.served.log().log_next(&label, "ghost", false);
    }

    fn auditors_asked(&self) -> usize {
        let asked = self.person.served.asked();
        asked
            .iter()
            .filter(|path| path.contains("/v1/index"))
            .count()
    }
}

/// What the log does, and the exit code if the auditors see nothing.
fn outages(owner: &Owner) -> Vec<(String, Does, i32)> {
    let front = owner.front.url.clone();
    let nobody = "http://127.0.0.1:9".to_owned();
    let tls = front.replace("http:", "https:");
    let mut all = vec![
        (nobody, Does::Nothing, 0),
        (tls, Does::Nothing, 0),
        (front.clone(), Does::Hang, 0),
        (front.clone(), Does::Garbage, 3),
        (front.clone(), Does::TooLong, 3),
        (front.clone(), Does::BreakProof, 1),
    ];
    let statuses = [301, 401, 403, 404, 409, 429, 500, 502, 503];
    all.extend(statuses.map(|status| (front.clone(), Does::Status(status), 0)));
    all
}

#[test]
fn whatever_the_log_does_the_auditors_are_asked_and_it_stays_told() {
    let owner = Owner::new();
    assert_eq!(owner.monitor(&owner.front.url).0, 0);
    assert_eq!(owner.auditors_asked(), 0);
    for (url, does, expected) in outages(&owner) {
        owner.front.does(does);
        let before = owner.auditors_asked();
        let (code, text) = owner.monitor(&url);
        assert_eq!(code, expected, "{url} {does:?}: {text}");
        assert_eq!(owner.auditors_asked(), before + 2, "{url} {does:?}");
        let label = "nothing was logged for e-mail me@example.org after version 1";
        assert!(text.contains(label), "{url} {does:?}: {text}");
        assert_eq!(text.starts_with("VERIFIED"), code == 0, "{text}");
    }
    // Broken, and shown by auditors who do not answer either: what the log did is all there is.
    owner.front.does(Does::BreakProof);
    std::fs::write(owner.person.path("policy.toml"), "").unwrap();
    let accept = owner.at(&owner.front.url, &["policy", "accept"]).output();
    assert_eq!(printed(&accept.unwrap()).0, 0);
    let (code, text) = owner.monitor(&owner.front.url);
    assert_eq!(code, 1, "{text}");
    assert!(!text.contains("Auditors were asked instead"), "{text}");
}

#[test]
fn whatever_the_log_does_a_ghost_that_auditors_hold_is_an_alarm() {
    let owner = Owner::new();
    owner.plant();
    for (url, does, expected) in outages(&owner) {
        owner.front.does(does);
        let json = owner.monitor_json(&url);
        assert_eq!(json["verdict"], "refuted", "{url} {does:?}: {json}");
        assert_eq!(json["alarms"][0]["kind"], "appeared", "{url} {does:?}");
        let failure = &json["log_failure"];
        let is_outage = failure["blame"] == "unavailable";
        assert_eq!(is_outage, expected == 0, "{url} {does:?}: {failure}");
        assert_eq!(json["auditors"].as_array().unwrap().len(), 2);
    }
    owner.front.does(Does::Nothing);
    let json = owner.monitor_json(&owner.front.url);
    assert_eq!(json["alarms"][0]["kind"], "ghost");
    assert_eq!(json["log_failure"], serde_json::Value::Null);
}

#[test]
fn what_this_side_asks_wrongly_is_no_reason_to_ask_others() {
    let owner = Owner::new();
    let before = owner.person.served.asked().len();
    let (code, text) = owner.monitor("ftp://log.example");
    assert_eq!(code, 2, "{text}");
    assert_eq!(owner.person.served.asked().len(), before);
}
