//! Collected errors and warnings, and how they are shown.

use std::fmt;

use super::place::Place;
use super::problem::{Diagnostic, Problem};
use super::warning::Warning;

/// The errors of a configuration, in the order of the file, at most [`MAX`](Self::MAX) of them; never empty.
///
/// Displayed one a line, `network.yaml:12:5: ...`, as compilers do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    list: Vec<Diagnostic>,
    left_out: usize,
}

impl ConfigErrors {
    /// The most errors that are kept of one file; the others are counted.
    pub const MAX: usize = 50;

    /// The errors.
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// How many further errors there were.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// The errors for a machine to read.
    pub fn notes(&self) -> Vec<Note> {
        self.list.iter().map(|error| Note::new(&error.place, error.problem.to_string())).collect()
    }
}

impl From<Diagnostic> for ConfigErrors {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { list: vec![diagnostic], left_out: 0 }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, error) in self.list.iter().enumerate() {
            let line_end = if n == 0 { "" } else { "\n" };
            write!(f, "{line_end}{error}")?;
        }
        match self.left_out {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for ConfigErrors {}

/// One error or warning for `--json`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Note {
    /// The file's name as given.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The message without the place.
    pub message: String,
}

impl Note {
    fn new(place: &Place, message: String) -> Self {
        Self { file: place.file.to_string(), line: place.line, column: place.column, message }
    }
}

impl From<&Warning> for Note {
    fn from(warning: &Warning) -> Self {
        Self::new(&warning.place, warning.concern.to_string())
    }
}

/// Collects the errors of one file.
#[derive(Debug, Default)]
pub(super) struct Problems {
    list: Vec<Diagnostic>,
    left_out: usize,
}

impl Problems {
    pub(super) fn add(&mut self, place: Place, problem: Problem) {
        if self.is_full() {
            self.leave_out();
        } else {
            self.list.push(Diagnostic { place, problem });
        }
    }

    /// Whether further errors are only counted.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= ConfigErrors::MAX
    }

    /// Counts an error.
    pub(super) fn leave_out(&mut self) {
        self.left_out += 1;
    }

    /// `value` if there was no error and it is whole. A part of it is missing only after an error.
    pub(super) fn unless_any<T>(mut self, value: Option<T>, at: impl FnOnce() -> Place) -> Result<T, ConfigErrors> {
        match value {
            Some(value) if self.list.is_empty() => Ok(value),
            _ => {
                if self.list.is_empty() {
                    self.add(at(), Problem::Empty);
                }
                self.list.sort_by(|a, b| a.place.cmp(&b.place));
                Err(ConfigErrors { list: self.list, left_out: self.left_out })
            }
        }
    }
}
