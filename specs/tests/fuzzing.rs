//! The fuzz targets without a fuzzer: their corpus, and thousands of inputs made from it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../fuzz/src/lib.rs"]
mod bodies;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use bodies::smoke::{Random, mutated};
use bodies::{TARGETS, Target, formats, seeds};

/// Inputs of each target besides its corpus.
const INPUTS: u64 = 4_000;
/// Where it costs curve arithmetic or whole trees.
const SLOW_INPUTS: u64 = 300;

fn corpus(target: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    folder.join(target)
}

fn bytes_of(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// Runs the body and names the input that it fails at.
fn run((target, body): Target, what: &str, input: &[u8]) {
    let ended = std::panic::catch_unwind(|| body(input));
    assert!(
        ended.is_ok(),
        "{target} fails at {what}: {}",
        hex::encode(input)
    );
}

fn replay(target: &str, inputs: u64) {
    let (name, body) = *TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let mut files = 0;
    for file in fs::read_dir(corpus(name)).unwrap() {
        let path = file.unwrap().path();
        run((name, body), &path.display().to_string(), &bytes_of(&path));
        files += 1;
    }
    assert!(files >= 8, "{name} has no corpus");
    let seeds = seeds::of(name);
    for number in 0..inputs {
        let mut random = Random::new(1, number);
        let input = mutated(&seeds, &mut random);
        run((name, body), &format!("input {number}"), &input);
    }
}

#[test]
fn every_parser_prints_what_it_reads() {
    replay("formats", INPUTS * 5);
}

#[test]
fn json_is_read_as_the_chapter_says() {
    replay("json", INPUTS);
}

#[test]
fn trees_agree_with_the_recursion() {
    replay("trees", SLOW_INPUTS);
}

#[test]
fn indexes_agree_with_the_reference() {
    replay("indexes", SLOW_INPUTS);
}

#[test]
fn ladders_and_proofs_agree_with_others() {
    replay("looking", SLOW_INPUTS);
}

#[test]
fn rules_agree_with_a_second_judge() {
    replay("log", SLOW_INPUTS);
}

#[test]
fn watches_and_lists_agree_with_a_scan_of_the_entries() {
    replay("watching", SLOW_INPUTS);
}

#[test]
fn the_seeds_reach_past_their_parsers() {
    let seeds = seeds::of("formats");
    for (number, (name, parser)) in formats::PARSERS.iter().enumerate() {
        let mut of = seeds
            .iter()
            .filter(|(_, seed)| usize::from(seed[0]) == number);
        let is_read = of.any(|(_, seed)| parser(&seed[1..]).is_some());
        assert!(is_read, "{name}");
    }
}

/// With `PLAINSIGHT_WRITE_SEEDS=1` it writes them.
#[test]
fn the_corpus_holds_the_seeds() {
    let write = std::env::var_os("PLAINSIGHT_WRITE_SEEDS").is_some();
    for (target, _) in TARGETS {
        let folder = corpus(target);
        for (name, seed) in seeds::of(target) {
            let path = folder.join(&name);
            if write {
                fs::create_dir_all(&folder).unwrap();
                File::create(&path).unwrap().write_all(&seed).unwrap();
            }
            assert!(path.exists() && bytes_of(&path) == seed, "{target}/{name}");
        }
    }
}
