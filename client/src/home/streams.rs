//! The release streams that a person relies on: a file must come from one of them.

use plainsight_specs::checkpoint::Origin;
use plainsight_specs::statement::{Name, Product, Purl};
use plainsight_specs::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Home, HomeError, file};

/// A pinned stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPin {
    /// Which.
    pub product: Product,
    /// Since when.
    pub since: Timestamp,
}

/// How a stream stands to the pinned ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamStanding {
    /// Pinned before.
    Pinned(Timestamp),
    /// No stream of this product is pinned.
    New,
    /// Another stream of the same product is pinned: what a targeted build looks like.
    Other(Product),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    purl: String,
    channel: String,
    arch: String,
    since: String,
}

impl Home {
    /// The pinned streams of a log.
    pub fn streams(&self, origin: &Origin) -> Result<Vec<StreamPin>, HomeError> {
        let path = self.log_dir(origin).join("streams.json");
        let kept = file::read_json::<Vec<Kept>>(&path)?.unwrap_or_default();
        kept.iter()
            .map(Kept::restore)
            .collect::<Option<_>>()
            .ok_or_else(|| HomeError::damaged(&path, "not a list of streams"))
    }

    /// Pins a stream.
    pub fn pin_stream(
        &self,
        origin: &Origin,
        product: &Product,
        now: Timestamp,
    ) -> Result<(), HomeError> {
        let mut pins = self.streams(origin)?;
        if pins.iter().any(|pin| pin.product == *product) {
            return Ok(());
        }
        pins.push(StreamPin {
            product: product.clone(),
            since: now,
        });
        let kept: Vec<_> = pins.iter().map(Kept::of).collect();
        file::replace_json(&self.log_dir(origin).join("streams.json"), &kept)
    }
}

impl StreamStanding {
    /// Compares a stream with the pinned ones.
    pub fn of(product: &Product, pins: &[StreamPin]) -> Self {
        if let Some(pin) = pins.iter().find(|pin| pin.product == *product) {
            return Self::Pinned(pin.since);
        }
        let other = pins.iter().find(|pin| pin.product.purl == product.purl);
        other.map_or(Self::New, |pin| Self::Other(pin.product.clone()))
    }
}

impl Kept {
    fn of(pin: &StreamPin) -> Self {
        Self {
            purl: pin.product.purl.to_string(),
            channel: pin.product.channel.to_string(),
            arch: pin.product.arch.to_string(),
            since: pin.since.to_string(),
        }
    }

    fn restore(&self) -> Option<StreamPin> {
        let product = Product {
            purl: Purl::parse(&self.purl).ok()?,
            channel: Name::parse(&self.channel).ok()?,
            arch: Name::parse(&self.arch).ok()?,
        };
        Some(StreamPin {
            product,
            since: Timestamp::parse(&self.since).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_stream_of_a_pinned_product_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        let origin = Origin::parse("log.example").unwrap();
        let now = Timestamp::from_seconds(1_800_000_000).unwrap();
        let product = |purl: &str, channel: &str| Product {
            purl: Purl::parse(purl).unwrap(),
            channel: Name::parse(channel).unwrap(),
            arch: Name::parse("any").unwrap(),
        };
        let stable = product("pkg:cargo/serde", "stable");
        home.pin_stream(&origin, &stable, now).unwrap();
        home.pin_stream(&origin, &stable, now.plus(5)).unwrap();
        let pins = home.streams(&origin).unwrap();
        assert_eq!(
            StreamStanding::of(&stable, &pins),
            StreamStanding::Pinned(now)
        );
        let special = product("pkg:cargo/serde", "special");
        assert_eq!(
            StreamStanding::of(&special, &pins),
            StreamStanding::Other(stable)
        );
        let unknown = product("pkg:cargo/toml", "stable");
        assert_eq!(StreamStanding::of(&unknown, &pins), StreamStanding::New);
    }
}
