//! What can be typed.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand, builder::NonEmptyStringValueParser};

/// What the exit statuses mean, for the help and the manual.
pub(crate) const EXIT_STATUSES: [(u8, &str); 4] = [
    (0, "done"),
    (1, "what was asked failed: configuration refused, change not permitted, no such object"),
    (2, "wrong usage"),
    (3, "causewayd cannot be reached or does not answer"),
];

/// For the help and the manual.
pub(crate) const JSON_ERRORS: &str =
    "With --json, an error too is a JSON object on standard output, with `code`, `message` and `places`.";

/// Look at Causeway, check its configuration, and put a new one in force.
#[derive(Debug, Parser)]
#[command(name = "causeway", version, after_help = exit_status_help(), disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// Print JSON instead of text, errors included
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// The management socket of the daemon to talk to
    #[arg(long, global = true, value_name = "PATH", default_value = "/run/causeway/causeway.sock")]
    pub(crate) socket: PathBuf,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check configuration files without a daemon and without touching anything
    #[command(after_help = "Errors are listed as file:line:column, all that are found. The daemon needs not run.")]
    Check(Files),

    /// Have the daemon read its configuration files again
    #[command(after_help = "\
All or nothing: a file with an error is refused, and the configuration in force stays.
No packet is lost or delayed.")]
    Reload,

    /// Look at the running daemon
    #[command(after_help = "Counters start at 0 when the daemon starts, and a reload keeps them.")]
    Show {
        #[command(subcommand)]
        what: What,
    },

    /// Write the manual pages
    #[command(hide = true)]
    Man {
        /// The directory to write them to; it must exist
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

/// The files to check.
#[derive(Debug, Args)]
pub(crate) struct Files {
    /// The file that describes this machine
    #[arg(long, value_name = "FILE", default_value = "/etc/causeway/node.yaml")]
    pub(crate) node: PathBuf,

    /// The file that describes the network
    #[arg(long, value_name = "FILE", default_value = "/etc/causeway/network.yaml")]
    pub(crate) network: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// Data path ports: link, device, traffic, the ports' own losses
    Ports,

    /// The VMIs that this node serves: where, in which network, traffic, drops
    Vifs,

    /// Virtual networks: VNI, local VMIs, flooding
    Networks,

    /// Which MAC address is where, and who said so
    Fdb {
        /// Only this virtual network
        #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        network: Option<String>,
    },

    /// How the remote VTEPs are reached over the underlay
    Nexthops,

    /// Where every packet went, and why packets were dropped
    #[command(after_help = "\
Every packet that came in went out in exactly one way; `unaccounted` is the difference and
is 0 whenever no packet is on its way. What the ports lost themselves is in `causeway show ports`.")]
    Drops {
        /// List the reasons that never occurred too
        #[arg(long)]
        all: bool,
    },

    /// The threads that carry packets: load, longest gap between polls, buffers
    Workers,

    /// The configuration in force, with every default filled in
    Config,

    /// What runs
    Version,
}

impl From<&What> for api::Show {
    fn from(what: &What) -> Self {
        match what {
            What::Ports => Self::Ports,
            What::Vifs => Self::Vifs,
            What::Networks => Self::Networks,
            What::Fdb { network } => Self::Fdb { network: network.clone() },
            What::Nexthops => Self::Nexthops,
            What::Drops { all } => Self::Drops { all: *all },
            What::Workers => Self::Workers,
            What::Config => Self::Config,
            What::Version => Self::Version,
        }
    }
}

fn exit_status_help() -> String {
    let statuses: String = EXIT_STATUSES.iter().map(|(status, meaning)| format!("  {status}  {meaning}\n")).collect();
    format!("Exit status:\n{statuses}\n{JSON_ERRORS}")
}

/// Whether `--json` stands among arguments that could not be understood as a whole.
pub(crate) fn asks_for_json(arguments: impl Iterator<Item = OsString>) -> bool {
    arguments.skip(1).take_while(|argument| argument != "--").any(|argument| argument == "--json")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn json_is_an_option_only_before_the_double_dash() {
        let asks = |line: &str| asks_for_json(line.split(' ').map(OsString::from));
        assert!(asks("causeway show nonsense --json"));
        assert!(!asks("causeway show -- --json"));
        assert!(!asks("--json show"));
    }
}
