//! `dpdk-testpmd`: what DPDK's own forwarder costs that touches no header (`io`), or the MAC addresses only (`mac`).

use super::process::Process;
use super::{Cores, Peer, SAMPLE, WARM_UP};
use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::thread;
use std::time::Duration;

/// Forward modes, beside the names of their figures.
const MODES: [&str; 2] = ["io", "mac"];
const NAMES: [&str; 2] = ["testpmd io", "testpmd mac"];
/// What testpmd says when a run has ended: `CPU cycles/packet=126.42 (total cycles=...`.
const FIGURE: &str = "CPU cycles/packet=";
/// Packet buffers, as many as this program has.
const BUFFERS: usize = 32_767;
/// DPDK's headroom.
const HEADROOM: usize = 128;

/// A testpmd that replays one file; forwarding stands still between turns.
pub(crate) struct Testpmd {
    process: Process,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// The name of the thread that forwards.
    thread: String,
}

impl Testpmd {
    /// `octets` is the longest frame of `pcap`.
    ///
    /// # Errors
    /// It cannot be started, or ends at once.
    pub(crate) fn start(directory: &Path, cores: Cores, pcap: &Path, octets: usize) -> Result<Self> {
        let lcores = format!("{},{}", cores.control, cores.work);
        let main = cores.control.to_string();
        let source = format!("net_pcap0,rx_pcap={},infinite_rx=1", pcap.display());
        let room = (octets + HEADROOM).next_multiple_of(64).max(2048 + HEADROOM);
        // DPDK lets no buffer cross a page.
        let memory = (128 + BUFFERS * (room + 256).next_multiple_of(4096) / (1 << 20)).to_string();
        let (buffers, room) = (format!("--total-num-mbufs={BUFFERS}"), format!("--mbuf-size={room}"));
        // Unbuffered, or its answers come when it ends.
        let eal: [&str; 13] = [
            "stdbuf",
            "-o0",
            "dpdk-testpmd",
            "-l",
            &lcores,
            "--main-lcore",
            &main,
            "--no-pci",
            "--no-huge",
            "-m",
            &memory,
            "--no-telemetry",
            "--file-prefix=testpmd",
        ];
        let devices = ["--vdev", &source, "--vdev", "net_null0,no-rx=1", "--"];
        let own = ["--interactive", "--nb-cores=1", &buffers, &room, "--no-lsc-interrupt", "--no-rmv-interrupt"];
        let words: Vec<&str> = eal.into_iter().chain(devices).chain(own).collect();
        let words: Vec<&dyn AsRef<std::ffi::OsStr>> = words.iter().map(|word| word as _).collect();
        let mut process = Process::start("testpmd", directory, cores, &words, (Stdio::piped(), Some(Stdio::piped())))?;
        let commands = process.child.stdin.take().context("testpmd has no standard input")?;
        let answers = BufReader::new(process.child.stdout.take().context("testpmd has no standard output")?);
        let mut testpmd = Self { process, commands, answers, thread: format!("worker-{}", cores.work) };
        testpmd.say("set record-core-cycles on\nshow config fwd")?;
        testpmd.answer("packet forwarding")?;
        Ok(testpmd)
    }

    fn say(&mut self, commands: &str) -> Result<()> {
        writeln!(self.commands, "{commands}").with_context(|| format!("testpmd ended: {}", self.process.last_words()))
    }

    /// The next line that has `part` in it.
    fn answer(&mut self, part: &str) -> Result<String> {
        let mut line = String::new();
        while !line.contains(part) {
            line.clear();
            let read = self.answers.read_line(&mut line).context("cannot read what testpmd prints")?;
            ensure!(read > 0, "testpmd ended without \"{part}\": {}", self.process.last_words());
        }
        Ok(line)
    }

    fn turn(&mut self, mode: &str) -> Result<f64> {
        self.say(&format!("set fwd {mode}"))?;
        self.run(WARM_UP)?;
        super::turn(|| {
            let before = self.process.core_time(&self.thread)?;
            let cycles = self.run(SAMPLE)?;
            Ok(cycles * self.process.core_time(&self.thread)?.share_since(before))
        })
    }

    /// Forwards for so long; cycles per packet.
    fn run(&mut self, time: Duration) -> Result<f64> {
        self.say("start")?;
        thread::sleep(time);
        self.say("stop")?;
        let line = self.answer(FIGURE)?;
        let figure = line.split_once(FIGURE).and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
        figure.with_context(|| format!("testpmd printed \"{}\", a number of cycles was expected", line.trim()))
    }
}

impl Peer for Testpmd {
    fn names(&self) -> &'static [&'static str] {
        &NAMES
    }

    fn measure(&mut self) -> Result<Vec<f64>> {
        MODES.iter().map(|mode| self.turn(mode)).collect()
    }
}
