//! `token add`, `list` and `revoke`.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use plainsight_log_server::store::{Store, TokenRow};
use plainsight_log_server::{NewToken, make_token, revoke_token};
use plainsight_specs::time::Timestamp;

use crate::arguments::TokenCommand;

const DAY: Duration = Duration::from_hours(24);

pub(crate) async fn run(command: TokenCommand) -> Result<()> {
    match command {
        TokenCommand::Add {
            place,
            role,
            name,
            days,
            items_per_s,
            out,
        } => {
            let config = place.load()?;
            // First, so that no token is made that cannot be handed out.
            let mut out = open_out(out.as_deref())?;
            let store = Store::open(&config.database, 1).await?;
            let new = NewToken {
                name: &name,
                role,
                lifetime: days.map(|days| DAY * days),
                items_per_s,
            };
            let token = make_token(&store, &new).await?;
            store.close().await;
            writeln!(out, "{token}")?;
            out.flush()?;
            Ok(())
        }
        TokenCommand::List { place } => {
            let store = Store::open_read_only(&place.load()?.database).await?;
            let rows = store.tokens().await?;
            store.close().await;
            let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
            let now_ms = u64::try_from(since.as_millis())?;
            for row in rows {
                println!("{}", line(&row, now_ms));
            }
            Ok(())
        }
        TokenCommand::Revoke { place, name } => {
            let store = Store::open(&place.load()?.database, 1).await?;
            let revoked = revoke_token(&store, &name).await?;
            store.close().await;
            if !revoked {
                bail!("there is no token of that name that is not revoked");
            }
            eprintln!("revoked; running servers know within seconds");
            Ok(())
        }
    }
}

/// Name, role, what it is worth now, and since when: one line, tabs between.
fn line(row: &TokenRow, now_ms: u64) -> String {
    let time = |ms: u64| {
        let time = Timestamp::from_seconds(ms / 1_000);
        time.map_or_else(|| ms.to_string(), |time| time.to_string())
    };
    let state = match (row.revoked, row.expires) {
        (Some(at), _) => format!("revoked {}", time(at)),
        (None, Some(at)) if row.counts_at(now_ms) => format!("expires {}", time(at)),
        (None, Some(at)) => format!("expired {}", time(at)),
        (None, None) => "counts".into(),
    };
    let rate = row
        .items_per_s
        .map_or_else(|| "-".into(), |rate| format!("{rate}/s"));
    let created = time(row.created);
    format!(
        "{}\t{}\t{state}\tmade {created}\t{rate}",
        row.name,
        row.role.as_str()
    )
}

/// Where a token is shown, once: on standard output, or in a new file that only its owner can read.
fn open_out(path: Option<&Path>) -> Result<Box<dyn Write>> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let Some(path) = path else {
        return Ok(Box::new(std::io::stdout()));
    };
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| path.display().to_string())?;
    Ok(Box::new(file))
}
