//! The documents as text.

mod access;
mod cleared;
mod config;
mod drops;
mod forwarding;
mod host;
mod interfaces;
pub(crate) mod process;
pub(crate) mod rates;
mod stations;
mod storm;
mod stp;

use api::Response;

#[cfg(test)]
mod tests;

/// The answer in words. Ends with a line end. `narrowed` tells that only a part was asked for: an empty answer then does
/// not mean that there is nothing.
pub(crate) fn text(response: &Response, narrowed: bool) -> String {
    match response {
        Response::Ports(document) => interfaces::ports(document),
        Response::Vifs(document) => interfaces::vifs(document, narrowed),
        Response::Networks(document) => forwarding::networks(document),
        Response::Fdb(document) => forwarding::fdb(document, narrowed),
        Response::Nexthops(document) => forwarding::nexthops(document, narrowed),
        Response::Labels(document) => stations::labels(document, narrowed),
        Response::Vteps(document) => stations::vteps(document, narrowed),
        Response::Hosts(document) => stations::hosts(document, narrowed),
        Response::Drops(document) => drops::drops(document, narrowed),
        Response::Stp(document) => stp::stp(document),
        Response::Storm(document) => storm::storm(document, narrowed),
        Response::Reachability(document) => access::reachability(document, narrowed),
        Response::Events(document) => access::events(document, narrowed),
        Response::Host(document) => host::host(document),
        Response::Workers(document) => process::workers(document),
        Response::Config(document) => config::config(document),
        Response::Version(document) => process::version(document),
        Response::Explain(document) => crate::explain::text::of(document),
        Response::Clear(document) => process::clear(document),
        Response::Reload(document) => process::reload(document),
        Response::LastDrops(document) => crate::frames::last_drops(document, narrowed),
        Response::Watch(_) | Response::Seen(_) => String::new(),
    }
}
