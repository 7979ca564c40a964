/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network interfaces and their addresses, of all network namespaces.
 * Source: Linux include/linux/{netdevice,inetdevice}.h, include/net/if_inet6.h; members
 * by BTF.
 */
#ifndef KERNEL_NETDEV_H
#define KERNEL_NETDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

#define NETDEV_COUNT_MAX     65536
#define NETDEV_NAMESPACE_MAX 65536
#define NETDEV_ADDRESS_MAX   64 /* of one interface */

struct netdev_address {
	char text[64]; /* "192.0.2.1/24", "fe80::1/64" */
};

struct netdev {
	uint64_t vaddr;	    /* of its struct net_device */
	uint64_t net_vaddr; /* of its struct net */
	bool is_init_net;   /* its namespace is the first one */
	char name[32];
	int32_t ifindex;
	uint32_t flags; /* IFF_* */
	uint32_t mtu;
	char state[16];	   /* "up", "down", "unknown", ... as ip(8) prints it */
	char hardware[64]; /* "52:54:00:12:34:56"; "" none */
	struct netdev_address *addresses;
	size_t address_count;
	char addresses_why[160]; /* why they are not, or not all, known; "" they are */
};

struct netdev_list {
	struct netdev *devices;
	size_t count;
	char cut_why[256];
};

int netdev_list_read(struct kernel *kernel, struct netdev_list *ret, struct err *err);
void netdev_list_done(struct netdev_list *list);

#define NETDEV_UP 0x1 /* IFF_UP */

#define _cleanup_netdev_list _cleanup_(netdev_list_done)

#endif
