//! `plainsight release`.

use std::io::Read;
use std::path::Path;

use plainsight_specs::bundle::MAX_BUNDLE;
use plainsight_specs::hash::Hash;
use plainsight_specs::head::Step;
use plainsight_specs::statement::{GrammarError, Name, Product, Purl, ReleaseVersion};
use sha2::{Digest as _, Sha256};

use super::args::{ARCH, CHANNEL, FileArgs, Places, ReleaseVerb, StreamArgs};
use super::files::{is_input, opened, read_named, to_write};
use super::output::Output;
use super::session::Session;
use super::stop::Stop;
use super::watch;
use crate::failure::{Failure, Verdict};
use crate::home::file;
use crate::home::streams::StreamStanding;
use crate::reader::Purpose;
use crate::release::{self, FileFound, FileQuestion, FileState};
use crate::report::{FileReport, StreamReport};
use crate::streams;

pub(crate) async fn run(
    places: &Places,
    verb: ReleaseVerb,
    output: &mut Output,
) -> Result<Verdict, Stop> {
    match verb {
        ReleaseVerb::Verify {
            file,
            bundle: None,
            explain,
        } => {
            let question = question(&file)?;
            let session = Session::open(places)?;
            let mut reader = session.reader().await?;
            let outcome = release::verify(&mut reader, question).await;
            if explain && let Some(step) = outcome.as_ref().err().and_then(Failure::step) {
                output.note(&explain_failure(step));
            }
            let found = session.end(&reader, outcome)?;
            report(&session, &file.file, found, explain, output)
        }
        ReleaseVerb::Verify {
            file,
            bundle: Some(bundle),
            explain,
        } => {
            if file.file == bundle && is_input(&bundle) {
                return Err(Stop::Usage(
                    "standard input is either the file or its bundle".into(),
                ));
            }
            let question = question(&file)?;
            let path = bundle;
            let bundle = read_named(&path, MAX_BUNDLE)?;
            let session = Session::open(places)?;
            // The network is needed only if this log was never met before.
            let remembered = session.memory().await?;
            let now = super::clock()?;
            let found = release::verify_bundle(&session.trust, &remembered, now, question, &bundle)
                .map_err(|failure| match session.failed(failure) {
                    Stop::Failure {
                        failure,
                        kept: None,
                        ..
                    } => Stop::of_file(&path, failure),
                    stop => stop,
                })?;
            report(&session, &file.file, found, explain, output)
        }
        ReleaseVerb::Bundle { file, out } => {
            let target = to_write(&out)?;
            let question = question(&file)?;
            let session = Session::open(places)?;
            let mut reader = session.reader().await?;
            let outcome = release::bundle(&mut reader, question).await;
            let (found, bundle) = session.end(&reader, outcome)?;
            if !bundle.is_empty() {
                file::replace(&target, &bundle)?;
                output.note(&format!("Wrote {}.", out.display()));
            }
            report(&session, &file.file, found, false, output)
        }
        ReleaseVerb::List { stream, limit } => {
            let product = asked_product(&stream)?;
            let session = Session::open(places)?;
            let mut reader = session.reader().await?;
            let stream = product.stream();
            let outcome = streams::list(&mut reader, &stream, Purpose::Releases, limit, None).await;
            Ok(output.report(&StreamReport {
                name: product_name(&product),
                listed: session.end(&reader, outcome)?,
                watched: false,
            }))
        }
        ReleaseVerb::Watch { stream, again } => {
            let product = asked_product(&stream)?;
            let streams = [(product_name(&product), product.stream())];
            watch::run(places, &streams, Purpose::Releases, &again, output).await
        }
    }
}

/// The steps before the one that failed, in a sentence.
fn explain_failure(failed: Step) -> String {
    let order = [
        Step::Parse,
        Step::LogSignature,
        Step::Quorum,
        Step::Freshness,
        Step::Consistency,
        Step::Epoch,
        Step::Index,
        Step::Ladder,
        Step::Statement,
    ];
    let passed = order.iter().take_while(|step| **step != failed);
    let passed: Vec<_> = passed.map(|step| format!("{step}: holds")).collect();
    let mut words = passed.join("; ");
    if !words.is_empty() {
        words.push_str("; ");
    }
    format!("Checks: {words}{failed}: FAILED; what comes after was not looked at.")
}

fn asked_product(args: &StreamArgs) -> Result<Product, Stop> {
    let (product, version) = product(&args.purl, &args.channel, &args.arch)?;
    match version {
        None => Ok(product),
        Some(_) => Err(Stop::Usage(
            "a stream has no version: leave @VERSION off".into(),
        )),
    }
}

fn product_name(product: &Product) -> String {
    format!("{} ({}, {})", product.purl, product.channel, product.arch)
}

fn report(
    session: &Session,
    path: &Path,
    found: FileFound,
    explain: bool,
    output: &mut Output,
) -> Result<Verdict, Stop> {
    let now = found.head.now;
    let standing = match &found.state {
        FileState::Logged(logged) => {
            let pins = session.home.streams(&session.origin)?;
            Some(StreamStanding::of(&logged.release.product, &pins))
        }
        _ => None,
    };
    let report = FileReport {
        path: path.into(),
        found,
        standing,
        explain,
    };
    if let Some(product) = report.to_pin() {
        session.home.pin_stream(&session.origin, product, now)?;
    }
    Ok(output.report(&report))
}

fn question(args: &FileArgs) -> Result<FileQuestion, Stop> {
    let (product, version) = match &args.stream {
        Some(stream) => {
            let channel = args.channel.as_deref().unwrap_or(CHANNEL);
            let arch = args.arch.as_deref().unwrap_or(ARCH);
            let (product, version) = product(stream, channel, arch)?;
            (Some(product), version)
        }
        None => (None, None),
    };
    let failed = |error: std::io::Error| Stop::File {
        path: args.file.clone(),
        reason: error.to_string(),
    };
    let (digest, size) = hash(opened(&args.file)?).map_err(failed)?;
    Ok(FileQuestion {
        digest,
        size,
        product,
        version,
    })
}

/// A package URL has no `@` in this protocol's grammar, so what follows one is the version.
fn product(
    stream: &str,
    channel: &str,
    arch: &str,
) -> Result<(Product, Option<ReleaseVersion>), Stop> {
    let refused = |typed: &str, error: GrammarError| Stop::Usage(format!("{typed:?} is {error}"));
    let (purl, version) = match stream.rsplit_once('@') {
        None => (stream, None),
        Some((purl, version)) => {
            let parsed = ReleaseVersion::parse(version).map_err(|error| refused(version, error))?;
            (purl, Some(parsed))
        }
    };
    let name = |typed: &str| Name::parse(typed).map_err(|error| refused(typed, error));
    let product = Product {
        purl: Purl::parse(purl).map_err(|error| {
            Stop::Usage(format!("{purl:?} is {error}, such as pkg:cargo/serde"))
        })?,
        channel: name(channel)?,
        arch: name(arch)?,
    };
    Ok((product, version))
}

/// Digest and length of a file of any size.
fn hash(mut file: impl Read) -> std::io::Result<(Hash, u64)> {
    let mut hasher = Sha256::new();
    let mut size = 0u64;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = file.read(&mut buffer)?;
        let Some(read) = buffer.get(..n).filter(|read| !read.is_empty()) else {
            break;
        };
        hasher.update(read);
        size += u64::try_from(n).unwrap_or(u64::MAX);
    }
    Ok((Hash::from_bytes(hasher.finalize().into()), size))
}
