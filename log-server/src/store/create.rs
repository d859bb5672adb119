//! Making a log, and the lock that keeps a second writer out.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use plainsight_specs::hash::leaf_hash;
use sqlx::Connection as _;

use super::{DatabaseAddress, Store, StoreError, to_sql};

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

/// Held by the one process that writes to a file. The lock goes with the process, however it
/// ends. Other engines are shared by many processes, and need none.
#[derive(Debug)]
pub struct WriterLock {
    _file: Option<File>,
}

impl WriterLock {
    /// Takes the lock of the database at `address`, or says that another process has it.
    pub fn take(address: &DatabaseAddress) -> Result<Self, StoreError> {
        let DatabaseAddress::Sqlite(path) = address else {
            return Ok(Self { _file: None });
        };
        let path = path.with_extension("writer");
        let failed = |source| StoreError::File {
            path: path.clone(),
            source,
        };
        let file =
            private_file(OpenOptions::new().create(true).truncate(false), &path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: Some(file) }),
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
    /// Makes the database of a new log, whose first entry is its genesis. A file that is there, or
    /// a database that holds a log, is never touched. `lock` proves that no other process writes
    /// to the file.
    pub async fn create(
        address: &DatabaseAddress,
        new: &NewLog<'_>,
        _lock: &WriterLock,
    ) -> Result<(), StoreError> {
        if let DatabaseAddress::Sqlite(path) = address {
            private_file(OpenOptions::new().create_new(true), path).map_err(|source| {
                StoreError::File {
                    path: path.clone(),
                    source,
                }
            })?;
        }
        let length = u16::try_from(new.genesis.len())
            .map_err(|_| StoreError::Corrupt("the genesis is too long".into()))?;
        let mut body = length.to_be_bytes().to_vec();
        body.extend_from_slice(new.genesis);

        let mut connection = address.connect().await?;
        address.migrate(&mut connection).await?;
        let mut transaction = connection.begin_with(address.begin()).await?;
        let held = sqlx::query("SELECT origin FROM log")
            .fetch_optional(&mut *transaction)
            .await?;
        if held.is_some() {
            return Err(StoreError::Exists);
        }
        sqlx::query("INSERT INTO log VALUES (1, $1, $2, $3, 'active', '')")
            .bind(new.origin)
            .bind(new.vkey)
            .bind(new.vrf_key)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO lease VALUES (1, 0, 0, '', 0)")
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO segment VALUES (0, 1, $1)")
            .bind(body)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO head VALUES (1, $1, $2, 0, 0)")
            .bind(to_sql(1)?)
            .bind(leaf_hash(new.genesis).as_bytes().as_slice())
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
