//! Reload: read and check off the control thread, then put in force in one turn or change nothing.

use super::{Arc, ConfigErrors, Control, Instant, Loaded, Sender, Sources, config};
use crate::bindings::Claims;
use crate::config::{NetworkModel, NodeModel, VirtualNetwork};
use api::{Changes, ErrorCode, ErrorDocument, Finding, Place, ReloadDocument};
use fib::Binding;
use hashbrown::{HashMap, HashSet};
use std::hash::Hash;
use std::net::IpAddr;
use std::path::PathBuf;
use wire::{Encapsulation, MplsLabel, Vni};

type Answer = Result<ReloadDocument, ErrorDocument>;

/// What comes back from the reading thread.
pub(super) struct Finished {
    asker: Sender<Answer>,
    result: Result<Loaded, ConfigErrors>,
    started: Instant,
}

impl Control {
    /// Begins to read; the answer follows when it is in force or refused.
    pub(super) fn start_reload(&mut self, asker: Sender<Answer>) {
        if self.reloading {
            tracing::warn!("a reload is under way: this one is not begun, try again when it has ended");
            let busy = ErrorDocument::new(ErrorCode::Busy, "a reload is under way: try again when it has ended");
            return drop(asker.try_send(Err(busy)));
        }
        let (started, files, done) = (Instant::now(), self.means.files.clone(), self.reloads.0.clone());
        let answer = asker.clone();
        let read = move || {
            let result = read(&files);
            // Control lives as long as the process; if it is gone, so is the asker's interest.
            drop(done.send(Finished { asker, result, started }));
        };
        match std::thread::Builder::new().name("reload".into()).spawn(read) {
            Ok(_) => self.reloading = true,
            Err(error) => {
                let message = format!("cannot start a thread to read the configuration: {error}");
                drop(answer.try_send(Err(ErrorDocument::new(ErrorCode::Internal, message))));
            }
        }
    }

    pub(super) fn hear_reload(&mut self, now: Instant) {
        let Ok(finished) = self.reloads.1.try_recv() else { return };
        self.reloading = false;
        let answer = match finished.result {
            Err(errors) => Err(refused(&errors)),
            Ok(loaded) => self.adopt(loaded, finished.started, now),
        };
        match &answer {
            Ok(done) => tracing::info!(generation = done.generation, changed = done.changed, "configuration reloaded"),
            Err(error) => tracing::error!(%error, "reload refused; the configuration in force stays"),
        }
        drop(finished.asker.try_send(answer));
    }

    fn adopt(&mut self, mut loaded: Loaded, started: Instant, now: Instant) -> Answer {
        let needs_restart = config::restart_needed(&self.loaded.node, &loaded.node);
        let unusable: Vec<&str> =
            needs_restart.iter().filter(|k| *k == "name" || k.starts_with("ports")).map(String::as_str).collect();
        if !unusable.is_empty() {
            let message =
                format!("nothing changed: {} cannot change while running; restart causewayd", unusable.join(", "));
            return Err(ErrorDocument::new(ErrorCode::Configuration, message));
        }
        loaded.node = with_reloadable_keys(&self.loaded.node, &loaded.node);
        let before = Arc::clone(&self.loaded);
        let warnings = loaded.warnings.iter().map(finding).collect();
        let after = Arc::new(loaded);
        self.put_in_force(Arc::clone(&after), now)
            .map_err(|error| ErrorDocument::new(ErrorCode::Configuration, format!("nothing changed: {error}")))?;
        self.published = now;
        self.reopen(None);
        let generation = self.means.publisher.generation();
        self.sources = Arc::new(Sources::now(&self.means.files, generation));
        let (vifs, networks, fdb) = (
            changes(vifs(&before.network), vifs(&after.network)),
            changes(networks(&before.network), networks(&after.network)),
            changes(stations(&before.network), stations(&after.network)),
        );
        let anything = [vifs, networks, fdb].iter().any(|c| c.added + c.removed + c.changed > 0);
        let changed = anything || switches(&before.node) != switches(&after.node);
        let took_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        Ok(ReloadDocument { generation, changed, took_us, vifs, networks, fdb, needs_restart, warnings })
    }
}

fn read((node, network): &(PathBuf, PathBuf)) -> Result<Loaded, ConfigErrors> {
    config::load(node, network)
}

/// The running node with what a reload can change taken from the new file.
fn with_reloadable_keys(running: &NodeModel, new: &NodeModel) -> NodeModel {
    let mut node = running.clone();
    node.mode = new.mode;
    node.uplink_tracking = new.uplink_tracking;
    node.fabric.dont_fragment = new.fabric.dont_fragment;
    node.fabric.source_check = new.fabric.source_check;
    node.fabric.dscp = new.fabric.dscp;
    node.fabric.udp6_zero_checksum_tx = new.fabric.udp6_zero_checksum_tx;
    node.fabric.udp6_zero_checksum_rx = new.fabric.udp6_zero_checksum_rx;
    node
}

fn switches(node: &NodeModel) -> impl PartialEq {
    let fabric = &node.fabric;
    let checksums = (fabric.udp6_zero_checksum_tx, fabric.udp6_zero_checksum_rx);
    (node.mode, node.uplink_tracking, fabric.dont_fragment, fabric.source_check, fabric.dscp, checksums)
}

/// A configuration's errors as a document.
fn refused(errors: &ConfigErrors) -> ErrorDocument {
    let count = errors.list().len() + errors.left_out();
    let places = errors.notes().into_iter().map(|note| Finding {
        place: Some(Place { file: note.file, line: note.line, column: note.column }),
        message: note.message,
    });
    ErrorDocument {
        code: ErrorCode::Configuration,
        message: format!("nothing changed: {count} error{} in the configuration", if count == 1 { "" } else { "s" }),
        places: places.collect(),
    }
}

/// A warning as a document.
pub(crate) fn finding(warning: &config::Warning) -> Finding {
    let place = &warning.place;
    let place = Place { file: place.file.to_string(), line: place.line, column: place.column };
    Finding { message: warning.concern.to_string(), place: Some(place) }
}

/// Compares two sets of named things.
fn changes<K: Hash + Eq, V: PartialEq>(before: HashMap<K, V>, after: HashMap<K, V>) -> Changes {
    let mut changes = Changes::default();
    for (key, value) in &after {
        match before.get(key) {
            None => changes.added += 1,
            Some(old) if old != value => changes.changed += 1,
            Some(_) => {}
        }
    }
    changes.removed = before.keys().filter(|key| !after.contains_key(*key)).count() as u64;
    changes
}

fn vifs(network: &NetworkModel) -> HashMap<String, impl PartialEq> {
    let of = |served: &config::ServedVmi| {
        let vmi = &network[served.vmi];
        let vni = network[vmi.virtual_network].vni;
        let pairs: Vec<_> = vmi.allowed_address_pairs.iter().map(|pair| pair.mac).collect();
        let limits = (vmi.storm_control, vmi.mac_limit);
        let place = (served.port, served.vlan, served.inner_vlan);
        (network.row_name(served), (place, vni, vmi.mac, pairs, vmi.enabled, limits))
    };
    network.served.iter().map(of).collect()
}

fn networks(network: &NetworkModel) -> HashMap<&str, impl PartialEq> {
    let mut floods: HashMap<Vni, HashSet<(IpAddr, Encapsulation, Option<MplsLabel>)>> = HashMap::new();
    for entry in network.reachability_here().filter(|entry| entry.flood) {
        floods.entry(network[entry.virtual_network].vni).or_default().insert((
            entry.vtep,
            entry.encapsulation,
            entry.label,
        ));
    }
    let claims = Claims::of(network);
    let of = |n: &VirtualNetwork| {
        let mpls = (n.mpls_label, n.layer2_control_word);
        let answered: HashMap<IpAddr, Binding> = claims.answered(n).collect();
        let services = (n.forwarding_mode, answered, n.storm_control, n.mac_learning);
        (n.vni, n.flood_unknown_unicast, mpls, floods.get(&n.vni).cloned(), services)
    };
    network.virtual_networks.iter().map(|n| (n.name.as_str(), of(n))).collect()
}

fn stations(network: &NetworkModel) -> HashMap<impl Hash + Eq, impl PartialEq> {
    let of = |entry: &config::StaticReachability| {
        let (vni, way) = (network[entry.virtual_network].vni, (entry.vtep, entry.encapsulation));
        let label = |station: &config::Station| station.label.or(entry.label);
        entry.stations.iter().map(move |s| ((vni, s.mac), (way, label(s)))).collect::<Vec<_>>()
    };
    network.reachability_here().flat_map(of).collect()
}
