//! A foreign program that lives no longer than this one.

use super::Cores;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a program may take to start, or to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// A child that is killed when this is dropped.
///
/// It holds nothing that outlives it: ordinary memory, a network namespace of its own, files in a directory that somebody else
/// removes. So it needs no farewell, and may be stopped while it is killed.
pub(crate) struct Process {
    name: &'static str,
    pub(crate) child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program` with its control threads on `cores.control`. It dies with the calling thread (prctl(2), PR_SET_PDEATHSIG)
    /// and gets no signal from the terminal. What it prints beside its standard output goes to `<name>.log` in `directory`.
    ///
    /// # Errors
    /// `setpriv`, `taskset` or the program is not there.
    pub(crate) fn start(
        name: &'static str,
        directory: &Path,
        cores: Cores,
        words: &[&dyn AsRef<OsStr>],
        stdio: (Stdio, Option<Stdio>),
    ) -> Result<Self> {
        let log = directory.join(format!("{name}.log"));
        let errors = File::create(&log).with_context(|| format!("cannot make {}", log.display()))?;
        let output = match stdio.1 {
            Some(output) => output,
            None => errors.try_clone().context("cannot share a log file")?.into(),
        };
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "taskset", "--cpu-list", &cores.control.to_string()]);
        command.args(words.iter().map(|word| word.as_ref())).process_group(0);
        // DPDK and Open vSwitch keep their sockets here rather than in /run.
        for variable in ["RUNTIME_DIRECTORY", "OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR"] {
            command.env(variable, directory);
        }
        let child = command.stdin(stdio.0).stdout(output).stderr(errors).spawn();
        Ok(Self { name, child: child.with_context(|| format!("cannot start {name} by setpriv"))?, log })
    }

    /// Waits until `ready` says so.
    ///
    /// # Errors
    /// The program ended or took too long: the last lines of its log.
    pub(crate) fn wait_until(&mut self, mut ready: impl FnMut() -> bool) -> Result<()> {
        let started = Instant::now();
        while !ready() {
            if let Some(status) = self.child.try_wait().context("cannot wait for a child")? {
                bail!("{} ended with {status}: {}", self.name, self.last_words());
            }
            if started.elapsed() > PATIENCE {
                bail!("{} is not ready after {} s: {}", self.name, PATIENCE.as_secs(), self.last_words());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Stops it where it is: it takes no time of the core until [`Process::resume`].
    pub(crate) fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), signal).with_context(|| format!("cannot signal {}", self.name))
    }

    /// How long the thread whose name has `thread` in it had its core so far, and how long it waited for it.
    ///
    /// # Errors
    /// There is no such thread, or the kernel does not tell (`schedstat`).
    pub(crate) fn core_time(&self, thread: &str) -> Result<CoreTime> {
        let tasks = format!("/proc/{}/task", self.child.id());
        let threads = std::fs::read_dir(&tasks).with_context(|| format!("cannot list the threads of {}", self.name))?;
        let text = |task: &Path, file: &str| std::fs::read_to_string(task.join(file)).unwrap_or_default();
        let mut tasks = threads.flatten().map(|task| task.path());
        let found = tasks.find(|task| text(task, "comm").contains(thread)).map(|task| text(&task, "schedstat"));
        let times = found.with_context(|| format!("{} has no thread {thread}", self.name))?;
        let mut numbers = times.split_whitespace().map_while(|number| number.parse().ok());
        let (ran, waited) = numbers.next().zip(numbers.next()).context("the kernel keeps no schedstat")?;
        Ok(CoreTime { ran, waited })
    }

    /// The end of its log, in one line.
    pub(crate) fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(3)..].join(" | ")
    }
}

/// Of a thread, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CoreTime {
    ran: u64,
    waited: u64,
}

impl CoreTime {
    /// The share of the time since `before` in which a thread that always had work had its core. The rest is what the kernel
    /// gave to others; the clock of the figures runs on meanwhile, and medians of this process's short slices have none of it.
    pub(crate) fn share_since(self, before: Self) -> f64 {
        let (ran, waited) = ((self.ran - before.ran) as f64, (self.waited - before.waited) as f64);
        ran / (ran + waited)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already, and there is nobody left to tell.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Runs a short command to its end and returns what it printed.
///
/// # Errors
/// It cannot be started or fails: what it said.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {name}"))?;
    if !output.status.success() {
        bail!("{name} failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
