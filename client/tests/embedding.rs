//! The library as an app embeds it: the two examples, an app's own transport, and giving up.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod tiny_log;
#[path = "../examples/updater.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod updater;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use plainsight_client::failure::Verdict;
use plainsight_client::http::{Answer, BaseUrl, Http, HttpError, Patience};
use plainsight_client::source::Source;
use plainsight_client::transport::{Carried, Request, Reqwest, Transport};
use plainsight_client::trust::TrustPolicy;
use plainsight_client::verifier::{MemoryStore, Store as _, Verifier};
use plainsight_specs::checkpoint::Origin;
use plainsight_specs::label::Label;
use plainsight_specs::time::Timestamp;
use tiny_log::{Lie, ORIGIN, Served, TinyLog, product, serve};
use updater::messenger;

fn now() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000).unwrap()
}

fn alice() -> Label {
    Label::email("alice@example.org").unwrap()
}

fn verifier(served: &Served) -> Verifier<MemoryStore> {
    messenger::verifier(&TinyLog::policy(&served.url), None).unwrap()
}

#[tokio::test]
async fn the_messenger_encrypts_to_the_key_set_and_to_no_ghost() {
    let served = serve(TinyLog::new(now()));
    let key_set = served.log().log_next(&alice(), "phone", true);
    let mut verifier = verifier(&served);
    let phone = key_set.keys()[1].key.clone();
    let to = async |verifier: &mut Verifier<MemoryStore>, wanted: &[Vec<u8>]| {
        messenger::recipients(verifier, "Alice@example.org", Some(wanted), now()).await
    };
    let keys = to(&mut verifier, std::slice::from_ref(&phone))
        .await
        .unwrap();
    assert_eq!(keys.len(), 1, "the identity key encrypts nothing");
    assert_eq!(keys[0].key, phone);
    let refused = to(&mut verifier, &[phone, vec![7; 32]]).await.unwrap_err();
    assert!(refused.to_string().contains("outside of the key set"));
    // A changed pin is no key set to rely on, until a person accepts it.
    served.log().log_next(&alice(), "tablet", true);
    let refused = to(&mut verifier, &[]).await.unwrap_err();
    assert!(refused.to_string().contains("cannot be relied on"));
    verifier
        .accept(&alice(), now(), plainsight_client::home::pins::Anyway::No)
        .unwrap();
    assert_eq!(to(&mut verifier, &[]).await.unwrap()[0].id, "tablet");
}

#[tokio::test]
async fn the_updater_installs_what_is_logged_and_nothing_else() {
    let served = serve(TinyLog::new(now()));
    let stream = product("pkg:generic/app");
    served.log().release(&stream, "1.0", &[b"app"]);
    served
        .log()
        .release(&product("pkg:generic/app-for-you"), "1.0", &[b"special"]);
    let mut verifier = verifier(&served);
    let mut install = async |file: &[u8]| {
        let release = updater::installable(&mut verifier, &stream, file, now()).await;
        release.map_err(|error| error.to_string())
    };
    assert_eq!(install(b"app").await.unwrap().version.as_str(), "1.0");
    for unlogged in [b"apq".as_slice(), b"special"] {
        let refused = install(unlogged).await.unwrap_err();
        assert!(refused.contains("never shipped"), "{refused}");
    }
    served.log().yank(&stream, "1.0", b"app");
    assert!(install(b"app").await.unwrap_err().contains("taken back"));
}

/// Counts what it carries, and can be told to lie about its bound.
#[derive(Debug)]
struct Counting {
    inner: Reqwest,
    carried: AtomicUsize,
    padded: bool,
}

impl Transport for Counting {
    fn carry<'r>(&'r self, request: Request<'r>) -> Carried<'r> {
        Box::pin(async move {
            let carried = self.carried.fetch_add(1, Ordering::SeqCst);
            if carried == 0 && !self.padded {
                let (url, reason) = (request.url.into(), "a first failure".into());
                return Err(HttpError::Unreachable { url, reason });
            }
            let answer = self.inner.carry(request).await?;
            let mut body = answer.body.clone();
            if self.padded {
                body.resize(request.limit + 1, b' ');
            }
            Ok(Answer { body, ..answer })
        })
    }
}

#[tokio::test]
async fn an_apps_own_transport_is_retried_and_not_trusted() {
    let served = serve(TinyLog::new(now()));
    served.log().log_next(&alice(), "phone", true);
    let patience = Patience {
        pause: Duration::from_millis(1),
        ..Patience::default()
    };
    let through = |padded| {
        let transport = Arc::new(Counting {
            inner: Reqwest::new(patience).unwrap(),
            carried: AtomicUsize::new(0),
            padded,
        });
        let http = Http::over(transport.clone(), patience);
        let source = Source::new(http, BaseUrl::parse(&served.url).unwrap());
        let trust = TrustPolicy::parse(&TinyLog::policy(&served.url), None).unwrap();
        (
            transport,
            Verifier::new(source, trust, MemoryStore::default()),
        )
    };
    let (transport, mut verifier) = through(false);
    let contact = verifier.contact(&alice(), now()).await.unwrap();
    assert!(contact.relied_on().is_some());
    assert_eq!(
        transport.carried.load(Ordering::SeqCst),
        3,
        "one failed and was tried again"
    );
    let (_, mut verifier) = through(true);
    let refused = verifier.contact(&alice(), now()).await.unwrap_err();
    assert_eq!(refused.verdict(), Verdict::Undecided);
}

#[tokio::test]
async fn a_question_that_is_given_up_leaves_the_store_as_it_was() {
    let served = serve(TinyLog::new(now()));
    served.log().log_next(&alice(), "phone", true);
    let mut verifier = verifier(&served);
    let origin = Origin::parse(ORIGIN).unwrap();
    served.log().lie = Lie::Slow;
    {
        let label = alice();
        let question = verifier.contact(&label, now());
        let mut question = std::pin::pin!(question);
        // Until the request has arrived; then the future is dropped.
        while served.asked().is_empty() {
            let turn = tokio::time::timeout(Duration::from_millis(5), question.as_mut());
            assert!(turn.await.is_err());
        }
    }
    assert_eq!(verifier.store().memory(&origin).unwrap(), None);
    assert_eq!(verifier.store().pin(&origin, &alice()).unwrap(), None);
    served.log().lie = Lie::None;
    assert!(
        verifier
            .contact(&alice(), now())
            .await
            .unwrap()
            .relied_on()
            .is_some()
    );
    assert!(verifier.store().pin(&origin, &alice()).unwrap().is_some());
}
