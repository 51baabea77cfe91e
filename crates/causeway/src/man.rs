//! The manual pages, from the same definition that parses the arguments.

use std::path::Path;

use api::{ErrorCode, ErrorDocument};
use clap::CommandFactory;
use serde::Serialize;

use crate::{
    cli::Cli,
    outcome::{Answer, Failure},
};

#[derive(Serialize)]
struct Written<'a> {
    directory: &'a Path,
}

pub(crate) fn write_pages(directory: &Path) -> Result<Answer, Failure> {
    clap_mangen::generate_to(Cli::command(), directory).map_err(|error| {
        let message = format!("cannot write the manual pages to `{}`: {error}", directory.display());
        Failure::failed(ErrorDocument::new(ErrorCode::Other, message))
    })?;
    Answer::new(&Written { directory }, String::new(), &[])
}
