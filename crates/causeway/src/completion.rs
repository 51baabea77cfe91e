//! Completion scripts, from the same definition that parses the arguments.

use clap::CommandFactory;
use clap_complete::{Generator, Shell as Known};
use serde::Serialize;

use crate::{
    cli::{Cli, Shell},
    outcome::{Answer, Failure},
};

#[derive(Serialize)]
struct Completion {
    shell: String,
    script: String,
}

pub(crate) fn print(shell: Shell) -> Result<Answer, Failure> {
    let shell = match shell {
        Shell::Bash => Known::Bash,
        Shell::Zsh => Known::Zsh,
        Shell::Fish => Known::Fish,
    };
    let mut command = Cli::command();
    command.set_bin_name("causeway");
    command.build();
    let mut script = Vec::new();
    shell.generate(&command, &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let document = Completion { shell: shell.to_string(), script: script.clone() };
    Answer::new(&document, script, &[])
}
