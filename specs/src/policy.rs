#![doc = include_str!("../policy.md")]
