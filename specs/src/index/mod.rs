#![doc = include_str!("../../index.md")]
