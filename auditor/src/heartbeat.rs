//! The two signs of life that others wait for: an address that is read (a dead-man switch), and the
//! service manager's watchdog. Both are given only while auditing makes progress.

use std::time::Duration;

use tokio::sync::watch;

use crate::config::HeartbeatConfig;
use crate::pulse::Pulse;

/// The longest wait for the dead-man switch's answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reads the address every so often until `stop` says so. A failure is logged and no more: whoever
/// waits for the sign will say that it stayed away.
pub(crate) async fn ping(
    config: HeartbeatConfig,
    pulse: watch::Receiver<Pulse>,
    mut stop: watch::Receiver<bool>,
) {
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build();
    let client = match client {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "there will be no heartbeat");
            return;
        }
    };
    let mut tick = tokio::time::interval(Duration::from_secs(config.every_s));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !*stop.borrow() {
        tokio::select! {
            _ = stop.changed() => return,
            _ = tick.tick() => {}
        }
        if !is_alive(&pulse) {
            tracing::warn!("no heartbeat is sent: auditing makes no progress");
            continue;
        }
        let answer = client.get(&config.url).send().await;
        match answer.and_then(reqwest::Response::error_for_status) {
            Ok(_) => {}
            Err(error) => {
                let error = error.without_url();
                tracing::warn!(%error, "the heartbeat was not taken");
            }
        }
    }
}

/// Whether there was a look at all, and it found progress.
fn is_alive(pulse: &watch::Receiver<Pulse>) -> bool {
    let pulse = pulse.borrow();
    pulse.looked && pulse.is_progressing()
}

/// Tells the service manager that it is ready, and then that it lives, if it wants to know.
pub(crate) async fn notify(pulse: watch::Receiver<Pulse>, mut stop: watch::Receiver<bool>) {
    let Some(manager) = Manager::from_environment() else {
        return;
    };
    manager.tell("READY=1");
    let every = manager.watchdog.unwrap_or(Duration::from_secs(30));
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !*stop.borrow() {
        tokio::select! {
            _ = stop.changed() => break,
            _ = tick.tick() => {}
        }
        let complaints = pulse.borrow().complaints();
        let status = complaints
            .first()
            .map_or_else(|| "auditing".to_owned(), |line| line.replace('\n', " "));
        manager.tell(&format!("STATUS={status}"));
        if is_alive(&pulse) {
            manager.tell("WATCHDOG=1");
        }
    }
    manager.tell("STOPPING=1");
}

/// systemd's notification socket (`sd_notify(3)`).
#[derive(Debug)]
struct Manager {
    #[cfg(unix)]
    socket: std::os::unix::net::UnixDatagram,
    /// Half of what the watchdog allows.
    watchdog: Option<Duration>,
}

#[cfg(unix)]
impl Manager {
    fn from_environment() -> Option<Self> {
        let path = std::env::var_os("NOTIFY_SOCKET")?;
        let watchdog = std::env::var("WATCHDOG_USEC")
            .ok()
            .and_then(|text| text.parse().ok())
            .map(|usec: u64| Duration::from_micros(usec / 2).max(Duration::from_millis(10)));
        Self::connect(std::path::Path::new(&path), watchdog)
            .inspect_err(|error| tracing::warn!(%error, "the service manager cannot be told"))
            .ok()
    }

    fn connect(path: &std::path::Path, watchdog: Option<Duration>) -> std::io::Result<Self> {
        let socket = std::os::unix::net::UnixDatagram::unbound()?;
        #[cfg(target_os = "linux")]
        if let Some(name) = path.to_str().and_then(|path| path.strip_prefix('@')) {
            use std::os::linux::net::SocketAddrExt as _;

            let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
            socket.connect_addr(&address)?;
            return Ok(Self { socket, watchdog });
        }
        socket.connect(path)?;
        Ok(Self { socket, watchdog })
    }

    fn tell(&self, what: &str) {
        if let Err(error) = self.socket.send(what.as_bytes()) {
            tracing::debug!(%error, "the service manager was not told");
        }
    }
}

#[cfg(not(unix))]
impl Manager {
    fn from_environment() -> Option<Self> {
        None
    }

    fn tell(&self, _: &str) {}
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_manager_hears_what_it_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
        let ours = Manager::connect(&path, None).unwrap();
        ours.tell("WATCHDOG=1");
        let mut heard = [0u8; 64];
        let length = manager.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"WATCHDOG=1");
    }

    #[tokio::test]
    async fn an_auditor_that_stands_still_sends_no_heartbeat() {
        let paths = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let kept = paths.clone();
        let router = axum::Router::new().fallback(move |uri: axum::http::Uri| {
            kept.lock().unwrap().push(uri.path().to_owned());
            std::future::ready("ok")
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let (stop, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        // The one that stands still has as many turns as the other.
        for (path, full) in [("still", true), ("alive", false)] {
            let pulse = Pulse {
                looked: true,
                full,
                ..Pulse::default()
            };
            let (_, seen) = watch::channel(pulse);
            let config = HeartbeatConfig {
                url: format!("http://{address}/{path}"),
                every_s: 1,
            };
            tasks.push(tokio::spawn(ping(config, seen, stopped.clone())));
        }
        let number = |path: &str| {
            let paths = paths.lock().unwrap();
            paths.iter().filter(|found| *found == path).count()
        };
        while number("/alive") < 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(number("/still"), 0);
        stop.send_replace(true);
        for task in tasks {
            task.await.unwrap();
        }
    }

    #[test]
    fn without_a_look_there_is_no_sign_of_life() {
        let (pulse, seen) = watch::channel(Pulse::default());
        assert!(!is_alive(&seen), "nobody has looked");
        let healthy = Pulse {
            looked: true,
            ..Pulse::default()
        };
        pulse.send_replace(healthy.clone());
        assert!(is_alive(&seen));
        pulse.send_replace(Pulse {
            full: true,
            ..healthy
        });
        assert!(!is_alive(&seen));
    }
}
