//! A real `PostgreSQL` for tests: a cluster of its own in a temporary folder on a free port,
//! started from the installed binaries and gone with the process that started it.
//!
//! The tests of the log server and of the auditor share it, and nothing else does. Out of scope: what
//! is in a database.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test whose cluster does not start has failed"
)]

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Set where these tests must not be skipped.
const REQUIRE: &str = "PLAINSIGHT_REQUIRE_POSTGRES";

/// Runs the server named by its arguments until its standard input ends, and then ends it: so it
/// never outlives the test, however that dies.
const UNTIL_STDIN_ENDS: &str = r#""$@" </dev/null & server=$!; read -r _; kill -INT $server; wait"#;

/// A running cluster.
#[derive(Debug)]
pub struct Cluster {
    dir: tempfile::TempDir,
    bin: PathBuf,
    port: u16,
    keeper: Option<Child>,
    /// Further arguments of the server.
    arguments: Vec<String>,
}

/// The cluster that the tests of one binary share; `None`, and a word about it, if there are no
/// binaries to start it from.
pub fn shared() -> Option<&'static Cluster> {
    static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
    SHARED.get_or_init(Cluster::start).as_ref()
}

impl Cluster {
    /// A cluster of the caller's own, to be crashed and started again.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// The same with further arguments of the server.
    pub fn start_with(arguments: &[&str]) -> Option<Self> {
        let Some(bin) = binaries() else {
            assert!(
                std::env::var_os(REQUIRE).is_none(),
                "no PostgreSQL binaries"
            );
            eprintln!("skipped: no PostgreSQL server is installed");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        if is_root() {
            // The server refuses to run as root.
            let given = Command::new("chown")
                .arg("65534:65534")
                .arg(dir.path())
                .status();
            assert!(given.unwrap().success());
        }
        let made = unprivileged(&bin.join("initdb"))
            .arg("--pgdata")
            .arg(&data)
            .args([
                "--username=plainsight",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-locale",
            ])
            .current_dir("/")
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success(), "initdb");
        let port = TcpListener::bind(("127.0.0.1", 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut cluster = Self {
            dir,
            bin,
            port,
            keeper: None,
            arguments: arguments.iter().map(ToString::to_string).collect(),
        };
        cluster.restart();
        Some(cluster)
    }

    /// Starts the server, and returns when it answers.
    pub fn restart(&mut self) {
        let server = unprivileged(&self.bin.join("postgres"));
        let keeper = Command::new("sh")
            .args(["-c", UNTIL_STDIN_ENDS, "sh"])
            .arg(server.get_program())
            .args(server.get_args())
            .arg("-D")
            .arg(self.dir.path().join("data"))
            .args([
                "-p",
                &self.port.to_string(),
                "-c",
                "listen_addresses=127.0.0.1",
            ])
            .arg("-k")
            .arg(self.dir.path())
            .args(&self.arguments)
            .args(["-c", "max_connections=300", "-c", "logging_collector=off"])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.keeper = Some(keeper.unwrap());
        let begun = Instant::now();
        while !self.sql("postgres", "SELECT 1") {
            assert!(
                begun.elapsed() < Duration::from_mins(1),
                "PostgreSQL does not answer"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends the server as a power cut would: nothing is flushed or said.
    pub fn crash(&mut self) {
        let pid = std::fs::read_to_string(self.dir.path().join("data/postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap().to_owned();
        let killed = Command::new("kill").args(["-QUIT", &pid]).status();
        assert!(killed.unwrap().success());
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            keeper.wait().unwrap();
        }
    }

    /// The URL of a new and empty database.
    pub fn database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed));
        assert!(
            self.sql("postgres", &format!("CREATE DATABASE {name}")),
            "{name}"
        );
        format!("postgres://plainsight@127.0.0.1:{}/{name}", self.port)
    }

    /// Runs a statement by the client program. Whether it succeeded.
    pub fn sql(&self, database: &str, statement: &str) -> bool {
        let port = self.port.to_string();
        let mut client = Command::new(self.bin.join("psql"))
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &port,
                "-U",
                "plainsight",
                "-qX",
                "-d",
                database,
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .args(["-v", "ON_ERROR_STOP=1"])
            .spawn()
            .unwrap();
        client
            .stdin
            .take()
            .unwrap()
            .write_all(statement.as_bytes())
            .unwrap();
        client.wait().unwrap().success()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }
}

/// The folder of the server's programs, where Debian or the path has them.
fn binaries() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let debian = debian.flatten().map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = debian.chain(std::env::split_paths(&path)).collect();
    folders.retain(|folder| {
        ["initdb", "postgres", "psql"]
            .iter()
            .all(|p| folder.join(p).is_file())
    });
    folders.into_iter().next()
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(program);
    command
}
