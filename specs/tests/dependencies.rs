//! What an app inherits that embeds the pure layer: cryptography, parsing, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::process::Command;

/// Every crate below this one, and what it is there for.
const ALLOWED: [(&str, &[&str]); 4] = [
    (
        "cryptography",
        &[
            "block-buffer",
            "cmov",
            "const-oid",
            "cpufeatures",
            "crypto-common",
            "ctutils",
            "curve25519-dalek",
            "digest",
            "ed25519",
            "ed25519-dalek",
            "ff",
            "fiat-crypto",
            "generic-array",
            "group",
            "hmac",
            "hybrid-array",
            "rand_core",
            "rs_merkle",
            "sha2",
            "signature",
            "subtle",
            "typenum",
            "zeroize",
        ],
    ),
    (
        "parsing and printing",
        &[
            "base64ct",
            "bech32",
            "hex",
            "itoa",
            "memchr",
            "ryu",
            "serde",
            "serde_core",
            "serde_json",
            "zmij",
        ],
    ),
    ("no code of their own", &["cfg-if", "libc", "thiserror"]),
    (
        "run by the compiler only",
        &[
            "curve25519-dalek-derive",
            "proc-macro2",
            "quote",
            "serde_derive",
            "syn",
            "thiserror-impl",
            "unicode-ident",
            "zeroize_derive",
        ],
    ),
];

/// What a library that is embedded has no use for.
const SERVERS: [&str; 5] = ["axum", "object_store", "prometheus-client", "sqlx", "rayon"];

/// What `cargo tree` prints of what is compiled into `package`, a crate and its features a line.
fn tree(package: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--edges", "normal", "--prefix", "none"])
        .args(["--format", "{p} {f}", "--locked", "--offline"])
        .args(package)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn names(tree: &[String]) -> BTreeSet<&str> {
    let names = tree.iter().filter_map(|line| line.split(' ').next());
    names
        .filter(|name| !name.starts_with("plainsight"))
        .collect()
}

#[test]
fn the_pure_layer_pulls_cryptography_and_parsing_only() {
    let tree = tree(&["--package", "plainsight-specs"]);
    let allowed: BTreeSet<&str> = ALLOWED
        .iter()
        .flat_map(|(_, names)| *names)
        .copied()
        .collect();
    let found = names(&tree);
    assert!(found.len() > 20, "{found:?}");
    let more: Vec<_> = found.difference(&allowed).collect();
    assert!(more.is_empty(), "not agreed on: {more:?}");
}

#[test]
fn the_client_pulls_no_server() {
    let tree = tree(&["--package", "plainsight-client"]);
    let found = names(&tree);
    assert!(found.contains("reqwest"), "{found:?}");
    for server in SERVERS {
        assert!(!found.contains(server), "{server}");
    }
}

/// Features unify in a process: one user of the lax check would loosen it for everybody.
#[test]
fn nobody_loosens_signatures() {
    let tree = tree(&["--workspace"]);
    let lines: Vec<_> = tree
        .iter()
        .filter(|line| line.starts_with("ed25519-dalek "))
        .collect();
    assert!(!lines.is_empty());
    assert!(
        !lines
            .iter()
            .any(|line| line.contains("legacy_compatibility")),
        "{lines:?}"
    );
}
