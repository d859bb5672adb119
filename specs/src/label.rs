#![doc = include_str!("../label.md")]
