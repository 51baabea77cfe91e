//! Raw DPDK bindings, generated from the installed headers, and a C shim for its inline functions.
//!
//! Only `dpdk` uses this crate: every item here is as unsafe as C. The allow-list is in `build.rs`, the shim in `shim/`.
//! DPDK 22.11 is the release that is tested; the build warns about others.
#![allow(
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unsafe_op_in_unsafe_fn,
    unused_qualifications,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    clippy::semicolon_if_nothing_returned,
    clippy::use_self
)]

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::{align_of, offset_of, size_of};

    /// bindgen (clang) and the shim (the C compiler) must see one layout: frames are read through both.
    #[test]
    fn the_mbuf_layout_of_the_bindings_is_the_c_compilers() {
        let mut c = shim_mbuf_layout::default();
        // SAFETY: the callee writes one layout to the given, valid place.
        unsafe { super::shim_mbuf_layout(&raw mut c) };
        macro_rules! same {
            ($($field:ident),*) => { $(assert_eq!(offset_of!(rte_mbuf, $field), c.$field, stringify!($field));)* };
        }
        assert_eq!(size_of::<rte_mbuf>(), c.size);
        assert_eq!(align_of::<rte_mbuf>(), c.alignment);
        same!(buf_addr, data_off, refcnt, nb_segs, port, ol_flags, pkt_len, data_len, vlan_tci, buf_len, pool, next);
    }

    #[test]
    fn the_per_packet_fields_share_the_first_cache_line() {
        assert_eq!(size_of::<rte_mbuf>(), 128);
        assert!(offset_of!(rte_mbuf, pool) < 64);
    }

    #[test]
    fn flag_constants_survive_the_macros() {
        assert_eq!(RTE_MBUF_F_RX_VLAN_STRIPPED as u64, 1 << 6);
        assert_eq!(DPDK_TX_OFFLOAD_MULTI_SEGS, 1 << 15);
        assert_eq!(DPDK_RX_OFFLOAD_VLAN_STRIP, 1);
    }
}
