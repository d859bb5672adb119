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

/// The places that a chapter names as `path/of/file.rs::name_of_test`.
fn named_tests(chapter: &str) -> Vec<(&str, &str)> {
    let quoted = chapter.split('`').skip(1).step_by(2);
    quoted
        .filter_map(|text| text.split_once("::"))
        .filter(|(file, _)| {
            std::path::Path::new(file)
                .extension()
                .is_some_and(|kind| kind == "rs")
        })
        .collect()
}

#[test]
fn every_guard_of_the_threat_model_is_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chapter = std::fs::read_to_string(root.join("threat_model.md")).unwrap();
    let named = named_tests(&chapter);
    assert!(named.len() > 40);
    for (file, test) in named {
        let path = root.join("..").join(file);
        let source = std::fs::read_to_string(&path).unwrap_or_default();
        let place = source.find(&format!("fn {test}("));
        let before = place.map(|place| &source[..place]);
        let attributes = before.and_then(|before| before.rsplit("\n\n").next());
        let is_test = attributes.is_some_and(|lines| lines.contains("test"));
        assert!(is_test, "there is no test {test} in {file}");
    }
}

#[test]
fn every_boundary_of_the_threat_model_has_a_guard() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chapter = std::fs::read_to_string(root.join("threat_model.md")).unwrap();
    let (_, boundaries) = chapter.split_once("## Boundaries").unwrap();
    let mut rows = 0;
    for section in boundaries.split("### ").skip(1) {
        for row in section.lines().filter(|line| line.starts_with("| ")) {
            let cells: Vec<_> = row.trim_matches('|').split('|').collect();
            if cells[0].trim() == "threat" {
                continue;
            }
            let has_guard = !named_tests(row).is_empty() || row.contains("the same two");
            assert!(cells.len() == 3 && has_guard, "no test in: {row}");
            rows += 1;
        }
    }
    assert!(rows > 20);
}
