//! Lies about the head, which every answer begins with.

use anyhow::{Context as _, Result};
use plainsight_specs::entry::Entry;
use plainsight_specs::label::Version;
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::time::Timestamp;

use super::{
    ALL, LONG_AGO_S, TOMORROW_S, alice, by_another_key, made_up_index, prove_from, tell_one,
    with_note,
};
use crate::accounts;
use crate::clock;
use crate::liar::Script;
use crate::lies::Told;
use crate::lies::theatre::{Theatre, cosigned};

pub(super) async fn tell(theatre: &Theatre, told: &mut Told) -> Result<()> {
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
    let long_ago = Timestamp::from_seconds(now.seconds() - LONG_AGO_S);
    let note = cosigned(&signed, colluders, long_ago.context("long ago")?)?;
    tell_one(theatre, told, "frozen", &ALL, with_note(note)).await?;
    let tomorrow = Timestamp::from_seconds(now.seconds() + TOMORROW_S);
    let note = cosigned(&signed, colluders, tomorrow.context("tomorrow")?)?;
    tell_one(theatre, told, "cosigned-tomorrow", &ALL, with_note(note)).await?;
    an_older_head(theatre, told).await?;
    an_epoch_of_tomorrow(theatre, told).await?;
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

/// A head of before what the reader remembers, under a quorum that lies, with all that belongs to it.
async fn an_older_head(theatre: &Theatre, told: &mut Told) -> Result<()> {
    let older = {
        let liar = theatre.log.liar().await;
        let mut epochs: Vec<_> = liar.epochs().collect();
        epochs.pop();
        let before = epochs.pop().context("there is one epoch only")?;
        let mut older = liar.rewound(usize::try_from(before.get())? + 1)?;
        let note = cosigned(&older.sign()?, &theatre.colluders, clock::now()?)?;
        older.show(note).await?;
        older
    };
    let script = Script::bending(move |liar, said| {
        let last = older.epochs().last().context("no epoch")?;
        let head = said.head();
        head.checkpoint = older.note()?.to_vec();
        head.consistency = Some(Vec::new());
        head.epoch = older.last_epoch()?;
        head.epoch_proof = older.inclusion(last)?;
        prove_from(&older.index()?.clone(), liar, said);
        Ok(())
    });
    tell_one(theatre, told, "an-older-head", &ALL, script).await
}

/// The log goes on with an epoch of tomorrow, and a quorum cosigns it today.
async fn an_epoch_of_tomorrow(theatre: &Theatre, told: &mut Told) -> Result<()> {
    let twin = {
        let mut twin = theatre.log.liar().await.clone();
        twin.push_wrong_epoch(|epoch| epoch.time_ms += TOMORROW_S * 1000)?;
        let note = cosigned(&twin.sign()?, &theatre.colluders, clock::now()?)?;
        twin.show(note).await?;
        twin
    };
    let script = Script {
        twin: Some(std::sync::Arc::new(twin)),
        ..Script::default()
    };
    tell_one(theatre, told, "an-epoch-of-tomorrow", &ALL, script).await
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
