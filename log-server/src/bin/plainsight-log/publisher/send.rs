//! `publish`: hands statements to a log and waits until readers see them.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use plainsight_specs::entry::StatementEntry;
use plainsight_specs::hash::leaf_hash;
use plainsight_specs::publish::{
    MAX_ITEMS, PublishAnswer, PublishError, PublishItem, PublishRequest, Wait,
};
use reqwest::Url;

use super::arguments::PublishArgs;
use super::ask::Log;
use super::read;

/// The pause before a log that does not answer is asked again.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest pause that a log is granted.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// Publishes, and prints a line of position and leaf for each statement.
pub(crate) async fn publish(args: &PublishArgs) -> Result<()> {
    if args.statements.len() > MAX_ITEMS {
        bail!("a log takes at most {MAX_ITEMS} statements at once");
    }
    refuse_in_clear(&args.url)?;
    let token = std::fs::read_to_string(&args.token_file)
        .with_context(|| args.token_file.display().to_string())?;
    let entries = args.statements.iter().map(|path| {
        StatementEntry::from_envelope(&read(path)?)
            .with_context(|| format!("{} is no statement", path.display()))
    });
    let entries = entries.collect::<Result<Vec<_>>>()?;
    let items = entries.iter().map(|entry| PublishItem::Statement {
        envelope: entry.envelope_bytes().to_vec(),
    });
    let request = PublishRequest {
        items: items.collect(),
        wait: Wait::Published,
    };
    let patience = Duration::from_secs(args.patience_s);
    let answer = send(&Log::new(&args.url)?, &request, token.trim(), patience).await?;
    if answer.results.len() != entries.len() {
        bail!(
            "the log answers with {} results for {} statements",
            answer.results.len(),
            entries.len()
        );
    }
    let mut refused = 0;
    for ((path, entry), result) in args.statements.iter().zip(&entries).zip(answer.results) {
        match result {
            Ok(logged) => println!(
                "position {} leaf {}",
                logged.position.get(),
                leaf_hash(&entry.to_bytes())
            ),
            Err(error) => {
                refused += 1;
                eprintln!("{} is not logged: {}", path.display(), words(&error));
            }
        }
    }
    if refused > 0 {
        bail!("{refused} of {} statements are not logged", entries.len());
    }
    Ok(())
}

/// Repeats the request until it is answered. The key is of this run alone: a refusal is kept under
/// it, and what is refused today may be the next in its stream tomorrow. From one run to the next a
/// statement is its own key, for a log gives equal bytes their first position.
async fn send(
    log: &Log,
    request: &PublishRequest,
    token: &str,
    patience: Duration,
) -> Result<PublishAnswer> {
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|error| anyhow!("no randomness: {error}"))?;
    let key = hex::encode(key);
    let start = Instant::now();
    let mut said = String::new();
    loop {
        let error = match log.publish(request.to_json(), token, &key).await {
            Ok(body) => return PublishAnswer::parse(&body).context("the log's answer"),
            Err(error) => error,
        };
        let Some(pause) = error.retry(PAUSE) else {
            return Err(error.into());
        };
        let pause = pause.clamp(PAUSE, MAX_PAUSE);
        if start.elapsed() + pause > patience {
            return Err(error).context(
                "it is not known whether all is logged and published; the same command asks again, \
                 and nothing is logged twice",
            );
        }
        let why = error.to_string();
        if why != said {
            eprintln!("{why}; trying again");
            said = why;
        }
        tokio::time::sleep(pause).await;
    }
}

fn words(error: &PublishError) -> String {
    let mut words = error.message.clone();
    if let Some(rule) = error.rule {
        words = format!("it would break the rule {}: {words}", rule.as_str());
    }
    if let Some(position) = error.position {
        words = format!("{words}, at position {}", position.get());
    }
    words.chars().filter(|c| !c.is_control()).collect()
}

/// A token is not sent where others can read it on its way.
fn refuse_in_clear(url: &Url) -> Result<()> {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let is_here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_here => Ok(()),
        "http" => bail!("http would show the token on its way to {host}; use https"),
        other => bail!("{other} is not a way to a log; use https"),
    }
}
