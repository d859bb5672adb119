#![doc = include_str!("../note.md")]
