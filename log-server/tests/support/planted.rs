//! Secrets that were planted, and where they must not come up again.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "each program that includes this uses its own part, and a test that cannot go on has failed"
)]

use std::path::Path;

use plainsight_specs::codec::to_base64;

/// A secret by what it is called, in each spelling that a program may print it in.
#[derive(Debug)]
pub struct Planted {
    what: &'static str,
    spellings: Vec<Vec<u8>>,
}

impl Planted {
    /// Of bytes: themselves, hex, base64 at each of its three alignments, and as Rust prints a list.
    pub fn bytes(what: &'static str, bytes: &[u8]) -> Self {
        assert!(bytes.len() >= 8, "{what} could stand anywhere by chance");
        let digits = |byte: &u8| format!("{byte:02x}");
        let hex: String = bytes.iter().map(digits).collect();
        let list: Vec<_> = bytes.iter().take(8).map(u8::to_string).collect();
        let mut spellings = vec![
            bytes.to_vec(),
            hex.to_uppercase().into_bytes(),
            hex.into_bytes(),
            list.join(", ").into_bytes(),
        ];
        for skipped in 0..3 {
            // Whole groups of three, so that what stands behind changes nothing.
            let rest = &bytes[skipped..];
            let whole = to_base64(&rest[..rest.len() / 3 * 3]);
            spellings.push(whole.replace('+', "-").replace('/', "_").into_bytes());
            spellings.push(whole.into_bytes());
        }
        Self { what, spellings }
    }

    /// Of a text, which may be the spelling of something already.
    pub fn text(what: &'static str, text: &str) -> Self {
        Self::bytes(what, text.as_bytes())
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        let mut spellings = self.spellings.iter();
        spellings.any(|spelling| bytes.windows(spelling.len()).any(|part| part == spelling))
    }
}

/// None of them is in what a program wrote.
pub fn none_in(planted: &[Planted], place: &str, bytes: &[u8]) {
    for secret in planted {
        assert!(!secret.is_in(bytes), "{} is in {place}", secret.what);
    }
}

/// None of them is in any file of a folder.
pub fn none_below(planted: &[Planted], folder: &Path) -> usize {
    let mut files = 0;
    for item in std::fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            files += none_below(planted, &path);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            none_in(planted, &path.display().to_string(), &bytes);
            files += 1;
        }
    }
    files
}
