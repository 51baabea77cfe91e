use std::fmt;

use serde::{Deserialize, Serialize};

/// The answer to every request that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDocument {
    /// What kind of failure, for programs.
    pub code: ErrorCode,
    /// What failed, for people: the thing, the value, what was expected.
    pub message: String,
    /// The single errors of a refused configuration, each with its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Finding>,
}

/// What kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request makes no sense: an unknown parameter, a body where none belongs.
    BadRequest,
    /// The peer may look but not change.
    Forbidden,
    /// No such path, or no such object.
    NotFound,
    /// The path exists, but not for this method.
    MethodNotAllowed,
    /// The request is larger than the server reads.
    TooLarge,
    /// The request did not arrive in time.
    RequestTimeout,
    /// The configuration was refused; the one in force stays.
    Configuration,
    /// Too much is asked at once; try again.
    Busy,
    /// The daemon did not answer in time, or is stopping.
    Unavailable,
    /// The daemon cannot be reached: said by the client, never by the server.
    Unreachable,
    /// A bug in Causeway.
    Internal,
    /// A kind that this version does not know.
    #[serde(other)]
    Other,
}

/// Something found in a configuration file, wrong or remarkable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was found, the value, what was expected.
    pub message: String,
    /// Where, unless it is about a file as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// A place in a configuration file. Displayed as `file:line:column`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The file's path as given to the program.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
}

impl ErrorDocument {
    /// An error without places.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), places: Vec::new() }
    }
}

impl fmt::Display for ErrorDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.places.iter().try_for_each(|finding| write!(f, "\n{finding}"))
    }
}

impl std::error::Error for ErrorDocument {}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
