//! Publish a snapshot to all workers without ever making one wait.
