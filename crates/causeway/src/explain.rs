//! `causeway explain`: what becomes of a frame, and why; over the daemon's tables, or over tables made from the files.

mod frame;
mod pcap;
pub(crate) mod text;

use std::path::Path;

use ::explain::{Arrival, Assumed, ExplainError, Scene};
use api::{ErrorCode, ErrorDocument, ExplainDocument, ExplainRequest, ExplainTunnel, Request, Response};
use control::config::{self, NodeModel, PortRole};
use wire::{Encapsulation, MacAddr};

use crate::{
    check,
    cli::{Explain, Files, TunnelFields},
    outcome::{Answer, Failure},
    remote,
};

pub(crate) fn explain(socket: &Path, arguments: &Explain) -> Result<Answer, Failure> {
    let frame = given(arguments)?;
    let request = ExplainRequest {
        port: arguments.port.clone(),
        frame: frame.octets.iter().map(|octet| format!("{octet:02x}")).collect(),
        tunnel: tunnel(&arguments.tunnel),
    };
    let mut document = if arguments.node.is_some() || arguments.network.is_some() {
        offline(arguments, &request)?
    } else if arguments.next_hop.is_empty() {
        live(socket, request)?
    } else {
        return Err(bad("--next-hop is for tables made from files: give --node or --network".to_owned()));
    };
    document.assumptions.extend(frame.assumption);
    Answer::new(&document, text::of(&document), &[])
}

/// Octets, and what is assumed of them.
struct Given {
    octets: Vec<u8>,
    assumption: Option<String>,
}

fn given(arguments: &Explain) -> Result<Given, Failure> {
    if let Some(path) = &arguments.pcap {
        return pcap::read(path, arguments.packet).map_err(bad);
    }
    let octets = match &arguments.hex {
        Some(hex) => ::explain::octets(hex).map_err(refused)?,
        None => frame::build(&arguments.fields).map_err(bad)?,
    };
    Ok(Given { octets, assumption: None })
}

fn tunnel(fields: &TunnelFields) -> Option<ExplainTunnel> {
    let (encapsulation, number) = match (fields.vni, fields.label) {
        (Some(vni), _) => (Encapsulation::Vxlan, vni),
        (None, Some(label)) => (fields.encapsulation, label),
        (None, None) => return None,
    };
    Some(ExplainTunnel { from: fields.from_vtep?, encapsulation: encapsulation.to_string(), number })
}

fn live(socket: &Path, request: ExplainRequest) -> Result<ExplainDocument, Failure> {
    match remote::ask(socket, &Request::Explain(request))? {
        Response::Explain(document) => Ok(document),
        _ => Err(Failure::failed(ErrorDocument::new(ErrorCode::Internal, "the answer is no explanation"))),
    }
}

fn offline(arguments: &Explain, request: &ExplainRequest) -> Result<ExplainDocument, Failure> {
    let mut files = Files::default();
    files.node = arguments.node.clone().unwrap_or(files.node);
    files.network = arguments.network.clone().unwrap_or(files.network);
    let loaded = config::load(&files.node, &files.network).map_err(|errors| check::refused(&files, &errors))?;
    let arrival = Arrival::try_from(request).map_err(refused)?;
    let assumed = Assumed {
        next_hops: arguments.next_hop.iter().copied().collect(),
        fabric_mac: addressed_to(&loaded.node, &arrival),
    };
    Scene::from_files(loaded, &assumed).and_then(|scene| scene.explain(&arrival)).map_err(refused)
}

/// The station that a frame of the fabric is addressed to: whoever asks has seen it arrive.
fn addressed_to(node: &NodeModel, arrival: &Arrival) -> Option<MacAddr> {
    let fabric = node.port(&arrival.port).is_some_and(|(_, port)| port.role == PortRole::Fabric);
    let destination = arrival.octets.first_chunk().map(|mac| MacAddr::new(*mac));
    destination.filter(|mac| fabric && arrival.tunnel.is_none() && mac.is_station())
}

fn bad(message: String) -> Failure {
    Failure::failed(ErrorDocument::new(ErrorCode::BadRequest, message))
}

fn refused(error: ExplainError) -> Failure {
    Failure::failed(error.into())
}
