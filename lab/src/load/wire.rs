//! One HTTP/1.1 connection that costs as little as it can, so that what is measured is the server.
//!
//! In scope: a request whose bytes are ready, an answer with a `Content-Length`, and the same
//! connection for the next one. Out of scope: TLS, redirects, chunked answers, pipelining; none of
//! our servers needs them. Answers are measured and counted, never believed.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use plainsight_client::http::BaseUrl;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 4 << 20;
/// The longest head of an answer, in bytes.
const MAX_HEAD: usize = 16 << 10;
/// Bytes that are read at a time at the least.
const READ: usize = 16 << 10;

/// Where requests go.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    address: SocketAddr,
    host: String,
    prefix: String,
    token: Option<String>,
}

impl Target {
    /// Resolves the host once: only `http`.
    pub(crate) async fn resolve(url: &BaseUrl, token: Option<&str>) -> Result<Self> {
        let Some(rest) = url.as_str().strip_prefix("http://") else {
            bail!("load is sent over plain http only, and {url} is not that");
        };
        let (host, prefix) = match rest.split_once('/') {
            Some((host, prefix)) => (host, format!("/{prefix}")),
            None => (rest, String::new()),
        };
        let with_port = if host.ends_with(']') || !host.contains(':') {
            format!("{host}:80")
        } else {
            host.to_owned()
        };
        let address = tokio::net::lookup_host(&with_port)
            .await
            .with_context(|| format!("looking {host} up"))?
            .next()
            .with_context(|| format!("{host} has no address"))?;
        Ok(Self {
            address,
            host: host.to_owned(),
            prefix,
            token: token.map(str::to_owned),
        })
    }

    /// The bytes of a GET.
    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        let Self { host, prefix, .. } = self;
        format!("GET {prefix}/{path} HTTP/1.1\r\nhost: {host}\r\n\r\n").into_bytes()
    }

    /// Writes the head of a POST of `length` bytes of JSON; the body is to follow.
    pub(crate) fn post(&self, path: &str, length: usize, request: &mut Vec<u8>) {
        let Self { host, prefix, .. } = self;
        let authorization = match &self.token {
            Some(token) => format!("authorization: Bearer {token}\r\n"),
            None => String::new(),
        };
        let head = format!(
            "POST {prefix}/{path} HTTP/1.1\r\nhost: {host}\r\n{authorization}\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        request.clear();
        request.extend_from_slice(head.as_bytes());
    }
}

/// An answer, good until the next request.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

/// A connection, made when it is first needed and again after it ended.
#[derive(Debug)]
pub(crate) struct Wire {
    target: SocketAddr,
    stream: Option<TcpStream>,
    received: Vec<u8>,
}

/// What the head of an answer says.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    body_at: usize,
    end: usize,
    closes: bool,
}

impl Wire {
    pub(crate) fn new(target: &Target) -> Self {
        Self {
            target: target.address,
            stream: None,
            received: Vec::new(),
        }
    }

    /// Sends a request and reads its answer. After an error the connection is a new one.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        let mut stream = if let Some(stream) = self.stream.take() {
            stream
        } else {
            let stream = TcpStream::connect(self.target).await?;
            stream.set_nodelay(true)?;
            stream
        };
        stream.write_all(request).await?;
        self.received.clear();
        let head = loop {
            if let Some(head) = parse_head(&self.received)? {
                if self.received.len() >= head.end {
                    break head;
                }
                self.received.reserve(head.end - self.received.len());
            } else if self.received.len() > MAX_HEAD {
                bail!("an answer without an end of its head");
            }
            self.received.reserve(READ);
            if stream.read_buf(&mut self.received).await? == 0 {
                bail!("the server ended the connection");
            }
        };
        if !head.closes {
            self.stream = Some(stream);
        }
        let body = self.received.get(head.body_at..head.end);
        Ok(Answer {
            status: head.status,
            body: body.context("an answer shorter than it is")?,
        })
    }
}

/// The head of an answer, once it is there.
fn parse_head(received: &[u8]) -> Result<Option<Head>> {
    let Some(length) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(received.get(..length).unwrap_or_default())?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|line| line.get(..3))
        .context("not an HTTP/1.1 answer")?
        .parse()?;
    let (mut body_length, mut closes) = (None, false);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            body_length = Some(value.parse::<usize>()?);
        } else if name.eq_ignore_ascii_case("connection") {
            closes = value.eq_ignore_ascii_case("close");
        }
    }
    let body_length = body_length.context("an answer without Content-Length")?;
    if body_length > MAX_ANSWER {
        bail!("an answer of {body_length} bytes");
    }
    let body_at = length + 4;
    Ok(Some(Head {
        status,
        body_at,
        end: body_at + body_length,
        closes,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_head_of_an_answer() {
        let answer = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 12\r\n\
                       connection: close\r\n\r\n";
        let head = parse_head(answer).unwrap().unwrap();
        let expected = Head {
            status: 503,
            body_at: answer.len(),
            end: answer.len() + 12,
            closes: true,
        };
        assert_eq!(head, expected);
        assert_eq!(parse_head(&answer[..answer.len() - 1]).unwrap(), None);
    }

    #[test]
    fn refuses_what_it_cannot_delimit() {
        for bad in [
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n",
            "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\n",
            "SSH-2.0\r\n\r\n",
        ] {
            assert!(parse_head(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn keeps_the_connection_and_makes_a_new_one_after_it_ended() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/log", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let mut connections = 0;
            for answers in [
                &["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab"; 2][..],
                &["HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n"; 1][..],
            ] {
                let (mut stream, _) = listener.accept().await.unwrap();
                connections += 1;
                for answer in answers {
                    let mut request = [0; 512];
                    let read = stream.read(&mut request).await.unwrap();
                    let request = String::from_utf8_lossy(&request[..read]).into_owned();
                    assert!(request.starts_with("GET /log/x HTTP/1.1\r\n"), "{request}");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
            connections
        });
        let url = BaseUrl::parse(&url).unwrap();
        let target = Target::resolve(&url, None).await.unwrap();
        let mut wire = Wire::new(&target);
        let request = target.get("x");
        for _ in 0..2 {
            let answer = wire.exchange(&request).await.unwrap();
            assert_eq!((answer.status, answer.body), (200, b"ab".as_slice()));
        }
        assert!(wire.exchange(&request).await.is_err());
        assert_eq!(wire.exchange(&request).await.unwrap().status, 404);
        assert_eq!(server.await.unwrap(), 2);
    }
}
