//! The list of the cases.

use crate::packets::Family;
use crate::scene::{self, Scene};
use crate::source::Feed;
use crate::traffic::{Direction, Kind, Load, Size, number_in_frame};
use wire::Encapsulation;

/// A case to be.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// `to-fabric/vxlan/64-vlans`.
    pub(super) name: String,
    /// What the gateway does.
    pub(super) own: Setting,
    /// What is done beside it in turn.
    pub(super) beside: Option<Beside>,
    pub(super) floor: FloorOn,
    pub(super) counted: Counted,
    pub(super) aim: Aim,
}

/// A network, its traffic, and how that comes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Setting {
    pub(super) load: Load,
    /// `None`: a file is replayed.
    pub(super) feed: Option<Feed>,
}

/// Another setting, for comparison. It has a port of its own: of two equal settings one measures up to 2 % more.
#[derive(Clone, Debug)]
pub(super) struct Beside {
    pub(super) setting: Setting,
    /// What a gateway in it is called, if one is measured.
    pub(super) gateway: Option<&'static str>,
}

/// Which frames the floor works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FloorOn {
    /// The case's own; with its parts, where `true`.
    Own(bool),
    /// Those beside: it cannot do what the case is about.
    Beside,
    /// It has no such work.
    None,
}

/// What figures are by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// Frames that arrive.
    Frames,
    /// Copies, of which each frame makes so many.
    Copies(u16),
    /// Frames that arrive, all of which are dropped.
    Drops,
}

/// What is to be reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Aim {
    /// Of the floor's cycles, and what the floor is called.
    Floor(f64, &'static str),
    /// Of the cycles of the gateway beside, and what that is called.
    Beside(f64, &'static str),
    /// Cycles above the ports, and by what.
    AbovePorts(f64, &'static str),
    /// Of the cycles of a peer on the same ports, by its name.
    Peer(f64, &'static str),
    /// Nothing that is measured here.
    None,
}

const VXLAN: Scene = Scene::plain(Encapsulation::Vxlan);
/// Every VLAN has a flow at least.
const ALL_VLANS: (u16, u16) = (1, scene::VLANS);
/// Some VLANs must be unknown.
const KNOWN_VLANS: u16 = 3000;
/// Stations in each of 64 networks: 1,048,576 in all.
const MANY: u32 = 1 << STATION_BITS;
const STATION_BITS: u32 = 14;
/// Buffers in the rings of a network card, by order of magnitude.
const WAITING: usize = 16_384;
/// Octets that something else on the core goes through between two bursts: four times the first cache.
const THRASHED: usize = 128 << 10;
/// Frames of which each takes long.
const FEW: u16 = 512;

/// Of frames of which most of the cost is to copy them.
const TESTPMD: Aim = Aim::Peer(1.15, "testpmd mac");

/// Every case, in the order in which they run.
pub(super) fn all() -> Vec<Plan> {
    let directions = [Direction::ToFabric, Direction::FromFabric];
    let mut plans: Vec<Plan> = directions.into_iter().flat_map(encapsulations).collect();
    for direction in directions {
        plans.extend(tables(direction));
        plans.extend(frames(direction));
        plans.extend(arrivals(direction));
        plans.extend(floods(direction));
        plans.push(unknown(direction));
    }
    plans
}

/// The plain case of VXLAN.
pub(super) fn plain(direction: Direction) -> Setting {
    replayed(Load::plain(direction, VXLAN))
}

/// The full name of a case.
pub(super) fn name(direction: Direction, rest: &str) -> String {
    let way = if direction == Direction::ToFabric { "to-fabric" } else { "from-fabric" };
    format!("{way}/{rest}")
}

fn replayed(load: Load) -> Setting {
    Setting { load, feed: None }
}

/// A case of VXLAN that is the floor's too.
fn case(direction: Direction, what: &str, setting: Setting) -> Plan {
    let name = name(direction, &format!("vxlan/{what}"));
    Plan { name, own: setting, beside: None, floor: FloorOn::Own(false), counted: Counted::Frames, aim: Aim::None }
}

impl Plan {
    /// Compared with the same gateway in another setting.
    fn beside(mut self, limit: f64, of_what: &'static str, setting: Setting) -> Self {
        let gateway = Some(match of_what {
            "one VTEP" => "causeway, one VTEP",
            _ => "causeway, plain",
        });
        self.beside = Some(Beside { setting, gateway });
        self.aim = Aim::Beside(limit, of_what);
        self
    }

    /// The floor does the work of the setting beside.
    fn without_floor_of_its_own(mut self) -> Self {
        self.floor = FloorOn::Beside;
        self
    }

    fn aim(mut self, aim: Aim) -> Self {
        self.aim = aim;
        self
    }
}

/// The plain case by each encapsulation; the floor knows VXLAN only.
fn encapsulations(direction: Direction) -> Vec<Plan> {
    let aim = match direction {
        Direction::ToFabric => Aim::Floor(0.95, "floor mode 2"),
        Direction::FromFabric => Aim::Floor(0.85, "floor mode 4"),
    };
    let vxlan = plain(direction);
    let mpls = |(by, way): (Encapsulation, &str)| Plan {
        name: name(direction, &format!("{way}/64-vlans")),
        own: replayed(Load::plain(direction, Scene::plain(by))),
        beside: Some(Beside { setting: vxlan.clone(), gateway: None }),
        floor: FloorOn::Beside,
        counted: Counted::Frames,
        aim,
    };
    let first = Plan { floor: FloorOn::Own(true), aim, ..case(direction, "64-vlans", vxlan.clone()) };
    let others = [(Encapsulation::MplsOverUdp, "mplsoudp"), (Encapsulation::MplsOverGre, "mplsogre")].map(mpls);
    [first].into_iter().chain(others).collect()
}

/// Larger tables, and networks of another kind.
fn tables(direction: Direction) -> Vec<Plan> {
    let plain = Load::plain(direction, VXLAN);
    let beside = replayed(plain);
    let in_scene = |scene: Scene| Load { scene, ..plain };
    let spread = |peers| in_scene(Scene { remotes: 64, peers, ..VXLAN });
    let many = match direction {
        Direction::ToFabric => Scene { remotes: MANY, ..VXLAN },
        Direction::FromFabric => Scene { locals: MANY, ..VXLAN },
    };
    let rewritten = Some((number_in_frame(direction).0, STATION_BITS));
    let random = Setting { load: in_scene(many), feed: Some(Feed { rewritten, ..Feed::WARM }) };
    let v6 = in_scene(Scene { underlay: Family::V6, ..VXLAN });
    vec![
        case(direction, "4094-vlans", replayed(Load { vlans: ALL_VLANS, ..plain })).beside(
            1.1,
            "64 VLANs",
            beside.clone(),
        ),
        case(direction, "1m-macs", random).aim(Aim::Floor(0.8, "floor with the same keys")),
        case(direction, "1000-vteps", replayed(spread(1000)))
            .beside(1.15, "one VTEP", replayed(spread(1)))
            .without_floor_of_its_own(),
        case(direction, "mac-demux", replayed(in_scene(Scene { members: 4, ..VXLAN }))).beside(
            1.15,
            "the plain case",
            beside.clone(),
        ),
        case(direction, "ipv6-inner", replayed(Load { inner: Family::V6, ..plain })).beside(
            1.15,
            "the plain case",
            beside.clone(),
        ),
        case(direction, "ipv6-underlay", replayed(v6))
            .beside(1.15, "the plain case", beside.clone())
            .without_floor_of_its_own(),
    ]
}

/// Other frames.
fn frames(direction: Direction) -> Vec<Plan> {
    let plain = Load::plain(direction, VXLAN);
    let mixed = Scene { encapsulation: None, vlans: KNOWN_VLANS, vlans_per_network: 2, ..VXLAN };
    let mixed = replayed(Load { scene: mixed, kind: Kind::Mixed, ..plain });
    let large = |size, frames| replayed(Load { size: Size::Octets(size), frames, ..plain });
    vec![
        case(direction, "mixed-burst", mixed).beside(1.4, "the plain case", replayed(plain)).without_floor_of_its_own(),
        case(direction, "imix", replayed(Load { size: Size::Imix, ..plain })).aim(TESTPMD),
        case(direction, "1518", large(1518, plain.frames)).aim(TESTPMD),
        case(direction, "9000", large(9000, FEW)).aim(TESTPMD),
    ]
}

/// Frames that come otherwise than in warm bursts of 32.
fn arrivals(direction: Direction) -> Vec<Plan> {
    let plain = Load::plain(direction, VXLAN);
    let fed = |feed| Setting { load: plain, feed: Some(feed) };
    let aim = Aim::Floor(1.1, "floor");
    let bursts = [("burst-1", 1), ("burst-4", 4), ("burst-8", 8)];
    let short = bursts.map(|(what, burst)| case(direction, what, fed(Feed { burst, ..Feed::WARM })));
    let cold = case(direction, "cold-headers", fed(Feed { waiting: WAITING, ..Feed::WARM }));
    let thrashed = case(direction, "cache-thrash", fed(Feed { thrashed: THRASHED, ..Feed::WARM }));
    short.into_iter().chain([cold, thrashed]).map(|plan| plan.aim(aim)).collect()
}

/// One frame becomes many.
fn floods(direction: Direction) -> Vec<Plan> {
    let flood = |(what, members, octets): (&str, u16, usize)| {
        let scene = match direction {
            Direction::ToFabric => Scene { peers: members, listed: members, ..VXLAN },
            Direction::FromFabric => Scene { vlans_per_network: members, ..VXLAN },
        };
        let (kind, size) = (Kind::Broadcast, Size::Octets(octets));
        let load = Load { scene, kind, size, frames: FEW, ..Load::plain(direction, VXLAN) };
        Plan {
            floor: FloorOn::None,
            counted: Counted::Copies(members),
            aim: Aim::AbovePorts(35.0, "cycles a copy above the ports"),
            ..case(direction, what, replayed(load))
        }
    };
    [("flood-8", 8, 64), ("flood-64", 64, 64), ("flood-64-1518", 64, 1518)].map(flood).into()
}

/// Frames of VLANs, or of VNIs, that nobody has.
fn unknown(direction: Direction) -> Plan {
    let what = if direction == Direction::ToFabric { "unknown-vlan" } else { "unknown-vni" };
    let scene = Scene { vlans: KNOWN_VLANS, ..VXLAN };
    let vlans = (KNOWN_VLANS + 1, scene::BUSY);
    let load = Load { scene, kind: Kind::Unknown, vlans, ..Load::plain(direction, VXLAN) };
    Plan {
        floor: FloorOn::None,
        counted: Counted::Drops,
        aim: Aim::AbovePorts(60.0, "cycles a drop above the ports"),
        ..case(direction, what, replayed(load))
    }
}
