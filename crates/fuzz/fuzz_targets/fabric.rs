//! Any frame at the fabric port.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| causeway_fuzz::pass(input, |network| network.fabric_port()));
