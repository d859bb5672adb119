#![doc = include_str!("../keyset.md")]
