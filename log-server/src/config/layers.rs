//! File, environment and flags, laid over each other; and where each value came from.
//!
//! A member of a section is `PLAINSIGHT_LOG_<SECTION>_<MEMBER>` in the environment and
//! `<section>.<member>` in the file and as a flag. Which members there are, and of which type, is
//! read off a configuration that has them all, so that no list can fall behind.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{Config, ConfigError, FILE_NAME, Gc, Limits, Publication, Replica};
use crate::store::DatabaseAddress;

/// What the variables begin with.
const PREFIX: &str = "PLAINSIGHT_LOG_";
/// Variables of the command line, which are no members.
const NOT_MEMBERS: [&str; 3] = ["CONFIG", "DIR", "FORMAT"];

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// Nobody gave one.
    Default,
    /// The file.
    File(PathBuf),
    /// This variable.
    Environment(String),
    /// A flag.
    Flag,
}

impl std::fmt::Display for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => path.display().fmt(f),
            Self::Environment(name) => f.write_str(name),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// Where a configuration is put together from.
#[derive(Debug)]
pub struct Layers {
    file: PathBuf,
    environment: Vec<(String, String)>,
    flags: Vec<(String, String)>,
}

/// A configuration, and where its values came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// What is in force.
    pub config: Config,
    layers: BTreeMap<String, Layer>,
}

/// A member of a configuration that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name with its section's.
    pub name: String,
    /// Its value, without passwords.
    pub value: String,
    /// Where it came from.
    pub layer: Layer,
}

impl Layers {
    /// `path` is the file, or the folder it is in.
    pub fn new(path: &Path) -> Self {
        let file = if path.is_dir() {
            path.join(FILE_NAME)
        } else {
            path.to_owned()
        };
        Self {
            file,
            environment: Vec::new(),
            flags: Vec::new(),
        }
    }

    /// With these variables; those of other programs are passed over.
    #[must_use]
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.environment.extend(variables);
        self
    }

    /// With these members, by name.
    #[must_use]
    pub fn flags(mut self, members: impl IntoIterator<Item = (String, String)>) -> Self {
        self.flags.extend(members);
        self
    }

    /// Puts them together and checks the whole.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        let known = flat(&everything()?);
        let mut layers = BTreeMap::new();
        let mut given = BTreeMap::new();
        for (name, value) in flat(&self.read()?) {
            let layer = Layer::File(self.file.clone());
            check_type(&known, &name, &value, &layer)?;
            layers.insert(name.clone(), layer);
            given.insert(name, value);
        }
        let variables = self.environment.iter().filter_map(|(variable, text)| {
            let name = variable.strip_prefix(PREFIX)?;
            (!NOT_MEMBERS.contains(&name)).then(|| {
                let member = known.keys().find(|known| variable_name(known) == name);
                let member = member.cloned().unwrap_or_else(|| name.to_owned());
                (member, text, Layer::Environment(variable.clone()))
            })
        });
        let flags = self.flags.iter();
        let flags = flags.map(|(name, text)| (name.clone(), text, Layer::Flag));
        for (name, text, layer) in variables.chain(flags) {
            let value = parse(&known, &name, text, &layer)?;
            layers.insert(name.clone(), layer);
            given.insert(name, value);
        }
        let config = Value::Table(nested(given)).try_into::<Config>();
        let config =
            config.map_err(|error| ConfigError::Incomplete(error.to_string().trim().to_owned()))?;
        let mut loaded = Loaded { config, layers };
        loaded.resolve(&self.file);
        loaded.check(&self.file)?;
        Ok(loaded)
    }

    fn read(&self) -> Result<Table, ConfigError> {
        let path = || self.file.clone();
        let text =
            std::fs::read_to_string(&self.file).map_err(|source| ConfigError::Unreadable {
                path: path(),
                source,
            })?;
        text.parse()
            .map_err(|error: toml::de::Error| ConfigError::Malformed {
                path: path(),
                message: error.message().to_owned(),
            })
    }
}

impl Loaded {
    /// Where a member's value came from.
    pub fn layer(&self, name: &str) -> Layer {
        self.layers.get(name).cloned().unwrap_or(Layer::Default)
    }

    /// Every member that is in force, with its section's name, in alphabetical order.
    pub fn members(&self) -> Result<Vec<Member>, ConfigError> {
        let members = flat(&table(&self.config)?).into_iter();
        Ok(members
            .map(|(name, value)| Member {
                layer: self.layer(&name),
                value: match name.as_str() {
                    "database" => format!("{:?}", self.config.database.to_string()),
                    _ => value.to_string(),
                },
                name,
            })
            .collect())
    }

    fn resolve(&mut self, file: &Path) {
        let dir = file.parent().unwrap_or(Path::new("."));
        let layers = &self.layers;
        let is_in_file = |name: &str| matches!(layers.get(name), Some(Layer::File(_)));
        let config = &mut self.config;
        if is_in_file("database") {
            config.database = config.database.clone().in_folder(dir);
        }
        if is_in_file("objects") {
            config.objects = config.objects.below(dir);
        }
        for (name, path) in config.named_paths() {
            if is_in_file(name) {
                *path = dir.join(&*path);
            }
        }
    }

    fn check(&self, file: &Path) -> Result<(), ConfigError> {
        if let Some(member) = self.config.zeros() {
            return Err(ConfigError::Wrong {
                layer: self.layer(member),
                member: member.into(),
                why: "must not be zero".into(),
            });
        }
        let is_secret = match &self.config.database {
            DatabaseAddress::Postgres(url) => has_password(url),
            DatabaseAddress::Sqlite(_) => false,
        };
        let is_in_file = matches!(self.layer("database"), Layer::File(_));
        if is_secret && is_in_file && is_exposed(file) {
            return Err(ConfigError::Exposed {
                path: file.to_owned(),
            });
        }
        Ok(())
    }
}

/// Whether somebody who reads the URL can log in with it. Rather once too often.
fn has_password(url: &str) -> bool {
    let (_, rest) = url.split_once("://").unwrap_or_default();
    let user = rest.rsplit_once('@').map_or("", |(user, _)| user);
    user.contains(':') || rest.contains("password=")
}

#[cfg(unix)]
fn is_exposed(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_exposed(_path: &Path) -> bool {
    false
}

/// `limits.wait_ms` is `LIMITS_WAIT_MS` in the environment.
fn variable_name(member: &str) -> String {
    member.replace('.', "_").to_ascii_uppercase()
}

/// A configuration in which every member has a value.
fn everything() -> Result<Table, ConfigError> {
    let any = ([127, 0, 0, 1], 0).into();
    let config = Config {
        origin: String::new(),
        listen: any,
        admin_listen: Some(any),
        database: DatabaseAddress::Sqlite(PathBuf::new()),
        objects: PathBuf::from("objects").into(),
        log_key: PathBuf::new(),
        vrf_key: PathBuf::new(),
        policy: Some(PathBuf::new()),
        publication: Publication::default(),
        limits: Limits::default(),
        replica: Replica {
            advertise: Some(String::new()),
            ..Replica::default()
        },
        gc: Gc::default(),
    };
    table(&config)
}

fn table(config: &Config) -> Result<Table, ConfigError> {
    Table::try_from(config).map_err(|error| ConfigError::Incomplete(error.to_string()))
}

/// Members by name, with their section's.
fn flat(table: &Table) -> BTreeMap<String, Value> {
    let mut members = BTreeMap::new();
    for (name, value) in table {
        match value {
            Value::Table(section) => members.extend(
                flat(section)
                    .into_iter()
                    .map(|(member, value)| (format!("{name}.{member}"), value)),
            ),
            value => {
                members.insert(name.clone(), value.clone());
            }
        }
    }
    members
}

/// The other way round. Names were checked: they have at most one section.
fn nested(members: BTreeMap<String, Value>) -> Table {
    let mut table = Table::new();
    for (name, value) in members {
        match name.split_once('.') {
            None => {
                table.insert(name, value);
            }
            Some((section, member)) => {
                let section = table
                    .entry(section)
                    .or_insert_with(|| Value::Table(Table::new()));
                if let Value::Table(section) = section {
                    section.insert(member.into(), value);
                }
            }
        }
    }
    table
}

fn check_type(
    known: &BTreeMap<String, Value>,
    name: &str,
    value: &Value,
    layer: &Layer,
) -> Result<(), ConfigError> {
    let Some(sample) = known.get(name) else {
        return Err(ConfigError::Unknown {
            layer: layer.clone(),
            member: name.into(),
        });
    };
    if sample.same_type(value) {
        return Ok(());
    }
    Err(ConfigError::Wrong {
        layer: layer.clone(),
        member: name.into(),
        why: format!("must be of type {}", sample.type_str()),
    })
}

/// A value of the member's type from text; a list is separated by commas.
fn parse(
    known: &BTreeMap<String, Value>,
    name: &str,
    text: &str,
    layer: &Layer,
) -> Result<Value, ConfigError> {
    let value = match known.get(name) {
        Some(Value::Integer(_)) => text.parse().ok().map(Value::Integer),
        Some(Value::Boolean(_)) => text.parse().ok().map(Value::Boolean),
        Some(Value::Array(_)) => Some(Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Value::String(item.into()))
                .collect(),
        )),
        _ => None,
    };
    // Whatever else it is, it must be text.
    let value = value.unwrap_or_else(|| Value::String(text.into()));
    check_type(known, name, &value, layer)?;
    Ok(value)
}
