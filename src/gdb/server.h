/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gdb's questions and our answers: a dead kernel as a target of gdb's remote protocol.
 * One packet in, one answer out; no file is read or written here but the dump, so that a
 * test (and a fuzzer) needs no gdb. Source: gdb's manual, "Remote Protocol".
 *
 * The dead do not run: what would change memory or registers, or go on, is refused.
 */
#ifndef GDB_SERVER_H
#define GDB_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "kernel/kernel.h"

struct server;

/* "monitor COMMAND": its output into @ret; false: there is no such command. */
struct server_monitor {
	bool (*run)(void *context, const char *command, struct text *ret);
	void *context;
};

/* Borrows @kernel. @monitor may be NULL. ERR_UNSUPPORTED: another architecture. */
int server_new(struct kernel *kernel, const struct server_monitor *monitor,
	       struct server **ret, struct err *err);
void server_free(struct server *server);
static inline void server_freep(struct server **server)
{
	server_free(*server);
}

/* Why there are fewer threads than tasks, or threads without registers; NULL: no. */
const char *server_cut_why(const struct server *server);

enum server_next {
	SERVER_GO_ON, /* send the answer, and read on */
	SERVER_END,   /* send it, and close */
};

/*
 * One packet's data (packet.h), still escaped. The answer's packets are appended to
 * @out, framed: output of "monitor", then the answer.
 */
enum server_next server_handle(struct server *server, const uint8_t *data, size_t size,
			       struct text *out);

/* QStartNoAckMode was agreed upon: neither side says '+' any more. */
bool server_is_no_ack(const struct server *server);

#endif
