//! Against a server that says exactly the bytes a test gives it.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::transport::Carried;

/// Answers request n with `answers[n]`, the last one for ever; counts requests.
async fn server(
    answers: Vec<impl AsRef<[u8]> + Send + Sync + 'static>,
) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 8192];
            let _ = stream.read(&mut request).await.unwrap();
            let n = seen.fetch_add(1, Ordering::SeqCst);
            let answer = answers.get(n).or(answers.last()).unwrap();
            let _ = stream.write_all(answer.as_ref()).await;
        }
    });
    (url, count)
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn http() -> Http {
    Http::new(Patience {
        connect: Duration::from_secs(1),
        answer: Duration::from_secs(2),
        attempts: 3,
        pause: Duration::from_millis(1),
    })
    .unwrap()
}

#[tokio::test]
async fn reads_up_to_the_limit_and_no_further() {
    let (url, _) = server(vec![answer("200 OK", "", "12345")]).await;
    assert_eq!(http().read(&url, 5).await, Ok(b"12345".to_vec()));
    assert!(matches!(
        http().read(&url, 4).await,
        Err(HttpError::TooLong { limit: 4, .. })
    ));
}

#[tokio::test]
async fn a_body_without_declared_length_is_bounded_too() {
    let endless = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_owned() + &"x".repeat(1000);
    let (url, _) = server(vec![endless]).await;
    let error = http().read(&url, 10).await.unwrap_err();
    assert_eq!(error.blame(), Blame::Malformed);
}

#[tokio::test]
async fn an_outage_is_tried_again_and_a_refusal_is_not() {
    let busy = answer("503 Service Unavailable", "Retry-After: 0\r\n", "");
    let (url, count) = server(vec![busy.clone(), busy, answer("200 OK", "", "ok")]).await;
    assert_eq!(http().read(&url, 10).await, Ok(b"ok".to_vec()));
    assert_eq!(count.load(Ordering::SeqCst), 3);

    let (url, count) = server(vec![answer("404 Not Found", "", "no such tile")]).await;
    let error = http().read(&url, 10).await.unwrap_err();
    assert!(error.is_not_found());
    assert_eq!(error.blame(), Blame::Unavailable);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_outage() {
    let (url, _) = server(vec![String::from(
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
    )])
    .await;
    let error = http().read(&url, 10).await.unwrap_err();
    assert_eq!(error.blame(), Blame::Unavailable);
}

#[tokio::test]
async fn redirects_and_unasked_codings_are_refused() {
    let (url, count) = server(vec![answer("302 Found", "Location: /y\r\n", "")]).await;
    assert!(matches!(
        http().read(&url, 10).await,
        Err(HttpError::Status { status: 302, .. })
    ));
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let twice = "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n";
    for coding in [
        "Content-Encoding: br\r\n",
        "Content-Encoding: gzip, gzip\r\n",
        twice,
    ] {
        let (url, _) = server(vec![answer("200 OK", coding, "zz")]).await;
        let error = http().read(&url, 10).await.unwrap_err();
        assert!(matches!(error, HttpError::Coding { .. }), "{coding}");
    }
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// What comes of these bytes when they are said to be gzip, with a bound.
async fn read_gzip(status: &str, body: Vec<u8>, limit: usize) -> Result<Vec<u8>, HttpError> {
    let head = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let (url, _) = server(vec![[head.into_bytes(), body].concat()]).await;
    http().read(&url, limit).await
}

#[tokio::test]
async fn gzip_is_read_within_the_bound_of_plain_bytes() {
    let plain = b"an answer ".repeat(500);
    let read = read_gzip("200 OK", gzip(&plain), plain.len()).await;
    assert_eq!(read.as_ref(), Ok(&plain));
    let read = read_gzip("200 OK", gzip(&plain), plain.len() - 1).await;
    assert!(matches!(read, Err(HttpError::TooLong { limit: 4_999, .. })));
    assert_eq!(read_gzip("200 OK", gzip(b""), 0).await, Ok(vec![]));
    // What does not compress is longer as gzip, and within its bound all the same.
    let noise: Vec<u8> = (0..8192_u32)
        .map(|n| plainsight_specs::hash::sha256(&n.to_be_bytes()).as_bytes()[0])
        .collect();
    assert!(gzip(&noise).len() > noise.len());
    assert_eq!(read_gzip("200 OK", gzip(&noise), 8192).await, Ok(noise));
}

#[tokio::test]
async fn a_bomb_is_refused_at_the_bound() {
    // 64 MiB of zeros in 64 KiB: no more than the bound is ever decoded of it.
    let bomb = gzip(&vec![0; 64 << 20]);
    assert!(bomb.len() < 70_000);
    let error = read_gzip("200 OK", bomb, 100_000).await.unwrap_err();
    assert!(matches!(error, HttpError::TooLong { limit: 100_000, .. }));
    assert_eq!(error.blame(), Blame::Malformed);
    assert!(
        error
            .to_string()
            .ends_with("answered with more than 100000 bytes")
    );
}

#[tokio::test]
async fn gzip_that_is_not_whole_or_goes_on_is_refused() {
    let good = gzip(b"an answer");
    let broken = |reason| move |read| matches!(read, Err(HttpError::Gzip { reason: got, .. }) if got == reason);
    let mut other_checksum = good.clone();
    let at = good.len() - 8;
    other_checksum[at] ^= 1;
    let mut other_magic = good.clone();
    other_magic[0] ^= 1;
    for body in [
        good[..good.len() - 1].to_vec(),
        good[..12].to_vec(),
        vec![],
        b"an answer".to_vec(),
        other_checksum,
        other_magic,
    ] {
        let what = format!("{body:02x?}");
        let read = read_gzip("200 OK", body, 100).await;
        assert!(broken(GzipError::Broken)(read), "{what}");
    }
    for more in [b"x".to_vec(), vec![0], good.clone()] {
        let body = [good.clone(), more].concat();
        let what = format!("{body:02x?}");
        let read = read_gzip("200 OK", body, 100).await;
        assert!(broken(GzipError::Trailing)(read), "{what}");
    }
}

#[tokio::test]
async fn an_error_in_gzip_is_read_as_far_as_it_goes() {
    let whole =
        gzip(br#"{"type":"urn:plainsight:error:busy","title":"t","status":503,"detail":"later"}"#);
    let said = |read| match read {
        Err(HttpError::Status { detail, .. }) => detail,
        other => panic!("{other:?}"),
    };
    let status = "404 Not Found";
    assert_eq!(said(read_gzip(status, whole.clone(), 1000).await), "later");
    assert_eq!(
        said(read_gzip(status, b"not gzip".to_vec(), 1000).await),
        ""
    );
    let words = gzip(b"no such thing here");
    let cut = words[..words.len() - 8].to_vec();
    assert_eq!(
        said(read_gzip(status, cut, 1000).await),
        "no such thing here"
    );
    // A bomb of words is cut where words are.
    let bomb = gzip(&b"a".repeat(1 << 20));
    assert_eq!(said(read_gzip(status, bomb, 10_000).await).len(), DETAIL);
}

#[tokio::test]
async fn a_problem_document_gives_its_code_and_clean_text() {
    let body = r#"{"type":"urn:plainsight:error:size-ahead","title":"t","status":409,"detail":"a\u001b[2Jb"}"#;
    let (url, _) = server(vec![answer("409 Conflict", "", body)]).await;
    let post = Post {
        url: &url,
        content_type: "application/json",
        body: b"{}",
        bearer: Some("token"),
        limit: 10_000,
    };
    let Err(HttpError::Status { code, detail, .. }) = http().ask(post).await else {
        panic!("a 409 is an error")
    };
    assert_eq!(code.as_deref(), Some("size-ahead"));
    assert_eq!(detail, "a [2Jb");
}

#[tokio::test]
async fn a_change_is_sent_once_and_its_status_returned() {
    let (url, count) = server(vec![answer(
        "503 Service Unavailable",
        "Retry-After: 7\r\nContent-Type: text/plain\r\n",
        "later",
    )])
    .await;
    let post = Post {
        url: &url,
        content_type: "text/plain",
        body: b"old 0",
        bearer: None,
        limit: 100,
    };
    let answer = http().send(post).await.unwrap();
    assert_eq!((answer.status, answer.retry_after), (503, Some(7)));
    assert_eq!(answer.content_type.as_deref(), Some("text/plain"));
    assert_eq!(answer.body, b"later");
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_closed_port_is_an_outage() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = http().read(&url, 10).await.unwrap_err();
    assert_eq!(error.blame(), Blame::Unavailable);
}

#[test]
fn addresses_are_absolute_and_carry_nothing_else() {
    let base = BaseUrl::parse("https://log.example/prefix/").unwrap();
    assert_eq!(
        base.join("tile/0/000"),
        "https://log.example/prefix/tile/0/000"
    );
    assert_eq!(
        BaseUrl::parse("http://127.0.0.1:8080").unwrap().as_str(),
        "http://127.0.0.1:8080"
    );
    for bad in [
        "",
        "log.example",
        "/x",
        "ftp://log.example",
        "https://user@log.example",
        "https://user:pw@log.example",
        "https://log.example?x",
        "https://log.example#x",
        "file:///etc",
    ] {
        assert_eq!(
            BaseUrl::parse(bad),
            Err(HttpError::Address { url: bad.into() })
        );
    }
}

/// Answers with a start, and then one byte after another for as long as anybody reads.
async fn dripping(start: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = vec![0; 8192];
                let _ = stream.read(&mut request).await.unwrap();
                stream.write_all(start.as_bytes()).await.unwrap();
                while stream.write_all(b"1").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
        }
    });
    url
}

fn hasty() -> Patience {
    Patience {
        connect: Duration::from_secs(1),
        answer: Duration::from_millis(300),
        attempts: 2,
        pause: Duration::from_millis(1),
    }
}

fn is_too_slow(answer: &Result<Vec<u8>, HttpError>) -> bool {
    matches!(answer, Err(HttpError::Unreachable { reason, .. }) if reason == "no answer in time")
}

/// Each of these would go on for as long as this test waits, if nothing ended it.
#[tokio::test]
async fn a_server_that_drips_is_left() {
    let starts = [
        // In the body, of either kind of answer; in the headers; before the status line is over.
        "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1000000\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-Slow: ",
        "HTTP/1.1 2",
    ];
    for start in starts {
        let url = dripping(start).await;
        let http = Http::new(hasty()).unwrap();
        let answer = http.read(&url, usize::MAX).await;
        assert!(answer.is_err(), "{start:?}: {answer:?}");
        let post = Post {
            url: &url,
            content_type: "application/json",
            body: b"{}",
            bearer: None,
            limit: usize::MAX,
        };
        assert!(http.ask(post).await.is_err(), "{start:?}");
        assert!(http.send(post).await.is_err(), "{start:?}");
    }
    // What is read of an error's body has an end, too.
    let url = dripping("HTTP/1.1 404 Not Found\r\nContent-Length: 4000\r\n\r\n").await;
    let answer = Http::new(hasty()).unwrap().read(&url, 10_000).await;
    assert!(answer.is_err(), "{answer:?}");
}

/// An app's transport that never comes to an end.
#[derive(Debug)]
struct Endless;

impl Transport for Endless {
    fn carry<'r>(&'r self, _request: Request<'r>) -> crate::transport::Carried<'r> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn the_deadline_holds_for_any_transport() {
    let http = Http::over(Arc::new(Endless), hasty());
    let answer = http.read("http://log.example/x", 10).await;
    assert!(is_too_slow(&answer), "{answer:?}");
}

/// An app's transport that gives more than it was asked for.
#[derive(Debug)]
struct Generous;

impl Transport for Generous {
    fn carry<'r>(&'r self, request: Request<'r>) -> Carried<'r> {
        let body = vec![b'x'; request.limit + 1];
        Box::pin(async move {
            Ok(Answer {
                status: 200,
                content_type: None,
                retry_after: None,
                body,
            })
        })
    }
}

#[tokio::test]
async fn no_transport_gives_more_than_was_asked_for() {
    let http = Http::over(Arc::new(Generous), Patience::default());
    let refused = http.read("http://log.example/checkpoint", 10).await;
    assert!(matches!(refused, Err(HttpError::TooLong { limit: 10, .. })));
}
