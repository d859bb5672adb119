//! Makes a log: its folder, keys, genesis, database and configuration.
//!
//! Nothing that exists is overwritten, and nothing but this makes a log: a server that finds no
//! database does not begin a new one under a name that is in use.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use plainsight_specs::checkpoint::{CheckpointError, Origin};
use plainsight_specs::ed25519::{PublicKey, SecretKey};
use plainsight_specs::entry::{EntryError, GenesisDraft, Predecessor, RoleKeys, Roles};
use plainsight_specs::note::VerifierKey;
use plainsight_specs::vrf;

use crate::config::{Config, FILE_NAME};
use crate::objects::ObjectsAddress;
use crate::signer::{KeyError, create_seed, log_signer};
use crate::store::{DatabaseAddress, NewLog, Store, StoreError, WriterLock, private_file};

/// What a log is made from.
#[derive(Debug)]
pub struct InitOptions {
    /// The folder; made if it is not there.
    pub dir: PathBuf,
    /// The origin.
    pub origin: String,
    /// Where the log will listen.
    pub listen: SocketAddr,
    /// Keys that change publisher keys; if there are none, one is made.
    pub root: Vec<PublicKey>,
    /// Keys that sign releases and yanks; if there are none, one is made.
    pub releases: Vec<PublicKey>,
    /// Keys that sign protections and canaries; if there are none, one is made.
    pub protections: Vec<PublicKey>,
    /// How many keys of each role must sign.
    pub threshold: u8,
    /// How far clocks may differ, in milliseconds.
    pub max_clock_skew_ms: u64,
    /// How often there is an epoch at the least, in seconds.
    pub heartbeat_s: u64,
    /// The log that this one continues.
    pub predecessor: Option<Predecessor>,
    /// The database; if there is none, a file in the folder.
    pub database: Option<DatabaseAddress>,
    /// Where its public objects are; a folder in the folder without it.
    pub objects: Option<ObjectsAddress>,
}

impl InitOptions {
    /// A log with fresh keys and the usual terms.
    pub fn new(dir: &Path, origin: &str, listen: SocketAddr) -> Self {
        Self {
            dir: dir.to_owned(),
            origin: origin.to_owned(),
            listen,
            root: Vec::new(),
            releases: Vec::new(),
            protections: Vec::new(),
            threshold: 1,
            max_clock_skew_ms: 60_000,
            heartbeat_s: 3_600,
            predecessor: None,
            database: None,
            objects: None,
        }
    }
}

/// A log that was made.
#[derive(Debug)]
pub struct Initialised {
    /// What readers put into their policy.
    pub vkey: VerifierKey,
    /// The configuration, also written to [`Initialised::config_path`].
    pub config: Config,
    /// The configuration file.
    pub config_path: PathBuf,
}

/// Why no log was made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The origin is none.
    #[error(transparent)]
    Origin(#[from] CheckpointError),
    /// The origin is an address.
    #[error("the origin {origin:?} has a scheme; an origin is a name for ever, such as {name:?}")]
    Scheme {
        /// What was given.
        origin: String,
        /// The same without it.
        name: String,
    },
    /// A key could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The genesis is none.
    #[error(transparent)]
    Genesis(#[from] EntryError),
    /// The database could not be made.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file or folder could not be made.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration cannot be written as TOML.
    #[error(transparent)]
    Toml(#[from] toml::ser::Error),
    /// There is a log already, or something else.
    #[error("{path} exists; a log is never overwritten, and nothing was changed")]
    Exists {
        /// What was found.
        path: PathBuf,
    },
}

/// Makes a log. If it fails, what it made is removed again.
pub async fn init(options: &InitOptions) -> Result<Initialised, InitError> {
    if let Some((_, name)) = options.origin.split_once("://") {
        return Err(InitError::Scheme {
            origin: options.origin.clone(),
            name: name.to_owned(),
        });
    }
    let origin = Origin::parse(&options.origin)?;
    let dir = &options.dir;
    let mut config = Config::in_folder(dir, origin.as_str(), options.listen);
    if let Some(database) = &options.database {
        config.database = database.clone();
    }
    if let Some(objects) = &options.objects {
        config.objects = objects.clone();
    }
    let config_path = dir.join(FILE_NAME);
    let keys = dir.join("keys");
    let paths = [config_path.as_path(), &keys];
    let others = config
        .database
        .file()
        .into_iter()
        .chain(config.objects.folder());
    for path in paths.into_iter().chain(others) {
        if path.exists() {
            return Err(InitError::Exists {
                path: path.to_owned(),
            });
        }
    }
    let mut undo = Undo::new(&config, &config_path, &keys);
    let made = make(options, origin, config, config_path, &mut undo).await;
    if made.is_err() {
        undo.undo();
    }
    made
}

/// What is removed if no log is made: nothing that was there before.
struct Undo(Vec<PathBuf>);

impl Undo {
    fn new(config: &Config, config_path: &Path, keys: &Path) -> Self {
        let mut made = vec![config_path.to_owned()];
        made.extend(KEY_FILES.map(|name| keys.join(name)));
        if let Some(file) = config.database.file() {
            made.push(file.to_owned());
            made.push(file.with_extension("writer"));
            made.extend(["-wal", "-shm", "-journal"].map(|end| {
                let mut path = file.as_os_str().to_owned();
                path.push(end);
                path.into()
            }));
        }
        let folders = config.objects.folder().into_iter().chain([keys]);
        let folders: BTreeSet<_> = folders.flat_map(Path::ancestors).collect();
        // What is inside goes first.
        made.extend(folders.into_iter().rev().map(Path::to_owned));
        made.retain(|path| !path.as_os_str().is_empty() && !path.exists());
        Self(made)
    }

    /// Nothing is removed: another place holds the log.
    fn keep(&mut self) {
        self.0.clear();
    }

    /// Folders go only if nothing else came into them meanwhile.
    fn undo(self) {
        for path in self.0 {
            let is_gone = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir(&path));
            if is_gone.is_err() && path.exists() {
                tracing::warn!(path = %path.display(), "no log was made, and this stays behind");
            }
        }
    }
}

/// Every file that may be in the folder of keys.
const KEY_FILES: [&str; 5] = [
    "log.key",
    "vrf.key",
    "root.key",
    "releases.key",
    "protections.key",
];

async fn make(
    options: &InitOptions,
    origin: Origin,
    config: Config,
    config_path: PathBuf,
    undo: &mut Undo,
) -> Result<Initialised, InitError> {
    let dir = &options.dir;
    let keys = dir.join("keys");
    let folders = [dir.as_path(), &keys];
    for folder in folders.into_iter().chain(config.objects.folder()) {
        std::fs::create_dir_all(folder).map_err(file_error(folder))?;
    }
    let lock = WriterLock::take(&config.database)?;

    let signer = log_signer(&origin, &*create_seed(&config.log_key)?)?;
    let vrf = vrf::SecretKey::from_seed(&*create_seed(&config.vrf_key)?);
    let role = |name: &str, given: &[PublicKey]| -> Result<RoleKeys, InitError> {
        let mut public = given.to_vec();
        if public.is_empty() {
            let seed = create_seed(&keys.join(name))?;
            public.push(SecretKey::from_seed(&seed).public());
        }
        Ok(RoleKeys::new(options.threshold, public)?)
    };
    let genesis = GenesisDraft {
        origin: origin.clone(),
        vrf_key: vrf.public(),
        max_clock_skew_ms: options.max_clock_skew_ms,
        heartbeat_s: options.heartbeat_s,
        roles: Roles {
            root: role("root.key", &options.root)?,
            releases: role("releases.key", &options.releases)?,
            protections: role("protections.key", &options.protections)?,
        },
        predecessor: options.predecessor.clone(),
    }
    .build()?;

    let vkey = signer.verifier_key();
    let vrf_key = vrf.public();
    let new = NewLog {
        origin: origin.as_str(),
        vkey: &vkey.to_string(),
        vrf_key: vrf_key.as_bytes(),
        genesis: &genesis.to_bytes(),
    };
    Store::create(&config.database, &new, &lock).await?;
    if config.database.file().is_none() {
        // A log that nobody has the keys of would be worse than a folder that stays behind.
        undo.keep();
    }
    // Last, so that a folder with a configuration is a whole log.
    let mut file = private_file(std::fs::OpenOptions::new().create_new(true), &config_path)
        .map_err(file_error(&config_path))?;
    file.write_all(config.to_toml(dir)?.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(file_error(&config_path))?;
    for folder in [&keys, dir] {
        std::fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(file_error(folder))?;
    }
    Ok(Initialised {
        vkey,
        config,
        config_path,
    })
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> InitError {
    let path = path.to_owned();
    move |source| InitError::File { path, source }
}
