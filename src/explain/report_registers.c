// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/report_registers.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/ascii.h"
#include "explain/member.h"
#include "kernel/pointee.h"

static void explain(struct pointee_finder *finder, struct report_register *reg)
{
	struct pointee pointee;

	pointee_find(finder, reg->value, &pointee);
	reg->is_bad = pointee.is_bad;
	ascii_escape(pointee.text, strlen(pointee.text), reg->points_to,
		     sizeof(reg->points_to));
}

/* Flags and selectors of segments are no addresses, whatever they hold. */
static bool may_point(const struct arch *arch, unsigned int i)
{
	const char *name = arch->reg_names[i];

	return name[0] == 'r' ? strcmp(name, "rflags") != 0
			      : name[0] == 'x' || !strcmp(name, "lr") ||
					!strcmp(name, "sp") || !strcmp(name, "pc");
}

int report_registers_build(struct kernel *kernel, const struct regs *regs,
			   struct report_registers *ret, struct err *err)
{
	_cleanup_pointee_finder struct pointee_finder *finder = NULL;
	const struct arch *arch = kernel_arch(kernel);
	struct report_registers all = { 0 };
	int r = pointee_finder_new(kernel, &finder, err);

	if (r < 0)
		return r;
	all.registers = calloc(ARCH_REGS_MAX, sizeof(*all.registers));
	if (!all.registers)
		return err_nomem(err);
	for (unsigned int i = 0; i < MIN(arch->reg_count, (unsigned int)ARCH_REGS_MAX);
	     i++) {
		struct report_register *reg = &all.registers[all.count];

		if (!regs_has(regs, i))
			continue;
		snprintf(reg->name, sizeof(reg->name), "%s", arch->reg_names[i]);
		reg->value = regs->value[i];
		if (may_point(arch, i))
			explain(finder, reg);
		all.count++;
	}
	*ret = all;
	return 0;
}

void report_registers_done(struct report_registers *registers)
{
	free(registers->registers);
	*registers = (struct report_registers){ 0 };
}

const struct report_register *
report_registers_find(const struct report_registers *registers, const char *name)
{
	for (size_t i = 0; i < registers->count; i++) {
		if (!strcmp(registers->registers[i].name, name))
			return &registers->registers[i];
	}
	return NULL;
}

/* What is no address is mostly a number, and "kernel memory" says what the value does. */
static bool is_worth_a_line(const struct report_register *reg)
{
	return reg->points_to[0] && reg->value >= 4096 &&
	       strcmp(reg->points_to, "no address of this machine") != 0 &&
	       strcmp(reg->points_to, "kernel memory") != 0 &&
	       strncmp(reg->points_to, "user memory", strlen("user memory")) != 0;
}

void report_registers_format_text(const struct report_registers *registers,
				  struct text *ret)
{
	for (size_t i = 0; i < registers->count; i++) {
		bool is_last = i % 3 == 2 || i + 1 == registers->count;

		text_add(ret, " %8s %016" PRIx64 "%s", registers->registers[i].name,
			 registers->registers[i].value, is_last ? "\n" : "");
	}
	for (size_t i = 0; i < registers->count; i++) {
		const struct report_register *reg = &registers->registers[i];

		if (is_worth_a_line(reg))
			text_add(ret, " %8s %s%s\n", reg->name,
				 reg->is_bad ? "BAD: " : "", reg->points_to);
	}
}

json_t *report_registers_new_json(const struct report_registers *registers)
{
	json_t *array = json_array();
	int r = array ? 0 : -1;

	for (size_t i = 0; i < registers->count; i++) {
		const struct report_register *reg = &registers->registers[i];
		json_t *object = json_object();
		char value[24];

		snprintf(value, sizeof(value), "0x%" PRIx64, reg->value);
		r |= member_put_string(object, "name", reg->name);
		r |= member_put_string(object, "value", value);
		r |= member_put_string(object, "points_to", reg->points_to);
		if (reg->is_bad)
			r |= json_object_set_new(object, "is_bad", json_true());
		r |= json_array_append_new(array, object);
	}
	if (r != 0) {
		json_decref(array);
		return NULL;
	}
	return array;
}

int report_registers_parse_json(const json_t *array, struct report_registers *ret,
				struct err *err)
{
	struct report_registers all = { 0 };
	int r = 0;

	all.registers = calloc(json_array_size(array) + 1, sizeof(*all.registers));
	if (!all.registers)
		return err_nomem(err);
	all.count = json_array_size(array);
	for (size_t i = 0; r == 0 && i < all.count; i++) {
		const json_t *object = json_array_get(array, i);
		struct report_register *reg = &all.registers[i];

		if (!json_is_object(object))
			r = err_set(err, ERR_CORRUPT, "a register is not an object");
		if (r == 0)
			r = member_get_string(object, "name", reg->name,
					      sizeof(reg->name), err);
		if (r == 0)
			r = member_get_hex(object, "value", &reg->value, err);
		if (r == 0)
			r = member_get_string(object, "points_to", reg->points_to,
					      sizeof(reg->points_to), err);
		reg->is_bad = json_is_true(json_object_get(object, "is_bad"));
	}
	if (r < 0) {
		report_registers_done(&all);
		return r;
	}
	*ret = all;
	return 0;
}
