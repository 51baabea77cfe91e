//! The documents as text.

mod config;
mod drops;
mod forwarding;
mod interfaces;
mod process;

use api::Response;

#[cfg(test)]
mod tests;

/// The answer in words. Ends with a line end.
pub(crate) fn text(response: &Response) -> String {
    match response {
        Response::Ports(document) => interfaces::ports(document),
        Response::Vifs(document) => interfaces::vifs(document),
        Response::Networks(document) => forwarding::networks(document),
        Response::Fdb(document) => forwarding::fdb(document),
        Response::Nexthops(document) => forwarding::nexthops(document),
        Response::Drops(document) => drops::drops(document),
        Response::Workers(document) => process::workers(document),
        Response::Config(document) => config::config(document),
        Response::Version(document) => process::version(document),
        Response::Reload(document) => process::reload(document),
    }
}
