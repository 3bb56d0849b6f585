#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| plimsoll_store::files::doors::archive(bytes));
