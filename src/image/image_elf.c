// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ELF vmcores: /proc/vmcore and its copies, makedumpfile -E, QEMU's dump-guest-memory.
 * Source: Linux fs/proc/vmcore.c, kernel/kexec_core.c, uapi/linux/elf.h; makedumpfile's
 * elf_info.c; System V gABI for extended numbering.
 *
 *	Ehdr | Phdrs | PT_NOTE bytes | bytes of the PT_LOADs
 *
 * p_paddr says which memory a PT_LOAD is. They may overlap: the kernel's text has a
 *PT_LOAD of its own, over its part of RAM; both lead to the same bytes of memory. Bytes
 *beyond p_filesz, up to p_memsz, were left out by the writer. p_vaddr is only kept, for
 *who writes an ELF file: virtual memory is translated by page tables, above this folder.
 *
 * 32-bit headers are read too: kexec-tools asks for them by --elf32-core-headers, for a
 * 64-bit kernel with all of its memory below 4 GiB. It refuses big-endian files, and
 *cores of processes.
 */
#include <elf.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "image/image_format.h"

/* makedumpfile -E splits at each 256 pages left out: 8 TiB of the worst memory. */
#define ELF_PHDR_MAX   ((uint32_t)8 << 20)
#define ELF_PHDR_CHUNK 64	  /* read at once */
#define ELF_INCOMPLETE 0x1	  /* e_flags; makedumpfile's DUMP_ELF_INCOMPLETE */
#define ELF_PADDR_NONE UINT64_MAX /* p_paddr of what is no RAM, in /proc/kcore */
#define ELF_PADDR_MAX  ((uint64_t)1 << 52) /* x86-64 and arm64 have no more bits */
#define ELF_CUT_MAX    4096 /* a file that is cut has no smaller part of a segment */
#define ELF_NOTE_WIDE  8    /* p_align of the few PT_NOTEs that are not padded to 4 */
#define ELF_NOTE_AUXV  6    /* NT_AUXV, NT_FILE: only cores of processes have them */
#define ELF_NOTE_FILE  0x46494c45

/* Bytes of the file that are the memory [paddr, end). */
struct elf_segment {
	uint64_t paddr;
	uint64_t end;
	uint64_t offset;
};

/* Sorted, without overlaps once elf_list_seal() is done. */
struct elf_list {
	struct elf_segment *items;
	size_t count, capacity;
};

struct elf_context {
	struct elf_list data;	  /* in the file */
	struct elf_list lost;	  /* should be in the file, behind its end */
	struct elf_list filtered; /* p_filesz ... p_memsz */
	uint64_t bytes_lost;
	uint64_t slack; /* less of notes than the headers say: see elf_find_slack() */
	bool is_32bit;
	size_t phdr_size;
};

/* --- lists of segments ------------------------------------------------------------ */

static int elf_list_add(struct elf_list *list, uint64_t paddr, uint64_t size,
			uint64_t offset, struct err *err)
{
	if (size == 0)
		return 0;
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 16;
		struct elf_segment *grown =
			realloc(list->items, capacity * sizeof(*list->items));

		if (!grown)
			return err_nomem(err);
		list->items = grown;
		list->capacity = capacity;
	}
	list->items[list->count++] = (struct elf_segment){ .paddr = paddr,
							   .end = paddr + size,
							   .offset = offset };
	return 0;
}

static int compare_segments(const void *a, const void *b)
{
	const struct elf_segment *x = a, *y = b;

	return (x->paddr > y->paddr) - (x->paddr < y->paddr);
}

/* Sorts, and cuts off a segment's beginning where one before it has that memory too. */
static void elf_list_seal(struct elf_list *list)
{
	uint64_t covered = 0;
	size_t n = 0;

	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare_segments);
	for (size_t i = 0; i < list->count; i++) {
		struct elf_segment s = list->items[i];

		if (s.end <= covered)
			continue;
		if (s.paddr < covered) {
			s.offset += covered - s.paddr;
			s.paddr = covered;
		}
		covered = s.end;
		list->items[n++] = s;
	}
	list->count = n;
}

static const struct elf_segment *elf_list_find(const struct elf_list *list,
					       uint64_t paddr)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct elf_segment *s = &list->items[middle];

		if (paddr < s->paddr)
			high = middle;
		else if (paddr >= s->end)
			low = middle + 1;
		else
			return s;
	}
	return NULL;
}

/* Where the next segment begins behind @paddr, which is in none; @end without one. */
static uint64_t elf_list_next(const struct elf_list *list, uint64_t paddr, uint64_t end)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list->items[middle].paddr > paddr)
			high = middle;
		else
			low = middle + 1;
	}
	return low < list->count ? MIN(list->items[low].paddr, end) : end;
}

/* --- headers ---------------------------------------------------------------------- */

static bool elf_probe(const uint8_t *head, size_t size)
{
	return size >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0;
}

static enum image_machine elf_machine(uint16_t e_machine)
{
	switch (e_machine) {
	case EM_X86_64:
		return IMAGE_MACHINE_X86_64;
	case EM_AARCH64:
		return IMAGE_MACHINE_ARM64;
	}
	return IMAGE_MACHINE_UNKNOWN;
}

/* What is looked at of a 32-bit file's headers, as in a 64-bit one. */
static Elf64_Ehdr widen_ehdr(const Elf32_Ehdr *h)
{
	return (Elf64_Ehdr){ .e_type = h->e_type,
			     .e_machine = h->e_machine,
			     .e_phoff = h->e_phoff,
			     .e_shoff = h->e_shoff,
			     .e_flags = h->e_flags,
			     .e_phentsize = h->e_phentsize,
			     .e_phnum = h->e_phnum };
}

static Elf64_Phdr widen_phdr(const Elf32_Phdr *h)
{
	return (Elf64_Phdr){ .p_type = h->p_type,
			     .p_offset = h->p_offset,
			     .p_paddr = h->p_paddr == UINT32_MAX ? ELF_PADDR_NONE
								 : h->p_paddr,
			     .p_filesz = h->p_filesz,
			     .p_memsz = h->p_memsz,
			     .p_align = h->p_align };
}

static int elf_read_ehdr(struct image *image, Elf64_Ehdr *ret, struct err *err)
{
	const struct elf_context *c = image->context;
	Elf32_Ehdr narrow;
	int r;

	if (!c->is_32bit)
		return image_file_read(&image->file, 0, ret, sizeof(*ret), err);
	r = image_file_read(&image->file, 0, &narrow, sizeof(narrow), err);
	if (r == 0)
		*ret = widen_ehdr(&narrow);
	return r;
}

/* Program headers from number @first on. */
static int elf_read_phdr_chunk(struct image *image, const Elf64_Ehdr *ehdr,
			       uint32_t first, uint32_t count,
			       Elf64_Phdr ret[ELF_PHDR_CHUNK], struct err *err)
{
	const struct elf_context *c = image->context;
	uint64_t offset = ehdr->e_phoff + (uint64_t)first * c->phdr_size;
	Elf32_Phdr narrow[ELF_PHDR_CHUNK];
	int r;

	if (!c->is_32bit)
		return image_file_read(&image->file, offset, ret, count * sizeof(*ret),
				       err);
	r = image_file_read(&image->file, offset, narrow, count * sizeof(*narrow), err);
	for (uint32_t i = 0; i < count && r == 0; i++)
		ret[i] = widen_phdr(&narrow[i]);
	return r;
}

/* The Ehdr in this machine's byte order, which is little endian wherever this runs. */
static int elf_read_header(struct image *image, Elf64_Ehdr *ret, struct err *err)
{
	struct elf_context *c = image->context;
	uint8_t ident[EI_NIDENT];
	int r = image_file_read(&image->file, 0, ident, sizeof(ident), err);

	if (r < 0)
		return err_in(err, r, "reading the ELF header");
	if (ident[EI_CLASS] != ELFCLASS64 && ident[EI_CLASS] != ELFCLASS32)
		return err_set(err, ERR_UNSUPPORTED,
			       "it is an ELF file of neither 32 nor 64 bits (class %u)",
			       ident[EI_CLASS]);
	c->is_32bit = ident[EI_CLASS] == ELFCLASS32;
	c->phdr_size = c->is_32bit ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr);
	if (ident[EI_DATA] != ELFDATA2LSB)
		return err_set(err, ERR_UNSUPPORTED,
			       "it is an ELF file of a big-endian machine (data %u)",
			       ident[EI_DATA]);
	r = elf_read_ehdr(image, ret, err);
	if (r < 0)
		return err_in(err, r, "reading the ELF header");
	if (ret->e_type != ET_CORE)
		return err_set(err, ERR_UNSUPPORTED,
			       "it is an ELF file of type %u, not a core: a program, a "
			       "library or a vmlinux",
			       ret->e_type);
	if (ret->e_phentsize != c->phdr_size)
		return err_set(err, ERR_CORRUPT,
			       "its program headers have %u bytes, not %zu",
			       ret->e_phentsize, c->phdr_size);
	return 0;
}

/* More than 65534 program headers: their number is in section header 0. */
static int elf_phdr_count(struct image *image, const Elf64_Ehdr *ehdr, uint32_t *ret,
			  struct err *err)
{
	const struct elf_context *c = image->context;
	uint64_t info = ehdr->e_shoff + (c->is_32bit ? offsetof(Elf32_Shdr, sh_info)
						     : offsetof(Elf64_Shdr, sh_info));
	uint32_t count = ehdr->e_phnum;
	uint64_t size;
	int r;

	if (count == PN_XNUM) {
		r = image_file_read(&image->file, info, &count, sizeof(count), err);
		if (r < 0)
			return err_in(err, r, "reading the number of program headers");
	}
	if (count > ELF_PHDR_MAX)
		return err_set(err, ERR_LIMIT, "%u program headers are more than %u",
			       count, ELF_PHDR_MAX);
	size = (uint64_t)count * c->phdr_size;
	if (!image_file_has(&image->file, ehdr->e_phoff, size))
		return err_set(
			err, ERR_TRUNCATED,
			"the file ends at byte %llu, inside its %u program headers",
			(unsigned long long)image->file.size, count);
	*ret = count;
	return 0;
}

/* --- program headers -------------------------------------------------------------- */

static int elf_keep_load(struct image *image, const Elf64_Phdr *phdr, uint64_t size,
			 struct err *err)
{
	struct image_load *last =
		image->load_count ? &image->loads[image->load_count - 1] : NULL;

	if (last && phdr->p_paddr - last->paddr == last->size_bytes &&
	    phdr->p_vaddr - last->vaddr == last->size_bytes) {
		last->size_bytes += size;
		return 0;
	}
	if (image->load_count == image->load_capacity) {
		size_t capacity = image->load_capacity ? image->load_capacity * 2 : 16;
		struct image_load *grown =
			reallocarray(image->loads, capacity, sizeof(*grown));

		if (!grown)
			return err_nomem(err);
		image->loads = grown;
		image->load_capacity = capacity;
	}
	image->loads[image->load_count++] =
		(struct image_load){ phdr->p_paddr, phdr->p_vaddr, size };
	return 0;
}

static int elf_add_load(struct image *image, const Elf64_Phdr *phdr, struct err *err)
{
	struct elf_context *c = image->context;
	uint64_t filesz = phdr->p_filesz, memory = MAX(phdr->p_memsz, filesz);
	uint64_t in_file = 0, end;
	int r;

	if (phdr->p_paddr == ELF_PADDR_NONE)
		return 0;
	if (!u64_add(phdr->p_paddr, memory, &end) ||
	    !u64_add(phdr->p_offset, phdr->p_filesz, &end))
		return err_set(
			err, ERR_CORRUPT,
			"a segment at physical address 0x%llx goes beyond all memory",
			(unsigned long long)phdr->p_paddr);
	if (phdr->p_paddr + memory > ELF_PADDR_MAX) {
		image_set_incomplete(
			image,
			"a segment at physical address 0x%llx is damaged: no "
			"machine has memory there",
			(unsigned long long)phdr->p_paddr);
		return 0;
	}
	if (phdr->p_offset < image->file.size)
		in_file = MIN(filesz, image->file.size - phdr->p_offset);
	if (filesz / ELF_CUT_MAX > image->file.size) {
		image_set_incomplete(image,
				     "a segment at physical address 0x%llx is damaged: "
				     "it has 0x%llx bytes of a file of 0x%llx",
				     (unsigned long long)phdr->p_paddr,
				     (unsigned long long)filesz,
				     (unsigned long long)image->file.size);
		filesz = in_file;
		memory = MAX(phdr->p_memsz, filesz);
	}
	c->bytes_lost += filesz - in_file;
	r = elf_list_add(&c->data, phdr->p_paddr, in_file, phdr->p_offset, err);
	if (r == 0)
		r = elf_list_add(&c->lost, phdr->p_paddr + in_file, filesz - in_file, 0,
				 err);
	if (r == 0)
		r = elf_list_add(&c->filtered, phdr->p_paddr + filesz, memory - filesz, 0,
				 err);
	if (r == 0)
		r = elf_keep_load(image, phdr, memory, err);
	return r;
}

/* Appends the bytes of one PT_NOTE. What goes beyond the limit or the file is told. */
static int elf_add_note(struct image *image, const Elf64_Phdr *phdr, uint8_t **notes,
			size_t *notes_size, struct err *err)
{
	uint64_t in_file = 0, size;
	size_t padded = (size_t)align_up(*notes_size, 4);
	uint8_t *grown;
	int r;

	if (phdr->p_offset < image->file.size)
		in_file = MIN(phdr->p_filesz, image->file.size - phdr->p_offset);
	if (in_file < phdr->p_filesz)
		image_set_incomplete(image, "the file ends inside its notes");
	size = MIN(in_file, IMAGE_NOTES_MAX - padded);
	if (size < in_file)
		image_set_incomplete(image, "it has more than %zu bytes of notes",
				     IMAGE_NOTES_MAX);
	if (size == 0)
		return 0;
	grown = realloc(*notes, padded + (size_t)size);
	if (!grown)
		return err_nomem(err);
	*notes = grown;
	memset(grown + *notes_size, 0, padded - *notes_size);
	r = image_file_read(&image->file, phdr->p_offset, grown + padded, (size_t)size,
			    err);
	if (r < 0)
		return err_in(err, r, "reading its notes");
	*notes_size = padded + (size_t)size;
	if (phdr->p_align == ELF_NOTE_WIDE)
		*notes_size = padded + image_repack_notes(grown + padded, (size_t)size);
	return 0;
}

/* The end of the last section, which QEMU has behind all memory; 0: none. */
static uint64_t elf_sections_end(struct image *image, const Elf64_Ehdr *ehdr)
{
	uint64_t offset, end = 0;
	Elf64_Shdr shdr;

	if (ehdr->e_shnum == 0 || ehdr->e_shentsize != sizeof(shdr) ||
	    !u64_add(ehdr->e_shoff, (ehdr->e_shnum - 1) * sizeof(shdr), &offset) ||
	    image_file_read(&image->file, offset, &shdr, sizeof(shdr), NULL) < 0 ||
	    shdr.sh_type != SHT_STRTAB || !u64_add(shdr.sh_offset, shdr.sh_size, &end))
		return 0;
	return end;
}

/*
 * QEMU takes the SVE registers of the first CPU for the size of each CPU's note, and
 * writes each as long as it is (target/arm/arch_dump.c, seen in 7.2): there are fewer
 * notes than the headers say, and memory begins earlier. The file is short by as much,
 * and just there the notes end. The kernel writes no such note.
 */
static int elf_find_slack(struct image *image, const Elf64_Ehdr *ehdr, uint32_t count,
			  struct err *err)
{
	struct elf_context *c = image->context;
	_cleanup_free uint8_t *notes = NULL;
	uint64_t end = 0, size, missing;
	size_t notes_size = 0;
	Elf64_Phdr phdrs[ELF_PHDR_CHUNK], first;
	int r;

	if (ehdr->e_machine != EM_AARCH64 || count < 2)
		return 0;
	r = elf_read_phdr_chunk(image, ehdr, 0, 1, phdrs, err);
	if (r < 0)
		return r;
	first = phdrs[0];
	r = elf_read_phdr_chunk(image, ehdr, count - 1, 1, phdrs, err);
	if (r < 0)
		return r;
	size = first.p_filesz;
	if (first.p_type != PT_NOTE || phdrs[0].p_type != PT_LOAD ||
	    !u64_add(phdrs[0].p_offset, phdrs[0].p_filesz, &end))
		return 0;
	end = MAX(end, elf_sections_end(image, ehdr));
	if (end <= image->file.size || end - image->file.size >= size ||
	    size > IMAGE_NOTES_MAX)
		return 0;
	missing = end - image->file.size;
	first.p_filesz -= missing;
	r = elf_add_note(image, &first, &notes, &notes_size, err);
	if (r == 0 && image_notes_end_at(notes, notes_size, "LINUX", NT_ARM_SVE))
		c->slack = missing;
	return r;
}

static int elf_read_phdrs(struct image *image, const Elf64_Ehdr *ehdr, uint32_t count,
			  struct err *err)
{
	const struct elf_context *c = image->context;
	_cleanup_free uint8_t *notes = NULL;
	size_t notes_size = 0;
	Elf64_Phdr phdrs[ELF_PHDR_CHUNK];
	int r = 0;

	for (uint32_t i = 0; i < count && r == 0; i++) {
		Elf64_Phdr *phdr = &phdrs[i % ELF_PHDR_CHUNK];

		if (i % ELF_PHDR_CHUNK == 0)
			r = elf_read_phdr_chunk(image, ehdr, i,
						MIN(count - i, ELF_PHDR_CHUNK), phdrs,
						err);
		if (r == 0 && phdr->p_type == PT_LOAD) {
			phdr->p_offset -= c->slack;
			r = elf_add_load(image, phdr, err);
		} else if (r == 0 && phdr->p_type == PT_NOTE) {
			phdr->p_filesz -= MIN(c->slack, phdr->p_filesz);
			r = elf_add_note(image, phdr, &notes, &notes_size, err);
		}
		if (r < 0)
			return err_in(err, r, "reading program header %u", i);
	}
	return image_take_notes(image, take_ptr(notes), notes_size, err);
}

/* RAM is what the image has, what was lost and what was left out, together. */
static int elf_make_ranges(struct image *image, struct err *err)
{
	const struct elf_context *c = image->context;
	const struct elf_list *lists[] = { &c->data, &c->lost, &c->filtered };
	size_t count = c->data.count + c->lost.count + c->filtered.count, n = 0;
	struct image_range *ranges;

	if (count == 0)
		return err_set(err, ERR_CORRUPT, "it has no memory at all: no PT_LOAD");
	ranges = calloc(count, sizeof(*ranges));
	if (!ranges)
		return err_nomem(err);
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++)
		for (size_t i = 0; i < lists[l]->count; i++) {
			const struct elf_segment *s = &lists[l]->items[i];

			ranges[n++] =
				(struct image_range){ .paddr = s->paddr,
						      .size_bytes = s->end - s->paddr };
		}
	image_take_ranges(image, ranges, n);
	return 0;
}

static int elf_refuse_process(const struct image *image, struct err *err)
{
	for (size_t i = 0; i < image->note_count; i++)
		if (strcmp(image->notes[i].name, "CORE") == 0 &&
		    (image->notes[i].type == ELF_NOTE_AUXV ||
		     image->notes[i].type == ELF_NOTE_FILE))
			return err_set(err, ERR_UNSUPPORTED,
				       "it is the core of a process, not of a kernel");
	return 0;
}

static int elf_open(struct image *image, struct err *err)
{
	struct elf_context *c;
	Elf64_Ehdr ehdr;
	uint32_t count = 0;
	int r;

	image->context = c = calloc(1, sizeof(*c));
	if (!c)
		return err_nomem(err);
	r = elf_read_header(image, &ehdr, err);
	if (r == 0)
		r = elf_phdr_count(image, &ehdr, &count, err);
	if (r == 0)
		r = elf_find_slack(image, &ehdr, count, err);
	if (r == 0)
		r = elf_read_phdrs(image, &ehdr, count, err);
	if (r == 0)
		r = elf_refuse_process(image, err);
	if (r < 0)
		return r;
	elf_list_seal(&c->data);
	elf_list_seal(&c->lost);
	elf_list_seal(&c->filtered);
	image->info.machine = elf_machine(ehdr.e_machine);
	image->info.has_all_pages = c->filtered.count == 0;
	if (ehdr.e_flags & ELF_INCOMPLETE)
		image_set_incomplete(image, "its writer marked it as incomplete");
	if (c->bytes_lost)
		image_set_incomplete(image,
				     "the file ends at byte %llu, %llu bytes too early",
				     (unsigned long long)image->file.size,
				     (unsigned long long)c->bytes_lost);
	return elf_make_ranges(image, err);
}

static void elf_close(struct image *image)
{
	struct elf_context *c = image->context;

	if (!c)
		return;
	free(c->data.items);
	free(c->lost.items);
	free(c->filtered.items);
	free(c);
}

/* --- memory ----------------------------------------------------------------------- */

static int elf_absent(const struct elf_context *c, uint64_t paddr, struct err *err)
{
	unsigned long long a = paddr;

	if (elf_list_find(&c->lost, paddr))
		return err_set(err, ERR_TRUNCATED,
			       "physical address 0x%llx lies behind the end of the dump",
			       a);
	if (elf_list_find(&c->filtered, paddr))
		return err_set(err, ERR_FILTERED,
			       "physical address 0x%llx was left out of the dump", a);
	return err_set(err, ERR_FAULT, "there is no RAM at physical address 0x%llx", a);
}

static int elf_read(struct image *image, uint64_t paddr, void *buf, size_t size,
		    size_t *ret_done, struct err *err)
{
	const struct elf_context *c = image->context;
	const struct elf_segment *s = elf_list_find(&c->data, paddr);
	size_t part;
	int r;

	if (!s)
		return elf_absent(c, paddr, err);
	part = (size_t)MIN((uint64_t)size, s->end - paddr);
	r = image_file_read(&image->file, s->offset + (paddr - s->paddr), buf, part, err);
	if (r < 0)
		return err_in(err, r, "physical address 0x%llx",
			      (unsigned long long)paddr);
	*ret_done = part;
	return 0;
}

static struct image_mapping elf_map(struct image *image, uint64_t paddr, size_t size)
{
	const struct elf_context *c = image->context;
	const struct elf_segment *s = elf_list_find(&c->data, paddr);

	if (!s || size > s->end - paddr)
		return (struct image_mapping){ 0 };
	return image_file_map(&image->file, s->offset + (paddr - s->paddr), size);
}

static uint64_t elf_next_data(struct image *image, uint64_t paddr)
{
	const struct elf_context *c = image->context;
	const struct elf_segment *s = elf_list_find(&c->data, paddr);
	uint64_t offset, found;

	if (!s)
		return paddr;
	offset = s->offset + (paddr - s->paddr);
	found = image_file_next_data(&image->file, offset);
	return MIN(paddr + (found - offset), s->end);
}

static uint64_t elf_next_page(struct image *image, uint64_t paddr)
{
	const struct elf_context *c = image->context;
	const struct elf_segment *s;
	uint64_t end;

	if (elf_list_find(&c->data, paddr))
		return paddr;
	s = elf_list_find(&c->lost, paddr);
	if (s)
		return elf_list_next(&c->data, paddr, s->end);
	s = elf_list_find(&c->filtered, paddr);
	if (!s)
		return paddr;
	end = elf_list_next(&c->data, paddr, s->end);
	return elf_list_next(&c->lost, paddr, end);
}

static bool elf_has_page(struct image *image, uint64_t paddr)
{
	const struct elf_context *c = image->context;

	return elf_list_find(&c->data, paddr);
}

const struct image_ops image_elf_ops = {
	.format = IMAGE_FORMAT_ELF,
	.probe = elf_probe,
	.open = elf_open,
	.close = elf_close,
	.read = elf_read,
	.map = elf_map,
	.next_data = elf_next_data,
	.has_page = elf_has_page,
	.next_page = elf_next_page,
};
