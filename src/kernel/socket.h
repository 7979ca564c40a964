/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One socket of a dead kernel: its kind, its addresses, its state.
 * Source: Linux include/net/{sock,af_unix}.h, net/netlink/af_netlink.h,
 * include/net/tcp_states.h; members by BTF.
 */
#ifndef KERNEL_SOCKET_H
#define KERNEL_SOCKET_H

#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

struct socket_info {
	uint64_t vaddr;	   /* of its struct sock; 0: it has none */
	char family[24];   /* "inet", "inet6", "unix", "netlink", "packet", "37" */
	char type[24];	   /* "stream", "dgram", "raw", "seqpacket" */
	char protocol[24]; /* "tcp", "udp", "icmp", "route", a number, "" none */
	char state[24];	   /* "established", "listen", ...; "" it has none */
	char local[160];   /* "127.0.0.1:80", "[::1]:80", "/run/x", "@x"; "" none */
	char remote[160];
	uint64_t peer_vaddr; /* struct sock of the other end of a unix socket; 0 none */
	uint64_t receive_bytes, send_bytes; /* queued */
};

/* @vaddr: a struct socket. */
int socket_read(struct kernel *kernel, uint64_t vaddr, struct socket_info *ret,
		struct err *err);

#endif
