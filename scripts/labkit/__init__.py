"""The lab: a switch, instances, one or two gateways and a kernel VTEP in network namespaces, and the checks on them."""
