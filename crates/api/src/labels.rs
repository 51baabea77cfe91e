use serde::{Deserialize, Serialize};

/// `GET /v1/labels`, narrowed down by [`LabelsQuery`](crate::LabelsQuery): the MPLS labels that this node answers to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelsDocument {
    /// By label.
    pub labels: Vec<Label>,
    /// How many fit the query, listed or not.
    #[serde(default)]
    pub total: u64,
}

/// One label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The label, 16 to 1048575.
    pub label: u32,
    /// Where a packet that bears it goes.
    pub leads_to: LabelTarget,
    /// The virtual network that it is taken into.
    pub network: String,
    /// Who chose the label.
    pub origin: LabelOrigin,
}

/// Where a label leads: `{"network": "blue"}` or `{"vif": "blue-server"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelTarget {
    /// Into this virtual network, to whatever MAC address the frame is for; flooding too.
    Network(String),
    /// To this VMI alone.
    Vif(String),
}

/// Who chose a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelOrigin {
    /// `mpls_label` in the network file.
    Config,
    /// This node; another may have chosen another.
    Allocated,
}
