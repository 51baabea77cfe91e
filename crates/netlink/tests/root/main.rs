//! Against the real kernel: each test makes a network namespace of its own and removes it. They need root rights, so
//! that they run only with CAUSEWAY_ROOT_TESTS=1 and say that they were skipped otherwise.

mod follower;
mod host_interface;
mod host_io;
mod namespace;
mod two_ports;
