//! The list of the cases.

use crate::traffic::Direction;
use wire::Encapsulation;

/// A case to be.
pub(crate) struct Plan {
    /// `to-fabric/vxlan/64-vlans`.
    pub(crate) name: String,
    pub(crate) direction: Direction,
    pub(crate) by: Encapsulation,
}

/// The order of measurement: VXLAN first, which is what the floor does.
const ENCAPSULATIONS: [(Encapsulation, &str); 3] = [
    (Encapsulation::Vxlan, "vxlan"),
    (Encapsulation::MplsOverUdp, "mplsoudp"),
    (Encapsulation::MplsOverGre, "mplsogre"),
];

/// Every case, in the order in which they run.
pub(crate) fn all() -> Vec<Plan> {
    let directions = [(Direction::ToFabric, "to-fabric"), (Direction::FromFabric, "from-fabric")];
    let plain = |(direction, way): (Direction, &str)| {
        ENCAPSULATIONS.map(|(by, name)| Plan { name: format!("{way}/{name}/64-vlans"), direction, by })
    };
    directions.into_iter().flat_map(plain).collect()
}
