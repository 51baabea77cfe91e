//! The immutable tables a worker may read, and the builder that makes only consistent ones.
