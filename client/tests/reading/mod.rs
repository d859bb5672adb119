//! A reader of the tiny log, and what it asks about files.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "it serves tests only")]

use plainsight_client::failure::Failure;
use plainsight_client::http::{BaseUrl, Http, Patience};
use plainsight_client::reader::Reader;
use plainsight_client::release::{self, FileFound, FileQuestion, FileState, Unmet};
use plainsight_client::source::Source;
use plainsight_client::trust::TrustPolicy;
use plainsight_specs::hash::sha256;
use plainsight_specs::label::Label;
use plainsight_specs::statement::{Product, ReleaseVersion};
use plainsight_specs::time::Timestamp;

use crate::tiny_log::{Served, TinyLog, product, serve};

pub(crate) const SERDE: &str = "pkg:cargo/serde";

pub(crate) fn now() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000).unwrap()
}

/// The owner of keys.
pub(crate) fn label() -> Label {
    Label::email("me@example.org").unwrap()
}

/// Tries once only, so that what fails fails at once.
pub(crate) fn http() -> Http {
    Http::new(Patience {
        attempts: 1,
        ..Patience::default()
    })
    .unwrap()
}

pub(crate) fn trust(served: &Served) -> TrustPolicy {
    TrustPolicy::parse(&TinyLog::policy(&served.url), None).unwrap()
}

pub(crate) fn source(served: &Served) -> Source {
    Source::new(http(), BaseUrl::parse(&served.url).unwrap())
}

/// A log with two releases.
pub(crate) fn log() -> Served {
    let mut log = TinyLog::new(now());
    log.release(&product(SERDE), "1.0.0", &[b"serde one"]);
    log.release(&product(SERDE), "1.1.0", &[b"serde two"]);
    serve(log)
}

pub(crate) fn ask(file: &[u8], product: Option<Product>, version: Option<&str>) -> FileQuestion {
    FileQuestion {
        digest: sha256(file),
        size: file.len() as u64,
        product,
        version: version.map(|version| ReleaseVersion::parse(version).unwrap()),
    }
}

pub(crate) async fn verify(served: &Served, question: FileQuestion) -> Result<FileFound, Failure> {
    let (source, trust) = (source(served), trust(served));
    let mut reader = Reader::open(&source, &trust, None, now()).await?;
    release::verify(&mut reader, question).await
}

/// A reader with notes of their own.
pub(crate) async fn verify_by(
    served: &Served,
    notes: &str,
    question: FileQuestion,
    at: Timestamp,
) -> FileFound {
    let trust = TrustPolicy::parse(&TinyLog::policy(&served.url), Some(notes)).unwrap();
    let source = source(served);
    let mut reader = Reader::open(&source, &trust, None, at).await.unwrap();
    release::verify(&mut reader, question).await.unwrap()
}

pub(crate) fn unmet(found: &FileFound) -> Vec<Unmet> {
    match &found.state {
        FileState::Logged(logged) => logged.unmet.clone(),
        other => panic!("{other:?}"),
    }
}
