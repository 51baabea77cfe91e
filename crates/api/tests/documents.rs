//! Every document, as it stands in `documents/`, survives reading and writing to the letter: names, order and absence of
//! fields are what clients see.

use std::{fmt::Debug, fs, path::Path};

use serde::{Serialize, de::DeserializeOwned};

fn text_of(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/documents").join(format!("{name}.json"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str) {
    let text = text_of(name);
    let document: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let written = serde_json::to_string_pretty(&document).expect("documents have string keys only") + "\n";
    assert_eq!(written, text, "{name}");
    assert_eq!(serde_json::from_str::<T>(&written).expect("just written"), document, "{name}");
}

#[test]
fn every_document_round_trips_to_the_letter() {
    round_trip::<api::PortsDocument>("ports");
    round_trip::<api::VifsDocument>("vifs");
    round_trip::<api::NetworksDocument>("networks");
    round_trip::<api::FdbDocument>("fdb");
    round_trip::<api::NexthopsDocument>("nexthops");
    round_trip::<api::LabelsDocument>("labels");
    round_trip::<api::VtepsDocument>("vteps");
    round_trip::<api::HostsDocument>("hosts");
    round_trip::<api::DropsDocument>("drops");
    round_trip::<api::StpDocument>("stp");
    round_trip::<api::StormDocument>("storm");
    round_trip::<api::ReachabilityDocument>("reachability");
    round_trip::<api::EventsDocument>("events");
    round_trip::<api::HostDocument>("host");
    round_trip::<api::WorkersDocument>("workers");
    round_trip::<api::ConfigDocument>("config");
    round_trip::<api::VersionDocument>("version");
    round_trip::<api::ExplainDocument>("explain");
    round_trip::<api::ClearDocument>("clear");
    round_trip::<api::VifRatesDocument>("vif-rates");
    round_trip::<api::PortRatesDocument>("port-rates");
    round_trip::<api::DropRatesDocument>("drop-rates");
    round_trip::<api::WorkerLoadsDocument>("worker-loads");
    round_trip::<api::ReloadDocument>("reload");
    round_trip::<api::CheckDocument>("check");
    round_trip::<api::WatchDocument>("watch");
    round_trip::<api::SeenDocument>("seen");
    round_trip::<api::LastDropsDocument>("last-drops");
    round_trip::<api::ErrorDocument>("error");
}

#[test]
fn a_response_is_written_as_its_document_alone_and_read_back_by_its_request() {
    use api::{
        Clear, DropsQuery, EventsQuery, FdbQuery, HostsQuery, LabelsQuery, NexthopsQuery, ReachabilityQuery, Request,
        Show, StormQuery, VifsQuery, VtepsQuery,
    };
    let explain = api::ExplainRequest { port: "access0".into(), frame: "00".into(), tunnel: None };
    let (last_drops, watch) =
        (api::LastDropsQuery::default(), serde_json::from_str(r#"{"kind": "capture", "vif": "a"}"#).expect("a query"));
    for (name, request) in [
        ("ports", Request::Show(Show::Ports)),
        ("vifs", Request::Show(Show::Vifs(VifsQuery::default()))),
        ("networks", Request::Show(Show::Networks)),
        ("fdb", Request::Show(Show::Fdb(FdbQuery::default()))),
        ("nexthops", Request::Show(Show::Nexthops(NexthopsQuery::default()))),
        ("labels", Request::Show(Show::Labels(LabelsQuery::default()))),
        ("vteps", Request::Show(Show::Vteps(VtepsQuery::default()))),
        ("hosts", Request::Show(Show::Hosts(HostsQuery::default()))),
        ("drops", Request::Show(Show::Drops(DropsQuery { all: true, stage: None }))),
        ("stp", Request::Show(Show::Stp)),
        ("storm", Request::Show(Show::Storm(StormQuery::default()))),
        ("reachability", Request::Show(Show::Reachability(ReachabilityQuery::default()))),
        ("events", Request::Show(Show::Events(EventsQuery::default()))),
        ("host", Request::Show(Show::Host)),
        ("workers", Request::Show(Show::Workers)),
        ("config", Request::Show(Show::Config)),
        ("version", Request::Show(Show::Version)),
        ("explain", Request::Explain(explain)),
        ("clear", Request::Clear(Clear::All)),
        ("reload", Request::Reload),
        ("last-drops", Request::LastDrops(last_drops)),
        ("watch", Request::Watch(watch)),
        ("seen", Request::WatchNext(3)),
        ("seen", Request::WatchEnd(3)),
    ] {
        let text = text_of(name);
        let response = request.read_response(text.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(serde_json::to_string_pretty(&response).expect("string keys only") + "\n", text, "{name}");
    }
}

#[test]
fn a_reader_ignores_fields_and_error_codes_of_a_later_version() {
    let later = r#"{"code": "too_many_moons", "message": "m", "moons": 3}"#;
    let error: api::ErrorDocument = serde_json::from_str(later).expect("unknown fields and codes are no error");
    assert_eq!(error, api::ErrorDocument::new(api::ErrorCode::Other, "m"));
}

#[test]
fn an_error_reads_as_a_compiler_would_write_it() {
    let error: api::ErrorDocument = serde_json::from_str(&text_of("error")).expect("a valid document");
    let lines: Vec<_> = error.to_string().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[2], "/etc/causeway/network.yaml:16:7: `color` is no key of a virtual network");
}
