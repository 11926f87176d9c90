#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| intercom_fuzz::simple(bytes));
