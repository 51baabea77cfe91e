//! Our drop reasons in the words of the original's `dropstats`.

use api::Dropstats;
use telemetry::DropReason;

/// The counter of vRouter's that comes nearest. Total: a new reason does not compile without its counter.
///
/// vRouter has no counter of its own for an unknown VLAN or source MAC: there it is "IF Drop", as here. Where vRouter
/// has no such check at all, the counter is the one whose meaning an operator would look under.
pub(super) fn counter(reason: DropReason) -> Dropstats {
    match reason {
        DropReason::Runt
        | DropReason::CutTag
        | DropReason::GroupSource
        | DropReason::OuterRunt
        | DropReason::OuterTruncated
        | DropReason::OuterIpOptions
        | DropReason::OuterIpv6Extension
        | DropReason::GreFlags
        | DropReason::ControlWord
        | DropReason::UdpLength
        | DropReason::InnerRunt
        | DropReason::InnerGroupSource => Dropstats::InvalidPackets,
        DropReason::NotContiguous => Dropstats::PullFails,
        DropReason::UnknownVlan
        | DropReason::UnknownTpid
        | DropReason::SameSegment
        | DropReason::UnknownSourceMac
        | DropReason::OuterMacNotOurs
        | DropReason::FabricVlan => Dropstats::IfDrop,
        DropReason::OuterFragment => Dropstats::FragmentErrors,
        DropReason::OuterChecksum
        | DropReason::UdpChecksum
        | DropReason::UdpChecksumMissing
        | DropReason::GreChecksum => Dropstats::ChecksumErrors,
        DropReason::LabelTtl => Dropstats::TtlExceeded,
        DropReason::UnknownLabel
        | DropReason::ReservedLabel
        | DropReason::LabelStack
        | DropReason::LabelDestination => Dropstats::InvalidLabel,
        DropReason::VxlanFlags | DropReason::UnknownVni => Dropstats::InvalidVnid,
        DropReason::OuterSourceInvalid | DropReason::OuterSourceUnknown | DropReason::FabricToFabric => {
            Dropstats::InvalidSource
        }
        DropReason::OuterSourceOwn | DropReason::OwnSource => Dropstats::PacketLoop,
        DropReason::FloodSourceNotMember => Dropstats::InvalidMcastSource,
        DropReason::UnknownUnicast => Dropstats::NoL2Route,
        DropReason::NoNexthop | DropReason::NexthopUnresolved => Dropstats::InvalidNh,
        DropReason::TooBigForFabric
        | DropReason::TooBigForPort
        | DropReason::InnerTagAmbiguous
        | DropReason::PuntQueueFull
        | DropReason::PuntPoliced
        | DropReason::PuntTooLong
        | DropReason::TxQueueFull => Dropstats::IfTxDiscard,
        DropReason::NoHeadroom => Dropstats::RewriteFail,
        DropReason::NoTailroom => Dropstats::PushFails,
        DropReason::NoOtherMember => Dropstats::Discards,
        DropReason::FloodBudget => Dropstats::McastCloneFail,
        DropReason::NoMbuf => Dropstats::MemoryFailures,
        DropReason::NoSuchPort => Dropstats::InvalidIf,
    }
}
