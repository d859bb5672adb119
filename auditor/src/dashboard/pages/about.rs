//! `/about`: who this auditor is, what it does, what it does not, and how to check it.

use askama::Template;
use serde::Serialize;

use super::super::asked::Asked;
use super::super::error::PageError;
use super::super::frame;
use super::super::view::{Digest, Frame, Nav};
use crate::http::{MEANING, Site};

/// The page.
#[derive(Debug, Template, Serialize)]
#[template(path = "about.html")]
pub(super) struct About {
    #[serde(rename = "page")]
    frame: Frame,
    /// What its cosignature states.
    states: &'static str,
    /// The key of its cosignatures.
    vkey: Digest,
    /// The key of its answers to watches.
    watch_vkey: Digest,
    /// Whom to write to.
    contact: Option<String>,
    /// Where it is reached.
    url: Option<String>,
    /// The commands that begin an auditor which follows the same logs and compares with this one, with
    /// what each is for.
    commands: Vec<Command>,
}

/// A command for whoever runs an auditor.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Command {
    what: String,
    line: String,
}

fn commands(site: &Site, base: &str) -> Vec<Command> {
    let of = |what: &str, line: String| Command {
        what: what.into(),
        line,
    };
    let dir = "--dir my-auditor";
    let mut commands = vec![of(
        "Begin",
        format!(
            "plainsight-auditor init {dir} --name auditor.example.org --organisation \"Example\" --jurisdiction CH"
        ),
    )];
    commands.extend(site.desks.values().map(|desk| {
        of(
            &format!("Follow {}", desk.log.origin),
            format!(
                "plainsight-auditor add-log {dir} --url {} --vkey {}",
                desk.log.url, desk.log.key
            ),
        )
    }));
    commands.push(of(
        "Compare with this auditor",
        format!(
            "plainsight-auditor add-peer {dir} --url {base} --vkey {}",
            site.vkey
        ),
    ));
    commands.push(of("Run it", format!("plainsight-auditor serve {dir}")));
    commands
}

/// What the words mean.
#[derive(Debug, Template, Serialize)]
#[template(path = "words.html")]
pub(super) struct Words {
    #[serde(rename = "page")]
    frame: Frame,
    words: &'static [Word],
}

/// A word, and what it means here.
#[derive(Debug, Clone, Copy, Serialize)]
struct Word {
    /// Where it stands in the page.
    id: &'static str,
    name: &'static str,
    means: &'static str,
}

const fn word(id: &'static str, name: &'static str, means: &'static str) -> Word {
    Word { id, name, means }
}

/// The words that other pages link.
const WORDS: &[Word] = &[
    word(
        "log",
        "Log",
        "A list that a provider publishes and can only add to: every key and every build that it ships, \
         and every protection that it promises or takes back.",
    ),
    word(
        "entry",
        "Entry",
        "One line of that list, with a number: its position. Nothing is ever changed or taken out.",
    ),
    word(
        "head",
        "Head, or checkpoint",
        "The log's signed summary of everything in it so far: how many entries, and one hash (the root) \
         that no other list has. Two people with the same head were shown the same log.",
    ),
    word(
        "replayed",
        "Replayed",
        "This auditor has read every entry from the first one, applied every rule, and come to the same \
         summary by its own work.",
    ),
    word(
        "cosigned",
        "Cosigned, vouched for",
        "An auditor put its own signature on a head, because it has everything below it, replayed it \
         and found no rule broken.",
    ),
    word(
        "quorum",
        "Quorum",
        "How many auditors, and which, have to vouch before your programs believe a head. You choose it, \
         in your own policy file.",
    ),
    word(
        "epoch",
        "Epoch",
        "An entry in which the log states the time and what its index holds. A log that is silent for \
         longer than it promised is noticed.",
    ),
    word(
        "index",
        "Index",
        "What makes the log searchable with a proof: it shows which version of somebody's keys is the \
         newest, or that there is none. It follows from the entries, so an index that does not follow \
         from them is a lie.",
    ),
    word(
        "vrf",
        "VRF key",
        "The key with which a log hides who is in it. Only who already knows an address can find its \
         place, and the proof shows that the place is the right one.",
    ),
    word(
        "stream",
        "Stream",
        "All that was said about one product, or one protection in one region, numbered without gaps.",
    ),
    word(
        "purl",
        "pkg:… names",
        "How products are named: the kind of package, then its name. Behind it stand the channel (such as \
         stable) and the kind of device (any means all).",
    ),
    word(
        "canary",
        "Canary",
        "A promise that has to be renewed before a date, such as that no secret order was received. If \
         it lapses, something may have happened that nobody is allowed to say.",
    ),
    word(
        "void",
        "Void",
        "An entry that breaks a rule. It stands in the log for everybody to see, and changes nothing.",
    ),
    word(
        "evidence",
        "Evidence",
        "A file that proves by the log's own signatures that it broke a rule. Anybody can check it, \
         offline and without trusting this auditor.",
    ),
];

/// Draws what the words mean.
pub(super) async fn words(site: Site, asked: Asked) -> Result<Words, PageError> {
    Ok(Words {
        frame: frame(&site, &asked, "What the words mean", Nav::Words).await?,
        words: WORDS,
    })
}

/// Draws it.
pub(super) async fn draw(site: Site, asked: Asked) -> Result<About, PageError> {
    let commands = commands(&site, &asked.base(&site));
    Ok(About {
        frame: frame(&site, &asked, "About", Nav::About).await?,
        states: MEANING,
        vkey: Digest::key(&site.vkey),
        watch_vkey: Digest::key(&site.watch_vkey),
        contact: site.contact.clone(),
        url: site.sender.url.clone(),
        commands,
    })
}
