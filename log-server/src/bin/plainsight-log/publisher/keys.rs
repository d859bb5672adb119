//! `key`: a publisher's key and its public half.

use anyhow::Result;
use plainsight_log_server::signer::{create_seed, read_seed};
use plainsight_specs::codec::to_base64;
use plainsight_specs::ed25519::SecretKey;

use super::arguments::KeyArgs;

/// Prints the public half of a seed file, which is made first if so asked.
pub(crate) fn key(args: &KeyArgs) -> Result<()> {
    let seed = if args.new {
        create_seed(&args.file)?
    } else {
        read_seed(&args.file)?
    };
    println!("{}", public_text(&SecretKey::from_seed(&seed)));
    Ok(())
}

/// The public half as `init` and `sign publisher-keys` take it.
pub(super) fn public_text(key: &SecretKey) -> String {
    to_base64(key.public().as_bytes())
}
