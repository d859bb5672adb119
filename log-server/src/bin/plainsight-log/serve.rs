//! Runs a log until it is told to stop, and tells the service manager how it is.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use plainsight_log_server::Server;
use plainsight_log_server::notify::{Notifier, NotifyError};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use crate::arguments::{LogFormat, Place};

/// How often the server is looked after when no service manager says how often.
const LOOK: Duration = Duration::from_secs(30);

/// SIGTERM and SIGINT end it in order, a second one at once; SIGHUP reads tokens and limits anew.
pub(crate) async fn serve(
    place: &Place,
    flags: Vec<(String, String)>,
    format: LogFormat,
) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let notifier = Notifier::new(|name| std::env::var(name).ok())?;
    let config = place.load_with(flags.clone())?.config;
    let server = Server::start(config)
        .await
        .context("the log did not start")?;
    let admin = server.admin_addr();
    let admin = admin.map(|address| format!("http://{address}"));
    match format {
        LogFormat::Text => {
            println!("listening on {}", server.url());
            if let Some(admin) = admin {
                println!("operators at {admin}");
            }
        }
        LogFormat::Json => println!(
            "{}",
            serde_json::json!({ "listening": server.url(), "operators": admin })
        ),
    }
    told(notifier.ready(&server.status_line()));
    let mut look = interval(notifier.watchdog().unwrap_or(LOOK));
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => reload(place, flags.clone(), &server),
            _ = look.tick() => {
                // A runtime that is stuck does not come back from this, and is then ended.
                tokio::spawn(async {}).await?;
                if !server.is_serving() {
                    bail!("the server ended");
                }
                told(notifier.well(&server.status_line()));
            }
        }
    }
    tracing::info!("stopping; a second signal stops at once");
    told(notifier.stopping("publishing what was taken"));
    tokio::select! {
        () = server.shutdown() => Ok(()),
        _ = terminate.recv() => bail!("stopped at once"),
        _ = interrupt.recv() => bail!("stopped at once"),
    }
}

fn reload(place: &Place, flags: Vec<(String, String)>, server: &Server) {
    match place.load_with(flags) {
        Ok(loaded) => {
            server.reload(loaded.config.limits);
            tracing::info!("tokens and limits are read anew; all else stays as it was");
        }
        Err(error) => tracing::error!(%error, "the configuration is refused; nothing changed"),
    }
}

fn told(sent: Result<(), NotifyError>) {
    if let Err(error) = sent {
        tracing::warn!(%error, "not told");
    }
}
