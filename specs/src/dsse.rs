#![doc = include_str!("../dsse.md")]
