//! Safe, small DPDK: EAL, lcores, pools, mbufs, ports, queues, vdevs.
