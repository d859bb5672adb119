//! The one place where entries are judged. What they are judged against is a [`View`]: the whole
//! replay of a log, or the part of it that an evidence file proves.

use std::collections::BTreeSet;

use crate::checkpoint::Origin;
use crate::dsse::Envelope;
use crate::entry::{Entry, Epoch, RoleKeys, RoleName, Roles};
use crate::hash::{Hash, leaf_hash};
use crate::index::{IndexKey, Namespace};
use crate::merkle::LeafIndex;
use crate::rules::Rule;
use crate::statement::{Body, Seq, Statement, Stream};

/// Where a log stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Anything may follow.
    Open,
    /// A close was logged: one epoch may follow.
    Closed,
    /// That epoch was logged: nothing may follow.
    Ended,
}

/// Whether a `seq` is the next of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Succession {
    /// It is, and the statement must name this leaf hash as `prev`.
    Next {
        /// Leaf hash of the entry that holds the one before; `None` at 0.
        prev: Option<Hash>,
    },
    /// It is not.
    NotNext,
}

/// What the entries before the judged one have brought about.
pub trait View {
    /// Why something cannot be told. A whole replay can tell everything.
    type Gap;

    /// The origin that the log's checkpoints name.
    fn origin(&self) -> &Origin;
    /// Where the log stands in its life.
    fn phase(&self) -> Phase;
    /// The leaf hash of the entry that inserted `index`.
    fn value(&self, index: &IndexKey) -> Result<Option<Hash>, Self::Gap>;
    /// Whether `seq` is the next of `stream`.
    fn succession(&self, stream: &Stream, seq: Seq) -> Result<Succession, Self::Gap>;
    /// The digests of the release whose (stream, version) index is `version`, if it is inserted.
    fn digests(&self, version: &IndexKey) -> Result<Option<BTreeSet<Hash>>, Self::Gap>;
    /// The keys in force; `None` without a valid genesis.
    fn roles(&self) -> Result<Option<&Roles>, Self::Gap>;
    /// How many indexes are inserted.
    fn index_size(&self) -> Result<u64, Self::Gap>;
    /// The root over them.
    fn index_root(&mut self) -> Result<Hash, Self::Gap>;
    /// The time of the last epoch that is not void, in milliseconds.
    fn last_time_ms(&self) -> u64;
}

/// What was decided about the entry at one position.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Where the entry stands.
    pub position: LeafIndex,
    /// Its leaf hash.
    pub leaf: Hash,
    /// The entry; `None` if it is malformed.
    pub entry: Option<Entry>,
    /// The rules that it breaks, in order.
    pub broken: Vec<Rule>,
    /// The indexes that it inserts, in order; none if it is void.
    pub inserts: Vec<IndexKey>,
}

impl Judged {
    /// The first rule that the entry breaks, if it breaks any.
    pub fn verdict(&self) -> Option<Rule> {
        self.broken.first().copied()
    }

    /// Whether the entry breaks a rule, and so changes nothing.
    pub fn is_void(&self) -> bool {
        !self.broken.is_empty()
    }
}

/// Judges the entry `bytes` at `position` against what came before it.
pub fn judge<V: View>(view: &mut V, position: LeafIndex, bytes: &[u8]) -> Result<Judged, V::Gap> {
    judge_hashed(view, position, bytes, leaf_hash(bytes))
}

/// [`judge`] where the leaf hash of the entry is known.
pub(super) fn judge_hashed<V: View>(
    view: &mut V,
    position: LeafIndex,
    bytes: &[u8],
    leaf: Hash,
) -> Result<Judged, V::Gap> {
    let parsed = Entry::parse(bytes).and_then(|entry| {
        // SPEC(RULE-3): a close must name another log as the next.
        if let Entry::Close(close) = &entry {
            close.check_origin(view.origin())?;
        }
        Ok(entry)
    });
    let mut broken = Vec::new();
    // SPEC(RULE-3): a malformed entry is looked at no further than the next two rules.
    if parsed.is_err() {
        broken.push(Rule::Malformed);
    }
    // SPEC(RULE-4)
    let is_own_genesis =
        matches!(&parsed, Ok(Entry::Genesis(genesis)) if genesis.origin() == view.origin());
    let is_genesis = matches!(parsed, Ok(Entry::Genesis(_)));
    if if position.get() == 0 {
        !is_own_genesis
    } else {
        is_genesis
    } {
        broken.push(Rule::Genesis);
    }
    // SPEC(RULE-5)
    match view.phase() {
        Phase::Open => {}
        Phase::Closed if matches!(parsed, Ok(Entry::Epoch(_))) => {}
        Phase::Closed | Phase::Ended => broken.push(Rule::AfterClose),
    }
    let mut inserts = Vec::new();
    match &parsed {
        Err(_) | Ok(Entry::Genesis(_) | Entry::Close(_)) => {}
        Ok(Entry::Epoch(epoch)) => judge_epoch(view, epoch, &mut broken)?,
        Ok(Entry::Key(key)) => {
            // SPEC(RULE-6)
            if key.index.namespace() != Namespace::Private {
                broken.push(Rule::Namespace);
            }
            // SPEC(RULE-7)
            if view.value(&key.index)?.is_some() {
                broken.push(Rule::DuplicateIndex);
            }
            inserts.push(key.index);
        }
        Ok(Entry::Statement(entry)) => {
            let statement = entry.statement();
            judge_statement(view, statement, &mut broken)?;
            if broken.is_empty() {
                for index in statement.indexes() {
                    // SPEC(RULE-2): what is there stays.
                    if view.value(&index)?.is_none() {
                        inserts.push(index);
                    }
                }
            }
        }
    }
    // SPEC(RULE-1)
    if !broken.is_empty() {
        inserts.clear();
    }
    Ok(Judged {
        position,
        leaf,
        entry: parsed.ok(),
        broken,
        inserts,
    })
}

fn judge_epoch<V: View>(view: &mut V, epoch: &Epoch, broken: &mut Vec<Rule>) -> Result<(), V::Gap> {
    // SPEC(RULE-8)
    if epoch.index_size != view.index_size()? {
        broken.push(Rule::EpochSize);
    }
    // SPEC(RULE-9)
    if epoch.index_root != view.index_root()? {
        broken.push(Rule::EpochRoot);
    }
    // SPEC(RULE-10)
    if epoch.time_ms < view.last_time_ms() {
        broken.push(Rule::Time);
    }
    Ok(())
}

fn judge_statement<V: View>(
    view: &V,
    statement: &Statement,
    broken: &mut Vec<Rule>,
) -> Result<(), V::Gap> {
    // SPEC(RULE-11)
    if !view
        .roles()?
        .is_some_and(|roles| is_signed(statement, roles))
    {
        broken.push(Rule::Signature);
    }
    let stream = statement.stream();
    match view.succession(&stream, statement.seq())? {
        // SPEC(RULE-12)
        Succession::NotNext => broken.push(Rule::Seq),
        // SPEC(RULE-13)
        Succession::Next { prev } if prev != statement.prev() => broken.push(Rule::Prev),
        Succession::Next { .. } => {}
    }
    let digests: BTreeSet<_> = statement.digests().into_iter().collect();
    match statement.body() {
        Body::Release(release) => {
            let logged = view.digests(&stream.version_index(&release.version))?;
            // SPEC(RULE-14)
            if logged.is_some_and(|logged| logged != digests) {
                broken.push(Rule::VersionConflict);
            }
        }
        Body::Yank(yank) => {
            let logged = view.digests(&stream.version_index(&yank.version))?;
            // SPEC(RULE-15)
            if logged != Some(digests) {
                broken.push(Rule::Yank);
            }
        }
        Body::Protection(_) | Body::Canary(_) | Body::PublisherKeys(_) => {}
    }
    Ok(())
}

fn is_signed(statement: &Statement, roles: &Roles) -> bool {
    let envelope = statement.envelope();
    let by_new_root = match statement.body() {
        Body::PublisherKeys(change) if change.role == RoleName::Root => {
            meets(envelope, &change.keys)
        }
        _ => true,
    };
    by_new_root && meets(envelope, roles.role(statement.role()))
}

fn meets(envelope: &Envelope, role: &RoleKeys) -> bool {
    envelope.valid_signers(role.keys()).len() >= usize::from(role.threshold())
}
