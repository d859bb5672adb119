//! Auditors that watch, as they should or not.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use plainsight_specs::entry::Entry;
use plainsight_specs::hash::Hash;
use plainsight_specs::index::IndexKey;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::note::{Algorithm, Signer};
use plainsight_specs::watch::{
    Announcement, Bucket, Hit, Inserted, Insertion, RegisterAnswer, RegisterRequest, Registered,
    Report, ReportAnswer, TokenRequest, WatchToken, WatchedIndexes, watch_id,
};

use super::{TinyLog, position, signer};

/// What an auditor does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GuardLie {
    None,
    /// Says that what is announced was inserted already.
    Late,
    /// It signs that nothing is there.
    Deny,
    /// It does not answer.
    Silent,
    /// It signs the report of the head that it saw first, with the time of then.
    Old,
    /// It signs the first head with today's time.
    Still,
    /// It signs a root that is not the log's.
    OtherRoot,
    /// It gives the answer of another key.
    OtherKey,
    /// It leaves the last insertion of every list out.
    LeaveOut,
    /// Its lists cover nothing.
    Nothing,
    /// Its lists cover one entry each.
    Drip,
}

pub(crate) struct Kept {
    indexes: WatchedIndexes,
    announced: BTreeMap<IndexKey, Hash>,
    /// How many heads there were.
    heads: usize,
}

pub(crate) struct Guard {
    pub(crate) lie: GuardLie,
    pub(crate) watches: BTreeMap<[u8; 32], Kept>,
    number: u8,
    tokens: u8,
}

impl Guard {
    pub(crate) fn new(number: u8) -> Self {
        Self {
            lie: GuardLie::None,
            watches: BTreeMap::new(),
            number,
            tokens: 0,
        }
    }

    fn signer(number: u8) -> Signer {
        let name = format!("auditor{number}.example/watch");
        signer(&name, Algorithm::Ed25519, 30 + number)
    }
}

impl TinyLog {
    /// What a reader notes about auditors that watch at this address.
    pub(crate) fn watching(url: &str, guards: std::ops::Range<u8>) -> String {
        let mut text = String::new();
        for n in guards {
            let key = Guard::signer(n).verifier_key();
            write!(
                text,
                "[[auditor]]\nname = \"w{n}\"\nurl = \"{url}/guard{n}\"\nwatch_key = \"{key}\"\n"
            )
            .unwrap();
        }
        text
    }

    /// Answers for the auditor named in `path`, such as `guard0/v1/watch`.
    pub(crate) fn guard(&mut self, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let (name, what) = path.split_once('/').unwrap();
        let n: usize = name.strip_prefix("guard").unwrap().parse().unwrap();
        if self.guards[n].lie == GuardLie::Silent {
            return (503, Vec::new());
        }
        match what {
            "v1/watch" => (200, self.register(n, body)),
            "v1/watch/report" => {
                let token = TokenRequest::parse(body).unwrap().token;
                self.report(n, &token)
            }
            "v1/watch/announce" => {
                let announcement = Announcement::parse(body).unwrap();
                let index = &self.heads.last().unwrap().index;
                let is_late = self.guards[n].lie == GuardLie::Late;
                if is_late || index.value(&announcement.index).is_some() {
                    return (409, b"that index was inserted already".to_vec());
                }
                if let Some(kept) = self.guards[n]
                    .watches
                    .get_mut(announcement.token.as_bytes())
                {
                    kept.announced
                        .insert(announcement.index, announcement.commitment);
                }
                self.report(n, &announcement.token)
            }
            "v1/watch/cancel" => {
                let token = TokenRequest::parse(body).unwrap().token;
                self.guards[n].watches.remove(token.as_bytes());
                (200, b"{}".to_vec())
            }
            _ => (404, Vec::new()),
        }
    }

    /// What the auditor named in `path`, such as `guard0/v1/inserted/<hash>/12`, lists from `since` on.
    pub(crate) fn inserted(&self, path: &str, since: Option<TreeSize>) -> (u16, Vec<u8>) {
        let (name, rest) = path.split_once("/v1/inserted/").unwrap();
        let n: usize = name.strip_prefix("guard").unwrap().parse().unwrap();
        let (hash, bucket) = rest.split_once('/').unwrap();
        assert_eq!(hash, self.origin.origin_hash());
        let (bucket, since) = (Bucket::parse(bucket).unwrap(), since.unwrap());
        let guard = &self.guards[n];
        let head = if guard.lie == GuardLie::Still {
            self.heads[0].head
        } else {
            self.heads.last().unwrap().head
        };
        if guard.lie == GuardLie::Silent || since > head.size {
            return (503, Vec::new());
        }
        let head = plainsight_specs::merkle::TreeHead {
            root: if guard.lie == GuardLie::OtherRoot {
                Hash::ZERO
            } else {
                head.root
            },
            ..head
        };
        let mut insertions: Vec<Insertion> = (0..head.size.get())
            .zip(&self.entries)
            .skip(usize::try_from(since.get()).unwrap())
            .filter_map(|(at, entry)| match Entry::parse(entry) {
                Ok(Entry::Key(key)) => Some(Insertion {
                    index: key.index,
                    position: position(at),
                }),
                _ => None,
            })
            .filter(|insertion| bucket.contains(&insertion.index))
            .collect();
        // Three lines an answer, so that there is more than one.
        let through = insertions.get(3).map_or(head.size, |next| {
            TreeSize::new(next.position.get()).unwrap()
        });
        let through = match guard.lie {
            GuardLie::Nothing => since,
            GuardLie::Drip => TreeSize::new(since.get() + 1).unwrap().min(through),
            _ => through,
        };
        insertions.retain(|insertion| insertion.position.get() < through.get());
        insertions.truncate(3);
        if guard.lie == GuardLie::LeaveOut {
            insertions.pop();
        }
        let early = if guard.lie == GuardLie::Old {
            86_400
        } else {
            0
        };
        let time = self.now.seconds() - early;
        let inserted = Inserted {
            origin: self.origin.clone(),
            head,
            bucket,
            since,
            through,
            time: plainsight_specs::time::Timestamp::from_seconds(time).unwrap(),
            insertions,
        };
        let key = if guard.lie == GuardLie::OtherKey {
            9
        } else {
            guard.number
        };
        (200, inserted.sign(&Guard::signer(key)).unwrap())
    }

    fn register(&mut self, n: usize, body: &[u8]) -> Vec<u8> {
        let request = RegisterRequest::parse(body).unwrap();
        let index = &self.snapshot().index;
        let searched = request.indexes.as_slice();
        let mut answer = RegisterAnswer {
            head: self.head_block(None),
            index: index.prove(searched),
            registered: None,
        };
        if searched.iter().any(|key| index.value(key).is_some()) {
            return answer.to_json();
        }
        let heads = self.heads.len();
        let guard = &mut self.guards[n];
        guard.tokens += 1;
        let token = WatchToken::from_bytes([guard.tokens * 16 + guard.number; 32]);
        let kept = Kept {
            indexes: request.indexes,
            announced: BTreeMap::new(),
            heads,
        };
        guard.watches.insert(*token.as_bytes(), kept);
        let (_, report) = self.report(n, &token);
        answer.registered = Some(Registered {
            token,
            report: ReportAnswer::parse(&report).unwrap(),
        });
        answer.to_json()
    }

    fn report(&self, n: usize, token: &WatchToken) -> (u16, Vec<u8>) {
        let guard = &self.guards[n];
        let Some(kept) = guard.watches.get(token.as_bytes()) else {
            return (404, Vec::new());
        };
        let stuck = matches!(guard.lie, GuardLie::Old | GuardLie::Still);
        let head = if stuck {
            self.heads[kept.heads - 1].head
        } else {
            self.heads.last().unwrap().head
        };
        let head = plainsight_specs::merkle::TreeHead {
            root: if guard.lie == GuardLie::OtherRoot {
                Hash::ZERO
            } else {
                head.root
            },
            ..head
        };
        let early = if guard.lie == GuardLie::Old {
            86_400
        } else {
            0
        };
        let now = self.now.seconds() - early;
        let report = Report {
            origin: self.origin.clone(),
            head,
            id: watch_id(&self.origin, &kept.indexes, token),
            time: plainsight_specs::time::Timestamp::from_seconds(now).unwrap(),
            hits: if guard.lie == GuardLie::Deny {
                Vec::new()
            } else {
                self.hits(kept, head.size.get())
            },
        };
        let key = if guard.lie == GuardLie::OtherKey {
            9
        } else {
            guard.number
        };
        let answer = ReportAnswer {
            note: report.sign(&Guard::signer(key)).unwrap(),
            expires: self.now.plus(1_000_000),
        };
        (200, answer.to_json())
    }

    fn hits(&self, kept: &Kept, size: u64) -> Vec<Hit> {
        let mut hits = Vec::new();
        for (at, entry) in (0..size).zip(&self.entries) {
            let Ok(Entry::Key(key)) = Entry::parse(entry) else {
                continue;
            };
            if kept.indexes.contains(&key.index) {
                hits.push(Hit {
                    index: key.index,
                    position: position(at),
                    announced: kept.announced.get(&key.index) == Some(&key.commitment),
                });
            }
        }
        hits.sort_by_key(|hit| hit.index);
        hits
    }

    /// Logs a version of a label out of turn, as a provider could that plants one.
    pub(crate) fn plant(&mut self, label: &plainsight_specs::label::Label, version: u32) -> u64 {
        let entry = plainsight_specs::entry::KeyEntry {
            index: self.index_of(label, plainsight_specs::label::Version::new(version)),
            commitment: Hash::ZERO,
        };
        let at = self.append(entry.to_bytes().to_vec());
        self.publish();
        at
    }
}
