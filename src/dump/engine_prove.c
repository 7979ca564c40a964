// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The dump proves itself: before it is called complete, what was written is opened
 * again, by the reader that will open it one day, and every page of the core is read
 * from it and held against the source.
 *
 * The core is what the readers of kernel/ read to give the log, each task with its
 * stack, modules, symbols and types (core.c), page tables and all. What they say
 * depends on the bytes of these pages alone; so where all are there, and the same, they
 * say of the dump what they say of the source. The kernel is opened and its log read,
 * too: that needs headers, notes and VMCOREINFO beside the pages.
 *
 * A page that is not there, or not the same, is written again, behind all others; what
 * still can't be read then is named, and the dump is not called complete.
 *
 * A stream can't be read again, and nothing is there of a try.
 */
#include "dump/engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dump/select.h"
#include "kernel/kernel.h"
#include "kernel/printk.h"

struct prover {
	struct engine *engine;
	struct image *written;
	uint8_t *source, *copy; /* a page each */
	uint64_t proved, repaired, missing;
	uint64_t first_missing; /* a page frame */
	char why[128];		/* of it */
};

/* What becomes of a page that is not as it should be. */
enum prove_mode {
	PROVE_COUNT, /* is counted as missing: by any number of threads at once */
	PROVE_REPAIR,
	PROVE_NAME, /* counted, and the first is named */
};

/* The bits of the unit that @pfn is in, and the number of the page among all that are
 * kept. ERR_NOTFOUND: it was not selected. */
static int prove_find(const struct prover *p, uint64_t pfn, uint64_t *ret_index,
		      struct err *err)
{
	struct engine *engine = p->engine;
	uint64_t unit = order_find_unit(&engine->order, pfn), index;
	size_t before = pfn % UNIT_PAGES;
	uint8_t kept[UNIT_BYTES];
	int r;

	if (unit == engine->order.unit_count)
		return err_set(err, ERR_NOTFOUND, "it is in no unit");
	if (!engine->chunks.items[unit / UNITS_PER_CHUNK].kept)
		return err_set(err, ERR_NOTFOUND, "it was not selected");
	r = engine_unit_bits(engine, unit, kept, &index, err);
	if (r < 0)
		return r;
	if (!bit_is_set(kept, before))
		return err_set(err, ERR_NOTFOUND, "it was not selected");
	for (size_t i = 0; i < before; i++)
		index += bit_is_set(kept, i);
	*ret_index = index;
	return 0;
}

/* Behind all that is there, not compressed: it is one or two. */
static int prove_repair_kdump(struct prover *p, uint64_t index, struct err *err)
{
	struct engine *engine = p->engine;
	uint64_t offset;
	struct diskdump_desc desc;
	size_t written;
	int r;

	r = diskdump_append(&engine->dump, p->source, engine->page_size, &offset,
			    &written, err);
	if (r < 0)
		return r;
	desc = diskdump_desc_make(offset, engine->page_size, 0);
	return diskdump_set_descs(&engine->dump, index, &desc, 1, err);
}

static int prove_repair(struct prover *p, uint64_t pfn, struct err *err)
{
	uint64_t index;
	int r = prove_find(p, pfn, &index, err);

	if (r < 0)
		return r;
	return engine_is_elf(p->engine)
		       ? elfdump_put(&p->engine->elf, pfn, p->source, 1, err)
		       : prove_repair_kdump(p, index, err);
}

/*
 * What was taken along as a whole and turned out to be somebody else's, as memory of the
 * kernel's image that was given away after boot: it is not in the dump, and a hole of an
 * ELF file reads as zeros.
 */
static bool prove_was_left_out(const struct prover *p, uint64_t pfn)
{
	uint64_t index;

	return page_set_has(&p->engine->core.doubtful, pfn) &&
	       prove_find(p, pfn, &index, NULL) == ERR_NOTFOUND;
}

static void prove_name(struct prover *p, uint64_t pfn, const char *why)
{
	if (p->missing++ == 0) {
		p->first_missing = pfn;
		snprintf(p->why, sizeof(p->why), "%.127s", why);
	}
}

/* A page that the source can't give either is counted elsewhere. */
static void prove_page(struct prover *p, uint64_t pfn, enum prove_mode mode)
{
	struct engine *engine = p->engine;
	uint64_t paddr = pfn * engine->page_size;
	struct err why = { 0 };
	int r;

	if (image_read(engine->image, paddr, p->source, engine->page_size, NULL) < 0)
		return;
	r = image_read(p->written, paddr, p->copy, engine->page_size, &why);
	if (r == 0 && memcmp(p->source, p->copy, engine->page_size) == 0) {
		p->proved++;
		return;
	}
	if (prove_was_left_out(p, pfn))
		return;
	if (r == 0)
		err_set(&why, ERR_CORRUPT, "it is not as the source has it");
	if (mode == PROVE_REPAIR && prove_repair(p, pfn, &why) == 0)
		p->repaired++;
	else
		prove_name(p, pfn, err_text(&why));
}

static bool prove_is_kept(const struct prover *p, uint64_t pfn)
{
	/* What of the core is no RAM, or was not in the source, was never there. */
	return image_has_page(p->engine->image, pfn * p->engine->page_size);
}

static void prove_block(struct prover *p, const struct page_set_block *block,
			enum prove_mode mode)
{
	for (uint64_t k = 0; k < PAGE_SET_BLOCK_PAGES; k++) {
		uint64_t pfn = page_set_block_pfn(block) + k;

		if ((block->bits[k / 64] >> k % 64 & 1) && prove_is_kept(p, pfn))
			prove_page(p, pfn, mode);
	}
}

static void prove_pages(struct prover *p, enum prove_mode mode)
{
	const struct page_set *set = &p->engine->core.pages;

	p->proved = p->missing = p->repaired = 0;
	for (size_t i = 0; i < set->count; i++)
		prove_block(p, &set->blocks[i], mode);
}

static void worker_prove(struct worker *worker)
{
	struct engine *engine = worker->engine;
	struct prover *p = worker->prover;
	uint64_t i;

	while ((i = atomic_fetch_add(&engine->next_job, 1)) < engine->job_end)
		prove_block(p, &engine->core.pages.blocks[i], PROVE_COUNT);
}

static int prover_init(struct prover *p, struct engine *engine, struct image *written,
		       struct err *err)
{
	*p = (struct prover){ .engine = engine, .written = written };
	p->source = malloc(2 * (size_t)engine->page_size);
	if (!p->source)
		return err_nomem(err);
	p->copy = p->source + engine->page_size;
	return 0;
}

/* By all threads: most of it is unpacking. With fewer where memory is short. */
static void prove_count(struct prover *p)
{
	struct engine *engine = p->engine;
	struct worker workers[THREADS_MAX] = { 0 };
	struct prover others[THREADS_MAX];
	unsigned int count = 1, wanted;

	p->proved = p->missing = 0;
	workers[0].prover = p;
	atomic_store(&engine->next_job, 0);
	engine->job_end = engine->core.pages.count;
	wanted = engine_thread_count(engine, engine->job_end);
	while (count < wanted &&
	       prover_init(&others[count], engine, p->written, NULL) == 0) {
		workers[count].prover = &others[count];
		count++;
	}
	engine_work(engine, workers, count, worker_prove);
	for (unsigned int i = 1; i < count; i++) {
		p->proved += others[i].proved;
		p->missing += others[i].missing;
		free(others[i].source);
	}
}

/* That of the file that is being written, whatever its name is, or was. */
static int prove_open(struct prover *p, struct err *err)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", p->engine->output.fd);
	image_close(p->written);
	p->written = NULL;
	return image_open(path, &p->written, err);
}

static int prove_log(struct prover *p, struct err *err)
{
	_cleanup_kernel struct kernel *kernel = NULL;
	_cleanup_printk_log struct printk_log log = { 0 };
	int r = kernel_open(p->written, &kernel, err);

	if (r < 0 || !p->engine->core.log_records)
		return r;
	r = printk_read(kernel, &log, err);
	if (r == 0 && log.count < p->engine->core.log_records)
		r = err_set(err, ERR_CORRUPT, "the log has %zu records, not %zu",
			    log.count, p->engine->core.log_records);
	return r;
}

/* Only a dump that is not as it should be is gone through again, page by page. */
static int prove_rounds(struct prover *p, struct err *err)
{
	uint64_t repaired = 0;
	int r = prove_open(p, err);

	if (r == 0)
		prove_count(p);
	if (r == 0 && p->missing) {
		prove_pages(p, PROVE_REPAIR);
		repaired = p->repaired;
		r = prove_open(p, err);
		if (r == 0)
			prove_pages(p, PROVE_NAME);
	}
	p->repaired = repaired;
	if (r == 0 && p->missing)
		r = err_set(err, ERR_TRUNCATED,
			    "%" PRIu64 " pages that a first answer needs are not in it, "
			    "the first is 0x%" PRIx64 ": %s",
			    p->missing, p->first_missing, p->why);
	return r == 0 ? prove_log(p, err) : r;
}

static void prove_tell(const struct prover *p, int r, const struct err *why)
{
	struct dump_result *result = p->engine->result;

	result->proof = r == 0 ? DUMP_PROOF_DONE : DUMP_PROOF_FAILED;
	result->pages_proved = p->proved;
	result->pages_repaired = p->repaired;
	if (r < 0)
		snprintf(result->proof_why, sizeof(result->proof_why), "%.250s",
			 err_text(why));
	if (p->repaired)
		log_warning(p->engine->options->log,
			    "%" PRIu64
			    " pages that a first answer needs could not be read "
			    "from the dump: they were written again",
			    p->repaired);
}

int engine_prove(struct engine *engine, struct err *err)
{
	struct prover p;
	struct dump_result *result = engine->result;
	struct err why = { 0 };
	int r;

	if (!engine->core.pages.count || engine->output.kind != OUTPUT_FILE) {
		snprintf(result->proof_why, sizeof(result->proof_why), "%.250s",
			 engine->core.pages.count ? "a stream can't be read again"
						  : result->core_missing);
		return 0;
	}
	if (prover_init(&p, engine, NULL, err) < 0)
		return ERR_NOMEM;
	r = prove_rounds(&p, &why);
	prove_tell(&p, r, &why);
	image_close(p.written);
	free(p.source);
	if (r < 0 && err)
		*err = why;
	return r < 0 ? err_in(err, r, "reading the dump again") : 0;
}
