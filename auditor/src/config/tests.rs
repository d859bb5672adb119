use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::note::{KeyName, Signer};

use super::*;

fn identity(name: &str) -> Identity {
    Identity {
        name: name.into(),
        organisation: "Example".into(),
        jurisdiction: "CH".into(),
    }
}

fn log_vkey(name: &str) -> String {
    let secret = SecretKey::from_seed(&[7; 32]);
    Signer::new(KeyName::parse(name).unwrap(), Algorithm::Ed25519, secret)
        .unwrap()
        .verifier_key()
        .to_string()
}

#[test]
fn init_makes_a_folder_that_loads_and_a_key_that_nobody_else_reads() {
    let dir = tempfile::tempdir().unwrap();
    let key = init(dir.path(), &identity("audit.example/a")).unwrap();
    let config = Config::load(dir.path()).unwrap();
    assert_eq!(config.signer().unwrap().verifier_key(), key);
    assert_eq!(key.algorithm(), Algorithm::CosignatureV1);
    #[cfg(unix)]
    {
        let meta = fs::metadata(dir.path().join(KEY_FILE)).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&meta.permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_key_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), &identity("audit.example/a")).unwrap();
    let before = fs::read(dir.path().join(KEY_FILE)).unwrap();
    assert!(matches!(
        init(dir.path(), &identity("audit.example/b")),
        Err(ConfigError::Exists { .. })
    ));
    assert_eq!(fs::read(dir.path().join(KEY_FILE)).unwrap(), before);
}

#[test]
fn a_key_of_another_name_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), &identity("audit.example/a")).unwrap();
    let mut config = Config::load(dir.path()).unwrap();
    config.identity.name = "audit.example/b".into();
    assert!(matches!(config.signer(), Err(ConfigError::KeyFile { .. })));
    let path = dir.path().join(KEY_FILE);
    let renamed = fs::read_to_string(&path).unwrap().replace("/a+", "/b+");
    fs::write(&path, renamed).unwrap();
    assert!(matches!(config.signer(), Err(ConfigError::KeyFile { .. })));
}

#[test]
fn a_log_is_added_once_and_comments_stay() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), &identity("audit.example/a")).unwrap();
    let path = dir.path().join(CONFIG_FILE);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("# by hand\n{text}")).unwrap();
    let log = LogConfig::new(log_vkey("log.example"), "http://127.0.0.1:1/");
    let config = add_log(dir.path(), &log).unwrap();
    assert_eq!(config.logs.len(), 1);
    assert_eq!(config.logs[0].origin.as_str(), "log.example");
    assert!(fs::read_to_string(&path).unwrap().starts_with("# by hand"));
    assert!(matches!(
        add_log(dir.path(), &log),
        Err(ConfigError::Log { .. })
    ));
}

#[test]
fn the_environment_goes_before_the_file_and_nonsense_is_named() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), &identity("audit.example/a")).unwrap();
    let with = |name: &'static str, value: &'static str| {
        move |asked: &str| (asked == name).then(|| value.to_owned())
    };
    let load = |name, value| Config::load_with(dir.path(), with(name, value));
    let config = load("PLAINSIGHT_AUDITOR_LISTEN", "127.0.0.1:5").unwrap();
    assert_eq!(config.listen.port(), 5);
    let config = load("PLAINSIGHT_AUDITOR_MIN_FREE_MB", "3").unwrap();
    assert_eq!(config.operations.min_free, 3 << 20);
    let refused = load("PLAINSIGHT_AUDITOR_LISTEN", "nowhere").unwrap_err();
    assert!(refused.to_string().contains("PLAINSIGHT_AUDITOR_LISTEN"));
    assert!(load("PLAINSIGHT_AUDITOR_URL", "ftp://x").is_err());
}

#[test]
fn what_init_writes_as_comments_loads_when_it_is_taken_in() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), &identity("audit.example/a")).unwrap();
    let path = dir.path().join(CONFIG_FILE);
    let text = fs::read_to_string(&path).unwrap();
    let is_setting = |line: &str| line.contains(" = ") || line.starts_with("# [");
    let all: String = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if is_setting(line) => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    fs::write(&path, all).unwrap();
    let operations = Config::load(dir.path()).unwrap().operations;
    assert_eq!(operations.hooks[0].name, "page");
    assert_eq!(operations.webhooks[0].timeout_s, 20);
    assert_eq!(operations.heartbeat.as_ref().unwrap().every_s, 300);
    assert_eq!(operations.alert_file, Some(dir.path().join("alerts.jsonl")));
    let refused = operations.channels(dir.path()).unwrap_err();
    assert!(refused.to_string().contains("webhook.key"), "{refused}");
}

#[test]
fn misspelt_members_and_channels_that_cannot_be_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), &identity("audit.example/a")).unwrap();
    let path = dir.path().join(CONFIG_FILE);
    let text = fs::read_to_string(&path).unwrap();
    for wrong in [
        "alert_fil = \"x\"",
        "[heartbeat]\nurl = \"http://x\"\nevery_s = 1",
        "[heartbeat]\nurl = \"x\"",
        "[[hook]]\nname = \"a\"\nprogram = \"relative\"",
        "[[hook]]\nname = \"a b\"\nprogram = \"/x\"",
        "[[hook]]\nname = \"file\"\nprogram = \"/x\"",
        "[[hook]]\nname = \"a\"\nprogram = \"/x\"\nseverities = [\"panic\"]",
        "[[hook]]\nname = \"a\"\nprogram = \"/x\"\ntimeout_s = 0",
        "[[webhook]]\nname = \"a\"\nurl = \"/x\"\nkey_file = \"k\"",
        "[watch]\ndays = 0",
    ] {
        fs::write(&path, format!("{text}\n{wrong}\n")).unwrap();
        assert!(Config::load(dir.path()).is_err(), "{wrong}");
    }
}

#[test]
fn the_watch_key_has_a_name_of_its_own_and_is_made_if_it_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), &identity("audit.example/a")).unwrap();
    let config = Config::load(dir.path()).unwrap();
    let first = config.watch_signer().unwrap().verifier_key();
    assert_eq!(first.name().as_str(), "audit.example/a/watch");
    assert_eq!(config.watch_signer().unwrap().verifier_key(), first);
    fs::remove_file(dir.path().join(WATCH_KEY_FILE)).unwrap();
    assert_ne!(config.watch_signer().unwrap().verifier_key(), first);
    fs::copy(dir.path().join(KEY_FILE), dir.path().join(WATCH_KEY_FILE)).unwrap();
    assert!(config.watch_signer().is_err());
}

#[test]
fn keys_that_sign_no_log_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let own = init(dir.path(), &identity("audit.example/a")).unwrap();
    let refused = |vkey: &str, url: &str| FollowedLog::new(&LogConfig::new(vkey, url)).is_err();
    assert!(refused(&own.to_string(), "http://127.0.0.1:1"));
    assert!(refused("x", "http://127.0.0.1:1"));
    assert!(refused(&log_vkey("log.example"), "127.0.0.1:1"));
    let mut log = LogConfig::new(log_vkey("log.example"), "http://127.0.0.1:1");
    log.other_vkeys = vec![log_vkey("log.example/b")];
    assert!(FollowedLog::new(&log).is_err(), "another name");
    log.other_vkeys = vec![log.vkey.clone()];
    assert!(FollowedLog::new(&log).is_err(), "twice");
}

#[test]
fn a_database_is_a_file_or_a_url_and_its_password_is_nobodys_business() {
    let dir = tempfile::tempdir().unwrap();
    let named = |url| init_with(dir.path(), &identity("audit.example/a"), Some(url));
    for shown in ["postgres://a:hunter2@db.example/a", "mysql://db.example/a"] {
        let refused = named(shown).unwrap_err();
        assert!(matches!(refused, ConfigError::Member { .. }));
        assert!(!refused.to_string().contains("hunter2"), "{refused}");
    }
    named("postgres://a@db.example/a").unwrap();
    let config = Config::load(dir.path()).unwrap();
    assert_eq!(config.database.file(), None);
    let path = dir.path().join(CONFIG_FILE);
    let text = fs::read_to_string(&path).unwrap();

    // A file of its own, or the environment.
    let with_file = text.replace("# database_password_file", "database_password_file");
    assert_ne!(with_file, text);
    fs::write(&path, &with_file).unwrap();
    Config::load(dir.path()).unwrap();
    let given = |name: &str| {
        (name == "PLAINSIGHT_AUDITOR_DATABASE").then(|| "postgres://a:hunter2@other/a".to_owned())
    };
    assert!(
        Config::load_with(dir.path(), given).is_err(),
        "two passwords"
    );
    fs::write(&path, &text).unwrap();
    let config = Config::load_with(dir.path(), given).unwrap();
    assert_eq!(config.database.to_string(), "postgres://a@other/a");
    assert!(!format!("{config:?}").contains("hunter2"));

    // Within the configuration only where nobody else reads that.
    fs::write(&path, text.replace("a@db", "a:hunter2@db")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        for (mode, loads) in [(0o644, false), (0o600, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let loaded = Config::load(dir.path());
            assert_eq!(loaded.is_ok(), loads, "{mode:o}");
            assert!(!format!("{loaded:?}").contains("hunter2"));
        }
    }
}
