//! `/quorum`: who vouches, and whether one organisation or one law could make them all lie.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use askama::Template;
use plainsight_client::trust::TrustPolicy;
use plainsight_client::weigh::{Party, Seat, Weighed};
use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::note::VerifierKey;
use plainsight_specs::policy::Fewest;
use serde::Serialize;

use super::super::asked::Asked;
use super::super::error::PageError;
use super::super::frame;
use super::super::view::{Badge, Frame, Nav, Tone, When, counted, grouped};
use crate::clock;
use crate::desk::Handle;
use crate::http::Site;
use crate::peers::{HeadVerdict, ShownHead};

/// The page.
#[derive(Debug, Template, Serialize)]
#[template(path = "quorum.html")]
pub(super) struct Quorum {
    #[serde(rename = "page")]
    frame: Frame,
    /// Whether the policy is configured; else it is a majority of those that are compared with.
    is_configured: bool,
    /// What the quorum asks, as a tree; absent for `quorum none`.
    tree: Option<SeatView>,
    /// What it withstands, in one sentence.
    worth: String,
    /// What it withstands, in a word.
    badge: Badge,
    /// For each log, how far the quorum vouches.
    logs: Vec<LogQuorum>,
    /// What each law could do.
    jurisdictions: Vec<PartyView>,
    /// The law that is supposed to compel.
    #[serde(skip)]
    law: String,
    /// What each organisation could do.
    organisations: Vec<PartyView>,
    /// The party that is supposed to lie.
    supposed: Option<PartyView>,
    /// What was asked for and is not in the policy.
    not_there: Option<String>,
}

/// A group or an auditor.
#[derive(Debug, Clone, Serialize, Template)]
#[template(path = "parts/seat.html")]
pub(super) struct SeatView {
    /// Its name in the policy.
    name: String,
    /// How many members a group needs, of how many.
    needs: Option<(usize, usize)>,
    /// Who runs the auditor.
    organisation: Option<String>,
    /// Under whose law.
    jurisdiction: Option<String>,
    /// Whether it is supposed to lie.
    supposed: bool,
    /// What it says of each log.
    says: Vec<Says>,
    /// A group's members.
    members: Vec<SeatView>,
}

impl askama::filters::HtmlSafe for SeatView {}

impl Says {
    /// The size for people.
    fn entries(&self) -> String {
        grouped(self.size)
    }
}

/// What an auditor says of a log.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Says {
    log: String,
    badge: Badge,
    /// How many entries it vouches for.
    size: u64,
    /// When it cosigned that.
    cosigned: Option<When>,
}

/// How far the quorum vouches for a log.
#[derive(Debug, Clone, Serialize)]
pub(super) struct LogQuorum {
    log: String,
    path: String,
    badge: Badge,
    sentence: String,
    /// How many entries the quorum vouches for.
    vouched: u64,
    /// How many this auditor vouches for.
    newest: u64,
}

/// Auditors under one law or of one organisation.
#[derive(Debug, Clone, Serialize)]
pub(super) struct PartyView {
    name: String,
    auditors: Vec<String>,
    /// How many more must lie to vouch for what nobody honest has seen.
    more_to_forge: Option<usize>,
    /// How many more must lie to show two histories.
    more_to_split: Option<usize>,
    /// Whether the quorum can be met without it.
    dispensable: bool,
    badge: Badge,
    /// What it could do.
    words: String,
    /// The address of the same page that supposes it.
    suppose: String,
}

/// How far an auditor vouches for a log.
#[derive(Debug, Clone, Copy)]
struct Vouch {
    /// The size of its newest head.
    size: u64,
    /// When it cosigned that, in POSIX seconds.
    time: Option<u64>,
    /// Whether that is of the history that is held here.
    fits: bool,
}

/// A log, and how far each auditor vouches for it.
#[derive(Debug)]
struct OfLog {
    log: String,
    vouched: BTreeMap<String, Vouch>,
    /// When this auditor convicted it, if it did.
    convicted: Option<u64>,
}

/// Draws it.
pub(super) async fn draw(site: Site, mut asked: Asked) -> Result<Quorum, PageError> {
    let now = clock::now_s();
    let compelled = asked.query("compelled").map(str::to_owned);
    let lies = asked.query("lies").map(str::to_owned);
    for (name, value) in [("compelled", &compelled), ("lies", &lies)] {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            asked.keep(name, value);
        }
    }
    let frame = frame(&site, &asked, "Quorum", Nav::Quorum).await?;
    let made;
    let is_configured = site.dashboard.trust.is_some();
    let trust = if let Some(trust) = &site.dashboard.trust {
        Some(trust)
    } else {
        made = majority(&site);
        made.as_ref()
    };
    let Some(trust) = trust else {
        return Err(PageError::not_found(
            "There is no policy that could be shown.",
        ));
    };
    let weighed = Weighed::of(trust);
    let view = |party: &Party, what: &str| PartyView::of(party, what);
    let find = |parties: &[Party], name: &Option<String>| {
        let name = name.as_deref().filter(|name| !name.is_empty())?;
        let mut parties = parties.iter();
        let same = |own: &str| own.eq_ignore_ascii_case(name);
        parties
            .find(|party| party.name.as_deref().is_some_and(same))
            .cloned()
    };
    let law = find(&weighed.jurisdictions, &compelled);
    let organisation = find(&weighed.organisations, &lies);
    let law_name = compelled.clone().unwrap_or_default().to_uppercase();
    let given = compelled.or(lies).filter(|name| !name.is_empty());
    let supposed = law
        .map(|party| view(&party, "compelled"))
        .or(organisation.map(|party| view(&party, "lies")));
    let liars = supposed
        .as_ref()
        .map(|party| party.auditors.clone())
        .unwrap_or_default();
    let mut logs = Vec::new();
    let mut vouched = Vec::new();
    for desk in site.desks.values() {
        let of = vouched_for(&site, desk).await?;
        logs.push(log_quorum(trust, desk, &of));
        vouched.push(OfLog {
            log: desk.log.origin.to_string(),
            vouched: of,
            convicted: convicted(&site, desk).await?,
        });
    }
    let seats = Seats {
        trust,
        vouched: &vouched,
        liars: &liars,
        now,
    };
    let (badge, worth) = worth(&weighed);
    Ok(Quorum {
        frame,
        is_configured,
        tree: weighed.quorum.as_ref().map(|seat| seats.view(seat)),
        worth,
        badge,
        logs,
        jurisdictions: weighed
            .jurisdictions
            .iter()
            .map(|party| view(party, "compelled"))
            .collect(),
        organisations: weighed
            .organisations
            .iter()
            .map(|party| view(party, "lies"))
            .collect(),
        not_there: given.filter(|_| supposed.is_none()),
        law: law_name,
        supposed,
    })
}

/// This auditor and those that it compares with, by majority.
fn majority(site: &Site) -> Option<TrustPolicy> {
    let mut keys = vec![site.vkey.clone()];
    let desk = site.desks.values().next()?;
    let peers = desk.status.borrow().peers.clone();
    keys.extend(peers.iter().map(|view| view.peer.key.to_string()));
    keys.dedup();
    let (mut policy, mut names) = (String::new(), Vec::new());
    for key in &keys {
        let mut name = VerifierKey::parse(key).ok()?.name().to_string();
        while names.contains(&name) {
            name.push('\'');
        }
        // Writing to a String cannot fail.
        let _ = writeln!(policy, "witness {name} {key}");
        names.push(name);
    }
    let own = names.first()?.clone();
    let _ = writeln!(
        policy,
        "group majority {} {}",
        names.len() / 2 + 1,
        names.join(" ")
    );
    policy.push_str("quorum majority\n");
    let note = toml::Table::from_iter([
        ("name".to_owned(), toml::Value::String(own)),
        (
            "organisation".into(),
            toml::Value::String(site.organisation.clone()),
        ),
        (
            "jurisdiction".into(),
            toml::Value::String(site.jurisdiction.clone()),
        ),
    ]);
    let notes = toml::Table::from_iter([(
        "auditor".to_owned(),
        toml::Value::Array(vec![toml::Value::Table(note)]),
    )]);
    TrustPolicy::parse(&policy, Some(&notes.to_string())).ok()
}

/// When this auditor found the rule broken for which it has stopped.
async fn convicted(site: &Site, desk: &Handle) -> Result<Option<u64>, PageError> {
    let open = desk.status.borrow().open;
    let Some(open) = open else { return Ok(None) };
    let kept = site.store.kept_break(desk.id, &open).await?;
    Ok(Some(kept.map_or(0, |kept| kept.seen)))
}

/// How far each auditor, this one included, vouches for a log, as far as is known here.
async fn vouched_for(site: &Site, desk: &Handle) -> Result<BTreeMap<String, Vouch>, PageError> {
    let row = site.store.log(&desk.log.origin, &desk.log.keys).await?;
    let status = desk.status.borrow().clone();
    let is_broken = status.open.is_some();
    let own = Vouch {
        size: row.signed.size.get(),
        time: row.signed_time,
        fits: !is_broken,
    };
    let mut found = BTreeMap::from([(site.vkey.clone(), own)]);
    for view in &status.peers {
        let Some(shown) = &view.shown else { continue };
        let fits = matches!(
            view.verdict,
            HeadVerdict::Same | HeadVerdict::Consistent | HeadVerdict::Stale
        );
        let time = cosigned_at(desk, shown, &view.peer.key);
        let size = shown.head.size.get();
        found.insert(view.peer.key.to_string(), Vouch { size, time, fits });
    }
    Ok(found)
}

fn cosigned_at(desk: &Handle, shown: &ShownHead, key: &VerifierKey) -> Option<u64> {
    let checkpoint = UnverifiedCheckpoint::parse(&shown.note).ok()?;
    let signed = checkpoint.verify_log(&desk.log.keys).ok()?;
    let mut lines = signed.other_lines().iter();
    lines
        .find_map(|line| Cosignature::verify(line, signed.text(), key).ok())
        .map(|cosignature| cosignature.time.seconds())
}

/// The largest size that a quorum vouches for: who cosigned a larger head of the same history
/// vouches for all that is in it.
fn log_quorum(trust: &TrustPolicy, desk: &Handle, vouched: &BTreeMap<String, Vouch>) -> LogQuorum {
    let policy = trust.policy();
    let key_of = |name: &str| {
        let mut witnesses = policy.witnesses().iter();
        let witness = witnesses.find(|witness| witness.name == name);
        witness.map(|witness| witness.key.to_string())
    };
    let met_at = |size: u64| {
        policy.satisfied(|name| {
            let says = key_of(name).and_then(|key| vouched.get(&key).copied());
            says.is_some_and(|says| says.fits && says.size >= size)
        })
    };
    let sizes = vouched.values().map(|vouch| vouch.size);
    let met = sizes.filter(|size| *size > 0 && met_at(*size)).max();
    let newest = desk.status.borrow().signed.size.get();
    let seen = met.unwrap_or(0);
    let is_convicted = desk.status.borrow().open.is_some();
    let (badge, sentence) = match met {
        _ if is_convicted => (
            Badge::new(Tone::Bad, "Do not rely on it"),
            match seen {
                0 => "This log broke a rule, and this auditor has stopped.".to_owned(),
                seen => format!(
                    "This log broke a rule, and this auditor has stopped. The quorum had vouched for \
                     {}; others stop as they see the evidence.",
                    counted(seen, "entry", "entries")
                ),
            },
        ),
        None => (
            Badge::new(Tone::Warn, "Not met"),
            "Those who are known to vouch are too few for the quorum.".to_owned(),
        ),
        Some(size) if size >= newest => (
            Badge::new(Tone::Good, "Met"),
            format!(
                "The quorum vouches for all {}.",
                counted(size, "entry", "entries")
            ),
        ),
        Some(size) => (
            Badge::new(Tone::Good, "Met, a little behind"),
            format!(
                "The quorum vouches for {} of {} entries; the rest is newer.",
                grouped(size),
                grouped(newest)
            ),
        ),
    };
    LogQuorum {
        log: desk.log.origin.to_string(),
        path: super::log_path(desk),
        badge,
        sentence,
        vouched: seen,
        newest,
    }
}

struct Seats<'a> {
    trust: &'a TrustPolicy,
    vouched: &'a [OfLog],
    liars: &'a [String],
    now: u64,
}

impl Seats<'_> {
    fn view(&self, seat: &Seat) -> SeatView {
        match seat {
            Seat::Group {
                name,
                threshold,
                members,
            } => SeatView {
                name: name.clone(),
                needs: Some((*threshold, members.len())),
                organisation: None,
                jurisdiction: None,
                supposed: false,
                says: Vec::new(),
                members: members.iter().map(|member| self.view(member)).collect(),
            },
            Seat::Auditor {
                name,
                organisation,
                jurisdiction,
                verifiable,
            } => SeatView {
                name: name.clone(),
                needs: None,
                organisation: organisation.clone(),
                jurisdiction: jurisdiction.clone(),
                supposed: self.liars.contains(name),
                says: self.says(name, *verifiable),
                members: Vec::new(),
            },
        }
    }

    fn says(&self, name: &str, verifiable: bool) -> Vec<Says> {
        let mut witnesses = self.trust.policy().witnesses().iter();
        let key = witnesses
            .find(|witness| witness.name == name)
            .map(|witness| witness.key.to_string())
            .unwrap_or_default();
        let all = self.vouched.iter();
        all.map(|of| {
            let found = of.vouched.get(&key).copied();
            let (tone, word) = match found {
                _ if !verifiable => (Tone::Unknown, "Its key cannot be verified here"),
                // What was signed before the break was found says nothing of what followed.
                Some(vouch) if vouch.fits && vouch.size > 0 && of.convicted.is_some() => {
                    if vouch.time > of.convicted {
                        (Tone::Warn, "Vouches still")
                    } else {
                        (Tone::Quiet, "Vouched, before the break was found")
                    }
                }
                None => (Tone::Unknown, "Not compared with here"),
                Some(vouch) if !vouch.fits => (Tone::Warn, "Does not vouch"),
                Some(vouch) if vouch.size == 0 => (Tone::Unknown, "Nothing yet"),
                Some(_) => (Tone::Good, "Vouches"),
            };
            Says {
                log: of.log.clone(),
                badge: Badge::new(tone, word),
                size: found.map_or(0, |vouch| vouch.size),
                cosigned: found
                    .and_then(|vouch| vouch.time)
                    .map(|time| When::new(time, self.now)),
            }
        })
        .collect()
    }
}

impl PartyView {
    fn of(party: &Party, what: &str) -> Self {
        let name = party.name.clone();
        let alone = |more: Option<usize>| more == Some(0);
        let (tone, word) = if name.is_none() {
            // They may be under one law or under many.
            (Tone::Unknown, "Not known")
        } else if alone(party.more_to_forge) {
            (Tone::Bad, "Could vouch for anything alone")
        } else if alone(party.more_to_split) {
            (Tone::Warn, "Could show two histories alone")
        } else {
            (Tone::Good, "Cannot deceive alone")
        };
        let forge = match party.more_to_forge {
            None => "nothing can be accepted anyway".into(),
            Some(0) => "they could vouch for something that nobody honest has seen".into(),
            Some(more) => format!(
                "{} more would have to lie to vouch for something that nobody honest has seen",
                counted(more as u64, "auditor", "auditors")
            ),
        };
        let split = match party.more_to_split {
            None => String::new(),
            Some(0) => ", and they could show two people two histories".into(),
            Some(more) => format!(
                ", and {} more to show two people two histories",
                grouped(more as u64)
            ),
        };
        let stop = if party.dispensable {
            "Without them the others still suffice."
        } else {
            "Without them nobody can vouch: they can stop everything by silence."
        };
        Self {
            words: match name {
                Some(_) => format!("{}{split}. {stop}", super::words::capital(&forge)),
                None => format!("If it were one and the same: {forge}{split}. {stop}"),
            },
            suppose: match &name {
                Some(name) => format!("/quorum?{what}={}", super::super::asked::encoded(name)),
                None => String::new(),
            },
            name: name.unwrap_or_else(|| "Not noted".into()),
            auditors: party.auditors.clone(),
            more_to_forge: party.more_to_forge,
            more_to_split: party.more_to_split,
            dispensable: party.dispensable,
            badge: Badge::new(tone, word),
        }
    }
}

fn worth(weighed: &Weighed) -> (Badge, String) {
    if weighed.quorum.is_none() {
        let words = "The policy asks nobody: nothing that it accepts was vouched for.";
        return (Badge::new(Tone::Bad, "Nobody vouches"), words.into());
    }
    let (Some(forge), Some(split)) = (weighed.to_forge, weighed.to_split) else {
        let words = "The quorum cannot be met with the keys that this program verifies.";
        return (Badge::new(Tone::Bad, "Cannot be met"), words.into());
    };
    let fewest = |fewest: &Fewest, parties: &[Party], what: &str| {
        let Fewest::Parties(places) = fewest else {
            return String::new();
        };
        let names: Vec<String> = places
            .iter()
            .filter_map(|place| parties.get(*place)?.name.clone())
            .collect();
        if names.is_empty() {
            return String::new();
        }
        format!(
            " Fewest {what} that together could: {}.",
            names.join(" and ")
        )
    };
    let laws = fewest(
        &weighed.jurisdictions_to_split,
        &weighed.jurisdictions,
        "laws",
    );
    let words = format!(
        "To show two people two histories, {} of {} would have to lie; to vouch for something that \
         nobody honest has seen, {forge}.{laws}",
        split,
        counted(weighed.auditors as u64, "auditor", "auditors"),
    );
    let badge = match weighed.withstands() {
        Some(0) | None => Badge::new(Tone::Warn, "Withstands no lying auditor"),
        Some(some) => Badge::new(
            Tone::Good,
            format!(
                "Withstands {}",
                counted(some as u64, "lying auditor", "lying auditors")
            ),
        ),
    };
    (badge, words)
}
