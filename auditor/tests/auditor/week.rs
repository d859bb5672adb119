//! A week of an honest log, at the speed of a test.
