// SPDX-License-Identifier: GPL-2.0-or-later
#include "gdb/server.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gdb/packet.h"
#include "gdb/gdb_target.h"
#include "gdb/threads.h"
#include "kernel/unwind.h"

#define MEMORY_MAX  ((PACKET_DATA_MAX - 16) / 2) /* bytes of one 'm' */
#define COMMAND_MAX 256				 /* of "monitor" */
#define CONSOLE_MAX ((PACKET_DATA_MAX - 16) / 2) /* bytes of one 'O' */

/* Numbers of errno.h, as gdb's manual wants them; gdb shows them to nobody. */
#define ERROR_INVALID "E16" /* EINVAL */
#define ERROR_NO_TASK "E03" /* ESRCH */
#define ERROR_FAULT   "E0e" /* EFAULT: not mapped, or not in the dump */
#define ERROR_REFUSED "E0d" /* EACCES */

struct server {
	struct kernel *kernel;
	const struct gdb_target *target;
	struct threads threads;
	struct server_monitor monitor;
	bool is_no_ack;

	const struct thread *current; /* Hg */
	size_t next_thread;	      /* of qsThreadInfo */
	struct text thread_xml;	      /* made once */

	/* The registers that were asked for last: a task's are found once. */
	const struct thread *regs_of;
	struct regs regs;
};

/* One question: what is left to read of it, and the answer. */
struct question {
	struct server *server;
	const uint8_t *at, *end;
	struct text answer; /* one packet's data */
	struct text *out;   /* packets before it */
	enum server_next next;
};

static void answer(struct question *q, const char *text)
{
	text_add(&q->answer, "%s", text);
}

/* Is @name what comes next? Moves behind it. */
static bool take(struct question *q, const char *name)
{
	size_t size = strlen(name);

	if ((size_t)(q->end - q->at) < size || memcmp(q->at, name, size) != 0)
		return false;
	q->at += size;
	return true;
}

static bool take_number(struct question *q, uint64_t *ret)
{
	return packet_take_hex(&q->at, q->end, ret);
}

/* "ADDRESS,LENGTH" */
static bool take_pair(struct question *q, uint64_t *ret_first, uint64_t *ret_second)
{
	return take_number(q, ret_first) && take(q, ",") && take_number(q, ret_second);
}

/* --- memory --------------------------------------------------------------------------
 */

/* As much as can be read from the start on: gdb asks again for the rest. */
static size_t read_memory(struct kernel *kernel, uint64_t vaddr, uint8_t *buf,
			  size_t size)
{
	uint64_t page = kernel_page_size(kernel);
	size_t done = 0;

	if (kernel_read(kernel, vaddr, buf, size, NULL) == 0)
		return size;
	while (done < size) {
		size_t part = MIN(size - done, (size_t)(page - (vaddr + done) % page));

		if (kernel_read(kernel, vaddr + done, buf + done, part, NULL) < 0)
			break;
		done += part;
	}
	return done;
}

static void handle_read_memory(struct question *q)
{
	uint8_t bytes[MEMORY_MAX];
	uint64_t vaddr, size;
	size_t done;

	if (!take_pair(q, &vaddr, &size) || q->at != q->end) {
		answer(q, ERROR_INVALID);
		return;
	}
	size = MIN(size, (uint64_t)MEMORY_MAX);
	size = MIN(size, UINT64_MAX - vaddr); // the last byte of all is no kernel's
	done = read_memory(q->server->kernel, vaddr, bytes, (size_t)size);
	if (done == 0 && size)
		answer(q, ERROR_FAULT);
	else
		packet_add_hex(&q->answer, bytes, done);
}

/* --- registers -----------------------------------------------------------------------
 */

static const struct regs *thread_regs(struct server *server, const struct thread *thread)
{
	bool is_interrupted;

	if (server->regs_of != thread) {
		server->regs_of = thread;
		server->regs = (struct regs){ 0 };
		if (unwind_task_regs(server->kernel, &thread->task, thread->cpu,
				     &server->regs, &is_interrupted, NULL) < 0)
			server->regs.known = 0;
	}
	return &server->regs;
}

/* Little endian, as all targets are; "xx" for what is not known. */
static void add_reg(struct question *q, const struct regs *regs,
		    const struct gdb_reg *reg)
{
	bool is_known = reg->reg != GDB_REG_NONE && regs_has(regs, reg->reg);

	for (unsigned int i = 0; i < reg->size_bytes; i++) {
		uint8_t byte = 0;

		if (is_known && i < 8)
			byte = (uint8_t)(regs->value[reg->reg] >> i * 8);
		if (is_known)
			packet_add_hex(&q->answer, &byte, 1);
		else
			answer(q, "xx");
	}
}

static void handle_registers(struct question *q)
{
	const struct gdb_target *target = q->server->target;
	const struct regs *regs = thread_regs(q->server, q->server->current);

	for (unsigned int i = 0; i < target->reg_count; i++)
		add_reg(q, regs, &target->regs[i]);
}

static void handle_register(struct question *q)
{
	const struct gdb_target *target = q->server->target;
	uint64_t number;

	if (!take_number(q, &number) || number >= target->reg_count)
		answer(q, ERROR_INVALID);
	else
		add_reg(q, thread_regs(q->server, q->server->current),
			&target->regs[number]);
}

/* --- threads -------------------------------------------------------------------------
 */

/* "H" OPERATION THREAD: -1 is all, 0 any. */
static void handle_set_thread(struct question *q)
{
	const struct thread *thread;
	uint64_t id;
	bool is_for_memory = take(q, "g");

	if (!is_for_memory && !take(q, "c")) {
		answer(q, ERROR_INVALID);
		return;
	}
	if (take(q, "-1") || take(q, "0")) {
		answer(q, "OK");
		return;
	}
	thread = take_number(q, &id) ? threads_find(&q->server->threads, id) : NULL;
	if (thread && is_for_memory)
		q->server->current = thread;
	answer(q, thread ? "OK" : ERROR_NO_TASK);
}

static void handle_is_alive(struct question *q)
{
	uint64_t id;

	answer(q, take_number(q, &id) && threads_find(&q->server->threads, id)
			  ? "OK"
			  : ERROR_NO_TASK);
}

/* As many ids as one packet takes. */
static void handle_thread_ids(struct question *q)
{
	struct server *server = q->server;
	char separator = 'm';

	if (server->next_thread >= server->threads.count) {
		answer(q, "l");
		return;
	}
	while (server->next_thread < server->threads.count &&
	       q->answer.size < PACKET_DATA_MAX - 16) {
		text_add(&q->answer, "%c%" PRIx32, separator,
			 server->threads.items[server->next_thread++].id);
		separator = ',';
	}
}

static void handle_thread_info(struct question *q)
{
	_cleanup_text struct text text = { 0 };
	const struct thread *thread;
	uint64_t id;

	thread = take_number(q, &id) ? threads_find(&q->server->threads, id) : NULL;
	if (!thread) {
		answer(q, ERROR_NO_TASK);
		return;
	}
	thread_describe(thread, &text);
	packet_add_hex(&q->answer, text_get(&text), text.size);
}

static void add_xml(struct text *text, const char *value)
{
	for (; *value; value++) {
		switch (*value) {
		case '&':
			text_add(text, "&amp;");
			break;
		case '<':
			text_add(text, "&lt;");
			break;
		case '"':
			text_add(text, "&quot;");
			break;
		default:
			text_add(text, "%c", *value);
		}
	}
}

static const struct text *thread_xml(struct server *server)
{
	struct text *xml = &server->thread_xml;

	if (xml->size)
		return xml;
	text_add(xml, "<?xml version=\"1.0\"?>\n<threads>\n");
	for (size_t i = 0; i < server->threads.count; i++) {
		const struct thread *thread = &server->threads.items[i];
		char name[sizeof(thread->task.comm)];

		thread_name(thread, name);
		text_add(xml, "<thread id=\"%" PRIx32 "\"", thread->id);
		if (thread->task.cpu != UINT32_MAX)
			text_add(xml, " core=\"%" PRIu32 "\"", thread->task.cpu);
		text_add(xml, " name=\"");
		add_xml(xml, name);
		text_add(xml, "\">");
		thread_describe(thread, xml);
		text_add(xml, "</thread>\n");
	}
	text_add(xml, "</threads>\n");
	return xml;
}

/* --- q: questions of all kinds -------------------------------------------------------
 */

/* "OFFSET,LENGTH" of an object: 'l' with its last part, 'm' with one before. */
static void handle_object(struct question *q, const char *data, size_t size)
{
	uint64_t offset, length;

	if (!take_pair(q, &offset, &length)) {
		answer(q, ERROR_INVALID);
		return;
	}
	if (offset >= size) {
		answer(q, offset == size ? "l" : ERROR_INVALID);
		return;
	}
	// escaping can double it
	length = MIN(length, (uint64_t)(PACKET_DATA_MAX - 16) / 2);
	length = MIN(length, (uint64_t)size - offset);
	answer(q, offset + length == size ? "l" : "m");
	packet_add_escaped(&q->answer, data + offset, (size_t)length);
}

static void handle_transfer(struct question *q)
{
	struct server *server = q->server;

	if (take(q, "features:read:target.xml:")) {
		handle_object(q, server->target->description,
			      strlen(server->target->description));
	} else if (take(q, "threads:read::")) {
		const struct text *xml = thread_xml(server);

		handle_object(q, text_get(xml), xml->size);
	} else if (take(q, "features:read:")) {
		answer(q, "E00"); // no such annex
	}
}

/* An 'O' packet each; gdb shows the text. */
static void add_console(struct text *out, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i += CONSOLE_MAX) {
		_cleanup_text struct text data = { 0 };

		text_add(&data, "O");
		packet_add_hex(&data, text + i, MIN(size - i, (size_t)CONSOLE_MAX));
		packet_add(out, text_get(&data), data.size);
	}
}

static void handle_monitor(struct question *q)
{
	const struct server_monitor *monitor = &q->server->monitor;
	_cleanup_text struct text text = { 0 };
	char command[COMMAND_MAX] = "";

	packet_unhex(q->at, q->end, command, sizeof(command) - 1);
	if (!monitor->run || !monitor->run(monitor->context, command, &text))
		text_add(&text, "unknown monitor command; there are: dmesg, report\n");
	add_console(q->out, text_get(&text), text.size);
	answer(q, "OK");
}

static void handle_query(struct question *q)
{
	if (take(q, "Supported")) {
		text_add(&q->answer,
			 "PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;"
			 "qXfer:threads:read+",
			 PACKET_DATA_MAX);
	} else if (take(q, "Xfer:")) {
		handle_transfer(q);
	} else if (take(q, "fThreadInfo")) {
		q->server->next_thread = 0;
		handle_thread_ids(q);
	} else if (take(q, "sThreadInfo")) {
		handle_thread_ids(q);
	} else if (take(q, "ThreadExtraInfo,")) {
		handle_thread_info(q);
	} else if (take(q, "Rcmd,")) {
		handle_monitor(q);
	} else if (take(q, "Attached")) {
		answer(q, "1"); // it was there before gdb: it detaches, and does not kill
	} else if (take(q, "Symbol")) {
		answer(q, "OK"); // none is wanted
	} else if (q->end - q->at == 1 && take(q, "C")) {
		text_add(&q->answer, "QC%" PRIx32, q->server->current->id);
	}
}

/* --- the rest ------------------------------------------------------------------------
 */

/* Why it does not run: as if a signal had stopped it. */
static void add_stop(struct question *q)
{
	const struct thread *thread = q->server->current;

	text_add(&q->answer, "T05thread:%" PRIx32 ";", thread->id);
	if (thread->cpu)
		text_add(&q->answer, "core:%" PRIx32 ";", thread->cpu->id);
}

/* It can't go on. An answer must come all the same: gdb waits for where it stopped. */
static void handle_resume(struct question *q)
{
	static const char why[] = "The machine is dead: nothing runs.\n";

	add_console(q->out, why, sizeof(why) - 1);
	add_stop(q);
}

static void handle_set(struct question *q)
{
	if (take(q, "StartNoAckMode")) {
		q->server->is_no_ack = true;
		answer(q, "OK");
	}
}

/* An empty answer says: not supported. */
static void handle(struct question *q)
{
	uint8_t letter = q->at == q->end ? 0 : *q->at++;

	switch (letter) {
	case '?':
		add_stop(q);
		break;
	case 'g':
		handle_registers(q);
		break;
	case 'p':
		handle_register(q);
		break;
	case 'm':
		handle_read_memory(q);
		break;
	case 'H':
		handle_set_thread(q);
		break;
	case 'T':
		handle_is_alive(q);
		break;
	case 'q':
		handle_query(q);
		break;
	case 'Q':
		handle_set(q);
		break;
	case 'G':
	case 'M':
	case 'P':
		answer(q, ERROR_REFUSED);
		break;
	case 'c':
	case 'C':
	case 's':
	case 'S':
		handle_resume(q);
		break;
	case 'D':
		answer(q, "OK");
		q->next = SERVER_END;
		break;
	case 'k':
		q->next = SERVER_END;
		break;
	case 'v':
		if (take(q, "Kill")) {
			answer(q, "OK");
			q->next = SERVER_END;
		}
		break;
	default:
		break;
	}
}

enum server_next server_handle(struct server *server, const uint8_t *data, size_t size,
			       struct text *out)
{
	struct question q = {
		.server = server, .at = data, .end = data + size, .out = out
	};

	handle(&q);
	if (size == 0 || data[0] != 'k') // the one that has no answer
		packet_add(out, text_get(&q.answer), q.answer.size);
	text_done(&q.answer);
	return q.next;
}

bool server_is_no_ack(const struct server *server)
{
	return server->is_no_ack;
}

const char *server_cut_why(const struct server *server)
{
	return server->threads.is_cut ? server->threads.cut_why : NULL;
}

int server_new(struct kernel *kernel, const struct server_monitor *monitor,
	       struct server **ret, struct err *err)
{
	_cleanup_(server_freep) struct server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return err_nomem(err);
	server->kernel = kernel;
	if (monitor)
		server->monitor = *monitor;
	r = gdb_target_find(kernel_arch(kernel), &server->target, err);
	if (r == 0)
		r = threads_read(kernel, &server->threads, err);
	if (r < 0)
		return r;
	server->current = &server->threads.items[0];
	*ret = take_ptr(server);
	return 0;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	text_done(&server->thread_xml);
	threads_done(&server->threads);
	free(server);
}
