//! What a recorded request tells whoever gets it, in the words of `privacy.md`, and what that
//! chapter's table states.

use std::collections::{BTreeMap, BTreeSet};

use plainsight_specs::codec::to_base64;
use plainsight_specs::label::Version;
use serde_json::Value;

use crate::tiny_log::{Request, TOKEN, TinyLog};

const CHAPTER: &str = include_str!("../../privacy.md");

/// Who is told what, and over which paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) words: BTreeSet<String>,
    pub(crate) paths: BTreeSet<String>,
}

impl Told {
    fn of_cell(cell: &str) -> Self {
        let paths = cell.split('`').skip(1).step_by(2);
        let prose: String = cell.split('`').step_by(2).collect();
        let words = prose.split('*').skip(1).step_by(2);
        Self {
            words: words.map(str::to_owned).collect(),
            paths: paths
                .filter(|path| path.starts_with("v1/") || *path == "tile/")
                .map(str::to_owned)
                .collect(),
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.words.extend(other.words);
        self.paths.extend(other.paths);
    }
}

/// The table: for each command, or other name of a row, what the log and each auditor is told.
pub(crate) fn table() -> BTreeMap<String, [Told; 2]> {
    let rows = CHAPTER.split("| command |").nth(1).unwrap().lines().skip(2);
    let mut table = BTreeMap::new();
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [commands, log, auditors] = cells[..] else {
            panic!("not three cells: {row}")
        };
        let told = [log, auditors].map(Told::of_cell);
        for name in names(commands) {
            assert!(
                table.insert(name.clone(), told.clone()).is_none(),
                "{name} twice"
            );
        }
    }
    table
}

/// "`contact accept`, `list`" are two commands; anything else is a name of its own.
fn names(cell: &str) -> Vec<String> {
    if !cell.starts_with('`') {
        return vec![cell.into()];
    }
    let names: Vec<String> = cell.split(", ").map(|name| name.replace('`', "")).collect();
    let noun = names[0].split_once(' ').map(|(noun, _)| noun.to_owned());
    let whole = names.iter().enumerate().map(|(at, name)| match &noun {
        Some(noun) if at > 0 => format!("{noun} {name}"),
        _ => name.clone(),
    });
    whole.collect()
}

/// Everything that stands in the chapter's list of words.
pub(crate) fn words() -> BTreeSet<String> {
    let list = CHAPTER.split("| word |").nth(1).unwrap().lines().skip(2);
    list.take_while(|line| line.starts_with('|'))
        .map(|line| line.split('*').nth(1).unwrap().to_owned())
        .collect()
}

/// Who got a request: the log, or an auditor by name.
pub(crate) fn addressee(request: &Request) -> String {
    let first = request.uri.split('/').nth(1).unwrap();
    if first.starts_with("guard") || first.starts_with("auditor") {
        first.into()
    } else {
        "log".into()
    }
}

/// What a request tells. Anything in it that has no word fails.
pub(crate) fn told(request: &Request) -> Told {
    let who = addressee(request);
    let whole = request.uri.trim_start_matches('/');
    let whole = whole.strip_prefix(&format!("{who}/")).unwrap_or(whole);
    let (path, query) = whole.split_once('?').unwrap_or((whole, ""));
    let (path, mut words) = match path {
        path if path.starts_with("tile/") => ("tile/", vec!["position"]),
        path if path.starts_with("v1/artifact/") => ("v1/artifact/", vec!["digest"]),
        path if path.starts_with("v1/rebuilds/") => ("v1/rebuilds/", vec!["digest"]),
        path if path.starts_with("v1/inserted/") => ("v1/inserted/", vec!["bucket"]),
        path if path.starts_with("v1/evidence/") => ("v1/evidence/", vec!["evidence"]),
        "v1/checkpoint" => ("v1/checkpoint", vec!["head"]),
        path => (path, members(path, &request.body)),
    };
    if !query.is_empty() {
        assert!(query.starts_with("since="), "{query}");
        words.push("size");
    }
    words.extend(headers(request));
    Told {
        words: words.into_iter().map(str::to_owned).collect(),
        paths: [path.to_owned()].into(),
    }
}

fn members(path: &str, body: &[u8]) -> Vec<&'static str> {
    if body.is_empty() {
        return Vec::new();
    }
    let body: Value = serde_json::from_slice(body).unwrap();
    let members = body.as_object().unwrap().iter();
    let words = members.filter_map(|(name, value)| match (path, name.as_str()) {
        (_, "label") => Some("label"),
        (_, "since") => Some("size"),
        ("v1/history", "from") | ("v1/rungs", "latest") => Some("version"),
        ("v1/stream", "stream") => Some("stream"),
        ("v1/stream", "version") => Some("release"),
        ("v1/stream", "digest") => Some("digest"),
        ("v1/publish", "items") => Some("keys"),
        ("v1/index" | "v1/watch", "indexes") | ("v1/watch/announce", "index") => Some("index"),
        ("v1/watch/announce", "commitment") => Some("commitment"),
        ("v1/watch/report" | "v1/watch/announce" | "v1/watch/cancel", "token") => Some("watch"),
        // The same from everybody.
        ("v1/lookup", "logged") => fixed(value.as_bool().is_some()),
        ("v1/publish", "wait") => fixed(value == "published"),
        ("v1/index" | "v1/watch", "origin") => fixed(value == crate::tiny_log::ORIGIN),
        _ => panic!("{path} is told {name}"),
    });
    words.collect()
}

fn fixed(is: bool) -> Option<&'static str> {
    assert!(is);
    None
}

fn headers(request: &Request) -> Vec<&'static str> {
    let mut words = Vec::new();
    for (name, value) in &request.headers {
        let value = value.to_str().unwrap();
        match name.as_str() {
            "host" | "content-length" => {}
            "accept" => assert_eq!(value, "*/*"),
            "accept-encoding" => assert!(matches!(value, "gzip" | "identity"), "{value}"),
            "content-type" => {
                assert!(value.starts_with("application/json") || value.starts_with("text/plain"));
            }
            "user-agent" => assert_eq!(value, concat!("plainsight/", env!("CARGO_PKG_VERSION"))),
            "authorization" => {
                assert_eq!(value, format!("Bearer {TOKEN}"));
                words.push("token");
            }
            other => panic!("a header {other} is sent"),
        }
    }
    words
}

/// What must be in no request whose words do not say so, in every form that it may have there.
pub(crate) fn needles(log: &TinyLog) -> Vec<(&'static str, String)> {
    let mut needles = vec![("token", TOKEN.to_owned())];
    for (label, held) in &log.keys {
        let name = label.display();
        let hex = label.as_bytes().iter().map(|byte| format!("{byte:02x}"));
        needles.push(("label", name.replace('@', "%40")));
        needles.push(("label", name));
        needles.push(("label", to_base64(label.as_bytes())));
        needles.push(("label", hex.collect()));
        for held in held {
            needles.push(("keys", to_base64(&held.key_set)));
            needles.push(("keys", to_base64(&held.opening)));
        }
        for version in 0..16 {
            let index = log.index_of(label, Version::new(version));
            needles.push(("index", index.to_hex()));
        }
    }
    needles
}
