//! The operator's command line: over REST, and offline.
fn main() {}
