//! Lies in offline bundles.

use anyhow::{Context as _, Result};
use plainsight_specs::bundle::UnverifiedBundle;
use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::entry::{Entry, StatementEntry};
use plainsight_specs::hash::sha256;
use plainsight_specs::head::HeadBlock;
use plainsight_specs::index::{IndexKey, IndexProof, Tree};
use plainsight_specs::ladder::rungs_for;
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::statement::{ReleaseVersion, Seq};
use plainsight_specs::time::Timestamp;
use plainsight_specs::tlog_proof::TlogProof;

use super::{LONG_AGO_S, by_another_key, made_up_index, stream};
use crate::clock;
use crate::liar::Liar;
use crate::lies::theatre::{FILES, Theatre, cosigned, release};
use crate::lies::{Caught, Told, homes};
use crate::provider::sign;

/// The parts of an offline bundle, each of which a lie changes.
#[derive(Clone)]
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

/// The file that was taken back, under a version that was not: all its look-ups hold but the first.
fn never_logged(liar: &Liar) -> Result<Vec<u8>> {
    let mut parts = Parts::of(liar, "1.2.0", FILES[1].1, Seq::new(3))?;
    let signed = sign(release("1.2.0", FILES[1].1)?, None, &liar.role_key())?;
    parts.entry = StatementEntry::from_envelope(&signed.envelope)?.to_bytes();
    parts.to_json(parts.proof())
}

pub(super) async fn tell(theatre: &Theatre, told: &mut Told) -> Result<()> {
    let (parts, taken_back, notes) = {
        let liar = theatre.log.liar().await;
        let (now, colluders) = (clock::now()?, &theatre.colluders);
        let long_ago = Timestamp::from_seconds(now.seconds() - LONG_AGO_S);
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
        let mut parts = parts.clone();
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
    let mut with_epoch = parts.clone();
    with_epoch.tree = made_up.clone();
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
        "bundle-of-what-was-never-logged",
        "1.1.0",
        never_logged(&*theatre.log.liar().await)?,
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
