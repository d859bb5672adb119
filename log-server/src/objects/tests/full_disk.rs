//! A disk without room: a real one of half a mebibyte.

use std::path::PathBuf;
use std::process::Command;

use super::*;

/// A file system in memory, which ends with its value.
struct SmallDisk {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl SmallDisk {
    /// `None` where nobody lets us mount one.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=512k,mode=700", "tmpfs"])
            .arg(&path)
            .output();
        let is_mounted = mounted.is_ok_and(|output| output.status.success());
        is_mounted.then_some(Self {
            path,
            _folder: folder,
        })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.path).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

/// One whole bundle of about 64 KiB for each index.
fn bundles(indexes: std::ops::Range<u64>) -> Vec<(TilePath, Bytes)> {
    indexes
        .map(|index| {
            let byte = u8::try_from(index % 256).unwrap();
            let path = TilePath::entries(index, 256).unwrap();
            (path, vec![byte; 64 << 10].into())
        })
        .collect()
}

#[tokio::test]
async fn a_full_disk_is_said_to_be_full_tears_nothing_and_is_used_again() {
    let Some(disk) = SmallDisk::mount() else {
        assert!(
            std::env::var_os("PLAINSIGHT_REQUIRE_MOUNT").is_none(),
            "a file system cannot be mounted here"
        );
        eprintln!("skipped: only root can mount a small file system");
        return;
    };
    let objects = Objects::open(&disk.path.clone().into()).unwrap();
    let filler = disk.path.join("#filler");
    std::fs::write(&filler, vec![1; 200 << 10]).unwrap();
    let all = bundles(0..6);
    let refused = objects.put(all.clone()).await.unwrap_err();
    assert!(refused.is_transient());
    let ObjectError::File { source, .. } = &refused else {
        panic!("{refused}");
    };
    assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
    assert!(
        refused.to_string().contains("No space left on device"),
        "{refused}"
    );
    // Nothing half under a final name, nothing left under a temporary one.
    let listed: Vec<Listed> = objects.list().try_collect().await.unwrap();
    for listed in listed {
        match TilePath::parse(&listed.name) {
            Ok(path) => assert!(
                all.contains(&(path, objects.get(&path).await.unwrap().unwrap())),
                "{path} is torn"
            ),
            Err(_) => assert_eq!(listed.name, "#filler"),
        }
    }
    // The checkpoint in a disk without a free page: the old one stays.
    let [(_, old), (_, new)] = [batch(0, 2), batch(0, 9)];
    objects.publish(&note(&old)).await.unwrap();
    let mut room = 512 << 10;
    while room > 0 {
        let name = disk.path.join(format!("#more-{room}"));
        if std::fs::write(name, vec![2; room]).is_err() {
            room /= 2;
        }
    }
    let refused = objects.publish(&note(&new)).await.unwrap_err();
    assert!(matches!(refused, ObjectError::File { .. }), "{refused}");
    assert_eq!(objects.checkpoint().await.unwrap().unwrap().head(), old);

    objects.remove_leftovers().await.unwrap();
    assert_eq!(objects.put(all.clone()).await.unwrap(), {
        let there = 0;
        Written {
            new: all.len(),
            there,
            replaced: 0,
        }
    });
    objects.publish(&note(&new)).await.unwrap();
    assert_eq!(objects.checkpoint().await.unwrap().unwrap().head(), new);
}
