//! The virtual ports of a case: one that replays frames without end, and one that swallows everything.

use super::Means;
use crate::source::Source;
use crate::traffic::Traffic;
use anyhow::{Context, Result};
use dpdk::{Offloads, Port, PortConfig};

/// A port that replays `traffic` endlessly. `number` tells the ports of a case apart.
pub(crate) fn replay(means: &Means<'_>, number: usize, traffic: &Traffic) -> Result<Source> {
    let path = means.directory.join(format!("source{number}.pcap"));
    traffic.write(&path)?;
    let file = path.to_str().context("the path of the traffic is no text")?;
    let device = format!("net_pcap{number},rx_pcap={file},infinite_rx=1");
    let config = PortConfig { offloads: Offloads::NONE, ..PortConfig::new(format!("source{number}"), device.parse()?) };
    let (_, mut rx, _) = Port::open(means.eal, &config, std::slice::from_ref(means.pool))?;
    Ok(Source::new(rx.pop().context("net_pcap made no queue")?))
}

/// Transmit queues of a port that swallows everything.
pub(crate) struct Sink(std::vec::IntoIter<dpdk::TxQueue>);

impl Sink {
    /// Opens it with so many queues.
    pub(crate) fn open(means: &Means<'_>, queues: u16) -> Result<Self> {
        let config = PortConfig::new("sink", "net_null0,no-rx=1".parse()?);
        let config = PortConfig { tx_queues: queues, offloads: Offloads::NONE, ..config };
        let (_, _, tx) = Port::open(means.eal, &config, std::slice::from_ref(means.pool))?;
        Ok(Self(tx.into_iter()))
    }

    /// One that nobody has yet.
    pub(crate) fn queue(&mut self) -> Result<dpdk::TxQueue> {
        self.0.next().context("net_null made too few queues")
    }
}
