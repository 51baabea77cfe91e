//! Packets, pcaps, in-memory ports, slow obvious oracles, generators.
