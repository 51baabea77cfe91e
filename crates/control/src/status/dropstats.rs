//! Our drop reasons in the words of the original's `dropstats`.

use api::Dropstats;
use telemetry::DropReason as Reason;

/// The counter of vRouter's that comes nearest. Total: a new reason does not compile without its counter.
///
/// vRouter has no counter of its own for an unknown VLAN or source MAC: there it is "IF Drop", as here. Where vRouter
/// has no such check at all, the counter is the one whose meaning an operator would look under.
pub(super) fn counter(reason: Reason) -> Dropstats {
    match reason {
        Reason::Runt
        | Reason::CutTag
        | Reason::GroupSource
        | Reason::OuterRunt
        | Reason::OuterTruncated
        | Reason::OuterIpOptions
        | Reason::OuterIpv6Extension
        | Reason::GreFlags
        | Reason::ControlWord
        | Reason::UdpLength
        | Reason::InnerRunt
        | Reason::InnerGroupSource => Dropstats::InvalidPackets,
        Reason::NotContiguous => Dropstats::PullFails,
        Reason::UnknownVlan
        | Reason::NotControlFrame
        | Reason::LinkControl
        | Reason::UplinkDown
        | Reason::UnknownTpid
        | Reason::SameSegment
        | Reason::UnknownSourceMac
        | Reason::OuterMacNotOurs
        | Reason::FabricVlan => Dropstats::IfDrop,
        Reason::OuterFragment => Dropstats::FragmentErrors,
        Reason::OuterChecksum | Reason::UdpChecksum | Reason::UdpChecksumMissing | Reason::GreChecksum => {
            Dropstats::ChecksumErrors
        }
        Reason::LabelTtl => Dropstats::TtlExceeded,
        Reason::UnknownLabel | Reason::ReservedLabel | Reason::LabelStack | Reason::LabelDestination => {
            Dropstats::InvalidLabel
        }
        Reason::VxlanFlags | Reason::UnknownVni => Dropstats::InvalidVnid,
        Reason::OuterSourceInvalid | Reason::OuterSourceUnknown | Reason::FabricToFabric => Dropstats::InvalidSource,
        Reason::OuterSourceOwn | Reason::OwnSource | Reason::MacMove => Dropstats::PacketLoop,
        Reason::FloodSourceNotMember => Dropstats::InvalidMcastSource,
        Reason::UnknownUnicast | Reason::NotRouted => Dropstats::NoL2Route,
        Reason::NoNexthop | Reason::NexthopUnresolved => Dropstats::InvalidNh,
        Reason::TooBigForFabric
        | Reason::TooBigForPort
        | Reason::InnerTagAmbiguous
        | Reason::PuntQueueFull
        | Reason::PuntPoliced
        | Reason::PuntTooLong
        | Reason::TxQueueFull => Dropstats::IfTxDiscard,
        Reason::NoHeadroom => Dropstats::RewriteFail,
        Reason::NoTailroom => Dropstats::PushFails,
        Reason::MalformedArp | Reason::MalformedNd | Reason::GatewayFromFabric => Dropstats::InvalidArp,
        Reason::NoOtherMember
        | Reason::MacLimit
        | Reason::ServicePoliced
        | Reason::ControlPoliced
        | Reason::StormBroadcast
        | Reason::StormMulticast
        | Reason::StormUnknownUnicast => Dropstats::Discards,
        Reason::FloodBudget => Dropstats::McastCloneFail,
        Reason::NoMbuf => Dropstats::MemoryFailures,
        Reason::NoSuchPort | Reason::NoSuchVif => Dropstats::InvalidIf,
    }
}
