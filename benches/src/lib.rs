//! Benchmarks of the production pipeline beside a hand-written floor.
