use std::io;

/// Why the kernel's side of the underlay could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The process may not configure the network.
    #[error("cannot {action} {subject}: no right to; run as root or with CAP_NET_ADMIN in this network namespace")]
    NoRight {
        /// What was tried.
        action: &'static str,
        /// On what.
        subject: String,
    },
    /// There is no TUN/TAP driver, or it is not visible in this container.
    #[error(
        "/dev/net/tun does not exist, so no host interface can be made: load the driver (modprobe tun), \
         or give the container the device (--device /dev/net/tun)"
    )]
    TunDeviceMissing,
    /// Not a name that Linux takes for an interface.
    #[error("interface name `{name}`: expected 1 to 15 octets without `/`, `:` or white space, and not `.` or `..`")]
    IllegalName {
        /// The name.
        name: String,
    },
    /// The name belongs to an interface that is not a TAP.
    #[error(
        "host interface {name}: an interface of that name exists and is {kind}, expected a TAP or nothing; \
         choose another host_interface or remove it (ip link delete {name})"
    )]
    NameInUse {
        /// The name.
        name: String,
        /// What it is.
        kind: String,
    },
    /// Another process serves the TAP.
    #[error("host interface {name}: another process holds this TAP; is another causewayd running?")]
    TapBusy {
        /// Its name.
        name: String,
    },
    /// There is no such interface.
    #[error("no interface {name} in this network namespace")]
    NoSuchInterface {
        /// The name that was looked for.
        name: String,
    },
    /// An IPv6 address where there is no IPv6.
    #[error(
        "cannot give {name} the address {address}: IPv6 is switched off there; switch it on (sysctl -w \
         net.ipv6.conf.default.disable_ipv6=0 in this network namespace, for a container --sysctl) and restart"
    )]
    Ipv6Disabled {
        /// The interface.
        name: String,
        /// The address.
        address: std::net::IpAddr,
    },
    /// A group address or zero where one station's address is needed.
    #[error("cannot give {name} the MAC {mac}: expected the address of one station, not a group and not zero")]
    NotAStation {
        /// The interface.
        name: String,
        /// The address.
        mac: wire::MacAddr,
    },
    /// The kernel refused.
    #[error("cannot {action} {subject}: {source}")]
    Refused {
        /// What was tried.
        action: &'static str,
        /// On what.
        subject: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel's answer did not come within the time that any answer takes.
    #[error("cannot {action} {subject}: the kernel did not answer within {waited_s} s")]
    NoAnswer {
        /// What was tried.
        action: &'static str,
        /// On what.
        subject: String,
        /// How long we waited.
        waited_s: u64,
    },
    /// A socket, file descriptor or thread could not be had.
    #[error("cannot {action}: {source}")]
    Resource {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl NetlinkError {
    /// Tells an error of the kernel by what the operator can do about it.
    pub(crate) fn refused(action: &'static str, subject: impl Into<String>, source: io::Error) -> Self {
        let subject = subject.into();
        match source.kind() {
            io::ErrorKind::PermissionDenied => Self::NoRight { action, subject },
            io::ErrorKind::TimedOut => {
                Self::NoAnswer { action, subject, waited_s: crate::socket::ANSWER_TIME.as_secs() }
            }
            _ => Self::Refused { action, subject, source },
        }
    }

    pub(crate) fn resource(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Resource { action, source }
    }
}
