//! Published test vectors for the log's tree and its tiles, from the folder that the environment
//! variable `PLAINSIGHT_VECTORS` names. Without it these tests say that they were skipped; with
//! it, a file that is missing fails them.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use plainsight_specs::codec::base64_bytes;
use plainsight_specs::hash::{Hash, empty_root, leaf_hash, sha256, sha256_parts};
use plainsight_specs::merkle::build::{self, Frontier};
use plainsight_specs::merkle::verify::{verify_consistency, verify_inclusion};
use plainsight_specs::merkle::{LeafIndex, TreeHead, TreeSize};
use plainsight_specs::tile::{Edge, TileKind, TilePath, TileSet, bundle_to_bytes};
use serde_json::Value;

fn vectors() -> Option<PathBuf> {
    let folder = std::env::var_os("PLAINSIGHT_VECTORS");
    if folder.is_none() {
        println!("skipped: PLAINSIGHT_VECTORS is not set");
    }
    folder.map(PathBuf::from)
}

fn read(path: &Path) -> Value {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// The cases of every JSON file below a folder.
fn cases(folder: &Path) -> Vec<(PathBuf, Value)> {
    let mut cases = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in
            std::fs::read_dir(&folder).unwrap_or_else(|_| panic!("no folder {}", folder.display()))
        {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let case = read(&path);
                cases.push((path, case));
            }
        }
    }
    cases
}

/// A hash in base64. Some cases have roots of other lengths, which no parser here lets through.
fn hash(json: &Value) -> Option<Hash> {
    let bytes = base64_bytes(json.as_str()?, 64).ok()?;
    Some(Hash::from_bytes(bytes.try_into().ok()?))
}

fn proof(json: &Value) -> Option<Vec<Hash>> {
    match json {
        Value::Null => Some(Vec::new()),
        _ => json.as_array()?.iter().map(hash).collect(),
    }
}

fn root(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    for leaf in leaves {
        frontier.append(leaf);
    }
    frontier.root()
}

fn head(size: &Value, root: &Value) -> Option<TreeHead> {
    Some(TreeHead {
        size: TreeSize::new(size.as_u64()?)?,
        root: hash(root)?,
    })
}

fn inclusion_holds(case: &Value) -> Option<bool> {
    let head = head(&case["treeSize"], &case["root"])?;
    let index = LeafIndex::new(case["leafIdx"].as_u64()?)?;
    let leaf = hash(&case["leafHash"])?;
    Some(verify_inclusion(&leaf, index, &head, &proof(&case["proof"])?).is_ok())
}

fn consistency_holds(case: &Value) -> Option<bool> {
    let older = head(&case["size1"], &case["root1"])?;
    let newer = head(&case["size2"], &case["root2"])?;
    Some(verify_consistency(&older, &newer, &proof(&case["proof"])?).is_ok())
}

fn check(kind: &str, holds: fn(&Value) -> Option<bool>) {
    let Some(folder) = vectors() else {
        return;
    };
    let cases = cases(&folder.join("transparency-dev-merkle").join(kind));
    assert!(cases.len() >= 98, "{} cases", cases.len());
    for (path, mut case) in cases {
        // The one case that holds though its roots are words instead of hashes.
        if path.ends_with("sizes-are-equal-one-and-proof-is-empty.json") {
            for root in ["root1", "root2"] {
                let word = case[root].as_str().unwrap().as_bytes();
                case[root] = sha256(word).to_base64().into();
            }
        }
        let refused = !holds(&case).unwrap_or(false);
        assert_eq!(
            Some(refused),
            case["wantErr"].as_bool(),
            "{}",
            path.display()
        );
    }
}

#[test]
fn transparency_dev_inclusion() {
    check("inclusion", inclusion_holds);
}

#[test]
fn transparency_dev_consistency() {
    check("consistency", consistency_holds);
}

fn hex(json: &Value) -> Hash {
    Hash::from_hex(json.as_str().unwrap()).unwrap()
}

#[test]
fn transparency_dev_constants() {
    let Some(folder) = vectors() else {
        return;
    };
    let constants = read(&folder.join("transparency-dev-merkle/testonly_constants.json"));
    let leaves: Vec<Hash> = constants["leaf_inputs_hex"]
        .as_array()
        .unwrap()
        .iter()
        .map(|input| leaf_hash(&hex::decode(input.as_str().unwrap()).unwrap()))
        .collect();
    let roots = constants["root_hashes_hex_by_size"].as_array().unwrap();
    assert_eq!((leaves.len(), roots.len()), (8, 9));
    let mut frontier = Frontier::new();
    assert_eq!(frontier.root(), hex(&roots[0]));
    for (leaf, root) in leaves.iter().zip(&roots[1..]) {
        frontier.append(leaf);
        assert_eq!(frontier.root(), hex(root));
    }
    for (height, level) in constants["node_hashes_hex_by_level"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        for (under, node) in leaves.chunks(1 << height).zip(level.as_array().unwrap()) {
            assert_eq!(root(under), hex(node));
        }
    }
    let hasher = &constants["rfc6962_hasher"];
    assert_eq!(empty_root(), hex(&hasher["empty_root"]));
    assert_eq!(leaf_hash(b""), hex(&hasher["empty_leaf_hash"]));
    assert_eq!(
        leaf_hash(b"L123456"),
        hex(&hasher["leaf_hash_of_ascii_L123456"])
    );
    // The children here are not hashes, so the node hash is spelled out.
    assert_eq!(
        sha256_parts(&[&[1], b"N123", b"N456"]),
        hex(&hasher["node_hash_of_ascii_N123_N456"])
    );
}

/// The paths of the Go checksum database have the tile height in front, which C2SP fixes to 8.
#[test]
fn golang_tile_paths() {
    let Some(folder) = vectors() else {
        return;
    };
    let cases = read(&folder.join("golang-mod/tlog.json"));
    let cases = cases["tile_paths_sumdb_style"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        let path = case["path"].as_str().unwrap();
        let (_, rest) = path.strip_prefix("tile/").unwrap().split_once('/').unwrap();
        let ours = format!("tile/{rest}");
        let parsed = TilePath::parse(&ours).ok();
        let expected = case["tile"].as_array().and_then(|tile| {
            let level = u8::try_from(tile[1].as_i64()?).ok()?;
            let width = match ours.split_once(".p/") {
                Some(_) => u16::try_from(tile[3].as_u64()?).ok()?,
                None => 256,
            };
            TilePath::hashes(level, tile[2].as_u64()?, width)
        });
        assert_eq!(parsed, expected, "{path}");
        // Level -1 holds data there; ours are called entries.
        if let Some(number) = ours.strip_prefix("tile/data/") {
            let entries = TilePath::parse(&format!("tile/entries/{number}")).unwrap();
            assert_eq!(Some(entries.index()), case["tile"][2].as_u64());
        }
    }
}

#[test]
fn derived_tiles_and_bundles() {
    let Some(folder) = vectors() else {
        return;
    };
    let derived = read(&folder.join("derived/c2sp_reference.json"));
    let entries: Vec<Vec<u8>> = (0..600)
        .map(|i| format!("entry {i}").into_bytes())
        .collect();
    let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    for (size, files) in derived["tile_resources"].as_object().unwrap() {
        let size: usize = size.parse().unwrap();
        let mut set = TileSet::new();
        for (path, bytes) in Edge::new().append(&leaves[..size]).unwrap() {
            set.insert(path, &bytes).unwrap();
        }
        for (name, file) in files.as_object().unwrap() {
            let path = TilePath::parse(name).unwrap();
            let bytes = match path.kind() {
                TileKind::Hashes { .. } => set
                    .get(&path)
                    .unwrap()
                    .iter()
                    .flat_map(|hash| *hash.as_bytes())
                    .collect(),
                TileKind::Entries => {
                    let start = usize::try_from(path.index()).unwrap() * 256;
                    bundle_to_bytes(&entries[start..start + usize::from(path.width())]).unwrap()
                }
            };
            assert_eq!(Some(bytes.len() as u64), file["len"].as_u64(), "{name}");
            assert_eq!(sha256(&bytes), hex(&file["sha256"]), "{name}");
        }
        let head = TreeSize::new(size as u64).unwrap();
        let built = build::root(head, &set).unwrap();
        assert_eq!(built, root(&leaves[..size]));
    }
    for (size, levels) in derived["tile_widths"].as_object().unwrap() {
        let size = TreeSize::new(size.parse().unwrap()).unwrap();
        for level in levels.as_array().unwrap() {
            let number = u8::try_from(level["level"].as_u64().unwrap()).unwrap();
            let (full, partial) = (
                level["full"].as_u64().unwrap(),
                level["partial"].as_u64().unwrap(),
            );
            let width = |index| TilePath::hashes_at(number, index, size).map(|path| path.width());
            assert_eq!(
                full.checked_sub(1).and_then(width),
                (full > 0).then_some(256)
            );
            let expected = u16::try_from(partial).unwrap();
            assert_eq!(width(full), (partial > 0).then_some(expected));
            assert_eq!(width(full + 1), None);
        }
    }
}
