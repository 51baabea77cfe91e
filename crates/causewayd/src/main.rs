//! The process: assembles the planes; owns no logic.
fn main() {}
