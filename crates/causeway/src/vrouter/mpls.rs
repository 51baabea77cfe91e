//! `mpls`: the labels that this node answers to.

use std::path::Path;

use api::{Label, LabelTarget, LabelsDocument, LabelsQuery, Response, Show};

use super::{Gathered, Nexthop, not_found, part};
use crate::{
    cli,
    outcome::{Answer, Failure},
};

pub(super) fn run(socket: &Path, arguments: &cli::Mpls) -> Result<Answer, Failure> {
    let all = Gathered::ask(socket)?;
    let mut labels = part(socket, Show::Labels(LabelsQuery::default()), |response| match response {
        Response::Labels(document) => Some(document),
        _ => None,
    })?;
    if let Some(label) = arguments.get {
        labels.labels.retain(|one| one.label == label);
        if labels.labels.is_empty() {
            return Err(not_found("label", label, "mpls --dump"));
        }
    }
    Answer::new(&labels, text(&all, &labels), &[])
}

pub(super) fn text(all: &Gathered, document: &LabelsDocument) -> String {
    let mut text = "MPLS Input Label Map\n\n   Label    NextHop\n-------------------\n".to_owned();
    for label in &document.labels {
        text += &format!("{:8}{:10}\n", label.label, nexthop(all, label).number());
    }
    text + "\n"
}

fn nexthop(all: &Gathered, label: &Label) -> Nexthop {
    match &label.leads_to {
        LabelTarget::Network(name) => all.network(name).map(|network| Nexthop::Network(network.id)),
        LabelTarget::Vif(name) => all.live_vifs().find(|vif| vif.name == *name).map(|vif| Nexthop::Vif(vif.index)),
    }
    .unwrap_or(Nexthop::Drop)
}
