//! Making a log, and the lock that keeps a second writer out.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use plainsight_specs::hash::leaf_hash;

use super::{MIGRATIONS, Store, StoreError, connect, to_sql};

/// What a log is made from.
#[derive(Debug, Clone)]
pub struct NewLog<'a> {
    /// The origin.
    pub origin: &'a str,
    /// The verifier key of the log's signatures.
    pub vkey: &'a str,
    /// The VRF public key.
    pub vrf_key: &'a [u8],
    /// The genesis entry.
    pub genesis: &'a [u8],
}

/// Held by the one process that writes. The lock goes with the process, however it ends.
#[derive(Debug)]
pub struct WriterLock {
    _file: File,
}

impl WriterLock {
    /// Takes the lock of the database at `path`, or says that another process has it.
    pub fn take(path: &Path) -> Result<Self, StoreError> {
        let path = path.with_extension("writer");
        let failed = |source| StoreError::File {
            path: path.clone(),
            source,
        };
        let file =
            private_file(OpenOptions::new().create(true).truncate(false), &path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: path.clone() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

/// Opens a file for writing that only its owner can read.
pub(crate) fn private_file(options: &mut OpenOptions, path: &Path) -> std::io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.write(true).open(path)
}

impl Store {
    /// Makes the database of a new log, whose first entry is its genesis. A file that is there is
    /// never touched. `lock` proves that nobody else writes.
    pub async fn create(
        path: &Path,
        new: &NewLog<'_>,
        _lock: &WriterLock,
    ) -> Result<(), StoreError> {
        private_file(OpenOptions::new().create_new(true), path).map_err(|source| {
            StoreError::File {
                path: path.to_owned(),
                source,
            }
        })?;
        let length = u16::try_from(new.genesis.len())
            .map_err(|_| StoreError::Corrupt("the genesis is too long".into()))?;
        let mut body = length.to_be_bytes().to_vec();
        body.extend_from_slice(new.genesis);

        use sqlx::Connection as _;
        let mut connection = connect(path).await?;
        MIGRATIONS.run(&mut connection).await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("INSERT INTO log VALUES (1, ?, ?, ?, 'active', '')")
            .bind(new.origin)
            .bind(new.vkey)
            .bind(new.vrf_key)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO lease VALUES (1, 0, 0)")
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO segment VALUES (0, 1, ?)")
            .bind(body)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO head VALUES (1, 0, ?, ?, 0, 0)")
            .bind(to_sql(1)?)
            .bind(leaf_hash(new.genesis).as_bytes().to_vec())
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO progress VALUES (1, 0, 0)")
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        connection.close().await?;
        Ok(())
    }
}
