#![doc = include_str!("../entry.md")]
