#![doc = include_str!("../statement.md")]
