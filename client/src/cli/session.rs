//! What most commands begin with: the home, the policy and the log.

use std::path::{Path, PathBuf};
use std::time::Duration;

use plainsight_specs::checkpoint::{Origin, UnverifiedCheckpoint};
use plainsight_specs::evidence::Evidence;
use plainsight_specs::label::Label;
use plainsight_specs::policy::MAX_POLICY_BYTES;
use plainsight_specs::time::Timestamp;

use super::args::Places;
use super::files::{absolute, read_named};
use super::stop::Stop;
use crate::failure::Failure;
use crate::home::config::Config;
use crate::home::policies::{PolicyPin, PolicyStanding};
use crate::home::{Home, default_dir};
use crate::http::{BaseUrl, Http, Patience};
use crate::reader::{Memory, Reader};
use crate::source::Source;
use crate::trust::{MAX_ANNOTATIONS, TrustPolicy};

/// The longest token, in bytes.
const MAX_TOKEN: usize = 4096;
/// How long a publication may take, cosignatures included.
const PUBLISHING: Duration = Duration::from_secs(90);

/// A home that is locked, a policy, and a log.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) home: Home,
    pub(crate) origin: Origin,
    pub(crate) trust: TrustPolicy,
    /// The policy file.
    pub(crate) policy: PathBuf,
    /// Since when what it says is pinned.
    pub(crate) policy_since: Timestamp,
    config: Config,
    log: Option<Source>,
}

impl Session {
    /// Opens the home and reads the policy. Whether there is an address is asked only when needed.
    /// A policy that is met for the first time is pinned; one that changed is an error.
    pub(crate) fn open(places: &Places) -> Result<Self, Stop> {
        let (mut session, standing) = Self::open_with_any_policy(places)?;
        match standing {
            PolicyStanding::Changed(change) => {
                let path = session.policy;
                return Err(Stop::PolicyChanged { path, change });
            }
            PolicyStanding::Pinned(since) => session.policy_since = since,
            PolicyStanding::New => session.home.pin_policy(&PolicyPin {
                path: session.policy.clone(),
                origin: session.origin.clone(),
                essence: session.trust.essence(),
                since: session.policy_since,
            })?,
        }
        Ok(session)
    }

    /// The same for a person who is asked about the change.
    pub(crate) fn open_with_any_policy(places: &Places) -> Result<(Self, PolicyStanding), Stop> {
        let home = open_home(places)?;
        let config = Config::load(home.dir())?;
        let not_configured = |missing| Stop::NotConfigured {
            missing,
            config: home.dir().join(Config::FILE),
        };
        let path = places.policy.as_ref().or(config.policy.as_ref());
        let path = path.ok_or_else(|| not_configured("policy"))?;
        let trust = read_trust(path)?;
        let listed = trust.log_url().map(str::to_owned);
        let url = places.log.clone().or_else(|| config.log.clone()).or(listed);
        let origin = trust
            .origin_at(url.as_deref().unwrap_or_default())
            .map_err(|error| Stop::Trust {
                path: path.clone(),
                error,
            })?;
        let log = match url {
            None => None,
            Some(url) => {
                let http = Http::new(config.patience())?;
                Some(Source::new(http, BaseUrl::parse(&url)?))
            }
        };
        let policy = absolute(path)?;
        let pins = home.policies()?;
        let standing = PolicyStanding::of(&policy, &origin, &trust.essence(), &pins);
        let session = Self {
            home,
            origin,
            trust,
            policy,
            policy_since: super::clock()?,
            config,
            log,
        };
        Ok((session, standing))
    }

    /// HTTP with the configured patience, for others than the log.
    pub(crate) fn http(&self) -> Result<Http, Stop> {
        Ok(Http::new(self.config.patience())?)
    }

    /// The auditor that is handed verified heads, if one is configured.
    pub(crate) fn submits_to(&self) -> Option<&str> {
        self.config.submit_heads.as_deref()
    }

    /// The log.
    pub(crate) fn log(&self) -> Result<&Source, Stop> {
        self.log.as_ref().ok_or_else(|| Stop::NotConfigured {
            missing: "log",
            config: self.home.dir().join(Config::FILE),
        })
    }

    /// The log, with the patience for a publication that waits for auditors.
    pub(crate) fn log_for_publishing(&self) -> Result<Source, Stop> {
        let patience = Patience {
            answer: PUBLISHING,
            ..self.config.patience()
        };
        Ok(Source::new(
            Http::new(patience)?,
            self.log()?.base().clone(),
        ))
    }

    /// A reader with what is remembered; the first contact if nothing is.
    pub(crate) async fn reader(&self) -> Result<Reader<'_>, Stop> {
        let remembered = self.home.memory(&self.origin)?;
        let now = super::clock()?;
        let reader = Reader::open(self.log()?, &self.trust, remembered, now).await;
        let reader = reader.map_err(|failure| self.failed(failure))?;
        self.home.remember(reader.memory())?;
        Ok(reader)
    }

    /// What is known of the log: as remembered, or from a first contact.
    pub(crate) async fn memory(&self) -> Result<Memory, Stop> {
        match self.home.memory(&self.origin)? {
            Some(memory) => Ok(memory),
            None => Ok(self.reader().await?.memory().clone()),
        }
    }

    /// Ends a flow: remembers the head that passed every step, and keeps one that was refused.
    pub(crate) fn end<T>(
        &self,
        reader: &Reader<'_>,
        outcome: Result<T, Failure>,
    ) -> Result<T, Stop> {
        self.home.remember(reader.memory())?;
        outcome.map_err(|failure| self.failed(failure))
    }

    /// Keeps the head that was refused, and the evidence if it contradicts the one remembered.
    pub(crate) fn failed(&self, failure: Failure) -> Stop {
        // What cannot be kept must not hide what was refused.
        let kept = failure
            .shown()
            .and_then(|shown| self.home.keep_refused(&self.origin, shown).ok().flatten());
        let evidence = failure.shown().and_then(|shown| self.evidence(shown));
        Stop::Failure {
            failure,
            kept: kept.map(PathBuf::into_boxed_path),
            evidence: evidence.map(PathBuf::into_boxed_path),
        }
    }

    /// Evidence that the log signed two trees of one size: the head remembered and this one.
    fn evidence(&self, shown: &[u8]) -> Option<PathBuf> {
        let remembered = self.home.memory(&self.origin).ok()??.checkpoint?;
        let keys = self.trust.policy().log_keys(&self.origin);
        let signed = |note: &[u8]| {
            let checkpoint = UnverifiedCheckpoint::parse(note).ok()?;
            checkpoint.verify_log(&keys).ok()
        };
        let (first, second) = (signed(&remembered)?, signed(shown)?);
        if first.head().size != second.head().size || first.head() == second.head() {
            return None;
        }
        let real = first.head().root;
        let evidence = keys
            .iter()
            .find_map(|key| Evidence::of_heads(key, &first, &second, real, Vec::new()).ok())?;
        let kept = self.home.keep_evidence(&evidence.id(), &evidence.to_json());
        kept.ok()
    }

    /// The token for publishing, if there is one.
    pub(crate) fn token(&self, given: Option<&PathBuf>) -> Result<Option<String>, Stop> {
        let Some(path) = given.or(self.config.token_file.as_ref()) else {
            return Ok(None);
        };
        let text = read_text(path, MAX_TOKEN)?;
        Ok(Some(text.trim().into()))
    }
}

/// The home that is given or the usual one.
pub(crate) fn open_home(places: &Places) -> Result<Home, Stop> {
    let usual = || default_dir(|name| std::env::var_os(name).map(PathBuf::from));
    let dir = match &places.home {
        Some(dir) => dir.clone(),
        None => usual()?,
    };
    Ok(Home::open(&dir)?)
}

/// The longest label as typed, in bytes: a name may shrink when it is made canonical.
const MAX_TYPED: u64 = 4096;

/// A label as typed; `-` is the first line of standard input.
pub(crate) fn label(typed: &str) -> Result<Label, Stop> {
    // What was typed is not repeated: it may be somebody's name.
    let usage = |error: &dyn std::fmt::Display| Stop::Usage(format!("that is no label: {error}"));
    if typed != "-" {
        return crate::label::typed(typed).map_err(|error| usage(&error));
    }
    let mut line = String::new();
    let input = std::io::stdin().lock();
    let mut input = std::io::Read::take(input, MAX_TYPED);
    std::io::BufRead::read_line(&mut input, &mut line).map_err(|error| usage(&error))?;
    crate::label::typed(line.trim_end_matches(['\r', '\n'])).map_err(|error| usage(&error))
}

fn read_text(path: &Path, limit: usize) -> Result<String, Stop> {
    String::from_utf8(read_named(path, limit)?).map_err(|_| Stop::File {
        path: path.into(),
        reason: "not UTF-8".into(),
    })
}

/// A policy with the annotations beside it.
fn read_trust(path: &Path) -> Result<TrustPolicy, Stop> {
    let policy = read_text(path, MAX_POLICY_BYTES)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".toml");
    let beside = PathBuf::from(beside);
    let annotations = if beside.exists() {
        Some(read_text(&beside, MAX_ANNOTATIONS)?)
    } else {
        None
    };
    TrustPolicy::parse(&policy, annotations.as_deref()).map_err(|error| Stop::Trust {
        path: path.into(),
        error,
    })
}
