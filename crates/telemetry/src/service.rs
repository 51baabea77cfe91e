use std::fmt;

/// What a worker answers itself, as a network's gateway or for an instance that it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// ARP requests.
    Arp,
    /// IPv6 neighbour solicitations.
    Nd,
    /// ICMP and ICMPv6 echo requests.
    Echo,
}

impl Service {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Arp, Self::Nd, Self::Echo];
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arp => "arp",
            Self::Nd => "nd",
            Self::Echo => "echo",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
