//! Lies in answers: the log keeps the rules, and readers are shown something else. Each is made so
//! that every later step would have passed.

use anyhow::{Context as _, Result};
use plainsight_specs::bundle::UnverifiedBundle;
use plainsight_specs::checkpoint::{SignedCheckpoint, UnverifiedCheckpoint};
use plainsight_specs::commitment::{Opening, commit};
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::entry::{Entry, KeyEntry};
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::head::HeadBlock;
use plainsight_specs::index::{IndexKey, IndexProof, Tree};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::ladder::rungs_for;
use plainsight_specs::lookup::{FoundAnswer, LoggedAnswer};
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use plainsight_specs::query::LatestAnswer;
use plainsight_specs::statement::{ReleaseVersion, Seq, Stream, artifact_index};
use plainsight_specs::tlog_proof::TlogProof;

use super::theatre::{ALICE, FILES, Quorum, Theatre, cosigned, gb};
use super::{Caught, Told, homes};
use crate::accounts;
use crate::clock;
use crate::crates::product;
use crate::liar::{Liar, Next, Said, Script};
use crate::populate::protection;
use crate::provider::random;
use crate::story::Plainsight;

/// Everybody who asks the log with what they remember.
const ALL: [&str; 5] = ["returning", "owner", "installer", "reader", "watcher"];
/// Days after which nobody's patience is left.
const LONG_AGO_S: u64 = 30 * 86_400;

fn alice() -> Result<Label> {
    Ok(Label::email(ALICE)?)
}

fn stream() -> Result<Stream> {
    Ok(product("messenger")?.stream())
}

/// The published index, changed.
fn index_without(liar: &Liar, hidden: &[IndexKey]) -> Result<Tree> {
    let mut kept: Vec<(IndexKey, Hash)> = liar
        .index()?
        .iter()
        .filter(|(index, _)| !hidden.contains(index))
        .map(|(index, value)| (*index, *value))
        .collect();
    kept.sort_unstable();
    let mut tree = Tree::new();
    tree.insert_batch(&kept)?;
    Ok(tree)
}

/// The published index with something more in it.
fn made_up_index(liar: &Liar) -> Result<Tree> {
    let mut tree = liar.index()?.clone();
    tree.insert_batch(&[(IndexKey::private(sha256(b"made up")), Hash::ZERO)])?;
    Ok(tree)
}

/// Proves from another index what the reader is going to search.
fn prove_from(tree: &Tree, liar: &Liar, said: &mut Said) {
    let searched = said.searched(liar);
    if let Some(index) = said.index() {
        *index = tree.prove(&searched);
    }
}

/// A head with another note.
fn with_note(note: Vec<u8>) -> Script {
    Script::bending(move |_, said| {
        said.head().checkpoint.clone_from(&note);
        Ok(())
    })
}

/// The published head, signed by a key of the same name.
fn by_another_key(liar: &Liar, colluders: &[Signer]) -> Result<Vec<u8>> {
    let published = UnverifiedCheckpoint::parse(liar.note()?)?;
    let name = KeyName::parse(published.origin().as_str())?;
    let other = Signer::new(name, Algorithm::Ed25519, SecretKey::from_seed(&random()?))?;
    let signed = SignedCheckpoint::sign(published.origin(), published.head(), &other)?;
    cosigned(&signed, colluders, clock::now()?)
}

/// What the answer to a look-up says of a version, as it is.
fn found(liar: &Liar, version: Version, logged: bool) -> Result<FoundAnswer> {
    let opened = liar.opened(&alice()?, version).context("no such version")?;
    let logged = if logged {
        Some(logged_at(liar, opened.position, |epoch| {
            epoch > opened.position
        })?)
    } else {
        None
    };
    Ok(FoundAnswer {
        version,
        entry: liar.entry(opened.position)?,
        opening: Some(Opening::from_bytes(opened.opening)),
        key_set: Some(opened.key_set.clone()),
        logged,
    })
}

fn logged_at(
    liar: &Liar,
    position: LeafIndex,
    wanted: impl Fn(LeafIndex) -> bool,
) -> Result<LoggedAnswer> {
    let mut epochs = liar.epochs();
    let epoch = epochs
        .find(|epoch| wanted(*epoch))
        .context("no such epoch")?;
    Ok(LoggedAnswer {
        position,
        inclusion: liar.inclusion(position)?,
        epoch: liar.entry(epoch)?,
        epoch_position: epoch,
        epoch_inclusion: liar.inclusion(epoch)?,
    })
}

pub(super) async fn tell(plainsight: &Plainsight, dir: &std::path::Path) -> Result<Told> {
    let theatre = Theatre::open(plainsight, dir, "readers").await?;
    let mut told = Told::new();
    about_heads(&theatre, &mut told).await?;
    about_keys(&theatre, &mut told).await?;
    about_statements(&theatre, &mut told).await?;
    in_bundles(&theatre, &mut told).await?;
    by_publishing(&theatre, &mut told).await?;
    theatre.end().await;
    planted(plainsight, dir, &mut told).await?;
    Ok(told)
}

async fn tell_one(
    theatre: &Theatre,
    told: &mut Told,
    name: &str,
    parties: &[&str],
    script: Script,
) -> Result<()> {
    let noticed = theatre
        .lie(script, parties)
        .await
        .with_context(|| name.to_owned())?;
    told.entry(name.to_owned()).or_default().extend(noticed);
    Ok(())
}

async fn about_heads(theatre: &Theatre, told: &mut Told) -> Result<()> {
    let colluders = &theatre.colluders;
    let script = Script {
        garble: Some(std::sync::Arc::new(|bytes: Vec<u8>| {
            [
                b"{\"epoch\":\"\",".as_slice(),
                bytes.get(1..).unwrap_or_default(),
            ]
            .concat()
        })),
        ..Script::default()
    };
    tell_one(theatre, told, "two-readings", &ALL, script).await?;
    let note = by_another_key(&*theatre.log.liar().await, colluders)?;
    tell_one(theatre, told, "another-log-key", &ALL, with_note(note)).await?;
    let (signed, now) = (theatre.log.liar().await.sign()?, clock::now()?);
    let note = cosigned(&signed, colluders.get(..1).unwrap_or_default(), now)?;
    tell_one(theatre, told, "one-colludes", &ALL, with_note(note)).await?;
    let note = signed.to_bytes();
    tell_one(theatre, told, "no-auditor", &ALL, with_note(note)).await?;
    let long_ago = plainsight_specs::time::Timestamp::from_seconds(now.seconds() - LONG_AGO_S);
    let note = cosigned(&signed, colluders, long_ago.context("long ago")?)?;
    tell_one(theatre, told, "frozen", &ALL, with_note(note)).await?;
    let twin = {
        let liar = theatre.log.liar().await;
        let mut twin = liar.rewritten(LeafIndex::new(1).unwrap_or_default())?;
        let note = cosigned(&twin.sign()?, colluders, clock::now()?)?;
        twin.show(note).await?;
        twin
    };
    let script = Script {
        twin: Some(std::sync::Arc::new(twin)),
        ..Script::default()
    };
    tell_one(theatre, told, "two-collude", &ALL, script).await?;
    collude_against_a_stranger(theatre, told).await?;
    let script = Script::bending(|liar, said| {
        let tree = made_up_index(liar)?;
        let Ok(Entry::Epoch(mut epoch)) = Entry::parse(&said.head().epoch) else {
            return Ok(());
        };
        (epoch.index_root, epoch.index_size) = (tree.root(), tree.len());
        said.head().epoch = epoch.to_bytes().to_vec();
        prove_from(&tree, liar, said);
        Ok(())
    });
    tell_one(theatre, told, "made-up-epoch", &ALL, script).await?;
    let script = Script::bending(|liar, said| {
        prove_from(&made_up_index(liar)?, liar, said);
        Ok(())
    });
    tell_one(theatre, told, "made-up-index", &ALL, script).await
}

/// Another history from the start, with other keys for Alice, under a quorum that lies: whoever asks for
/// the first time is content, and only a code from Alice herself shows it.
async fn collude_against_a_stranger(theatre: &Theatre, told: &mut Told) -> Result<()> {
    let twin = {
        let liar = theatre.log.liar().await;
        let mut twin = liar.rewound(1)?;
        twin.push_key_set(
            &alice()?,
            Version::FIRST,
            accounts::first_key_set(&alice()?)?,
        )?;
        twin.push_epoch()?;
        let note = cosigned(&twin.sign()?, &theatre.colluders, clock::now()?)?;
        twin.show(note).await?;
        twin
    };
    let script = Script {
        twin: Some(std::sync::Arc::new(twin)),
        ..Script::default()
    };
    theatre.log.liar().await.script = script.clone();
    let ran = theatre.ask("contact").await?;
    anyhow::ensure!(
        ran.code == 0,
        "the quorum is the log's own: {}{}",
        ran.said,
        ran.noted
    );
    tell_one(
        theatre,
        told,
        "two-collude-against-a-stranger",
        &["comparer"],
        script,
    )
    .await
}

/// Answers about Alice as if she were somebody else, or had nothing.
fn nobody(label: &'static str, hidden: bool) -> Script {
    Script::bending(move |liar, said| {
        let label = Label::email(label)?;
        let tree = if hidden {
            let versions = (0..3).map(|n| liar.index_of(&label, Version::new(n)));
            index_without(liar, &versions.collect::<Vec<_>>())?
        } else {
            liar.index()?.clone()
        };
        let (proof, output) = liar.vrf().prove(&label.vrf_input(Version::FIRST));
        let index = tree.prove(&[output.index_key()]);
        let answer = match said {
            Said::Lookup(_, answer) => answer,
            Said::History(_, answer) => {
                answer.versions.clear();
                &mut answer.lookup
            }
            _ => return Ok(()),
        };
        (answer.found, answer.vrf, answer.index) = (None, vec![proof], index);
        Ok(())
    })
}

async fn about_keys(theatre: &Theatre, told: &mut Told) -> Result<()> {
    let both = ["contact", "owner"];
    tell_one(
        theatre,
        told,
        "somebody-else",
        &both,
        nobody("nobody@mail.example", false),
    )
    .await?;
    tell_one(
        theatre,
        told,
        "out-of-the-index",
        &both,
        nobody(ALICE, true),
    )
    .await?;
    let script = Script::bending(|liar, said| {
        let Said::Rungs(request, answer) = said else {
            return Ok(());
        };
        let other = Label::email("nobody@mail.example")?;
        let proofs = request.rungs().into_iter();
        let proofs = proofs.map(|rung| liar.vrf().prove(&other.vrf_input(rung)));
        let (vrf, keys): (Vec<_>, Vec<_>) = proofs
            .map(|(proof, output)| (proof, output.index_key()))
            .unzip();
        (answer.vrf, answer.index) = (vrf, liar.index()?.prove(&keys));
        Ok(())
    });
    tell_one(
        theatre,
        told,
        "rungs-of-somebody-else",
        &["watcher"],
        script,
    )
    .await?;
    let script = Script::bending(|liar, said| {
        let first = Version::FIRST;
        match said {
            Said::Lookup(request, answer) => {
                answer.found = Some(found(liar, first, request.logged)?);
                answer.vrf = ladder_proofs(liar, first)?;
            }
            Said::History(_, answer) => {
                answer.versions.retain(|listed| listed.version <= first);
                answer.lookup.found = Some(found(liar, first, false)?);
                answer.lookup.vrf = ladder_proofs(liar, first)?;
            }
            _ => return Ok(()),
        }
        prove_from(&liar.index()?.clone(), liar, said);
        Ok(())
    });
    tell_one(theatre, told, "an-older-version", &both, script).await?;
    let forged = accounts::first_key_set(&alice()?)?;
    let opening: [u8; 16] = random()?;
    let script = Script::bending(move |liar, said| {
        let version = Version::new(2);
        let opening = Opening::from_bytes(opening);
        let commitment = commit(&opening, &alice()?, version, &forged);
        let index = liar.index_of(&alice()?, version);
        let entry = KeyEntry { index, commitment }.to_bytes().to_vec();
        match said {
            Said::Lookup(_, answer) => {
                if let Some(found) = &mut answer.found {
                    found.entry = entry;
                    found.opening = Some(opening);
                    found.key_set = Some(forged.clone());
                }
            }
            Said::History(_, answer) => {
                if let Some(listed) = answer.versions.last_mut() {
                    listed.entry = entry;
                    listed.opening = Some(opening);
                    listed.key_set = Some(forged.clone());
                }
            }
            _ => {}
        }
        Ok(())
    });
    tell_one(theatre, told, "an-entry-never-logged", &both, script).await?;
    let forged = accounts::first_key_set(&alice()?)?;
    let script = Script::bending(move |_, said| {
        match said {
            Said::Lookup(_, answer) => {
                if let Some(found) = &mut answer.found {
                    found.key_set = Some(forged.clone());
                }
            }
            Said::History(_, answer) => {
                if let Some(listed) = answer.versions.last_mut() {
                    listed.key_set = Some(forged.clone());
                }
            }
            _ => {}
        }
        Ok(())
    });
    tell_one(theatre, told, "keys-never-logged", &both, script).await?;
    let ran = theatre.ask("friend of carol").await?;
    let noticed = homes::noticed("contact", &ran)?;
    told.insert("somebody-elses-keys".into(), noticed);
    let script = Script::bending(|liar, said| {
        let Said::Lookup(_, answer) = said else {
            return Ok(());
        };
        if let Some(logged) = answer
            .found
            .as_mut()
            .and_then(|found| found.logged.as_mut())
        {
            let position = logged.position;
            *logged = logged_at(liar, position, |epoch| epoch < position)?;
        }
        Ok(())
    });
    tell_one(theatre, told, "logged-before-it-was", &["contact"], script).await?;
    let script = Script::bending(|liar, said| {
        let Said::History(_, answer) = said else {
            return Ok(());
        };
        if let Some(listed) = answer.versions.last_mut() {
            listed.position = LeafIndex::new(1).unwrap_or_default();
            listed.inclusion = liar.inclusion(listed.position)?;
        }
        Ok(())
    });
    tell_one(theatre, told, "elsewhere-in-the-log", &["owner"], script).await?;
    let script = Script::bending(|_, said| {
        match said {
            Said::Lookup(_, answer) => {
                if let Some(found) = &mut answer.found {
                    (found.opening, found.key_set) = (None, None);
                }
            }
            Said::History(_, answer) => {
                for listed in &mut answer.versions {
                    (listed.opening, listed.key_set) = (None, None);
                }
            }
            _ => {}
        }
        Ok(())
    });
    tell_one(theatre, told, "does-not-open", &both, script).await?;
    let script = Script::bending(|liar, said| {
        if let Said::History(_, answer) = said {
            answer.versions.clear();
            prove_from(&liar.index()?.clone(), liar, said);
        }
        Ok(())
    });
    tell_one(theatre, told, "leaves-a-version-out", &["owner"], script).await
}

fn ladder_proofs(liar: &Liar, claimed: Version) -> Result<Vec<plainsight_specs::vrf::Proof>> {
    let label = alice()?;
    let rungs = rungs_for(Some(claimed)).into_iter();
    Ok(rungs
        .map(|rung| liar.vrf().prove(&label.vrf_input(rung)).0)
        .collect())
}

async fn about_statements(theatre: &Theatre, told: &mut Told) -> Result<()> {
    let script = Script::bending(|liar, said| {
        let digest = sha256(FILES[0].1.as_bytes());
        let stream = stream()?;
        match said {
            Said::Stream(request, answer) if request.stream == stream => {
                let version = ReleaseVersion::parse("1.0.0")?;
                let hidden = [stream.version_index(&version), stream.digest_index(&digest)];
                answer.entry = None;
                prove_from(&index_without(liar, &hidden)?, liar, said);
            }
            Said::Artifact(_, answer) => {
                answer.entry = None;
                prove_from(
                    &index_without(liar, &[artifact_index(&digest)])?,
                    liar,
                    said,
                );
            }
            _ => {}
        }
        Ok(())
    });
    tell_one(
        theatre,
        told,
        "hides-a-release",
        &["installer", "finder"],
        script,
    )
    .await?;
    let script = Script::bending(|liar, said| {
        let Said::Stream(request, answer) = said else {
            return Ok(());
        };
        let first = liar.index()?.value(&request.stream.seq_index(Seq::ZERO));
        let position = liar.statement_at(&first.context("an empty stream")?);
        answer.latest = Some(LatestAnswer {
            seq: Seq::ZERO,
            entry: liar.entry(position.context("no such statement")?)?,
        });
        prove_from(&liar.index()?.clone(), liar, said);
        Ok(())
    });
    tell_one(
        theatre,
        told,
        "an-older-statement",
        &["installer", "reader"],
        script,
    )
    .await?;
    let script = Script::bending(|_, said| {
        if let Said::Stream(_, answer) = said {
            answer.yank = None;
        }
        Ok(())
    });
    tell_one(
        theatre,
        told,
        "hides-that-it-was-taken-back",
        &["deceived"],
        script,
    )
    .await?;
    let script = Script::bending(|liar, said| {
        let another = protection(
            plainsight_specs::statement::ProtectionState::Offered,
            gb()?,
            clock::now()?,
        )?;
        let last = liar.last_of(&another.stream());
        match said {
            Said::Stream(request, answer) => {
                // Signed by the provider, and never logged.
                let is_protection = request.stream == another.stream();
                let body = if is_protection {
                    another
                } else {
                    special_build()?
                };
                let signed =
                    crate::provider::sign(body, last.filter(|_| is_protection), &liar.role_key())?;
                let entry =
                    plainsight_specs::entry::StatementEntry::from_envelope(&signed.envelope)?;
                match &mut answer.latest {
                    Some(latest) if is_protection => latest.entry = entry.to_bytes(),
                    _ => answer.entry = Some(entry.to_bytes()),
                }
            }
            Said::Artifact(_, answer) => {
                let signed = crate::provider::sign(special_build()?, None, &liar.role_key())?;
                let entry =
                    plainsight_specs::entry::StatementEntry::from_envelope(&signed.envelope)?;
                answer.entry = Some(entry.to_bytes());
            }
            _ => {}
        }
        Ok(())
    });
    tell_one(
        theatre,
        told,
        "a-statement-never-logged",
        &["installer", "finder", "reader"],
        script,
    )
    .await?;
    tell_one(
        theatre,
        told,
        "ships-a-special-build",
        &["victim"],
        Script::default(),
    )
    .await
}

/// A release of the first version with another file.
fn special_build() -> Result<plainsight_specs::statement::Body> {
    use plainsight_specs::statement::{Artifact, Audience, Body, Release};
    let artifact = |file: &str| Artifact {
        name: None,
        digest: sha256(file.as_bytes()),
        size: file.len() as u64,
    };
    Ok(Body::Release(Release {
        product: product("messenger")?,
        version: ReleaseVersion::parse("1.0.0")?,
        audience: Audience::All,
        emergency: false,
        published: clock::now()?,
        references: Vec::new(),
        artifacts: vec![artifact(FILES[0].1), artifact(FILES[3].1)],
    }))
}

/// The parts of an offline bundle, each of which a lie changes.
struct Parts {
    head: HeadBlock,
    index: LeafIndex,
    entry: Vec<u8>,
    tree: Tree,
    searched: Vec<IndexKey>,
}

impl Parts {
    /// An honest bundle of a release.
    fn of(liar: &Liar, version: &str, file: &str, latest: Seq) -> Result<Self> {
        let (stream, tree) = (stream()?, liar.index()?.clone());
        let release = ReleaseVersion::parse(version)?;
        let value = tree
            .value(&stream.version_index(&release))
            .context("not released")?;
        let mut searched = vec![
            stream.version_index(&release),
            stream.digest_index(&sha256(file.as_bytes())),
            stream.yank_index(&release),
        ];
        let rungs = rungs_for(Some(latest)).into_iter();
        searched.extend(rungs.map(|seq| stream.seq_index(seq)));
        let published = UnverifiedCheckpoint::parse(liar.note()?)?.head();
        let index = published.size.last().context("an empty log")?;
        Ok(Self {
            head: HeadBlock {
                checkpoint: liar.note()?.to_vec(),
                consistency: None,
                epoch: liar.last_epoch()?,
                epoch_proof: liar.inclusion(index)?,
            },
            index,
            entry: liar.entry(liar.statement_at(&value).context("no such statement")?)?,
            searched,
            tree,
        })
    }

    fn proof(&self) -> IndexProof {
        self.tree.prove(&self.searched)
    }

    fn to_json(&self, index: IndexProof) -> Result<Vec<u8>> {
        let proof = TlogProof {
            extra: None,
            index: self.index,
            inclusion: self.head.epoch_proof.clone(),
            checkpoint: UnverifiedCheckpoint::parse(&self.head.checkpoint)?,
        };
        let bundle =
            UnverifiedBundle::new(proof, self.head.epoch.clone(), self.entry.clone(), index);
        Ok(bundle.to_json())
    }
}

async fn in_bundles(theatre: &Theatre, told: &mut Told) -> Result<()> {
    let (parts, taken_back, notes) = {
        let liar = theatre.log.liar().await;
        let (now, colluders) = (clock::now()?, &theatre.colluders);
        let long_ago = plainsight_specs::time::Timestamp::from_seconds(now.seconds() - LONG_AGO_S);
        let signed = liar.sign()?;
        let notes = [
            (
                "bundle-of-another-log-key",
                by_another_key(&liar, colluders)?,
            ),
            ("bundle-without-auditors", signed.to_bytes()),
            (
                "bundle-from-long-ago",
                cosigned(&signed, colluders, long_ago.context("long ago")?)?,
            ),
        ];
        let parts = Parts::of(&liar, "1.0.0", FILES[0].1, Seq::new(3))?;
        (
            parts,
            Parts::of(&liar, "1.1.0", FILES[1].1, Seq::new(3))?,
            notes,
        )
    };
    let honest = parts.to_json(parts.proof())?;
    let ran = theatre.open_bundle("1.0.0", &honest).await?;
    anyhow::ensure!(ran.code == 0, "an honest bundle: {}{}", ran.said, ran.noted);
    let mut bundles = vec![(
        "bundle-of-two-readings",
        "1.0.0",
        [
            b"{\"epoch\":\"\",".as_slice(),
            honest.get(1..).unwrap_or_default(),
        ]
        .concat(),
    )];
    for (name, note) in notes {
        let mut parts = Parts {
            head: parts.head.clone(),
            entry: parts.entry.clone(),
            searched: parts.searched.clone(),
            tree: parts.tree.clone(),
            index: parts.index,
        };
        parts.head.checkpoint = note;
        bundles.push((name, "1.0.0", parts.to_json(parts.proof())?));
    }
    let made_up = made_up_index(&*theatre.log.liar().await)?;
    let index = made_up.prove(&parts.searched);
    bundles.push((
        "bundle-of-a-made-up-index",
        "1.0.0",
        parts.to_json(index.clone())?,
    ));
    let mut with_epoch = Parts {
        head: parts.head.clone(),
        entry: parts.entry.clone(),
        searched: parts.searched.clone(),
        tree: made_up.clone(),
        index: parts.index,
    };
    if let Ok(Entry::Epoch(mut epoch)) = Entry::parse(&parts.head.epoch) {
        (epoch.index_root, epoch.index_size) = (made_up.root(), made_up.len());
        with_epoch.head.epoch = epoch.to_bytes().to_vec();
    }
    bundles.push((
        "bundle-of-a-made-up-epoch",
        "1.0.0",
        with_epoch.to_json(index)?,
    ));
    let fixed = 3;
    let mut short = parts.searched.clone();
    short.truncate(fixed + 1);
    bundles.push((
        "bundle-of-half-a-ladder",
        "1.0.0",
        parts.to_json(parts.tree.prove(&short))?,
    ));
    bundles.push((
        "bundle-of-what-was-taken-back",
        "1.1.0",
        taken_back.to_json(taken_back.proof())?,
    ));
    for (name, version, bytes) in bundles {
        let ran = theatre.open_bundle(version, &bytes).await?;
        let mut noticed = homes::noticed("offline", &ran)?;
        if noticed.is_empty() {
            noticed.insert(Caught::new("offline", "nothing", ran.said.trim()));
        }
        told.insert(name.to_owned(), noticed);
    }
    Ok(())
}

/// Lies that need the owner to publish, each on a stage of its own, since what is logged stays.
async fn by_publishing(theatre: &Theatre, told: &mut Told) -> Result<()> {
    let ghost = crate::story::forged(&theatre.alices().await?, &["ghost-device"])?;
    let (label, version) = (alice()?, Version::new(3));
    let script = Script {
        next: Some((label, version, Next::Nothing)),
        ..Script::default()
    };
    tell_one(
        theatre,
        told,
        "acknowledges-and-drops",
        &["rotator"],
        script,
    )
    .await?;
    // Whoever looks away sees nothing; both look.
    let version = Version::new(3);
    theatre
        .log
        .liar()
        .await
        .push_key_set(&alice()?, version, ghost)?;
    theatre.log.liar().await.push_epoch()?;
    theatre.publish().await?;
    tell_one(
        theatre,
        told,
        "a-ghost",
        &["returning", "owner", "watcher"],
        Script::default(),
    )
    .await?;
    let script = Script {
        is_silent: true,
        ..Script::default()
    };
    // The auditors' word is all there is.
    theatre.write_policy(Quorum::OfAuditors, None)?;
    tell_one(theatre, told, "a-ghost-and-silence", &["owner"], script).await?;
    theatre.write_policy(Quorum::WithColluders, None)?;
    let dave = accounts::first_key_set(&Label::email("dave@mail.example")?)?;
    let version = Version::new(4);
    theatre
        .log
        .liar()
        .await
        .push_key_set(&alice()?, version, dave)?;
    theatre.log.liar().await.push_epoch()?;
    theatre.publish().await?;
    let both = ["contact", "owner"];
    tell_one(
        theatre,
        told,
        "a-ghost-in-another-name",
        &both,
        Script::default(),
    )
    .await
}

/// A version that no ladder shows yet: it waits for the next rotation.
async fn planted(plainsight: &Plainsight, dir: &std::path::Path, told: &mut Told) -> Result<()> {
    let theatre = Theatre::open(plainsight, dir, "planted").await?;
    let ghost = accounts::first_key_set(&alice()?)?;
    let version = Version::new(4);
    theatre
        .log
        .liar()
        .await
        .push_key_set(&alice()?, version, ghost)?;
    theatre.log.liar().await.push_epoch()?;
    theatre.publish().await?;
    tell_one(
        &theatre,
        told,
        "plants-a-version",
        &["watcher"],
        Script::default(),
    )
    .await?;
    theatre.end().await;
    Ok(())
}
