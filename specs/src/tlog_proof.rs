#![doc = include_str!("../tlog_proof.md")]
