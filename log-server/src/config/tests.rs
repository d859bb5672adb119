use super::*;

fn sample(dir: &Path) -> Config {
    Config::in_folder(dir, "log.example/1", ([127, 0, 0, 1], 8080).into())
}

/// A folder with a configuration, changed by `edit`.
fn folder(edit: impl Fn(String) -> String) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let text = sample(dir.path()).to_toml(dir.path()).unwrap();
    let file = dir.path().join(FILE_NAME);
    std::fs::write(&file, edit(text)).unwrap();
    (dir, file)
}

fn pair(name: &str, value: &str) -> [(String, String); 1] {
    [(name.into(), value.into())]
}

#[test]
fn a_written_configuration_reads_back_wherever_the_folder_is() {
    let dir = tempfile::tempdir().unwrap();
    let text = sample(dir.path()).to_toml(dir.path()).unwrap();
    assert!(!text.contains(dir.path().to_str().unwrap()));
    let moved = tempfile::tempdir().unwrap();
    std::fs::write(moved.path().join(FILE_NAME), text).unwrap();
    assert_eq!(Config::load(moved.path()).unwrap(), sample(moved.path()));
}

#[test]
fn unknown_members_are_refused_by_name_wherever_they_are() {
    let (_dir, file) = folder(|text| text.replace("tick_ms", "tick_sm"));
    let refused = Config::load(&file).unwrap_err();
    assert!(
        matches!(&refused, ConfigError::Unknown { member, .. } if member == "publication.tick_sm"),
        "{refused}"
    );
    let (_dir, file) = folder(|text| text);
    let variable = pair("PLAINSIGHT_LOG_LIMITS_WAIT", "1");
    let refused = Layers::new(&file).environment(variable).load();
    assert!(matches!(refused, Err(ConfigError::Unknown { member, .. }) if member == "LIMITS_WAIT"));
    let refused = Layers::new(&file).flags(pair("limits.wait", "1")).load();
    assert!(matches!(refused, Err(ConfigError::Unknown { member, .. }) if member == "limits.wait"));
    let others = [
        ("PLAINSIGHT_LOG_DIR".into(), "x".into()),
        ("PATH".into(), "x".into()),
    ];
    Layers::new(&file).environment(others).load().unwrap();
}

#[test]
fn wrong_types_and_zero_limits_are_refused_by_name() {
    for (from, to, member) in [
        ("tick_ms = 250", "tick_ms = 0", "publication.tick_ms"),
        ("tick_ms = 250", "tick_ms = \"x\"", "publication.tick_ms"),
        ("wait_ms = 30000", "wait_ms = true", "limits.wait_ms"),
    ] {
        let (_dir, file) = folder(|text| text.replace(from, to));
        let refused = Config::load(&file).unwrap_err();
        assert!(
            matches!(&refused, ConfigError::Wrong { member: named, .. } if named == member),
            "{refused}"
        );
    }
    let (_dir, file) = folder(|text| text);
    for value in ["x", "", "1.5", "-"] {
        let flag = pair("limits.wait_ms", value);
        assert!(Layers::new(&file).flags(flag).load().is_err(), "{value}");
    }
    let flag = pair("limits.wait_ms", "-1");
    assert!(Layers::new(&file).flags(flag).load().is_err());
    let flag = pair("limits.trusted_proxies", "10.0.0.0/99");
    assert!(Layers::new(&file).flags(flag).load().is_err());
}

#[test]
fn flags_go_over_the_environment_and_that_over_the_file() {
    let (_dir, file) = folder(|text| text.replace("wait_ms = 30000", "wait_ms = 1"));
    let layers = || Layers::new(&file);
    let wait = |layers: Layers| {
        let loaded = layers.load().unwrap();
        (loaded.config.limits.wait_ms, loaded.layer("limits.wait_ms"))
    };
    let name = "PLAINSIGHT_LOG_LIMITS_WAIT_MS";
    assert_eq!(wait(layers()), (1, Layer::File(file.clone())));
    let environment = || layers().environment(pair(name, "2"));
    assert_eq!(wait(environment()), (2, Layer::Environment(name.into())));
    let all = environment().flags(pair("limits.wait_ms", "3"));
    assert_eq!(wait(all), (3, Layer::Flag));
    let (_dir, file) = folder(|text| text.replace("wait_ms = 30000\n", ""));
    let loaded = Layers::new(&file).load().unwrap();
    assert_eq!(loaded.layer("limits.wait_ms"), Layer::Default);
}

#[test]
fn every_member_can_be_set_from_outside() {
    let (_dir, file) = folder(|text| text);
    let environment = [
        ("PLAINSIGHT_LOG_ORIGIN", "log.example/2"),
        ("PLAINSIGHT_LOG_ADMIN_LISTEN", "127.0.0.1:9"),
        ("PLAINSIGHT_LOG_DATABASE", "postgres://log:hunter2@db/log"),
        ("PLAINSIGHT_LOG_LOG_KEY", "elsewhere/log.key"),
        ("PLAINSIGHT_LOG_LIMITS_TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
    ];
    let environment = environment.map(|(name, value)| (name.into(), value.into()));
    let loaded = Layers::new(&file).environment(environment).load().unwrap();
    let config = &loaded.config;
    assert_eq!(config.origin, "log.example/2");
    assert_eq!(config.admin_listen, Some(([127, 0, 0, 1], 9).into()));
    // Not relative to the file's folder: it does not come from the file.
    assert_eq!(config.log_key, Path::new("elsewhere/log.key"));
    assert_eq!(config.limits.trusted_proxies.len(), 2);
    let members = loaded.members().unwrap();
    let lines: Vec<_> = members
        .iter()
        .map(|member| format!("{} = {} ({})", member.name, member.value, member.layer))
        .collect();
    let shown = lines.join("\n");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("database = \"postgres://log@db/log\" (PLAINSIGHT_LOG_DATABASE)"));
    assert!(shown.contains("limits.wait_ms = 30000"));
}

#[cfg(unix)]
#[test]
fn a_file_with_a_password_must_be_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_dir, file) =
        folder(|text| text.replace("\"log.db\"", "\"postgres://log:hunter2@db.example/log\""));
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode));
    mode(0o600).unwrap();
    Config::load(&file).unwrap();
    mode(0o640).unwrap();
    let refused = Config::load(&file).unwrap_err();
    assert!(matches!(refused, ConfigError::Exposed { .. }));
    assert!(!refused.to_string().contains("hunter2"));
    // From the environment it is nobody else's.
    let variable = pair("PLAINSIGHT_LOG_DATABASE", "postgres://log:hunter2@db/log");
    Layers::new(&file).environment(variable).load().unwrap();
}
