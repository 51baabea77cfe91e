//! The REST and CLI documents as serde types, versioned (/v1).
