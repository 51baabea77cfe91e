//! Text to raw: the shape of both files, and the only file that knows `serde_yaml`.
//!
//! A raw object holds scalars as the text that stands in the file, so that every value is judged in one place, with its
//! place, by the step from raw to model. Keys that the schema does not have are kept by name for the same reason.
//! A value of the wrong shape (a list where one value belongs) is the only error left to this step beside syntax.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{DeserializeOwned, Error, SeqAccess, Visitor};
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
        pub(in crate::config) struct $name {
            $(pub(in crate::config) $key: Option<$type>,)*
            /// Keys that are not in the schema.
            pub(in crate::config) unknown: Vec<String>,
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

mod network_file;
mod node_file;

pub(super) use network_file::*;
pub(super) use node_file::*;

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
