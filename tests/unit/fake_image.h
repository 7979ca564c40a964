/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small dead machine made by a test: chunks of physical memory, x86-64 page tables and
 * notes, written as an ELF vmcore as the kernel's /proc/vmcore gives it (Linux
 * fs/proc/vmcore.c), and opened with image_open().
 *
 *	struct fake_image f = { 0 };
 *	fake_paging(&f, 0x100000, 5);                       tables at 1 MiB, 5 levels
 *	fake_memory(&f, 0xffffffff81000000, 0x200000, 0x3000);      RAM, and mapped
 *	fake_u64(&f, 0xffffffff81000010, 42);               a value at a virtual address
 *	fake_vmcoreinfo(&f, "SYMBOL(answer)=%" PRIx64, (uint64_t)0xffffffff81000010);
 *	struct image *image = fake_open(&f);
 *	...
 *	image_close(image);
 *	fake_done(&f);
 *
 * A misuse ends the test at once. To damage it, change memory with fake_phys() or leave
 * RAM out with fake_leave_out() before fake_open().
 */
#ifndef FAKE_IMAGE_H
#define FAKE_IMAGE_H

#include <elf.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/text.h"
#include "image/image.h"

#define FAKE_CHUNKS_MAX	   128
#define FAKE_PAGE	   ((uint64_t)4096)
#define FAKE_KERNEL_MAP	   UINT64_C(0xffffffff80000000)
#define FAKE_TABLES_SIZE   ((uint64_t)64 * FAKE_PAGE)
#define FAKE_PRESENT	   UINT64_C(0x63) /* present, writable, accessed, dirty */
#define FAKE_HUGE	   UINT64_C(0x80)
#define FAKE_ENTRY_ADDRESS UINT64_C(0x000ffffffffff000)
#define FAKE_PRSTATUS_SIZE 336

#define fake_check(condition)                                                          \
	do {                                                                           \
		if (!(condition)) {                                                    \
			fprintf(stderr, "%s:%d: fake image: %s\n", __FILE__, __LINE__, \
				#condition);                                           \
			abort();                                                       \
		}                                                                      \
	} while (0)

struct fake_chunk {
	uint64_t paddr;
	uint64_t size;
	uint8_t *data;
	bool is_left_out; /* of the image: as if there were no RAM */
};

struct fake_image {
	struct fake_chunk chunks[FAKE_CHUNKS_MAX];
	size_t chunk_count;
	struct text notes;
	struct text vmcoreinfo;
	int levels;	  /* of x86-64's page tables: 4 or 5; 0 none */
	uint16_t machine; /* EM_...; 0 is x86-64 */
	uint64_t table_root, table_next, table_end;
};

/* --- physical memory ------------------------------------------------------------- */

/* RAM full of zeros at [paddr, paddr + size). The pointer is good until fake_done(). */
static inline uint8_t *fake_ram(struct fake_image *f, uint64_t paddr, uint64_t size)
{
	struct fake_chunk *chunk = &f->chunks[f->chunk_count];

	fake_check(f->chunk_count < FAKE_CHUNKS_MAX && size > 0);
	*chunk = (struct fake_chunk){ .paddr = paddr,
				      .size = size,
				      .data = calloc(1, size) };
	fake_check(chunk->data);
	f->chunk_count++;
	return chunk->data;
}

/* The bytes at @paddr, of which @size are there. */
static inline uint8_t *fake_phys(struct fake_image *f, uint64_t paddr, uint64_t size)
{
	for (size_t i = 0; i < f->chunk_count; i++) {
		struct fake_chunk *c = &f->chunks[i];

		if (paddr >= c->paddr && paddr - c->paddr < c->size) {
			fake_check(size <= c->size - (paddr - c->paddr));
			return c->data + (paddr - c->paddr);
		}
	}
	fake_check(!"no RAM at that physical address");
	return NULL;
}

/* Splits the chunks so that [paddr, paddr + size) is not in the image. */
static inline void fake_leave_out(struct fake_image *f, uint64_t paddr, uint64_t size)
{
	for (size_t i = 0; i < f->chunk_count; i++) {
		struct fake_chunk c = f->chunks[i];
		uint64_t before = paddr - c.paddr;

		if (paddr < c.paddr || before >= c.size)
			continue;
		fake_check(size <= c.size - before);
		f->chunks[i].is_left_out = true;
		if (before)
			memcpy(fake_ram(f, c.paddr, before), c.data, before);
		if (c.size - before > size)
			memcpy(fake_ram(f, paddr + size, c.size - before - size),
			       c.data + before + size, c.size - before - size);
		return;
	}
	fake_check(!"no RAM at that physical address");
}

/* --- page tables ----------------------------------------------------------------- */

static inline uint64_t fake_load(const uint8_t *p, unsigned int size)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)p[i] << (8 * i);
	return value;
}

static inline void fake_store(uint8_t *p, uint64_t value, unsigned int size)
{
	for (unsigned int i = 0; i < size; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

static inline void fake_vmcoreinfo(struct fake_image *f, const char *fmt, ...)
	PRINTF(2, 3);
static inline void fake_vmcoreinfo(struct fake_image *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_vadd(&f->vmcoreinfo, fmt, ap);
	va_end(ap);
	text_add(&f->vmcoreinfo, "\n");
}

/*
 * Page tables in RAM of their own at @paddr (FAKE_TABLES_SIZE bytes), empty but for
 * themselves, and what VMCOREINFO says of them and of the machine.
 */
static inline void fake_paging(struct fake_image *f, uint64_t paddr, int levels)
{
	fake_check(levels == 4 || levels == 5);
	fake_ram(f, paddr, FAKE_TABLES_SIZE);
	f->levels = levels;
	f->table_root = paddr;
	f->table_next = paddr + FAKE_PAGE;
	f->table_end = paddr + FAKE_TABLES_SIZE;
	fake_vmcoreinfo(f, "OSRELEASE=6.12.0-fake");
	fake_vmcoreinfo(f, "PAGESIZE=4096");
	/* phys_base 0: the kernel's mapping begins at physical 0. */
	fake_vmcoreinfo(f, "SYMBOL(swapper_pg_dir)=%" PRIx64, FAKE_KERNEL_MAP + paddr);
	fake_vmcoreinfo(f, "NUMBER(phys_base)=0");
	fake_vmcoreinfo(f, "NUMBER(pgtable_l5_enabled)=%d", levels == 5);
	fake_vmcoreinfo(f, "NUMBER(sme_mask)=0");
}

/* The entry for @vaddr in the table whose entries map 1 << @shift bytes; makes tables. */
static inline uint8_t *fake_entry(struct fake_image *f, uint64_t vaddr, int shift)
{
	uint64_t table = f->table_root;
	int s = f->levels == 5 ? 48 : 39;

	fake_check(f->levels);
	for (;; s -= 9) {
		uint8_t *entry =
			fake_phys(f, table + ((vaddr >> s) & 511) * 8, sizeof(uint64_t));

		if (s == shift)
			return entry;
		if (!(fake_load(entry, 8) & 1)) {
			fake_check(f->table_next < f->table_end);
			fake_store(entry, f->table_next | FAKE_PRESENT, 8);
			f->table_next += FAKE_PAGE;
		}
		fake_check(!(fake_load(entry, 8) & FAKE_HUGE));
		table = fake_load(entry, 8) & FAKE_ENTRY_ADDRESS;
	}
}

/* Maps whole 4 KiB pages. */
static inline void fake_map(struct fake_image *f, uint64_t vaddr, uint64_t paddr,
			    uint64_t size)
{
	for (uint64_t i = 0; i < size; i += FAKE_PAGE)
		fake_store(fake_entry(f, vaddr + i, 12), (paddr + i) | FAKE_PRESENT, 8);
}

/* Maps one page of 2 MiB (@shift 21) or 1 GiB (30). */
static inline void fake_map_huge(struct fake_image *f, uint64_t vaddr, uint64_t paddr,
				 int shift)
{
	fake_store(fake_entry(f, vaddr, shift), paddr | FAKE_PRESENT | FAKE_HUGE, 8);
}

/* --- virtual memory -------------------------------------------------------------- */

/* RAM at @paddr, mapped at @vaddr. */
static inline uint8_t *fake_memory(struct fake_image *f, uint64_t vaddr, uint64_t paddr,
				   uint64_t size)
{
	fake_map(f, vaddr, paddr, size);
	return fake_ram(f, paddr, (size + FAKE_PAGE - 1) / FAKE_PAGE * FAKE_PAGE);
}

/* The byte at @vaddr, mapped with 4 KiB pages. */
static inline uint8_t *fake_virt(struct fake_image *f, uint64_t vaddr)
{
	uint64_t entry = fake_load(fake_entry(f, vaddr, 12), 8);

	fake_check(entry & 1);
	return fake_phys(f, (entry & FAKE_ENTRY_ADDRESS) + vaddr % FAKE_PAGE, 1);
}

/* Writes at @vaddr, across pages. */
static inline void fake_bytes(struct fake_image *f, uint64_t vaddr, const void *data,
			      size_t size)
{
	for (size_t i = 0; i < size; i++)
		*fake_virt(f, vaddr + i) = ((const uint8_t *)data)[i];
}

static inline void fake_uint(struct fake_image *f, uint64_t vaddr, uint64_t value,
			     unsigned int size)
{
	uint8_t bytes[8];

	fake_store(bytes, value, size);
	fake_bytes(f, vaddr, bytes, size);
}

static inline void fake_u64(struct fake_image *f, uint64_t vaddr, uint64_t value)
{
	fake_uint(f, vaddr, value, 8);
}

static inline void fake_u32(struct fake_image *f, uint64_t vaddr, uint32_t value)
{
	fake_uint(f, vaddr, value, 4);
}

static inline void fake_u16(struct fake_image *f, uint64_t vaddr, uint16_t value)
{
	fake_uint(f, vaddr, value, 2);
}

static inline void fake_string(struct fake_image *f, uint64_t vaddr, const char *string)
{
	fake_bytes(f, vaddr, string, strlen(string) + 1);
}

/* --- notes and the file ---------------------------------------------------------- */

static inline void fake_note(struct fake_image *f, const char *name, uint32_t type,
			     const void *desc, size_t size)
{
	static const char zeros[4];
	Elf64_Nhdr header = { .n_namesz = (uint32_t)strlen(name) + 1,
			      .n_descsz = (uint32_t)size,
			      .n_type = type };

	text_add_bytes(&f->notes, &header, sizeof(header));
	text_add_bytes(&f->notes, name, header.n_namesz);
	text_add_bytes(&f->notes, zeros, -header.n_namesz & 3);
	text_add_bytes(&f->notes, desc, size);
	text_add_bytes(&f->notes, zeros, -size & 3);
	fake_check(!f->notes.failed);
}

/* NT_PRSTATUS with @regs, 27 of them in the order of struct user_regs_struct. */
static inline void fake_prstatus(struct fake_image *f, uint32_t pid,
				 const uint64_t regs[27])
{
	uint8_t desc[FAKE_PRSTATUS_SIZE] = { 0 };

	fake_store(desc + 32, pid, 4);
	for (int i = 0; i < 27; i++)
		fake_store(desc + 112 + 8 * i, regs[i], 8);
	fake_note(f, "CORE", NT_PRSTATUS, desc, sizeof(desc));
}

static inline void fake_write_all(int fd, const void *data, size_t size)
{
	fake_check(write(fd, data, size) == (ssize_t)size);
}

static inline void fake_write_headers(struct fake_image *f, int fd, size_t load_count)
{
	uint64_t offset = sizeof(Elf64_Ehdr) + (load_count + 1) * sizeof(Elf64_Phdr);
	Elf64_Ehdr ehdr = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
					 ELFDATA2LSB, EV_CURRENT },
			    .e_type = ET_CORE,
			    .e_machine = f->machine ? f->machine : EM_X86_64,
			    .e_version = EV_CURRENT,
			    .e_phoff = sizeof(Elf64_Ehdr),
			    .e_ehsize = sizeof(Elf64_Ehdr),
			    .e_phentsize = sizeof(Elf64_Phdr),
			    .e_phnum = (uint16_t)(load_count + 1) };
	Elf64_Phdr note = { .p_type = PT_NOTE,
			    .p_offset = offset,
			    .p_filesz = f->notes.size,
			    .p_memsz = f->notes.size };

	fake_write_all(fd, &ehdr, sizeof(ehdr));
	fake_write_all(fd, &note, sizeof(note));
	offset += f->notes.size;
	for (size_t i = 0; i < f->chunk_count; i++) {
		Elf64_Phdr load = { .p_type = PT_LOAD,
				    .p_flags = PF_R | PF_W | PF_X,
				    .p_offset = offset,
				    .p_vaddr = UINT64_C(0xff11000000000000) +
					       f->chunks[i].paddr,
				    .p_paddr = f->chunks[i].paddr,
				    .p_filesz = f->chunks[i].size,
				    .p_memsz = f->chunks[i].size };

		if (f->chunks[i].is_left_out)
			continue;
		fake_write_all(fd, &load, sizeof(load));
		offset += f->chunks[i].size;
	}
}

/* The vmcore in a new file; @ret_path holds its name. VMCOREINFO's note is the last. */
static inline void fake_write(struct fake_image *f, char ret_path[64])
{
	const char *directory = getenv("TMPDIR");
	size_t load_count = 0;
	int fd;

	if (f->vmcoreinfo.size)
		fake_note(f, "VMCOREINFO", 0, text_get(&f->vmcoreinfo),
			  f->vmcoreinfo.size);
	for (size_t i = 0; i < f->chunk_count; i++)
		load_count += !f->chunks[i].is_left_out;
	fake_check(snprintf(ret_path, 64, "%s/epitaph-fake-XXXXXX",
			    directory ? directory : "/tmp") < 64);
	fd = mkstemp(ret_path);
	fake_check(fd >= 0);
	fake_write_headers(f, fd, load_count);
	fake_write_all(fd, text_get(&f->notes), f->notes.size);
	for (size_t i = 0; i < f->chunk_count; i++)
		if (!f->chunks[i].is_left_out)
			fake_write_all(fd, f->chunks[i].data, f->chunks[i].size);
	fake_check(close(fd) == 0);
}

/* Writes, opens and unlinks: nothing stays behind. Once per fake image. */
static inline struct image *fake_open(struct fake_image *f)
{
	struct image *image = NULL;
	struct err err = { 0 };
	char path[64];

	fake_write(f, path);
	if (image_open(path, &image, &err) < 0)
		fprintf(stderr, "fake image: %s\n", err_text(&err));
	unlink(path);
	fake_check(image);
	return image;
}

static inline void fake_done(struct fake_image *f)
{
	for (size_t i = 0; i < f->chunk_count; i++)
		free(f->chunks[i].data);
	text_done(&f->notes);
	text_done(&f->vmcoreinfo);
	*f = (struct fake_image){ 0 };
}

#endif
