//! Whether a file is what a stream of releases logged: the rule for installing it.

mod offline;

pub use offline::{bundle, verify_bundle};

use plainsight_specs::hash::{Hash, leaf_hash};
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::query::{ArtifactAnswer, StreamAnswer, StreamRequest, StreamState};
use plainsight_specs::statement::{Audience, Body, Product, Reason, Release, ReleaseVersion, Seq};

use crate::entries::{self, Age};
use crate::failure::Failure;
use crate::reader::{HeadSeen, MAX_ANSWER, Purpose, Reader};
use crate::rebuilds::{self, Rebuilds, RebuildsUnmet};
use crate::trust::{AudienceRule, ReleaseRules};

/// What is asked about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileQuestion {
    /// SHA-256 of the file, computed by the reader from the file itself.
    pub digest: Hash,
    /// Its length in bytes.
    pub size: u64,
    /// The stream it must be from. Without one it is looked up by digest alone, which a log that
    /// wants to ship a special build can answer from a stream made for that.
    pub product: Option<Product>,
    /// The version it must be, if the reader knows.
    pub version: Option<ReleaseVersion>,
}

/// What the log shows about a file.
#[derive(Debug, Clone)]
pub struct FileFound {
    /// What was asked.
    pub question: FileQuestion,
    /// At which head.
    pub head: HeadSeen,
    /// The answer.
    pub state: FileState,
    /// The latest release of the stream, if it is another one than that of `state` and lists the very
    /// same file.
    pub also: Option<ReleaseVersion>,
    /// If it was proved from a bundle, without asking the log.
    pub offline: Option<Offline>,
}

/// What an offline answer is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offline {
    /// The size of the head that was remembered.
    pub remembered: TreeSize,
}

/// What became of a file.
#[derive(Debug, Clone)]
pub enum FileState {
    /// The release at its version lists it, and is not yanked.
    Logged(Box<LoggedFile>),
    /// The release lists it, and was taken back.
    Yanked {
        /// The release.
        release: Box<Release>,
        /// Why, in the provider's words.
        reason: Option<Reason>,
    },
    /// The version is logged with other files.
    OtherFile {
        /// The release.
        release: Box<Release>,
    },
    /// The file is logged, but not as what was asked for.
    OtherRelease {
        /// The release that lists it.
        release: Box<Release>,
        /// What is known of the version that was asked for.
        asked: AskedVersion,
        /// Whether the release that lists it was taken back.
        yanked: bool,
    },
    /// Proved not to be logged, in the stream or, without one, in any.
    Absent,
    /// The stream that was asked for is proved to have no statement at all.
    NoStream,
}

/// What is known of the version that was asked for, when the file is one of another release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedVersion {
    /// Proved not to be in the stream.
    Absent,
    /// In the stream, with other files.
    OtherFiles,
    /// Not shown, as a bundle is of one release.
    NotShown,
}

/// A release that lists the file.
#[derive(Debug, Clone)]
pub struct LoggedFile {
    /// The release.
    pub release: Release,
    /// Its place in the stream.
    pub seq: Seq,
    /// The latest place in the stream, if it was shown.
    pub latest: Option<Seq>,
    /// The version of the latest release, if the latest statement is one.
    pub latest_version: Option<ReleaseVersion>,
    /// What rebuilders found, if the reader's policy asks for that.
    pub rebuilds: Option<Rebuilds>,
    /// Which of the reader's own rules it does not meet.
    pub unmet: Vec<Unmet>,
}

/// A rule of the reader's own that a release does not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmet {
    /// It is not for everybody.
    Audience,
    /// It was logged too recently.
    TooYoung {
        /// How old it has to be, in seconds.
        min_age_s: u64,
    },
    /// How old it is, is not shown.
    AgeNotShown {
        /// How old it has to be, in seconds.
        min_age_s: u64,
    },
    /// It was not built again as the reader asks for.
    Rebuilds(RebuildsUnmet),
}

impl Unmet {
    /// The rule in one word, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Audience => "audience",
            Self::TooYoung { .. } => "too-young",
            Self::AgeNotShown { .. } => "age-not-shown",
            Self::Rebuilds(RebuildsUnmet::Mismatch) => "rebuild-mismatch",
            Self::Rebuilds(RebuildsUnmet::TooFew { .. }) => "too-few-rebuilds",
            Self::Rebuilds(RebuildsUnmet::NotAsked { .. }) => "rebuilds-not-asked",
        }
    }
}

/// Asks the log about a file.
pub async fn verify(reader: &mut Reader<'_>, question: FileQuestion) -> Result<FileFound, Failure> {
    let mut asked = question.clone();
    if asked.product.is_none() {
        match discover(reader, &question.digest).await? {
            Discovered::Absent(head) => {
                let state = FileState::Absent;
                return Ok(FileFound {
                    question,
                    head,
                    state,
                    also: None,
                    offline: None,
                });
            }
            Discovered::In(release) => {
                asked.product = Some(release.product);
                asked.version = Some(release.version);
            }
        }
    }
    let Some(product) = &asked.product else {
        return Err(Failure::Question("no stream to ask about".into()));
    };
    let (answer, request) = ask_stream(reader, product, &asked).await?;
    let state = answer
        .verify(&reader.trust(Purpose::Releases), &request)
        .map_err(|error| reader.refuse(error, &answer.head.checkpoint))?;
    let head = reader.accept(state.head());
    let latest = state.latest().map(|latest| latest.statement.clone());
    let mut state = file_state(&state, &question.digest);
    let also = latest.and_then(|latest| also_in(&state, latest.body(), &question.digest));
    if asked.version.is_some()
        && let Some(other) = as_another(reader, product, &asked, &state).await?
    {
        state = other;
    }
    if let (FileState::Logged(logged), Some(entry)) = (&mut state, &answer.entry) {
        let rules = reader.trust_policy().annotations().release;
        logged.unmet = audience(rules, &logged.release).into_iter().collect();
        logged
            .unmet
            .extend(young(reader, &head, entry, rules).await?);
        if rules.rebuilds > 0 {
            let file = &question.digest;
            let rebuilds =
                rebuilds::ask(reader.log(), reader.trust_policy(), file, reader.now()).await?;
            let unmet = rebuilds.unmet(rules.rebuilds).map(Unmet::Rebuilds);
            logged.unmet.extend(unmet);
            logged.rebuilds = Some(rebuilds);
        }
    }
    Ok(FileFound {
        question,
        head,
        state,
        also,
        offline: None,
    })
}

/// The version of a stream's latest release, if it is not the one found and lists the same file.
fn also_in(found: &FileState, latest: &Body, digest: &Hash) -> Option<ReleaseVersion> {
    let found = match found {
        FileState::Logged(logged) => &logged.release,
        FileState::Yanked { release, .. } => release,
        _ => return None,
    };
    let Body::Release(latest) = latest else {
        return None;
    };
    let mut artifacts = latest.artifacts.iter();
    let lists = artifacts.any(|artifact| artifact.digest == *digest);
    (lists && latest.version != found.version).then(|| latest.version.clone())
}

/// The release of the stream that does list a file which the version asked for does not. The index
/// only grows: what is shown absent at one head and what is shown present at one that extends it
/// hold together for the first.
async fn as_another(
    reader: &mut Reader<'_>,
    product: &Product,
    asked: &FileQuestion,
    state: &FileState,
) -> Result<Option<FileState>, Failure> {
    let version = match state {
        FileState::Absent => AskedVersion::Absent,
        FileState::OtherFile { .. } => AskedVersion::OtherFiles,
        _ => return Ok(None),
    };
    let by_digest = FileQuestion {
        version: None,
        ..asked.clone()
    };
    let (answer, request) = ask_stream(reader, product, &by_digest).await?;
    let shown = answer
        .verify(&reader.trust(Purpose::Releases), &request)
        .map_err(|error| reader.refuse(error, &answer.head.checkpoint))?;
    reader.accept(shown.head());
    let (release, yanked) = match file_state(&shown, &asked.digest) {
        FileState::Logged(logged) => (Box::new(logged.release), false),
        FileState::Yanked { release, .. } => (release, true),
        _ => return Ok(None),
    };
    Ok(Some(FileState::OtherRelease {
        release,
        asked: version,
        yanked,
    }))
}

fn audience(rules: ReleaseRules, release: &Release) -> Option<Unmet> {
    let narrow = rules.audience == AudienceRule::All && release.audience != Audience::All;
    narrow.then_some(Unmet::Audience)
}

/// Reads the log back to an epoch that is old enough, if the reader has such a rule.
async fn young(
    reader: &Reader<'_>,
    head: &HeadSeen,
    entry: &[u8],
    rules: ReleaseRules,
) -> Result<Option<Unmet>, Failure> {
    let min_age_s = rules.min_age_s;
    if min_age_s == 0 {
        return Ok(None);
    }
    let before_ms = reader.now().seconds().saturating_sub(min_age_s) * 1000;
    let age = entries::age(reader.log(), &head.head, &leaf_hash(entry), before_ms).await?;
    Ok(match age {
        Age::Older => None,
        Age::Younger => Some(Unmet::TooYoung { min_age_s }),
        Age::NotShown => Some(Unmet::AgeNotShown { min_age_s }),
    })
}

enum Discovered {
    Absent(HeadSeen),
    In(Release),
}

async fn discover(reader: &mut Reader<'_>, digest: &Hash) -> Result<Discovered, Failure> {
    let since = reader.since();
    let path = format!("v1/artifact/{}?since={since}", digest.to_hex());
    let body = reader.log().read(&path, MAX_ANSWER).await?;
    let answer = ArtifactAnswer::parse(&body).map_err(Failure::refused)?;
    let (head, statement) = answer
        .verify(&reader.trust(Purpose::Releases), digest)
        .map_err(|error| reader.refuse(error, &answer.head.checkpoint))?;
    let head = reader.accept(&head);
    // Only releases insert an index of a file, so any other statement there would be void.
    Ok(match statement.map(|statement| statement.body().clone()) {
        Some(Body::Release(release)) => Discovered::In(release),
        _ => Discovered::Absent(head),
    })
}

async fn ask_stream(
    reader: &Reader<'_>,
    product: &Product,
    asked: &FileQuestion,
) -> Result<(StreamAnswer, StreamRequest), Failure> {
    let request = StreamRequest {
        stream: product.stream(),
        since: Some(reader.since()),
        version: asked.version.clone(),
        digest: Some(asked.digest),
    };
    let body = reader
        .log()
        .ask("v1/stream", &request.to_json(), MAX_ANSWER)
        .await?;
    Ok((
        StreamAnswer::parse(&body).map_err(Failure::refused)?,
        request,
    ))
}

fn file_state(state: &StreamState, digest: &Hash) -> FileState {
    let Some(statement) = state.release() else {
        return match state.latest() {
            Some(_) => FileState::Absent,
            None => FileState::NoStream,
        };
    };
    let Body::Release(release) = statement.body() else {
        return FileState::Absent;
    };
    let lists = release
        .artifacts
        .iter()
        .any(|artifact| artifact.digest == *digest);
    if let (true, Some(yank)) = (lists, state.yank()) {
        let reason = match yank.body() {
            Body::Yank(yank) => Some(yank.reason.clone()),
            _ => None,
        };
        return FileState::Yanked {
            release: Box::new(release.clone()),
            reason,
        };
    }
    if !state.may_install(digest) {
        return FileState::OtherFile {
            release: Box::new(release.clone()),
        };
    }
    let latest_version = state
        .latest()
        .and_then(|latest| match latest.statement.body() {
            Body::Release(release) => Some(release.version.clone()),
            _ => None,
        });
    FileState::Logged(Box::new(LoggedFile {
        release: release.clone(),
        seq: statement.seq(),
        latest: state.latest().map(|latest| latest.seq),
        latest_version,
        rebuilds: None,
        unmet: Vec::new(),
    }))
}
