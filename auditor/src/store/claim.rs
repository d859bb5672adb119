//! Who audits from a database: one process. Two with one key would each sign what the other does
//! not know of.
//!
//! The claim is a number in the database that only grows. Every transaction of the process that
//! holds a claim begins by reading it, and fails once another process has taken a higher one: that
//! alone is safe. So that nobody is replaced who lives, a lock goes with it: on a file, or of a session
//! of `PostgreSQL`. Both are gone with the process. A session that is lost, since the server was
//! started again, is opened anew by [`Claim::keep`].

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sqlx::{Any, AnyConnection, Connection as _, Row as _, Transaction};
use tokio::sync::watch;

use super::connect::ACQUIRE;
use super::{DatabaseAddress, Store, StoreError};

/// The advisory lock of the one auditor of a database of `PostgreSQL`: "plainsig" as a number.
const LOCK: i64 = i64::from_be_bytes(*b"plainsig");
/// How often it is looked whether the session with the lock lives.
const LOOK: Duration = Duration::from_secs(2);
/// How long the lock of a process that ended may still be there.
const LINGER: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(200);

/// The number that was claimed; zero if none was.
#[derive(Debug, Default)]
pub(super) struct Term(AtomicI64);

/// Held by the one process that audits from a database.
#[derive(Debug)]
pub struct Claim {
    store: Store,
    lock: Lock,
}

#[derive(Debug)]
enum Lock {
    /// The file is locked as long as it is open.
    File { _file: File },
    /// None while the session is lost.
    Session(Option<AnyConnection>),
}

impl Store {
    /// Claims the database for this process, or says that another has it. From now on this store, and
    /// those [`Store::apart`] from it, write only as long as no other process claims it.
    pub async fn claim(&self) -> Result<Claim, StoreError> {
        let lock = match &self.address {
            DatabaseAddress::Sqlite(path) => Lock::File {
                _file: lock_file(path)?,
            },
            DatabaseAddress::Postgres { .. } => {
                let began = tokio::time::Instant::now();
                loop {
                    match lock_session(&self.address).await {
                        // The server may not yet know that the process before this is gone.
                        Err(StoreError::Claimed { .. }) if began.elapsed() < LINGER => {
                            tokio::time::sleep(AGAIN).await;
                        }
                        session => break Lock::Session(Some(session?)),
                    }
                }
            }
        };
        let row = sqlx::query("UPDATE writer SET term = term + 1 RETURNING term")
            .fetch_one(&self.pool)
            .await?;
        self.term.0.store(row.try_get("term")?, Ordering::SeqCst);
        Ok(Claim {
            store: self.clone(),
            lock,
        })
    }

    /// Begins a transaction that writes, alone, if no other process has claimed the database.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        let (begin, first) = self.address.begin();
        let mut transaction = self.pool.begin_with(begin).await?;
        let row = sqlx::query(first).fetch_one(&mut *transaction).await?;
        self.term.check(row.try_get("term")?)?;
        Ok(transaction)
    }
}

impl Term {
    fn check(&self, found: i64) -> Result<(), StoreError> {
        let claimed = self.0.load(Ordering::SeqCst);
        if claimed == 0 || claimed == found {
            Ok(())
        } else {
            Err(StoreError::Replaced)
        }
    }
}

impl Claim {
    /// Keeps the lock until `stop` says so, or until another process has claimed the database: then it
    /// says so in `replaced` and ends.
    pub async fn keep(mut self, mut stop: watch::Receiver<bool>, replaced: watch::Sender<bool>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                ended = stop.wait_for(|stop| *stop) => {
                    let _ = ended;
                    break;
                }
            }
            if let Err(StoreError::Replaced | StoreError::Claimed { .. }) = self.look().await {
                tracing::error!("another process has claimed the database; nothing is written");
                replaced.send_replace(true);
                return;
            }
        }
        if let Lock::Session(Some(session)) = self.lock {
            // A session that cannot be closed in good order has lost its lock all the same.
            let _ = session.close().await;
        }
    }

    /// An outage is no loss: the lock is taken again after it, if nobody else has it, and counts only if
    /// nobody had it meanwhile.
    async fn look(&mut self) -> Result<(), StoreError> {
        let Lock::Session(session) = &mut self.lock else {
            return Ok(());
        };
        if let Some(lives) = session.as_mut() {
            match tokio::time::timeout(ACQUIRE, lives.ping()).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(_)) | Err(_) => *session = None,
            }
        }
        let mut anew = lock_session(&self.store.address).await?;
        let row = sqlx::query("SELECT term FROM writer")
            .fetch_one(&mut anew)
            .await?;
        self.store.term.check(row.try_get("term")?)?;
        *session = Some(anew);
        Ok(())
    }
}

fn lock_file(database: &Path) -> Result<File, StoreError> {
    let path = database.with_extension("lock");
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let file = options.open(&path).map_err(sqlx::Error::Io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Claimed {
            what: path.display().to_string(),
        }),
        Err(TryLockError::Error(error)) => Err(sqlx::Error::Io(error).into()),
    }
}

async fn lock_session(address: &DatabaseAddress) -> Result<AnyConnection, StoreError> {
    let mut session = address.connect().await?;
    let row = sqlx::query("SELECT CASE WHEN pg_try_advisory_lock($1) THEN 1 ELSE 0 END AS taken")
        .bind(LOCK)
        .fetch_one(&mut session)
        .await?;
    if row.try_get::<i32, _>("taken")? == 1 {
        return Ok(session);
    }
    // A session that cannot be closed in good order is closed all the same.
    let _ = session.close().await;
    Err(StoreError::Claimed {
        what: address.to_string(),
    })
}
