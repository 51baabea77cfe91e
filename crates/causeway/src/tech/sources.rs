//! Where the pieces come from.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use api::{
    DropsQuery, EventsQuery, FdbQuery, HostsQuery, LabelsQuery, NexthopsQuery, ReachabilityQuery, Request, Response,
    Show, StormQuery, VifsQuery, VtepsQuery,
};

use super::Collected;
use crate::remote;

/// Most entries of one list.
const ENTRIES_MAX: u64 = 20_000;
/// Most octets of one piece that is no document.
const PIECE_OCTETS_MAX: u64 = 2 * 1024 * 1024;
/// How long a command may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
/// What `causeway check` reads when nobody says otherwise.
const USUAL_FILES: [&str; 2] = ["/etc/causeway/node.yaml", "/etc/causeway/network.yaml"];

const COMMANDS: [(&str, &str, &[&str]); 8] = [
    ("kernel/addresses.txt", "ip", &["-d", "-s", "address"]),
    ("kernel/routes.txt", "ip", &["-d", "route", "show", "table", "all"]),
    ("kernel/routes6.txt", "ip", &["-6", "-d", "route", "show", "table", "all"]),
    ("kernel/rules.txt", "ip", &["rule"]),
    ("kernel/neighbours.txt", "ip", &["-d", "-s", "neighbour"]),
    ("kernel/processors.txt", "lscpu", &[]),
    ("kernel/pci.txt", "lspci", &["-nnk"]),
    ("kernel/version.txt", "uname", &["-a"]),
];
const FILES: [(&str, &str); 4] = [
    ("kernel/memory.txt", "/proc/meminfo"),
    ("kernel/command-line.txt", "/proc/cmdline"),
    ("kernel/interrupts.txt", "/proc/interrupts"),
    ("kernel/distribution.txt", "/etc/os-release"),
];

/// Everything there is.
pub(super) fn collect(socket: &Path, log: Option<&Path>, all: &mut Collected) {
    all.add("version.txt", Ok(concat!("causeway ", env!("CARGO_PKG_VERSION"), "\n").into()));
    for file in documents(socket, all) {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        all.add(format!("config/{name}"), start_of(&file).map(|text| without_secrets(&text)));
    }
    for (name, program, arguments) in COMMANDS {
        all.add(name, output(program, arguments));
    }
    for (name, path) in FILES {
        all.add(name, start_of(Path::new(path)));
    }
    let journal = || output("journalctl", &["--unit=causewayd", "--lines=5000", "--no-pager", "--output=short-iso"]);
    all.add("log.txt", log.map_or_else(journal, end_of).map(|text| without_secrets(&text)));
}

/// The documents; and the configuration files that the daemon says it runs with.
fn documents(socket: &Path, all: &mut Collected) -> Vec<PathBuf> {
    let limit = Some(ENTRIES_MAX);
    let mut files = None;
    for (name, show) in [
        ("version", Show::Version),
        ("config", Show::Config),
        ("ports", Show::Ports),
        ("vifs", Show::Vifs(VifsQuery { limit, ..VifsQuery::default() })),
        ("networks", Show::Networks),
        ("fdb", Show::Fdb(FdbQuery { limit, ..FdbQuery::default() })),
        ("hosts", Show::Hosts(HostsQuery { limit, ..HostsQuery::default() })),
        ("labels", Show::Labels(LabelsQuery { limit, ..LabelsQuery::default() })),
        ("vteps", Show::Vteps(VtepsQuery::default())),
        ("nexthops", Show::Nexthops(NexthopsQuery::default())),
        ("drops", Show::Drops(DropsQuery { all: true, stage: None })),
        ("stp", Show::Stp),
        ("storm", Show::Storm(StormQuery { limit, ..StormQuery::default() })),
        ("reachability", Show::Reachability(ReachabilityQuery { limit, ..ReachabilityQuery::default() })),
        ("events", Show::Events(EventsQuery::default())),
        ("host", Show::Host),
        ("workers", Show::Workers),
    ] {
        let answer = remote::ask(socket, &Request::Show(show)).map_err(|failure| failure.error().message.clone());
        if let Ok(Response::Config(config)) = &answer {
            files = Some(config.files.iter().map(|file| PathBuf::from(&file.path)).collect());
        }
        let json = answer.and_then(|document| serde_json::to_vec_pretty(&document).map_err(|error| error.to_string()));
        all.add(format!("documents/{name}.json"), json);
    }
    files.unwrap_or_else(|| USUAL_FILES.map(PathBuf::from).to_vec())
}

fn start_of(path: &Path) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    file.take(PIECE_OCTETS_MAX).read_to_end(&mut content).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(content)
}

fn end_of(path: &Path) -> Result<Vec<u8>, String> {
    let told = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = File::open(path).map_err(told)?;
    let size = file.metadata().map_err(told)?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(PIECE_OCTETS_MAX))).map_err(told)?;
    let mut content = Vec::new();
    file.take(PIECE_OCTETS_MAX).read_to_end(&mut content).map_err(told)?;
    Ok(content)
}

/// The start of what a program says. One that takes too long, or says too much, is ended.
fn output(program: &str, arguments: &[&str]) -> Result<Vec<u8>, String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot run `{program}`: {error}"))?;
    let pipe = child.stdout.take().ok_or("no output")?;
    let (done, result) = mpsc::channel();
    thread::spawn(move || {
        let mut content = Vec::new();
        let read = pipe.take(PIECE_OCTETS_MAX).read_to_end(&mut content);
        // Nobody listens any more if it took too long.
        drop(done.send(read.map(|_| content)));
    });
    let result = result.recv_timeout(COMMAND_TIMEOUT);
    // It has ended, or is not waited for: either way nothing of it is to stay.
    drop(child.kill());
    drop(child.wait());
    match result {
        Ok(Ok(content)) if content.is_empty() => Err(format!("`{program}` says nothing")),
        Ok(Ok(content)) => Ok(content),
        Ok(Err(error)) => Err(format!("`{program}`: {error}")),
        Err(_) => Err(format!("`{program}` did not end within {} s", COMMAND_TIMEOUT.as_secs())),
    }
}

/// Every line that gives a value to something that sounds like a secret, without the value.
fn without_secrets(text: &[u8]) -> Vec<u8> {
    const WORDS: [&str; 6] = ["password", "passwd", "secret", "token", "private_key", "auth_key"];
    let mut safe = String::new();
    for line in String::from_utf8_lossy(text).split_inclusive('\n') {
        // Of the same length as the line, unlike Unicode's lower case.
        let lower = line.to_ascii_lowercase();
        let value = WORDS.iter().filter_map(|word| lower.find(word)).min().and_then(|word| {
            let end = lower.get(word..)?.find([':', '='])?;
            Some(word + end + 1)
        });
        match value {
            Some(end) => safe += &format!("{} (left out)\n", line.get(..end).unwrap_or_default()),
            None => safe += line,
        }
    }
    safe.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_what_sounds_like_a_secret_are_left_out() {
        let text = b"name: gw1\nbgp_password: hunter2\n  token=abc # x\nkey: value\nPASSWORD : a:b\n";
        let safe = String::from_utf8(without_secrets(text)).expect("text");
        let expected = "name: gw1\nbgp_password: (left out)\n  token= (left out)\nkey: value\nPASSWORD : (left out)\n";
        assert_eq!(safe, expected);
    }

    #[test]
    fn a_command_that_is_not_there_or_says_too_much_is_no_failure() {
        assert!(output("no-such-program-causeway", &[]).is_err_and(|why| why.contains("no-such-program-causeway")));
        assert_eq!(output("yes", &[]).map(|content| content.len() as u64), Ok(PIECE_OCTETS_MAX));
        assert_eq!(output("echo", &["a"]), Ok(b"a\n".to_vec()));
    }
}
