//! What can be typed.

mod explain;
mod frames;
mod show;
mod value;
mod vrouter;

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum, builder::NonEmptyStringValueParser};

pub(crate) use explain::{Carried, Explain, Fields, Protocol, TunnelFields};
pub(crate) use frames::{Capture, Trace};
pub(crate) use show::{Sampling, Tech, What};
pub(crate) use vrouter::{Dropstats, Mpls, Nh, Rt, Vif};

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

/// For the help and the manual of the commands that print numbers of next hops.
const NUMBERS: &str = "\
The number of a next hop follows from what it leads to: 1 + 5 times the index of a VMI; 2 + 5 times the id of
a virtual network; 3, 4 or 5 + 5 times the id of a VTEP, for MPLSoUDP, MPLSoGRE and VXLAN. 0 drops. Ids of
VTEPs may change when VTEPs come or go.";

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
    #[command(after_help = "Errors are listed as file:line:column, all that are found. The daemon need not run.")]
    Check(Files),

    /// Tell what becomes of a frame, decision by decision, and what configuration is behind each
    #[command(after_help = explain::NOTES)]
    Explain(Box<Explain>),

    /// Have the daemon read its configuration files again
    #[command(after_help = "\
All or nothing: a file with an error is refused, and the configuration in force stays.
No packet is lost or delayed.")]
    Reload,

    /// Look at the running daemon
    #[command(after_help = "\
Counters start at 0 when the daemon starts, or when `causeway clear counters` clears them; a reload keeps them.")]
    Show {
        #[command(subcommand)]
        what: What,
    },

    /// Capture frames of a VMI or a port, each with what became of it
    #[command(after_help = "\
With --write, pcapng: a comment at each frame says what became of it, whose it is, and which line of the
configuration made it so. Without, a line for each frame; with --json alone, a JSON object a line. What it saw,
what the filter did not want and what was lost is told at the end: on standard error, unless --write names a
file. Interrupt it to end it. There can be one capture at a time; workers are slower while it lasts.
  causeway capture --vif blue-vm1 -w - | tshark -r -
  causeway capture --vif blue-vm1 --outside --count 10 -w outside.pcapng
  causeway capture --port trunk0 --duration 10s --snaplen 128 -w trunk0.pcapng vlan 100 and arp")]
    Capture(Capture),

    /// Follow frames of a VMI or a port through the stages
    #[command(after_help = "\
Shows frames that come from the VMI or are for it, by whatever port they come in, or all that come in by the
port: what each stage found and decided, the configuration behind it, and the frame as it leaves. A filter sees
them as they come in. There can be one trace at a time; workers are slower while it lasts.
  causeway trace --vif blue-vm1 --count 5")]
    Trace(Trace),

    /// Start counting anew
    Clear {
        #[command(subcommand)]
        what: Clear,
    },
    /// As vRouter's vif: interfaces
    Vif(Vif),
    /// As vRouter's nh: next hops
    #[command(after_help = NUMBERS)]
    Nh(Nh),
    /// As vRouter's mpls: the labels that this node answers to
    #[command(after_help = NUMBERS)]
    Mpls(Mpls),
    /// As vRouter's rt: bridge tables
    #[command(after_help = NUMBERS)]
    Rt(Rt),
    /// As vRouter's dropstats: dropped packets under the original's names
    #[command(after_help = "\
Each of Causeway's reasons counts into the counter that comes nearest; `causeway show drops --json` names it
with each reason. Drops of one VMI are counted in sum only: see `causeway vif --get`.")]
    Dropstats(Dropstats),
    /// Print a shell's completion script
    #[command(after_help = "\
To have it in every shell of this user:
  bash: causeway completion bash > ~/.local/share/bash-completion/completions/causeway
  zsh:  causeway completion zsh > DIRECTORY/_causeway, with a DIRECTORY of $fpath
  fish: causeway completion fish > ~/.config/fish/completions/causeway.fish")]
    Completion {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Write the manual pages
    #[command(hide = true)]
    Man {
        /// The directory to write them to; it must exist
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

/// The shells that there is a completion script for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Shell {
    /// GNU bash, with the package bash-completion
    Bash,
    /// Z shell
    Zsh,
    /// fish
    Fish,
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

impl Default for Files {
    fn default() -> Self {
        Self { node: "/etc/causeway/node.yaml".into(), network: "/etc/causeway/network.yaml".into() }
    }
}

/// What there is to clear.
#[derive(Debug, Subcommand)]
pub(crate) enum Clear {
    /// Have counters count from 0 again
    #[command(after_help = "\
Without an option: those of all VMIs and ports, and the drop reasons. The counters themselves go on; what
they show now is taken off what is shown from then on, and the time of clearing is shown with them. What
workers count, and both sides of the accounting in `causeway show drops`, is never cleared.")]
    Counters(Counters),
}

/// Which counters.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Counters {
    /// Those of this VMI
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    vif: Option<String>,
    /// Those of this port
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    port: Option<String>,
    /// The drop reasons
    #[arg(long)]
    drops: bool,
}

impl From<&Counters> for api::Clear {
    fn from(counters: &Counters) -> Self {
        match counters {
            Counters { vif: Some(name), .. } => Self::Vif(name.clone()),
            Counters { port: Some(name), .. } => Self::Port(name.clone()),
            Counters { drops: true, .. } => Self::Drops,
            _ => Self::All,
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
