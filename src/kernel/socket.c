// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/socket.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "kernel/value.h"

#define FAMILY_UNIX    1
#define FAMILY_INET    2
#define FAMILY_INET6   10
#define FAMILY_NETLINK 16
#define FAMILY_PACKET  17

static const char *const family_names[] = {
	[FAMILY_UNIX] = "unix",	    [FAMILY_INET] = "inet",
	[FAMILY_INET6] = "inet6",   [FAMILY_NETLINK] = "netlink",
	[FAMILY_PACKET] = "packet",
};

static const char *const type_names[] = {
	[1] = "stream", [2] = "dgram", [3] = "raw", [4] = "rdm", [5] = "seqpacket",
};

/* TCP_ESTABLISHED and its like, which other protocols use too */
static const char *const state_names[] = {
	[1] = "established", [2] = "syn-sent",	[3] = "syn-recv", [4] = "fin-wait-1",
	[5] = "fin-wait-2",  [6] = "time-wait", [7] = "close",	  [8] = "close-wait",
	[9] = "last-ack",    [10] = "listen",	[11] = "closing", [12] = "new-syn-recv",
};

/* NETLINK_* of include/uapi/linux/netlink.h */
static const char *const netlink_names[] = {
	[0] = "route",	 [2] = "usersock",    [4] = "sock-diag",  [6] = "xfrm",
	[9] = "audit",	 [10] = "fib-lookup", [11] = "connector", [12] = "netfilter",
	[15] = "uevent", [16] = "generic",    [21] = "crypto",
};

static void set_name(char *ret, size_t size, const char *const *names, size_t count,
		     uint64_t value)
{
	if (value < count && names[value])
		snprintf(ret, size, "%s", names[value]);
	else
		snprintf(ret, size, "%" PRIu64, value);
}

#define SET_NAME(ret, names, value) \
	set_name(ret, sizeof(ret), names, ARRAY_SIZE(names), value)

static void set_protocol(struct socket_info *info, uint64_t family, uint64_t protocol)
{
	static const struct {
		uint64_t number;
		const char *name;
	} inet[] = { { 1, "icmp" },    { 6, "tcp" },	{ 17, "udp" },
		     { 58, "icmpv6" }, { 132, "sctp" }, { 136, "udplite" },
		     { 262, "mptcp" } };

	if (family == FAMILY_NETLINK) {
		SET_NAME(info->protocol, netlink_names, protocol);
		return;
	}
	if (protocol)
		snprintf(info->protocol, sizeof(info->protocol), "%" PRIu64, protocol);
	for (size_t i = 0; i < ARRAY_SIZE(inet); i++)
		if ((family == FAMILY_INET || family == FAMILY_INET6) &&
		    inet[i].number == protocol)
			snprintf(info->protocol, sizeof(info->protocol), "%s",
				 inet[i].name);
}

/* "*" for an address or a port that is not set, as netstat has it. */
static void format_inet(int family, const void *address, uint16_t port, char *ret,
			size_t size)
{
	static const uint8_t none[16];
	char text[INET6_ADDRSTRLEN] = "*", number[8] = "*";
	bool is_set = memcmp(address, none, family == AF_INET ? 4 : 16) != 0;

	if (is_set)
		inet_ntop(family, address, text, sizeof(text));
	if (port)
		snprintf(number, sizeof(number), "%u", port);
	snprintf(ret, size, is_set && family == AF_INET6 ? "[%s]:%s" : "%s:%s", text,
		 number);
}

static int read_inet(struct kernel *kernel, bool is_v6, struct socket_info *info,
		     struct err *err)
{
	static const char *const v4[] = { "sock.__sk_common.skc_rcv_saddr",
					  "sock.__sk_common.skc_daddr" };
	static const char *const v6[] = { "sock.__sk_common.skc_v6_rcv_saddr",
					  "sock.__sk_common.skc_v6_daddr" };
	uint8_t address[2][16] = { 0 };
	uint64_t at, local_port = 0, remote_port = 0;
	int r = 0;

	for (int i = 0; r == 0 && i < 2; i++) {
		r = value_vaddr(kernel, info->vaddr, is_v6 ? v6[i] : v4[i], &at, err);
		if (r == 0)
			r = kernel_read(kernel, at, address[i], is_v6 ? 16 : 4, err);
	}
	if (r == 0)
		r = value_read(kernel, info->vaddr, "sock.__sk_common.skc_num",
			       &local_port, err);
	if (r == 0)
		r = value_read(kernel, info->vaddr, "sock.__sk_common.skc_dport",
			       &remote_port, err);
	if (r < 0)
		return r;
	format_inet(is_v6 ? AF_INET6 : AF_INET, address[0], (uint16_t)local_port,
		    info->local, sizeof(info->local));
	format_inet(is_v6 ? AF_INET6 : AF_INET, address[1], // as it is on the wire
		    __builtin_bswap16((uint16_t)remote_port), info->remote,
		    sizeof(info->remote));
	return 0;
}

/* struct unix_address: the length of a struct sockaddr_un, and that. */
static int read_unix(struct kernel *kernel, struct socket_info *info, struct err *err)
{
	const size_t head = offsetof(struct sockaddr_un, sun_path);
	uint64_t addr, length, at;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1] = "";
	int r = value_read(kernel, info->vaddr, "unix_sock.peer", &info->peer_vaddr, err);

	if (r == 0)
		r = value_read(kernel, info->vaddr, "unix_sock.addr", &addr, err);
	if (r < 0 || !addr)
		return r;
	r = value_read(kernel, addr, "unix_address.len", &length, err);
	if (r == 0)
		r = value_vaddr(kernel, addr, "unix_address.name", &at, err);
	if (r < 0 || length <= head)
		return r;
	length = MIN(length - head, (uint64_t)sizeof(path) - 1);
	r = kernel_read(kernel, at + head, path, length, err);
	if (r < 0)
		return r;
	if (!path[0]) // an abstract name, whose bytes may be anything
		for (size_t i = 0; i < length; i++)
			path[i] = path[i] ? path[i] : '@';
	snprintf(info->local, sizeof(info->local), "%s", path);
	return 0;
}

static int read_netlink(struct kernel *kernel, struct socket_info *info, struct err *err)
{
	uint64_t port;
	int r = value_read(kernel, info->vaddr, "netlink_sock.portid", &port, err);

	if (r == 0)
		snprintf(info->local, sizeof(info->local), "port %" PRIu64, port);
	return r;
}

static int read_sock(struct kernel *kernel, struct socket_info *info, struct err *err)
{
	uint64_t family = 0, protocol = 0, state = 0;
	int r = value_read(kernel, info->vaddr, "sock.__sk_common.skc_family", &family,
			   err);

	if (r == 0)
		r = value_read(kernel, info->vaddr, "sock.sk_protocol", &protocol, err);
	if (r == 0)
		r = value_read(kernel, info->vaddr, "sock.__sk_common.skc_state", &state,
			       err);
	if (r < 0)
		return r;
	SET_NAME(info->family, family_names, family);
	set_protocol(info, family, protocol);
	if (state && family != FAMILY_NETLINK && family != FAMILY_PACKET)
		SET_NAME(info->state, state_names, state);
	if (value_read(kernel, info->vaddr, "sock.sk_backlog.rmem_alloc.counter",
		       &info->receive_bytes, NULL) < 0)
		info->receive_bytes = 0;
	if (value_read(kernel, info->vaddr, "sock.sk_wmem_queued", &info->send_bytes,
		       NULL) < 0)
		info->send_bytes = 0;
	if (family == FAMILY_INET || family == FAMILY_INET6)
		return read_inet(kernel, family == FAMILY_INET6, info, err);
	if (family == FAMILY_UNIX)
		return read_unix(kernel, info, err);
	return family == FAMILY_NETLINK ? read_netlink(kernel, info, err) : 0;
}

int socket_read(struct kernel *kernel, uint64_t vaddr, struct socket_info *ret,
		struct err *err)
{
	struct socket_info info = { 0 };
	uint64_t type;
	int r = value_read(kernel, vaddr, "socket.sk", &info.vaddr, err);

	if (r == 0)
		r = value_read(kernel, vaddr, "socket.type", &type, err);
	if (r == 0 && info.vaddr)
		r = read_sock(kernel, &info, err);
	if (r < 0)
		return err_in(err, r, "socket 0x%" PRIx64, vaddr);
	SET_NAME(info.type, type_names, type);
	*ret = info;
	return 0;
}
