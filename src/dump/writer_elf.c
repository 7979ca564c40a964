// SPDX-License-Identifier: GPL-2.0-or-later
/*
 *	Ehdr | Shdr, if there are too many Phdrs | Phdrs | notes | pages, page aligned
 *
 * Memory that is mapped twice (the kernel's text) is in the file once: program headers
 * of both places lead to the same bytes. Pages of zeros are holes of the file.
 * Sources: System V gABI (extended numbering); makedumpfile's DUMP_ELF_INCOMPLETE.
 */
#include "dump/writer_elf.h"

#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/size.h"

#define ELF_INCOMPLETE 1u /* in e_flags */
#define FLAGS_OFFSET   offsetof(Elf64_Ehdr, e_flags)
#define SPLIT_PAGES    256
#define PHDRS_MAX      ((uint64_t)8 << 20)
#define PHDRS_AT_ONCE  64

void elfdump_init(struct elfdump *elf, struct output *output, uint32_t page_size)
{
	*elf = (struct elfdump){ .output = output, .page_size = page_size };
}

void elfdump_done(struct elfdump *elf)
{
	free(elf->segments);
	elf->segments = NULL;
	elf->count = elf->capacity = 0;
}

/* --- segments ------------------------------------------------------------------------
 */

static int elf_new_segment(struct elfdump *elf, uint64_t paddr, struct err *err)
{
	if (elf->count == elf->capacity) {
		size_t capacity = elf->capacity ? elf->capacity * 2 : 64;
		struct elfdump_segment *grown;

		if (capacity > PHDRS_MAX)
			return err_set(err, ERR_LIMIT,
				       "more than %" PRIu64 " pieces of memory",
				       PHDRS_MAX);
		grown = reallocarray(elf->segments, capacity, sizeof(*grown));
		if (!grown)
			return err_nomem(err);
		elf->segments = grown;
		elf->capacity = capacity;
	}
	elf->segments[elf->count++] = (struct elfdump_segment){ .paddr = paddr };
	return 0;
}

int elfdump_add(struct elfdump *elf, uint64_t pfn, uint64_t pages, bool is_kept,
		struct err *err)
{
	struct elfdump_segment *last = elf->count ? &elf->segments[elf->count - 1] : NULL;
	uint64_t paddr = pfn * elf->page_size, size = pages * elf->page_size;
	bool is_next = last && last->paddr + last->memory == paddr;
	uint64_t gap = is_next ? last->memory - last->file : 0;

	if (!is_next || (is_kept && gap >= (uint64_t)SPLIT_PAGES * elf->page_size)) {
		int r = elf_new_segment(elf, paddr, err);

		if (r < 0)
			return r;
		last = &elf->segments[elf->count - 1];
	}
	last->memory += size;
	if (is_kept)
		last->file = last->memory;
	return 0;
}

uint64_t elfdump_pages_size(const struct elfdump *elf)
{
	uint64_t size = 0;

	for (size_t i = 0; i < elf->count; i++)
		size += elf->segments[i].file;
	return size;
}

static void elf_place_segments(struct elfdump *elf, uint64_t offset)
{
	for (size_t i = 0; i < elf->count; i++) {
		elf->segments[i].offset = offset;
		offset += elf->segments[i].file;
	}
	elf->file_size = offset;
}

/* The first that ends behind @paddr. */
static size_t elf_find(const struct elfdump *elf, uint64_t paddr)
{
	size_t low = 0, high = elf->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct elfdump_segment *s = &elf->segments[middle];

		if (s->paddr + s->memory <= paddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* --- headers -------------------------------------------------------------------------
 */

/* The part of a segment that is in @load; false: none. */
static bool phdr_make(const struct elfdump_segment *segment,
		      const struct image_load *load, Elf64_Phdr *ret)
{
	uint64_t start = MAX(segment->paddr, load->paddr);
	uint64_t end =
		MIN(segment->paddr + segment->memory, load->paddr + load->size_bytes);
	uint64_t before = start - segment->paddr;

	if (start >= end)
		return false;
	*ret = (Elf64_Phdr){ .p_type = PT_LOAD,
			     .p_flags = PF_R | PF_W | PF_X,
			     .p_paddr = start,
			     .p_vaddr = load->vaddr + (start - load->paddr),
			     .p_memsz = end - start };
	if (before < segment->file) {
		ret->p_offset = segment->offset + before;
		ret->p_filesz = MIN(segment->file - before, end - start);
	}
	return true;
}

/* Program headers in a row, gathered so that a stream gets no piece for each. */
struct phdrs {
	struct elfdump *elf;
	uint64_t offset; /* 0: they are counted only */
	uint64_t count;
	Elf64_Phdr waiting[PHDRS_AT_ONCE];
	size_t waiting_count;
};

static int phdrs_flush(struct phdrs *phdrs, struct err *err)
{
	size_t size = phdrs->waiting_count * sizeof(*phdrs->waiting);
	int r;

	if (!phdrs->offset || !size)
		return 0;
	r = output_put(phdrs->elf->output, phdrs->waiting, size, phdrs->offset, NULL,
		       err);
	phdrs->offset += size;
	phdrs->waiting_count = 0;
	return r;
}

static int phdrs_add(struct phdrs *phdrs, const Elf64_Phdr *phdr, struct err *err)
{
	if (++phdrs->count > PHDRS_MAX)
		return err_set(err, ERR_LIMIT, "more than %" PRIu64 " program headers",
			       PHDRS_MAX);
	if (!phdrs->offset)
		return 0;
	phdrs->waiting[phdrs->waiting_count++] = *phdr;
	return phdrs->waiting_count == PHDRS_AT_ONCE ? phdrs_flush(phdrs, err) : 0;
}

static int phdrs_add_loads(struct phdrs *phdrs, const struct elfdump_facts *facts,
			   struct err *err)
{
	const struct elfdump *elf = phdrs->elf;
	int r = 0;

	for (size_t i = 0; i < facts->load_count && r == 0; i++) {
		size_t s = elf_find(elf, facts->loads[i].paddr);
		Elf64_Phdr phdr;

		for (; r == 0 && s < elf->count &&
		       phdr_make(&elf->segments[s], &facts->loads[i], &phdr);
		     s++)
			r = phdrs_add(phdrs, &phdr, err);
	}
	return r;
}

static Elf64_Ehdr ehdr_make(const struct elfdump_facts *facts, uint64_t phdr_count)
{
	bool is_extended = phdr_count >= PN_XNUM;
	Elf64_Ehdr ehdr = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_CORE,
		.e_machine = facts->machine == IMAGE_MACHINE_X86_64  ? EM_X86_64
			     : facts->machine == IMAGE_MACHINE_ARM64 ? EM_AARCH64
								     : EM_NONE,
		.e_version = EV_CURRENT,
		.e_flags = ELF_INCOMPLETE,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phoff = sizeof(Elf64_Ehdr) + (is_extended ? sizeof(Elf64_Shdr) : 0),
		.e_phnum = is_extended ? PN_XNUM : (uint16_t)phdr_count,
	};

	if (is_extended) {
		ehdr.e_shoff = sizeof(Elf64_Ehdr);
		ehdr.e_shentsize = sizeof(Elf64_Shdr);
		ehdr.e_shnum = 1;
	}
	return ehdr;
}

/* Of a stream all but the flags: they come last, once (output.h). */
static int ehdr_put(struct elfdump *elf, const Elf64_Ehdr *ehdr, struct err *err)
{
	const size_t after = FLAGS_OFFSET + sizeof(ehdr->e_flags);
	int r;

	if (elf->output->kind != OUTPUT_STREAM)
		return output_put(elf->output, ehdr, sizeof(*ehdr), 0, NULL, err);
	r = output_put(elf->output, ehdr, FLAGS_OFFSET, 0, NULL, err);
	if (r == 0)
		r = output_put(elf->output, (const uint8_t *)ehdr + after,
			       sizeof(*ehdr) - after, after, NULL, err);
	return r;
}

static int elf_put_headers(struct elfdump *elf, const struct elfdump_facts *facts,
			   const Elf64_Ehdr *ehdr, uint64_t phdr_count,
			   uint64_t notes_offset, struct err *err)
{
	struct phdrs phdrs = { .elf = elf, .offset = ehdr->e_phoff };
	const Elf64_Shdr shdr = { .sh_info = (uint32_t)phdr_count };
	const Elf64_Phdr note = { .p_type = PT_NOTE,
				  .p_offset = notes_offset,
				  .p_filesz = facts->notes_size,
				  .p_memsz = facts->notes_size };
	int r = ehdr_put(elf, ehdr, err);

	if (r == 0 && ehdr->e_shoff)
		r = output_put(elf->output, &shdr, sizeof(shdr), ehdr->e_shoff, NULL,
			       err);
	if (r == 0)
		r = phdrs_add(&phdrs, &note, err);
	if (r == 0)
		r = phdrs_add_loads(&phdrs, facts, err);
	if (r == 0)
		r = phdrs_flush(&phdrs, err);
	if (r == 0)
		r = output_put(elf->output, facts->notes, facts->notes_size, notes_offset,
			       NULL, err);
	return r;
}

int elfdump_begin(struct elfdump *elf, const struct elfdump_facts *facts, struct err *err)
{
	struct phdrs counted = { .elf = elf, .count = 1 };
	uint64_t notes_offset;
	Elf64_Ehdr ehdr;
	int r = phdrs_add_loads(&counted, facts, err);

	if (r < 0)
		return r;
	ehdr = ehdr_make(facts, counted.count);
	notes_offset = ehdr.e_phoff + counted.count * sizeof(Elf64_Phdr);
	elf_place_segments(elf,
			   align_up(notes_offset + facts->notes_size, elf->page_size));
	r = elf_put_headers(elf, facts, &ehdr, counted.count, notes_offset, err);
	if (r == 0)
		r = output_extend(elf->output, elf->file_size, err);
	return r < 0 ? err_in(err, r, "writing the headers of the dump") : 0;
}

/* --- pages, the end ------------------------------------------------------------------
 */

int elfdump_put(struct elfdump *elf, uint64_t pfn, const void *data, size_t pages,
		struct err *err)
{
	uint64_t paddr = pfn * elf->page_size, size = pages * elf->page_size;
	size_t i = elf_find(elf, paddr);
	const struct elfdump_segment *s = i < elf->count ? &elf->segments[i] : NULL;
	int r;

	if (!s || paddr < s->paddr || paddr - s->paddr + size > s->file)
		return err_set(err, ERR_INVALID, "pages outside of all segments");
	r = output_put(elf->output, data, size, s->offset + (paddr - s->paddr), NULL,
		       err);
	return r < 0 ? err_in(err, r, "writing pages") : 0;
}

/* A stream's file ends where its last piece does. */
static int elf_put_end(struct elfdump *elf, struct err *err)
{
	const uint8_t zero = 0;

	if (atomic_load(&elf->output->end) >= elf->file_size)
		return 0;
	return output_put(elf->output, &zero, 1, elf->file_size - 1, NULL, err);
}

static int elf_put_flags(struct elfdump *elf, bool is_complete, struct err *err)
{
	const uint32_t flags = is_complete ? 0 : ELF_INCOMPLETE;

	return output_put(elf->output, &flags, sizeof(flags), FLAGS_OFFSET, NULL, err);
}

int elfdump_end(struct elfdump *elf, bool is_complete, struct err *err)
{
	bool is_stream = elf->output->kind == OUTPUT_STREAM;
	int r = 0;

	if (!is_stream)
		r = output_sync(elf->output, err);
	else if (is_complete)
		r = elf_put_end(elf, err);
	if (r == 0 && (is_stream || is_complete))
		r = elf_put_flags(elf, is_complete, err);
	if (r == 0 && (is_stream || is_complete))
		r = output_end(elf->output, err);
	return r;
}

bool elfdump_mark_incomplete(int fd)
{
	Elf64_Ehdr header;

	if (fd_pread_full(fd, &header, sizeof(header), 0, NULL) < 0 ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    header.e_ident[EI_DATA] != ELFDATA2LSB)
		return false;
	header.e_flags |= ELF_INCOMPLETE;
	return fd_pwrite_full(fd, &header, sizeof(header), 0, NULL) == 0;
}
