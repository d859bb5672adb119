//! The network between the parties: it carries each request at once, or loses it.
//!
//! It is the transport of the client's library, of the auditors and of the log, so that what runs
//! above it is their own code. A lost request is an outage to whoever asked.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use plainsight_client::http::{Answer, HttpError};
use plainsight_client::transport::{Carried, Request, Transport};
use plainsight_log_server::objects::Objects;
use plainsight_log_server::stepwise::Reader;
use plainsight_log_server::wire::{Answered, Carried as CarriedByWire, Wire};
use plainsight_specs::tile::{TileKind, TilePath};

use super::auditor::{SimAuditor, Window};

/// Somebody on the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Party {
    /// The log, whichever replica.
    Log,
    /// An auditor.
    Auditor(u8),
    /// A reader.
    Person,
}

/// What passes.
#[derive(Debug, Default)]
pub(super) struct Weather {
    cuts: BTreeSet<(Party, Party)>,
    /// Requests that still pass.
    left: Option<u8>,
    /// Answers of auditors to the log are lost.
    pub(super) loses_answers: bool,
    /// The checkpoint that an auditor is shown in place of the published one.
    pub(super) lie: Option<(u8, Vec<u8>)>,
}

impl Weather {
    pub(super) fn cut(&mut self, one: Party, other: Party) {
        self.cuts.insert((one.min(other), one.max(other)));
    }

    pub(super) fn fail_after(&mut self, requests: u8) {
        self.left = Some(requests);
    }

    pub(super) fn heal(&mut self) {
        self.cuts.clear();
        self.left = None;
    }

    /// Whether a request passes; it is counted.
    fn passes(&mut self, one: Party, other: Party) -> bool {
        if let Some(left) = &mut self.left {
            if *left == 0 {
                return false;
            }
            *left -= 1;
        }
        !self.cuts.contains(&(one.min(other), one.max(other)))
    }
}

/// An auditor as the others reach it.
#[derive(Debug, Clone)]
pub(super) struct Door {
    pub(super) auditor: Arc<tokio::sync::Mutex<SimAuditor>>,
    /// What it shows needs no look at what it is doing.
    pub(super) shown: Window,
}

/// The network.
#[derive(Debug, Default)]
pub(super) struct Net {
    weather: Mutex<Weather>,
    objects: Mutex<Option<Objects>>,
    readers: Mutex<Vec<Reader>>,
    doors: OnceLock<Vec<Door>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Net {
    pub(super) fn weather(&self) -> MutexGuard<'_, Weather> {
        lock(&self.weather)
    }

    pub(super) fn publish_at(&self, objects: Objects) {
        *lock(&self.objects) = Some(objects);
    }

    pub(super) fn answer_by(&self, readers: Vec<Reader>) {
        *lock(&self.readers) = readers;
    }

    pub(super) fn open_doors(&self, doors: Vec<Door>) {
        // They are opened once, when the network is made.
        let _ = self.doors.set(doors);
    }

    pub(super) fn objects(&self) -> Option<Objects> {
        lock(&self.objects).clone()
    }

    async fn serve(&self, from: Party, url: &str, post: Option<&[u8]>) -> Option<Answered> {
        let (host, path) = url.strip_prefix("http://")?.split_once('/')?;
        let to = match host.strip_prefix('a') {
            Some(number) => Party::Auditor(number.strip_suffix(".sim")?.parse().ok()?),
            None => Party::Log,
        };
        if !self.weather().passes(from, to) {
            return None;
        }
        match to {
            Party::Auditor(number) => {
                let door = self.doors.get()?.get(usize::from(number))?.clone();
                match post {
                    Some(body) if path == "add-checkpoint" => {
                        let answer = door.auditor.lock().await.add_checkpoint(body).await;
                        let is_lost = self.weather().loses_answers;
                        answer.filter(|_| !is_lost)
                    }
                    Some(_) => Some(status(404)),
                    None => Some(self.mirror(&door, path).await),
                }
            }
            Party::Log | Party::Person => Some(self.log(from, path, post).await),
        }
    }

    async fn log(&self, from: Party, path: &str, post: Option<&[u8]>) -> Answered {
        if path == "checkpoint" {
            let lie = self.weather().lie.clone();
            if let Some((_, note)) = lie.filter(|(to, _)| from == Party::Auditor(*to)) {
                return found(note);
            }
            let Some(objects) = self.objects() else {
                return status(404);
            };
            return match objects.checkpoint().await {
                Ok(Some(note)) => found(note.to_bytes()),
                Ok(None) => status(404),
                Err(_) => status(500),
            };
        }
        if let Ok(tile) = TilePath::parse(path) {
            let Some(objects) = self.objects() else {
                return status(404);
            };
            return match objects.get(&tile).await {
                Ok(Some(bytes)) => found(bytes.to_vec()),
                Ok(None) => status(404),
                Err(_) => status(500),
            };
        }
        let readers = lock(&self.readers).clone();
        let mut answer = status(503);
        for reader in readers {
            match reader.answer(path, post.unwrap_or_default()).await {
                Ok(bytes) => return found(bytes),
                Err(refused) => answer = status(refused),
            }
        }
        answer
    }

    /// What an auditor shows of what it cosigned and mirrored.
    async fn mirror(&self, door: &Door, path: &str) -> Answered {
        let Some(shown) = lock(&door.shown).clone() else {
            return status(503);
        };
        let Some((_, path)) = path.split_once('/') else {
            return status(404);
        };
        let bytes = super::auditor::shown(&shown, path).await;
        bytes.map_or_else(|| status(404), found)
    }
}

fn status(status: u16) -> Answered {
    Answered {
        status,
        media_type: None,
        retry_after: None,
        body: Some(Vec::new()),
    }
}

fn found(body: Vec<u8>) -> Answered {
    Answered {
        body: Some(body),
        ..status(200)
    }
}

/// Somebody's way out.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) net: Arc<Net>,
    pub(super) party: Party,
}

impl Transport for Way {
    fn carry<'r>(&'r self, request: Request<'r>) -> Carried<'r> {
        Box::pin(async move {
            let post = request.post.as_ref().map(|post| post.bytes);
            let answer = self.net.serve(self.party, request.url, post).await;
            let answer = answer.ok_or_else(|| HttpError::Unreachable {
                url: request.url.into(),
                reason: "lost".into(),
            })?;
            Ok(Answer {
                status: answer.status,
                content_type: answer.media_type,
                retry_after: None,
                body: answer.body.unwrap_or_default(),
            })
        })
    }
}

impl Wire for Way {
    fn carry(&self, url: String, post: Option<Vec<u8>>, _most: usize) -> CarriedByWire<'_> {
        Box::pin(async move {
            let answer = self.net.serve(self.party, &url, post.as_deref()).await;
            answer.ok_or_else(|| "lost".into())
        })
    }
}

/// Whether a path is one of hash tiles, with its place.
pub(super) fn hashes(path: &str) -> Option<(TilePath, u8)> {
    let tile = TilePath::parse(path).ok()?;
    match tile.kind() {
        TileKind::Hashes { level } => Some((tile, level)),
        TileKind::Entries => None,
    }
}
