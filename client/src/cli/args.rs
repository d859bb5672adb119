//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Verify a contact's keys, your own keys and updates, trusting no single party.
///
/// Exit codes: 0 verified, 1 refuted, 2 usage or configuration, 3 could not decide, 4 the policy
/// is not met, 5 a pinned key changed, 6 not found (proved absent).
#[derive(Debug, Parser)]
#[command(
    name = "plainsight",
    version,
    arg_required_else_help = true,
    after_help = "Begin with a policy, from somebody you trust: a file that names the log and the auditors that you \
                  believe. Then:\n  \
                  plainsight --policy FILE log status\n  \
                  plainsight --policy FILE contact verify alice@example.org\n\
                  What you say with every command can stand in config.toml in the home instead: policy, log, \
                  token_file, submit_heads, patience_s."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) places: Places,
    #[command(subcommand)]
    pub(crate) noun: Noun,
}

/// Where things are. What is not given is taken from config.toml in the home.
#[derive(Debug, Clone, Args)]
pub(crate) struct Places {
    /// The log's address
    #[arg(long, global = true, value_name = "URL", env = "PLAINSIGHT_LOG")]
    pub(crate) log: Option<String>,
    /// Your policy: which log, and whose cosignatures count (annotations in FILE.toml)
    #[arg(long, global = true, value_name = "FILE", env = "PLAINSIGHT_POLICY")]
    pub(crate) policy: Option<PathBuf>,
    /// Where pins, your keys and what was verified last are kept [default: ~/.local/share/plainsight]
    #[arg(long, global = true, value_name = "DIR", env = "PLAINSIGHT_HOME")]
    pub(crate) home: Option<PathBuf>,
    /// Print JSON, one object a line (its schema is client/output.schema.json)
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print the verdict only, in one line
    #[arg(long, global = true, conflicts_with = "json")]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Noun {
    /// Other people's keys
    #[command(subcommand)]
    Contact(ContactVerb),
    /// Your own keys
    #[command(subcommand)]
    Keys(KeysVerb),
    /// Software releases
    #[command(subcommand)]
    Release(ReleaseVerb),
    /// Protections that the provider offers
    #[command(subcommand)]
    Protection(ProtectionVerb),
    /// Proofs of misbehaviour
    #[command(subcommand)]
    Evidence(EvidenceVerb),
    /// The log itself
    #[command(subcommand)]
    Log(LogVerb),
    /// Whom you trust, and what that withstands
    #[command(subcommand)]
    Policy(PolicyVerb),
    /// Print completions for a shell
    #[command(
        after_help = "Example: plainsight completions bash > ~/.local/share/bash-completion/completions/plainsight"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write a manual page for each command
    #[command(after_help = "Example: plainsight man ~/.local/share/man/man1")]
    Man {
        /// The folder for the pages
        dir: PathBuf,
    },
}

impl Noun {
    /// Whether it may have verified a head.
    pub(crate) fn asks_a_log(&self) -> bool {
        matches!(
            self,
            Self::Contact(_)
                | Self::Keys(_)
                | Self::Release(_)
                | Self::Protection(_)
                | Self::Log(_)
        )
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyVerb {
    /// Draw the quorum, and say what each jurisdiction and organisation could do
    #[command(after_help = "Example: plainsight policy show --compelled DE")]
    Show {
        /// What if everybody under this law is compelled
        #[arg(long, value_name = "JURISDICTION")]
        compelled: Vec<String>,
        /// What if this organisation lies
        #[arg(long, value_name = "ORGANISATION")]
        lying: Vec<String>,
    },
    /// Warn of what is odd: exit code 1 if anything is
    #[command(after_help = "Example: plainsight policy check")]
    Check,
    /// Rely on the policy as it is now, after it changed
    #[command(after_help = "Example: plainsight policy accept")]
    Accept,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContactVerb {
    /// Verify the latest keys of a contact, and compare with what is pinned
    #[command(after_help = "Example: plainsight contact verify alice@example.org")]
    Verify {
        /// An e-mail address, a phone number, a UUID, user:NAME, or opaque:HEX; - reads it from
        /// standard input, where nobody else on this machine sees it
        label: String,
        #[command(flatten)]
        code: CodeArgs,
    },
    /// Rely on the changed keys that the last `verify` showed: exit code 3 while a reset among them is
    /// unconfirmed
    #[command(after_help = "Example: plainsight contact accept alice@example.org")]
    Accept {
        /// The contact
        label: String,
        /// Even if the keys were reset and that is not confirmed by time yet
        #[arg(long)]
        unconfirmed: bool,
    },
    /// The contacts that are pinned, and what each pin is worth
    #[command(after_help = "Example: plainsight contact list")]
    List,
    /// The number that you and a contact compare, by voice or face to face
    #[command(after_help = "Example: plainsight contact number alice@example.org --qr")]
    Number {
        /// The contact, verified before
        label: String,
        /// Your own label, if you have several
        #[arg(long, value_name = "LABEL")]
        me: Option<String>,
        #[command(flatten)]
        drawing: Drawing,
    },
    /// Rely on no keys of a contact any more
    #[command(after_help = "Example: plainsight contact revoke alice@example.org")]
    Revoke {
        /// The contact
        label: String,
    },
    /// Forget what is pinned for a contact
    #[command(after_help = "Example: plainsight contact forget alice@example.org")]
    Forget {
        /// The contact
        label: String,
    },
    /// Write all pins to a file, for another home of yours
    #[command(after_help = "Example: plainsight contact export --out contacts.json")]
    Export {
        /// Where to write it
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Pin what a file from `export` has, and leave what is pinned already
    #[command(after_help = "Example: plainsight contact import contacts.json")]
    Import {
        /// The file
        file: PathBuf,
    },
}

/// A code to compare.
#[derive(Debug, Args)]
pub(crate) struct CodeArgs {
    /// A contact code (psk1...) or the 60 digits of a safety number, from the person
    #[arg(long, value_name = "CODE")]
    pub(crate) code: Option<String>,
    /// The code was compared face to face
    #[arg(long, requires = "code")]
    pub(crate) in_person: bool,
    /// Your own label, for a safety number, if you have several
    #[arg(long, value_name = "LABEL", requires = "code")]
    pub(crate) me: Option<String>,
}

/// How to draw a code.
#[derive(Debug, Args)]
pub(crate) struct Drawing {
    /// Draw it as a QR code
    #[arg(long)]
    pub(crate) qr: bool,
    /// Write it as a QR code to an SVG file
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysVerb {
    /// Make an identity key and a key for each device
    #[command(
        after_help = "Example: plainsight keys new me@example.org --device phone --device laptop"
    )]
    New {
        /// Your own e-mail address, phone number, UUID, user:NAME, or opaque:HEX
        label: String,
        /// A device, by a name of your choice; for several give it several times
        #[arg(long, value_name = "NAME", required = true)]
        device: Vec<String>,
    },
    /// Publish the version that `new` or `rotate` made and that waits
    #[command(after_help = "Example: plainsight keys publish me@example.org --token-file token")]
    Publish {
        /// Your own label
        label: String,
        #[command(flatten)]
        token: Token,
    },
    /// Make a new version, signed by the previous identity key too, and publish it
    #[command(
        after_help = "Example: plainsight keys rotate me@example.org --add-device tablet --remove-device phone"
    )]
    Rotate {
        /// Your own label
        label: String,
        /// A device to add
        #[arg(long, value_name = "NAME")]
        add_device: Vec<String>,
        /// A device to remove; one that is added too gets a new key
        #[arg(long, value_name = "NAME")]
        remove_device: Vec<String>,
        #[command(flatten)]
        token: Token,
    },
    /// Begin anew after the home with your keys was lost: a version that no key of before signs
    #[command(
        long_about = "Begin anew after the home with your keys was lost: a version that no key of before \
                      signs.\n\nIt looks up and verifies what is logged, says what will be published, \
                      what your contacts will see and for how long, and publishes only if you answer \
                      `reset` on standard input, or with --yes.\n\nA home that is not lost makes no \
                      reset, unless you say whose the versions in the log are that it did not make: \
                      somebody else's (--not-mine; they stay alarms), or your own, made in another copy \
                      of this home (--mine).",
        after_help = "Example: plainsight keys reset me@example.org --device phone --device laptop"
    )]
    Reset {
        /// Your own label
        label: String,
        /// A device, which gets a new key
        #[arg(long, value_name = "NAME", required = true)]
        device: Vec<String>,
        /// The versions in the log that this home did not make are somebody else's, and stay alarms
        #[arg(long)]
        not_mine: bool,
        /// You made them, in a copy of this home that is lost: they are not looked at any more
        #[arg(long, conflicts_with = "not_mine")]
        mine: bool,
        /// Publish without asking; what will be seen is said all the same
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        token: Token,
    },
    /// Open every version in the log since the last look, and compare with your own
    #[command(after_help = "Example: plainsight keys monitor me@example.org")]
    Monitor {
        /// Your own label; all of yours if not given
        label: Option<String>,
        /// Look again and again, with this many seconds between; for a service
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(10..))]
        every: Option<u64>,
        /// Run this by a shell when something new is wrong, with what is wrong on its input
        #[arg(long, value_name = "COMMAND", requires = "every")]
        on_alarm: Option<String>,
    },
    /// Ask at least two auditors to watch for versions that are not yours, and what they saw
    #[command(after_help = "Example: plainsight keys watch me@example.org")]
    Watch {
        /// Your own label
        label: String,
        /// Register nothing: read their lists of everything that was inserted, by buckets that many
        /// people share, and compare
        #[arg(long)]
        feed: bool,
    },
    /// Every version of your own that this home keeps
    #[command(after_help = "Example: plainsight keys history me@example.org")]
    History {
        /// Your own label
        label: String,
    },
    /// Your contact code, to be posted where the provider cannot change it
    #[command(after_help = "Example: plainsight keys code me@example.org --svg card.svg")]
    Code {
        /// Your own label, if you have several
        label: Option<String>,
        #[command(flatten)]
        drawing: Drawing,
    },
    /// Your newest keys, as this home keeps them
    #[command(after_help = "Example: plainsight keys show me@example.org")]
    Show {
        /// Your own label
        label: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Token {
    /// A file with the token that the provider gave you for publishing keys; - reads standard input
    #[arg(long, value_name = "FILE", env = "PLAINSIGHT_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// The channel and the architecture of a stream, if none is given.
pub(crate) const CHANNEL: &str = "stable";
pub(crate) const ARCH: &str = "any";

#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// The file; - reads standard input
    pub(crate) file: PathBuf,
    /// The stream it must be from, as a package URL, with @VERSION if it must be that one
    #[arg(long, value_name = "PURL[@VERSION]")]
    pub(crate) stream: Option<String>,
    /// The stream's channel, with --stream [default: stable]
    #[arg(long, value_name = "C", requires = "stream")]
    pub(crate) channel: Option<String>,
    /// The stream's architecture, with --stream [default: any]
    #[arg(long, value_name = "A", requires = "stream")]
    pub(crate) arch: Option<String>,
}

/// A stream of releases.
#[derive(Debug, Args)]
pub(crate) struct StreamArgs {
    /// The product, as a package URL
    pub(crate) purl: String,
    /// The stream's channel
    #[arg(long, value_name = "C", default_value = CHANNEL)]
    pub(crate) channel: String,
    /// The stream's architecture
    #[arg(long, value_name = "A", default_value = ARCH)]
    pub(crate) arch: String,
}

/// Whether to go on looking.
#[derive(Debug, Args)]
pub(crate) struct Again {
    /// Look again and again, with this many seconds between; for a service
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(10..))]
    pub(crate) every: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReleaseVerb {
    /// Verify that a file is byte for byte what the log has for its version
    #[command(
        after_help = "Example: plainsight release verify serde-1.0.229.crate --stream pkg:cargo/serde@1.0.229"
    )]
    Verify {
        #[command(flatten)]
        file: FileArgs,
        /// Verify offline, with a bundle that `release bundle` wrote; - reads standard input
        #[arg(long, value_name = "FILE")]
        bundle: Option<PathBuf>,
        /// Show each check, in order
        #[arg(long)]
        explain: bool,
    },
    /// The releases of a stream, the latest first
    #[command(after_help = "Example: plainsight release list pkg:cargo/serde")]
    List {
        #[command(flatten)]
        stream: StreamArgs,
        /// How many at the most
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
    },
    /// What is new in a stream since the last look: exit code 1 if it is something to know about
    #[command(
        after_help = "Example: plainsight release watch pkg:cargo/serde --channel stable --arch any"
    )]
    Watch {
        #[command(flatten)]
        stream: StreamArgs,
        #[command(flatten)]
        again: Again,
    },
    /// Write a bundle with which each file of a release can be verified offline
    #[command(
        after_help = "Example: plainsight release bundle serde-1.0.229.crate --out serde.bundle"
    )]
    Bundle {
        #[command(flatten)]
        file: FileArgs,
        /// Where to write it
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProtectionVerb {
    /// What the log says about a protection in a region
    #[command(after_help = "Example: plainsight protection status end-to-end-backup --region GB")]
    Status {
        /// The feature, by the name that the provider gives it
        feature: String,
        /// The region, as two capitals such as GB
        #[arg(long, value_name = "R")]
        region: String,
        /// A device was refused it: write a file that shows what the log says all the same
        #[arg(long, value_name = "FILE")]
        refused: Option<PathBuf>,
    },
    /// What is new about a protection since the last look: exit code 1 if it is not offered any more
    #[command(after_help = "Example: plainsight protection watch end-to-end-backup --region GB")]
    Watch {
        /// The feature, by the name that the provider gives it
        feature: String,
        /// The region, as two capitals such as GB
        #[arg(long, value_name = "R")]
        region: String,
        #[command(flatten)]
        again: Again,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum EvidenceVerb {
    /// Check a file that shows something about a log
    ///
    /// Evidence against a log is checked offline, with nothing but the file. A record that an alarm of
    /// `keys monitor` left, or what shows a refused protection, is checked by your policy.
    #[command(after_help = "Example: plainsight evidence verify fork.json")]
    Verify {
        /// The file
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogVerb {
    /// The log's newest head, and who vouches for it
    #[command(after_help = "Example: plainsight log status")]
    Status,
    /// Hand a head that you were shown to an auditor of your choice
    #[command(
        after_help = "Example: plainsight log submit refused.checkpoint --auditor https://auditor.example"
    )]
    Submit {
        /// The file with the checkpoint
        checkpoint: PathBuf,
        /// The auditor's address
        #[arg(long, value_name = "URL")]
        auditor: String,
    },
}

#[cfg(test)]
mod tests;
