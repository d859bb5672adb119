//! An empty database of each engine for the tests of what every one must keep.

use plainsight_specs::checkpoint::Origin;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::note::{Algorithm, KeyName, Signer, VerifierKey};

use super::{DatabaseAddress, LogRow, Store};

/// Each of these facts on `SQLite`, and on `PostgreSQL` if it is installed.
macro_rules! on_both_engines {
    ($($test:ident)*) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::store::fresh::Fresh::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $test() {
                if let Some(fresh) = crate::store::fresh::Fresh::postgres() {
                    super::$test(fresh).await;
                }
            })*
        }
    };
}

pub(super) use on_both_engines;

/// A database that nobody has opened.
pub(super) struct Fresh {
    pub(super) address: DatabaseAddress,
    _dir: tempfile::TempDir,
}

impl Fresh {
    pub(super) fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            address: dir.path().join("test.sqlite3").into(),
            _dir: dir,
        }
    }

    pub(super) fn postgres() -> Option<Self> {
        let url = plainsight_cluster::shared()?.database();
        Some(Self {
            address: url.parse().unwrap(),
            _dir: tempfile::tempdir().unwrap(),
        })
    }

    /// The database, opened once more.
    pub(super) async fn open(&self) -> Store {
        Store::open(&self.address).await.unwrap()
    }

    /// The database, with one log in it.
    pub(super) async fn log(&self) -> (Store, LogRow) {
        let store = self.open().await;
        let row = store.log(&origin(), &[key(1)]).await.unwrap();
        (store, row)
    }
}

pub(super) fn origin() -> Origin {
    Origin::parse("log.example").unwrap()
}

pub(super) fn key(seed: u8) -> VerifierKey {
    let name = KeyName::parse("log.example").unwrap();
    Signer::new(name, Algorithm::Ed25519, SecretKey::from_seed(&[seed; 32]))
        .unwrap()
        .verifier_key()
}
