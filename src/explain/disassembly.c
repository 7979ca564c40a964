// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/disassembly.h"

#include <capstone/capstone.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"

#define CODE_MAX (1u << 20) /* no function is as long */

/*
 * libcapstone takes 3 MiB of memory where it is linked, for tables that most commands
 * never look at. So it is loaded when it is needed; without it code is shown as bytes.
 */
struct engine {
	void *library;
	csh handle;
	enum image_machine machine;
	cs_err (*open)(cs_arch, cs_mode, csh *);
	cs_err (*close)(csh *);
	cs_err (*option)(csh, cs_opt_type, size_t);
	cs_insn *(*malloc)(csh);
	void (*free)(cs_insn *, size_t);
	bool (*next)(csh, const uint8_t **, size_t *, uint64_t *, cs_insn *);
	bool (*in_group)(csh, const cs_insn *, unsigned int);
};

/* Of the version whose headers this was built with: its structs are laid out by these. */
#define TEXT_OF(number)	  #number
#define LIBRARY_OF(major) "libcapstone.so." TEXT_OF(major)
#define LIBRARY		  LIBRARY_OF(CS_API_MAJOR)

static int load_library(struct engine *engine, struct err *err)
{
	const struct {
		const char *name;
		void *ret;
	} symbols[] = {
		{ "cs_open", &engine->open },
		{ "cs_close", &engine->close },
		{ "cs_option", &engine->option },
		{ "cs_malloc", &engine->malloc },
		{ "cs_free", &engine->free },
		{ "cs_disasm_iter", &engine->next },
		{ "cs_insn_group", &engine->in_group },
	};

	engine->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!engine->library)
		return err_set(
			err, ERR_UNSUPPORTED,
			"libcapstone is not there to show code as instructions: %s",
			dlerror());
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		void *symbol = dlsym(engine->library, symbols[i].name);

		if (!symbol)
			return err_set(err, ERR_UNSUPPORTED, "%s has no %s", LIBRARY,
				       symbols[i].name);
		memcpy(symbols[i].ret, &symbol, sizeof(symbol));
	}
	return 0;
}

static void close_engine(struct engine *engine)
{
	if (engine->handle)
		engine->close(&engine->handle);
	if (engine->library)
		dlclose(engine->library);
}

static int open_engine(enum image_machine machine, struct engine *engine, struct err *err)
{
	bool is_arm64 = machine == IMAGE_MACHINE_ARM64;
	int r;

	*engine = (struct engine){ .machine = machine };
	if (!is_arm64 && machine != IMAGE_MACHINE_X86_64)
		return err_set(err, ERR_UNSUPPORTED, "code of this machine is not known");
	r = load_library(engine, err);
	if (r < 0)
		return r;
	if (engine->open(is_arm64 ? CS_ARCH_ARM64 : CS_ARCH_X86,
			 is_arm64 ? CS_MODE_LITTLE_ENDIAN : CS_MODE_64,
			 &engine->handle) != CS_ERR_OK)
		return err_set(err, ERR_UNSUPPORTED,
			       "libcapstone does not know this machine");
	engine->option(engine->handle, CS_OPT_DETAIL, CS_OPT_ON);
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

/* The one immediate of a direct jump or call is where it goes. */
static void find_target(const struct engine *engine, const cs_insn *insn,
			struct instruction *ret)
{
	bool is_branch = engine->in_group(engine->handle, insn, CS_GRP_JUMP) ||
			 engine->in_group(engine->handle, insn, CS_GRP_CALL);

	if (engine->machine == IMAGE_MACHINE_ARM64) {
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

static void make_instruction(const struct engine *engine, const cs_insn *insn,
			     struct instruction *ret)
{
	*ret = (struct instruction){ .vaddr = insn->address,
				     .size = MIN((size_t)insn->size,
						 (size_t)INSTRUCTION_BYTES_MAX),
				     .is_known = true };
	memcpy(ret->bytes, insn->bytes, ret->size);
	snprintf(ret->text, sizeof(ret->text), "%s%s%s", insn->mnemonic,
		 insn->op_str[0] ? " " : "", insn->op_str);
	find_target(engine, insn, ret);
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

static int fill(const struct engine *engine, uint64_t vaddr, const uint8_t *bytes,
		size_t size, struct disassembly *ret, struct err *err)
{
	size_t least = engine->machine == IMAGE_MACHINE_ARM64 ? 4 : 1;
	size_t longest = engine->machine == IMAGE_MACHINE_ARM64 ? 4 : 15;
	cs_insn *insn = engine->malloc(engine->handle);

	ret->instructions = calloc(size / least + 1, sizeof(*ret->instructions));
	if (!insn || !ret->instructions) {
		if (insn)
			engine->free(insn, 1);
		return err_nomem(err);
	}
	while (size >= least) {
		const uint8_t *next = bytes;
		size_t left = size;
		uint64_t at = vaddr;

		if (engine->next(engine->handle, &next, &left, &at, insn)) {
			make_instruction(engine, insn, &ret->instructions[ret->count]);
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
	engine->free(insn, 1);
	return 0;
}

int disassembly_new(enum image_machine machine, uint64_t vaddr, const uint8_t *bytes,
		    size_t size, struct disassembly *ret, struct err *err)
{
	struct disassembly all = { 0 };
	struct engine engine;
	int r;

	if (size > CODE_MAX)
		return err_set(err, ERR_LIMIT, "%zu bytes of code are too many", size);
	r = open_engine(machine, &engine, err);
	if (r == 0)
		r = fill(&engine, vaddr, bytes, size, &all, err);
	close_engine(&engine);
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
