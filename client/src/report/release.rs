//! `release verify`.

use std::cmp::Ordering;
use std::path::PathBuf;

use plainsight_specs::rebuild::Outcome;
use plainsight_specs::statement::{Audience, Product, Release, ReleaseVersion, Seq};
use serde_json::{Value, json};

use super::{Report, head_json, head_lines, not_checked_line, plain};
use crate::failure::Verdict;
use crate::home::streams::StreamStanding;
use crate::rebuilds::{Rebuilds, RebuildsUnmet};
use crate::release::{AskedVersion, FileFound, FileState, LoggedFile, Unmet};

const NOT_CHECKED_OF_NONE: [&str; 1] =
    ["whether it is in the log of another provider (each publishes in its own)"];
const NOT_CHECKED: [&str; 2] = [
    "whether the file does what it should (the log shows that everybody is offered the same)",
    "whether it was built from the source that is published",
];

/// What was found about a file, and how its stream stands to the pinned ones.
#[derive(Debug)]
pub struct FileReport {
    /// Which file.
    pub path: PathBuf,
    /// What the log shows.
    pub found: FileFound,
    /// How the release's stream stands to the pinned ones.
    pub standing: Option<StreamStanding>,
    /// Whether each check is to be shown.
    pub explain: bool,
}

impl FileReport {
    /// The release and its stream are to be relied on from now on.
    pub fn to_pin(&self) -> Option<&Product> {
        match &self.found.state {
            FileState::Logged(logged) if self.verdict() == Verdict::Verified => {
                Some(&logged.release.product)
            }
            _ => None,
        }
    }

    /// The last point is looked at if the policy asks for rebuilds.
    fn not_checked(&self) -> &'static [&'static str] {
        let [function, _] = &NOT_CHECKED;
        match &self.found.state {
            FileState::Logged(logged) if logged.rebuilds.is_some() => {
                std::slice::from_ref(function)
            }
            FileState::Absent => &NOT_CHECKED_OF_NONE,
            _ => &NOT_CHECKED,
        }
    }

    /// One file may be in several versions of its stream.
    fn versions_line(&self) -> Option<String> {
        let found = &self.found;
        let release = match &found.state {
            FileState::Logged(logged) => &logged.release,
            FileState::Yanked { release, .. } => release,
            _ => return None,
        };
        if let Some(also) = &found.also {
            return Some(format!(
                "The very same file is in version {also}, the latest of its stream; to ask about that one: \
                 --stream {}@{also} --channel {} --arch {}",
                release.product.purl, release.product.channel, release.product.arch
            ));
        }
        let is_latest =
            matches!(&found.state, FileState::Logged(logged) if logged.latest == Some(logged.seq));
        let by_file_alone = found.question.version.is_none() && found.offline.is_none();
        (by_file_alone && !is_latest).then(|| {
            format!(
                "{} is the first version of its stream that lists the file; whether others list it too was \
                 not looked at, apart from the latest.",
                release.version
            )
        })
    }

    /// How the head of a bundle stands to the one that this home verified last.
    fn offline_words(&self) -> Option<String> {
        let remembered = self.found.offline?.remembered;
        let size = self.found.head.head.size;
        Some(match size.cmp(&remembered) {
            Ordering::Equal => "its head is the one that this home verified last".into(),
            Ordering::Less => format!(
                "this home has verified a NEWER head, of size {remembered}: what was logged since, a yank or \
                 a newer release, is not in the bundle, and that both are of one history is not shown; \
                 without --bundle the log is asked"
            ),
            Ordering::Greater => format!(
                "that its head extends the one of size {remembered} that this home verified last is not \
                 shown; without --bundle the log is asked"
            ),
        })
    }

    fn asked(&self) -> bool {
        self.found.question.product.is_some()
    }

    /// Another stream than the pinned one of this product, which nobody asked for.
    fn strange_stream(&self) -> Option<&Product> {
        match &self.standing {
            Some(StreamStanding::Other(pinned)) if !self.asked() => Some(pinned),
            _ => None,
        }
    }
}

impl Report for FileReport {
    fn verdict(&self) -> Verdict {
        match &self.found.state {
            FileState::Logged(_) if self.strange_stream().is_some() => Verdict::PinChanged,
            FileState::Logged(logged) if !logged.unmet.is_empty() => Verdict::PolicyNotMet,
            FileState::Logged(_) => Verdict::Verified,
            FileState::Absent
            | FileState::NoStream
            | FileState::OtherRelease {
                asked: AskedVersion::Absent,
                ..
            } => Verdict::NotFound,
            FileState::Yanked { .. }
            | FileState::OtherFile { .. }
            | FileState::OtherRelease { .. } => Verdict::Refuted,
        }
    }

    fn lines(&self) -> Vec<String> {
        let path = plain(&self.path.display().to_string());
        let mut lines = match &self.found.state {
            FileState::Logged(logged) => self.logged_lines(&path, logged),
            FileState::Yanked { release, reason } => {
                let reason = reason.as_ref().map(|reason| plain(reason.as_str()));
                vec![
                    format!(
                        "YANKED: {path} is {}, which was taken back.",
                        release_words(release)
                    ),
                    format!(
                        "The provider's reason: {}",
                        reason.as_deref().unwrap_or("none given")
                    ),
                ]
            }
            FileState::OtherFile { release } => vec![
                format!(
                    "REFUTED: {path} is not a file of {}, which the log has with other files.",
                    release_words(release)
                ),
                "Do not install it. Keep the file: it may be a build that was made for you.".into(),
            ],
            FileState::OtherRelease {
                release,
                asked,
                yanked,
            } => self.other_lines(&path, release, *asked, *yanked),
            FileState::NoStream => vec![
                format!(
                    "NOT FOUND: this log is proved to have no stream {}: nothing was ever published in it. \
                     Nothing was found out about {path}; do not install it.",
                    self.found
                        .question
                        .product
                        .as_ref()
                        .map_or_else(|| "of that name".into(), product_words)
                ),
                "Is that the stream you meant? Check the package URL, the channel and the architecture; \
                 without --stream the file is looked for in all of them."
                    .into(),
            ],
            FileState::Absent => vec![
                format!(
                    "NOT LOGGED: {path} is proved not to be in {}.",
                    self.found.question.product.as_ref().map_or_else(
                        || "any release of this log".into(),
                        |product| format!("the stream {}", product_words(product))
                    )
                ),
                "Do not install it. Keep the file: it may be a build that was made for you.".into(),
            ]
            .into_iter()
            .chain(self.asked().then(|| {
                "Is that the stream you meant? Without --stream it is looked for in all of them.".into()
            }))
            .collect(),
        };
        lines.extend(self.versions_line());
        lines.push(format!(
            "SHA-256 {}, {} bytes.",
            self.found.question.digest.to_hex(),
            self.found.question.size
        ));
        lines.extend(head_lines(&self.found.head));
        lines.extend(
            self.offline_words()
                .map(|words| format!("Offline: {words}.")),
        );
        if self.explain {
            lines.extend(self.checks());
        }
        lines.push(not_checked_line(self.not_checked()));
        lines
    }

    fn json(&self) -> Value {
        let found = &self.found;
        let (state, release) = match &found.state {
            FileState::Logged(logged) => ("logged", Some(&logged.release)),
            FileState::Yanked { release, .. } => ("yanked", Some(release.as_ref())),
            FileState::OtherFile { release } => ("other-file", Some(release.as_ref())),
            FileState::OtherRelease { release, .. } => ("other-release", Some(release.as_ref())),
            FileState::Absent => ("absent", None),
            FileState::NoStream => ("no-stream", None),
        };
        let stream = match &self.standing {
            _ if self.asked() => "asked",
            Some(StreamStanding::Pinned(_)) => "pinned",
            Some(StreamStanding::Other(_)) => "other",
            Some(StreamStanding::New) | None => "discovered",
        };
        json!({
            "verdict": self.verdict().as_str(),
            "file": self.path.display().to_string(),
            "sha256": found.question.digest.to_hex(),
            "size": found.question.size,
            "state": state,
            "stream": stream,
            "release": release.map(|release| json!({
                "purl": release.product.purl.as_str(),
                "channel": release.product.channel.as_str(),
                "arch": release.product.arch.as_str(),
                "version": release.version.as_str(),
                "audience": release.audience.to_string(),
                "emergency": release.emergency,
                "published": release.published.to_string(),
            })),
            "seq": match &found.state {
                FileState::Logged(logged) => Some(logged.seq.get()),
                _ => None,
            },
            "also_in": found.also.as_ref().map(ReleaseVersion::as_str),
            "latest_seq": match &found.state {
                FileState::Logged(logged) => logged.latest.map(Seq::get),
                _ => None,
            },
            "unmet": match &found.state {
                FileState::Logged(logged) => logged
                    .unmet
                    .iter()
                    .map(|unmet| unmet_words(*unmet, &logged.release))
                    .collect(),
                _ => Vec::new(),
            },
            "unmet_rules": match &found.state {
                FileState::Logged(logged) => logged.unmet.iter().map(Unmet::code).collect(),
                _ => Vec::new(),
            },
            "rebuilds": match &found.state {
                FileState::Logged(logged) => logged.rebuilds.as_ref().map(rebuilds_json),
                _ => None,
            },
            "checks": if self.explain { Some(self.checks()) } else { None },
            "offline": found.offline.is_some(),
            "remembered_size": found.offline.map(|offline| offline.remembered.get()),
            "head": head_json(&found.head),
            "not_checked": self.not_checked(),
        })
    }
}

impl FileReport {
    /// The checks in their order, with what each came to.
    fn checks(&self) -> Vec<String> {
        let found = &self.found;
        let head = &found.head;
        let count = head.vouchers.len();
        let mut checks = vec![
            format!("log signature: {} signed its head.", head.origin),
            format!(
                "quorum: {count} of {} auditors cosigned it, which meets your policy.",
                count + head.silent.len()
            ),
            format!(
                "freshness: the quorum did so {} s ago.",
                head.now.since(head.fresh)
            ),
            if let Some(words) = self.offline_words() {
                format!("consistency: {words}.")
            } else {
                "consistency: it extends the head seen last.".into()
            },
            format!(
                "epoch: its last entry states the index, as of {}.",
                super::time_of_ms(head.epoch_ms)
            ),
        ];
        let (at_version, yank) = match &found.state {
            FileState::Logged(_) => ("holds a release that lists the file", "absent"),
            FileState::Yanked { .. } => ("holds a release that lists the file", "PRESENT"),
            FileState::OtherFile { .. }
            | FileState::OtherRelease {
                asked: AskedVersion::OtherFiles,
                ..
            } => ("holds a release that does NOT list the file", "-"),
            FileState::OtherRelease {
                asked: AskedVersion::NotShown,
                ..
            } => ("is not shown for the release that was asked for", "-"),
            FileState::OtherRelease { .. } => ("holds NOTHING for the version asked for", "-"),
            FileState::Absent => ("holds NOTHING for the file", "-"),
            FileState::NoStream => ("holds NOTHING, and neither does the stream", "-"),
        };
        checks.push(format!(
            "index: (stream, version) {at_version}; its yank is {yank}."
        ));
        if let FileState::Logged(logged) = &found.state {
            checks.push(match logged.latest {
                Some(latest) => format!(
                    "ladder: number {latest} is proved the latest of the stream, this is {}.",
                    logged.seq
                ),
                None => "ladder: not in the bundle.".into(),
            });
            checks.push(match (&self.standing, self.asked()) {
                (_, true) => "stream: the one that you named.".into(),
                (Some(StreamStanding::Pinned(_)), _) => "stream: pinned.".into(),
                (Some(StreamStanding::Other(_)), _) => "stream: NOT the pinned one.".into(),
                _ => "stream: met for the first time.".into(),
            });
            let unmet = |is: fn(&Unmet) -> bool| logged.unmet.iter().any(is);
            let audience = unmet(|unmet| *unmet == Unmet::Audience);
            checks.push(format!(
                "audience: {}{}.",
                logged.release.audience,
                if audience {
                    ", NOT what your policy asks for"
                } else {
                    ""
                }
            ));
            let age =
                unmet(|unmet| matches!(unmet, Unmet::TooYoung { .. } | Unmet::AgeNotShown { .. }));
            checks.push(if age {
                "age: NOT shown to be what your policy asks for.".into()
            } else {
                "age: what your policy asks for.".into()
            });
        }
        checks.push(match &found.state {
            FileState::Logged(logged) => rebuild_check(logged),
            _ => "rebuilds: not looked for.".into(),
        });
        let numbered = (1..).zip(checks);
        numbered
            .map(|(number, check)| format!("{number}. {check}"))
            .collect()
    }

    /// A file of another release than the one asked for: no more than that is said of it.
    fn other_lines(
        &self,
        path: &str,
        release: &Release,
        asked: AskedVersion,
        yanked: bool,
    ) -> Vec<String> {
        let question = &self.found.question;
        let product = question.product.as_ref().unwrap_or(&release.product);
        let wanted = match &question.version {
            Some(version) => format!("version {version} of {}", product_words(product)),
            None => format!("a release of {}", product_words(product)),
        };
        let words = release_words(release);
        let first = match asked {
            AskedVersion::Absent => format!(
                "NOT FOUND: {wanted} is proved not to be in the log. {path} is byte for byte {words}, which is."
            ),
            AskedVersion::OtherFiles => format!(
                "REFUTED: {path} is not {wanted}, which the log has with other files. It is byte for byte \
                 {words}."
            ),
            AskedVersion::NotShown => {
                format!("REFUTED: {path} is not {wanted}. It is byte for byte {words}.")
            }
        };
        let next = if yanked {
            "Do not install it: that release was taken back.".to_owned()
        } else if self.found.offline.is_some() {
            "Do not install it as what you asked for. If that release is the one you want, ask for it."
                .to_owned()
        } else {
            format!(
                "Do not install it as what you asked for. If that release is the one you want: --stream {}@{} \
                 --channel {} --arch {}",
                release.product.purl,
                release.version,
                release.product.channel,
                release.product.arch
            )
        };
        vec![first, next]
    }

    fn logged_lines(&self, path: &str, logged: &LoggedFile) -> Vec<String> {
        let release = &logged.release;
        let words = release_words(release);
        let mut lines = Vec::new();
        if let Some(pinned) = self.strange_stream() {
            lines.push(format!(
                "CHANGED: {path} is {words}, but you rely on the stream {} of this product.",
                product_words(pinned)
            ));
            lines.push(format!(
                "If this stream is meant, name it: --stream {} --channel {} --arch {}",
                release.product.purl, release.product.channel, release.product.arch
            ));
        } else if !logged.unmet.is_empty() {
            lines.push(format!(
                "POLICY NOT MET: {path} is byte for byte {words}, but not what you install."
            ));
            lines.extend(
                logged
                    .unmet
                    .iter()
                    .map(|unmet| unmet_words(*unmet, release)),
            );
        } else {
            lines.push(format!("VERIFIED: {path} is byte for byte {words}."));
            if !self.asked() {
                lines.push(match &self.standing {
                    Some(StreamStanding::Pinned(since)) => {
                        format!("Its stream is pinned since {since}.")
                    }
                    _ => {
                        "The stream was not pinned: it was found by the file alone, and is pinned \
                          now."
                            .into()
                    }
                });
            }
        }
        lines.push(format!(
            "Published {}, not yanked{}{}.",
            release.published,
            newer_words(logged),
            self.found.offline.map_or_else(String::new, |_| format!(
                ", as of {}, when the bundle's head was made",
                super::time_of_ms(self.found.head.epoch_ms)
            ))
        ));
        if release.audience != Audience::All && logged.unmet.is_empty() {
            lines.push(format!(
                "Note: it is for {} only, not for everybody.",
                release.audience
            ));
        }
        if release.emergency {
            lines.push("Note: it is marked as an emergency release.".into());
        }
        lines.extend(logged.rebuilds.iter().flat_map(rebuild_lines));
        lines
    }
}

fn unmet_words(unmet: Unmet, release: &Release) -> String {
    match unmet {
        Unmet::Audience => format!(
            "It is for {} only, and your policy asks for releases that are for everybody.",
            release.audience
        ),
        Unmet::TooYoung { min_age_s } => {
            format!("It was logged less than {min_age_s} s ago, and your policy waits that long.")
        }
        Unmet::Rebuilds(RebuildsUnmet::Mismatch) => {
            "Somebody on your list built it again from its source and got ANOTHER file.".into()
        }
        Unmet::Rebuilds(RebuildsUnmet::TooFew { wanted, found }) => format!(
            "Your policy asks for {wanted} organisations that built the same file again from its \
             source, and {found} did."
        ),
        Unmet::Rebuilds(RebuildsUnmet::NotAsked { wanted }) => format!(
            "Your policy asks for {wanted} organisations that built it again from its source, which \
             is not shown offline."
        ),
        Unmet::AgeNotShown { min_age_s } => format!(
            "Your policy waits {min_age_s} s after a release is logged, and how old it is, is not \
             shown here."
        ),
    }
}

/// What each rebuilder found, and which auditors did not say.
fn rebuild_lines(rebuilds: &Rebuilds) -> Vec<String> {
    let found = rebuilds.found.iter().map(|found| {
        let what = match found.claim.outcome {
            Outcome::Match => "built the same file".into(),
            Outcome::Unbuildable => "could not build it".into(),
            Outcome::Mismatch { built } => format!("built ANOTHER file, {}", built.to_hex()),
        };
        format!(
            "Rebuild: {} ({}) {what}, {}.",
            plain(&found.name),
            plain(&found.organisation),
            found.claim.time
        )
    });
    let silent = rebuilds.silent.iter().map(|(auditor, why)| {
        format!(
            "Rebuild: {} did not say what it carries: {}.",
            plain(auditor),
            plain(why)
        )
    });
    found.chain(silent).collect()
}

fn rebuild_check(logged: &LoggedFile) -> String {
    let failed = logged
        .unmet
        .iter()
        .any(|unmet| matches!(unmet, Unmet::Rebuilds(_)));
    match &logged.rebuilds {
        None if failed => "rebuilds: NOT shown, as this is offline.".into(),
        None => "rebuilds: not looked for.".into(),
        Some(rebuilds) => format!(
            "rebuilds: {} organisations built the same file, {} rebuilders another one, by {} \
             auditors{}.",
            rebuilds.matching().len(),
            rebuilds.mismatching().count(),
            rebuilds.asked.len(),
            if failed {
                ", NOT what your policy asks for"
            } else {
                ""
            }
        ),
    }
}

/// What rebuilders found, as JSON.
fn rebuilds_json(rebuilds: &Rebuilds) -> Value {
    let found = rebuilds.found.iter().map(|found| {
        json!({
            "name": found.name,
            "organisation": found.organisation,
            "result": found.claim.outcome.as_str(),
            "time": found.claim.time.to_string(),
        })
    });
    let silent = rebuilds.silent.iter().map(|(auditor, _)| auditor);
    json!({
        "found": found.collect::<Vec<_>>(),
        "asked": rebuilds.asked,
        "silent": silent.collect::<Vec<_>>(),
    })
}

fn newer_words(logged: &LoggedFile) -> String {
    match (logged.latest, &logged.latest_version) {
        (Some(latest), _) if latest == logged.seq => ", the latest of its stream".into(),
        (Some(_), Some(version)) => format!("; the latest of its stream is {version}"),
        (Some(latest), None) => format!("; its stream goes on to number {latest}"),
        (None, _) => ", whether it is the latest is not shown".into(),
    }
}

fn release_words(release: &Release) -> String {
    format!(
        "version {} of {}",
        release.version,
        product_words(&release.product)
    )
}

fn product_words(product: &Product) -> String {
    format!("{} ({}, {})", product.purl, product.channel, product.arch)
}
