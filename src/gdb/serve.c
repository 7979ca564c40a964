// SPDX-License-Identifier: GPL-2.0-or-later
#include "gdb/serve.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "gdb/packet.h"

#define BUFFER_SIZE (PACKET_DATA_MAX + 64)

struct conversation {
	struct server *server;
	int in_fd, out_fd;
	struct text sent; /* the last answer, for one who asks for it again */
	uint8_t buffer[BUFFER_SIZE];
	size_t size;
};

/* 1: go on, 0: the client is gone. */
static int send_bytes(struct conversation *c, const void *data, size_t size,
		      struct err *err)
{
	struct err why = { 0 };
	int r = fd_write_full(c->out_fd, data, size, &why);

	if (r == 0)
		return 1;
	if (why.os_errno == EPIPE || why.os_errno == ECONNRESET)
		return 0;
	if (err)
		*err = why;
	return r;
}

static int send_answer(struct conversation *c, const struct packet *packet,
		       struct err *err)
{
	enum server_next next;
	int r = 1;

	text_done(&c->sent);
	if (!server_is_no_ack(c->server))
		r = send_bytes(c, "+", 1, err);
	if (r <= 0)
		return r;
	next = server_handle(c->server, packet->data, packet->size, &c->sent);
	r = text_check(&c->sent, err);
	if (r == 0)
		r = send_bytes(c, text_get(&c->sent), c->sent.size, err);
	return r <= 0 || next == SERVER_END ? MIN(r, 0) : 1;
}

/* All that the buffer holds. 1: go on, 0: the end. */
static int deal_with_buffer(struct conversation *c, struct err *err)
{
	struct packet packet;
	size_t used = 0;
	int r = 1;

	while (r > 0) {
		packet_parse(c->buffer + used, c->size - used, &packet);
		if (packet.kind == PACKET_NONE)
			break;
		if (packet.kind == PACKET_DATA)
			r = send_answer(c, &packet, err);
		else if (packet.kind == PACKET_BAD && !server_is_no_ack(c->server))
			r = send_bytes(c, "-", 1, err);
		else if (packet.kind == PACKET_NAK)
			r = send_bytes(c, text_get(&c->sent), c->sent.size, err);
		used += packet.used;
	}
	memmove(c->buffer, c->buffer + used, c->size - used);
	c->size -= used;
	return r;
}

static int converse(struct conversation *c, struct err *err)
{
	int r = 1;

	while (r > 0) {
		ssize_t n = read(c->in_fd, c->buffer + c->size, BUFFER_SIZE - c->size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != ECONNRESET)
			return err_os(err, errno, "reading from gdb");
		if (n <= 0)
			return 0;
		c->size += (size_t)n;
		r = deal_with_buffer(c, err);
	}
	return r;
}

int serve(struct server *server, int in_fd, int out_fd, struct err *err)
{
	struct conversation *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_nomem(err);
	c->server = server;
	c->in_fd = in_fd;
	c->out_fd = out_fd;
	r = converse(c, err);
	text_done(&c->sent);
	free(c);
	return r;
}
