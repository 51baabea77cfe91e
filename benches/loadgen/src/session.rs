//! From the options to a bench that is known to work: ports connected, the gateway's MAC known, frames coming through.

use crate::cli::{Cli, UsageError};
use crate::frame::{Plan, Traffic, Way};
use crate::ports::{End, EndError, Patience};
use crate::progress::Progress;
use crate::rate::{NoSpeed, Rate};
use crate::trial::{Bench, Order, TrialError};
use crate::tunnel::Tunnel;
use dpdk::{Device, Eal, EalConfig, EalError, Memory};
use std::path::Path;
use std::time::{Duration, Instant};
use wire::MacAddr;

/// What tunnels add to a frame at most, and some more.
const TUNNEL_OCTETS: usize = 64;
/// Frames a second until the first ones come through.
const WARM_UP_PPS: f64 = 10_000.0;
const WARM_UP: Duration = Duration::from_millis(200);
/// How often is looked whether the other end has left.
const LINGER_STEP: Duration = Duration::from_millis(20);

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Options that do not fit each other.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// DPDK does not start.
    #[error(transparent)]
    Eal(#[from] EalError),
    /// A port cannot be used.
    #[error(transparent)]
    End(#[from] EndError),
    /// A trial cannot be run.
    #[error(transparent)]
    Trial(#[from] TrialError),
    /// A percentage of an unknown speed.
    #[error("{option} {rate}: {error}")]
    Rate {
        /// The option.
        option: &'static str,
        /// As it was given.
        rate: String,
        /// What is missing.
        error: NoSpeed,
    },
    /// Nobody answers ARP.
    #[error(
        "--gateway {address}: no answer to ARP within {seconds} s at the fabric port; expected its MAC by ARP or --gateway-mac"
    )]
    NoGateway {
        /// The gateway's address.
        address: std::net::Ipv4Addr,
        /// How long was waited.
        seconds: f64,
    },
    /// Nothing comes through.
    #[error(
        "no frame {way} came through within {seconds} s: {offered} were sent in the last try, {refused} of them refused by the \
         port, and {foreign} other frames came; expected a forwarder between the ports that knows VLANs {vlans}"
    )]
    NothingComes {
        /// The direction.
        way: &'static str,
        /// How long was waited.
        seconds: f64,
        /// Frames of the last try.
        offered: u64,
        /// Of these, refused by the port.
        refused: u64,
        /// Frames of others in the last try.
        foreign: u64,
        /// The VLANs.
        vlans: String,
    },
    /// A signal came before anything was measured.
    #[error("interrupted before anything was measured")]
    Interrupted,
}

/// A bench that works.
#[derive(Debug)]
pub struct Session {
    /// The bench.
    pub bench: Bench,
    /// Frames a second in each direction; `None` for as fast as the ports take them.
    pub rate: Option<f64>,
    /// The highest rate to try; `None` for the best that the ports do.
    pub max_rate: Option<f64>,
}

impl Session {
    /// Opens and connects everything; `run_dir` is for DPDK's lock file, `stop` tells that the user has had enough.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub fn open(cli: &Cli, run_dir: &Path, stop: &dyn Fn() -> bool) -> Result<Self, SessionError> {
        let ways = cli.ways()?;
        let (main_core, core, rx_core) = cli.cores(&dpdk::lcore::available())?;
        if cli.label_base > 0xf_ffff - 4094 {
            return Err(UsageError::Labels(cli.label_base).into());
        }
        let eal = Eal::start(&eal_config(cli, main_core, run_dir))?;
        let patience = Patience::new(cli.wait, stop);
        let inner = usize::from(cli.size.longest());
        let open = |name, device: &Option<Device>, longest| {
            device.as_ref().map(|device| End::open(&eal, name, device, longest, patience)).transpose()
        };
        let access = open("access", &cli.access, inner)?;
        let fabric = open("fabric", &cli.fabric, inner + TUNNEL_OCTETS)?;
        for end in [&access, &fabric].into_iter().flatten() {
            end.wait_for_link(patience)?;
        }
        let mut bench = Bench {
            eal,
            access,
            fabric,
            traffic: [None, None],
            tunnel: tunnel(cli, cli.gateway_mac.unwrap_or(MacAddr::ZERO)),
            flows: cli.flows as usize,
            core,
            rx_core,
            verify: !cli.numbers_only,
            watch: cli.watch,
            trials: 0,
        };
        if ways.contains(&Way::FromFabric) && cli.gateway_mac.is_none() {
            bench.tunnel.gateway_mac = find_gateway(&mut bench, cli, stop)?;
        }
        let plan = Plan { sizes: cli.size.clone(), vlans: cli.vlans, flows: cli.flows };
        for way in &ways {
            let tunnel = (*way == Way::FromFabric).then_some(&bench.tunnel);
            bench.traffic[way.index()] = Some(Traffic::new(&plan, *way, tunnel));
        }
        let rate = frames_per_second("--rate", cli.rate, cli, &bench)?;
        let max_rate = match cli.max_rate {
            Some(rate) => frames_per_second("--max-rate", rate, cli, &bench)?,
            None => None,
        };
        warm_up(&mut bench, cli, rate, stop)?;
        Ok(Self { bench, rate, max_rate })
    }

    /// Does nothing for some time, or until the other end of a port leaves, or `stop`.
    pub fn linger(&self, time: Duration, stop: &dyn Fn() -> bool) {
        let ends = [&self.bench.access, &self.bench.fabric];
        let connected = || ends.into_iter().flatten().all(|end| end.port.link().is_ok_and(|link| link.up));
        let until = Instant::now() + time;
        while Instant::now() < until && connected() && !stop() {
            std::thread::sleep(LINGER_STEP);
        }
    }
}

fn eal_config(cli: &Cli, main_core: usize, run_dir: &Path) -> EalConfig {
    let addresses = [&cli.access, &cli.fabric].into_iter().flatten();
    let pci_devices = addresses.filter_map(|device| match device {
        Device::Pci(address) => Some(*address),
        Device::Virtual { .. } => None,
    });
    EalConfig {
        file_prefix: format!("causeway-loadgen-{}", std::process::id()),
        memory: match cli.hugepages {
            Some(size_mb) => Memory::Hugepages { size_mb },
            None => Memory::Ordinary { size_mb: cli.memory },
        },
        main_core,
        pci_devices: pci_devices.collect(),
        run_dir: run_dir.into(),
    }
}

fn tunnel(cli: &Cli, gateway_mac: MacAddr) -> Tunnel {
    Tunnel {
        encapsulation: cli.encapsulation,
        gateway: cli.gateway,
        gateway_mac,
        vtep: cli.vtep,
        vtep_mac: cli.vtep_mac,
        vni_base: cli.vni_base,
        label_base: cli.label_base,
    }
}

/// `rate` in frames a second.
fn frames_per_second(option: &'static str, rate: Rate, cli: &Cli, bench: &Bench) -> Result<Option<f64>, SessionError> {
    let ends = [&bench.access, &bench.fabric].into_iter().flatten();
    let speeds = ends.map(|end| end.port.link().ok().and_then(|link| link.speed_mbps));
    // The slower of the two, if both are known.
    let speed = speeds.reduce(|a, b| Some(a?.min(b?))).flatten();
    let frames = rate.frames_per_second(cli.size.mean(), speed);
    frames.map_err(|error| SessionError::Rate { option, rate: rate.to_string(), error })
}

/// Asks by ARP until the gateway answers.
fn find_gateway(bench: &mut Bench, cli: &Cli, stop: &dyn Fn() -> bool) -> Result<MacAddr, SessionError> {
    let until = Instant::now() + cli.wait;
    loop {
        let silent = Order { rate: Some(1.0), duration: WARM_UP, frames: Some(0) };
        let outcome = bench.run(silent, &mut |_: &Progress, _| !stop())?;
        if let Some(mac) = outcome.gateway_mac {
            return Ok(mac);
        }
        if stop() {
            return Err(SessionError::Interrupted);
        }
        if Instant::now() > until {
            return Err(SessionError::NoGateway { address: cli.gateway, seconds: cli.wait.as_secs_f64() });
        }
    }
}

/// Slow traffic until nothing of it is lost: the gateway has to learn its neighbours, caches have to fill.
fn warm_up(bench: &mut Bench, cli: &Cli, rate: Option<f64>, stop: &dyn Fn() -> bool) -> Result<(), SessionError> {
    let until = Instant::now() + cli.wait;
    let slow = rate.map_or(WARM_UP_PPS, |rate| rate.min(WARM_UP_PPS));
    let order = Order { rate: Some(slow), duration: WARM_UP, frames: None };
    loop {
        let outcome = bench.run(order, &mut |_: &Progress, _| !stop())?;
        if stop() {
            return Err(SessionError::Interrupted);
        }
        if outcome.lost() == 0 {
            return Ok(());
        }
        if Instant::now() > until {
            let silent = outcome.streams.iter().find(|stream| stream.received == 0);
            return match silent {
                None => Ok(()),
                Some(stream) => Err(SessionError::NothingComes {
                    way: stream.way,
                    seconds: cli.wait.as_secs_f64(),
                    offered: stream.offered,
                    refused: stream.refused,
                    foreign: outcome.foreign,
                    vlans: cli.vlans.to_string(),
                }),
            };
        }
    }
}
