//! A `causewayd` of its own in a network namespace of its own, on ports that need nothing of the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory with both files, removed at the end.
pub(crate) struct Site {
    pub(crate) directory: PathBuf,
    prefix: String,
}

impl Site {
    /// The site of `test`: two null ports, one worker, the example network.
    pub(crate) fn new(test: &str) -> Self {
        let prefix = format!("cwtest-{test}-{}", std::process::id());
        let directory = std::env::temp_dir().join(&prefix);
        fs::create_dir_all(&directory).expect("the temporary directory is ours");
        let site = Self { directory, prefix };
        site.write_node("net_null0,no-rx=1", "hugepages: false");
        fs::write(site.network(), include_str!("../../../../config/network.yaml")).expect("writable");
        site
    }

    /// Writes the node file with this access device and these keys under `memory`.
    pub(crate) fn write_node(&self, device: &str, memory: &str) {
        let (prefix, socket) = (&self.prefix, self.socket());
        let text = format!(
            "version: 1\nname: gw1\nmode: server\ncores: {{ workers: [0] }}\n\
             memory: {{ {memory}, size_mb: 128, mbufs: 8192, file_prefix: {prefix} }}\n\
             ports:\n  - {{ name: access0, role: access, device: \"{device}\", mtu: 1500 }}\n  \
             - {{ name: fabric0, role: fabric, device: \"net_null1,no-rx=1\", mtu: 1600 }}\n\
             fabric: {{ address: 172.16.0.1/24, host_interface: cwtest-host, \
             routes: [{{ to: 172.17.0.0/16, via: 172.16.0.254 }}] }}\n\
             api: {{ socket: {}, group: root }}\n",
            socket.display()
        );
        fs::write(self.node(), text).expect("writable");
    }

    pub(crate) fn node(&self) -> PathBuf {
        self.directory.join("node.yaml")
    }

    pub(crate) fn network(&self) -> PathBuf {
        self.directory.join("network.yaml")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.join("causeway.sock")
    }

    /// Starts the daemon; its log goes to a file beside its configuration.
    pub(crate) fn start(&self) -> Daemon {
        self.start_with(&[])
    }

    /// Starts the daemon with these variables in its environment.
    pub(crate) fn start_with(&self, environment: &[(&str, &str)]) -> Daemon {
        let log = fs::File::create(self.directory.join("log")).expect("writable");
        let child = Command::new("unshare")
            .args(["--net", "--", env!("CARGO_BIN_EXE_causewayd"), "--log", "json", "--node"])
            .arg(self.node())
            .arg("--network")
            .arg(self.network())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("unshare is part of util-linux; these tests need root");
        Daemon { child, log: self.directory.join("log") }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.directory));
    }
}

/// A daemon that is ended with the test.
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Waits until the log has `text`, or the daemon has ended.
    pub(crate) fn wait_for_log(&mut self, text: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.log().contains(text) {
            assert!(self.child.try_wait().expect("it is our child").is_none(), "ended early:\n{}", self.log());
            assert!(Instant::now() < until, "no `{text}` in the log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("the log is there")
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill is there").success());
    }

    /// Runs `ip` in the daemon's network namespace; returns what it printed.
    pub(crate) fn ip(&self, arguments: &str) -> String {
        let namespace = format!("--net=/proc/{}/ns/net", self.child.id());
        let ran = Command::new("nsenter").arg(namespace).arg("ip").args(arguments.split(' ')).output();
        let output = ran.expect("nsenter is part of util-linux, ip of iproute2");
        assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The thread of this name.
    pub(crate) fn thread(&self, name: &str) -> String {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs");
        let named =
            |task: &fs::DirEntry| fs::read_to_string(task.path().join("comm")).is_ok_and(|it| it.trim() == name);
        let task = tasks.flatten().find(named).unwrap_or_else(|| panic!("there is no thread {name}"));
        task.file_name().to_string_lossy().into_owned()
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(Instant::now() < until, "still runs:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Whether DPDK or the lock has left anything of this prefix.
pub(crate) fn leftovers(site: &Site) -> Vec<PathBuf> {
    let runs = [Path::new("/var/run/dpdk").join(&site.prefix), Path::new("/dev/hugepages").join(&site.prefix)];
    runs.into_iter().filter(|path| path.exists()).collect()
}
