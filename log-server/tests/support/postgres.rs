//! A real `PostgreSQL` for tests.

#![allow(
    unused_imports,
    unreachable_pub,
    reason = "each test uses its part of it"
)]

pub use plainsight_cluster::{Cluster, shared};
