//! Linux as the authority for the underlay: routes, neighbours, links, and the host TAP.
