//! TCP with the kernel's default settings between instances on ports that the kernel sees: it must run, no segment may come
//! out with a wrong checksum, and what cannot run must do so with the command that `causeway check` names. Needs root,
//! iperf3 and ethtool.

mod rig;

use rig::{in_namespace, ip, until};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

fn main() {
    in_namespace(|| {
        for (first, second, remedy) in
            [("tap", "tap", false), ("af_xdp", "tap", false), ("tap", "af_xdp", false), ("af_packet", "tap", true)]
        {
            println!("test TCP from {first} to {second} ...");
            Lab::new(first, second, remedy).carries_tcp();
        }
        println!("all held");
    });
}

/// A program that is ended with the test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().expect("the program is installed"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(Command::new("kill").arg(self.0.id().to_string()).status());
        drop(self.0.wait());
    }
}

/// Two instances, each in a namespace of its own behind a veth, and the gateway between them. Fields are dropped in order.
struct Lab {
    _gateway: Running,
    instances: Vec<Running>,
    directory: PathBuf,
}

impl Lab {
    fn new(first: &str, second: &str, remedy: bool) -> Self {
        let directory = std::env::temp_dir().join(format!("cwtest-tcp-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("the temporary directory is ours");
        let hidden = || Running::start(Command::new("unshare").args(["--net", "--", "sleep", "300"]));
        let instances = vec![hidden(), hidden()];
        let own = fs::read_link("/proc/self/ns/net").expect("Linux has namespaces");
        for (n, instance) in instances.iter().enumerate() {
            let theirs = format!("/proc/{}/ns/net", instance.0.id());
            until("the instance's namespace", || fs::read_link(&theirs).ok().filter(|theirs| *theirs != own));
            ip(&format!("link add cwt-g{n} type veth peer name cwt-i{n}"));
            ip(&format!("link set cwt-g{n} up"));
            ip(&format!("link set cwt-i{n} netns {}", instance.0.id()));
            within(instance, &format!("ip link set cwt-i{n} address 02:00:00:00:11:0{n} up"));
            within(instance, &format!("ip addr add 10.9.0.{}/24 dev cwt-i{n}", n + 1));
            if remedy {
                within(instance, &format!("ethtool -K cwt-i{n} tx off"));
            }
        }
        let gateway = gateway(&directory, [first, second]);
        for (n, kind) in [first, second].into_iter().enumerate().filter(|(_, kind)| *kind == "tap") {
            assert_eq!(kind, "tap");
            ip(&format!("link add cwt-br{n} type bridge"));
            for port in ["g", "t"] {
                ip(&format!("link set cwt-{port}{n} master cwt-br{n}"));
            }
            ip(&format!("link set cwt-br{n} up"));
        }
        Self { _gateway: gateway, instances, directory }
    }

    fn carries_tcp(&self) {
        let [client, server] = self.instances.as_slice() else { panic!("two instances") };
        within(client, "ping -c 1 -w 20 10.9.0.2");
        let listening = Running::start(enter(server).args(["iperf3", "-s", "-1"]).stdout(Stdio::null()));
        until("iperf3's socket", || within(server, "ss -Hltn sport = :5201").contains("5201").then_some(()));
        let report = within(client, "timeout 60 iperf3 -c 10.9.0.2 -n 20M");
        assert!(report.contains("receiver"), "{report}");
        drop(listening);
        for instance in &self.instances {
            let wrong = within(instance, "grep ^Tcp: /proc/net/snmp");
            let numbers: Vec<&str> = wrong.lines().last().unwrap_or_default().split(' ').collect();
            let names: Vec<&str> = wrong.lines().next().unwrap_or_default().split(' ').collect();
            let of = |name: &str| names.iter().position(|other| *other == name).and_then(|at| numbers.get(at));
            assert_eq!((of("InErrs"), of("InCsumErrors")), (Some(&"0"), Some(&"0")), "{wrong}");
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for interface in ["cwt-g0", "cwt-g1", "cwt-br0", "cwt-br1"] {
            drop(Command::new("ip").args(["link", "delete", interface]).stderr(Stdio::null()).status());
        }
        drop(fs::remove_dir_all(&self.directory));
    }
}

fn enter(instance: &Running) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/proc/{}/ns/net", instance.0.id()));
    command
}

fn within(instance: &Running, words: &str) -> String {
    let output = enter(instance).args(words.split(' ')).output().expect("nsenter is part of util-linux");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{words}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The gateway with an access port of each kind, both untagged and of one network.
fn gateway(directory: &Path, kinds: [&str; 2]) -> Running {
    let port = |(n, kind): (usize, &str)| {
        let interface = if kind == "tap" { "t" } else { "g" };
        format!("- {{ name: a{n}, role: access, device: \"net_{kind}{n},iface=cwt-{interface}{n}\" }}\n")
    };
    let ports: String = kinds.into_iter().enumerate().map(port).collect();
    let node = format!(
        "version: 1\nname: gw1\nmode: server\ncores: {{ workers: [0], polling: adaptive }}\n\
         memory: {{ hugepages: false, size_mb: 160, mbufs: 8191, file_prefix: cwtest-tcp-{} }}\nports:\n{ports}\
         - {{ name: fabric0, role: fabric, device: \"net_null9,no-rx=1\" }}\n\
         fabric: {{ address: 172.16.0.1/24, host_interface: cwt-host }}\napi: {{ socket: {}, group: root }}\n",
        std::process::id(),
        directory.join("api.sock").display(),
    );
    let network = "version: 1\nphysical_routers: [{ name: gw1 }]\n\
        physical_interfaces: [{ name: a0, physical_router: gw1 }, { name: a1, physical_router: gw1 }]\n\
        virtual_networks: [{ name: blue, vxlan_network_identifier: 5100 }]\nvirtual_machine_interfaces:\n\
        - { name: b0, virtual_network: blue, mac_address: 02:00:00:00:11:00 }\n\
        - { name: b1, virtual_network: blue, mac_address: 02:00:00:00:11:01 }\nlogical_interfaces:\n\
        - { name: l0, physical_interface: 'gw1:a0', logical_interface_vlan_tag: 0, virtual_machine_interfaces: [b0] }\n\
        - { name: l1, physical_interface: 'gw1:a1', logical_interface_vlan_tag: 0, virtual_machine_interfaces: [b1] }\n";
    fs::write(directory.join("node.yaml"), node).expect("writable");
    fs::write(directory.join("network.yaml"), network).expect("writable");
    let log = directory.join("log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_causewayd"));
    command.arg("--node").arg(directory.join("node.yaml")).arg("--network").arg(directory.join("network.yaml"));
    let mut running = Running::start(command.stderr(fs::File::create(&log).expect("writable")));
    until("the gateway's start", || {
        let log = fs::read_to_string(&log).unwrap_or_default();
        assert!(running.0.try_wait().expect("our child").is_none(), "ended early:\n{log}");
        log.contains("the gateway serves").then_some(())
    });
    running
}
