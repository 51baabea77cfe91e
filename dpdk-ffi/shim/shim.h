/* What Rust cannot call or read directly: DPDK's static inline functions, and constants built by function-like macros. */
#ifndef DPDK_SHIM_H
#define DPDK_SHIM_H

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_version.h>

static const uint64_t DPDK_RX_OFFLOAD_VLAN_STRIP = RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
static const uint64_t DPDK_RX_OFFLOAD_IPV4_CKSUM = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
static const uint64_t DPDK_RX_OFFLOAD_UDP_CKSUM = RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
static const uint64_t DPDK_RX_OFFLOAD_RSS_HASH = RTE_ETH_RX_OFFLOAD_RSS_HASH;
static const uint64_t DPDK_TX_OFFLOAD_MULTI_SEGS = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
static const uint64_t DPDK_TX_OFFLOAD_L4_CKSUM = RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
static const uint64_t DPDK_RSS_FLOWS = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP;
static const uint32_t DPDK_DEV_INTR_LSC = RTE_ETH_DEV_INTR_LSC;
static const uint32_t DPDK_SPEED_UNKNOWN = RTE_ETH_SPEED_NUM_UNKNOWN;
/* Longest name of a pool, without the closing zero. */
static const uint64_t DPDK_POOL_NAME_OCTETS = RTE_MEMPOOL_NAMESIZE - 1;

uint16_t shim_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t count);
uint16_t shim_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t count);

int shim_pktmbuf_alloc_bulk(struct rte_mempool *pool, struct rte_mbuf **frames, unsigned int count);
void shim_pktmbuf_free(struct rte_mbuf *frame);
void shim_pktmbuf_free_bulk(struct rte_mbuf **frames, unsigned int count);
uint16_t shim_mbuf_refcnt_read(const struct rte_mbuf *segment);
uint16_t shim_mbuf_refcnt_update(struct rte_mbuf *segment, int16_t change);
uint16_t shim_pktmbuf_data_room(struct rte_mempool *pool);
void shim_mbuf_leave_l4_checksum(struct rte_mbuf *frame, uint16_t l2_octets, uint16_t l3_octets, int is_udp);

int shim_rte_errno(void);
unsigned int shim_lcore_id(void);
uint64_t shim_tsc(void);

/* Sets the MTU of a netdev in this thread's network namespace. Returns 0 or a negative errno. */
int shim_netdev_set_mtu(unsigned int index, int mtu);

/* Has a netdev hand on frames as they came: not joined (GRO, LRO), and not without their tag if `keep_tags` is set.
 * Returns 0 or a negative errno; what the netdev cannot do anyway is no error. */
int shim_netdev_receive_as_sent(unsigned int index, int keep_tags);

/* Receives one piece of DPDK's log: its level (RTE_LOG_*) and the text, which need not end with a newline. */
typedef void (*shim_log_sink)(uint32_t level, const char *text, size_t octets);

/* Sends all of DPDK's log to `sink`, on the thread that logs. Returns 0, or -1 with errno set. */
int shim_log_to(shim_log_sink sink);

/* Offsets and sizes of struct rte_mbuf as the C compiler lays it out. */
struct shim_mbuf_layout {
	size_t size, alignment;
	size_t buf_addr, data_off, refcnt, nb_segs, port, ol_flags, pkt_len, data_len, vlan_tci, buf_len, pool, next;
};
void shim_mbuf_layout(struct shim_mbuf_layout *layout);

#endif
