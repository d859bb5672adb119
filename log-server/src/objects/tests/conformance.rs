//! What every store of objects does.

use std::path::Path;

use futures::TryStreamExt as _;

use super::s3::{BUCKET, Conditions, S3};
use super::*;

/// A store, and a way to put other bytes there behind its back.
struct Subject {
    objects: Objects,
    /// The folder that the objects' files are in.
    files: std::path::PathBuf,
    _kept: Box<dyn std::any::Any>,
}

impl Subject {
    fn folder() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::open(&folder.path().to_owned().into()).unwrap();
        Self {
            objects,
            files: folder.path().to_owned(),
            _kept: Box::new(folder),
        }
    }

    async fn bucket() -> Self {
        let s3 = S3::start(Conditions::Kept).await;
        Self {
            objects: in_bucket(&s3, "logs/one"),
            files: s3.folder().join("logs/one"),
            _kept: Box::new(s3),
        }
    }

    /// The same objects, opened again.
    fn again(&self) -> Objects {
        match self.objects.folder() {
            Some(folder) => Objects::open(&folder.to_owned().into()).unwrap(),
            None => Objects::over(self.objects.engine.clone(), self.objects.address.clone()),
        }
    }

    fn file(&self, name: impl std::fmt::Display) -> std::path::PathBuf {
        self.files.join(name.to_string())
    }

    async fn names(&self) -> Vec<String> {
        let all: Vec<_> = self.objects.list().try_collect().await.unwrap();
        let mut names: Vec<_> = all.into_iter().map(|listed| listed.name).collect();
        names.sort();
        names
    }
}

/// Runs a test on every kind of store.
macro_rules! on_every_store {
    ($($name:ident)*) => {
        mod folder {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Subject::folder()).await;
            })*
        }
        mod bucket {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Subject::bucket().await).await;
            })*
        }
    };
}

on_every_store! {
    a_batch_reads_back_and_may_be_put_again
    other_bytes_under_a_final_name_are_a_conflict_and_stay
    what_is_cut_short_is_replaced_above_the_published_size_only
    h1_a_final_name_never_gets_other_bytes
    h2_the_checkpoint_never_gets_smaller
    two_writers_of_the_checkpoint_leave_the_larger_one
    a_list_names_everything_once
    leftovers_are_removed_and_objects_are_not
    a_store_that_keeps_its_conditions_passes_the_probe
    only_partials_are_removed
    the_longest_object_is_the_longest
    a_checkpoint_that_is_none_is_said_to_be
}

async fn a_batch_reads_back_and_may_be_put_again(subject: Subject) {
    let (objects, _) = batch(0, 700);
    let written = subject.objects.put(objects.clone()).await.unwrap();
    assert_eq!(written.new, objects.len());
    for (path, bytes) in &objects {
        assert_eq!(
            subject.objects.get(path).await.unwrap().as_ref(),
            Some(bytes)
        );
    }
    let again = subject.again().put(objects.clone()).await.unwrap();
    assert_eq!((again.new, again.there), (0, objects.len()));
    let absent = TilePath::entries(77, 256).unwrap();
    assert_eq!(subject.objects.get(&absent).await.unwrap(), None);
    assert_eq!(
        subject.objects.put(Vec::new()).await.unwrap(),
        Written::default()
    );
}

async fn other_bytes_under_a_final_name_are_a_conflict_and_stay(subject: Subject) {
    let (mut objects, _) = batch(0, 300);
    subject.objects.put(objects.clone()).await.unwrap();
    let kept = objects[0].clone();
    // Of the same length, longer, and shorter but no beginning.
    for other in ["flip", "longer", "shorter"] {
        let mut bytes = kept.1.to_vec();
        bytes[0] ^= 1;
        match other {
            "longer" => bytes.push(0),
            "shorter" => bytes.truncate(7),
            _ => {}
        }
        objects[0].1 = bytes.into();
        let refused = subject.objects.put(objects.clone()).await.unwrap_err();
        let path = kept.0.to_string();
        assert!(
            matches!(&refused, ObjectError::Conflict { path: found } if *found == path),
            "{other}: {refused}"
        );
        assert!(!refused.is_transient());
    }
    let found = subject.objects.get(&kept.0).await.unwrap();
    assert_eq!(found, Some(kept.1));
}

async fn what_is_cut_short_is_replaced_above_the_published_size_only(subject: Subject) {
    let (objects, head) = batch(0, 300);
    subject.objects.put(objects.clone()).await.unwrap();
    let cut = |length: usize| {
        for (path, bytes) in &objects {
            std::fs::write(subject.file(path), &bytes[..length.min(bytes.len() - 1)]).unwrap();
        }
    };
    for length in [0, 17] {
        cut(length);
        let written = subject.again().put(objects.clone()).await.unwrap();
        assert_eq!(written.replaced, objects.len());
        for (path, bytes) in &objects {
            assert_eq!(
                subject.objects.get(path).await.unwrap().as_ref(),
                Some(bytes)
            );
        }
    }
    // Published: whoever cut it, readers may have seen it.
    subject.objects.publish(&note(&head)).await.unwrap();
    cut(0);
    let again = subject.again();
    again.checkpoint().await.unwrap();
    let refused = again.put(objects.clone()).await.unwrap_err();
    assert!(matches!(refused, ObjectError::Conflict { .. }), "{refused}");
    // A larger tree's objects may still be mended.
    let (larger, _) = batch(300, 600);
    again.put(larger.clone()).await.unwrap();
    let (path, bytes) = larger.last().unwrap();
    std::fs::write(subject.file(path), &bytes[..5]).unwrap();
    assert_eq!(again.put(larger).await.unwrap().replaced, 1);
}

/// H1: a writer that comes back with other content finds the first one's name taken.
async fn h1_a_final_name_never_gets_other_bytes(subject: Subject) {
    let (objects, _) = batch(0, 512);
    subject.objects.put(objects.clone()).await.unwrap();
    let other = objects
        .iter()
        .map(|(path, bytes)| {
            let bytes: Vec<u8> = bytes.iter().map(|byte| byte ^ 0xff).collect();
            (*path, bytes.into())
        })
        .collect();
    let refused = subject.again().put(other).await.unwrap_err();
    assert!(matches!(refused, ObjectError::Conflict { .. }), "{refused}");
    for (path, bytes) in &objects {
        assert_eq!(
            subject.objects.get(path).await.unwrap().as_ref(),
            Some(bytes)
        );
    }
}

/// H2, H4: a writer that stalled and wakes up does not put back what it had in hand.
async fn h2_the_checkpoint_never_gets_smaller(subject: Subject) {
    let objects = &subject.objects;
    assert!(objects.checkpoint().await.unwrap().is_none());
    let [(_, small), (_, large)] = [batch(0, 2), batch(0, 300)];
    objects.publish(&note(&large)).await.unwrap();
    let refused = subject.again().publish(&note(&small)).await.unwrap_err();
    assert!(matches!(refused, ObjectError::Larger { .. }), "{refused}");
    let mut other = large;
    other.root = small.root;
    let refused = objects.publish(&note(&other)).await.unwrap_err();
    assert!(matches!(refused, ObjectError::Larger { .. }), "{refused}");
    assert!(!refused.is_transient());
    // The same again is no harm, nor is another note of the same head.
    objects.publish(&note(&large)).await.unwrap();
    assert_eq!(objects.checkpoint().await.unwrap().unwrap().head(), large);
}

async fn two_writers_of_the_checkpoint_leave_the_larger_one(subject: Subject) {
    let heads: Vec<_> = (1..=24).map(|size| batch(0, size * 3).1).collect();
    let writers = (0..4).map(|writer| {
        let (objects, heads) = (subject.again(), &heads);
        async move {
            for head in heads.iter().skip(writer).step_by(3) {
                match objects.publish(&note(head)).await {
                    Ok(()) | Err(ObjectError::Larger { .. } | ObjectError::Contended { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            objects.publish(&note(&heads[20 + writer])).await
        }
    });
    let ended = futures::future::join_all(writers).await;
    // Whoever was told that its checkpoint is public sees that one or a larger one.
    let public = subject.objects.checkpoint().await.unwrap().unwrap().head();
    assert!(heads.contains(&public));
    for (ended, head) in ended.iter().zip(&heads[20..]) {
        assert!(ended.is_err() || head.size <= public.size);
    }
    assert!(ended.iter().any(Result::is_ok), "{ended:?}");
}

async fn a_list_names_everything_once(subject: Subject) {
    let (objects, head) = batch(0, 1_000);
    subject.objects.put(objects.clone()).await.unwrap();
    subject.objects.publish(&note(&head)).await.unwrap();
    let mut expected: Vec<_> = objects.iter().map(|(path, _)| path.to_string()).collect();
    expected.push("checkpoint".into());
    expected.sort();
    assert_eq!(subject.names().await, expected);
    let listed: Vec<Listed> = subject.objects.list().try_collect().await.unwrap();
    let (path, bytes) = &objects[0];
    let first = listed.iter().find(|listed| listed.name == path.to_string());
    assert_eq!(first.unwrap().bytes, bytes.len() as u64);
    // Nobody has to read it to its end.
    drop(subject.objects.list());
}

async fn leftovers_are_removed_and_objects_are_not(subject: Subject) {
    let (objects, _) = batch(0, 300);
    subject.objects.put(objects.clone()).await.unwrap();
    let mut left = vec![format!("{PROBE}0011223344556677")];
    if subject.objects.folder().is_some() {
        left.push("#tmp/0000000000000001-5".into());
        left.push("tile/0/000#1".into());
        std::fs::create_dir_all(subject.file("#tmp")).unwrap();
    }
    for name in &left {
        std::fs::write(subject.file(name), b"left").unwrap();
    }
    assert_eq!(
        subject.objects.remove_leftovers().await.unwrap(),
        left.len()
    );
    assert_eq!(subject.names().await.len(), objects.len());
    assert_eq!(subject.objects.remove_leftovers().await.unwrap(), 0);
    // It writes on after its own directory of temporary files is gone.
    subject.objects.put(batch(300, 400).0).await.unwrap();
}

async fn a_store_that_keeps_its_conditions_passes_the_probe(subject: Subject) {
    subject.objects.probe().await.unwrap();
    assert_eq!(subject.names().await, Vec::<String>::new());
}

async fn only_partials_are_removed(subject: Subject) {
    let (objects, _) = batch(0, 300);
    subject.objects.put(objects.clone()).await.unwrap();
    for (path, _) in &objects {
        let removed = subject.objects.remove_partial(path).await;
        assert_eq!(removed.is_ok(), !path.is_full());
        // A second time is no harm.
        assert_eq!(
            subject.objects.remove_partial(path).await.is_ok(),
            !path.is_full()
        );
        let is_there = subject.objects.get(path).await.unwrap().is_some();
        assert_eq!(is_there, path.is_full());
    }
    // The same names can be written again, although their directories were removed.
    assert_eq!(subject.objects.put(objects).await.unwrap().new, 3);
}

async fn the_longest_object_is_the_longest(subject: Subject) {
    let path = TilePath::entries(0, 256).unwrap();
    let too_long = vec![7; MAX_BUNDLE_BYTES + 1];
    let refused = subject
        .objects
        .put(vec![(path, too_long.clone().into())])
        .await;
    assert!(matches!(refused, Err(ObjectError::TooLong { .. })));
    subject.objects.put(batch(0, 256).0).await.unwrap();
    std::fs::write(subject.file(path), &too_long).unwrap();
    let refused = subject.objects.get(&path).await;
    assert!(matches!(refused, Err(ObjectError::TooLong { .. })));
}

async fn a_checkpoint_that_is_none_is_said_to_be(subject: Subject) {
    let (_, head) = batch(0, 2);
    subject.objects.publish(&note(&head)).await.unwrap();
    for other in [&b"not a note"[..], &vec![b'x'; 2_000_000]] {
        std::fs::write(subject.file("checkpoint"), other).unwrap();
        let read = subject.objects.checkpoint().await;
        assert!(matches!(read, Err(ObjectError::Checkpoint)));
        // It is not overwritten: a person must look.
        let refused = subject.objects.publish(&note(&head)).await;
        assert!(matches!(refused, Err(ObjectError::Checkpoint)));
    }
}

#[tokio::test]
async fn a_store_that_ignores_a_condition_is_refused() {
    for (conditions, word) in [
        (Conditions::CreateIgnored, "If-None-Match"),
        (Conditions::UpdateIgnored, "If-Match"),
    ] {
        let s3 = S3::start(conditions).await;
        let objects = in_bucket(&s3, "log");
        let refused = objects.probe().await.unwrap_err();
        assert!(matches!(refused, ObjectError::Unsafe { .. }), "{refused}");
        let text = refused.to_string();
        assert!(
            text.contains(word) && text.contains("s3://objects/log"),
            "{text}"
        );
        let left: Vec<Listed> = objects.list().try_collect().await.unwrap();
        assert_eq!(left, Vec::new());
    }
}

#[tokio::test]
async fn nothing_shows_a_credential() {
    let s3 = S3::start(Conditions::Kept).await;
    let objects = in_bucket(&s3, "log");
    let wrong = builder(&s3).with_secret_access_key("another-secret-value");
    let engine = Engine::Bucket(super::super::bucket::Bucket::new(
        Arc::new(wrong.build().unwrap()),
        Duration::from_secs(20),
    ));
    let wrong = Objects::over(engine, objects.address.clone());
    let refused = wrong
        .get(&TilePath::entries(0, 1).unwrap())
        .await
        .unwrap_err();
    let text = format!("{objects:?} {wrong:?} {refused} {refused:?}");
    assert!(text.contains(BUCKET));
    for secret in [super::s3::SECRET, "another-secret-value"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("public");
    let opened = Objects::open(&missing.clone().into());
    assert!(matches!(opened, Err(ObjectError::File { .. })));
    assert!(!Path::new(&missing).exists());
}
