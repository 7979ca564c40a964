// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/console_setup.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/fd.h"
#include "base/size.h"

#define PROC_MAX_BYTES	   ((size_t)4 << 20)
#define NETCONSOLE_PORT	   6666
#define NETCONSOLE_SOURCE  6665
#define NETCONSOLE_OPTIONS "/etc/modprobe.d/epitaph-netconsole.conf"
#define NETCONSOLE_RULE	   "/etc/udev/rules.d/90-epitaph-netconsole.rules"
#define NETCONSOLE_LOAD	   "/etc/modules-load.d/epitaph-netconsole.conf"
#define ARP_TRIES	   10

static char *read_below(const struct setup_plan *plan, const char *path)
{
	char full[PATH_MAX];
	char *data = NULL;

	if (snprintf(full, sizeof(full), "%s%s", plan->root, path) < (int)sizeof(full))
		file_read(AT_FDCWD, full, PROC_MAX_BYTES, &data, NULL, NULL);
	return data;
}

/* ---- serial ---- */

/* "0: uart:16550A port:000003F8 irq:4 ...": the first that is there. */
static bool serial_find(const struct setup_plan *plan, char *ret, size_t size)
{
	_cleanup_free char *ports = read_below(plan, "/proc/tty/driver/serial");

	for (char *line = ports; line && *line;) {
		char *end = strchr(line, '\n'), kind[32];
		unsigned int number;

		if (sscanf(line, "%u: uart:%31s", &number, kind) == 2 &&
		    strcmp(kind, "unknown") != 0) {
			snprintf(ret, size, "ttyS%u", number);
			return true;
		}
		line = end ? end + 1 : NULL;
	}
	return false;
}

static bool port_is_sane(const char *port)
{
	for (size_t i = 0; port[i]; i++) {
		if (!isalnum((unsigned char)port[i]) && port[i] != ',')
			return false;
	}
	return strncmp(port, "tty", 3) == 0 || strncmp(port, "hvc", 3) == 0;
}

static int plan_serial(const char *wanted, const char *cmdline,
		       struct parameters *parameters, struct setup_plan *plan,
		       struct err *err)
{
	char port[64], prefix[80];
	size_t size;
	int r;

	snprintf(port, sizeof(port), "%s", wanted);
	if (!port[0] && !serial_find(plan, port, sizeof(port)))
		return err_set(err, ERR_NOTFOUND,
			       "no serial port in '%s/proc/tty/driver/serial' (root sees "
			       "it); name one: --console serial:ttyS0",
			       plan->root);
	if (!port_is_sane(port))
		return err_set(err, ERR_INVALID,
			       "'%s' is no serial port, as ttyS0,115200n8 is", port);
	if (!strchr(port, ',') && strlen(port) < sizeof(port) - 10)
		strcat(port, ",115200n8");
	snprintf(prefix, sizeof(prefix), "console=%.*s", (int)strcspn(port, ","), port);
	r = parameters_remove(parameters, prefix, err);
	if (r == 0)
		r = parameters_add(
			parameters, err,
			"what the kernel says goes out of the serial port too, "
			"at about 11 KB a second",
			"console=%s", port);
	// the last one is /dev/console, and one that is named takes the screen's place
	if (r == 0 && !parameter_find(cmdline, "console=tty0", &size)) {
		r = parameters_remove(parameters, "console=tty0", err);
		if (r == 0)
			r = parameters_add(parameters, err,
					   "and the screen stays the console",
					   "console=tty0");
	}
	setup_plan_note(
		plan, "serial         works with interrupts off too; whoever listens (a "
		      "cable, a BMC's serial over LAN) has to listen before the crash.");
	return r;
}

/* ---- netconsole ---- */

struct route {
	char interface[32];
	struct in_addr next, source;
	char mac[24];
};

/* The most special route to @to; @ret_net and @ret_mask: of the interface's own net. */
static bool route_find(const struct setup_plan *plan, struct in_addr to,
		       struct route *ret, uint32_t *ret_net, uint32_t *ret_mask)
{
	_cleanup_free char *table = read_below(plan, "/proc/net/route");
	uint32_t best = 0;
	bool found = false;

	for (int pass = 0; pass < 2; pass++) {
		for (char *line = table; line && *line;) {
			char *end = strchr(line, '\n'), name[32];
			unsigned int net, gateway, flags, mask;

			if (sscanf(line, "%31s %x %x %x %*d %*d %*d %x", name, &net,
				   &gateway, &flags, &mask) == 5 &&
			    (flags & 1)) {
				uint32_t m = ntohl(mask);

				if (pass == 0 && (to.s_addr & mask) == net &&
				    (!found || m > best)) {
					found = true;
					best = m;
					snprintf(ret->interface, sizeof(ret->interface),
						 "%s", name);
					ret->next.s_addr = gateway ? gateway : to.s_addr;
				} else if (pass == 1 && !gateway && mask &&
					   strcmp(name, ret->interface) == 0) {
					*ret_net = net;
					*ret_mask = mask;
				}
			}
			line = end ? end + 1 : NULL;
		}
	}
	return found;
}

/* "   |-- 192.0.2.7" and, below it, "/32 host LOCAL": our address in that net. */
static bool source_find(const struct setup_plan *plan, uint32_t net, uint32_t mask,
			struct in_addr *ret)
{
	_cleanup_free char *trie = read_below(plan, "/proc/net/fib_trie");
	struct in_addr last = { 0 };

	for (char *line = trie; line && *line;) {
		char *end = strchr(line, '\n'), *at, text[32];

		if (end)
			*end = '\0';
		at = strstr(line, "|-- ");
		if (at && sscanf(at + 4, "%31s", text) == 1) {
			if (inet_pton(AF_INET, text, &last) != 1)
				last.s_addr = 0;
		} else if (strstr(line, "/32 host LOCAL") && last.s_addr &&
			   (last.s_addr & mask) == net) {
			*ret = last;
			return true;
		}
		line = end ? end + 1 : NULL;
	}
	return false;
}

static bool mac_find(const struct setup_plan *plan, struct route *route)
{
	_cleanup_free char *table = read_below(plan, "/proc/net/arp");

	for (char *line = table; line && *line;) {
		char *end = strchr(line, '\n'), address[32], mac[24], device[32];
		struct in_addr found;

		if (sscanf(line, "%31s %*s %*s %23s %*s %31s", address, mac, device) ==
			    3 &&
		    inet_pton(AF_INET, address, &found) == 1 &&
		    found.s_addr == route->next.s_addr &&
		    strcmp(device, route->interface) == 0 &&
		    strcmp(mac, "00:00:00:00:00:00") != 0) {
			snprintf(route->mac, sizeof(route->mac), "%s", mac);
			return true;
		}
		line = end ? end + 1 : NULL;
	}
	return false;
}

/* On this machine: one packet, so that the kernel asks for the MAC. */
static void mac_ask(const struct setup_plan *plan, struct in_addr to, uint16_t port,
		    struct route *route)
{
	static const char hello[] = "epitaph setup: netconsole is being set up\n";
	struct sockaddr_in where = { .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr = to };
	_cleanup_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (int i = 0; fd >= 0 && i < ARP_TRIES && !mac_find(plan, route); i++) {
		struct timespec pause = { .tv_nsec = 100000000 };

		if (i == 0 && sendto(fd, hello, strlen(hello), 0,
				     (struct sockaddr *)&where, sizeof(where)) < 0)
			return;
		nanosleep(&pause, NULL);
	}
}

static int route_look(const struct setup_plan *plan, struct in_addr to, uint16_t port,
		      struct route *ret, struct err *err)
{
	char text[INET_ADDRSTRLEN];
	uint32_t net = 0, mask = 0;

	inet_ntop(AF_INET, &to, text, sizeof(text));
	if (!route_find(plan, to, ret, &net, &mask))
		return err_set(err, ERR_NOTFOUND, "no route to %s in '%s/proc/net/route'",
			       text, plan->root);
	if (strcmp(ret->interface, "lo") == 0)
		return err_set(err, ERR_INVALID, "%s is this machine itself", text);
	if (!mask || !source_find(plan, net, mask, &ret->source))
		return err_set(err, ERR_NOTFOUND, "no address of ours on '%s'",
			       ret->interface);
	if (!plan->root[0] && !mac_find(plan, ret))
		mac_ask(plan, to, port, ret);
	if (!ret->mac[0] && !mac_find(plan, ret))
		return err_set(
			err, ERR_NOTFOUND,
			"the next hop to %s on '%s' does not answer: its MAC is not "
			"in the ARP table",
			text, ret->interface);
	return 0;
}

static int netconsole_files(struct setup_plan *plan, const struct route *route,
			    const char *to, uint16_t port, struct err *err)
{
	static const char head[] =
		"# Written by epitaph setup; epitaph setup --undo takes it away.\n";
	_cleanup_text struct text options = { 0 }, load = { 0 };
	bool has_udev = setup_plan_has(plan, "/etc/udev") ||
			setup_plan_has(plan, "/usr/lib/udev");
	char source[INET_ADDRSTRLEN];
	int r;

	inet_ntop(AF_INET, &route->source, source, sizeof(source));
	text_add(&options, "%soptions netconsole netconsole=%d@%s/%s,%u@%s/%s\n", head,
		 NETCONSOLE_SOURCE, source, route->interface, port, to, route->mac);
	r = setup_plan_write(
		plan, NETCONSOLE_OPTIONS, 0644, text_get(&options), options.size,
		SETUP_ANY, NULL, err,
		"the kernel's words go to %s by UDP: the interface, our address "
		"and the MAC of the next hop, as they are now",
		to);
	if (r < 0)
		return r;
	if (!has_udev)
		text_add(&load, "%snetconsole\n", head);
	else
		text_add(
			&load,
			"%sACTION==\"add|move\", SUBSYSTEM==\"net\", "
			"ENV{INTERFACE}==\"%s\", RUN{builtin}+=\"kmod load netconsole\"\n",
			head, route->interface);
	return setup_plan_write(
		plan, has_udev ? NETCONSOLE_RULE : NETCONSOLE_LOAD, 0644, text_get(&load),
		load.size, SETUP_ANY, NULL, err,
		"loaded when the interface has its name: earlier, netconsole "
		"would not find it");
}

static int plan_netconsole(const char *wanted, struct setup_plan *plan, struct err *err)
{
	char host[64];
	const char *colon = strchr(wanted, ':');
	unsigned int port = NETCONSOLE_PORT;
	struct route route = { 0 };
	struct in_addr to;
	char tail;
	int r;

	snprintf(host, sizeof(host), "%.*s",
		 (int)(colon ? (size_t)(colon - wanted) : strlen(wanted)), wanted);
	if (inet_pton(AF_INET, host, &to) != 1 ||
	    (colon && (sscanf(colon + 1, "%u%c", &port, &tail) != 1 || port == 0 ||
		       port > UINT16_MAX)))
		return err_set(
			err, ERR_INVALID,
			"'%s' is no address of the second computer, as "
			"netconsole:192.0.2.1:6666 has (a dying kernel asks no name "
			"server)",
			wanted);
	r = route_look(plan, to, (uint16_t)port, &route, err);
	if (r == 0)
		r = netconsole_files(plan, &route, host, (uint16_t)port, err);
	if (r < 0)
		return err_in(err, r, "setting up netconsole");
	setup_plan_note(
		plan,
		"netconsole     sends by polling the card: lines are lost without "
		"a word, and nothing comes if the driver can't poll, or hangs with "
		"interrupts off while it holds the card. Listen on %s: nc -u -l %u. "
		"It counts from the next boot on, or now: modprobe netconsole.",
		host, port);
	return 0;
}

int console_plan(const char *wanted, const char *cmdline, struct parameters *parameters,
		 struct setup_plan *plan, struct err *err)
{
	if (strcmp(wanted, "serial") == 0)
		return plan_serial("", cmdline, parameters, plan, err);
	if (strncmp(wanted, "serial:", 7) == 0)
		return plan_serial(wanted + 7, cmdline, parameters, plan, err);
	if (strncmp(wanted, "netconsole:", 11) == 0)
		return plan_netconsole(wanted + 11, plan, err);
	return err_set(err, ERR_INVALID,
		       "'%s' is neither serial[:PORT] nor netconsole:ADDRESS[:PORT]",
		       wanted);
}
