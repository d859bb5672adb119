//! `config check`: what is in force, and whether it can work.

use anyhow::{Context as _, Result};
use plainsight_log_server::config::Loaded;
use plainsight_log_server::signer::Keys;
use plainsight_specs::checkpoint::Origin;
use plainsight_specs::policy::Policy;

/// Prints every member, then opens what the configuration names. Keys are read, not shown.
pub(crate) fn check(loaded: &Loaded) -> Result<()> {
    for member in loaded.members()? {
        println!("{} = {}  # {}", member.name, member.value, member.layer);
    }
    let config = &loaded.config;
    let origin = Origin::parse(&config.origin).context("origin")?;
    let keys = Keys::load(config, &origin)?;
    eprintln!("verifier key: {}", keys.signer.verifier_key());
    match &config.policy {
        None => eprintln!("policy: none; checkpoints are published without cosignatures"),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("the policy {}", path.display()))?;
            let policy =
                Policy::parse(&text).with_context(|| format!("the policy {}", path.display()))?;
            let names: Vec<_> = policy
                .witnesses()
                .iter()
                .map(|witness| witness.name.as_str())
                .collect();
            eprintln!("auditors: {}", names.join(", "));
        }
    }
    eprintln!("the configuration can work");
    Ok(())
}
