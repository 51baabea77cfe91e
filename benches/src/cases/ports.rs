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
        None => {
            let queue = replay(means, number, traffic, std::slice::from_ref(pool))?.pop();
            Ok(Source::new(queue.context("net_pcap made no queue")?))
        }
        Some(feed) => fed(means, number, traffic, pool, feed.clone()),
    }
}

/// A port with a queue for each pool, all of which yield the same frames without end.
pub(super) fn replay(
    means: &Means<'_>,
    number: usize,
    traffic: &Traffic,
    pools: &[Pool],
) -> Result<Vec<dpdk::RxQueue>> {
    let path = means.directory.join(format!("source{number}.pcap"));
    traffic.write(&path)?;
    let file = path.to_str().context("the path of the traffic is no text")?;
    let queues = format!(",rx_pcap={file}").repeat(pools.len());
    Ok(open(means, pools, &format!("net_pcap{number}{queues},infinite_rx=1"), 1)?.0)
}

fn fed(means: &Means<'_>, number: usize, traffic: &Traffic, pool: &Pool, feed: Feed) -> Result<Source> {
    let (mut rx, mut tx) = open(means, std::slice::from_ref(pool), &format!("net_ring{number}"), 1)?;
    let tx = tx.pop().context("net_ring made no transmit queue")?;
    let feeder = Feeder::new(feed, traffic, pool.clone(), tx);
    Ok(Source::fed(rx.pop().context("net_ring made no receive queue")?, feeder))
}

fn open(
    means: &Means<'_>,
    pools: &[Pool],
    device: &str,
    tx_queues: u16,
) -> Result<(Vec<dpdk::RxQueue>, Vec<dpdk::TxQueue>)> {
    let config = PortConfig { tx_queues, offloads: Offloads::NONE, ..PortConfig::new("bench", device.parse()?) };
    let (_, rx, tx) = Port::open(means.eal, &config, pools)?;
    Ok((rx, tx))
}

/// Transmit queues of a port that swallows everything.
pub(super) struct Sink(Vec<dpdk::TxQueue>);

impl Sink {
    /// Opens it with so many queues.
    pub(super) fn open(means: &Means<'_>, queues: u16) -> Result<Self> {
        let (_, tx) = open(means, std::slice::from_ref(&means.pool), "net_null0,no-rx=1", queues)?;
        Ok(Self(tx))
    }

    /// So many of them, for another thread.
    pub(super) fn split(&mut self, queues: usize) -> Self {
        Self(self.0.split_off(self.0.len().saturating_sub(queues)))
    }

    /// One that nobody has yet.
    pub(super) fn queue(&mut self) -> Result<dpdk::TxQueue> {
        self.0.pop().context("net_null made too few queues")
    }
}
