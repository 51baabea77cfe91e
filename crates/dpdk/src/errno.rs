//! DPDK's error numbers, translated here and nowhere else.

use std::ffi::CStr;
use std::fmt;

const EPERM: i32 = 1;
const ENOENT: i32 = 2;
const ENOMEM: i32 = 12;
const ENOBUFS: i32 = 105;
const EACCES: i32 = 13;
const EEXIST: i32 = 17;
const ENODEV: i32 = 19;
const ENOTSUP: i32 = 95;

/// A DPDK error number: errno's, and DPDK's own above 1000. Shown as DPDK's text with the number behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(i32);

impl Errno {
    /// The number in a DPDK return value, which is negative on failure.
    pub(crate) fn from_return(value: i32) -> Self {
        Self(value.saturating_neg())
    }

    /// The calling thread's `rte_errno`, for the functions that return null or -1.
    pub(crate) fn last() -> Self {
        // SAFETY: reads a thread-local integer; no obligations.
        Self(unsafe { dpdk_sys::shim_rte_errno() })
    }

    /// Turns a DPDK return value into a `Result`: zero and above is success.
    pub(crate) fn check(value: i32) -> Result<(), Self> {
        if value < 0 { Err(Self::from_return(value)) } else { Ok(()) }
    }

    /// The process lacks a right.
    #[must_use]
    pub fn is_permission(self) -> bool {
        matches!(self.0, EPERM | EACCES)
    }

    /// Memory, huge pages or buffers ran out.
    #[must_use]
    pub fn is_out_of_memory(self) -> bool {
        matches!(self.0, ENOMEM | ENOBUFS)
    }

    /// The driver does not implement the operation.
    #[must_use]
    pub fn is_unsupported(self) -> bool {
        self.0 == ENOTSUP
    }

    /// The object is there already.
    #[must_use]
    pub fn is_existing(self) -> bool {
        self.0 == EEXIST
    }

    /// No such device, driver or object.
    #[must_use]
    pub fn is_missing(self) -> bool {
        matches!(self.0, ENOENT | ENODEV)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: any number is allowed; the callee returns a string in a buffer of this thread.
        let text = unsafe { dpdk_sys::rte_strerror(self.0) };
        // SAFETY: `text` is a closed C string, valid until this thread's next call of rte_strerror.
        let text = unsafe { CStr::from_ptr(text) };
        write!(f, "{} (error {})", text.to_string_lossy(), self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_system_text_and_the_number() {
        assert_eq!(Errno::from_return(-ENOMEM).to_string(), "Cannot allocate memory (error 12)");
    }

    #[test]
    fn zero_and_above_is_success() {
        assert_eq!(Errno::check(0), Ok(()));
        assert_eq!(Errno::check(3), Ok(()));
        assert!(Errno::check(-ENOTSUP).is_err_and(Errno::is_unsupported));
    }
}
