// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/netdev.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kernel/ring.h"
#include "kernel/value.h"

#define HARDWARE_MAX                                                       \
	20 /* bytes of a hardware address that are told; infiniband has 20 \
	    */

static int address_add(struct netdev *device, int family, const void *bytes,
		       uint64_t prefix, struct err *err)
{
	size_t n = device->address_count;
	char text[INET6_ADDRSTRLEN];

	if (n == NETDEV_ADDRESS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d addresses",
			       NETDEV_ADDRESS_MAX);
	if (!device->addresses)
		device->addresses =
			calloc(NETDEV_ADDRESS_MAX, sizeof(*device->addresses));
	if (!device->addresses)
		return err_nomem(err);
	inet_ntop(family, bytes, text, sizeof(text));
	snprintf(device->addresses[n].text, sizeof(device->addresses[n].text),
		 "%s/%" PRIu64, text, prefix);
	device->address_count++;
	return 0;
}

/* in_device.ifa_list is a chain of struct in_ifaddr. */
static int read_inet(struct kernel *kernel, struct netdev *device, struct err *err)
{
	uint64_t in_device, ifa, at, prefix;
	uint8_t bytes[4];
	int r = value_read(kernel, device->vaddr, "net_device.ip_ptr", &in_device, err);

	if (r < 0 || !in_device)
		return r;
	r = value_read(kernel, in_device, "in_device.ifa_list", &ifa, err);
	while (r == 0 && ifa) {
		r = value_vaddr(kernel, ifa, "in_ifaddr.ifa_local", &at, err);
		if (r == 0)
			r = kernel_read(kernel, at, bytes, sizeof(bytes), err);
		if (r == 0)
			r = value_read(kernel, ifa, "in_ifaddr.ifa_prefixlen", &prefix,
				       err);
		if (r == 0)
			r = address_add(device, AF_INET, bytes, prefix, err);
		if (r == 0)
			r = value_read(kernel, ifa, "in_ifaddr.ifa_next", &ifa, err);
	}
	return r;
}

static int read_inet6(struct kernel *kernel, struct netdev *device, struct err *err)
{
	uint64_t inet6_dev, head, node, at, offset, prefix;
	uint8_t bytes[16];
	struct ring ring;
	int r = value_read(kernel, device->vaddr, "net_device.ip6_ptr", &inet6_dev, err);

	if (r == ERR_NOTFOUND || (r == 0 && !inet6_dev))
		return 0;
	if (r == 0)
		r = value_vaddr(kernel, inet6_dev, "inet6_dev.addr_list", &head, err);
	if (r == 0)
		r = kernel_offset(kernel, "inet6_ifaddr.if_list", &offset, err);
	if (r < 0)
		return r;
	ring = ring_init(kernel, head, NETDEV_ADDRESS_MAX);
	while ((r = ring_next(&ring, &node, err)) > 0) {
		r = value_vaddr(kernel, node - offset, "inet6_ifaddr.addr", &at, err);
		if (r == 0)
			r = kernel_read(kernel, at, bytes, sizeof(bytes), err);
		if (r == 0)
			r = value_read(kernel, node - offset, "inet6_ifaddr.prefix_len",
				       &prefix, err);
		if (r == 0)
			r = address_add(device, AF_INET6, bytes, prefix, err);
		if (r < 0)
			break;
	}
	return r;
}

/* IF_OPER_* of include/uapi/linux/if.h */
static const char *state_name(uint64_t state)
{
	static const char *const names[] = { "unknown", "notpresent", "down", "lowerdown",
					     "testing", "dormant",    "up" };

	return state < ARRAY_SIZE(names) ? names[state] : "?";
}

static void read_hardware(struct kernel *kernel, struct netdev *device)
{
	uint64_t at, size;
	uint8_t bytes[HARDWARE_MAX];
	size_t used = 0;

	if (value_read(kernel, device->vaddr, "net_device.addr_len", &size, NULL) < 0 ||
	    value_read(kernel, device->vaddr, "net_device.dev_addr", &at, NULL) < 0 ||
	    size > sizeof(bytes) || kernel_read(kernel, at, bytes, size, NULL) < 0)
		return;
	for (size_t i = 0; i < size; i++)
		used += (size_t)snprintf(device->hardware + used,
					 sizeof(device->hardware) - used, "%s%02x",
					 i ? ":" : "", bytes[i]);
}

static int device_read(struct kernel *kernel, uint64_t vaddr, struct netdev *ret,
		       struct err *err)
{
	struct netdev device = { .vaddr = vaddr };
	uint64_t at, ifindex, flags, mtu, state;
	struct err why = { 0 };
	int r = value_vaddr(kernel, vaddr, "net_device.name", &at, err);

	if (r == 0)
		r = kernel_read_string(kernel, at, device.name, 17, err); // IFNAMSIZ
	if (r == 0)
		r = value_read(kernel, vaddr, "net_device.ifindex", &ifindex, err);
	if (r == 0)
		r = value_read(kernel, vaddr, "net_device.flags", &flags, err);
	if (r == 0)
		r = value_read(kernel, vaddr, "net_device.mtu", &mtu, err);
	if (r == 0)
		r = value_read(kernel, vaddr, "net_device.operstate", &state, err);
	if (r < 0)
		return r;
	device.ifindex = (int32_t)ifindex;
	device.flags = (uint32_t)flags;
	device.mtu = (uint32_t)mtu;
	snprintf(device.state, sizeof(device.state), "%s", state_name(state));
	read_hardware(kernel, &device);
	if (read_inet(kernel, &device, &why) < 0 || read_inet6(kernel, &device, &why) < 0)
		snprintf(device.addresses_why, sizeof(device.addresses_why), "%.159s",
			 err_text(&why));
	*ret = device;
	return 0;
}

static int namespace_walk(struct kernel *kernel, uint64_t net, bool is_init,
			  struct netdev_list *list, struct err *err)
{
	uint64_t head, node, offset;
	struct ring ring;
	int r = value_vaddr(kernel, net, "net.dev_base_head", &head, err);

	if (r == 0)
		r = kernel_offset(kernel, "net_device.dev_list", &offset, err);
	if (r < 0)
		return r;
	ring = ring_init(kernel, head, NETDEV_COUNT_MAX);
	while ((r = ring_next(&ring, &node, err)) > 0) {
		size_t n = list->count;

		if (n == NETDEV_COUNT_MAX)
			return err_set(err, ERR_LIMIT, "more than %d interfaces",
				       NETDEV_COUNT_MAX);
		if (n % 16 == 0) {
			struct netdev *devices =
				realloc(list->devices, (n + 16) * sizeof(*devices));

			if (!devices)
				return err_nomem(err);
			list->devices = devices;
		}
		r = device_read(kernel, node - offset, &list->devices[n], err);
		if (r < 0)
			break;
		list->devices[n].net_vaddr = net;
		list->devices[n].is_init_net = is_init;
		list->count++;
	}
	return r;
}

static int namespaces_walk(struct kernel *kernel, struct netdev_list *list,
			   struct err *err)
{
	uint64_t head, node, offset, init_net;
	struct ring ring;
	int r = kernel_symbol(kernel, "net_namespace_list", &head, err);

	if (r == 0)
		r = kernel_offset(kernel, "net.list", &offset, err);
	if (r == 0)
		r = kernel_symbol(kernel, "init_net", &init_net, err);
	if (r < 0)
		return r;
	ring = ring_init(kernel, head, NETDEV_NAMESPACE_MAX);
	while ((r = ring_next(&ring, &node, err)) > 0) {
		r = namespace_walk(kernel, node - offset, node - offset == init_net, list,
				   err);
		if (r < 0)
			break;
	}
	return r;
}

int netdev_list_read(struct kernel *kernel, struct netdev_list *ret, struct err *err)
{
	struct netdev_list list = { 0 };
	struct err why = { 0 };
	int r = namespaces_walk(kernel, &list, &why);

	if (r < 0 && (!list.count || r == ERR_NOMEM)) {
		netdev_list_done(&list);
		return err_set(err, r, "looking for network interfaces: %.400s",
			       err_text(&why));
	}
	snprintf(list.cut_why, sizeof(list.cut_why), "%.255s",
		 r < 0 ? err_text(&why) : "");
	*ret = list;
	return 0;
}

void netdev_list_done(struct netdev_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->devices[i].addresses);
	free(list->devices);
	*list = (struct netdev_list){ 0 };
}
