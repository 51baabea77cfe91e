/* See floor.h. */
#include "floor.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#define IDS 4096
#define PEERS (1 << 16)
#define TAG 4
#define MACS 12
#define AHEAD 4
#define MAC_BITS 0xffffffffffffULL

/* Where fields stand: in a tagged frame, and in an outer header. */
enum { TCI_AT = 14, INNER_FLOW_AT = 30 };
enum { TYPE_AT = 12, IP_AT = 14, LENGTH_AT = 16, FRAGMENT_AT = 20, PROTOCOL_AT = 23, CHECKSUM_AT = 24, SOURCE_AT = 26,
       DESTINATION_AT = 30, PORT_AT = 34, VXLAN_PORT_AT = 36, UDP_LENGTH_AT = 38, FLAGS_AT = 42, VNI_AT = 46 };

static uint16_t network_of_vlan[IDS], network_of_vni[IDS];
static uint32_t vni_of_vlan[IDS];
static uint8_t template[FLOOR_OUTER];
static uint16_t checksum_without_length;
static uint32_t own_address_be;
static struct rte_hash *stations, *peers;

#define READ(type, at) (*(const unaligned_##type *)(at))
#define WRITE(type, at, value) (*(unaligned_##type *)(at) = (value))

static inline uint16_t number16(const uint8_t *at)
{
	return rte_be_to_cpu_16(READ(uint16_t, at));
}

static inline uint64_t station(const uint8_t *mac, uint16_t network)
{
	return (READ(uint64_t, mac) & MAC_BITS) | (uint64_t)network << 48;
}

/* Pops the tag; returns the source port for the outer header, from addresses and ports. */
static inline uint16_t pop(struct rte_mbuf *frame, uint64_t *key, uint16_t *vlan)
{
	uint8_t *octets = rte_pktmbuf_mtod(frame, uint8_t *);
	uint32_t flow = rte_hash_crc_8byte(READ(uint64_t, octets + INNER_FLOW_AT), 0);

	*vlan = number16(octets + TCI_AT) & (IDS - 1);
	*key = station(octets, network_of_vlan[*vlan]);
	flow = rte_hash_crc_8byte(READ(uint64_t, octets + INNER_FLOW_AT + 8), flow);
	memmove(octets + TAG, octets, MACS);
	rte_pktmbuf_adj(frame, TAG);
	return (uint16_t)(flow | 0xc000);
}

static inline void push_header(struct rte_mbuf *frame, uint32_t vni, uint16_t port)
{
	uint8_t *octets = (uint8_t *)rte_pktmbuf_prepend(frame, FLOOR_OUTER);
	uint16_t length = (uint16_t)(rte_pktmbuf_pkt_len(frame) - IP_AT);

	memcpy(octets, template, FLOOR_OUTER);
	WRITE(uint16_t, octets + LENGTH_AT, rte_cpu_to_be_16(length));
	WRITE(uint16_t, octets + CHECKSUM_AT, rte_cpu_to_be_16((uint16_t)(checksum_without_length - length)));
	WRITE(uint16_t, octets + PORT_AT, rte_cpu_to_be_16(port));
	WRITE(uint16_t, octets + UDP_LENGTH_AT, rte_cpu_to_be_16((uint16_t)(length - 20)));
	WRITE(uint32_t, octets + VNI_AT, rte_cpu_to_be_32(vni << 8));
}

static inline unsigned int to_fabric(struct rte_mbuf **frames, uint16_t count, int lookup)
{
	const void *wanted[FLOOR_BURST];
	void *found[FLOOR_BURST];
	uint64_t keys[FLOOR_BURST], hits = 0;
	uint16_t ports[FLOOR_BURST], vlans[FLOOR_BURST];

	for (uint16_t i = 0; i < count; i++) {
		if (i + AHEAD < count)
			rte_prefetch0(rte_pktmbuf_mtod(frames[i + AHEAD], void *));
		ports[i] = pop(frames[i], &keys[i], &vlans[i]);
		wanted[i] = &keys[i];
	}
	if (lookup)
		rte_hash_lookup_bulk_data(stations, wanted, count, &hits, found);
	for (uint16_t i = 0; i < count; i++)
		push_header(frames[i], lookup ? (uint32_t)(uintptr_t)found[i] : vni_of_vlan[vlans[i]], ports[i]);
	return lookup ? count - (unsigned int)__builtin_popcountll(hits) : 0;
}

static inline int is_vxlan_to_us(const uint8_t *octets, uint32_t available)
{
	uint16_t length = number16(octets + LENGTH_AT);

	return number16(octets + TYPE_AT) == 0x0800 && octets[IP_AT] == 0x45 &&
	       (number16(octets + FRAGMENT_AT) & 0x3fff) == 0 && length + 14u <= available &&
	       READ(uint32_t, octets + DESTINATION_AT) == own_address_be &&
	       number16(octets + UDP_LENGTH_AT) + 20u == length && (octets[FLAGS_AT] & 0x08) != 0;
}

static inline unsigned int refused(struct rte_mbuf **frames, uint16_t count)
{
	const void *wanted[FLOOR_BURST];
	void *found[FLOOR_BURST];
	uint64_t hits = 0;
	unsigned int bad = 0;

	for (uint16_t i = 0; i < count; i++) {
		const uint8_t *octets = rte_pktmbuf_mtod(frames[i], const uint8_t *);

		bad += !is_vxlan_to_us(octets, rte_pktmbuf_pkt_len(frames[i]));
		wanted[i] = octets + SOURCE_AT;
	}
	rte_hash_lookup_bulk_data(peers, wanted, count, &hits, found);
	return bad + count - (unsigned int)__builtin_popcountll(hits);
}

static inline void push_tag(struct rte_mbuf *frame, uint16_t vlan)
{
	uint8_t *octets = (uint8_t *)rte_pktmbuf_adj(frame, FLOOR_OUTER - TAG);

	memmove(octets, octets + TAG, MACS);
	WRITE(uint16_t, octets + TYPE_AT, rte_cpu_to_be_16(0x8100));
	WRITE(uint16_t, octets + TCI_AT, rte_cpu_to_be_16(vlan));
}

static inline unsigned int from_fabric(struct rte_mbuf **frames, uint16_t count, int checked)
{
	const void *wanted[FLOOR_BURST];
	void *found[FLOOR_BURST];
	uint64_t keys[FLOOR_BURST], hits = 0;
	unsigned int bad = 0;

	for (uint16_t i = 0; i < count; i++) {
		const uint8_t *octets = rte_pktmbuf_mtod(frames[i], const uint8_t *);
		uint32_t vni = rte_be_to_cpu_32(READ(uint32_t, octets + VNI_AT)) >> 8;

		if (i + AHEAD < count)
			rte_prefetch0(rte_pktmbuf_mtod(frames[i + AHEAD], void *));
		keys[i] = station(octets + FLOOR_OUTER, network_of_vni[vni & (IDS - 1)]);
		wanted[i] = &keys[i];
		bad += octets[PROTOCOL_AT] != 17 || number16(octets + VXLAN_PORT_AT) != 4789;
	}
	if (checked)
		bad += refused(frames, count);
	rte_hash_lookup_bulk_data(stations, wanted, count, &hits, found);
	for (uint16_t i = 0; i < count; i++)
		push_tag(frames[i], (uint16_t)(uintptr_t)found[i]);
	return bad + count - (unsigned int)__builtin_popcountll(hits);
}

unsigned int floor_process(enum floor_work work, struct rte_mbuf **frames, uint16_t count)
{
	switch (work) {
	case FLOOR_NOTHING:
		return 0;
	case FLOOR_PUSH:
		return to_fabric(frames, count, 0);
	case FLOOR_PUSH_LOOKUP:
		return to_fabric(frames, count, 1);
	case FLOOR_POP_LOOKUP:
		return from_fabric(frames, count, 0);
	default:
		return from_fabric(frames, count, 1);
	}
}

static struct rte_hash *table(const char *name, uint32_t entries, uint32_t key_octets)
{
	struct rte_hash_parameters parameters = {
		.name = name, .entries = entries, .key_len = key_octets, .hash_func = rte_hash_crc, .socket_id = SOCKET_ID_ANY};

	return rte_hash_create(&parameters);
}

int floor_start(uint32_t most_stations)
{
	stations = table("floor stations", most_stations, sizeof(uint64_t));
	peers = table("floor peers", PEERS, sizeof(uint32_t));
	return stations != NULL && peers != NULL ? 0 : -1;
}

void floor_stop(void)
{
	rte_hash_free(stations);
	rte_hash_free(peers);
	stations = peers = NULL;
}

void floor_set_vlan(uint16_t vlan, uint16_t network, uint32_t vni)
{
	network_of_vlan[vlan & (IDS - 1)] = network;
	vni_of_vlan[vlan & (IDS - 1)] = vni;
}

void floor_set_vni(uint32_t vni, uint16_t network)
{
	network_of_vni[vni & (IDS - 1)] = network;
}

int floor_add_station(uint64_t mac, uint16_t network, uint32_t vlan_or_vni)
{
	uint64_t key = (mac & MAC_BITS) | (uint64_t)network << 48;

	return rte_hash_add_key_data(stations, &key, (void *)(uintptr_t)vlan_or_vni);
}

int floor_add_peer(uint32_t address)
{
	uint32_t key = rte_cpu_to_be_32(address);

	return rte_hash_add_key_data(peers, &key, NULL);
}

void floor_set_header(const uint8_t header[FLOOR_OUTER], uint32_t own_address)
{
	memcpy(template, header, FLOOR_OUTER);
	checksum_without_length = number16(header + CHECKSUM_AT);
	own_address_be = rte_cpu_to_be_32(own_address);
}
