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
    /// How many characters at its beginning are a name, and stay together.
    lead: usize,
}

impl askama::filters::HtmlSafe for Digest {}

impl Digest {
    /// A hash in hex.
    pub(crate) fn hash(hash: &Hash) -> Self {
        Self::new(hash.to_hex())
    }

    /// Any text.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            lead: 0,
        }
    }

    /// A verifier key: its name and id stay whole.
    pub(crate) fn key(text: impl Into<String>) -> Self {
        let text = text.into();
        let lead = text
            .match_indices('+')
            .nth(1)
            .and_then(|(place, _)| text.get(..=place))
            .map_or(0, |name| name.chars().count());
        Self { text, lead }
    }

    /// Four characters each.
    pub(crate) fn groups(&self) -> Vec<String> {
        let characters: Vec<char> = self.text.chars().collect();
        let (lead, rest) = characters.split_at(self.lead.min(characters.len()));
        let lead = std::iter::once(lead).filter(|lead| !lead.is_empty());
        lead.chain(rest.chunks(4))
            .map(|group| group.iter().collect())
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
        let key = Digest::key("a.example/é+0a0d8c56+AAAABBBB");
        assert_eq!(key.groups(), ["a.example/é+0a0d8c56+", "AAAA", "BBBB"]);
        let html = digest.render().unwrap();
        let text: String = html
            .split('<')
            .filter_map(|part| part.split_once('>'))
            .map(|(_, text)| text.trim())
            .collect();
        assert_eq!(text, "abcdef012");
    }
}
