use std::fmt;
use std::sync::Arc;

/// Where something stands in a configuration file; displayed as `network.yaml:12:5`.
///
/// Line and column count from 1, the column in characters, as editors do. A clone copies a pointer to the file's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The file's name, as the caller gave it.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Place {
    /// The first character of a file.
    pub fn start_of(file: &Arc<str>) -> Self {
        Self { file: Arc::clone(file), line: 1, column: 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
