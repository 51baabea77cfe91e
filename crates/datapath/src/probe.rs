//! Looking on while a burst passes the pipeline: to measure it, to follow its frames, to explain what becomes of them.

use crate::Burst;
use crate::io::Frame;

/// The steps of the pipeline, in the order of [`from_access`](crate::pipeline::from_access) and
/// [`from_fabric`](crate::pipeline::from_fabric).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// The frames were received.
    Receive,
    /// Their headers are read, and they are an interface's.
    Classify,
    /// Their outer headers are read, and they are a network's.
    Decap,
    /// Their destinations are found.
    Bridge,
    /// The outer headers are written.
    Encap,
    /// The tags are written.
    Rewrite,
    /// All are sent, dropped, or with the host.
    Transmit,
}

/// Is told of each burst which step it has passed. The unit type does not listen, and costs nothing.
pub trait Probe {
    /// A burst of `frames` has passed this step. What is decided so far is in its [lanes](Burst::lane). At
    /// [`Step::Receive`] they are still those of the burst before; at [`Step::Transmit`] the frames themselves have left.
    fn passed<F: Frame>(&mut self, step: Step, frames: usize, burst: &Burst<F>);
}

impl Probe for () {
    #[inline(always)]
    fn passed<F: Frame>(&mut self, _step: Step, _frames: usize, _burst: &Burst<F>) {}
}
