//! The publisher's half: makes, signs and publishes statements, where releases are signed.
//!
//! Nothing here needs the server's configuration, its database or its keys: only the keys of a
//! role, the reader's policy or the next place in the stream, and to publish a token. Key sets are
//! published by the account service, through the API.

pub(crate) mod arguments;
mod ask;
mod body;
mod keys;
mod place;
mod send;

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use plainsight_specs::dsse::{Envelope, MAX_SIGNATURES, pae};
use plainsight_specs::entry::StatementEntry;
use plainsight_specs::publish::MAX_STATEMENT;
use plainsight_specs::statement::{Body, PAYLOAD_TYPE, Statement, StatementDraft};
use plainsight_specs::time::Timestamp;

use arguments::{KeyFiles, SignCommand};
pub(crate) use keys::key;
pub(crate) use send::publish;

/// Signs what the command says at its place in its stream, and prints the statement.
pub(crate) async fn sign(command: SignCommand) -> Result<()> {
    let (signing, place, body) = match command {
        SignCommand::Release(args) => {
            let body = body::release(&args, now()?)?;
            let place = place::next(&args.place, &body).await?;
            (args.keys, place, body)
        }
        SignCommand::Yank(args) => {
            let (place, body) = place::yank(&args, now()?).await?;
            (args.keys, place, body)
        }
        SignCommand::Protection(args) => {
            let body = body::protection(&args)?;
            let place = place::next(&args.place, &body).await?;
            (args.keys, place, body)
        }
        SignCommand::Canary(args) => {
            let body = body::canary(&args, now()?)?;
            let place = place::next(&args.place, &body).await?;
            (args.keys, place, body)
        }
        SignCommand::PublisherKeys(args) => {
            let body = body::publisher_keys(&args)?;
            let place = place::next(&args.place, &body).await?;
            (args.keys, place, body)
        }
        SignCommand::Add(args) => return add(&args.statement, &args.keys),
    };
    let draft = StatementDraft {
        seq: place.seq,
        prev: place.prev,
        body,
    };
    let keys = signing.load()?;
    print(&draft.sign(&keys.iter().collect::<Vec<_>>()))
}

/// Signs a statement with more keys.
fn add(path: &Path, keys: &KeyFiles) -> Result<()> {
    let bytes = read(path)?;
    let statement = Statement::parse(&bytes).with_context(|| path.display().to_string())?;
    let envelope = statement.envelope();
    // Of another length is one that this program did not make, and cannot print again.
    let signatures = envelope.signatures().iter();
    let mut signatures: Vec<[u8; 64]> = signatures
        .map(|signature| signature.as_slice().try_into())
        .collect::<Result<_, _>>()
        .context("the statement has a signature that is not Ed25519's")?;
    let message = pae(PAYLOAD_TYPE, envelope.payload());
    for key in keys.load()? {
        if !envelope.valid_signers(&[key.public()]).is_empty() {
            bail!("{} has signed it already", keys::public_text(&key));
        }
        signatures.push(key.sign(&message));
    }
    print(&Envelope::assemble(
        PAYLOAD_TYPE,
        envelope.payload(),
        &signatures,
    ))
}

/// Prints a statement if a log can take it, and says to standard error what was signed.
fn print(envelope: &[u8]) -> Result<()> {
    if envelope.len() > MAX_STATEMENT {
        bail!(
            "the statement has {} bytes, and a log takes at most {MAX_STATEMENT}",
            envelope.len()
        );
    }
    let entry = StatementEntry::from_envelope(envelope)
        .with_context(|| format!("at most {MAX_SIGNATURES} keys sign, each once"))?;
    let statement = entry.statement();
    eprintln!(
        "{}, place {} of the stream {}; to be signed by the role {}",
        words(statement.body()),
        statement.seq(),
        statement.stream(),
        statement.role(),
    );
    let mut out = std::io::stdout().lock();
    out.write_all(envelope)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

fn words(body: &Body) -> String {
    match body {
        Body::Release(release) => {
            format!(
                "release {} of {} files",
                release.version,
                release.artifacts.len()
            )
        }
        Body::Yank(yank) => format!("yank of {}", yank.version),
        Body::Protection(protection) => {
            format!("protection {} {}", protection.feature, protection.state)
        }
        Body::Canary(canary) => format!("canary until {}", canary.valid_until),
        Body::PublisherKeys(new) => format!(
            "{} of {} keys for the role {}",
            new.keys.threshold(),
            new.keys.keys().len(),
            new.role
        ),
    }
}

/// A statement's bytes: what is in the file, without the line feed that ends it.
fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    bytes.truncate(bytes.trim_ascii_end().len());
    Ok(bytes)
}

fn now() -> Result<Timestamp> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Timestamp::from_seconds(since.as_secs()).context("the clock is wrong")
}
