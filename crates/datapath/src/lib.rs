//! What happens to a burst from receive to transmit, with no driver in sight.
