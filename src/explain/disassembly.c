// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/disassembly.h"

#include <capstone/capstone.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"

#define CODE_MAX (1u << 20) /* no function is as long */

static int open_engine(enum image_machine machine, csh *ret, struct err *err)
{
	cs_err r;

	switch (machine) {
	case IMAGE_MACHINE_X86_64:
		r = cs_open(CS_ARCH_X86, CS_MODE_64, ret);
		break;
	case IMAGE_MACHINE_ARM64:
		r = cs_open(CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, ret);
		break;
	default:
		return err_set(err, ERR_UNSUPPORTED, "code of this machine is not known");
	}
	if (r != CS_ERR_OK)
		return err_set(err, ERR_UNSUPPORTED, "libcapstone: %s", cs_strerror(r));
	cs_option(*ret, CS_OPT_DETAIL, CS_OPT_ON);
	return 0;
}

static void find_x86_target(const cs_insn *insn, struct instruction *ret)
{
	const cs_x86 *x86 = &insn->detail->x86;

	for (uint8_t i = 0; i < x86->op_count; i++) {
		const cs_x86_op *op = &x86->operands[i];

		if (op->type == X86_OP_MEM && op->mem.base == X86_REG_RIP &&
		    op->mem.index == X86_REG_INVALID) {
			ret->target = insn->address + insn->size + (uint64_t)op->mem.disp;
			ret->has_target = true;
		}
	}
}

static bool in_group(csh engine, const cs_insn *insn, unsigned int group)
{
	return cs_insn_group(engine, insn, group);
}

/* The one immediate of a direct jump or call is where it goes. */
static void find_target(csh engine, enum image_machine machine, const cs_insn *insn,
			struct instruction *ret)
{
	bool is_branch = in_group(engine, insn, CS_GRP_JUMP) ||
			 in_group(engine, insn, CS_GRP_CALL);

	if (machine == IMAGE_MACHINE_ARM64) {
		const cs_arm64 *arm = &insn->detail->arm64;
		const cs_arm64_op *last =
			arm->op_count ? &arm->operands[arm->op_count - 1] : NULL;

		is_branch |= insn->id == ARM64_INS_BL || insn->id == ARM64_INS_ADR ||
			     insn->id == ARM64_INS_ADRP;
		if (is_branch && last && last->type == ARM64_OP_IMM) {
			ret->target = (uint64_t)last->imm;
			ret->has_target = true;
		}
		return;
	}
	if (is_branch && insn->detail->x86.op_count == 1 &&
	    insn->detail->x86.operands[0].type == X86_OP_IMM) {
		ret->target = (uint64_t)insn->detail->x86.operands[0].imm;
		ret->has_target = true;
	} else {
		find_x86_target(insn, ret);
	}
}

static void make_instruction(csh engine, enum image_machine machine, const cs_insn *insn,
			     struct instruction *ret)
{
	*ret = (struct instruction){ .vaddr = insn->address,
				     .size = MIN((size_t)insn->size,
						 (size_t)INSTRUCTION_BYTES_MAX),
				     .is_known = true };
	memcpy(ret->bytes, insn->bytes, ret->size);
	snprintf(ret->text, sizeof(ret->text), "%s%s%s", insn->mnemonic,
		 insn->op_str[0] ? " " : "", insn->op_str);
	find_target(engine, machine, insn, ret);
}

static void make_unknown(uint64_t vaddr, const uint8_t *bytes, size_t size,
			 struct instruction *ret)
{
	*ret = (struct instruction){ .vaddr = vaddr, .size = size };
	memcpy(ret->bytes, bytes, size);
	if (size == 4)
		snprintf(ret->text, sizeof(ret->text), ".inst 0x%02x%02x%02x%02x",
			 bytes[3], bytes[2], bytes[1], bytes[0]);
	else
		snprintf(ret->text, sizeof(ret->text), ".byte 0x%02x", bytes[0]);
}

/* Could more bytes make an instruction of those that are left? */
static bool may_be_cut(size_t left, size_t longest)
{
	return left < longest;
}

static int fill(csh engine, enum image_machine machine, uint64_t vaddr,
		const uint8_t *bytes, size_t size, struct disassembly *ret,
		struct err *err)
{
	size_t least = machine == IMAGE_MACHINE_ARM64 ? 4 : 1;
	size_t longest = machine == IMAGE_MACHINE_ARM64 ? 4 : 15;
	cs_insn *insn = cs_malloc(engine);

	ret->instructions = calloc(size / least + 1, sizeof(*ret->instructions));
	if (!insn || !ret->instructions) {
		if (insn)
			cs_free(insn, 1);
		return err_nomem(err);
	}
	while (size >= least) {
		const uint8_t *next = bytes;
		size_t left = size;
		uint64_t at = vaddr;

		if (cs_disasm_iter(engine, &next, &left, &at, insn)) {
			make_instruction(engine, machine, insn,
					 &ret->instructions[ret->count]);
		} else if (may_be_cut(size, longest)) {
			break;
		} else {
			make_unknown(vaddr, bytes, least, &ret->instructions[ret->count]);
		}
		vaddr += ret->instructions[ret->count].size;
		bytes += ret->instructions[ret->count].size;
		size -= ret->instructions[ret->count].size;
		ret->count++;
	}
	cs_free(insn, 1);
	return 0;
}

int disassembly_new(enum image_machine machine, uint64_t vaddr, const uint8_t *bytes,
		    size_t size, struct disassembly *ret, struct err *err)
{
	struct disassembly all = { 0 };
	csh engine;
	int r;

	if (size > CODE_MAX)
		return err_set(err, ERR_LIMIT, "%zu bytes of code are too many", size);
	r = open_engine(machine, &engine, err);
	if (r < 0)
		return r;
	r = fill(engine, machine, vaddr, bytes, size, &all, err);
	cs_close(&engine);
	if (r < 0) {
		disassembly_done(&all);
		return r;
	}
	*ret = all;
	return 0;
}

void disassembly_done(struct disassembly *disassembly)
{
	free(disassembly->instructions);
	*disassembly = (struct disassembly){ 0 };
}

/* How many of the instructions of @a begin where one of @b does; both in order. */
static size_t count_common(const struct disassembly *a, const struct disassembly *b)
{
	size_t common = 0, j = 0;

	for (size_t i = 0; i < a->count; i++) {
		while (j < b->count &&
		       b->instructions[j].vaddr < a->instructions[i].vaddr)
			j++;
		if (j < b->count && b->instructions[j].vaddr == a->instructions[i].vaddr)
			common++;
	}
	return common;
}

static bool begins_at(const struct disassembly *disassembly, uint64_t vaddr)
{
	for (size_t i = 0; i < disassembly->count; i++) {
		if (disassembly->instructions[i].vaddr == vaddr)
			return true;
	}
	return false;
}

#define STARTS_MAX 15 /* an instruction of x86 has at most as many bytes */

/* Of those that meet @known the one that shares most beginnings with the others. */
static size_t choose_start(const struct disassembly *starts, size_t count, uint64_t known)
{
	size_t best = count, best_common = 0;

	for (size_t i = 0; i < count; i++) {
		size_t common = 0;

		if (!begins_at(&starts[i], known))
			continue;
		for (size_t j = 0; j < count; j++)
			common += count_common(&starts[i], &starts[j]);
		if (best == count || common > best_common) {
			best = i;
			best_common = common;
		}
	}
	return best;
}

int disassembly_new_around(enum image_machine machine, uint64_t vaddr,
			   const uint8_t *bytes, size_t size, uint64_t known,
			   struct disassembly *ret, struct err *err)
{
	struct disassembly starts[STARTS_MAX] = { 0 };
	size_t before, count, best;
	int r = 0;

	if (known < vaddr || known - vaddr > size)
		return err_set(err, ERR_INVALID, "no code is known at 0x%" PRIx64, known);
	before = known - vaddr;
	count = MIN(before + 1, (size_t)STARTS_MAX);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = disassembly_new(machine, vaddr + i, bytes + i, size - i, &starts[i],
				    err);
	if (r == 0) {
		best = choose_start(starts, count, known);
		if (best < count) {
			*ret = starts[best];
			starts[best] = (struct disassembly){ 0 };
		} else
			r = disassembly_new(machine, known, bytes + before, size - before,
					    ret, err);
	}
	for (size_t i = 0; i < count; i++)
		disassembly_done(&starts[i]);
	return r;
}
