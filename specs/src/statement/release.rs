//! Releases and yanks: what the role `releases` says about a product's versions.

use super::StatementError;
use super::grammar::{Audience, Name, Purl, Reason, ReleaseVersion, Uri};
use super::stream::Stream;
use super::subject::{Artifact, Subjects, subject_to_json};
use crate::hash::Hash;
use crate::json::{Json, Object};
use crate::time::Timestamp;

/// The most references of a release.
pub const MAX_REFERENCES: usize = 64;

/// A product in one channel and for one architecture: what names a stream of releases.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Product {
    /// Which product.
    pub purl: Purl,
    /// Such as `stable`.
    pub channel: Name,
    /// Such as `arm64`.
    pub arch: Name,
}

impl Product {
    /// Its stream.
    pub fn stream(&self) -> Stream {
        Stream::release(&self.purl, &self.channel, &self.arch)
    }

    fn take(predicate: &mut Object) -> Result<Self, StatementError> {
        Ok(Self {
            purl: Purl::parse(&predicate.string("purl")?)?,
            channel: Name::parse(&predicate.string("channel")?)?,
            arch: Name::parse(&predicate.string("arch")?)?,
        })
    }
}

/// A document about a release, such as a provenance attestation or a bill of materials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What it is.
    pub kind: Uri,
    /// SHA-256 of the document.
    pub sha256: Hash,
}

/// One build of one version, shipped to an audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Which product.
    pub product: Product,
    /// Which version.
    pub version: ReleaseVersion,
    /// Whom it is for.
    pub audience: Audience,
    /// Whether it went out in a hurry. Auditors say so.
    pub emergency: bool,
    /// When the provider says that it was published.
    pub published: Timestamp,
    /// Documents about it, at most 64.
    pub references: Vec<Reference>,
    /// Its files, 1 to 256 with distinct digests.
    pub artifacts: Vec<Artifact>,
}

impl Release {
    pub(super) fn take(predicate: &mut Object, subjects: Subjects) -> Result<Self, StatementError> {
        Ok(Self {
            product: Product::take(predicate)?,
            version: ReleaseVersion::parse(&predicate.string("version")?)?,
            audience: Audience::parse(&predicate.string("audience")?)?,
            emergency: predicate.bool("emergency")?,
            published: predicate.time("published")?,
            references: take_references(predicate)?,
            artifacts: subjects.artifacts()?,
        })
    }

    pub(super) fn predicate(&self) -> serde_json::Value {
        serde_json::json!({
            "purl": self.product.purl.as_str(),
            "channel": self.product.channel.as_str(),
            "arch": self.product.arch.as_str(),
            "version": self.version.as_str(),
            "audience": self.audience.to_string(),
            "emergency": self.emergency,
            "published": self.published.to_string(),
            "refs": references_to_json(&self.references),
        })
    }

    pub(super) fn subjects(&self) -> Vec<serde_json::Value> {
        self.artifacts.iter().map(Artifact::to_json).collect()
    }
}

/// Takes `refs`.
pub(crate) fn take_references(predicate: &mut Object) -> Result<Vec<Reference>, StatementError> {
    let references = predicate.array("refs", MAX_REFERENCES)?.into_iter();
    references.map(parse_reference).collect()
}

/// `refs`.
pub(crate) fn references_to_json(references: &[Reference]) -> serde_json::Value {
    let references = references.iter().map(|reference| {
        serde_json::json!({
            "type": reference.kind.as_str(),
            "sha256": reference.sha256.to_hex(),
        })
    });
    references.collect()
}

fn parse_reference(value: Json) -> Result<Reference, StatementError> {
    let mut object = value.into_object("refs")?;
    let reference = Reference {
        kind: Uri::parse(&object.string("type")?)?,
        sha256: object.hex_hash("sha256")?,
    };
    object.finish()?;
    Ok(reference)
}

/// Takes a version back. Its files stay logged; clients no longer install them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Yank {
    /// Which product.
    pub product: Product,
    /// Which version.
    pub version: ReleaseVersion,
    /// Why, for people.
    pub reason: Reason,
    /// When the provider says that it was yanked.
    pub published: Timestamp,
    /// The digests of the release that is yanked, 1 to 256, distinct.
    pub digests: Vec<Hash>,
}

impl Yank {
    pub(super) fn take(predicate: &mut Object, subjects: Subjects) -> Result<Self, StatementError> {
        Ok(Self {
            product: Product::take(predicate)?,
            version: ReleaseVersion::parse(&predicate.string("version")?)?,
            reason: Reason::parse(&predicate.string("reason")?)?,
            published: predicate.time("published")?,
            digests: subjects.digests(),
        })
    }

    pub(super) fn predicate(&self) -> serde_json::Value {
        serde_json::json!({
            "purl": self.product.purl.as_str(),
            "channel": self.product.channel.as_str(),
            "arch": self.product.arch.as_str(),
            "version": self.version.as_str(),
            "reason": self.reason.as_str(),
            "published": self.published.to_string(),
        })
    }

    pub(super) fn subjects(&self) -> Vec<serde_json::Value> {
        self.digests.iter().map(subject_to_json).collect()
    }
}
