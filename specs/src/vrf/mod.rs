#![doc = include_str!("../../vrf.md")]
