//! Text to raw: the shape of both files, and the only file that knows `serde_yaml`.
//!
//! A raw object holds scalars as the text that stands in the file, so that every value is judged in one place, with its
//! place, by the step from raw to model. Keys that the schema does not have are kept by name for the same reason.
//! A value of the wrong shape (a list where one value belongs) is the only error left to this step beside syntax.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{DeserializeOwned, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::outline::Outline;
use super::place::Place;
use super::problem::{Diagnostic, Excerpt, Problem};

/// The keys of one object of the schema.
pub(super) trait RawObject {
    /// All keys that may stand in the object, in the schema's order.
    const KEYS: &'static [&'static str];
}

macro_rules! raw_object {
    ($(#[$doc:meta])* $name:ident { $($key:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(super) struct $name {
            $(pub(super) $key: Option<$type>,)*
            /// Keys that are not in the schema.
            pub(super) unknown: Vec<String>,
        }

        impl RawObject for $name {
            const KEYS: &'static [&'static str] = &[$(stringify!($key)),*];
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_map(Mapping::<Self>(PhantomData))
            }
        }

        impl<'de> Visitor<'de> for Mapping<$name> {
            type Value = $name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("keys and values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                let mut raw = $name::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        $(stringify!($key) if raw.$key.is_some() => {
                            return Err(serde::de::Error::duplicate_field(stringify!($key)));
                        })*
                        $(stringify!($key) => raw.$key = map.next_value()?,)*
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            raw.unknown.push(key);
                        }
                    }
                }
                Ok(raw)
            }
        }
    };
}

/// Reads a mapping into a `T`.
struct Mapping<T>(PhantomData<T>);

/// One value, or a list of values.
///
/// A single number is kept as the number's own text, which may not be the file's: no key that takes numbers is read so.
#[derive(Debug, Default)]
pub(super) struct RawValues(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for RawValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValuesVisitor)
    }
}

struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = RawValues;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one value or a list")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<RawValues, E> {
        Ok(RawValues(vec![text.to_owned()]))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<RawValues, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<RawValues, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<RawValues, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<RawValues, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<RawValues, A::Error> {
        let mut values = Vec::new();
        while let Some(text) = list.next_element()? {
            values.push(text);
        }
        Ok(RawValues(values))
    }
}

raw_object! {
    /// The node file.
    RawNode {
        version: String,
        name: String,
        mode: String,
        cores: RawCores,
        memory: RawMemory,
        ports: Vec<RawPort>,
        fabric: RawFabric,
        api: RawApi,
        limits: RawLimits,
    }
}
raw_object! {
    /// `cores`.
    RawCores { workers: Vec<String>, polling: String, }
}
raw_object! {
    /// `memory`.
    RawMemory { hugepages: String, size_mb: String, mbufs: String, file_prefix: String, }
}
raw_object! {
    /// One of `ports`.
    RawPort {
        name: String,
        role: String,
        device: String,
        mtu: String,
        rx_descriptors: String,
        tx_descriptors: String,
        queues: String,
        tpid: String,
        host_interface: String,
        address: RawValues,
    }
}
raw_object! {
    /// `fabric`.
    RawFabric {
        address: String,
        address_v6: String,
        host_interface: String,
        vlan: String,
        routes: Vec<RawRoute>,
        dont_fragment: String,
        source_check: String,
        udp6_zero_checksum_tx: String,
        udp6_zero_checksum_rx: String,
        dscp: Vec<String>,
    }
}
raw_object! {
    /// One of `fabric.routes`.
    RawRoute { to: String, via: String, }
}
raw_object! {
    /// `api`.
    RawApi { socket: String, group: String, }
}
raw_object! {
    /// `limits`.
    RawLimits { vmis: String, }
}
raw_object! {
    /// The network file.
    RawNetwork {
        version: String,
        global_vrouter_config: RawGlobal,
        physical_routers: Vec<RawPhysicalRouter>,
        physical_interfaces: Vec<RawPhysicalInterface>,
        virtual_networks: Vec<RawVirtualNetwork>,
        virtual_machine_interfaces: Vec<RawVmi>,
        instance_ips: Vec<RawInstanceIp>,
        logical_interfaces: Vec<RawLogicalInterface>,
        static_reachability: Vec<RawReachability>,
    }
}
raw_object! {
    /// `global_vrouter_config`.
    RawGlobal { encapsulation_priorities: Vec<String>, vxlan_network_identifier_mode: String, }
}
raw_object! {
    /// One of `physical_routers`.
    RawPhysicalRouter { name: String, }
}
raw_object! {
    /// One of `physical_interfaces`.
    RawPhysicalInterface { name: String, physical_router: String, }
}
raw_object! {
    /// One of `virtual_networks`.
    RawVirtualNetwork {
        name: String,
        vxlan_network_identifier: String,
        virtual_network_network_id: String,
        flood_unknown_unicast: String,
        layer2_control_word: String,
        mpls_label: String,
    }
}
raw_object! {
    /// One of `virtual_machine_interfaces`.
    RawVmi {
        name: String,
        virtual_network: String,
        mac_address: String,
        allowed_address_pairs: Vec<RawAddressPair>,
        id_perms: RawIdPerms,
    }
}
raw_object! {
    /// One of `allowed_address_pairs`.
    RawAddressPair { mac: String, ip: String, }
}
raw_object! {
    /// `id_perms` of a VMI.
    RawIdPerms { enable: String, }
}
raw_object! {
    /// One of `instance_ips`.
    RawInstanceIp { name: String, virtual_machine_interface: String, instance_ip_address: String, }
}
raw_object! {
    /// One of `logical_interfaces`.
    RawLogicalInterface {
        name: String,
        physical_interface: String,
        logical_interface_vlan_tag: String,
        logical_interface_inner_vlan_tag: String,
        virtual_machine_interfaces: Vec<String>,
    }
}
raw_object! {
    /// One of `static_reachability`.
    RawReachability {
        virtual_network: String,
        vtep: String,
        flood: String,
        encapsulations: Vec<String>,
        mpls_label: String,
        mac_addresses: Vec<String>,
        mac_labels: Vec<RawMacLabel>,
        physical_router: String,
    }
}
raw_object! {
    /// One of `mac_labels`.
    RawMacLabel { mac: String, label: String, }
}

/// Reads a text whose [`Outline`] is known to be sound.
pub(super) fn read<T: DeserializeOwned>(text: &str, outline: &Outline) -> Result<T, Diagnostic> {
    serde_yaml::from_str(text).map_err(|error| {
        let root = outline.root().place();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let place = match error.location() {
            Some(at) => Place { file: Arc::clone(&root.file), line: number(at.line()), column: number(at.column()) },
            None => root,
        };
        let message = error.to_string();
        let cause = message.split_once(" at line ").map_or(message.as_str(), |(cause, _)| cause);
        Diagnostic { place, problem: shape(cause) }
    })
}

/// What the parser of shapes says, in the words of this format.
fn shape(cause: &str) -> Problem {
    let (found, expected) = cause.rsplit_once(", expected ").unwrap_or((cause, "another value"));
    let found =
        found.replacen("invalid type: sequence", "a list", 1).replacen("invalid type: map", "keys and values", 1);
    let expected = match expected {
        "a sequence" => "a list",
        "a string" => "one value",
        other => other,
    };
    Problem::Shape { found: Excerpt::new(&found.replacen("invalid type: ", "", 1)), expected: Excerpt::new(expected) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_yaml::Value;

    use super::*;
    use crate::config::outline::Spot;

    /// Whether a place tree has the shape of the values that the other parser read from the same text.
    fn same_shape(spot: Spot<'_>, value: &Value) -> bool {
        let spots: Vec<Spot<'_>> = spot.children().collect();
        match value {
            Value::Sequence(list) => {
                spots.len() == list.len() && spots.iter().zip(list).all(|(s, v)| same_shape(*s, v))
            }
            Value::Mapping(map) => {
                let found = |(key, value): (&Value, &Value)| match key.as_str() {
                    Some(key) => spot.key(key).is_some_and(|spot| same_shape(spot, value)),
                    None => true,
                };
                spots.len() == map.len() && map.iter().all(found)
            }
            _ => spots.is_empty(),
        }
    }

    fn yaml_like() -> impl Strategy<Value = String> {
        let pieces = prop::sample::select(vec![
            "a", "b: ", "c: ", "d:", "\n", "\n  ", "\n    ", "\n- ", "- ", "[", "]", "{", "}", ", ", "'", "\"", "|\n",
            ">-\n", "? ", " # c", "\n---\n", "...\n", "~", "1", "\t", "\r\n", "\r", "\\", "\\x41", "<<: ", ": ", " ",
            "é", "%", "@", ":",
        ]);
        prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn both_parsers_see_the_same_shape(text in yaml_like()) {
            let Ok(outline) = Outline::of(&text, &"f".into()) else { return Ok(()) };
            let Ok(value) = serde_yaml::from_str::<Value>(&text) else { return Ok(()) };
            prop_assert!(same_shape(outline.root(), &value), "{:?}", value);
        }
    }
}
