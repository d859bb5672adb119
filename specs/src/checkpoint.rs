#![doc = include_str!("../checkpoint.md")]
