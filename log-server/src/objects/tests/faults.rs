//! Stores that fail, that fail although they did it, that answer late or never, and twice.

use std::fmt;
use std::sync::Mutex;

use async_trait::async_trait;
use futures::TryStreamExt as _;
use futures::future::BoxFuture;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result as StoreResult,
};

use super::*;

/// How long an operation has here; what takes longer in truth only is one fault more.
const OPERATION: Duration = Duration::from_millis(60);
/// How often a batch is put again before the test gives up.
const TRIES: u32 = 400;

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Not done, and said so.
    Failed,
    /// Done, and said not to be.
    FailedAfter,
    /// Done, and never answered.
    Silent,
    /// Done, a little later.
    Slow,
    /// Done twice, answered for the second time.
    Twice,
    /// Refused: no permission.
    Refused,
}

const FAULTS: [Fault; 6] = [
    Fault::Failed,
    Fault::FailedAfter,
    Fault::Silent,
    Fault::Slow,
    Fault::Twice,
    Fault::Refused,
];

/// A store in memory with one fault, or any of them by a seed.
#[derive(Debug)]
struct FaultyStore {
    inner: InMemory,
    faults: Mutex<Plan>,
}

#[derive(Debug)]
enum Plan {
    /// One call in so many has a fault.
    Random {
        random: u64,
        one_in: u64,
    },
    /// The call of this number, from now on.
    Nth {
        fault: Fault,
        calls: u64,
    },
    Always(Fault),
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a faulty store")
    }
}

fn failed() -> Error {
    Error::Generic {
        store: "faulty",
        source: "a fault".into(),
    }
}

impl FaultyStore {
    fn new(plan: Plan) -> Arc<Self> {
        Arc::new(Self {
            inner: InMemory::new(),
            faults: Mutex::new(plan),
        })
    }

    fn set(&self, plan: Plan) {
        *self.faults.lock().unwrap() = plan;
    }

    fn next(&self) -> Fault {
        match &mut *self.faults.lock().unwrap() {
            Plan::Random { random, one_in } => {
                let mut next = Random(*random);
                let fault = match next.below(*one_in) {
                    0 => FAULTS[usize::try_from(next.below(FAULTS.len() as u64)).unwrap()],
                    _ => Fault::None,
                };
                *random = next.0;
                fault
            }
            Plan::Nth { fault, calls } => {
                *calls = calls.wrapping_sub(1);
                match *calls {
                    u64::MAX => *fault,
                    _ => Fault::None,
                }
            }
            Plan::Always(fault) => *fault,
        }
    }

    /// Runs a call with its fault.
    async fn with_fault<'a, T>(
        &self,
        call: impl Fn() -> BoxFuture<'a, StoreResult<T>> + Send + Sync,
    ) -> StoreResult<T> {
        match self.next() {
            Fault::None => call().await,
            Fault::Failed => Err(failed()),
            Fault::Refused => Err(Error::PermissionDenied {
                path: "there".into(),
                source: "no".into(),
            }),
            Fault::FailedAfter => {
                let _ = call().await;
                Err(failed())
            }
            Fault::Silent => {
                let _ = call().await;
                std::future::pending().await
            }
            Fault::Slow => {
                tokio::time::sleep(Duration::from_millis(3)).await;
                call().await
            }
            Fault::Twice => {
                let _ = call().await;
                call().await
            }
        }
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(
        &self,
        location: &ObjectPath,
        payload: PutPayload,
        opts: PutOptions,
    ) -> StoreResult<PutResult> {
        let put = || {
            let (payload, opts) = (payload.clone(), opts.clone());
            self.inner.put_opts(location, payload, opts)
        };
        self.with_fault(put).await
    }

    async fn put_multipart_opts(
        &self,
        location: &ObjectPath,
        opts: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &ObjectPath, options: GetOptions) -> StoreResult<GetResult> {
        let get = || self.inner.get_opts(location, options.clone());
        self.with_fault(get).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, StoreResult<ObjectPath>>,
    ) -> BoxStream<'static, StoreResult<ObjectPath>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&ObjectPath>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&ObjectPath>) -> StoreResult<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &ObjectPath,
        to: &ObjectPath,
        options: CopyOptions,
    ) -> StoreResult<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

fn over(store: &Arc<FaultyStore>) -> Objects {
    let store: Arc<dyn ObjectStore> = Arc::clone(store) as _;
    let engine = Engine::Bucket(bucket::Bucket::new(store, OPERATION));
    Objects::over(engine, "s3://faulty".parse().unwrap())
}

/// Writes as the publisher does: what failed for a passing reason is done again as a whole.
async fn until_done<T>(mut work: impl AsyncFnMut() -> Result<T, ObjectError>) -> (T, u32) {
    for tries in 1..=TRIES {
        match work().await {
            Ok(done) => return (done, tries),
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
    }
    panic!("no success in {TRIES} tries");
}

/// Publishes size after size and looks at what is there behind the faults.
async fn publish_all(store: &Arc<FaultyStore>, sizes: &[u64]) -> u32 {
    let objects = over(store);
    let (mut from, mut all, mut again) = (0, Vec::new(), 0);
    for to in sizes.iter().copied() {
        let (new, head) = batch(from, to);
        let (_, tries) = until_done(async || objects.put(new.clone()).await).await;
        again += tries - 1;
        all.extend(new);
        // Durable means there, for everybody.
        for (path, bytes) in &all {
            let found = store.inner.get(&path.to_string().into()).await.unwrap();
            assert_eq!(&found.bytes().await.unwrap(), bytes, "{path}");
        }
        let note = note(&head);
        let ((), tries) = until_done(async || objects.publish(&note).await).await;
        again += tries - 1;
        let public = store.inner.get(&"checkpoint".into()).await.unwrap();
        assert_eq!(public.bytes().await.unwrap(), note);
        from = to;
    }
    let listed: Vec<_> = store.inner.list(None).try_collect().await.unwrap();
    assert_eq!(listed.len(), all.len() + 1);
    again
}

#[tokio::test]
async fn every_fault_at_every_call_leaves_what_is_right() {
    let calls = 40;
    for fault in FAULTS {
        let mut failed = 0;
        for at in 0..calls {
            let store = FaultyStore::new(Plan::Nth { fault, calls: at });
            failed += publish_all(&store, &[2, 300, 530]).await;
        }
        // Late and repeated answers are no failures.
        let is_failure = !matches!(fault, Fault::Slow | Fault::Twice);
        assert!(failed > 5 || !is_failure, "{fault:?} was never seen");
    }
}

#[tokio::test]
async fn any_mixture_of_faults_leaves_what_is_right() {
    let mut failed = 0;
    for seed in 0..40 {
        let random = Random::new(seed).0;
        let store = FaultyStore::new(Plan::Random { random, one_in: 9 });
        failed += publish_all(&store, &[2, 256, 300, 513]).await;
    }
    assert!(failed > 20, "{failed}");
}

/// H2, H4: the put of a writer that stalled comes through after a newer one's, or not at all.
#[tokio::test]
async fn h4_a_late_checkpoint_does_not_roll_back_a_newer_one() {
    let store = FaultyStore::new(Plan::Always(Fault::None));
    let [(_, one), (_, two), (_, three)] = [batch(0, 2), batch(0, 5), batch(0, 9)];
    let (stalled, other) = (over(&store), over(&store));
    stalled.publish(&note(&one)).await.unwrap();
    // It has read the first checkpoint, and its write of the second is under way.
    store.set(Plan::Nth {
        fault: Fault::Slow,
        calls: 1,
    });
    let late = tokio::spawn(async move { stalled.publish(&note(&two)).await });
    other.publish(&note(&three)).await.unwrap();
    match late.await.unwrap() {
        Ok(()) | Err(ObjectError::Larger { .. }) => {}
        Err(error) => panic!("{error}"),
    }
    let public = other.checkpoint().await.unwrap().unwrap();
    assert_eq!(public.head(), three);
}

#[tokio::test]
async fn a_store_that_never_answers_is_given_up_in_time_and_a_refusing_one_says_why() {
    let store = FaultyStore::new(Plan::Always(Fault::Silent));
    let objects = over(&store);
    let (new, head) = batch(0, 2);
    let silent = objects.put(new.clone()).await.unwrap_err();
    assert!(matches!(silent, ObjectError::TimedOut { .. }), "{silent}");
    store.set(Plan::Always(Fault::Refused));
    let refused = objects.publish(&note(&head)).await.unwrap_err();
    assert!(refused.to_string().contains("privileges"), "{refused}");
    assert!(objects.probe().await.is_err());
    // And goes on when it is mended.
    store.set(Plan::Always(Fault::None));
    assert_eq!(objects.put(new.clone()).await.unwrap().there, new.len());
    objects.publish(&note(&head)).await.unwrap();
}
