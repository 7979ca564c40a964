// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a gdb sends, to a dead machine that is damaged: the first byte's lowest bit says
 * whether packets come framed, as from a socket, or a line each; the rest of it how many
 * bytes of patches follow. Behind them is what gdb says.
 *
 * All answers must be whole packets. Then the damaged machine as a file of symbols.
 */
#include "fuzz_kernel.h"
#include "gdb/packet.h"
#include "gdb/server.h"
#include "gdb/symbol_file.h"

#include <sys/mman.h>

#define PACKETS_MAX 64

static bool monitor(void *context, const char *command, struct text *ret)
{
	text_add(ret, "%s", command);
	return command[0] == 'd';
}

static void check_answers(const struct text *out)
{
	const uint8_t *at = (const uint8_t *)text_get(out), *end = at + out->size;
	struct packet packet;

	while (at < end) {
		packet_parse(at, (size_t)(end - at), &packet);
		fuzz_check(packet.kind == PACKET_DATA);
		fuzz_check(packet.size <= PACKET_DATA_MAX);
		at += packet.used;
	}
}

/* false: it is over. */
static bool say(struct server *server, const uint8_t *data, size_t size)
{
	_cleanup_text struct text out = { 0 };
	enum server_next next = server_handle(server, data, size, &out);

	check_answers(&out);
	return next == SERVER_GO_ON;
}

static void say_framed(struct server *server, struct fuzz_input input)
{
	struct packet packet;

	for (unsigned int i = 0; i < PACKETS_MAX && input.size; i++) {
		packet_parse(input.data, input.size, &packet);
		if (packet.kind == PACKET_NONE)
			return;
		fuzz_check(packet.used > 0 && packet.used <= input.size);
		if (packet.kind == PACKET_DATA && !say(server, packet.data, packet.size))
			return;
		input.data += packet.used;
		input.size -= packet.used;
	}
}

static void say_lines(struct server *server, struct fuzz_input input)
{
	for (unsigned int i = 0; i < PACKETS_MAX && input.size; i++) {
		const uint8_t *end = memchr(input.data, '\n', input.size);
		size_t size = end ? (size_t)(end - input.data) : input.size;

		if (!say(server, input.data, size))
			return;
		size = MIN(size + 1, input.size);
		input.data += size;
		input.size -= size;
	}
}

static void make_symbols(struct kernel *kernel)
{
	struct symbol_file_facts facts;
	int fd = memfd_create("symbols", MFD_CLOEXEC);

	fuzz_check(fd >= 0);
	symbol_file_write(kernel, SYMBOL_FILE_WHOLE, fd, &facts, NULL);
	close(fd);
}

static void make_machine(struct fuzz_machine *machine)
{
	fuzz_kernel_make(machine, ORC_LAYOUT_3);
	fuzz_machine_region(machine, 0x4000000, STACK_SIZE);
	fuzz_machine_region(machine, 0x2000000, 0x3000); /* ORC's */
	fuzz_machine_region(machine, 0x1000000, 0x400);	 /* code */
	fuzz_machine_region(machine, 0x2000000 + MODULES_HEAD - DATA, 0x1000);
	fuzz_machine_region(machine, 0x2000000 + MODULE_STRUCT - DATA, 0x3000);
	fuzz_machine_region(machine, 0x2000000 + PERCPU(0) - DATA, 0x2000);
	fuzz_machine_region_notes(machine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct server_monitor commands = { .run = monitor };
	static struct fuzz_machine machine;
	struct fuzz_input input = { data, size };
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;
	_cleanup_(server_freep) struct server *server = NULL;
	uint8_t head = fuzz_u8(&input);
	struct fuzz_input patches = { input.data, MIN(input.size, (size_t)head >> 1) };

	input.data += patches.size;
	input.size -= patches.size;
	if (!machine.file)
		make_machine(&machine);
	image = fuzz_machine_open(&machine, patches);
	if (image && kernel_open(image, &kernel, NULL) == 0 &&
	    server_new(kernel, &commands, &server, NULL) == 0) {
		if (head & 1)
			say_framed(server, input);
		else
			say_lines(server, input);
		if (patches.size)
			make_symbols(kernel);
	}
	fuzz_machine_mend(&machine);
	return 0;
}
