//! The production pipeline beside a hand-written floor, and what publishing tables costs.
//!
//! Everything runs in one process, in turn, in short slices: on a shared machine separate processes compare nothing but
//! the noise. `docs/adr/0001` and `0002` rest on the figures.

#![deny(unsafe_code)]

mod floor;
mod forwarding;
mod scene;
mod statistics;
mod traffic;
mod verify;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use dpdk::{Eal, EalConfig, Memory, Pool, PoolConfig};
use forwarding::{Figures, Means};
use scene::Scene;
use std::path::Path;
use std::thread;
use traffic::Direction;

/// Benchmarks of Causeway's data path.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Rounds of 10 ms slices per direction.
    #[arg(long, default_value_t = 60)]
    rounds: usize,
    /// Core of the worker; the rest runs on core 0.
    #[arg(long, default_value_t = 1)]
    core: usize,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let directory = std::env::temp_dir().join(format!("causeway-bench-{}", std::process::id()));
    std::fs::create_dir(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let figures = forward(&arguments, &directory);
    let removed = std::fs::remove_dir_all(&directory);
    for f in figures? {
        println!("{} ({} octets, {} rounds)", f.direction, f.frame_octets, f.rounds);
        for v in &f.variants {
            println!(
                "  {:28} median {:6.1} quiet {:6.1} above {:6.1} ({:.1}) ratio {:.3} [{:.3} {:.3}] above {:.3} {:.1} Mpps",
                v.variant,
                v.median,
                v.quiet,
                v.above_ports,
                v.above_ports_quiet,
                v.ratio_to_floor,
                v.ratio_quartiles[0],
                v.ratio_quartiles[1],
                v.ratio_above_ports,
                v.quiet_mpps
            );
        }
    }
    removed.context("cannot remove the temporary directory")
}

/// Both directions, on a registered worker thread.
fn forward(arguments: &Arguments, directory: &Path) -> Result<Vec<Figures>> {
    let eal = Eal::start(&EalConfig {
        file_prefix: format!("causeway-bench-{}", std::process::id()),
        memory: Memory::Ordinary { size_mb: 256 },
        main_core: 0,
        pci_devices: Vec::new(),
        run_dir: directory.into(),
    })?;
    let config = PoolConfig { name: "bench".into(), mbufs: 40_000, cache: 256, data_room_octets: 2048, socket: None };
    let pool = Pool::new(&eal, &config)?;
    let work = || -> Result<Vec<Figures>> {
        let _worker = dpdk::Worker::register(&eal, arguments.core)?;
        let scene = Scene;
        let tables = floor::Tables::new(&eal, &scene)?;
        let means =
            Means { eal: &eal, pool: &pool, tables: &tables, scene: &scene, directory, rounds: arguments.rounds };
        [Direction::ToFabric, Direction::FromFabric]
            .into_iter()
            .map(|direction| forwarding::run(&means, direction))
            .collect()
    };
    let figures = thread::scope(|scope| scope.spawn(work).join());
    ensure!(figures.is_ok(), "the worker ended by a panic");
    figures.unwrap_or_else(|_| Ok(Vec::new()))
}
