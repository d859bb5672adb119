//! Real input: the registry packages of this project's own `Cargo.lock`, each a release with the
//! SHA-256 that Cargo checks. `plainsight release verify` then verifies the `.crate` files that
//! Cargo has downloaded.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::statement::{
    Artifact, Audience, Body, Name, Product, Purl, Release, ReleaseVersion,
};
use plainsight_specs::time::Timestamp;
use serde::Deserialize;

const LOCK: &str = include_str!("../../Cargo.lock");

/// One package of the lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its `.crate` file, as the lock file has it.
    pub digest: Hash,
}

/// A package whose `.crate` file is on this machine.
#[derive(Debug, Clone)]
pub struct Downloaded {
    /// The package.
    pub package: Package,
    /// Its file.
    pub path: PathBuf,
    /// The file's length in bytes.
    pub size: u64,
}

#[derive(Deserialize)]
struct LockFile {
    package: Vec<LockPackage>,
}

#[derive(Deserialize)]
struct LockPackage {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// The packages from a registry, those of one name in the order of their versions.
pub fn packages() -> Result<Vec<Package>> {
    let lock: LockFile = toml::from_str(LOCK).context("this project's Cargo.lock")?;
    let mut packages = lock
        .package
        .into_iter()
        .filter_map(|package| Some((package.name, package.version, package.checksum?)))
        .map(|(name, version, checksum)| {
            Ok(Package {
                name,
                version,
                digest: Hash::from_hex(&checksum)?,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    packages.sort_by_cached_key(|package| (package.name.clone(), order(&package.version)));
    Ok(packages)
}

/// The numbers of a version, for sorting: only publication order hangs on it.
fn order(version: &str) -> (Vec<u64>, String) {
    let numbers = version
        .split(['.', '-', '+'])
        .map_while(|part| part.parse().ok())
        .collect();
    (numbers, version.to_owned())
}

/// The packages whose files are here, and why the others' are not.
#[derive(Debug)]
pub struct Fetched {
    /// Checked against the lock file's digests.
    pub found: Vec<Downloaded>,
    /// What is missing and what to do about it, in sentences; `None` if nothing is missing.
    pub missing: Option<String>,
}

/// Finds the files that Cargo has downloaded. Asks Cargo to download what is missing.
pub fn downloaded() -> Result<Fetched> {
    let packages = packages()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut found = find(&packages);
    let mut failed = None;
    if found.len() < packages.len() {
        failed = fetch(&cargo).err();
        found = find(&packages);
    }
    let missing = packages.len() - found.len();
    Ok(Fetched {
        found,
        missing: (missing > 0).then(|| missing_words(missing, failed.as_deref())),
    })
}

/// The workspace's manifest, as Cargo is given it.
fn manifest() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    manifest.canonicalize().unwrap_or(manifest)
}

/// Asks Cargo to download what the lock file names; what failed, in words. Its own words go to the
/// terminal.
fn fetch(cargo: &OsStr) -> Result<(), String> {
    let name = Path::new(cargo).display();
    let fetched = std::process::Command::new(cargo)
        .args(["fetch", "--quiet", "--locked", "--manifest-path"])
        .arg(manifest())
        .status();
    match fetched {
        Err(error) => Err(format!("{name} could not be started: {error}")),
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{name} fetch` ended with {status}")),
    }
}

fn missing_words(missing: usize, failed: Option<&str>) -> String {
    let why = failed.map_or_else(
        || "Cargo did not download them".into(),
        |failed| format!("they were to be downloaded, and {failed}"),
    );
    let packages = match missing {
        1 => "1 package of Cargo.lock is".into(),
        many => format!("{many} packages of Cargo.lock are"),
    };
    format!(
        "{packages} not logged, as the files are not on this machine: {why}. All else works without \
         them. To have them: cargo fetch --locked --manifest-path {}, then start again.",
        manifest().display()
    )
}

fn find(packages: &[Package]) -> Vec<Downloaded> {
    let caches = caches();
    packages
        .iter()
        .filter_map(|package| {
            let name = format!("{}-{}.crate", package.name, package.version);
            let path = caches
                .iter()
                .map(|cache| cache.join(&name))
                .find(|path| path.is_file())?;
            let bytes = std::fs::read(&path).ok()?;
            // A file that is not what the lock file says is not what Cargo would build.
            (sha256(&bytes) == package.digest).then(|| Downloaded {
                package: package.clone(),
                path,
                size: bytes.len() as u64,
            })
        })
        .collect()
}

/// The folders in which Cargo keeps what it downloads.
fn caches() -> Vec<PathBuf> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let Some(home) = home else { return Vec::new() };
    let Ok(entries) = std::fs::read_dir(home.join("registry/cache")) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect()
}

/// The stream of a package's releases.
pub fn product(name: &str) -> Result<Product> {
    Ok(Product {
        purl: Purl::parse(&format!("pkg:cargo/{name}"))?,
        channel: Name::parse("stable")?,
        arch: Name::parse("any")?,
    })
}

/// The release of a downloaded package.
pub fn release(downloaded: &Downloaded, published: Timestamp) -> Result<Body> {
    let package = &downloaded.package;
    Ok(Body::Release(Release {
        product: product(&package.name)?,
        version: ReleaseVersion::parse(&package.version)?,
        audience: Audience::All,
        emergency: false,
        published,
        references: Vec::new(),
        artifacts: vec![Artifact {
            name: Some(format!("{}-{}.crate", package.name, package.version)),
            digest: package.digest,
            size: downloaded.size,
        }],
    }))
}

/// Groups downloads by package, so that each stream can be signed in order.
pub fn by_name(downloads: &[Downloaded]) -> BTreeMap<&str, Vec<&Downloaded>> {
    let mut streams: BTreeMap<&str, Vec<&Downloaded>> = BTreeMap::new();
    for downloaded in downloads {
        streams
            .entry(&downloaded.package.name)
            .or_default()
            .push(downloaded);
    }
    streams
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_names_real_packages_in_order() {
        let packages = packages().unwrap();
        assert!(packages.len() > 300);
        assert!(packages.iter().any(|package| package.name == "rs_merkle"));
        assert!(order("0.9.0") < order("0.10.0"));
        let names: Vec<_> = packages.iter().map(|package| &package.name).collect();
        assert!(names.is_sorted());
    }

    #[test]
    fn the_files_that_built_this_test_are_found_byte_for_byte() {
        let found = find(&packages().unwrap());
        assert!(found.iter().any(|file| file.package.name == "serde_json"));
    }

    #[test]
    fn what_cargo_failed_at_and_what_to_do_is_said() {
        let failed = fetch(OsStr::new("/nowhere/cargo")).unwrap_err();
        assert!(
            failed.starts_with("/nowhere/cargo could not be started"),
            "{failed}"
        );
        let text = missing_words(3, Some(&failed));
        assert!(
            text.starts_with("3 packages of Cargo.lock are not logged"),
            "{text}"
        );
        assert!(
            text.contains("/nowhere/cargo could not be started"),
            "{text}"
        );
        assert!(
            text.contains("cargo fetch --locked --manifest-path /"),
            "{text}"
        );
        if cfg!(unix) {
            let failed = fetch(OsStr::new("false")).unwrap_err();
            assert!(failed.contains("`false fetch` ended with"), "{failed}");
        }
    }
}
