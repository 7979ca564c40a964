// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A dump is written in two phases, once it is known what a first answer needs (core.c).
 *
 * A: for each chunk of page frames (32768 of them, 128 MiB on x86-64) the memmap says
 *    which pages are kept; the chunk's bits go straight to their place in the file, and
 *    only their number stays in memory. Summed up, the numbers say where each chunk's
 *    descriptors begin. (engine_select.c)
 * B: the pages, a unit (an eighth of a chunk) at a time, in the order of their worth.
 *    (order.h, engine_pack.c; engine_elf.c)
 *
 * Then what a first answer needs is read again from the file (engine_prove.c), and the
 * mark "incomplete" goes.
 *
 * Memory: for the core about 20 MiB with the symbols and types of a distribution's
 * kernel, given back before A; in A 2.2 MiB a worker (struct pages and bits of one
 * chunk), given back before B; in B below 2 MiB a worker. All the time 32 bytes a chunk
 * with RAM: 256 KiB for a TiB; the core, 72 bytes for each MiB or two that has a page of
 * it; and at levels below 31 at most 4 MiB for the order. A stream can't be read again:
 * there the bits stay in memory, 32 MiB for a TiB, and go out once they are all decided.
 *
 * A failure in B (a full disk, most of all) ends all workers, after each has written what
 * it has; the file stays marked "incomplete".
 */
#include "dump/dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dump/engine.h"
#include "dump/facts.h"

#define MINI_ZSTD_LEVEL 5

/* What is not whole, though nothing failed. */
static int engine_check_whole(const struct engine *engine, struct err *err)
{
	const struct dump_result *result = engine->result;

	if (result->pages_unreadable)
		return err_set(err, ERR_TRUNCATED,
			       "the source could not give %" PRIu64 " of %" PRIu64
			       " pages",
			       result->pages_unreadable, engine->pages_kept);
	if (engine->rank_max < RANK_REST && !engine_is_mini(engine))
		return err_set(err, ERR_LIMIT,
			       "the limit of %" PRIu64 " bytes leaves no room for %s",
			       engine->options->size_limit,
			       engine->rank_max == RANK_KERNEL
				       ? "what is not the kernel's"
			       : engine->rank_max == RANK_IMAGE
				       ? "more than the kernel's image"
				       : "more than a first answer needs");
	return 0;
}

/* Were all pages written that the source could give? */
static int engine_check_written(const struct engine *engine, struct err *err)
{
	const struct packer_counts *counts = &engine->counts;

	if (counts->written + counts->unreadable < engine->pages_kept)
		return err_set(err, ERR_TRUNCATED, "stopped");
	return 0;
}

/* Until the first page: the headers, and which pages. */
static int engine_begin(struct engine *engine, struct kernel *kernel, int fd,
			struct err *err)
{
	struct diskdump_facts facts;
	int r;

	facts_gather(engine->image, kernel,
		     engine_is_mini(engine) ? DUMP_LEVEL_MAX : engine->level,
		     engine->options->codec, &facts);
	engine->page_size = engine->job.page_size = facts.page_size;
	r = chunks_init(&engine->chunks, engine->image, engine->page_size, err);
	if (r == 0)
		r = output_begin(&engine->output, engine->options->output, fd,
				 engine->options->size_limit, err);
	if (r == 0)
		r = engine_find_core(engine, kernel, err);
	if (r < 0 || engine_is_elf(engine))
		return r < 0 ? r : engine_begin_elf(engine, kernel, &facts, err);
	r = diskdump_begin(&engine->dump, &facts, &engine->output, err);
	if (r == 0)
		r = engine_select(engine, kernel, err);
	if (r == 0)
		r = diskdump_begin_pages(&engine->dump, engine->pages_kept, err);
	return r;
}

static int engine_end(struct engine *engine, bool is_complete, struct err *err)
{
	return engine_is_elf(engine) ? elfdump_end(&engine->elf, is_complete, err)
				     : diskdump_end(&engine->dump, is_complete, err);
}

static int engine_run(struct engine *engine, struct kernel *kernel, int fd,
		      struct err *err)
{
	struct err end_err = { 0 };
	int r = engine_begin(engine, kernel, fd, err);

	if (r < 0)
		return r;
	r = engine_is_elf(engine) ? engine_copy(engine, err) : engine_pack(engine, err);
	engine_progress(engine, false, true);
	if (r == 0)
		r = engine_check_written(engine, err);
	if (r == 0)
		r = engine_prove(engine, err);
	if (r == 0)
		r = engine_check_whole(engine, err);
	if (r == 0)
		return engine_end(engine, true, err);
	if (engine_end(engine, false, &end_err) < 0)
		log_warning(engine->options->log, "%s, more of it may be lost",
			    err_text(&end_err));
	return r;
}

static int engine_check_options(const struct dump_options *options, struct err *err)
{
	if (options->level != DUMP_LEVEL_MINI &&
	    (options->level < 0 || options->level > DUMP_LEVEL_MAX))
		return err_set(err, ERR_INVALID, "no level %d: 0 to %d", options->level,
			       DUMP_LEVEL_MAX);
	return 0;
}

/* "writing pages: No space left on device after 123 of 456 pages" */
static void engine_tell_incomplete(struct engine *engine, const struct err *why)
{
	struct dump_result *result = engine->result;

	if (engine->pages_kept && result->pages_written < engine->pages_kept &&
	    !result->pages_unreadable)
		snprintf(result->incomplete_why, sizeof(result->incomplete_why),
			 "%.180s after %" PRIu64 " of %" PRIu64 " pages", err_text(why),
			 result->pages_written, engine->pages_kept);
	else
		snprintf(result->incomplete_why, sizeof(result->incomplete_why), "%.250s",
			 err_text(why));
}

/* There is little to pack of a mini dump, and it is to be small. */
static int engine_codec_level(const struct dump_options *options)
{
	bool is_default = options->codec == CODEC_ZSTD && !options->codec_level;

	return options->level == DUMP_LEVEL_MINI && is_default ? MINI_ZSTD_LEVEL
							       : options->codec_level;
}

int dump_write(struct image *image, struct kernel *kernel,
	       const struct dump_options *options, int fd, struct dump_result *ret,
	       struct err *err)
{
	struct engine engine = {
		.image = image,
		.options = options,
		.result = ret,
		.level = options->level,
		.rank_max = options->level == DUMP_LEVEL_MINI ? RANK_CORE : RANK_REST,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.job = { .image = image,
			 .dump = &engine.dump,
			 .codec = options->codec,
			 .codec_level = engine_codec_level(options),
			 .cancel = options->cancel },
	};
	struct err why = { 0 };
	int r;

	*ret = (struct dump_result){ .selection = DUMP_SELECTION_ZERO };
	r = engine_check_options(options, &why);
	if (r == 0)
		r = engine_run(&engine, kernel, fd, &why);
	ret->bytes_written = atomic_load(&engine.output.end);
	ret->is_complete = r == 0;
	if (r < 0) {
		engine_tell_incomplete(&engine, &why);
		if (err)
			*err = why;
	}
	order_done(&engine.order);
	core_done(&engine.core);
	chunks_done(&engine.chunks);
	elfdump_done(&engine.elf);
	return r;
}

const char *dump_selection_name(enum dump_selection selection)
{
	static const char *const names[] = { "memmap", "zero", "core" };

	return names[selection];
}

const char *dump_proof_name(enum dump_proof proof)
{
	static const char *const names[] = { "none", "done", "failed" };

	return names[proof];
}
