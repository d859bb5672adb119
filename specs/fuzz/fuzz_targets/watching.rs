#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| plainsight_fuzz::watching::run(input));
