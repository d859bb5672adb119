//! `/search`: one box for what people have in their hands: a position, a hash, the id of a key, the name
//! of a product or a log. A person's address is never looked for here: the page keeps it in the
//! browser, and what comes here all the same is not looked up, not kept and not said again.

use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use plainsight_specs::entry::Entry;
use plainsight_specs::hash::Hash;
use plainsight_specs::index::IndexKey;
use plainsight_specs::statement::{Body, artifact_index};
use serde::Serialize;
use tokio::sync::oneshot;

use super::super::asked::{Asked, Format};
use super::super::error::PageError;
use super::super::view::{Badge, Frame, Tone, grouped};
use super::super::{answer, frame, refuse};
use super::releases::stream_path;
use super::words::capital;
use crate::desk::{Command, Handle};
use crate::http::Site;
use crate::store::MarkedEntry;

/// Longest text that is searched for, in characters.
const MAX_QUERY: usize = 512;
/// Hits of one kind in one log.
const OF_KIND: u32 = 20;
/// Releases of one log that are held against a digest, the newest.
const RELEASES: u32 = 4096;
/// Seconds in which a log's task has to say what is in its index.
const PATIENCE_S: u64 = 5;

/// What was found.
#[derive(Debug, Template, Serialize)]
#[template(path = "search.html")]
pub(super) struct Search {
    #[serde(rename = "page")]
    frame: Frame,
    /// What was asked; empty for an address of a person, which is not said again.
    query: String,
    /// What it was taken for.
    taken_for: &'static str,
    hits: Vec<Hit>,
    /// Whether it looks like the address of a person.
    is_person: bool,
    /// Whether there is more than was looked through.
    is_cut: bool,
}

/// Something that was found.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Hit {
    badge: Badge,
    text: String,
    log: Option<String>,
    path: String,
}

/// What a text can be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sought {
    Nothing,
    Person,
    /// An entry, of the logs whose names contain a text.
    Entry(String, u64),
    Hash(Hash),
    /// The id of a key, eight hex digits.
    KeyId(String),
    Name(String),
}

impl Sought {
    fn of(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::Nothing;
        }
        if is_person(text) {
            return Self::Person;
        }
        let bare = text.strip_prefix("sha256:").unwrap_or(text);
        let lower = bare.to_ascii_lowercase();
        if let Ok(hash) = Hash::from_hex(&lower).or_else(|_| Hash::from_base64(bare)) {
            return Self::Hash(hash);
        }
        let (log, number) = match text.rsplit_once(['#', ' ']) {
            Some((log, number)) => (log.trim(), number),
            None => ("", text),
        };
        let log = if log == "entry" { "" } else { log };
        if let Ok(position) = number.parse() {
            return Self::Entry(log.to_ascii_lowercase(), position);
        }
        let id = lower.split('+').nth(1).unwrap_or(&lower);
        if id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Self::KeyId(id.to_owned());
        }
        Self::Name(text.to_ascii_lowercase())
    }

    fn words(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Person => "the address of a person",
            Self::Entry(..) => "the position of an entry",
            Self::Hash(_) => {
                "a hash: of a file, an entry, a root, an evidence file, or a place in an index"
            }
            Self::KeyId(_) => "the id of a key",
            Self::Name(_) => "a name: of a product, a protection, a log or an auditor",
        }
    }
}

/// Whether a text looks like what people are found by. The same is decided in the page before anything
/// is sent, by `assets/js/page/search.js` and the field's own pattern.
fn is_person(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let is_phone = text.len() >= 7
        && digits.starts_with(|c: char| c.is_ascii_digit())
        && (text.starts_with('+') || digits.len() <= 15)
        && digits
            .chars()
            .all(|c| c.is_ascii_digit() || " ().-".contains(c));
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    let is_uuid = groups == [8, 4, 4, 4, 12]
        && text
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    let lower = text.to_ascii_lowercase();
    text.contains('@')
        || is_phone
        || is_uuid
        || lower.starts_with("user:")
        || lower.starts_with("opaque:")
}

/// `GET /search?q=…`: the one page that is found, or the list.
pub(super) async fn search(State(site): State<Site>, asked: Asked) -> Response {
    let (format, again) = (asked.format, asked.clone());
    match draw(&site, asked).await {
        Ok(found) => match found.hits.as_slice() {
            [only] if format == Format::Html => (
                StatusCode::SEE_OTHER,
                [(header::LOCATION, only.path.clone())],
            )
                .into_response(),
            _ => answer(&site, format, StatusCode::OK, &found),
        },
        Err(error) => refuse(&site, &again, &error).await,
    }
}

async fn draw(site: &Site, mut asked: Asked) -> Result<Search, PageError> {
    let text = asked.query("q").unwrap_or("").trim();
    let text: String = text.chars().take(MAX_QUERY).collect();
    let sought = Sought::of(&text);
    let is_person = sought == Sought::Person;
    let query = if is_person { String::new() } else { text };
    if !query.is_empty() {
        asked.keep("q", &query);
    }
    let frame = frame(site, &asked, "Search", None).await?;
    let mut found = Found::default();
    match &sought {
        Sought::Nothing | Sought::Person => {}
        Sought::Entry(name, position) => found.entries(site, name, *position).await?,
        Sought::Hash(hash) => found.hash(site, hash).await?,
        Sought::KeyId(id) => found.keys(site, |key| id_of(key) == Some(id.as_str())),
        Sought::Name(name) => found.names(site, name).await?,
    }
    Ok(Search {
        frame,
        query,
        taken_for: sought.words(),
        hits: found.hits,
        is_person,
        is_cut: found.is_cut,
    })
}

/// The id of a key, of the text of its verifier key.
fn id_of(key: &str) -> Option<&str> {
    key.split('+').nth(1)
}

#[derive(Debug, Default)]
struct Found {
    hits: Vec<Hit>,
    is_cut: bool,
}

impl Found {
    fn add(&mut self, badge: Badge, text: String, desk: Option<&Handle>, path: String) {
        let log = desk.map(|desk| desk.log.origin.to_string());
        // One entry may be found in two ways.
        if !self.hits.iter().any(|hit| hit.path == path) {
            self.hits.push(Hit {
                badge,
                text,
                log,
                path,
            });
        }
    }

    async fn entries(&mut self, site: &Site, name: &str, position: u64) -> Result<(), PageError> {
        for desk in site.desks.values() {
            let is_named = desk.log.origin.as_str().to_ascii_lowercase().contains(name);
            if is_named && position < site.store.held(desk.id).await? {
                let text = format!("Entry {}", grouped(position));
                let path = super::entry_path(desk, position);
                self.add(Badge::new(Tone::Quiet, "Entry"), text, Some(desk), path);
            }
        }
        Ok(())
    }

    async fn hash(&mut self, site: &Site, hash: &Hash) -> Result<(), PageError> {
        let hex = hash.to_hex();
        if let Some((origin, kept)) = site.store.break_of_evidence(&hex).await? {
            let badge = Badge::new(Tone::Bad, "Evidence");
            let text = capital(kept.found.rule.meaning());
            self.add(badge, text, site.desk(&origin), super::evidence_path(&hex));
        }
        for desk in site.desks.values() {
            self.hash_in(site, desk, hash).await?;
        }
        Ok(())
    }

    async fn hash_in(&mut self, site: &Site, desk: &Handle, hash: &Hash) -> Result<(), PageError> {
        let held = site.store.held(desk.id).await?;
        for size in site.store.cosigned_with_root(desk.id, hash).await? {
            let text = format!("The root of the head of {} entries", grouped(size));
            let badge = Badge::new(Tone::Quiet, "Root");
            self.add(badge, text, Some(desk), super::log_path(desk));
        }
        let marked = site
            .store
            .marked_of(desk.id, ["release", "release"], RELEASES)
            .await?;
        let is_whole = marked.len() < RELEASES as usize;
        let wanted = *hash;
        let shipped = tokio::task::spawn_blocking(move || shipped(&marked, &wanted)).await;
        let is_broken = desk.status.borrow().open.is_some();
        for (position, product, is_void) in shipped.unwrap_or_default() {
            let badge = match (is_void, is_broken) {
                (true, _) => Badge::new(Tone::Bad, "A build that breaks a rule"),
                (false, true) => Badge::new(Tone::Unknown, "Published, by a log that broke a rule"),
                (false, false) => Badge::new(Tone::Good, "Published"),
            };
            let path = super::entry_path(desk, position);
            self.add(badge, format!("A file of {product}"), Some(desk), path);
        }
        let mut leaves = vec![(*hash, "Entry")];
        let indexes = [
            IndexKey::from_hex(&hash.to_hex()).ok(),
            Some(artifact_index(hash)),
        ];
        let names = ["Place in the index", "Published"];
        let values = inserted(desk, indexes.iter().flatten().copied().collect()).await;
        self.is_cut |= values.is_none() && !is_whole;
        let values = values.unwrap_or_default().into_iter();
        leaves.extend(
            values
                .zip(names)
                .filter_map(|(leaf, name)| Some((leaf?, name))),
        );
        for (leaf, name) in leaves {
            let (position, is_cut) = site.store.position_of_leaf(desk.id, held, &leaf).await?;
            self.is_cut |= is_cut;
            if let Some(position) = position {
                let text = format!("Entry {}", grouped(position));
                let path = super::entry_path(desk, position);
                self.add(Badge::new(Tone::Quiet, name), text, Some(desk), path);
            }
        }
        Ok(())
    }

    fn keys(&mut self, site: &Site, is_sought: impl Fn(&str) -> bool) {
        for desk in site.desks.values() {
            if desk.log.keys.iter().any(|key| is_sought(&key.to_string())) {
                let text = format!("The key of {}", desk.log.origin);
                let badge = Badge::new(Tone::Quiet, "Key of a log");
                self.add(badge, text, Some(desk), super::log_path(desk));
            }
        }
        for key in auditors(site).into_iter().filter(|key| is_sought(key)) {
            let name = key.split('+').next().unwrap_or_default();
            let badge = Badge::new(Tone::Quiet, "Key of an auditor");
            self.add(
                badge,
                format!("The key of {name}"),
                None,
                "/auditors".into(),
            );
        }
    }

    async fn names(&mut self, site: &Site, name: &str) -> Result<(), PageError> {
        let is_named = |text: &str| text.to_ascii_lowercase().contains(name);
        for desk in site.desks.values() {
            if is_named(desk.log.origin.as_str()) {
                let badge = Badge::new(Tone::Quiet, "Log");
                let text = desk.log.origin.to_string();
                self.add(badge, text, None, super::log_path(desk));
            }
        }
        let has_auditor = |key: &String| is_named(key.split('+').next().unwrap_or_default());
        if auditors(site).iter().any(has_auditor) {
            let badge = Badge::new(Tone::Quiet, "Auditor");
            self.add(
                badge,
                "Auditors of this name".into(),
                None,
                "/auditors".into(),
            );
        }
        for desk in site.desks.values() {
            for prefix in ["release\n", "protection\n", "canary\n"] {
                let rows = site
                    .store
                    .streams(desk.id, prefix, "", name, OF_KIND)
                    .await?;
                self.is_cut |= rows.len() == OF_KIND as usize;
                for row in rows {
                    self.stream(desk, &row.stream);
                }
            }
        }
        Ok(())
    }

    fn stream(&mut self, desk: &Handle, stream: &str) {
        let lines: Vec<&str> = stream.lines().collect();
        match lines.as_slice() {
            ["release", product, channel, arch] => self.add(
                Badge::new(Tone::Quiet, "Product"),
                format!("{product} ({channel} {arch})"),
                Some(desk),
                stream_path(desk, product, channel, arch),
            ),
            [kind, rest @ ..] => self.add(
                Badge::new(Tone::Quiet, capital(kind)),
                rest.join(" "),
                Some(desk),
                "/protections".into(),
            ),
            [] => {}
        }
    }
}

/// The verifier keys of this auditor and of those that it compares with.
fn auditors(site: &Site) -> Vec<String> {
    let mut keys = vec![site.vkey.clone(), site.watch_vkey.clone()];
    for desk in site.desks.values() {
        let peers = desk.status.borrow().peers.clone();
        keys.extend(peers.iter().map(|view| view.peer.key.to_string()));
    }
    keys.sort();
    keys.dedup();
    keys
}

/// Where a file was shipped, as what, and whether that entry breaks a rule.
fn shipped(marked: &[MarkedEntry], digest: &Hash) -> Vec<(u64, String, bool)> {
    let of = |MarkedEntry { mark, body }: &MarkedEntry| {
        let Ok(Entry::Statement(entry)) = Entry::parse(body) else {
            return None;
        };
        let Body::Release(release) = entry.statement().body() else {
            return None;
        };
        let mut files = release.artifacts.iter();
        files.any(|file| file.digest == *digest).then(|| {
            let product = &release.product;
            let name = format!(
                "{} {} ({} {})",
                product.purl, release.version, product.channel, product.arch
            );
            (mark.position, name, mark.void)
        })
    };
    marked.iter().filter_map(of).collect()
}

/// The leaf hashes of the entries that inserted these indexes; `None` where the log's task cannot say
/// it now.
async fn inserted(desk: &Handle, indexes: Vec<IndexKey>) -> Option<Vec<Option<Hash>>> {
    let (reply, reached) = oneshot::channel();
    desk.inbox
        .try_send(Command::Index { indexes, reply })
        .ok()?;
    let patience = std::time::Duration::from_secs(PATIENCE_S);
    let reached = tokio::time::timeout(patience, reached).await;
    let members = reached.ok()?.ok()?.ok()?.0;
    let results = members.get("index")?.get("results")?.as_array()?;
    let value = |result: &serde_json::Value| {
        let is_there = result.get("type")?.as_str()? == "inclusion";
        let value = result.get("value")?.as_str()?;
        Hash::from_base64(value).ok().filter(|_| is_there)
    };
    Some(results.iter().map(value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_for_what_it_is() {
        let hash = plainsight_specs::hash::sha256(b"x");
        for text in [
            hash.to_hex(),
            hash.to_base64(),
            format!("sha256:{hash}")
                .to_uppercase()
                .replace("SHA256", "sha256"),
        ] {
            assert_eq!(Sought::of(&text), Sought::Hash(hash), "{text}");
        }
        assert_eq!(Sought::of(" 12 "), Sought::Entry(String::new(), 12));
        assert_eq!(
            Sought::of("#12345678"),
            Sought::Entry(String::new(), 12_345_678)
        );
        assert_eq!(
            Sought::of("log.example/a 7"),
            Sought::Entry("log.example/a".into(), 7)
        );
        assert_eq!(
            Sought::of("a.example+0a0d8c56+AAAA"),
            Sought::KeyId("0a0d8c56".into())
        );
        assert_eq!(Sought::of("0A0D8C56"), Sought::KeyId("0a0d8c56".into()));
        assert_eq!(Sought::of("Serde_json"), Sought::Name("serde_json".into()));
        assert_eq!(Sought::of(""), Sought::Nothing);
    }

    #[test]
    fn a_person_is_not_searched_for() {
        for text in [
            "a@b.example",
            "+49 170 1234567",
            "491701234567",
            "user:mallory",
            "User:Mallory",
            "00112233-4455-6677-8899-aabbccddeeff",
            "opaque:00",
        ] {
            assert_eq!(Sought::of(text), Sought::Person, "{text}");
        }
        for text in ["123456", "1.0.154", "pkg:cargo/serde", "2026"] {
            assert_ne!(Sought::of(text), Sought::Person, "{text}");
        }
    }
}
