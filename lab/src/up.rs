//! `plainsight-lab up`: a network that keeps running, with real input and commands to try.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::network::{Network, Staged};
use crate::populate::{self, FEATURE};

/// What `up` can be told.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Keep everything here; the folder is made, and must not hold a network yet. Without it, a
    /// new folder for temporary files
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The log listens here, the auditors at the ports after it; 0 takes free ones
    #[arg(long, default_value_t = 7410)]
    port_base: u16,
}

/// Runs a network until it is interrupted.
pub async fn run(args: UpArgs) -> Result<()> {
    let dir = match args.dir {
        Some(dir) => dir,
        None => std::env::temp_dir().join(format!("plainsight-lab-{}", std::process::id())),
    };
    if dir.join("log").exists() {
        bail!(
            "{} holds a network already; give another --dir, or remove that folder",
            dir.display()
        );
    }
    let network = Network::start_staged(&dir, args.port_base, &Staged::default())
        .await
        .context("the network did not start; is another one running? Try --port-base 0")?;
    let home = network.dir().join("home");
    network.write_home(&home)?;
    println!("{}", greeting(&network));
    let populated = populate::populate(&network).await?;
    let description = network.write_description(&home)?;
    println!(
        "Ready: {} releases, {} key sets of {} people, {} log entries, cosigned by {} auditors.",
        populated.releases.len(),
        populated.key_sets,
        populate::ACCOUNTS,
        network.server().published_size(),
        network.auditors().len(),
    );
    if let Some(missing) = &populated.missing {
        println!("{missing}");
    }
    println!("For scripts: {}\n", description.display());
    println!("{}", commands(&network, &populated)?);
    println!(
        "Interrupt with Ctrl-C to end the network; {} stays.",
        network.dir().display()
    );
    tokio::signal::ctrl_c().await?;
    network.shutdown().await;
    Ok(())
}

/// Where everything is.
fn greeting(network: &Network) -> String {
    let count = network.auditors().len();
    let mut lines = vec![
        format!("A log and {count} auditors are running.\n"),
        format!("  log      {}", network.log_url()),
    ];
    for running in network.auditors() {
        let auditor = running.auditor;
        lines.push(format!(
            "  auditor  {}  {} ({})",
            running.url, auditor.organisation, auditor.jurisdiction
        ));
    }
    lines.extend([
        format!("  policy   {}", network.policy().display()),
        format!("  folder   {}", network.dir().display()),
        "\nPublishing real input; commands to try follow.\n".into(),
    ]);
    lines.join("\n")
}

/// Commands that run exactly as printed, from anywhere.
fn commands(network: &Network, populated: &populate::Populated) -> Result<String> {
    let home = network.dir().join("home");
    // Through this very program, so that nothing more is built; `plainsight` is the same.
    let plainsight = format!(
        "{} plainsight --home {}",
        this_program()?,
        quote(&home.display().to_string()),
    );
    let mut lines = vec![String::from("Commands to try, in another terminal:")];
    let mut add = |why: &str, command: &str| {
        if !why.is_empty() {
            lines.push(format!("\n  # {why}"));
        }
        lines.push(format!("  {plainsight} {command}"));
    };
    add("The log, and who vouches for its head", "log status");
    add("Somebody's keys", "contact verify person0001@mail.example");
    add(
        "Somebody who has no keys here: proved",
        "contact verify nobody@mail.example",
    );
    add(
        "A person of your own: new keys, published, rotated, watched",
        "keys new me@mail.example --device phone --device laptop",
    );
    add("", "keys publish me@mail.example");
    add("", "keys rotate me@mail.example --add-device tablet");
    add("", "keys monitor me@mail.example");
    let file = populated
        .releases
        .iter()
        .find(|file| file.package.name == "serde_json");
    if let Some(file) = file.or(populated.releases.first()) {
        let file = quote(&file.path.display().to_string());
        add(
            "A file that Cargo has downloaded, byte for byte what was logged",
            &format!("release verify {file}"),
        );
    }
    let never = quote(&network.policy().display().to_string());
    add(
        "A file that was never logged: proved",
        &format!("release verify {never}"),
    );
    add(
        "What the provider offers in a region",
        &format!("protection status {FEATURE} --region GB"),
    );
    Ok(lines.join("\n") + "\n")
}

/// How this program was started: by Cargo, or as the file that it is.
fn this_program() -> Result<String> {
    // Cargo says so to what it runs.
    if std::env::var_os("CARGO_MANIFEST_DIR").is_none() {
        let program = std::env::current_exe().context("where this program is")?;
        return Ok(quote(&program.display().to_string()));
    }
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let manifest = std::path::Path::new(manifest).canonicalize()?;
    Ok(format!(
        "cargo run -q{} --manifest-path {} -p plainsight-lab --",
        if cfg!(debug_assertions) {
            ""
        } else {
            " --release"
        },
        quote(&manifest.display().to_string()),
    ))
}

/// Quotes a word for a shell, if it needs it.
fn quote(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:=@,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_when_a_shell_would_split_them() {
        assert_eq!(quote("/a/b-1.0.crate"), "/a/b-1.0.crate");
        assert_eq!(quote("/a b"), "'/a b'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
    }
}
