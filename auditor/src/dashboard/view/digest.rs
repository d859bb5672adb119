//! A hash or a key: in groups of four for the eye, whole for the clipboard.

use askama::Template;
use plainsight_specs::hash::Hash;
use serde::{Serialize, Serializer};

/// A long text that people compare and copy; in JSON as it is.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "parts/digest.html")]
pub(crate) struct Digest {
    /// As it is copied.
    pub(crate) text: String,
}

impl askama::filters::HtmlSafe for Digest {}

impl Digest {
    /// A hash in hex.
    pub(crate) fn hash(hash: &Hash) -> Self {
        Self::new(hash.to_hex())
    }

    /// Any text.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// Four characters each.
    pub(crate) fn groups(&self) -> Vec<String> {
        let characters: Vec<char> = self.text.chars().collect();
        characters
            .chunks(4)
            .map(|four| four.iter().collect())
            .collect()
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_has_no_gaps() {
        let digest = Digest::new("abcdef012");
        assert_eq!(digest.groups(), ["abcd", "ef01", "2"]);
        let html = digest.render().unwrap();
        let text: String = html
            .split('<')
            .filter_map(|part| part.split_once('>'))
            .map(|(_, text)| text.trim())
            .collect();
        assert_eq!(text, "abcdef012");
    }
}
