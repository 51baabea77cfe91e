/* The floor: the least that any gateway between VLANs and VXLAN must do to a packet.
 *
 * No counters, no policy, no flooding, no errors, no configuration, one remote VTEP. What it costs is no product's price
 * but a price below which a product has saved somewhere. The pipeline is judged by its ratio to it, both running in
 * turn in one process. The steps:
 *
 *   to the fabric     VLAN id > network by a direct table, (network, MAC) > VNI by one rte_hash lookup for the burst, tag
 *                     popped, a 50 octet header copied from a template, lengths, checksum, source port and VNI patched
 *   from the fabric   outer header validated and its source looked up in an rte_hash, VNI > network by a direct table,
 *                     (network, MAC) > VLAN by one rte_hash lookup for the burst, 50 octets cut off, tag pushed
 *
 * Every frame must be in one segment of at least FLOOR_SHORTEST octets, with FLOOR_OUTER octets of headroom.
 */
#ifndef FLOOR_H
#define FLOOR_H

#include <stdint.h>

#define FLOOR_BURST 32
#define FLOOR_OUTER 50
#define FLOOR_SHORTEST 64

struct rte_mbuf;

/* How much of the work is done: each step of a direction adds to the one before. */
enum floor_work {
	FLOOR_NOTHING = 0,     /* receive and transmit: what the ports themselves cost */
	FLOOR_PUSH = 1,        /* to the fabric, without a MAC lookup */
	FLOOR_PUSH_LOOKUP = 2, /* to the fabric, complete */
	FLOOR_POP_LOOKUP = 3,  /* from the fabric, outer header believed */
	FLOOR_POP_CHECKED = 4, /* from the fabric, complete */
};

/* Makes the empty tables, one for `most_stations`. EAL must run. Returns 0, or -1 without memory. Call it once. */
int floor_start(uint32_t most_stations);
/* Frees the tables. */
void floor_stop(void);

/* Tables of at most 4,096 VLANs, 4,096 consecutive VNIs, and 65,536 peers. */
void floor_set_vlan(uint16_t vlan, uint16_t network, uint32_t vni);
void floor_set_vni(uint32_t vni, uint16_t network);
/* `mac` is the address's 48 bits as they stand in a frame, read as a little-endian number. */
int floor_add_station(uint64_t mac, uint16_t network, uint32_t vlan_or_vni);
int floor_add_peer(uint32_t address);
void floor_set_header(const uint8_t header[FLOOR_OUTER], uint32_t own_address);

/* Does the work on `count` frames, at most FLOOR_BURST. Returns how many lookups and checks failed. */
unsigned int floor_process(enum floor_work work, struct rte_mbuf **frames, uint16_t count);

#endif
