#![doc = include_str!("../ladder.md")]
