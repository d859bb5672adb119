//! An updater that refuses a file which is not logged for everybody.
//!
//! With `plainsight-lab up` running:
//!
//! ```sh
//! cargo run -p plainsight-client --example updater -- FOLDER/policy pkg:cargo/serde_json FILE
//! ```

use std::error::Error;

use plainsight_client::release::{FileQuestion, FileState};
use plainsight_client::verifier::{Store, Verifier};
use plainsight_specs::hash::sha256;
use plainsight_specs::statement::{Audience, Name, Product, Purl, Release};
use plainsight_specs::time::Timestamp;

#[path = "messenger.rs"]
#[allow(dead_code, reason = "a part of it is used")]
pub(crate) mod messenger;

/// Why nothing is installed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// The stream never shipped this file.
    #[error("not installed: the log proves that this file was never shipped in the stream")]
    NotLogged,
    /// The version is logged with other files.
    #[error("not installed: the log has this version with other files")]
    OtherFile,
    /// It was taken back.
    #[error("not installed: the version was taken back")]
    Yanked,
    /// It is not for everybody.
    #[error("not installed: it is for {0} only")]
    NotForAll(Audience),
}

/// The release that `file` belongs to, if it may be installed. The stream is the app's own and
/// fixed in its code, never something a server says.
pub(crate) async fn installable<S: Store>(
    verifier: &mut Verifier<S>,
    stream: &Product,
    file: &[u8],
    now: Timestamp,
) -> Result<Release, Box<dyn Error>> {
    let question = FileQuestion {
        digest: sha256(file),
        size: file.len() as u64,
        product: Some(stream.clone()),
        version: None,
    };
    let found = verifier.file(question, now).await?;
    let release = match found.state {
        FileState::Logged(logged) => logged.release,
        FileState::Absent | FileState::NoStream => return Err(Refused::NotLogged.into()),
        FileState::OtherFile { .. } | FileState::OtherRelease { .. } => {
            return Err(Refused::OtherFile.into());
        }
        FileState::Yanked { .. } => return Err(Refused::Yanked.into()),
    };
    if release.audience != Audience::All {
        return Err(Refused::NotForAll(release.audience).into());
    }
    Ok(release)
}

#[tokio::main(flavor = "current_thread")]
#[allow(dead_code, reason = "the test of this example has its own main")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [policy, purl, file] = args.as_slice() else {
        return Err("usage: updater POLICY PURL FILE".into());
    };
    let notes = std::fs::read_to_string(format!("{policy}.toml")).ok();
    let policy = std::fs::read_to_string(policy)?;
    let mut verifier = messenger::verifier(&policy, notes.as_deref())?;
    let stream = Product {
        purl: Purl::parse(purl)?,
        channel: Name::parse("stable")?,
        arch: Name::parse("any")?,
    };
    let file = std::fs::read(file)?;
    let now = messenger::clock()?;
    let release = installable(&mut verifier, &stream, &file, now).await?;
    // Here the app installs `file`: the very bytes that were hashed.
    println!("Installing version {} of {}.", release.version, stream.purl);
    Ok(())
}
