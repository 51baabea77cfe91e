//! The virtual ports of a case: one that yields frames without end, and one that swallows everything.

use super::Means;
use super::plan::Setting;
use crate::source::{Feed, Feeder, Source};
use crate::traffic::Traffic;
use anyhow::{Context, Result};
use dpdk::{Offloads, Pool, Port, PortConfig};

/// A port that yields `traffic` as the setting says. `number` tells the ports of a case apart.
pub(super) fn source(means: &Means<'_>, number: usize, setting: &Setting, traffic: &Traffic) -> Result<Source> {
    let pool = means.pool_for(traffic.longest())?;
    match &setting.feed {
        None => replay(means, number, traffic, pool),
        Some(feed) => fed(means, number, traffic, pool, feed.clone()),
    }
}

fn replay(means: &Means<'_>, number: usize, traffic: &Traffic, pool: &Pool) -> Result<Source> {
    let path = means.directory.join(format!("source{number}.pcap"));
    traffic.write(&path)?;
    let file = path.to_str().context("the path of the traffic is no text")?;
    let (mut rx, _) = open(means, pool, &format!("net_pcap{number},rx_pcap={file},infinite_rx=1"), 1)?;
    Ok(Source::new(rx.pop().context("net_pcap made no queue")?))
}

fn fed(means: &Means<'_>, number: usize, traffic: &Traffic, pool: &Pool, feed: Feed) -> Result<Source> {
    let (mut rx, mut tx) = open(means, pool, &format!("net_ring{number}"), 1)?;
    let tx = tx.pop().context("net_ring made no transmit queue")?;
    let feeder = Feeder::new(feed, traffic, pool.clone(), tx);
    Ok(Source::fed(rx.pop().context("net_ring made no receive queue")?, feeder))
}

fn open(
    means: &Means<'_>,
    pool: &Pool,
    device: &str,
    tx_queues: u16,
) -> Result<(Vec<dpdk::RxQueue>, Vec<dpdk::TxQueue>)> {
    let config = PortConfig { tx_queues, offloads: Offloads::NONE, ..PortConfig::new("bench", device.parse()?) };
    let (_, rx, tx) = Port::open(means.eal, &config, std::slice::from_ref(pool))?;
    Ok((rx, tx))
}

/// Transmit queues of a port that swallows everything.
pub(super) struct Sink(Vec<dpdk::TxQueue>);

impl Sink {
    /// Opens it with so many queues.
    pub(super) fn open(means: &Means<'_>, queues: u16) -> Result<Self> {
        let (_, tx) = open(means, &means.pool, "net_null0,no-rx=1", queues)?;
        Ok(Self(tx))
    }

    /// One that nobody has yet.
    pub(super) fn queue(&mut self) -> Result<dpdk::TxQueue> {
        self.0.pop().context("net_null made too few queues")
    }
}
