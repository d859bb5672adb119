//! What a home and its log know and no command may ever print, and the look for it in what was printed.

use std::path::Path;

use plainsight_specs::codec::base64_bytes;
use plainsight_specs::label::Label;
use serde_json::Value;

use super::planted::{Planted, none_in};
use crate::tiny_log::TinyLog;

/// Every secret in a home, the token beside it, and the openings that the log was given by it.
pub(crate) fn of(dir: &Path, log: &TinyLog) -> Vec<Planted> {
    let mut found = Vec::new();
    below(dir, &mut found, log);
    found
}

fn below(dir: &Path, found: &mut Vec<Planted>, log: &TinyLog) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            below(&path, found, log);
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let kind = path.parent().unwrap().file_name().unwrap().to_owned();
        if name == "token" {
            let token = std::fs::read_to_string(&path).unwrap();
            found.push(Planted::text("the token for publishing", token.trim()));
        }
        if kind != "own" && kind != "watches" {
            continue;
        }
        let Ok(kept) = serde_json::from_slice::<Value>(&std::fs::read(&path).unwrap()) else {
            continue;
        };
        for watch in kept.as_array().into_iter().flatten() {
            found.push(bytes("the secret of a watch", &watch["token"]));
        }
        for secret in kept["secrets"].as_array().into_iter().flatten() {
            found.push(bytes("the seed of a key", &secret["seed"]));
        }
        if kept["pending"].is_object() {
            found.push(bytes("an opening that waits", &kept["pending"]["opening"]));
        }
        if let Some(label) = kept["label"].as_str() {
            let held = log.keys.get(&Label::from_typed(label).unwrap());
            // Those of this test are the same byte sixteen times.
            let openings = held.into_iter().flatten().map(|held| held.opening);
            let chosen = openings.filter(|opening| opening.iter().any(|byte| *byte != opening[0]));
            found.extend(chosen.map(|opening| Planted::bytes("an opening", &opening)));
        }
    }
}

fn bytes(what: &'static str, base64: &Value) -> Planted {
    Planted::bytes(what, &base64_bytes(base64.as_str().unwrap(), 64).unwrap())
}

/// None of them is in what a command printed, on either output.
pub(crate) fn not_in(secrets: &[Planted], args: &[&str], output: &std::process::Output) {
    let place = format!("what {args:?} printed");
    none_in(secrets, &place, &output.stdout);
    none_in(secrets, &place, &output.stderr);
}
