//! In whose folder somebody works. What root writes in another user's folder, the auditor that runs as
//! that user cannot write any more.

use std::path::Path;

/// Why nothing is done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{folder} belongs to {owner}, and what root writes there {owner} could not write any more. Run it as that \
     user: `runuser -u {owner} -- plainsight-auditor ...` (or `sudo -u {owner} ...`)"
)]
pub struct OtherOwner {
    folder: String,
    owner: String,
}

/// Refuses to let root write in a folder of somebody else.
#[cfg(unix)]
pub fn may_write(dir: &Path) -> Result<(), OtherOwner> {
    use std::os::unix::fs::MetadataExt as _;

    // A folder that is not there is told of by whoever needs it.
    let Ok(folder) = std::fs::metadata(dir) else {
        return Ok(());
    };
    // Whoever runs this owns what Linux shows of it; elsewhere nobody is taken for root.
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if !is_root || folder.uid() == 0 {
        return Ok(());
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let uid = folder.uid();
    Err(OtherOwner {
        folder: dir.display().to_string(),
        owner: name_of(&users, uid).unwrap_or_else(|| format!("#{uid}")),
    })
}

/// Elsewhere there is no root.
#[cfg(not(unix))]
pub fn may_write(_: &Path) -> Result<(), OtherOwner> {
    Ok(())
}

/// The name that `users`, lines as in `/etc/passwd`, have for a number.
#[cfg(unix)]
fn name_of(users: &str, uid: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number = fields.nth(1)?;
        (number.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_name_of_its_line() {
        let users = "root:x:0:0:root:/root:/bin/sh\nbroken\nplainsight-auditor:x:998:998::/:/x\n";
        assert_eq!(name_of(users, 0).as_deref(), Some("root"));
        assert_eq!(name_of(users, 998).as_deref(), Some("plainsight-auditor"));
        assert_eq!(name_of(users, 7), None);
    }
}
