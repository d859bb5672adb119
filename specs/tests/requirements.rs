//! Every requirement of the chapters is cited where code enforces it, and every citation names a
//! requirement that exists.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot read its files has failed"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn files(dir: &Path, extension: &str, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, extension, out);
        } else if path.extension().is_some_and(|found| found == extension) {
            out.push(path);
        }
    }
}

/// The ids between `open` and `close`, such as `NOTE-3` in `**[NOTE-3]**`.
fn ids(text: &str, open: &str, close: char) -> Vec<String> {
    let mut found = Vec::new();
    for part in text.split(open).skip(1) {
        if let Some((inside, _)) = part.split_once(close) {
            found.extend(inside.split(',').map(|id| id.trim().to_owned()));
        }
    }
    found
}

#[test]
fn every_requirement_is_cited_and_every_citation_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut stated = BTreeMap::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        for id in ids(&std::fs::read_to_string(&path).unwrap(), "**[", ']') {
            let earlier = stated.insert(id.clone(), path.clone());
            assert!(
                earlier.is_none(),
                "{id} is stated twice: {earlier:?} and {path:?}"
            );
        }
    }
    let mut sources = Vec::new();
    // Some requirements are a server's or an auditor's to keep.
    for dir in [
        "src",
        "tests",
        "../client/src",
        "../log-server/src",
        "../auditor/src",
    ] {
        files(&root.join(dir), "rs", &mut sources);
    }
    let mut cited = BTreeSet::new();
    for path in sources {
        if path.ends_with("tests/requirements.rs") {
            continue;
        }
        for id in ids(&std::fs::read_to_string(&path).unwrap(), "SPEC(", ')') {
            assert!(
                stated.contains_key(&id),
                "{path:?} cites {id}, which no chapter states"
            );
            cited.insert(id);
        }
    }
    let uncited: Vec<_> = stated.keys().filter(|id| !cited.contains(*id)).collect();
    assert!(uncited.is_empty(), "stated but cited nowhere: {uncited:?}");
    assert!(!stated.is_empty());
}
