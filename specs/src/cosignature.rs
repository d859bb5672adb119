#![doc = include_str!("../cosignature.md")]
