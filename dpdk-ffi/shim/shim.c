/* See shim.h. Most functions are one call of the inline function of the same name. */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <rte_cycles.h>

uint16_t shim_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t count)
{
	return rte_eth_rx_burst(port, queue, frames, count);
}

uint16_t shim_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t count)
{
	return rte_eth_tx_burst(port, queue, frames, count);
}

int shim_pktmbuf_alloc_bulk(struct rte_mempool *pool, struct rte_mbuf **frames, unsigned int count)
{
	return rte_pktmbuf_alloc_bulk(pool, frames, count);
}

void shim_pktmbuf_free(struct rte_mbuf *frame)
{
	rte_pktmbuf_free(frame);
}

void shim_pktmbuf_free_bulk(struct rte_mbuf **frames, unsigned int count)
{
	rte_pktmbuf_free_bulk(frames, count);
}

uint16_t shim_mbuf_refcnt_read(const struct rte_mbuf *segment)
{
	return rte_mbuf_refcnt_read(segment);
}

uint16_t shim_mbuf_refcnt_update(struct rte_mbuf *segment, int16_t change)
{
	return rte_mbuf_refcnt_update(segment, change);
}

uint16_t shim_pktmbuf_data_room(struct rte_mempool *pool)
{
	return rte_pktmbuf_data_room_size(pool);
}

void shim_mbuf_leave_l4_checksum(struct rte_mbuf *frame, uint16_t l2_octets, uint16_t l3_octets, int is_udp)
{
	frame->l2_len = l2_octets;
	frame->l3_len = l3_octets;
	frame->ol_flags |= is_udp ? RTE_MBUF_F_TX_UDP_CKSUM : RTE_MBUF_F_TX_TCP_CKSUM;
}

int shim_rte_errno(void)
{
	return rte_errno;
}

unsigned int shim_lcore_id(void)
{
	return rte_lcore_id();
}

uint64_t shim_tsc(void)
{
	return rte_rdtsc();
}

int shim_netdev_set_mtu(unsigned int index, int mtu)
{
	struct ifreq request = {.ifr_mtu = mtu};
	int result, descriptor;

	if (if_indextoname(index, request.ifr_name) == NULL)
		return -errno;
	descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (descriptor < 0)
		return -errno;
	result = ioctl(descriptor, SIOCSIFMTU, &request) < 0 ? -errno : 0;
	close(descriptor);
	return result;
}

int shim_netdev_receive_as_sent(unsigned int index, int keep_tags)
{
	struct ethtool_value value = {.cmd = ETHTOOL_SGRO, .data = 0};
	struct ifreq request = {.ifr_data = (char *)&value};
	uint32_t off = ETH_FLAG_LRO | (keep_tags ? ETH_FLAG_RXVLAN : 0);
	int result = 0, descriptor;

	if (if_indextoname(index, request.ifr_name) == NULL)
		return -errno;
	descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (descriptor < 0)
		return -errno;
	if (ioctl(descriptor, SIOCETHTOOL, &request) < 0 && errno != EOPNOTSUPP)
		result = -errno;
	value = (struct ethtool_value){.cmd = ETHTOOL_GFLAGS};
	if (ioctl(descriptor, SIOCETHTOOL, &request) == 0 && (value.data & off) != 0) {
		value = (struct ethtool_value){.cmd = ETHTOOL_SFLAGS, .data = value.data & ~off};
		if (ioctl(descriptor, SIOCETHTOOL, &request) < 0)
			result = -errno;
	}
	close(descriptor);
	return result;
}

static shim_log_sink log_sink;

static ssize_t log_write(void *cookie, const char *text, size_t octets)
{
	(void)cookie;
	/* rte_vlog flushes the stream before it returns, so the level of the message in hand is this thread's own. */
	log_sink((uint32_t)rte_log_cur_msg_loglevel(), text, octets);
	return (ssize_t)octets;
}

int shim_log_to(shim_log_sink sink)
{
	cookie_io_functions_t functions = {.write = log_write};
	FILE *stream = fopencookie(NULL, "w", functions);

	if (stream == NULL)
		return -1;
	log_sink = sink;
	return rte_openlog_stream(stream);
}

void shim_mbuf_layout(struct shim_mbuf_layout *layout)
{
	*layout = (struct shim_mbuf_layout){
		.size = sizeof(struct rte_mbuf),
		.alignment = alignof(struct rte_mbuf),
		.buf_addr = offsetof(struct rte_mbuf, buf_addr),
		.data_off = offsetof(struct rte_mbuf, data_off),
		.refcnt = offsetof(struct rte_mbuf, refcnt),
		.nb_segs = offsetof(struct rte_mbuf, nb_segs),
		.port = offsetof(struct rte_mbuf, port),
		.ol_flags = offsetof(struct rte_mbuf, ol_flags),
		.pkt_len = offsetof(struct rte_mbuf, pkt_len),
		.data_len = offsetof(struct rte_mbuf, data_len),
		.vlan_tci = offsetof(struct rte_mbuf, vlan_tci),
		.buf_len = offsetof(struct rte_mbuf, buf_len),
		.pool = offsetof(struct rte_mbuf, pool),
		.next = offsetof(struct rte_mbuf, next),
	};
}
