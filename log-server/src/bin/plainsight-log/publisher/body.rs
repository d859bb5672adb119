//! From arguments and files to what a statement claims.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use plainsight_specs::entry::RoleKeys;
use plainsight_specs::hash::Hash;
use plainsight_specs::statement::{
    Artifact, Body, Canary, Protection, PublisherKeys, Reference, Release, Yank,
};
use plainsight_specs::time::Timestamp;
use sha2::{Digest as _, Sha256};

use super::arguments::{CanaryArgs, ProtectionArgs, PublisherKeysArgs, ReleaseArgs, YankArgs};

pub(super) fn release(args: &ReleaseArgs, now: Timestamp) -> Result<Body> {
    let artifacts = args.files.iter().map(|path| {
        let file = hash(path)?;
        let name = path.file_name().and_then(|name| name.to_str());
        Ok(Artifact {
            name: name.map(str::to_owned),
            digest: file.digest,
            size: file.size,
        })
    });
    let references = args.references.iter().map(|(kind, path)| {
        Ok(Reference {
            kind: kind.clone(),
            sha256: hash(path)?.digest,
        })
    });
    Ok(Body::Release(Release {
        product: args.product.product(),
        version: args.version.clone(),
        audience: args.audience.clone(),
        emergency: args.emergency,
        published: args.published.unwrap_or(now),
        references: references.collect::<Result<_>>()?,
        artifacts: artifacts.collect::<Result<_>>()?,
    }))
}

/// `logged` is what the release at that version holds, if the log was asked.
pub(super) fn yank(args: &YankArgs, logged: Option<Vec<Hash>>, now: Timestamp) -> Result<Body> {
    let digests = match logged {
        Some(digests) => digests,
        None => digests(&args.files)?,
    };
    Ok(Body::Yank(Yank {
        product: args.product.product(),
        version: args.version.clone(),
        reason: args.reason.clone(),
        published: args.published.unwrap_or(now),
        digests,
    }))
}

pub(super) fn protection(args: &ProtectionArgs) -> Result<Body> {
    Ok(Body::Protection(Protection {
        feature: args.feature.clone(),
        place: args.region.clone(),
        state: args.state.into(),
        effective: args.effective,
        wording: hash(&args.wording)?.digest,
    }))
}

pub(super) fn canary(args: &CanaryArgs, now: Timestamp) -> Result<Body> {
    Ok(Body::Canary(Canary {
        name: args.name.clone(),
        valid_until: args.valid_until,
        published: args.published.unwrap_or(now),
        text: hash(&args.text)?.digest,
    }))
}

pub(super) fn publisher_keys(args: &PublisherKeysArgs) -> Result<Body> {
    Ok(Body::PublisherKeys(PublisherKeys {
        role: args.role,
        keys: RoleKeys::new(args.threshold, args.new_keys.clone())?,
    }))
}

fn digests(files: &[impl AsRef<Path>]) -> Result<Vec<Hash>> {
    let hashed = files.iter().map(|path| Ok(hash(path.as_ref())?.digest));
    hashed.collect()
}

/// A file as it is named in a statement.
struct Hashed {
    digest: Hash,
    /// In bytes.
    size: u64,
}

/// In pieces: what is released may be larger than the memory.
fn hash(path: &Path) -> Result<Hashed> {
    let read = || -> std::io::Result<Hashed> {
        let mut file = std::fs::File::open(path)?;
        let (mut sha256, mut size) = (Sha256::new(), 0);
        let mut piece = vec![0; 1 << 16];
        loop {
            let length = file.read(&mut piece)?;
            if length == 0 {
                break;
            }
            sha256.update(piece.get(..length).unwrap_or_default());
            size += length as u64;
        }
        let digest = Hash::from_bytes(sha256.finalize().into());
        Ok(Hashed { digest, size })
    };
    read().with_context(|| path.display().to_string())
}
