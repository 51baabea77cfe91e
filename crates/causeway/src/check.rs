//! `causeway check`: the daemon's own reading of its files, without the daemon.

use std::collections::BTreeSet;

use api::{BuffersCheck, CheckDocument, ErrorCode, ErrorDocument, Finding, Place};
use control::config::{self, ConfigErrors, Loaded, NodeModel, Note};

use crate::{
    cli::Files,
    outcome::{Answer, Failure},
    quantity::count,
    table::printable,
};

pub(crate) fn check(files: &Files) -> Result<Answer, Failure> {
    let loaded = config::load(&files.node, &files.network).map_err(|errors| refused(files, &errors))?;
    let document = document(files, &loaded);
    Answer::new(&document, text(&document), &document.warnings)
}

fn document(files: &Files, loaded: &Loaded) -> CheckDocument {
    let network = &loaded.network;
    let vmis = || network.served.iter().map(|served| &network[served.vmi]).filter(|vmi| vmi.enabled);
    CheckDocument {
        node_name: loaded.node.name.to_string(),
        files: [&files.node, &files.network].map(|file| file.display().to_string()).to_vec(),
        ports: loaded.node.ports.len() as u64,
        vifs: vmis().count() as u64,
        networks: vmis().map(|vmi| vmi.virtual_network).collect::<BTreeSet<_>>().len() as u64,
        buffers: buffers(&loaded.node),
        warnings: loaded.warnings.iter().map(Note::from).map(finding).collect(),
    }
}

fn buffers(node: &NodeModel) -> BuffersCheck {
    let needed = node.buffers_needed();
    BuffersCheck {
        needed: needed.total().into(),
        in_rings: needed.rings.into(),
        in_cache: needed.cache.into(),
        in_work: needed.bursts.into(),
        configured: node.memory.mbufs.into(),
        frame_octets: needed.octets.into(),
    }
}

fn text(document: &CheckDocument) -> String {
    let BuffersCheck { needed, in_rings, in_cache, in_work, configured, .. } = document.buffers;
    let text = format!(
        "node {}: {}, {} in {}: configuration is valid\n\
         each worker needs {needed} packet buffers ({in_rings} in rings, {in_cache} in its cache, {in_work} in work) and has \
         {configured}\n",
        document.node_name,
        count(document.ports, "port"),
        count(document.vifs, "VMI"),
        count(document.networks, "network"),
    );
    printable(&text).into_owned()
}

/// What is wrong with the files.
pub(crate) fn refused(files: &Files, errors: &ConfigErrors) -> Failure {
    let places: Vec<_> = errors.notes().into_iter().map(finding).collect();
    let found = (places.len() + errors.left_out()) as u64;
    let node_file = files.node.display().to_string();
    let in_node_file = places.iter().all(|finding| finding.place.as_ref().is_some_and(|place| place.file == node_file));
    let mut message = format!("configuration is not valid: {}", count(found, "error"));
    if errors.left_out() > 0 {
        message += &format!(", the first {} are listed", places.len());
    }
    if in_node_file {
        message += &format!("; `{}` is checked once `{node_file}` is right", files.network.display());
    }
    Failure::failed(ErrorDocument { code: ErrorCode::Configuration, message, places })
}

fn finding(note: Note) -> Finding {
    let place = Place { file: note.file.to_string(), line: note.line, column: note.column };
    Finding { message: note.message, place: Some(place) }
}
