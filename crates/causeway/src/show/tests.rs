//! Every document of the `api` crate's tests, as text, against what stands in `tests/golden/`. With `UPDATE_GOLDEN=1` the
//! files are written instead; read the difference before committing it.

use std::{env, fs, path::Path};

use api::{
    Clear, DropsQuery, EventsQuery, FdbQuery, HostsQuery, LabelsQuery, NexthopsQuery, ReachabilityQuery, Request, Show,
    StormQuery, VifsQuery, VtepsQuery,
};

use super::{process, rates, text};

fn document(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/tests/documents").join(format!("{name}.json"));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.txt"));
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    let golden = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(text, golden, "{name}: text on the left, {} on the right", path.display());
}

fn golden(name: &str, request: &Request) {
    let response = request.read_response(&document(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    compare(name, &text(&response, false));
}

#[test]
fn ports_read_as_agreed() {
    golden("ports", &Request::Show(Show::Ports));
}

#[test]
fn vifs_read_as_agreed() {
    golden("vifs", &Request::Show(Show::Vifs(VifsQuery::default())));
}

#[test]
fn networks_read_as_agreed() {
    golden("networks", &Request::Show(Show::Networks));
}

#[test]
fn fdb_reads_as_agreed() {
    golden("fdb", &Request::Show(Show::Fdb(FdbQuery::default())));
}

#[test]
fn nexthops_read_as_agreed() {
    golden("nexthops", &Request::Show(Show::Nexthops(NexthopsQuery::default())));
}

#[test]
fn labels_vteps_and_hosts_read_as_agreed() {
    golden("labels", &Request::Show(Show::Labels(LabelsQuery::default())));
    golden("vteps", &Request::Show(Show::Vteps(VtepsQuery::default())));
    golden("hosts", &Request::Show(Show::Hosts(HostsQuery::default())));
}

#[test]
fn drops_read_as_agreed() {
    golden("drops", &Request::Show(Show::Drops(DropsQuery { all: true, stage: None })));
}

#[test]
fn reachability_and_events_read_as_agreed() {
    golden("reachability", &Request::Show(Show::Reachability(ReachabilityQuery::default())));
    golden("events", &Request::Show(Show::Events(EventsQuery::default())));
}

#[test]
fn host_reads_as_agreed() {
    golden("host", &Request::Show(Show::Host));
}

#[test]
fn workers_read_as_agreed() {
    golden("workers", &Request::Show(Show::Workers));
}

#[test]
fn config_reads_as_agreed() {
    golden("config", &Request::Show(Show::Config));
}

#[test]
fn clear_reads_as_agreed() {
    golden("clear", &Request::Clear(Clear::All));
}

#[test]
fn rates_read_as_agreed() {
    let (vifs, ports, drops) = (document("vif-rates"), document("port-rates"), document("drop-rates"));
    compare("vif-rates", &rates::vifs(&serde_json::from_slice(&vifs).expect("a valid document")));
    compare("port-rates", &rates::ports(&serde_json::from_slice(&ports).expect("a valid document")));
    compare("drop-rates", &rates::drops(&serde_json::from_slice(&drops).expect("a valid document")));
    let loads = document("worker-loads");
    compare("worker-loads", &rates::workers(&serde_json::from_slice(&loads).expect("a valid document")));
}

#[test]
fn stp_reads_as_agreed() {
    golden("stp", &Request::Show(Show::Stp));
}

#[test]
fn storm_reads_as_agreed() {
    golden("storm", &Request::Show(Show::Storm(StormQuery::default())));
}

#[test]
fn nothing_that_fits_is_not_nothing_at_all() {
    for (request, json) in [
        (Request::Show(Show::Vifs(VifsQuery::default())), r#"{"vifs": []}"#),
        (Request::Show(Show::Fdb(FdbQuery::default())), r#"{"entries": []}"#),
        (Request::Show(Show::Nexthops(NexthopsQuery::default())), r#"{"nexthops": []}"#),
        (Request::Show(Show::Labels(LabelsQuery::default())), r#"{"labels": []}"#),
        (Request::Show(Show::Hosts(HostsQuery::default())), r#"{"hosts": []}"#),
        (Request::Show(Show::Storm(StormQuery::default())), r#"{"talkers": []}"#),
        (Request::Show(Show::Reachability(ReachabilityQuery::default())), r#"{"addresses": [], "period_ms": 2000}"#),
        (Request::Show(Show::Events(EventsQuery::default())), r#"{"events": [], "first_kept": 0, "latest": 0}"#),
    ] {
        let response = request.read_response(json.as_bytes()).expect("a valid document");
        assert_ne!(text(&response, true), text(&response, false));
        assert_eq!(text(&response, true).lines().count(), 1, "{request:?}");
    }
}

#[test]
fn reload_reads_as_agreed() {
    golden("reload", &Request::Reload);
}

#[test]
fn version_reads_as_agreed() {
    let version = serde_json::from_slice(&document("version")).expect("a valid document");
    let now = "2026-11-22T20:35:00Z".parse().expect("a valid time");
    compare("version", &process::version_at(&version, now));
}

#[test]
fn an_empty_document_says_so_in_a_line() {
    for (request, json) in [
        (Request::Show(Show::Ports), r#"{"ports": []}"#),
        (Request::Show(Show::Vifs(VifsQuery::default())), r#"{"vifs": []}"#),
        (Request::Show(Show::Networks), r#"{"networks": []}"#),
        (Request::Show(Show::Fdb(FdbQuery::default())), r#"{"entries": []}"#),
        (Request::Show(Show::Nexthops(NexthopsQuery::default())), r#"{"nexthops": []}"#),
        (Request::Show(Show::Labels(LabelsQuery::default())), r#"{"labels": []}"#),
        (Request::Show(Show::Hosts(HostsQuery::default())), r#"{"hosts": []}"#),
        (Request::Show(Show::Storm(StormQuery::default())), r#"{"talkers": []}"#),
        (Request::Show(Show::Reachability(ReachabilityQuery::default())), r#"{"addresses": [], "period_ms": 2000}"#),
        (Request::Show(Show::Events(EventsQuery::default())), r#"{"events": [], "first_kept": 0, "latest": 0}"#),
        (Request::Show(Show::Stp), r#"{"networks": []}"#),
        (Request::Show(Show::Workers), r#"{"generation": 1, "workers": []}"#),
    ] {
        let response = request.read_response(json.as_bytes()).expect("a valid document");
        assert_eq!(text(&response, false).lines().count(), 1, "{request:?}");
    }
}

#[test]
fn nothing_that_a_daemon_says_steers_the_terminal() {
    for (name, request) in [
        ("ports", Request::Show(Show::Ports)),
        ("vifs", Request::Show(Show::Vifs(VifsQuery::default()))),
        ("networks", Request::Show(Show::Networks)),
        ("fdb", Request::Show(Show::Fdb(FdbQuery::default()))),
        ("drops", Request::Show(Show::Drops(DropsQuery { all: true, stage: None }))),
        ("reachability", Request::Show(Show::Reachability(ReachabilityQuery::default()))),
        ("events", Request::Show(Show::Events(EventsQuery::default()))),
        ("config", Request::Show(Show::Config)),
        ("reload", Request::Reload),
    ] {
        let json = String::from_utf8(document(name))
            .expect("UTF-8")
            .replace("blue", "\\u001b[2J")
            .replace("access", "\\u001b]0;");
        let json = json.replace("\"role\": \"\\u001b]0;\"", "\"role\": \"access\"").replace("VLAN", "\\u0007");
        let response = request.read_response(json.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!text(&response, false).contains(['\u{1b}', '\u{7}']), "{name}");
    }
}
