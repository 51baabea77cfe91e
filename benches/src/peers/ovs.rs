//! Open vSwitch with DPDK, doing the same work by OpenFlow: VLAN to VXLAN, or back.
//!
//! It has a database, a daemon and a network namespace of its own; the system's Open vSwitch is not touched. No huge pages are
//! reserved: EAL's `--no-huge` works if `--legacy-mem` keeps Open vSwitch from adding `--in-memory`, which EAL refuses beside it.

use super::process::{Process, run};
use super::{Cores, Network, Peer, SAMPLE, WARM_UP};
use crate::traffic::Direction;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

const DAEMON: &str = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk";
const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";
/// The daemon's memory in MiB; its pool of packet buffers takes nearly all of it.
const MEMORY_MIB: u32 = 1024;
/// OpenFlow's numbers of the access port and of the tunnel.
const ACCESS: u32 = 1;
const TUNNEL: u32 = 2;
/// Prefix length of the fabric's subnet.
const SUBNET: u8 = 16;
/// Looks at whether it has settled.
const SETTLING: usize = 20;
/// The socket that the daemon takes commands from, in its directory.
const CONTROL: &str = "daemon.ctl";

/// A running Open vSwitch that replays one file; it is stopped between turns.
pub(super) struct Ovs {
    daemon: Process,
    _database: Process,
    directory: PathBuf,
    names: &'static [&'static str],
    /// The name of the thread that forwards.
    thread: String,
}

impl Ovs {
    /// Makes `directory` for its files. `names` has what its figure is called; `pcap` comes in at the port that `direction` says.
    ///
    /// # Errors
    /// It is not installed, has not enough memory, or refuses its configuration.
    pub(super) fn start(
        names: &'static [&'static str; 1],
        directory: PathBuf,
        cores: Cores,
        network: &Network,
        direction: Direction,
        pcap: &Path,
    ) -> Result<Self> {
        std::fs::create_dir(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
        let database = start_database(&directory, cores)?;
        let daemon = start_daemon(&directory, cores)?;
        let ovs = Self { daemon, _database: database, directory, names, thread: format!("pmd-c{:02}", cores.work) };
        ovs.add_bridges(network, direction, pcap)?;
        ovs.add_flows(network)?;
        ovs.settle()?;
        Ok(ovs)
    }

    /// The tunnel leaves by a bridge of its own, as Open vSwitch wants it: the one that has the fabric's address.
    fn add_bridges(&self, network: &Network, direction: Direction, pcap: &Path) -> Result<()> {
        let (source, sink) =
            (format!("net_pcap0,rx_pcap={},infinite_rx=1", pcap.display()), "net_null0,no-rx=1".into());
        let (access, fabric): (String, String) = match direction {
            Direction::ToFabric => (source, sink),
            Direction::FromFabric => (sink, source),
        };
        let bridge =
            |name: &str, setting: &str| format!("-- add-br {name} -- set Bridge {name} datapath_type=netdev {setting}");
        let port = |bridge: &str, name: &str, settings: &str| {
            format!("-- add-port {bridge} {name} -- set Interface {name} {settings}")
        };
        let device = |device: &str| format!("type=dpdk options:dpdk-devargs=\"{device}\"");
        let words = [
            bridge("underlay", &format!("other_config:hwaddr=\"{}\"", network.own_mac)),
            // Not secure, it would switch like any switch until it has rules, and send frames with their tags on.
            bridge("overlay", "protocols=OpenFlow13 fail_mode=secure"),
            port("underlay", "fabric", &device(&fabric)),
            port("overlay", "access", &format!("{} ofport_request={ACCESS}", device(&access))),
            port("overlay", "tunnel", &format!("type=vxlan options:remote_ip={} options:key=flow", network.peer)),
            format!("ofport_request={TUNNEL}"),
        ];
        run(self.command("ovs-vsctl").arg("--timeout=15").args(words.join(" ").split(' ')))?;
        let inside = |words: &str| {
            let process = self.daemon.child.id().to_string();
            run(Command::new("nsenter").args(["--net", "--target", &process]).args(words.split(' ')))
        };
        inside(&format!("ip address add {}/{SUBNET} dev underlay", network.own))?;
        inside("ip link set underlay up")?;
        // Or it would ask for the address by ARP, and nobody answers.
        self.tell(&["tnl/neigh/set", "underlay", &network.peer.to_string(), &network.router_mac])?;
        Ok(())
    }

    /// One rule for each VLAN and way: tag off and tunnel on, or tunnel off and tag on.
    fn add_flows(&self, network: &Network) -> Result<()> {
        let rules = network.vlans.iter().map(|(vlan, vni)| {
            // OpenFlow 1.3 marks a VLAN that is there by bit 12.
            let tag = vlan | 1 << 12;
            format!(
                "in_port={ACCESS},dl_vlan={vlan},actions=pop_vlan,set_field:{vni}->tun_id,output:{TUNNEL}\n\
                 in_port={TUNNEL},tun_id={vni},actions=push_vlan:0x8100,set_field:{tag}->vlan_vid,output:{ACCESS}\n"
            )
        });
        let file = self.directory.join("flows");
        std::fs::write(&file, rules.collect::<String>()).with_context(|| format!("cannot write {}", file.display()))?;
        run(self.command("ovs-ofctl").args(["-O", "OpenFlow13", "add-flows", "overlay"]).arg(&file))?;
        Ok(())
    }

    /// Sends the daemon a command and returns its answer.
    fn tell(&self, words: &[&str]) -> Result<String> {
        run(self
            .command("ovs-appctl")
            .arg("--timeout=15")
            .arg("--target")
            .arg(self.directory.join(CONTROL))
            .args(words))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("OVS_RUNDIR", &self.directory);
        command
    }

    /// Runs until every flow is in its caches, then stops.
    fn settle(&self) -> Result<()> {
        let mut figures = self.figures(WARM_UP)?;
        for _ in 0..SETTLING {
            if figures.received > 0.0 && figures.upcalls == 0.0 {
                break;
            }
            figures = self.figures(WARM_UP)?;
        }
        ensure!(figures.upcalls == 0.0, "Open vSwitch still asks its slow path for {} packets", figures.upcalls);
        self.daemon.pause()
    }

    /// What its packet thread did in this time from now.
    fn figures(&self, time: Duration) -> Result<Figures> {
        self.tell(&["dpif-netdev/pmd-stats-clear"])?;
        thread::sleep(time);
        Figures::parse(&self.tell(&["dpif-netdev/pmd-perf-show"])?)
    }

    /// Cycles per packet over a short time.
    fn sample(&self) -> Result<f64> {
        let before = self.daemon.core_time(&self.thread)?;
        let Figures { cycles, received, sent, .. } = self.figures(SAMPLE)?;
        let share = self.daemon.core_time(&self.thread)?.share_since(before);
        // What is in its hands at the moment of asking is received and not yet sent.
        ensure!(sent > 0.99 * received, "Open vSwitch received {received} packets and sent {sent}");
        ensure!(received > 0.0 && cycles > 0.0, "Open vSwitch counted {received} packets in {cycles} cycles");
        Ok(cycles * share / received)
    }
}

/// Of `dpif-netdev/pmd-perf-show`.
struct Figures {
    cycles: f64,
    received: f64,
    sent: f64,
    /// Packets that no cache knew.
    upcalls: f64,
}

impl Figures {
    fn parse(answer: &str) -> Result<Self> {
        let number = |label: &str| -> Result<f64> {
            let line = answer.lines().find_map(|line| line.trim_start_matches([' ', '-']).strip_prefix(label));
            let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
            number.with_context(|| format!("pmd-perf-show gives no \"{label}\""))
        };
        Ok(Self {
            cycles: number("Used TSC cycles:")?,
            received: number("Rx packets:")?,
            sent: number("Tx packets:")?,
            upcalls: number("Upcalls:")?,
        })
    }
}

impl Peer for Ovs {
    fn names(&self) -> &'static [&'static str] {
        self.names
    }

    fn measure(&mut self) -> Result<Vec<f64>> {
        self.daemon.resume()?;
        thread::sleep(WARM_UP);
        let figure = super::turn(|| self.sample());
        self.daemon.pause()?;
        figure.map(|cycles| vec![cycles])
    }
}

fn start_database(directory: &Path, cores: Cores) -> Result<Process> {
    let (file, socket) = (directory.join("conf.db"), directory.join("db.sock"));
    run(Command::new("ovsdb-tool").arg("create").arg(&file).arg(SCHEMA))?;
    let remote = format!("--remote=punix:{}", socket.display());
    let control = format!("--unixctl={}", directory.join("database.ctl").display());
    let words: [&dyn AsRef<std::ffi::OsStr>; 4] = [&"ovsdb-server", &file, &remote, &control];
    let mut database = Process::start("ovsdb-server", directory, cores, &words, (Stdio::null(), None))?;
    database.wait_until(|| socket.exists())?;
    let vsctl =
        |words: &[&str]| run(Command::new("ovs-vsctl").env("OVS_RUNDIR", directory).arg("--no-wait").args(words));
    vsctl(&["init"])?;
    let mask = |core: usize| format!("0x{:x}", 1u128 << core);
    vsctl(&[
        "set",
        "Open_vSwitch",
        ".",
        "other_config:dpdk-init=true",
        &format!("other_config:dpdk-lcore-mask={}", mask(cores.control)),
        &format!("other_config:pmd-cpu-mask={}", mask(cores.work)),
        &format!("other_config:dpdk-extra=--no-pci --no-huge --legacy-mem -m {MEMORY_MIB} --no-telemetry"),
    ])?;
    Ok(database)
}

fn start_daemon(directory: &Path, cores: Cores) -> Result<Process> {
    let database = format!("unix:{}", directory.join("db.sock").display());
    let control = directory.join(CONTROL);
    let option = format!("--unixctl={}", control.display());
    let words: [&dyn AsRef<std::ffi::OsStr>; 5] = [&"unshare", &"--net", &DAEMON, &database, &option];
    let mut daemon = Process::start("ovs-vswitchd", directory, cores, &words, (Stdio::null(), None))?;
    daemon.wait_until(|| control.exists())?;
    Ok(daemon)
}
