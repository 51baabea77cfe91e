//! The primitives that loom must see: its own under `cfg(loom)`, else the standard library's and parking_lot's.

#[cfg(not(loom))]
pub(crate) use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

#[cfg(loom)]
pub(crate) use loom::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

#[cfg(not(loom))]
use parking_lot::Mutex as Inner;

#[cfg(loom)]
use loom::sync::Mutex as Inner;

/// A lock with the two uses that publication has: replace under the lock, and copy out if it is free.
pub(crate) struct Mutex<T>(Inner<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Inner::new(value))
    }

    /// Returns the old value, so that it is dropped outside the lock. Tries until the lock is free, and never sleeps for it:
    /// then no reader ever has to wake a sleeper, which takes a system call, and the first time memory.
    pub(crate) fn replace(&self, value: T) -> T {
        #[cfg(not(loom))]
        let mut guard = loop {
            match self.0.try_lock() {
                Some(guard) => break guard,
                None => std::thread::yield_now(),
            }
        };
        #[cfg(loom)]
        let mut guard = self.0.lock().expect("no holder of this lock can panic: it only moves a value");
        std::mem::replace(&mut *guard, value)
    }

    /// A clone of the value, or nothing if the lock is held.
    pub(crate) fn try_read(&self) -> Option<T>
    where
        T: Clone,
    {
        #[cfg(not(loom))]
        let guard = self.0.try_lock();
        #[cfg(loom)]
        let guard = self.0.try_lock().ok();
        guard.map(|g| g.clone())
    }
}
