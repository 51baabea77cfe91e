//! The manual pages, from the same definition that parses the arguments: one page a command.

use std::{fs, io, path::Path};

use api::{ErrorCode, ErrorDocument};
use clap::{Command, CommandFactory};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use serde::Serialize;

use crate::{
    cli::{Cli, EXIT_STATUSES, JSON_ERRORS},
    outcome::{Answer, Failure},
};

#[derive(Serialize)]
struct Written<'a> {
    directory: &'a Path,
}

pub(crate) fn write_pages(directory: &Path) -> Result<Answer, Failure> {
    let mut root = Cli::command();
    root.build();
    write_page(&root, None, directory).map_err(|error| {
        let message = format!("cannot write the manual pages to `{}`: {error}", directory.display());
        Failure::failed(ErrorDocument::new(ErrorCode::Other, message))
    })?;
    Answer::new(&Written { directory }, String::new(), &[])
}

/// The page of `command`, then those of the commands under it.
fn write_page(command: &Command, parent: Option<&str>, directory: &Path) -> io::Result<()> {
    let name = page_name(command);
    fs::write(directory.join(format!("{name}.1")), page(command, parent)?)?;
    visible(command).try_for_each(|under| write_page(under, Some(&name), directory))
}

fn page(command: &Command, parent: Option<&str>) -> io::Result<Vec<u8>> {
    let source = concat!("causeway ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).source(source).manual("Causeway");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if let (Some(notes), Some(_)) = (command.get_after_help(), parent) {
        let mut roff = Roff::new();
        roff.control("PP", []).text([roman(notes.to_string().replace('\n', " "))]);
        roff.to_writer(&mut page)?;
    }
    man.render_options_section(&mut page)?;
    if visible(command).next().is_some() {
        man.render_subcommands_section(&mut page)?;
    }
    closing_sections(command, parent).to_writer(&mut page)?;
    Ok(page)
}

fn closing_sections(command: &Command, parent: Option<&str>) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for (status, meaning) in EXIT_STATUSES {
        roff.control("TP", []).text([bold(status.to_string())]).text([roman(meaning)]);
    }
    roff.control("PP", []).text([roman(JSON_ERRORS)]).control("SH", ["SEE ALSO"]);
    let related = parent.map(str::to_owned).into_iter().chain(visible(command).map(page_name));
    let related: Vec<_> = related.map(|name| format!("{name}(1)")).chain(["causewayd(8)".to_owned()]).collect();
    roff.text([roman(related.join(", "))]);
    roff
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|under| !under.is_hide_set())
}

/// `causeway-show-drops`. Commands have it once they are built.
fn page_name(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}
