//! Any frame at the access port.

#![no_main]

use libfuzzer_sys::fuzz_target;
use testkit::example::ACCESS;

fuzz_target!(|input: &[u8]| causeway_fuzz::pass(input, |_| ACCESS));
