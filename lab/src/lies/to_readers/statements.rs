//! Lies about statements: releases, yanks and protections.

use anyhow::{Context as _, Result};
use plainsight_specs::entry::StatementEntry;
use plainsight_specs::hash::sha256;
use plainsight_specs::query::LatestAnswer;
use plainsight_specs::statement::{
    Artifact, Audience, Body, ProtectionState, Release, ReleaseVersion, Seq, artifact_index,
};

use super::{index_without, prove_from, stream, tell_one};
use crate::clock;
use crate::crates::product;
use crate::liar::{Said, Script};
use crate::lies::Told;
use crate::lies::theatre::{FILES, Theatre, gb};
use crate::populate::protection;
use crate::provider::sign;

pub(super) async fn tell(theatre: &Theatre, told: &mut Told) -> Result<()> {
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
    never_logged(theatre, told).await?;
    tell_one(
        theatre,
        told,
        "ships-a-special-build",
        &["victim"],
        Script::default(),
    )
    .await
}

/// A statement that the provider signed, and did not log.
async fn never_logged(theatre: &Theatre, told: &mut Told) -> Result<()> {
    let script = Script::bending(|liar, said| {
        let another = protection(ProtectionState::Offered, gb()?, clock::now()?)?;
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
                let signed = sign(body, last.filter(|_| is_protection), &liar.role_key())?;
                let entry = StatementEntry::from_envelope(&signed.envelope)?;
                match &mut answer.latest {
                    Some(latest) if is_protection => latest.entry = entry.to_bytes(),
                    _ => answer.entry = Some(entry.to_bytes()),
                }
            }
            Said::Artifact(_, answer) => {
                let signed = sign(special_build()?, None, &liar.role_key())?;
                let entry = StatementEntry::from_envelope(&signed.envelope)?;
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
    Ok(())
}

/// A release of the first version with another file.
fn special_build() -> Result<Body> {
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
