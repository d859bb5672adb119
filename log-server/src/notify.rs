//! Tells the service manager how the log is: the `sd_notify` protocol, a datagram of
//! `NAME=value` lines to the socket that `NOTIFY_SOCKET` names. Without that variable, nobody asked,
//! and nothing is sent.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// Why the service manager cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The socket's name is none.
    #[error("NOTIFY_SOCKET is neither a path nor an abstract name")]
    Name,
    /// The socket does not take it.
    #[error("the service manager cannot be told: {0}")]
    Socket(#[from] std::io::Error),
}

/// The way to the service manager.
#[derive(Debug)]
pub struct Notifier {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// From `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`, as `variable` gives them.
    pub fn new(variable: impl Fn(&str) -> Option<String>) -> Result<Self, NotifyError> {
        let socket = match variable("NOTIFY_SOCKET") {
            None => None,
            Some(name) => Some(connect(&name)?),
        };
        let own = std::process::id().to_string();
        let is_ours = variable("WATCHDOG_PID").is_none_or(|pid| pid == own);
        let period = variable("WATCHDOG_USEC").and_then(|us| us.parse().ok());
        let watchdog = period.filter(|us| is_ours && *us > 0);
        Ok(Self {
            watchdog: watchdog
                .filter(|_| socket.is_some())
                .map(Duration::from_micros),
            socket,
        })
    }

    /// How often the manager is to be told that this process is well: half of the time after which
    /// it would give up. `None` if it does not ask.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog.map(|period| period / 2)
    }

    /// The log answers.
    pub fn ready(&self, status: &str) -> Result<(), NotifyError> {
        self.send(&format!("READY=1\nSTATUS={}", line(status)))
    }

    /// The process is well.
    pub fn well(&self, status: &str) -> Result<(), NotifyError> {
        self.send(&format!("WATCHDOG=1\nSTATUS={}", line(status)))
    }

    /// The process ends.
    pub fn stopping(&self, status: &str) -> Result<(), NotifyError> {
        self.send(&format!("STOPPING=1\nSTATUS={}", line(status)))
    }

    fn send(&self, lines: &str) -> Result<(), NotifyError> {
        if let Some(socket) = &self.socket {
            socket.send(lines.as_bytes())?;
        }
        Ok(())
    }
}

/// A status is one line; what follows would be other members.
fn line(status: &str) -> String {
    status.replace(['\n', '\r'], " ")
}

fn connect(name: &str) -> Result<UnixDatagram, NotifyError> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    match name.as_bytes().first() {
        Some(b'/') => socket.connect(name)?,
        #[cfg(target_os = "linux")]
        Some(b'@') => {
            use std::os::linux::net::SocketAddrExt as _;
            let address =
                std::os::unix::net::SocketAddr::from_abstract_name(&name.as_bytes()[1..])?;
            socket.connect_addr(&address)?;
        }
        _ => return Err(NotifyError::Name),
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables<'a>(all: &'a [(&'a str, String)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| {
            let found = all.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.clone())
        }
    }

    fn received(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 512];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn the_manager_is_told_at_its_socket() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let all = [("NOTIFY_SOCKET", path.to_str().unwrap().to_owned())];
        let notifier = Notifier::new(variables(&all)).unwrap();
        assert_eq!(notifier.watchdog(), None);
        notifier.ready("sequenced 2\nSTOPPING=1").unwrap();
        assert_eq!(received(&socket), "READY=1\nSTATUS=sequenced 2 STOPPING=1");
        notifier.well("fine").unwrap();
        assert_eq!(received(&socket), "WATCHDOG=1\nSTATUS=fine");
        notifier.stopping("bye").unwrap();
        assert_eq!(received(&socket), "STOPPING=1\nSTATUS=bye");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_abstract_socket_is_one_too() {
        use std::os::linux::net::SocketAddrExt as _;
        let name = format!("plainsight-notify-{}", std::process::id());
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        let all = [("NOTIFY_SOCKET", format!("@{name}"))];
        Notifier::new(variables(&all))
            .unwrap()
            .well("fine")
            .unwrap();
        assert_eq!(received(&socket), "WATCHDOG=1\nSTATUS=fine");
    }

    #[test]
    fn nobody_who_did_not_ask_is_told() {
        let notifier = Notifier::new(|_| None).unwrap();
        notifier.ready("x").unwrap();
        let all = [("NOTIFY_SOCKET", "relative".to_owned())];
        assert!(matches!(
            Notifier::new(variables(&all)),
            Err(NotifyError::Name)
        ));
    }

    #[test]
    fn the_watchdog_is_fed_in_half_its_time_and_by_its_own_process_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let _socket = UnixDatagram::bind(&path).unwrap();
        let with_pid = |pid: String| {
            let all = [
                ("NOTIFY_SOCKET", path.to_str().unwrap().to_owned()),
                ("WATCHDOG_USEC", "30000000".to_owned()),
                ("WATCHDOG_PID", pid),
            ];
            Notifier::new(variables(&all)).unwrap().watchdog()
        };
        let own = std::process::id();
        assert_eq!(with_pid(own.to_string()), Some(Duration::from_secs(15)));
        assert_eq!(with_pid((own + 1).to_string()), None);
    }
}
