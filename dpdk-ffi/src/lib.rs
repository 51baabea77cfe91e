//! Raw DPDK bindings, generated from the installed headers, and a C shim for its inline functions.
