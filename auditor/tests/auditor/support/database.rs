//! An auditor's database as its operator handles it, of either engine: copied, put back, lost, damaged.
//! The auditor is not running meanwhile.

use std::sync::atomic::{AtomicU32, Ordering};

use plainsight_auditor::Config;
use plainsight_cluster::Cluster;

/// A copy of a database.
pub enum Backup {
    File(Vec<u8>),
    Database(String),
}

/// The cluster, and the database's name in it.
fn on_cluster(config: &Config) -> Option<(&'static Cluster, String)> {
    if config.database().file().is_some() {
        return None;
    }
    let address = config.database().to_string();
    let (_, name) = address.rsplit_once('/').unwrap();
    Some((plainsight_cluster::shared().unwrap(), name.to_owned()))
}

pub fn back_up(config: &Config) -> Backup {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let Some((cluster, name)) = on_cluster(config) else {
        return Backup::File(std::fs::read(config.database().file().unwrap()).unwrap());
    };
    let copy = format!("{name}_copy{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let statement = format!("CREATE DATABASE {copy} TEMPLATE {name}");
    assert!(cluster.sql("postgres", &statement), "{statement}");
    Backup::Database(copy)
}

pub fn put_back(config: &Config, backup: &Backup) {
    match (on_cluster(config), backup) {
        (None, Backup::File(copy)) => {
            std::fs::write(config.database().file().unwrap(), copy).unwrap();
        }
        (Some((cluster, name)), Backup::Database(copy)) => {
            lose(config);
            let statement = format!("CREATE DATABASE {name} TEMPLATE {copy}");
            assert!(cluster.sql("postgres", &statement), "{statement}");
        }
        _ => panic!("a copy is of the same engine"),
    }
}

/// Loses it; with a cluster its owner makes an empty one with [`make_empty`].
pub fn lose(config: &Config) {
    let Some((cluster, name)) = on_cluster(config) else {
        let file = config.database().file().unwrap().to_owned();
        for suffix in ["", "-wal", "-shm"] {
            let mut path = file.clone().into_os_string();
            path.push(suffix);
            // The two beside it need not be there.
            let _ = std::fs::remove_file(path);
        }
        return;
    };
    let statement = format!("DROP DATABASE {name} WITH (FORCE)");
    assert!(cluster.sql("postgres", &statement), "{statement}");
}

/// As at the first start. A file is made by the auditor itself.
pub fn make_empty(config: &Config) {
    if let Some((cluster, name)) = on_cluster(config) {
        let statement = format!("CREATE DATABASE {name}");
        assert!(cluster.sql("postgres", &statement), "{statement}");
    }
}

/// Runs a statement in it, in the words of its engine.
pub async fn sql(config: &Config, sqlite: &str, postgres: &str) {
    if let Some((cluster, name)) = on_cluster(config) {
        assert!(cluster.sql(&name, postgres), "{postgres}");
        return;
    }
    let url = format!("sqlite://{}", config.database().file().unwrap().display());
    let pool = sqlx::sqlite::SqlitePool::connect(&url).await.unwrap();
    let statement = sqlx::AssertSqlSafe(sqlite.to_owned());
    sqlx::query(statement).execute(&pool).await.unwrap();
    pool.close().await;
}

/// How many rows a table has.
pub async fn count(config: &Config, table: &str) -> i64 {
    sqlx::any::install_default_drivers();
    let address = match config.database().file() {
        Some(file) => format!("sqlite://{}", file.display()),
        None => config.database().to_string(),
    };
    let pool = sqlx::AnyPool::connect(&address).await.unwrap();
    let query = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    let rows = sqlx::query_scalar(query).fetch_one(&pool).await.unwrap();
    pool.close().await;
    rows
}
