//! Both files carry `version: 1`.

use super::errors::Problems;
use super::object::Object;
use super::problem::{Excerpt, Problem};

/// The one version there is.
const VERSION: &str = "1";

/// Reports a missing or an unknown version.
pub(super) fn check(file: Object<'_>, problems: &mut Problems, version: &Option<String>) {
    match version.as_deref() {
        Some(VERSION) => {}
        Some(other) => problems.add(file.place_of("version"), Problem::WrongVersion { value: Excerpt::new(other) }),
        None => problems.add(file.place(), Problem::NoVersion),
    }
}
