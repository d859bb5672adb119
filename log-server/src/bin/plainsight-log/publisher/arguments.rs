//! The publisher's command line, as types.

use std::path::PathBuf;

use anyhow::Result;
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use plainsight_log_server::signer::read_seed;
use plainsight_specs::ed25519::{PublicKey, SecretKey};
use plainsight_specs::entry::RoleName;
use plainsight_specs::hash::Hash;
use plainsight_specs::statement::{
    Audience, Name, Place, Product, ProtectionState, Purl, Reason, ReleaseVersion, Uri,
};
use plainsight_specs::time::Timestamp;
use reqwest::Url;

use crate::arguments::public_key;

#[derive(Subcommand)]
pub(crate) enum SignCommand {
    /// A version is shipped: these files.
    Release(ReleaseArgs),
    /// A version is taken back. Its files stay logged; nobody installs them any more.
    Yank(YankArgs),
    /// A protection is offered, withdrawn or weakened.
    Protection(ProtectionArgs),
    /// A promise is renewed until a date.
    Canary(CanaryArgs),
    /// A role has new keys, from the next statement on. Signed by the role root; for new root keys by
    /// the old and by the new ones.
    PublisherKeys(PublisherKeysArgs),
    /// Add signatures to a statement, where the holders of a role's keys sign on machines of their
    /// own.
    Add(AddArgs),
}

/// The keys that sign.
#[derive(Args)]
pub(crate) struct KeyFiles {
    /// A key of the role, as its seed file; once for each key that signs.
    #[arg(long = "key", value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
}

impl KeyFiles {
    pub(crate) fn load(&self) -> Result<Vec<SecretKey>> {
        let seeds = self.keys.iter().map(|path| read_seed(path));
        Ok(seeds
            .map(|seed| Ok(SecretKey::from_seed(&*seed?)))
            .collect::<Result<_, plainsight_log_server::signer::KeyError>>()?)
    }
}

/// Where in its stream a statement stands.
#[derive(Args)]
#[group(skip)]
#[command(group(ArgGroup::new("where").required(true).args(["policy", "seq"])))]
pub(crate) struct PlaceArgs {
    /// Ask the log for the next place and verify its answer by this C2SP tlog-policy, the one that
    /// readers have.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// The log, if not where the policy says.
    #[arg(long, requires = "policy")]
    pub(crate) url: Option<Url>,
    /// The place, without asking the log: 0 is the first of a stream.
    #[arg(long, value_name = "N")]
    pub(crate) seq: Option<u32>,
    /// What `publish` printed as the leaf of the place before, unless it is the first.
    #[arg(long, value_name = "LEAF", requires = "seq", value_parser = Hash::from_hex)]
    pub(crate) prev: Option<Hash>,
}

/// Which stream of releases.
#[derive(Args)]
pub(crate) struct ProductArgs {
    /// The product, a package URL without version, such as `pkg:generic/example.org/app`.
    #[arg(long, value_parser = Purl::parse)]
    purl: Purl,
    /// Such as `stable`.
    #[arg(long, value_parser = Name::parse)]
    channel: Name,
    /// Such as `arm64`.
    #[arg(long, value_parser = Name::parse)]
    arch: Name,
}

impl ProductArgs {
    pub(crate) fn product(&self) -> Product {
        Product {
            purl: self.purl.clone(),
            channel: self.channel.clone(),
            arch: self.arch.clone(),
        }
    }
}

#[derive(Args)]
pub(crate) struct ReleaseArgs {
    #[command(flatten)]
    pub(crate) product: ProductArgs,
    /// Which version.
    #[arg(long, value_parser = ReleaseVersion::parse)]
    pub(crate) version: ReleaseVersion,
    /// Whom it is for: `all`, `region:XX` or `cohort:NAME`. Auditors tell everybody of less than all.
    #[arg(long, default_value = "all", value_parser = Audience::parse)]
    pub(crate) audience: Audience,
    /// It goes out in a hurry. Auditors say so.
    #[arg(long)]
    pub(crate) emergency: bool,
    /// When it was published, `YYYY-MM-DDTHH:MM:SSZ`; now, if not given.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub(crate) published: Option<Timestamp>,
    /// A document about it, such as `--ref https://slsa.dev/provenance/v1=provenance.json`.
    #[arg(long = "ref", value_name = "TYPE=FILE", value_parser = reference)]
    pub(crate) references: Vec<(Uri, PathBuf)>,
    /// Its files.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) keys: KeyFiles,
}

#[derive(Args)]
pub(crate) struct YankArgs {
    #[command(flatten)]
    pub(crate) product: ProductArgs,
    /// Which version.
    #[arg(long, value_parser = ReleaseVersion::parse)]
    pub(crate) version: ReleaseVersion,
    /// Why, for people.
    #[arg(long, value_parser = Reason::parse)]
    pub(crate) reason: Reason,
    /// When it was yanked, `YYYY-MM-DDTHH:MM:SSZ`; now, if not given.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub(crate) published: Option<Timestamp>,
    /// The files of the release, only if the log is not asked.
    #[arg(
        value_name = "FILE",
        required_unless_present = "policy",
        conflicts_with = "policy"
    )]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) keys: KeyFiles,
}

#[derive(Args)]
pub(crate) struct ProtectionArgs {
    /// Which feature, such as `encrypted-backup`.
    #[arg(long, value_parser = Name::parse)]
    pub(crate) feature: Name,
    /// Where: two letters of ISO 3166-1, or `*` for everywhere.
    #[arg(long, value_parser = Place::parse)]
    pub(crate) region: Place,
    /// What holds from then on.
    #[arg(long)]
    pub(crate) state: State,
    /// From when on, `YYYY-MM-DDTHH:MM:SSZ`.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub(crate) effective: Timestamp,
    /// The wording that users are shown; its SHA-256 is logged.
    #[arg(long, value_name = "FILE")]
    pub(crate) wording: PathBuf,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) keys: KeyFiles,
}

/// What becomes of a protection.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum State {
    Offered,
    Withdrawn,
    Weakened,
}

impl From<State> for ProtectionState {
    fn from(state: State) -> Self {
        match state {
            State::Offered => Self::Offered,
            State::Withdrawn => Self::Withdrawn,
            State::Weakened => Self::Weakened,
        }
    }
}

#[derive(Args)]
pub(crate) struct CanaryArgs {
    /// Which promise, such as `no-secret-orders`.
    #[arg(long, value_parser = Name::parse)]
    pub(crate) name: Name,
    /// Until when it is renewed, `YYYY-MM-DDTHH:MM:SSZ`. Auditors alert when it lapses.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub(crate) valid_until: Timestamp,
    /// When it was published, `YYYY-MM-DDTHH:MM:SSZ`; now, if not given.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub(crate) published: Option<Timestamp>,
    /// The text of the promise; its SHA-256 is logged.
    #[arg(long, value_name = "FILE")]
    pub(crate) text: PathBuf,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) keys: KeyFiles,
}

#[derive(Args)]
pub(crate) struct PublisherKeysArgs {
    /// Which role: root, releases or protections.
    #[arg(long, value_parser = role)]
    pub(crate) role: RoleName,
    /// How many of its keys must sign.
    #[arg(long, default_value_t = 1)]
    pub(crate) threshold: u8,
    /// A key that it has from then on (base64, as `key` prints it); once for each. Keys that are not
    /// named count no more.
    #[arg(long = "new-key", value_name = "KEY", required = true, value_parser = public_key)]
    pub(crate) new_keys: Vec<PublicKey>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) keys: KeyFiles,
}

#[derive(Args)]
pub(crate) struct AddArgs {
    /// The statement.
    pub(crate) statement: PathBuf,
    #[command(flatten)]
    pub(crate) keys: KeyFiles,
}

#[derive(Args)]
pub(crate) struct PublishArgs {
    /// The log.
    #[arg(long)]
    pub(crate) url: Url,
    /// A file with a token of the statements' role, as `token add --out` writes it.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: PathBuf,
    /// How long to try, in seconds.
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    pub(crate) patience_s: u64,
    /// Statements as `sign` prints them, to be logged in this order.
    #[arg(required = true, value_name = "STATEMENT")]
    pub(crate) statements: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct KeyArgs {
    /// The seed file, which only its owner may read.
    pub(crate) file: PathBuf,
    /// Make it first. Nothing is overwritten.
    #[arg(long)]
    pub(crate) new: bool,
}

fn role(text: &str) -> Result<RoleName, &'static str> {
    RoleName::parse(text).ok_or("root, releases or protections is expected")
}

/// A type has no `=` in practice; a file may.
fn reference(text: &str) -> Result<(Uri, PathBuf), String> {
    let (kind, file) = text.split_once('=').ok_or("TYPE=FILE is expected")?;
    let kind = Uri::parse(kind).map_err(|error| error.to_string())?;
    Ok((kind, file.into()))
}
