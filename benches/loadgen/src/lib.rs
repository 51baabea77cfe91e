//! A traffic generator and receiver on DPDK ports, for the other end of a gateway's sockets or cables.
//!
//! Every frame carries its number at its very end ([`number`]), where no tag, tunnel header or other port changes it. So
//! the receiver knows of each frame which it is, whatever a gateway did to it, and needs no parser on its way. What it
//! knows from the number alone: flow, VLAN, size, contents ([`frame`]); with the bitmap of [`track`] also what was lost,
//! doubled or overtaken, and by the clock in it how long it was under way ([`latency`]).
//!
//! A frame's way: [`pace`] says when it is due, [`send`] builds it and hands it to a port, [`receive`] takes it from the
//! other one; [`lane`] is the loop of one core around both. [`trial`] is one run of that at one rate, [`search`] looks
//! for the rate that a gateway carries. What the machine took away meanwhile ([`stolen`]) is kept apart from what was
//! lost: on a shared machine the generator, too, is sometimes not there.

#![forbid(unsafe_code)]

pub mod arp;
pub mod capacity;
pub mod cli;
pub mod display;
pub mod frame;
pub mod lane;
pub mod latency;
pub mod number;
pub mod outcome;
pub mod pace;
pub mod ports;
pub mod program;
pub mod progress;
pub mod rate;
pub mod receive;
pub mod report;
pub mod search;
pub mod send;
pub mod session;
pub mod sizes;
pub mod stolen;
pub mod track;
pub mod trial;
pub mod tunnel;
pub mod watched;
