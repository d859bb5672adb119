#![doc = include_str!("../witness.md")]
