//! What the original vRouter's `vif`, `nh`, `mpls`, `rt` and `dropstats` print, in their shape and from our documents, for
//! hands and scripts that know them.
//!
//! vRouter numbers things that have names here. A VMI's number is its index; ports follow from [`PORT_BASE`] on, in the
//! node file's order. VRF 0 is the fabric, and a virtual network's is its id plus 1. Next hops are numbered by what they
//! lead to ([`Nexthop`]), so that a number means the same thing as long as the thing is there. What vRouter counts or holds and
//! Causeway does not (references, hits of a route) is shown as 0 or 1.

mod dropstats;
mod mpls;
mod nh;
mod rt;
mod vif;

use std::path::Path;

use api::{
    ErrorCode, ErrorDocument, NetworksDocument, PortsDocument, Request, Response, Show, VifsDocument, VifsQuery,
    VtepsDocument, VtepsQuery,
};
use serde::Serialize;

use crate::{
    cli::{Cli, Command},
    outcome::{Answer, Failure},
    remote,
};

/// The number of the first port; VMIs are below.
const PORT_BASE: u64 = 65_536;
/// What stands in front of every line but an entry's first, as wide as vRouter has it.
const INDENT: &str = "            ";

/// What a next hop leads to, and its number: they interleave, so that each stays what it is when others come or go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nexthop {
    Drop,
    Vif(u32),
    Network(u32),
    MplsOverUdp(u32),
    MplsOverGre(u32),
    Vxlan(u32),
}

impl Nexthop {
    /// The way to a VTEP of that id; an encapsulation that is not known leads nowhere.
    fn tunnel(vtep: u32, encapsulation: &str) -> Self {
        match encapsulation {
            "MPLSoUDP" => Self::MplsOverUdp(vtep),
            "MPLSoGRE" => Self::MplsOverGre(vtep),
            "VXLAN" => Self::Vxlan(vtep),
            _ => Self::Drop,
        }
    }

    fn number(self) -> u64 {
        let (thing, kind) = match self {
            Self::Drop => return 0,
            Self::Vif(index) => (index, 0),
            Self::Network(id) => (id, 1),
            Self::MplsOverUdp(vtep) => (vtep, 2),
            Self::MplsOverGre(vtep) => (vtep, 3),
            Self::Vxlan(vtep) => (vtep, 4),
        };
        1 + 5 * u64::from(thing) + kind
    }
}

/// What `vif` and `nh` are made from.
#[derive(Serialize)]
struct Gathered {
    ports: PortsDocument,
    vifs: VifsDocument,
    networks: NetworksDocument,
    vteps: VtepsDocument,
}

impl Gathered {
    fn ask(socket: &Path) -> Result<Self, Failure> {
        Ok(Self {
            ports: part(socket, Show::Ports, |response| match response {
                Response::Ports(document) => Some(document),
                _ => None,
            })?,
            vifs: part(socket, Show::Vifs(VifsQuery::default()), |response| match response {
                Response::Vifs(document) => Some(document),
                _ => None,
            })?,
            networks: part(socket, Show::Networks, |response| match response {
                Response::Networks(document) => Some(document),
                _ => None,
            })?,
            vteps: part(socket, Show::Vteps(VtepsQuery::default()), |response| match response {
                Response::Vteps(document) => Some(document),
                _ => None,
            })?,
        })
    }

    fn network(&self, name: &str) -> Option<&api::Network> {
        self.networks.networks.iter().find(|network| network.name == name)
    }

    /// A virtual network's VRF; 0 for one that is not known.
    fn vrf(&self, network: &str) -> u64 {
        self.network(network).map_or(0, |network| u64::from(network.id) + 1)
    }

    fn port_number(&self, name: &str) -> Option<u64> {
        let place = self.ports.ports.iter().position(|port| port.name == name)?;
        Some(PORT_BASE + place as u64)
    }

    /// VMIs that have a row: disabled ones have none.
    fn live_vifs(&self) -> impl Iterator<Item = &api::Vif> {
        self.vifs.vifs.iter().filter(|vif| vif.index != u32::MAX)
    }
}

/// One document, read back from the answer by `take`.
fn part<T>(socket: &Path, show: Show, take: fn(Response) -> Option<T>) -> Result<T, Failure> {
    let response = remote::ask(socket, &Request::Show(show))?;
    take(response).ok_or_else(|| {
        Failure::failed(ErrorDocument::new(ErrorCode::Internal, "the answer is not the document that was asked for"))
    })
}

fn not_found(what: &str, number: impl std::fmt::Display, list: &str) -> Failure {
    let message = format!("there is no {what} {number}; `causeway {list}` shows all there are");
    Failure::failed(ErrorDocument::new(ErrorCode::NotFound, message))
}

/// `None` if the command is none of these.
pub(crate) fn run(cli: &Cli) -> Option<Result<Answer, Failure>> {
    let socket = &cli.socket;
    Some(match &cli.command {
        Command::Vif(arguments) => vif::run(socket, arguments),
        Command::Nh(arguments) => nh::run(socket, arguments),
        Command::Mpls(arguments) => mpls::run(socket, arguments),
        Command::Rt(arguments) => rt::run(socket, arguments),
        Command::Dropstats(arguments) => dropstats::run(socket, arguments),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
