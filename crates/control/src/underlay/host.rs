use super::{InterfaceIndex, KernelLink};

/// The host interface of one fabric port.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) name: String,
    /// As the kernel has it, if it exists.
    pub(super) link: Option<KernelLink>,
    /// The listing in which it was last mentioned.
    pub(super) round: u32,
    /// Whether its configured routes may have gone, because it was down.
    routes_lost: bool,
}

impl Host {
    pub(super) fn new(name: String) -> Self {
        Self { name, link: None, round: 0, routes_lost: false }
    }

    pub(super) fn is_up(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.up)
    }

    pub(super) fn index_if_up(&self) -> Option<InterfaceIndex> {
        self.link.as_ref().filter(|link| link.up).map(|link| link.index)
    }

    pub(super) fn told(&mut self, link: KernelLink, round: u32) {
        self.routes_lost |= !link.up;
        (self.link, self.round) = (Some(link), round);
    }

    pub(super) fn gone(&mut self) {
        (self.link, self.routes_lost) = (None, true);
    }

    /// Its number, once, when it is up after its routes were lost.
    pub(super) fn came_back(&mut self) -> Option<InterfaceIndex> {
        let index = self.index_if_up().filter(|_| self.routes_lost)?;
        self.routes_lost = false;
        Some(index)
    }
}
