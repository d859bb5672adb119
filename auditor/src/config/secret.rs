//! Files that hold a secret: read only if nobody but their owner can use them.

use std::fs;
use std::path::Path;

use zeroize::Zeroizing;

use super::ConfigError;

/// The text of a file with a secret.
pub(crate) fn read_secret(path: &Path) -> Result<Zeroizing<String>, ConfigError> {
    if is_exposed(path) {
        return Err(ConfigError::Exposed { path: path.into() });
    }
    let text = fs::read_to_string(path).map(Zeroizing::new);
    text.map_err(|source| ConfigError::File {
        path: path.into(),
        source,
    })
}

/// The parser's words with the number of the line and without the line: what is written there,
/// such as the address of a webhook, may let somebody in.
pub(super) fn without_the_line(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    match before {
        Some(before) => {
            let line = before.matches('\n').count() + 1;
            format!("line {line}: {}", error.message())
        }
        None => error.message().to_owned(),
    }
}

/// Whether group or others can do anything with it. What cannot be looked at cannot be read
/// either, and reading says why.
#[cfg(unix)]
pub(super) fn is_exposed(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let forbidden = forbidden(path);
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & forbidden != 0)
}

/// A credential of the service manager is root's, and the group bits are then the mask of an
/// access list that names this service alone.
#[cfg(unix)]
fn forbidden(path: &Path) -> u32 {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(std::path::PathBuf::from);
    match credentials {
        Some(folder) if path.parent() == Some(&folder) => 0o037,
        _ => 0o077,
    }
}

#[cfg(not(unix))]
pub(super) fn is_exposed(_path: &Path) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_line_that_does_not_parse_is_counted_and_not_shown() {
        let text = "name = \"a\"\nurl = \"https://chat.example/hooks/T0K3N\n";
        let error = toml::from_str::<toml::Table>(text).unwrap_err();
        let shown = without_the_line(text, &error);
        assert!(shown.starts_with("line 2: "), "{shown}");
        assert!(!shown.contains("T0K3N"), "{shown}");
    }

    #[test]
    fn a_secret_that_others_can_use_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.key");
        super::super::write_secret(&path, b"secret").unwrap();
        assert_eq!(*read_secret(&path).unwrap(), "secret");
        for mode in [0o640, 0o604, 0o620, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = read_secret(&path).unwrap_err();
            assert!(matches!(refused, ConfigError::Exposed { .. }), "{mode:o}");
            assert!(!refused.to_string().contains("secret"));
        }
    }
}
