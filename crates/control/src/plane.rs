//! What control asks of the running ports and pools, without knowing what drives them.

/// The ports, pools and clock of the process. Called from several threads; must not disturb workers.
pub trait DataPlane: Send + Sync {
    /// Every port, in the node file's order, with its counters now. The list of its VLANs is control's to fill.
    fn ports(&self) -> Vec<api::Port>;

    /// The buffers of each worker's pool.
    fn pools(&self) -> Vec<api::PoolUse>;

    /// What goes between the fabric and Linux. What the workers count of it is control's to fill.
    fn host(&self) -> api::HostDocument;

    /// Gives the access ports their links, or takes them, so that their peers notice: where the kind of port can. Returns at
    /// once; it may be done a moment later.
    fn want_access_links(&self, up: bool);

    /// The time stamp counter.
    fn cycles(&self) -> u64;

    /// Its ticks a second.
    fn cycles_per_second(&self) -> u64;

    /// What version of DPDK drives it.
    fn dpdk_version(&self) -> String;
}
