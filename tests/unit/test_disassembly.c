// SPDX-License-Identifier: GPL-2.0-or-later
/* Code as instructions, with bytes whose meaning is known from the manuals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "explain/disassembly.h"
#include "explain/report_listing.h"

#define BASE UINT64_C(0xffffffff81000000)

/* endbr64; push rbx; call +0x10; mov rax, [rip + 0x100]; jne -2; ud2; cut: mov */
static const uint8_t code[] = { 0xf3, 0x0f, 0x1e, 0xfa, 0x53, 0xe8, 0x10, 0x00,
				0x00, 0x00, 0x48, 0x8b, 0x05, 0x00, 0x01, 0x00,
				0x00, 0x75, 0xfe, 0x0f, 0x0b, 0x48, 0x8b };

static struct disassembly make(const uint8_t *bytes, size_t size)
{
	struct disassembly all = { 0 };
	struct err err = { 0 };

	assert_int_equal(
		disassembly_new(IMAGE_MACHINE_X86_64, BASE, bytes, size, &all, &err), 0);
	return all;
}

static void test_instructions(void **state)
{
	_cleanup_disassembly struct disassembly all = make(code, sizeof(code));
	static const uint64_t targets[] = {
		0, 0, BASE + 26, BASE + 17 + 256, BASE + 17, 0
	};
	static const char *const texts[] = { "endbr64",
					     "push rbx",
					     "call 0xffffffff8100001a",
					     "mov rax, qword ptr [rip + 0x100]",
					     "jne 0xffffffff81000011",
					     "ud2" };

	assert_int_equal(all.count, 6); // what is cut short is left out
	for (size_t i = 0; i < all.count; i++) {
		assert_string_equal(all.instructions[i].text, texts[i]);
		assert_true(all.instructions[i].is_known);
		assert_int_equal(all.instructions[i].has_target, targets[i] != 0);
		assert_true(all.instructions[i].target == targets[i]);
	}
	assert_true(all.instructions[3].vaddr == BASE + 10);
	assert_memory_equal(all.instructions[3].bytes, code + 10, 7);
}

/* Any size, any byte: no instruction is longer than what was given. */
static void test_any_bytes(void **state)
{
	uint8_t bytes[64];
	uint32_t random = 1;

	for (size_t size = 0; size <= sizeof(bytes); size++) {
		for (size_t i = 0; i < size; i++)
			bytes[i] =
				(uint8_t)((random = random * 1103515245 + 12345) >> 16);
		_cleanup_disassembly struct disassembly all = make(bytes, size);
		uint64_t at = BASE;

		for (size_t i = 0; i < all.count; i++) {
			assert_true(all.instructions[i].vaddr == at);
			at += all.instructions[i].size;
		}
		assert_true(at - BASE <= size);
	}
}

static void test_no_instruction(void **state)
{
	uint8_t bytes[20] = { 0x06 }; // push es: none in 64-bit mode
	_cleanup_disassembly struct disassembly all = { 0 };

	memset(bytes + 1, 0x90, sizeof(bytes) - 1);
	all = make(bytes, sizeof(bytes));
	assert_int_equal(all.count, 20);
	assert_false(all.instructions[0].is_known);
	assert_string_equal(all.instructions[0].text, ".byte 0x06");
	assert_string_equal(all.instructions[1].text, "nop");
}

/* The first byte is in the middle of the call; what follows is known to be in step. */
static void test_around(void **state)
{
	_cleanup_disassembly struct disassembly all = { 0 };
	struct err err = { 0 };
	size_t known = 0;

	assert_int_equal(disassembly_new_around(IMAGE_MACHINE_X86_64, BASE, code + 7,
						sizeof(code) - 7, BASE + 10, &all, &err),
			 0);
	for (size_t i = 0; i < all.count; i++) {
		if (all.instructions[i].vaddr == BASE + 10)
			known++;
	}
	assert_int_equal(known, 1);
	assert_string_equal(all.instructions[all.count - 1].text, "ud2");
	assert_int_equal(disassembly_new_around(IMAGE_MACHINE_X86_64, BASE, code, 4,
						BASE + 5, &all, &err),
			 ERR_INVALID);
}

static void test_arm64(void **state)
{
	static const uint8_t arm[] = { 0x00, 0x10, 0x40, 0xf9, 0x02, 0x00, 0x00, 0x94 };
	_cleanup_disassembly struct disassembly all = { 0 };
	struct err err = { 0 };

	assert_int_equal(disassembly_new(IMAGE_MACHINE_ARM64, BASE, arm, sizeof(arm),
					 &all, &err),
			 0);
	assert_int_equal(all.count, 2);
	assert_string_equal(all.instructions[0].text, "ldr x0, [x0, #0x20]");
	assert_true(all.instructions[1].has_target);
	assert_true(all.instructions[1].target == BASE + 12);
}

/* ---- the line of an oops ---- */

static void test_code_line(void **state)
{
	struct report_code code_line;

	assert_true(
		report_code_parse("[    1.5] Code: 31 c0 <48> 8b 40 20 c3", &code_line));
	assert_int_equal(code_line.size, 7);
	assert_int_equal(code_line.at, 2);
	assert_memory_equal(code_line.bytes, "\x31\xc0\x48\x8b\x40\x20\xc3", 7);
	assert_true(report_code_parse("Code: d65f03c0 (f9401000)", &code_line));
	assert_int_equal(code_line.size, 8);
	assert_int_equal(code_line.at, 4);
	assert_memory_equal(code_line.bytes + 4, "\x00\x10\x40\xf9", 4);
	assert_false(report_code_parse("Code: Bad RIP value.", &code_line));
	assert_false(report_code_parse("Code: 31 c0", &code_line)); // which one?
	assert_false(report_code_parse("Code: 31 c0 <", &code_line));
	assert_false(report_code_parse("no code", &code_line));
}

static void test_code_line_cut(void **state)
{
	char line[600] = "Code: <48>";
	struct report_code code_line;

	for (size_t i = 0; i < 150; i++)
		strcat(line, " 90");
	assert_true(report_code_parse(line, &code_line));
	assert_int_equal(code_line.size, REPORT_CODE_MAX);
	for (size_t size = strlen(line); size > 0; size--) {
		line[size] = '\0';
		report_code_parse(line, &code_line);
		assert_true(code_line.size <= REPORT_CODE_MAX);
	}
}

static void test_listing(void **state)
{
	_cleanup_text struct text text = { 0 };
	_cleanup_report struct report *report = NULL;
	struct err err = { 0 };

	assert_int_equal(report_new(&report, &err), 0);
	assert_true(report_code_parse("Code: 31 c0 <48> 8b 40 20 c3", &report->code));
	strcpy(report->code.where, "thing+0x2/0x10");
	report->registers.registers = calloc(2, sizeof(struct report_register));
	report->registers.count = 2;
	strcpy(report->registers.registers[0].name, "rax");
	strcpy(report->registers.registers[0].points_to, "NULL");
	strcpy(report->registers.registers[1].name, "ax"); // only whole words
	assert_int_equal(report_listing_format(report, IMAGE_MACHINE_X86_64, NULL, &text,
					       &err),
			 0);
	assert_string_equal(
		text_get(&text),
		"  thing+0x2/0x10\n"
		"     <+0>  31 c0                          xor eax, eax\n"
		"=>   <+2>  48 8b 40 20                    mov rax, qword ptr "
		"[rax + 0x20]\n"
		"     <+6>  c3                             ret\n"
		"  rax is 0x0: NULL\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_instructions),   cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_no_instruction), cmocka_unit_test(test_around),
		cmocka_unit_test(test_arm64),	       cmocka_unit_test(test_code_line),
		cmocka_unit_test(test_code_line_cut),  cmocka_unit_test(test_listing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
