#![doc = include_str!("../commitment.md")]
