//! Offline bundles of releases.

use plainsight_specs::Blame;
use plainsight_specs::bundle::{BundleError, UnverifiedBundle};
use plainsight_specs::head::Step;
use plainsight_specs::statement::{Body, Seq};
use pyo3::prelude::*;

use crate::error::refused;
use crate::head::{Head, Trust};

/// A release that a bundle proves to be logged, and not yanked at its head.
#[pyclass(frozen, get_all, module = "plainsight")]
pub(crate) struct Release {
    head: Py<Head>,
    purl: String,
    channel: String,
    arch: String,
    version: String,
    /// `all`, `region:XX` or `cohort:name`.
    audience: String,
    emergency: bool,
    /// When its publisher says that it was published, in seconds since 1970.
    published: u64,
    /// Its place in its stream.
    seq: u32,
    /// The latest place in its stream at that head, if the bundle shows it.
    latest_seq: Option<u32>,
    /// The SHA-256 and the size of each of its files.
    files: Vec<([u8; 32], u64)>,
}

/// Verifies that the file with this SHA-256 is one of the release that a bundle proves.
#[pyfunction]
pub(crate) fn verify_bundle(
    py: Python<'_>,
    bundle: &[u8],
    sha256: [u8; 32],
    trust: &Trust,
) -> PyResult<Release> {
    let failed = |error: BundleError| {
        let step = match &error {
            BundleError::Head(error) => Some(error.step()),
            _ => None,
        };
        refused(error.blame(), step, &error)
    };
    let bundle = UnverifiedBundle::parse(bundle).map_err(failed)?;
    let bundle = bundle.verify(&trust.inner()).map_err(failed)?;
    let Body::Release(release) = bundle.release.body() else {
        return Err(failed(BundleError::NotARelease));
    };
    let files = release.artifacts.iter();
    let files: Vec<_> = files
        .map(|file| (*file.digest.as_bytes(), file.size))
        .collect();
    if !files.iter().any(|(digest, _)| *digest == sha256) {
        let text = "the bundle holds, and the file is none of its release";
        return Err(refused(Blame::Unproven, Some(Step::Statement), &text));
    }
    let head = Head::of(py, trust.policy.get(), &bundle.head)?;
    Ok(Release {
        head: Py::new(py, head)?,
        purl: release.product.purl.as_str().to_owned(),
        channel: release.product.channel.as_str().to_owned(),
        arch: release.product.arch.as_str().to_owned(),
        version: release.version.as_str().to_owned(),
        audience: release.audience.to_string(),
        emergency: release.emergency,
        published: release.published.seconds(),
        seq: bundle.release.seq().get(),
        latest_seq: bundle.latest.map(Seq::get),
        files,
    })
}
