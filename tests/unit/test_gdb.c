// SPDX-License-Identifier: GPL-2.0-or-later
/* gdb's remote protocol: packets as bytes, and questions to the fake kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <unistd.h>

#include "fake_arm64.h"
#include "fake_kernel.h"
#include "gdb/packet.h"
#include "gdb/server.h"
#include "gdb/symbol_file.h"

/* --- packets -------------------------------------------------------------------------
 */

static struct packet parse(const char *bytes, size_t size)
{
	struct packet packet;

	packet_parse((const uint8_t *)bytes, size, &packet);
	return packet;
}

static void test_packet_kinds(void **state)
{
	struct packet packet = parse("$g#67$", 6);

	assert_int_equal(packet.kind, PACKET_DATA);
	assert_int_equal(packet.size, 1);
	assert_int_equal(packet.data[0], 'g');
	assert_int_equal(packet.used, 5);
	assert_int_equal(parse("$#00", 4).kind, PACKET_DATA);
	assert_int_equal(parse("$g#68", 5).kind, PACKET_BAD);
	assert_int_equal(parse("$g#6x", 5).kind, PACKET_BAD);
	assert_int_equal(parse("$g#6x", 5).used, 5);
	assert_int_equal(parse("+$", 2).kind, PACKET_ACK);
	assert_int_equal(parse("-", 1).kind, PACKET_NAK);
	assert_int_equal(parse("\x03", 1).kind, PACKET_INTERRUPT);
	packet = parse("GET / HTTP$g#67", 15);
	assert_int_equal(packet.kind, PACKET_NOISE);
	assert_int_equal(packet.used, 10);
	assert_int_equal(parse("", 0).kind, PACKET_NONE);
}

/* It waits for the rest, wherever a packet is cut. */
static void test_packet_cut(void **state)
{
	static const char whole[] = "$m ffffffff81000000,8#9a";

	for (size_t size = 0; size < sizeof(whole) - 1; size++)
		assert_int_equal(parse(whole, size).kind, PACKET_NONE);
	assert_true(parse(whole, sizeof(whole) - 1).kind != PACKET_NONE);
}

static void test_packet_too_long(void **state)
{
	size_t size = PACKET_DATA_MAX + 64;
	char *bytes = malloc(size);
	struct packet packet;

	memset(bytes, 'a', size);
	bytes[0] = '$';
	packet = parse(bytes, size);
	assert_int_equal(packet.kind, PACKET_BAD);
	assert_int_equal(packet.used, size);
	assert_int_equal(parse(bytes, PACKET_DATA_MAX + 1).kind, PACKET_NONE);
	free(bytes);
}

static void test_packet_written(void **state)
{
	_cleanup_text struct text data = { 0 }, out = { 0 };

	packet_add_escaped(&data, "a#$}*\n", 6);
	assert_string_equal(text_get(&data), "a}\x03}\x04}]}\n\n");
	packet_add(&out, "OK", 2);
	assert_string_equal(text_get(&out), "$OK#9a");
}

static void test_numbers(void **state)
{
	static const char text[] = "fFf0,12345678901234567";
	const uint8_t *at = (const uint8_t *)text, *end = at + sizeof(text) - 1;
	uint64_t value;
	char bytes[4];

	assert_true(packet_take_hex(&at, end, &value));
	assert_int_equal(value, 0xfff0);
	assert_false(packet_take_hex(&at, end, &value));
	at++;
	assert_false(packet_take_hex(&at, end, &value)); // more than 64 bits
	at = (const uint8_t *)"4142x";
	assert_int_equal(packet_unhex(at, at + 5, bytes, sizeof(bytes)), 2);
	assert_memory_equal(bytes, "AB", 2);
	assert_int_equal(packet_unhex(at, at + 3, bytes, sizeof(bytes)), 1);
	assert_int_equal(packet_unhex(at, at + 4, bytes, 1), 1);
}

/* --- questions -----------------------------------------------------------------------
 */

struct session {
	struct fake_kernel fake;
	struct server *server;
	struct text out;
};

static bool monitor(void *context, const char *command, struct text *ret)
{
	text_add(ret, "%s: %s", (const char *)context, command);
	return strcmp(command, "hello") == 0;
}

/* Task 2 panicked on CPU 1; task 1 sleeps; two have one pid. */
static void session_init(struct session *s)
{
	static const struct server_monitor monitor_commands = { .run = monitor,
								.context =
									(void *)"told" };
	struct fake_kernel *f = &s->fake;

	*s = (struct session){ 0 };
	fake_kernel_init(f, ORC_LAYOUT_3);
	fake_task(f, 1, 0x111, "a<\"b&\xff");
	fake_task(f, 2, 0x222, "died");
	fake_task(f, 3, 0x111, "twice");
	fake_sleeper(f, 1, FUNCTION(1) + 8, STACK + 0x400, 0x1234);
	fake_cpu_note(f, 1, FUNCTION(2), STACK + 0x800);
	fake_u64(&f->memory, PERCPU(0) + PERCPU_CURRENT, TASK(0));
	fake_u64(&f->memory, PERCPU(1) + PERCPU_CURRENT, TASK(2));
	fake_u32(&f->memory, PANIC_CPU, 1);
	fake_orc(f, FUNCTION(0), FAKE_CALL_FRAME(8));
	fake_orc(f, FUNCTION(1), FAKE_CALL_FRAME(24));
	fake_kernel_open(f);
	assert_int_equal(server_new(f->kernel, &monitor_commands, &s->server, NULL), 0);
}

static void session_done(struct session *s)
{
	text_done(&s->out);
	server_free(s->server);
	fake_kernel_done(&s->fake);
}

/* All that is answered, without the checksums of '$' packets. */
static const char *ask(struct session *s, const char *question)
{
	text_done(&s->out);
	server_handle(s->server, (const uint8_t *)question, strlen(question), &s->out);
	assert_int_equal(text_check(&s->out, NULL), 0);
	return text_get(&s->out);
}

static void assert_answer(struct session *s, const char *question, const char *answer)
{
	_cleanup_text struct text expected = { 0 };

	packet_add(&expected, answer, strlen(answer));
	assert_string_equal(ask(s, question), text_get(&expected));
}

static void test_threads(void **state)
{
	struct session s;
	const char *xml;

	session_init(&s);
	assert_answer(&s, "?", "T05thread:222;core:1;");
	assert_answer(&s, "qC", "QC222");
	assert_answer(&s, "qfThreadInfo", "m222,989680,111,1312d03");
	assert_answer(&s, "qsThreadInfo", "l");
	assert_answer(&s, "T111", "OK");
	assert_answer(&s, "T333", "E03");
	assert_answer(&s, "T", "E03");
	assert_answer(&s, "Hg111", "OK");
	assert_answer(&s, "qC", "QC111");
	assert_answer(&s, "Hg0", "OK");
	assert_answer(&s, "Hc-1", "OK");
	assert_answer(&s, "Hg7", "E03");
	assert_answer(&s, "Hx1", "E16");
	xml = ask(&s, "qXfer:threads:read::0,1000");
	assert_non_null(strstr(xml, "<thread id=\"222\" core=\"1\" name=\"died\">"));
	assert_non_null(strstr(xml, "name=\"a&lt;&quot;b&amp;?\">"));
	assert_answer(&s, "qXfer:threads:read::0,5", "m<?xml");
	assert_answer(&s, "qXfer:threads:read::ffffffffffffffff,5", "E16");
	assert_answer(&s, "qXfer:threads:read::0", "E16");
	session_done(&s);
}

static void test_registers(void **state)
{
	struct session s;

	session_init(&s);
	assert_answer(&s, "p10", "00020081ffffffff");	  // rip
	assert_answer(&s, "p7", "0008000000c9ffff");	  // rsp
	assert_answer(&s, "p18", "xxxxxxxxxxxxxxxxxxxx"); // st0
	assert_answer(&s, "p2a", "E16");
	assert_answer(&s, "pffffffffffffffff", "E16");
	ask(&s, "Hg111");
	assert_answer(&s, "p10", "08010081ffffffff");
	assert_answer(&s, "p6", "3412000000000000"); // rbp
	assert_answer(&s, "p0", "xxxxxxxxxxxxxxxx"); // rax is not kept
	// 24 registers, 8 of 10 bytes, 8 of 4, two of 8: 17 * 8 + 7 * 4 + 80 + 32 + 16
	assert_int_equal(strlen(ask(&s, "g")), 2 * 292 + 4);
	ask(&s, "Hg989680"); // runs on a CPU without a note
	assert_answer(&s, "p10", "xxxxxxxxxxxxxxxx");
	session_done(&s);
}

static void test_memory(void **state)
{
	char question[64];
	struct session s;

	session_init(&s);
	assert_answer(&s, "mffffc900000003f8,8", "08010081ffffffff");
	assert_answer(&s, "m0,8", "E0e");
	assert_answer(&s, "mffffffffffffffff,ffffffffffffffff", "");
	assert_answer(&s, "m1", "E16");
	assert_answer(&s, "m1,2x", "E16");
	// up to where nothing is mapped
	snprintf(question, sizeof(question), "m%" PRIx64 ",10", STACK + STACK_SIZE - 4);
	assert_answer(&s, question, "00000000");
	snprintf(question, sizeof(question), "m%" PRIx64 ",ffffff", STACK);
	assert_true(strlen(ask(&s, question)) <= PACKET_DATA_MAX + 4);
	session_done(&s);
}

static void test_other_questions(void **state)
{
	struct session s;

	session_init(&s);
	assert_non_null(strstr(ask(&s, "qSupported:multiprocess+"), "PacketSize=4000"));
	assert_non_null(
		strstr(ask(&s, "qXfer:features:read:target.xml:0,4000"), "i386:x86-64"));
	assert_answer(&s, "qXfer:features:read:other.xml:0,4000", "E00");
	assert_answer(&s, "vMustReplyEmpty", "");
	assert_answer(&s, "vCont?", "");
	assert_answer(&s, "", "");
	assert_answer(&s, "M0,1:00", "E0d");
	assert_answer(&s, "P0=0000000000000000", "E0d");
	assert_answer(&s, "qAttached", "1");
	assert_non_null(strstr(ask(&s, "c"), "$T05thread:222;core:1;#"));
	// "told: hello"
	assert_non_null(strstr(ask(&s, "qRcmd,68656c6c6f"), "$O746f6c643a2068656c6c6f#"));
	assert_non_null(strstr(ask(&s, "qRcmd,zz"), "$OK#9a"));
	assert_false(server_is_no_ack(s.server));
	assert_answer(&s, "QStartNoAckMode", "OK");
	assert_true(server_is_no_ack(s.server));
	text_done(&s.out);
	assert_int_equal(server_handle(s.server, (const uint8_t *)"D", 1, &s.out),
			 SERVER_END);
	text_done(&s.out);
	assert_int_equal(server_handle(s.server, (const uint8_t *)"k", 1, &s.out),
			 SERVER_END);
	assert_int_equal(s.out.size, 0);
	session_done(&s);
}

/* Any bytes get an answer that fits; what a question is made of, cut and mixed. */
static void test_garbage(void **state)
{
	static const char *const words[] = {
		"q",
		"Xfer:",
		"threads:read::",
		"features:read:target.xml:",
		"Rcmd,",
		"m",
		"ffffffff81000000",
		",",
		"ffffffffffffffff",
		"H",
		"g",
		"-1",
		"p",
		"T",
		"v",
		"fThreadInfo",
		"sThreadInfo",
		"ThreadExtraInfo,",
		"222",
		"\xff",
		"*",
		"}",
	};
	struct session s;
	uint32_t seed = 1;

	session_init(&s);
	for (int i = 0; i < 20000; i++) {
		char question[256] = "";

		for (int j = 0; j < 5; j++) {
			seed = seed * 1664525 + 1013904223;
			strcat(question, words[(seed >> 8) % ARRAY_SIZE(words)]);
		}
		question[(seed >> 4) % (strlen(question) + 1)] = '\0';
		assert_true(strlen(ask(&s, question)) <= PACKET_DATA_MAX + 128);
	}
	session_done(&s);
}

/* --- symbols -------------------------------------------------------------------------
 */

static const Elf64_Shdr *find_section(const uint8_t *file, size_t size, uint32_t type,
				      size_t nth)
{
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)file;
	const Elf64_Shdr *sections = (const Elf64_Shdr *)(file + ehdr->e_shoff);

	assert_true(ehdr->e_shoff + ehdr->e_shnum * sizeof(*sections) == size);
	for (size_t i = 0; i < ehdr->e_shnum; i++)
		if (sections[i].sh_type == type && nth-- == 0)
			return &sections[i];
	return NULL;
}

/* The rows of two functions are in .debug_frame; entries that follow share an FDE. */
static void test_symbol_file(void **state)
{
	_Alignas(8) static uint8_t file[1 << 20];
	struct symbol_file_facts facts;
	const Elf64_Shdr *frames, *symbols;
	struct session s;
	char path[] = "/tmp/test_gdb.XXXXXX";
	size_t offset = 0, fdes = 0, size;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	session_init(&s);
	assert_int_equal(
		symbol_file_write(s.fake.kernel, SYMBOL_FILE_WHOLE, fd, &facts, NULL), 0);
	size = (size_t)pread(fd, file, sizeof(file), 0);
	assert_int_equal(facts.no_cfi[0], 0);
	frames = find_section(file, size, SHT_PROGBITS, 0);
	symbols = find_section(file, size, SHT_SYMTAB, 0);
	assert_non_null(frames);
	assert_non_null(symbols);
	assert_int_equal(symbols->sh_info, symbols->sh_size / sizeof(Elf64_Sym));
	for (; offset < frames->sh_size; offset += 4) {
		const uint8_t *entry = file + frames->sh_offset + offset;

		if (fake_load(entry + 4, 4) != UINT32_MAX)
			fdes++;
		if (fake_load(entry + 8, 8) == FUNCTION(0))
			// up to the end of the code
			assert_int_equal(fake_load(entry + 16, 8), TEXT_SIZE);
		offset += fake_load(entry, 4);
	}
	assert_int_equal(offset, frames->sh_size);
	assert_int_equal(fdes, 2); // the kernel's code, and user space
	close(fd);
	session_done(&s);
}

#define ARM64_TEXT UINT64_C(0xffff800080000000)

/* .debug_frame of an arm64 kernel of two pages of code. */
static size_t arm64_frames(const char *pac_mask, uint8_t *file, size_t file_size,
			   const Elf64_Shdr **ret)
{
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;
	struct symbol_file_facts facts;
	struct fake_arm64 f = { 0 };
	char path[] = "/tmp/test_gdb.XXXXXX";
	int fd = mkstemp(path);
	size_t size;

	assert_true(fd >= 0);
	unlink(path);
	fake_arm64_paging(&f, 0x40100000, 12, 48);
	fake_arm64_memory(&f, ARM64_TEXT, 0x40200000, 0x2000);
	fake_vmcoreinfo(&f.image, "SYMBOL(_stext)=%" PRIx64 "\nSYMBOL(_etext)=%" PRIx64,
			ARM64_TEXT, ARM64_TEXT + 0x2000);
	if (pac_mask)
		fake_vmcoreinfo(&f.image, "NUMBER(KERNELPACMASK)=%s", pac_mask);
	image = fake_open(&f.image);
	assert_int_equal(kernel_open(image, &kernel, NULL), 0);
	assert_int_equal(symbol_file_write(kernel, SYMBOL_FILE_WHOLE, fd, &facts, NULL),
			 0);
	assert_string_equal(facts.no_cfi, "");
	size = (size_t)pread(fd, file, file_size, 0);
	close(fd);
	*ret = find_section(file, size, SHT_PROGBITS, 0);
	assert_non_null(*ret);
	assert_int_equal(((const Elf64_Ehdr *)file)->e_machine, EM_AARCH64);
	fake_done(&f.image);
	return size;
}

/* All code has one row: by the record at x29, its return address without a signature. */
static void test_arm64_symbol_file(void **state)
{
	_Alignas(8) static uint8_t file[1 << 18];
	static const uint8_t mask[] = { 0x0e, 0, 0, 0, 0, 0, 0, 0xf0, 0xff };
	const Elf64_Shdr *frames;
	const uint8_t *bytes;
	size_t fdes = 0;

	arm64_frames("0xfff0000000000000", file, sizeof(file), &frames);
	bytes = file + frames->sh_offset;
	assert_non_null(memmem(bytes, frames->sh_size, mask, sizeof(mask)));
	for (size_t at = 0; at < frames->sh_size; at += 4 + fake_load(bytes + at, 4)) {
		if (fake_load(bytes + at + 4, 4) == UINT32_MAX)
			continue;
		fdes++;
		assert_true(fake_load(bytes + at + 8, 8) == ARM64_TEXT);
		assert_int_equal(fake_load(bytes + at + 16, 8), 0x2000);
	}
	assert_int_equal(fdes, 1);
	arm64_frames(NULL, file, sizeof(file), &frames);
	assert_null(memmem(file + frames->sh_offset, frames->sh_size, mask, 1 + 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packet_kinds),
		cmocka_unit_test(test_packet_cut),
		cmocka_unit_test(test_packet_too_long),
		cmocka_unit_test(test_packet_written),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_other_questions),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_symbol_file),
		cmocka_unit_test(test_arm64_symbol_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
