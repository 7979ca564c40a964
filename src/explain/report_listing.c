// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/report_listing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "explain/ascii.h"
#include "explain/disassembly.h"

/* Where no address is known offsets are shown from here: no listing reaches 0. */
#define UNKNOWN_BASE ((uint64_t)1 << 32)

static void add_target(const struct instruction *instruction, struct kernel *kernel,
		       struct text *ret)
{
	char name[160], clean[320];
	struct kernel_name found;

	if (!kernel || !instruction->has_target ||
	    kernel_name(kernel, instruction->target, &found, NULL) < 0)
		return;
	kernel_format_address(kernel, instruction->target, name, sizeof(name));
	ascii_escape(name, strlen(name), clean, sizeof(clean));
	text_add(ret, "  ; %s", clean);
}

static void add_instruction(const struct instruction *instruction, bool is_marked,
			    int64_t offset, struct kernel *kernel, struct text *ret)
{
	char bytes[3 * INSTRUCTION_BYTES_MAX + 1] = "", place[24];

	for (size_t i = 0; i < instruction->size; i++)
		snprintf(bytes + 3 * i, 4, "%02x ", instruction->bytes[i]);
	snprintf(place, sizeof(place), "<%+" PRId64 ">", offset);
	text_add(ret, "%s%7s  %-30s %s", is_marked ? "=>" : "  ", place, bytes,
		 instruction->text);
	add_target(instruction, kernel, ret);
	text_add(ret, "\n");
}

void report_listing_add(const struct disassembly *disassembly, uint64_t function_vaddr,
			uint64_t marked_vaddr, struct kernel *kernel, struct text *ret)
{
	for (size_t i = 0; i < disassembly->count; i++) {
		const struct instruction *instruction = &disassembly->instructions[i];

		add_instruction(instruction, instruction->vaddr == marked_vaddr,
				(int64_t)(instruction->vaddr - function_vaddr), kernel,
				ret);
	}
}

/* A word of @text, or "": a name of a register as a report has it. */
static bool has_word(const char *text, const char *word)
{
	size_t size = strlen(word);

	for (const char *p = strstr(text, word); p; p = strstr(p + 1, word)) {
		bool begins = p == text ||
			      !strchr("abcdefghijklmnopqrstuvwxyz0123456789", p[-1]);
		bool ends = !p[size] ||
			    !strchr("abcdefghijklmnopqrstuvwxyz0123456789", p[size]);

		if (begins && ends)
			return true;
	}
	return false;
}

/* What the registers hold that the instruction makes an address of: "[rax + 8]". */
static void add_followed(const struct report *report, const struct instruction *marked,
			 struct text *ret)
{
	const char *open = strchr(marked->text, '['),
		   *close = open ? strchr(open, ']') : NULL;
	char operand[64];

	if (!close || (size_t)(close - open) >= sizeof(operand))
		return;
	snprintf(operand, sizeof(operand), "%.*s", (int)(close - open - 1), open + 1);
	for (size_t i = 0; i < report->registers.count; i++) {
		const struct report_register *reg = &report->registers.registers[i];

		if (has_word(operand, reg->name))
			text_add(ret, "  %s is 0x%" PRIx64 "%s%s\n", reg->name,
				 reg->value, reg->points_to[0] ? ": " : "",
				 reg->points_to);
	}
}

/* The offset of the instruction in its function, by the name "func+0x12/0x40". */
static uint64_t offset_of(const struct report_code *code)
{
	const char *plus = strstr(code->where, "+0x");
	uint64_t offset = 0;

	if (plus)
		sscanf(plus, "+0x%" SCNx64, &offset);
	return offset;
}

int report_listing_format(const struct report *report, enum image_machine machine,
			  struct kernel *kernel, struct text *ret, struct err *err)
{
	_cleanup_disassembly struct disassembly disassembly = { 0 };
	const struct report_code *code = &report->code;
	uint64_t vaddr = code->vaddr ? code->vaddr : UNKNOWN_BASE;
	uint64_t marked = vaddr + code->at;
	int r;

	if (!code->size)
		return 0;
	r = code->is_start
		    ? disassembly_new(machine, vaddr, code->bytes, code->size,
				      &disassembly, err)
		    : disassembly_new_around(machine, vaddr, code->bytes, code->size,
					     marked, &disassembly, err);
	if (r < 0)
		return r;
	if (code->where[0])
		text_add(ret, "  %s\n", code->where);
	report_listing_add(&disassembly, marked - offset_of(code), marked,
			   code->vaddr ? kernel : NULL, ret);
	for (size_t i = 0; i < disassembly.count; i++) {
		if (disassembly.instructions[i].vaddr == marked)
			add_followed(report, &disassembly.instructions[i], ret);
	}
	return 0;
}
