//! The answers of the tiny log, true or not.

use plainsight_specs::commitment::{Opening, commit};
use plainsight_specs::entry::{Entry, KeyEntry};
use plainsight_specs::hash::{Hash, leaf_hash};
use plainsight_specs::head::{GenesisAnswer, HeadBlock};
use plainsight_specs::history::{HistoryAnswer, HistoryRequest, VersionAnswer};
use plainsight_specs::index::IndexKey;
use plainsight_specs::keyset::KeySet;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::ladder;
use plainsight_specs::lookup::{FoundAnswer, LoggedAnswer, LookupAnswer, LookupRequest};
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::merkle::build::{consistency_proof, inclusion_proof};
use plainsight_specs::publish::{Logged, PublishAnswer, PublishError, PublishItem, PublishRequest};
use plainsight_specs::query::{ArtifactAnswer, LatestAnswer, StreamAnswer, StreamRequest};
use plainsight_specs::statement::{Body, Seq, artifact_index};
use plainsight_specs::watch::{RungsAnswer, RungsRequest};

use super::{Lie, TinyLog, position};

impl TinyLog {
    pub(crate) fn head_block(&self, since: Option<TreeSize>) -> HeadBlock {
        let snapshot = self.snapshot();
        let size = snapshot.head.size;
        let consistency = since.map(|since| {
            if since > size {
                return Vec::new();
            }
            consistency_proof(since, size, &snapshot.tiles).unwrap()
        });
        HeadBlock {
            checkpoint: self.checkpoint(snapshot.head),
            consistency,
            epoch: snapshot.epoch.clone(),
            epoch_proof: self.inclusion(size.get() - 1),
        }
    }

    fn inclusion(&self, n: u64) -> Vec<Hash> {
        let snapshot = self.snapshot();
        inclusion_proof(position(n), snapshot.head.size, &snapshot.tiles).unwrap()
    }

    pub(crate) fn genesis(&self, since: Option<TreeSize>) -> Vec<u8> {
        let answer = GenesisAnswer {
            head: self.head_block(since),
            entry: self.entries[0].clone(),
            inclusion: self.inclusion(0),
        };
        answer.to_json()
    }

    /// As an auditor that holds the same index.
    pub(crate) fn index_proof(&self, question: &[u8], only: Option<usize>) -> Vec<u8> {
        let question: serde_json::Value = serde_json::from_slice(question).unwrap();
        let indexes = question["indexes"].as_array().unwrap().iter();
        let indexes: Vec<IndexKey> = indexes
            .map(|index| IndexKey::from_hex(index.as_str().unwrap()).unwrap())
            .collect();
        let mut block = self.head_block(None);
        if let Some(only) = only {
            // Text, blank line, the log's line, then the auditors'.
            let note = String::from_utf8(block.checkpoint).unwrap();
            let (head, lines) = note.split_once("\n\n").unwrap();
            let lines: Vec<&str> = lines.lines().collect();
            let (log, own) = (lines[0], lines[1 + only]);
            block.checkpoint = format!("{head}\n\n{log}\n{own}\n").into_bytes();
        }
        let mut members = block.members();
        let proof = self.snapshot().index.prove(&indexes);
        members.insert("index".into(), proof.to_json());
        serde_json::Value::Object(members).to_string().into_bytes()
    }

    /// The versions of a label within the head that is served.
    fn versions(&self, label: &Label) -> u32 {
        let size = self.snapshot().head.size.get();
        let held = self.keys.get(label).map_or(&[][..], Vec::as_slice);
        u32::try_from(held.iter().filter(|held| held.position < size).count()).unwrap()
    }

    fn latest(&self, label: &Label) -> Option<Version> {
        let mut count = self.versions(label);
        if self.lie == Lie::OldVersion {
            count = count.saturating_sub(1);
        }
        count.checked_sub(1).map(Version::new)
    }

    fn look_up(&self, request: &LookupRequest, listed: &[Version]) -> LookupAnswer {
        let label = &request.label;
        let latest = self.latest(label);
        let rungs = ladder::rungs_for(latest);
        let vrf = rungs
            .iter()
            .map(|version| self.prove(label, *version))
            .collect();
        let searched: Vec<IndexKey> = rungs
            .iter()
            .chain(listed)
            .map(|version| self.index_of(label, *version))
            .collect();
        let found = latest.map(|version| self.found(label, version, request.logged));
        LookupAnswer {
            head: self.head_block(request.since),
            vrf,
            index: self.snapshot().index.prove(&searched),
            found,
        }
    }

    fn found(&self, label: &Label, version: Version, logged: bool) -> FoundAnswer {
        let held = &self.keys[label][usize::try_from(version.get()).unwrap()];
        let at = usize::try_from(held.position).unwrap();
        let withhold = self.lie == Lie::Withhold;
        let mut entry = self.entries[at].clone();
        let mut key_set = held.key_set.clone();
        if self.lie == Lie::Decoy {
            (entry, key_set) = self.decoy(label, version, held.opening);
        }
        FoundAnswer {
            version,
            entry,
            opening: (!withhold).then(|| Opening::from_bytes(held.opening)),
            key_set: (!withhold).then_some(key_set),
            logged: logged.then(|| self.logged(held.position)),
        }
    }

    /// An entry that opens to the label and version, at an index that is not theirs.
    fn decoy(&self, label: &Label, version: Version, opening: [u8; 16]) -> (Vec<u8>, Vec<u8>) {
        let before = version.get().checked_sub(1).map(|before| {
            let held = &self.keys[label][usize::try_from(before).unwrap()];
            KeySet::parse(&held.key_set).unwrap()
        });
        let key_set = self.draft(label, before.as_ref(), Vec::new(), true);
        let entry = KeyEntry {
            index: IndexKey::from_bytes([0x11; 32]),
            commitment: commit(&Opening::from_bytes(opening), label, version, &key_set),
        };
        (entry.to_bytes().to_vec(), key_set)
    }

    fn logged(&self, at: u64) -> LoggedAnswer {
        let size = self.snapshot().head.size.get();
        let is_epoch = |n: &u64| {
            let entry = &self.entries[usize::try_from(*n).unwrap()];
            matches!(Entry::parse(entry), Ok(Entry::Epoch(_)))
        };
        let after = (at + 1..size).find(is_epoch).unwrap();
        LoggedAnswer {
            position: position(at),
            inclusion: self.inclusion(at),
            epoch: self.entries[usize::try_from(after).unwrap()].clone(),
            epoch_position: position(after),
            epoch_inclusion: self.inclusion(after),
        }
    }

    pub(crate) fn lookup(&self, body: &[u8]) -> Vec<u8> {
        let request = LookupRequest::parse(body).unwrap();
        self.look_up(&request, &[]).to_json()
    }

    pub(crate) fn rungs(&self, body: &[u8]) -> Vec<u8> {
        let request = RungsRequest::parse(body).unwrap();
        let rungs = request.rungs();
        let prove = |version: &Version| self.prove(&request.label, *version);
        let index = |version: &Version| self.index_of(&request.label, *version);
        let searched: Vec<IndexKey> = rungs.iter().map(index).collect();
        RungsAnswer {
            head: self.head_block(request.since),
            vrf: rungs.iter().map(prove).collect(),
            index: self.snapshot().index.prove(&searched),
        }
        .to_json()
    }

    pub(crate) fn history(&self, body: &[u8]) -> Vec<u8> {
        let asked = HistoryRequest::parse(body).unwrap();
        let label = &asked.label;
        let last = self.latest(label).map_or(0, |latest| latest.get() + 1);
        let listed: Vec<Version> = (asked.from.get()..last)
            .filter(|n| self.lie != Lie::Hole || *n != 1)
            .map(Version::new)
            .collect();
        let request = LookupRequest {
            label: label.clone(),
            since: asked.since,
            logged: false,
        };
        let versions = listed
            .iter()
            .map(|version| {
                let found = self.found(label, *version, false);
                let held = &self.keys[label][usize::try_from(version.get()).unwrap()];
                VersionAnswer {
                    version: *version,
                    vrf: self.prove(label, *version),
                    entry: found.entry,
                    opening: found.opening,
                    key_set: found.key_set,
                    position: position(held.position),
                    inclusion: self.inclusion(held.position),
                }
            })
            .collect();
        HistoryAnswer {
            lookup: self.look_up(&request, &listed),
            versions,
        }
        .to_json()
    }

    pub(crate) fn stream(&self, body: &[u8]) -> Vec<u8> {
        let request = StreamRequest::parse(body).unwrap();
        let index = &self.snapshot().index;
        let held = |key: IndexKey| {
            index
                .value(&key)
                .and_then(|leaf| self.entry_with_leaf(&leaf))
        };
        let stream = &request.stream;
        let entry = match (&request.version, &request.digest) {
            (Some(version), _) => held(stream.version_index(version)),
            (None, Some(digest)) => held(stream.digest_index(digest)),
            (None, None) => None,
        };
        let of_entry = entry
            .as_deref()
            .and_then(|entry| match Entry::parse(entry) {
                Ok(Entry::Statement(entry)) => match entry.statement().body() {
                    Body::Release(release) => Some(release.version.clone()),
                    _ => None,
                },
                _ => None,
            });
        let version = request.version.clone().or(of_entry);
        let yank = version
            .as_ref()
            .and_then(|version| held(stream.yank_index(version)));
        let latest: Option<Seq> = self.last_of(stream);
        let searched = request.searched(version.as_ref(), latest);
        let answer = StreamAnswer {
            head: self.head_block(request.since),
            index: index.prove(&searched),
            entry,
            yank,
            latest: latest.map(|seq| LatestAnswer {
                seq,
                entry: held(stream.seq_index(seq)).unwrap(),
            }),
        };
        answer.to_json()
    }

    pub(crate) fn artifact(&self, digest: &Hash, since: Option<TreeSize>) -> Vec<u8> {
        let index = &self.snapshot().index;
        let searched = artifact_index(digest);
        let leaf = index.value(&searched);
        let answer = ArtifactAnswer {
            head: self.head_block(since),
            index: index.prove(&[searched]),
            entry: leaf.and_then(|leaf| self.entry_with_leaf(&leaf)),
        };
        answer.to_json()
    }

    /// Takes key sets, as a log does: equal bytes again get the same position.
    pub(crate) fn take(&mut self, body: &[u8]) -> Vec<u8> {
        let request = PublishRequest::parse(body).unwrap();
        let results = request
            .items
            .into_iter()
            .map(|item| self.take_item(item).map(Logged::at))
            .collect();
        if self.lie == Lie::GhostAfter {
            self.plant_ghosts();
        }
        self.publish();
        PublishAnswer { results }.to_json()
    }

    fn take_item(
        &mut self,
        item: PublishItem,
    ) -> Result<plainsight_specs::merkle::LeafIndex, PublishError> {
        let PublishItem::KeySet { key_set, opening } = item else {
            panic!("only key sets here")
        };
        let parsed = KeySet::parse(&key_set).unwrap();
        let at = usize::try_from(parsed.version().get()).unwrap();
        if let Some(held) = self.keys.get(parsed.label()).and_then(|held| held.get(at)) {
            if held.key_set == key_set && held.opening == *opening.as_bytes() {
                return Ok(position(held.position));
            }
            return Err(PublishError {
                code: "exists".into(),
                message: "this version is logged already".into(),
                rule: None,
                position: Some(position(held.position)),
            });
        }
        Ok(position(self.log_key_set(&key_set, *opening.as_bytes())))
    }

    /// Changes the last hash of the index proof.
    pub(crate) fn break_proof(answer: &[u8]) -> Vec<u8> {
        let mut answer: serde_json::Value = serde_json::from_slice(answer).unwrap();
        let element = answer["index"]["elements"]
            .as_array_mut()
            .unwrap()
            .last_mut()
            .unwrap();
        *element = serde_json::json!(leaf_hash(b"something else").to_base64());
        answer.to_string().into_bytes()
    }
}
