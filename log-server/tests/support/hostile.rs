//! What a stranger may do to a service over HTTP, byte by byte: the service, a process of its own,
//! must refuse it in plain words, go on to answer others, and stay within its memory.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "each program that includes this uses its own part, and a test that cannot go on has failed"
)]

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// No step of these takes longer on a machine that does anything else.
const PATIENCE: Duration = Duration::from_mins(1);
/// How much more memory the whole of it may take, in KiB.
const MAX_GROWTH_KIB: u64 = 256 * 1024;
/// How long each of a crowd stays.
const CROWD_PATIENCE: Duration = Duration::from_secs(20);
/// Connections that a crowd opens, where the limit of open files allows it.
const CROWD: usize = 10_000;

/// A running service.
#[derive(Debug, Clone)]
pub struct Service {
    pub address: SocketAddr,
    pub pid: u32,
    /// What it answers to when it is well.
    pub well: &'static str,
    /// What it answers with some kilobytes.
    pub large: String,
    /// Where it takes JSON or text.
    pub posts: &'static [&'static str],
}

/// What came back: nothing, if the service only closed the connection.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: Option<u16>,
    pub text: String,
}

impl Service {
    async fn connect(&self) -> TcpStream {
        let connected = tokio::time::timeout(PATIENCE, TcpStream::connect(self.address)).await;
        connected.expect("it accepts").unwrap()
    }

    /// Sends bytes as they are and reads until the service closes or has answered once.
    pub async fn raw(&self, bytes: &[u8]) -> Reply {
        let mut stream = self.connect().await;
        // It may have answered and closed before all was sent.
        let _ = stream.write_all(bytes).await;
        reply(&mut stream).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        self.raw(request.as_bytes()).await
    }

    pub async fn post(&self, path: &str, headers: &str, body: &[u8]) -> Reply {
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: \
             {length}\r\n\r\n"
        );
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        self.raw(&request).await
    }

    /// It answers a stranger who asks rightly.
    pub async fn is_well(&self, after: &str) {
        let reply = self.get(self.well).await;
        assert_eq!(reply.status, Some(200), "after {after}: {}", reply.text);
    }

    /// What it has in memory now, in KiB.
    pub fn memory_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid);
        let status = std::fs::read_to_string(path).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let words = line.unwrap().split_whitespace().nth(1);
        words.unwrap().parse().unwrap()
    }

    /// Everything, one after the other.
    pub async fn withstands_all(&self) {
        let before = self.memory_kib();
        self.odd_heads().await;
        self.is_well("odd heads").await;
        self.tricks_with_paths().await;
        self.is_well("tricks with paths").await;
        self.wrong_bodies().await;
        self.is_well("wrong bodies").await;
        self.endless_bodies().await;
        self.is_well("endless bodies").await;
        self.slow_bodies().await;
        self.is_well("slow bodies").await;
        self.slow_heads().await;
        self.is_well("slow heads").await;
        self.readers_who_do_not_read().await;
        self.is_well("readers who do not read").await;
        self.a_crowd().await;
        self.is_well("a crowd").await;
        let growth = self.memory_kib().saturating_sub(before);
        assert!(growth < MAX_GROWTH_KIB, "it took {growth} KiB more");
    }

    /// Heads that are no requests, or two at once: refused, never a failure of the service.
    async fn odd_heads(&self) {
        let many = "X-A: b\r\n".repeat(2_000);
        let long = format!("X-A: {}\r\n", "b".repeat(200_000));
        let post = self.posts[0];
        let mut heads = vec![
            b"\r\n\r\n\r\n\r\n".to_vec(),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            b"GET / HTTP/9.9\r\n\r\n".to_vec(),
            b"GET /\r\n\r\n".to_vec(),
            b"GET / HTTP/1.1\r\nHost: x\r\nA\x00B: c\r\n\r\n".to_vec(),
            b"GET / HTTP/1.1\r\nHost: x\r\n folded: c\r\n\r\n".to_vec(),
            b"GET / HTTP/1.1\r\nHost : x\r\n\r\n".to_vec(),
            b"G\xc0\xafT / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        ];
        for headers in [&many, &long] {
            heads.push(format!("GET / HTTP/1.1\r\nHost: x\r\n{headers}\r\n").into_bytes());
        }
        for lengths in [
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length: 0x10\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n",
        ] {
            heads.push(format!("POST {post} HTTP/1.1\r\nHost: x\r\n{lengths}\r\n").into_bytes());
        }
        for head in heads {
            let reply = self.raw(&head).await;
            let shown = String::from_utf8_lossy(&head[..head.len().min(80)]).into_owned();
            let refused = reply
                .status
                .is_none_or(|status| (400..500).contains(&status));
            assert!(refused, "{shown:?}: {reply:?}");
        }
        // Two lengths of one body, which a proxy may read otherwise: never a second request.
        let smuggled = format!(
            "POST {post} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: \
             chunked\r\n\r\n0\r\n\r\nGET {} HTTP/1.1\r\nHost: x\r\n\r\n",
            self.well
        );
        let reply = self.raw(smuggled.as_bytes()).await;
        assert_ne!(reply.status, Some(200), "{reply:?}");
        assert!(!reply.text.contains("HTTP/1.1 200"), "{reply:?}");
    }

    /// Names of nothing that is public: none is found, whatever folder the service is in.
    async fn tricks_with_paths(&self) {
        for path in [
            "/../../../../../../etc/passwd",
            "/tile/../../keys/log.key",
            "/tile/0/../../../keys/log.key",
            "/tile/%2e%2e/%2e%2e/keys/log.key",
            "/tile/0/%2e%2e%2f%2e%2e%2fkeys%2flog.key",
            "/tile/0/..%5c..%5ckeys",
            "/tile/0/%252e%252e/000",
            "/tile/0/%c0%ae%c0%ae/000",
            "/tile/0/000%00",
            "/tile/0/000%00.p/1",
            "/tile/0//000",
            "/tile//etc/passwd",
            "//etc/passwd",
            "/%2fetc%2fpasswd",
            "/.git/config",
            "/cosigner.key",
            "/keys/log.key",
            "/log.sqlite",
            "/auditor.sqlite3",
            "/%ff%fe",
            "/%",
            "/%zz",
            "/v1/evidence/..%2f..%2fauditor.toml",
            "/v1/artifact/..%2f..%2fkeys",
            "http://other.example/../etc/passwd",
        ] {
            let reply = self.get(path).await;
            let refused = reply
                .status
                .is_none_or(|status| (400..500).contains(&status));
            assert!(refused, "{path}: {reply:?}");
            assert!(!reply.text.contains("root:"), "{path}");
        }
        let long = format!("/tile/0/{}", "x001/".repeat(10_000));
        let reply = self.get(&long).await;
        assert!(matches!(reply.status, Some(404 | 414 | 431)), "{reply:?}");
        for method in ["TRACE", "CONNECT", "PUT", "DELETE", "PATCH", "get"] {
            let request = format!("{method} {} HTTP/1.1\r\nHost: x\r\n\r\n", self.well);
            let reply = self.raw(request.as_bytes()).await;
            let refused = reply
                .status
                .is_none_or(|status| (400..500).contains(&status));
            assert!(refused, "{method}: {reply:?}");
        }
    }

    /// Bodies that are nothing that was asked for.
    async fn wrong_bodies(&self) {
        let deep = format!("{}1{}", "[".repeat(7_000), "]".repeat(7_000));
        let objects = "{\"a\":".repeat(2_000);
        // Ten bytes of gzip that claim to be more; a reader that unpacks them reads on.
        let bomb = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xed\xc1\x01\x0d\x00\x00\x00\xc2";
        let bodies: [&[u8]; 10] = [
            b"",
            b"null",
            b"{}",
            deep.as_bytes(),
            objects.as_bytes(),
            b"{\"label\":\"AWFAYg==\",\"label\":\"AWFAYg==\"}",
            b"{\"label\":1e400}",
            b"\xff\xfe{\x00}\x00",
            b"old 18446744073709551616\n\n",
            bomb,
        ];
        for path in self.posts {
            for kind in [
                "",
                "Content-Type: text/html\r\n",
                "Content-Type: application/json\r\n",
                "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
                "Content-Type: application/json\r\nContent-Encoding: br, gzip, zstd\r\n",
                "Content-Type: multipart/form-data; boundary=x\r\n",
                "Content-Type: application/x-www-form-urlencoded\r\n",
            ] {
                for body in bodies {
                    let reply = self.post(path, kind, body).await;
                    let refused = reply
                        .status
                        .is_some_and(|status| (400..500).contains(&status));
                    assert!(refused, "{path} {kind} {body:?}: {reply:?}");
                }
            }
        }
    }

    /// A body without an end, or with one far away: cut off while it is small.
    async fn endless_bodies(&self) {
        for path in self.posts {
            let declared = format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                 Content-Length: 10000000000\r\n\r\n"
            );
            let mut stream = self.connect().await;
            stream.write_all(declared.as_bytes()).await.unwrap();
            let _ = stream.write_all(&vec![b' '; 1 << 20]).await;
            let answered = reply(&mut stream).await;
            let refused = answered
                .status
                .is_none_or(|status| (400..500).contains(&status));
            assert!(refused, "{path}: {answered:?}");

            let mut stream = self.connect().await;
            let chunked = format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                 Transfer-Encoding: chunked\r\n\r\n"
            );
            stream.write_all(chunked.as_bytes()).await.unwrap();
            let mut chunk = b"10000\r\n".to_vec();
            chunk.extend(std::iter::repeat_n(b' ', 0x10000));
            chunk.extend(b"\r\n");
            let mut taken = 0;
            while taken < 1_000 && stream.write_all(&chunk).await.is_ok() {
                taken += 1;
            }
            assert!(taken < 1_000, "{path} takes more than 60 MiB");
        }
    }

    /// Bodies that come a byte at a time: meanwhile others are answered, posts among them.
    async fn slow_bodies(&self) {
        let path = self.posts[0];
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: \
             100\r\n\r\n{{"
        );
        let mut held = Vec::new();
        for _ in 0..300 {
            let mut stream = self.connect().await;
            stream.write_all(head.as_bytes()).await.unwrap();
            held.push(stream);
        }
        self.is_well("three hundred slow bodies").await;
        let json = "Content-Type: application/json\r\n";
        let reply = self.post(path, json, b"{}").await;
        // Whoever sends a whole one is told what is wrong with it, not to come later.
        let told = reply
            .status
            .is_some_and(|status| (400..500).contains(&status));
        assert!(told, "{reply:?}");
    }

    /// Heads that do not go on: dropped by the service, all of them.
    async fn slow_heads(&self) {
        let mut open = JoinSet::new();
        for number in 0..200 {
            let mut stream = self.connect().await;
            open.spawn(async move {
                let begun: &[u8] = match number % 3 {
                    0 => b"",
                    1 => b"GET / HT",
                    _ => b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ",
                };
                stream.write_all(begun).await.unwrap();
                closed(&mut stream).await;
            });
        }
        while let Some(ended) = open.join_next().await {
            ended.expect("each is dropped");
        }
    }

    /// Answers that nobody takes: the connection is dropped, with what was to be sent.
    async fn readers_who_do_not_read(&self) {
        let request = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", self.large);
        let mut open = JoinSet::new();
        for _ in 0..20 {
            let mut stream = self.connect().await;
            let request = request.clone().into_bytes();
            open.spawn(async move {
                let sent = async { while stream.write_all(&request).await.is_ok() {} };
                let dropped = tokio::time::timeout(PATIENCE, sent).await;
                dropped.expect("who takes nothing is dropped");
            });
        }
        while let Some(ended) = open.join_next().await {
            ended.expect("each is dropped");
        }
    }

    /// As many connections as this process may open, saying nothing: they are dropped, and the
    /// service goes on.
    async fn a_crowd(&self) {
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
        let open_files = limits
            .lines()
            .find(|line| line.starts_with("Max open files"));
        let soft = open_files.unwrap().split_whitespace().nth(3).unwrap();
        let room = soft.parse().unwrap_or(usize::MAX).saturating_sub(200);
        let crowd = CROWD.min(room);
        println!("a crowd of {crowd} connections");
        let mut open = JoinSet::new();
        for _ in 0..crowd {
            let address = self.address;
            open.spawn(async move {
                // Who is not let in within the time has taken nothing: the system may forget a
                // connection that nobody accepts, and then only one side knows of it.
                let stay = async {
                    let mut stream = TcpStream::connect(address).await.ok()?;
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                    Some(())
                };
                let ended = tokio::time::timeout(CROWD_PATIENCE, stay).await;
                ended.ok().flatten().is_some()
            });
        }
        let mut dropped = 0;
        while let Some(ended) = open.join_next().await {
            dropped += usize::from(ended.unwrap());
        }
        assert!(dropped > crowd / 4, "only {dropped} were let in");
    }
}

/// Waits until the service closes.
async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    // Closed in either way.
    let _ = ended.expect("the service closes");
}

async fn reply(stream: &mut TcpStream) -> Reply {
    let mut bytes = Vec::new();
    let read = async {
        let mut part = vec![0; 16 * 1024];
        loop {
            match stream.read(&mut part).await {
                Ok(0) | Err(_) => return,
                Ok(length) => bytes.extend_from_slice(&part[..length]),
            }
            if is_whole(&bytes) || bytes.len() > 1 << 24 {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, read)
        .await
        .expect("it answers or closes");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| text.strip_prefix("HTTP/1.0 "))
        .and_then(|rest| rest.get(..3))
        .and_then(|status| status.parse().ok());
    Reply { status, text }
}

/// Whether a head and as much as it declares is there.
fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length:")?
            .trim()
            .parse()
            .ok()
    });
    length.is_some_and(|length: usize| body.len() >= length)
}
