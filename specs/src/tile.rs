#![doc = include_str!("../tile.md")]
