//! Everything a worker tells the outside, and packets for it to send.

pub mod slots;
