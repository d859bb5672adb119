//! The database: whether it is whole, and what it says of each log.

use std::path::Path;

use super::{Line, fail, ok, warn};
use crate::clock;
use crate::config::{Config, FollowedLog};
use crate::store::{Store, StoreError};

/// A cosignature older than this many seconds is worth a warning: readers ask for a day.
const OLD_S: u64 = 6 * 3600;

pub(super) async fn database(config: &Config) -> Vec<Line> {
    let address = config.database();
    if !address.is_there() {
        return vec![warn(
            "database: there is none yet",
            "It is made at the first start. If this auditor has run before, restore the newest: with an \
             older or empty one it signs nothing, as long as the folder high-water, a peer or the log \
             remembers what it signed.",
        )];
    }
    if let Some(Err(error)) = address.file().map(can_write) {
        return vec![fail(
            format!("database: {error}"),
            "Give the folder and all in it to the user that the auditor runs as (chown -R), and run this as \
             that user.",
        )];
    }
    match look_into(config).await {
        Ok(lines) => lines,
        Err(error) => vec![fail(
            format!("database: {error}"),
            match address.file() {
                Some(_) => {
                    "Look at the disk and the file's owner; then `plainsight-auditor check`."
                }
                None => {
                    "Look at the server, at the user's rights and at the password; then \
                     `plainsight-auditor check`."
                }
            },
        )],
    }
}

/// Whether the file may be written by whoever asks.
fn can_write(path: &Path) -> Result<(), String> {
    match std::fs::OpenOptions::new().append(true).open(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{} cannot be written: {error}", path.display())),
    }
}

async fn look_into(config: &Config) -> Result<Vec<Line>, StoreError> {
    let store = Store::open(&config.database()).await?;
    let mut lines = Vec::new();
    match store.quick_check().await? {
        None if config.database().file().is_some() => lines.push(ok("database: whole")),
        None => lines.push(ok(format!(
            "database: {} answers, and its commits are durable",
            config.database()
        ))),
        Some(damage) => lines.push(fail(
            format!("database: {damage}"),
            "Stop the auditor and restore the newest backup.",
        )),
    }
    for log in &config.logs {
        lines.push(cosigned(&store, log).await?);
    }
    let open: u64 = store
        .open_alerts()
        .await?
        .iter()
        .map(|(_, number)| number)
        .sum();
    lines.push(match open {
        0 => ok("alerts: none is open"),
        1 => warn(
            "alerts: 1 is open",
            "Read it: `plainsight-auditor alert list`.",
        ),
        many => warn(
            format!("alerts: {many} are open"),
            "Read them: `plainsight-auditor alert list`.",
        ),
    });
    store.close().await;
    Ok(lines)
}

async fn cosigned(store: &Store, log: &FollowedLog) -> Result<Line, StoreError> {
    let what = format!("last cosignature of {}", log.origin);
    let row = match store.log(&log.origin, &log.keys).await {
        Ok(row) => row,
        Err(error @ StoreError::OtherKey { .. }) => {
            return Ok(fail(
                format!("{what}: {error}"),
                "Put the log's first key back into the configuration.",
            ));
        }
        Err(error) => return Err(error),
    };
    if let Some(size) = row.rolled_back {
        return Ok(fail(
            format!("{what}: this database is older than the one on size {size}"),
            "Restore the newest database, or retire the key.",
        ));
    }
    if let Some(open) = store.open_break(row.id).await? {
        return Ok(warn(
            format!(
                "{what}: none is made while {open} is open ({})",
                open.rule.meaning()
            ),
            "Read the evidence; `plainsight-auditor acknowledge` goes on where that is allowed.",
        ));
    }
    let Some(time) = row.signed_time else {
        return Ok(warn(
            format!("{what}: none yet"),
            "Start the auditor, and wait until it has read the log.",
        ));
    };
    let age = clock::now_s().saturating_sub(time);
    let text = format!("{what}: {age} s ago, at size {}", row.signed.size);
    Ok(if age > OLD_S {
        warn(
            text,
            "Is the auditor running, and does the log publish? See the lines below.",
        )
    } else {
        ok(text)
    })
}
