//! Names as newtypes: legal characters and length are checked once, here.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("expected at least one character")]
    Empty,
    /// More octets than the limit, which is given.
    #[error("expected at most {0} characters")]
    TooLong(usize),
    /// A character outside the legal set, which is given.
    #[error("character {found:?} is not allowed: expected {expected}")]
    Character {
        /// The first offending character.
        found: char,
        /// The legal set in words.
        expected: &'static str,
    },
    /// The first character is not a letter, a digit or `_`.
    #[error("expected a letter, a digit or _ as the first character")]
    First,
}

/// Checks a name: 1 to `max` characters, the first a letter, digit or `_`, the rest also from `marks`.
fn check(text: &str, max: usize, marks: &str, expected: &'static str) -> Result<(), NameError> {
    let first = text.chars().next().ok_or(NameError::Empty)?;
    if let Some(found) = text.chars().find(|c| !c.is_ascii_alphanumeric() && !marks.contains(*c)) {
        return Err(NameError::Character { found, expected });
    }
    if text.len() > max {
        return Err(NameError::TooLong(max));
    }
    if !first.is_ascii_alphanumeric() && first != '_' {
        return Err(NameError::First);
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $max:literal, $marks:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// The most characters a name of this kind may have.
            pub const MAX: usize = $max;

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                check(text, Self::MAX, $marks, $expected)?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// The name of a node, and of the physical router that stands for it: 1 to 253 of letters, digits, `.`, `_`, `-`
    /// (the longest host name of RFC 1123).
    NodeName, 253, "._-", "letters, digits, . _ -"
}
name! {
    /// The name of a data path port: 1 to 63 of letters, digits, `.`, `_`, `-`, `/`, so that names of switch ports such
    /// as `xe-0/0/1` fit.
    PortName, 63, "._-/", "letters, digits, . _ - /"
}
name! {
    /// The name of any other object: 1 to 255 of letters, digits, `.`, `_`, `-`, `/`, `:`, `@`, `+`.
    ObjectName, 255, "._-/:@+", "letters, digits, . _ - / : @ +"
}
name! {
    /// The name of a Linux network interface: 1 to 15 of letters, digits, `.`, `_`, `-` (IFNAMSIZ less the closing NUL).
    InterfaceName, 15, "._-", "letters, digits, . _ -"
}
name! {
    /// The name of a user group: 1 to 32 of letters, digits, `.`, `_`, `-` (`useradd`'s limit).
    GroupName, 32, "._-", "letters, digits, . _ -"
}
name! {
    /// The prefix of the files that one DPDK process makes below its run directory: 1 to 63 of letters, digits, `.`, `_`, `-`.
    FilePrefix, 63, "._-", "letters, digits, . _ -"
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn legal_names_round_trip(text in "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,14}") {
            prop_assert_eq!(text.parse::<InterfaceName>().map(|n| n.to_string()), Ok(text.clone()));
            prop_assert!(text.parse::<NodeName>().is_ok() && text.parse::<ObjectName>().is_ok());
        }

        #[test]
        fn what_parses_keeps_to_the_rule(text in any::<String>()) {
            if let Ok(name) = text.parse::<PortName>() {
                prop_assert!((1..=PortName::MAX).contains(&name.as_str().len()) && !text.contains(char::is_whitespace));
            }
        }
    }

    #[test]
    fn each_rule_has_its_error() {
        assert_eq!("".parse::<NodeName>(), Err(NameError::Empty));
        assert_eq!("cw-interface-long".parse::<InterfaceName>(), Err(NameError::TooLong(15)));
        assert_eq!("-x".parse::<PortName>(), Err(NameError::First));
        assert!(matches!("a b".parse::<PortName>(), Err(NameError::Character { found: ' ', .. })));
        assert!(matches!("gw:1".parse::<NodeName>(), Err(NameError::Character { found: ':', .. })));
    }
}
