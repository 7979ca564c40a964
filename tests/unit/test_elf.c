// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * image, ELF: vmcores made as the kernel and makedumpfile make them, then cut at every
 * byte and damaged. Each byte of RAM has a value that its address decides, so that a read
 * tells where it came from.
 */
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "image/image.h"
#include "image/image_blocks.h"
#include "image/image_file.h"
#include "made_file.h"

#define LOADS_MAX 8

struct load {
	uint64_t paddr, in_file, in_memory;
};

struct made_elf {
	struct load loads[LOADS_MAX];
	size_t load_count;
	struct text notes[2];
	uint64_t notes_align;
	bool is_32bit;
};

static uint8_t ram_byte(uint64_t paddr)
{
	return (uint8_t)(paddr ^ paddr >> 8 ^ paddr >> 12 ^ 0x5a);
}

static void add_note(struct text *t, const char *name, uint32_t type, const void *desc,
		     size_t size)
{
	Elf64_Nhdr h = { .n_namesz = (uint32_t)strlen(name) + 1,
			 .n_descsz = (uint32_t)size,
			 .n_type = type };

	text_add_bytes(t, &h, sizeof(h));
	text_add_bytes(t, name, h.n_namesz);
	text_add_bytes(t, "\0\0\0", -h.n_namesz & 3);
	text_add_bytes(t, desc, size);
	text_add_bytes(t, "\0\0\0", -size & 3);
}

static Elf64_Ehdr sample_header(size_t phdr_count)
{
	return (Elf64_Ehdr){ .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
					  ELFDATA2LSB, EV_CURRENT },
			     .e_type = ET_CORE,
			     .e_machine = EM_X86_64,
			     .e_version = EV_CURRENT,
			     .e_phoff = sizeof(Elf64_Ehdr),
			     .e_ehsize = sizeof(Elf64_Ehdr),
			     .e_phentsize = sizeof(Elf64_Phdr),
			     .e_phnum = (uint16_t)phdr_count };
}

static void add_ehdr(struct text *t, const Elf64_Ehdr *h, bool is_32bit)
{
	Elf32_Ehdr narrow = { .e_type = h->e_type,
			      .e_machine = h->e_machine,
			      .e_version = h->e_version,
			      .e_phoff = sizeof(Elf32_Ehdr),
			      .e_ehsize = sizeof(Elf32_Ehdr),
			      .e_phentsize = sizeof(Elf32_Phdr),
			      .e_phnum = h->e_phnum };

	memcpy(narrow.e_ident, h->e_ident, EI_NIDENT);
	narrow.e_ident[EI_CLASS] = ELFCLASS32;
	if (is_32bit)
		text_add_bytes(t, &narrow, sizeof(narrow));
	else
		text_add_bytes(t, h, sizeof(*h));
}

static void add_phdr(struct text *t, const Elf64_Phdr *h, bool is_32bit)
{
	Elf32_Phdr narrow = { .p_type = h->p_type,
			      .p_offset = (uint32_t)h->p_offset,
			      .p_vaddr = (uint32_t)h->p_vaddr,
			      .p_paddr = (uint32_t)h->p_paddr,
			      .p_filesz = (uint32_t)h->p_filesz,
			      .p_memsz = (uint32_t)h->p_memsz,
			      .p_align = (uint32_t)h->p_align };

	if (is_32bit)
		text_add_bytes(t, &narrow, sizeof(narrow));
	else
		text_add_bytes(t, h, sizeof(*h));
}

static size_t headers_size(size_t phdr_count, bool is_32bit)
{
	return is_32bit ? sizeof(Elf32_Ehdr) + phdr_count * sizeof(Elf32_Phdr)
			: sizeof(Elf64_Ehdr) + phdr_count * sizeof(Elf64_Phdr);
}

static void made_elf_bytes(struct made_elf *m, struct text *ret)
{
	size_t count = 2 + m->load_count;
	Elf64_Ehdr ehdr = sample_header(count);
	uint64_t offset = headers_size(count, m->is_32bit);

	add_ehdr(ret, &ehdr, m->is_32bit);
	for (size_t i = 0; i < 2; i++) {
		Elf64_Phdr phdr = { .p_type = PT_NOTE,
				    .p_offset = offset,
				    .p_filesz = m->notes[i].size,
				    .p_memsz = m->notes[i].size,
				    .p_align = m->notes_align };

		add_phdr(ret, &phdr, m->is_32bit);
		offset += m->notes[i].size;
	}
	for (size_t i = 0; i < m->load_count; i++) {
		Elf64_Phdr phdr = { .p_type = PT_LOAD,
				    .p_offset = offset,
				    .p_vaddr = 0xff11000000000000 + m->loads[i].paddr,
				    .p_paddr = m->loads[i].paddr,
				    .p_filesz = m->loads[i].in_file,
				    .p_memsz = m->loads[i].in_memory };

		add_phdr(ret, &phdr, m->is_32bit);
		offset += phdr.p_filesz;
	}
	for (size_t i = 0; i < 2; i++)
		text_add_bytes(ret, text_get(&m->notes[i]), m->notes[i].size);
	for (size_t i = 0; i < m->load_count; i++)
		for (uint64_t k = 0; k < m->loads[i].in_file; k++) {
			uint8_t byte = ram_byte(m->loads[i].paddr + k);

			text_add_bytes(ret, &byte, 1);
		}
	assert_false(ret->failed);
}

#define VMCOREINFO_TEXT "OSRELEASE=6.12.0\nPAGESIZE=4096\n"

/*
 *	0x3000..0x3800  text, over a part of the RAM below
 *	0x1000..0x5000  RAM
 *	0x5000..0x5800  RAM that touches it; 0x5800..0x6000 left out
 *	0x9000..0x9400  RAM apart
 */
static void sample_make_in(struct text *ret, bool is_32bit)
{
	struct made_elf m = { .loads = { { 0x3000, 0x800, 0x800 },
					 { 0x1000, 0x4000, 0x4000 },
					 { 0x5000, 0x800, 0x1000 },
					 { 0x9000, 0x400, 0x400 } },
			      .load_count = 4,
			      .is_32bit = is_32bit };
	uint8_t prstatus[13] = { 1, 2, 3 };

	add_note(&m.notes[0], "CORE", 1, prstatus, sizeof(prstatus));
	text_add_bytes(&m.notes[0], "\0\0\0\0\0\0\0\0\0\0\0\0", 12); // an unused slot
	add_note(&m.notes[0], "CORE", 1, prstatus, 2);
	add_note(&m.notes[1], "VMCOREINFO", 0, VMCOREINFO_TEXT, strlen(VMCOREINFO_TEXT));
	made_elf_bytes(&m, ret);
	text_done(&m.notes[0]);
	text_done(&m.notes[1]);
}

static void sample_make(struct text *ret)
{
	sample_make_in(ret, false);
}

static struct image *open_text(const struct text *t)
{
	struct image *image = NULL;
	struct err err = { 0 };

	if (made_open(t->data, t->size, &image, &err) < 0)
		fail_msg("%s", err_text(&err));
	return image;
}

static struct image *open_sample(bool is_32bit)
{
	_cleanup_text struct text t = { 0 };

	sample_make_in(&t, is_32bit);
	return open_text(&t);
}

static void assert_ram(struct image *image, uint64_t paddr, size_t size)
{
	uint8_t bytes[0x8000];
	struct err err = { 0 };

	assert_true(size <= sizeof(bytes));
	if (image_read(image, paddr, bytes, size, &err) < 0)
		fail_msg("0x%llx + 0x%zx: %s", (unsigned long long)paddr, size,
			 err_text(&err));
	for (size_t i = 0; i < size; i++)
		assert_int_equal(bytes[i], ram_byte(paddr + i));
}

static int read_code(struct image *image, uint64_t paddr, size_t size)
{
	uint8_t bytes[0x8000];

	return image_read(image, paddr, bytes, size, NULL);
}

/* --- whole files ------------------------------------------------------------------ */

static void assert_facts(struct image *image)
{
	const struct image_info *info = image_info(image);
	const struct image_range *ranges;
	size_t count;

	assert_int_equal(info->format, IMAGE_FORMAT_ELF);
	assert_int_equal(info->machine, IMAGE_MACHINE_X86_64);
	assert_false(info->is_incomplete);
	assert_int_equal(info->max_paddr, 0x9400);
	ranges = image_ranges(image, &count);
	assert_int_equal(count, 2);
	assert_int_equal(ranges[0].paddr, 0x1000);
	assert_int_equal(ranges[0].size_bytes, 0x5000);
	assert_int_equal(ranges[1].paddr, 0x9000);
	assert_int_equal(ranges[1].size_bytes, 0x400);
}

static void facts(void **state)
{
	for (int is_32bit = 0; is_32bit < 2; is_32bit++) {
		_cleanup_image struct image *image = open_sample(is_32bit);

		assert_facts(image);
	}
}

/* Of another machine than this one; ELF does not say how large its pages are. */
static void arm64(void **state)
{
	_cleanup_text struct text t = { 0 };
	_cleanup_image struct image *image = NULL;

	sample_make(&t);
	((Elf64_Ehdr *)(void *)t.data)->e_machine = EM_AARCH64;
	image = open_text(&t);
	assert_int_equal(image_info(image)->machine, IMAGE_MACHINE_ARM64);
	assert_int_equal(image_info(image)->page_size, 0);
	assert_ram(image, 0x1000, 0x4800);
}

#define SVE_SLACK 80

/*
 * As QEMU writes an arm64 machine whose CPUs have SVE registers of different size: the
 * headers say SVE_SLACK bytes more of notes. With its section behind memory, or as older
 * ones without. @type: of what stands for the SVE registers.
 */
static void sve_make(struct text *ret, bool has_section, uint32_t type)
{
	_cleanup_text struct text notes = { 0 };
	const uint64_t start =
		sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr) + sizeof(Elf64_Shdr);
	uint8_t desc[392] = { 0 };
	Elf64_Ehdr ehdr = sample_header(2);

	add_note(&notes, "CORE", NT_PRSTATUS, desc, sizeof(desc));
	add_note(&notes, "LINUX", type, desc, 100);
	add_note(&notes, "CORE", NT_PRSTATUS, desc, sizeof(desc));
	add_note(&notes, "LINUX", type, desc, 100 - SVE_SLACK);

	uint64_t told = notes.size + SVE_SLACK;
	Elf64_Phdr note = { .p_type = PT_NOTE, .p_offset = start, .p_filesz = told };
	Elf64_Phdr load = { .p_type = PT_LOAD,
			    .p_offset = start + told,
			    .p_paddr = 0x40000000,
			    .p_filesz = 0x2000,
			    .p_memsz = 0x2000 };
	Elf64_Shdr section = { .sh_type = SHT_STRTAB,
			       .sh_offset = start + told + 0x2000,
			       .sh_size = 11 };

	ehdr.e_machine = EM_AARCH64;
	ehdr.e_shoff = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
	ehdr.e_shentsize = sizeof(Elf64_Shdr);
	ehdr.e_shnum = has_section;
	text_add_bytes(ret, &ehdr, sizeof(ehdr));
	text_add_bytes(ret, &note, sizeof(note));
	text_add_bytes(ret, &load, sizeof(load));
	text_add_bytes(ret, &section, sizeof(section));
	text_add_bytes(ret, text_get(&notes), notes.size);
	for (uint64_t i = 0; i < 0x2000; i++) {
		uint8_t byte = ram_byte(0x40000000 + i);

		text_add_bytes(ret, &byte, 1);
	}
	if (has_section)
		text_add_bytes(ret, "\0.shstrtab", 11);
}

static void qemu_arm64_notes_too_short(void **state)
{
	for (int has_section = 0; has_section < 2; has_section++) {
		_cleanup_text struct text t = { 0 };
		_cleanup_image struct image *image = NULL;
		size_t count;

		sve_make(&t, has_section, NT_ARM_SVE);
		image = open_text(&t);
		assert_false(image_info(image)->is_incomplete);
		image_notes(image, &count);
		assert_int_equal(count, 4);
		assert_ram(image, 0x40000000, 0x2000);
	}
}

/* The same lengths, but no note of QEMU's; and its file, cut at every byte. */
static void not_qemu_arm64_notes(void **state)
{
	_cleanup_text struct text t = { 0 }, sve = { 0 };
	_cleanup_image struct image *image = NULL;

	sve_make(&t, false, 0x406);
	image = open_text(&t);
	assert_true(image_info(image)->is_incomplete);

	sve_make(&sve, true, NT_ARM_SVE);
	for (size_t size = sve.size - 1; size > 64; size -= size > 2000 ? 61 : 1) {
		_cleanup_image struct image *cut = NULL;

		if (made_open(sve.data, size, &cut, NULL) == 0)
			assert_true(image_info(cut)->is_incomplete);
	}
}

static void assert_notes(struct image *image)
{
	const struct image_note *found;
	size_t count, size;
	const char *text;

	found = image_notes(image, &count);
	assert_int_equal(count, 3);
	assert_string_equal(found[0].name, "CORE");
	assert_int_equal(found[0].type, IMAGE_NT_PRSTATUS);
	assert_int_equal(found[0].desc_size, 13);
	assert_memory_equal(found[0].desc, "\1\2\3", 3);
	assert_int_equal(found[1].desc_size, 2);
	assert_string_equal(found[2].name, "VMCOREINFO");
	text = image_vmcoreinfo(image, &size);
	assert_int_equal(size, strlen(VMCOREINFO_TEXT));
	assert_memory_equal(text, VMCOREINFO_TEXT, size);
	assert_non_null(image_notes_raw(image, &size));
	assert_int_equal(size, (12 + 8 + 16) + 12 + (12 + 8 + 4) + (12 + 12 + 32));
}

static void notes(void **state)
{
	for (int is_32bit = 0; is_32bit < 2; is_32bit++) {
		_cleanup_image struct image *image = open_sample(is_32bit);

		assert_notes(image);
	}
}

static void add_wide_note(struct text *t, const char *name, const void *desc, size_t size)
{
	Elf64_Nhdr h = { .n_namesz = (uint32_t)strlen(name) + 1,
			 .n_descsz = (uint32_t)size,
			 .n_type = 1 };

	text_add_bytes(t, &h, sizeof(h));
	text_add_bytes(t, name, h.n_namesz);
	text_add_bytes(t, "\0\0\0\0\0\0\0", -(sizeof(h) + h.n_namesz) & 7);
	text_add_bytes(t, desc, size);
	text_add_bytes(t, "\0\0\0\0\0\0\0", -size & 7);
}

/* Padded to 8 bytes, as p_align says; and to 4, though it says 8. */
static void wide_notes(void **state)
{
	static const char *const names[] = { "CORE", "QEMU", "LINUX", "VMCOREINFO" };

	for (int is_wide = 0; is_wide < 2; is_wide++) {
		struct made_elf m = { .loads = { { 0x1000, 1, 1 } },
				      .load_count = 1,
				      .notes_align = 8 };
		_cleanup_text struct text t = { 0 };
		_cleanup_image struct image *image = NULL;
		const struct image_note *found;
		uint8_t desc[16];
		size_t count;

		for (size_t i = 0; i < sizeof(desc); i++)
			desc[i] = (uint8_t)(0x80 + i);
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			for (size_t size = 1; size <= sizeof(desc); size++)
				if (is_wide)
					add_wide_note(&m.notes[i % 2], names[i], desc,
						      size);
				else
					add_note(&m.notes[i % 2], names[i], 1, desc,
						 size);
		made_elf_bytes(&m, &t);
		image = open_text(&t);
		found = image_notes(image, &count);
		assert_int_equal(count, 4 * sizeof(desc));
		for (size_t i = 0; i < count; i++) {
			size_t name = i / sizeof(desc);

			assert_string_equal(found[i].name,
					    names[name % 2 * 2 + name / 2]);
			assert_int_equal(found[i].desc_size, i % sizeof(desc) + 1);
			assert_memory_equal(found[i].desc, desc, found[i].desc_size);
		}
		assert_false(image_info(image)->is_incomplete);
		text_done(&m.notes[0]);
		text_done(&m.notes[1]);
	}
}

static void wide_notes_damaged(void **state)
{
	struct made_elf m = { .loads = { { 0x1000, 1, 1 } },
			      .load_count = 1,
			      .notes_align = 8 };
	_cleanup_text struct text t = { 0 };
	size_t start = headers_size(3, false), size;
	struct image *image;

	add_wide_note(&m.notes[0], "CORE", "abcdefghi", 9);
	add_wide_note(&m.notes[0], "VMCOREINFO", "A=1\n", 4);
	size = m.notes[0].size;
	made_elf_bytes(&m, &t);
	for (size_t i = start; i < start + size; i++)
		for (int bit = 0; bit < 8; bit++) {
			t.data[i] = (char)(t.data[i] ^ 1 << bit);
			if (made_open(t.data, t.size, &image, NULL) == 0)
				image_close(image);
			t.data[i] = (char)(t.data[i] ^ 1 << bit);
		}
	for (size_t cut = 0; cut < size; cut++) {
		Elf64_Phdr *phdr = (Elf64_Phdr *)(void *)(t.data + sizeof(Elf64_Ehdr));

		phdr->p_filesz = cut;
		assert_int_equal(made_open(t.data, t.size, &image, NULL), 0);
		image_close(image);
	}
	text_done(&m.notes[0]);
}

static void reads_in(bool is_32bit)
{
	_cleanup_image struct image *image = open_sample(is_32bit);

	assert_ram(image, 0x1000, 0x4000);
	assert_ram(image, 0x2fff, 2);	   // into the text's segment
	assert_ram(image, 0x37f8, 0x10);   // and out of it
	assert_ram(image, 0x4ff0, 0x20);   // over two that touch
	assert_ram(image, 0x1000, 0x4800); // over all
	assert_ram(image, 0x93ff, 1);
	assert_ram(image, 0x93ff, 0);
	assert_int_equal(read_code(image, 0xfff, 1), ERR_FAULT);
	assert_int_equal(read_code(image, 0xfff, 2), ERR_FAULT);
	assert_int_equal(read_code(image, 0x9400, 1), ERR_FAULT);
	assert_int_equal(read_code(image, 0x93ff, 2), ERR_FAULT);
	assert_int_equal(read_code(image, UINT64_MAX, 1), ERR_FAULT);
	assert_int_equal(read_code(image, UINT64_MAX - 1, 8), ERR_FAULT);
	assert_int_equal(read_code(image, 0x5800, 1), ERR_FILTERED);
	assert_int_equal(read_code(image, 0x57ff, 2), ERR_FILTERED);
	assert_int_equal(read_code(image, 0x5fff, 1), ERR_FILTERED);
	assert_true(image_has_page(image, 0x1000));
	assert_false(image_has_page(image, 0x5800));
	assert_false(image_has_page(image, 0x8000));
}

static void reads(void **state)
{
	reads_in(false);
	reads_in(true);
}

/* What one segment left out may lie in another. */
static void left_out_here_but_there(void **state)
{
	struct made_elf m = { .loads = { { 0x1000, 0, 0x3000 },
					 { 0x2000, 0x1000, 0x1000 } },
			      .load_count = 2 };
	_cleanup_text struct text t = { 0 };
	_cleanup_image struct image *image = NULL;

	made_elf_bytes(&m, &t);
	image = open_text(&t);
	assert_ram(image, 0x2000, 0x1000);
	assert_int_equal(read_code(image, 0x1000, 1), ERR_FILTERED);
	assert_int_equal(read_code(image, 0x3000, 1), ERR_FILTERED);
}

/* More program headers than e_phnum can say, in no order. */
static void many_segments(void **state)
{
	const uint32_t count = 70000;
	Elf64_Ehdr ehdr = sample_header(PN_XNUM);
	Elf64_Shdr shdr = { .sh_info = count };
	_cleanup_text struct text t = { 0 };
	_cleanup_image struct image *image = NULL;
	uint64_t data = sizeof(ehdr) + sizeof(shdr) + count * sizeof(Elf64_Phdr);
	size_t range_count;

	ehdr.e_shoff = sizeof(ehdr);
	ehdr.e_phoff = sizeof(ehdr) + sizeof(shdr);
	text_add_bytes(&t, &ehdr, sizeof(ehdr));
	text_add_bytes(&t, &shdr, sizeof(shdr));
	for (uint32_t i = 0; i < count; i++) {
		uint32_t k = (uint32_t)((uint64_t)i * 48271 % count); // each one once
		Elf64_Phdr phdr = { .p_type = PT_LOAD,
				    .p_offset = data + k,
				    .p_paddr = (uint64_t)k * 0x1000,
				    .p_filesz = 1,
				    .p_memsz = 1 };

		text_add_bytes(&t, &phdr, sizeof(phdr));
	}
	for (uint32_t k = 0; k < count; k++) {
		uint8_t byte = ram_byte((uint64_t)k * 0x1000);

		text_add_bytes(&t, &byte, 1);
	}
	image = open_text(&t);
	assert_non_null(image_ranges(image, &range_count));
	assert_int_equal(range_count, count);
	for (uint32_t k = 0; k < count; k += 7)
		assert_ram(image, (uint64_t)k * 0x1000, 1);
	assert_int_equal(read_code(image, 1, 1), ERR_FAULT);
	assert_int_equal(image_info(image)->is_incomplete, false);
}

/* RAM is data, hole, data, hole up to the end; twice 1 MiB each, then another segment. */
static void holes(void **state)
{
	const uint64_t mib = 0x100000, start = 0x10000000;
	Elf64_Ehdr ehdr = sample_header(2);
	Elf64_Phdr phdrs[2] = { { .p_type = PT_LOAD,
				  .p_offset = mib,
				  .p_paddr = start,
				  .p_filesz = 4 * mib,
				  .p_memsz = 4 * mib },
				{ .p_type = PT_LOAD,
				  .p_offset = 5 * mib,
				  .p_paddr = start + 4 * mib,
				  .p_filesz = mib,
				  .p_memsz = mib } };
	char path[MADE_PATH_SIZE];
	int fd = made_file(&ehdr, sizeof(ehdr), path);
	_cleanup_image struct image *image = NULL;

	assert_int_equal(pwrite(fd, phdrs, sizeof(phdrs), sizeof(ehdr)), sizeof(phdrs));
	assert_int_equal(ftruncate(fd, (off_t)(6 * mib)), 0);
	assert_int_equal(pwrite(fd, "x", 1, (off_t)mib), 1);
	assert_int_equal(pwrite(fd, "y", 1, (off_t)(3 * mib)), 1);
	assert_int_equal(image_open(path, &image, NULL), 0);
	close(fd);
	assert_int_equal(image_next_data(image, start), start);
	assert_int_equal(image_next_data(image, start + mib), start + 2 * mib);
	assert_int_equal(image_next_data(image, start + 2 * mib), start + 2 * mib);
	assert_int_equal(image_next_data(image, start + 3 * mib), start + 4 * mib);
	assert_int_equal(image_next_data(image, start + 4 * mib), start + 5 * mib);
	assert_int_equal(image_next_data(image, 0), 0); // no RAM: nothing is known
}

/* --- cut and damaged -------------------------------------------------------------- */

static void assert_right_or(struct image *image, uint64_t paddr, int code)
{
	uint8_t byte;
	int r = image_read(image, paddr, &byte, 1, NULL);

	if (r == 0)
		assert_int_equal(byte, ram_byte(paddr));
	else
		assert_int_equal(r, code);
}

static void cut_everywhere(bool is_32bit)
{
	_cleanup_text struct text t = { 0 };
	const size_t headers = headers_size(6, is_32bit);

	sample_make_in(&t, is_32bit);
	for (size_t size = 0; size < t.size; size++) {
		struct image *image = NULL;
		int r = made_open(t.data, size, &image, NULL);

		if (size < headers) {
			assert_int_equal(r, size < SELFMAG && size > 0 ? ERR_UNSUPPORTED
								       : ERR_TRUNCATED);
			continue;
		}
		assert_int_equal(r, 0);
		assert_true(image_info(image)->is_incomplete);
		assert_string_not_equal(image_info(image)->incomplete_why, "");
		for (uint64_t paddr = 0x1000; paddr < 0x5800; paddr += 0x1ff)
			assert_right_or(image, paddr, ERR_TRUNCATED);
		assert_int_equal(read_code(image, 0x93ff, 1), ERR_TRUNCATED);
		assert_int_equal(read_code(image, 0x5800, 1), ERR_FILTERED);
		image_close(image);
	}
}

static void cut_at_every_byte(void **state)
{
	cut_everywhere(false);
	cut_everywhere(true);
}

/* The text's copy is whole when the file ends in the RAM that it lies over. */
static void lost_here_but_there(void **state)
{
	_cleanup_text struct text t = { 0 };
	_cleanup_image struct image *image = NULL;

	sample_make(&t);
	t.size -= 0x400 + 0x800 + 0x4000;
	image = open_text(&t);
	assert_ram(image, 0x3000, 0x800);
	assert_int_equal(read_code(image, 0x1000, 1), ERR_TRUNCATED);
	assert_int_equal(read_code(image, 0x3800, 1), ERR_TRUNCATED);
}

static void damage_headers(bool is_32bit)
{
	_cleanup_text struct text t = { 0 };
	uint8_t bytes[16];

	sample_make_in(&t, is_32bit);
	for (size_t i = 0; i < headers_size(6, is_32bit) + 124; i++)
		for (int bit = 0; bit < 8; bit++) {
			struct image *image;

			t.data[i] = (char)(t.data[i] ^ 1 << bit);
			if (made_open(t.data, t.size, &image, NULL) == 0) {
				for (uint64_t p = 0; p < 0xa000; p += 0x3f8)
					image_read(image, p, bytes, sizeof(bytes), NULL);
				image_next_data(image, 0x1000);
				image_close(image);
			}
			t.data[i] = (char)(t.data[i] ^ 1 << bit);
		}
}

static void every_byte_of_headers_damaged(void **state)
{
	damage_headers(false);
	damage_headers(true);
}

/* A note that says that it is longer than all of them: those before it stay. */
static void notes_that_break_off(void **state)
{
	struct made_elf m = { .loads = { { 0x1000, 1, 1 } }, .load_count = 1 };
	Elf64_Nhdr wild = { .n_namesz = 5, .n_descsz = UINT32_MAX - 2, .n_type = 1 };
	_cleanup_text struct text t = { 0 };
	_cleanup_image struct image *image = NULL;
	size_t count;

	add_note(&m.notes[0], "VMCOREINFO", 0, "A=1\n", 4);
	text_add_bytes(&m.notes[1], &wild, sizeof(wild));
	text_add_bytes(&m.notes[1], "CORE\0\0\0\0", 8);
	made_elf_bytes(&m, &t);
	image = open_text(&t);
	image_notes(image, &count);
	assert_int_equal(count, 1);
	assert_non_null(image_vmcoreinfo(image, &count));
	assert_true(image_info(image)->is_incomplete);
	text_done(&m.notes[0]);
	text_done(&m.notes[1]);
}

static void assert_refused(const void *bytes, size_t size, int code, const char *word)
{
	struct image *image = NULL;
	struct err err = { 0 };

	assert_int_equal(made_open(bytes, size, &image, &err), code);
	assert_null(image);
	if (!strstr(err_text(&err), word))
		fail_msg("'%s' does not say '%s'", err_text(&err), word);
}

static void refused(void **state)
{
	_cleanup_text struct text t = { 0 };
	Elf64_Ehdr *ehdr;
	Elf64_Phdr *phdrs;

	sample_make(&t);
	ehdr = (Elf64_Ehdr *)t.data;
	phdrs = (Elf64_Phdr *)(ehdr + 1);
	ehdr->e_ident[EI_CLASS] = 3;
	assert_refused(t.data, t.size, ERR_UNSUPPORTED, "class 3");
	ehdr->e_ident[EI_CLASS] = ELFCLASS32;
	assert_refused(t.data, t.size, ERR_CORRUPT, "program headers have");
	ehdr->e_ident[EI_CLASS] = ELFCLASS64;
	ehdr->e_ident[EI_DATA] = ELFDATA2MSB;
	assert_refused(t.data, t.size, ERR_UNSUPPORTED, "big-endian");
	ehdr->e_ident[EI_DATA] = ELFDATA2LSB;
	ehdr->e_type = ET_EXEC;
	assert_refused(t.data, t.size, ERR_UNSUPPORTED, "vmlinux");
	ehdr->e_type = ET_CORE;
	ehdr->e_phentsize = 55;
	assert_refused(t.data, t.size, ERR_CORRUPT, "55 bytes");
	ehdr->e_phentsize = sizeof(Elf64_Phdr);
	phdrs[2].p_paddr = UINT64_MAX - 0x10;
	assert_refused(t.data, t.size, ERR_CORRUPT, "beyond all memory");
	ehdr->e_phnum = 2;
	assert_refused(t.data, t.size, ERR_CORRUPT, "no memory");
	ehdr->e_phnum = PN_XNUM;
	ehdr->e_shoff = t.size - sizeof(Elf64_Shdr);
	memset(t.data + ehdr->e_shoff, 0x7f, sizeof(Elf64_Shdr));
	assert_refused(t.data, t.size, ERR_LIMIT, "program headers");
}

/* A damaged header costs its own memory only, and what is left out is passed at once. */
static void more_memory_than_there_can_be(void **state)
{
	const uint64_t far = UINT64_C(1) << 50;
	struct made_elf m = { .loads = { { 0x1000, 0x1000, far },
					 { UINT64_C(1) << 60, 0x1000, 0x1000 },
					 { 0x8000, 0x1000, 0x1000 } },
			      .load_count = 3 };
	_cleanup_image struct image *image = NULL;
	_cleanup_text struct text t = { 0 };

	made_elf_bytes(&m, &t);
	image = open_text(&t);
	assert_true(image_info(image)->is_incomplete);
	assert_non_null(strstr(image_info(image)->incomplete_why, "no machine"));
	assert_true(image_info(image)->max_paddr == far + 0x1000);
	assert_true(image_next_page(image, 0x1000) == 0x1000);
	assert_true(image_next_page(image, 0x2000) == 0x8000);
	assert_true(image_next_page(image, 0x8000) == 0x8000);
	assert_true(image_next_page(image, 0x9000) == far + 0x1000);
	assert_true(image_has_page(image, 0x8000));
	assert_false(image_has_page(image, 0x9000));
}

/* What a segment lacks may be cut off; not thousands of times the whole file. */
static void more_than_a_cut_takes(void **state)
{
	struct made_elf m = { .loads = { { 0x1000, 0x1000, 0x1000 } }, .load_count = 1 };
	_cleanup_text struct text t = { 0 };

	made_elf_bytes(&m, &t);
	for (int bit = 20; bit <= 44; bit += 24) {
		_cleanup_image struct image *image = NULL;
		Elf64_Phdr *phdr = (Elf64_Phdr *)(t.data + sizeof(Elf64_Ehdr));
		uint64_t claim = UINT64_C(1) << bit;
		bool is_damaged = bit == 44;

		while (phdr->p_type != PT_LOAD)
			phdr++;
		phdr->p_filesz = claim;
		image = open_text(&t);
		assert_true(image_info(image)->is_incomplete);
		assert_int_equal(!!strstr(image_info(image)->incomplete_why, "damaged"),
				 is_damaged);
		assert_true(image_has_page(image, 0x1000));
		assert_true(image_info(image)->max_paddr ==
			    (is_damaged ? 0x2000 : 0x1000 + claim));
	}
}

static void a_process(void **state)
{
	struct made_elf m = { .loads = { { 0, 1, 1 } }, .load_count = 1 };
	_cleanup_text struct text t = { 0 };

	add_note(&m.notes[0], "CORE", 6, "auxv", 4);
	made_elf_bytes(&m, &t);
	text_done(&m.notes[0]);
	assert_refused(t.data, t.size, ERR_UNSUPPORTED, "process");
}

static void strangers(void **state)
{
	static const char zeros[64];

	assert_refused("", 0, ERR_TRUNCATED, "empty");
	assert_refused("root:x:0:0", 10, ERR_UNSUPPORTED, "no dump");
	assert_refused(zeros, sizeof(zeros), ERR_UNSUPPORTED, "zeros");
	assert_refused("\x1f\x8b\x08", 3, ERR_UNSUPPORTED, "gzip");
	assert_refused("\x28\xb5\x2f\xfd", 4, ERR_UNSUPPORTED, "zstd");
	assert_refused("DISKDUMP", 8, ERR_UNSUPPORTED, "diskdump");
}

static void marked_by_its_writer(void **state)
{
	_cleanup_text struct text t = { 0 };
	_cleanup_image struct image *image = NULL;

	sample_make(&t);
	((Elf64_Ehdr *)t.data)->e_flags = 1;
	image = open_text(&t);
	assert_true(image_info(image)->is_incomplete);
	assert_ram(image, 0x1000, 0x4800);
}

/* --- the three ways to read a file ------------------------------------------------ */

#define WINDOWS	    20 /* more than are kept */
#define FILE_SIZE   (WINDOWS * IMAGE_WINDOW_SIZE + 4096)
#define MARK_STRIDE (IMAGE_WINDOW_SIZE / 4)

/* A sparse file with its own offset in 8 bytes at each stride, over strides' ends too. */
static void open_marked(struct image_file *file, bool may_map)
{
	char path[MADE_PATH_SIZE];
	int fd = made_file("", 0, path);

	assert_int_equal(ftruncate(fd, (off_t)FILE_SIZE), 0);
	for (uint64_t o = MARK_STRIDE - 4; o < FILE_SIZE; o += MARK_STRIDE)
		assert_int_equal(pwrite(fd, &o, sizeof(o), (off_t)o), sizeof(o));
	assert_int_equal(image_file_open(file, path, NULL), 0);
	close(fd);
	assert_non_null(file->blocks);
	// As if it were /proc/vmcore, or a file that has no mmap().
	image_blocks_free(file->blocks);
	file->blocks = NULL;
	file->can_map = may_map;
}

static void assert_mark(struct image_file *file, uint64_t offset)
{
	uint64_t value = 0;

	assert_int_equal(image_file_read(file, offset, &value, sizeof(value), NULL), 0);
	assert_int_equal(value, offset);
}

static size_t windows_used(const struct image_file *file)
{
	size_t count = 0;

	for (size_t i = 0; i < IMAGE_WINDOW_COUNT; i++)
		count += file->windows[i].data != NULL;
	return count;
}

static void in_windows(void **state)
{
	struct image_file file;
	uint8_t big[32768];

	open_marked(&file, true);
	assert_mark(&file, MARK_STRIDE - 4);
	assert_int_equal(windows_used(&file), 0); // one small read is not worth one
	assert_mark(&file, 2 * MARK_STRIDE - 4);
	assert_int_equal(windows_used(&file), 1);
	for (int round = 0; round < 3; round++)
		for (uint64_t o = MARK_STRIDE - 4; o + 8 <= FILE_SIZE; o += MARK_STRIDE)
			assert_mark(&file, o); // each fourth crosses into the next
	assert_int_equal(windows_used(&file), IMAGE_WINDOW_COUNT);
	assert_int_equal(image_file_read(&file, FILE_SIZE - 4096, big, 4096, NULL), 0);
	assert_int_equal(image_file_read(&file, FILE_SIZE - 4095, big, 4096, NULL),
			 ERR_TRUNCATED);
	image_file_close(&file);

	open_marked(&file, true);
	assert_int_equal(image_file_read(&file, 5 * IMAGE_WINDOW_SIZE - 4, big,
					 sizeof(big), NULL),
			 0);
	assert_int_equal(windows_used(&file), 1);
	assert_int_equal(*(uint64_t *)(void *)big, 5 * IMAGE_WINDOW_SIZE - 4);
	image_file_close(&file);
}

/* The Rss line of /proc/self/status: all that is resident, in KiB. */
static long resident_kib(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[128];
	long kib = 0;

	assert_non_null(status);
	while (fgets(line, sizeof(line), status) && sscanf(line, "VmRSS: %ld", &kib) != 1)
		;
	fclose(status);
	assert_true(kib > 0);
	return kib;
}

/* Small reads all over a large file, over the ends of blocks: right, and of a memory that
 * does not grow; then the file is cut. */
static void small_reads_are_bounded(void **state)
{
	const uint64_t size = ((uint64_t)32 << 20) - 100;
	char path[MADE_PATH_SIZE];
	static uint64_t words[1 << 17];
	struct image_file file;
	int fd = made_file("", 0, path);
	uint64_t value = 0;
	long before;

	for (uint64_t o = 0; o < size; o += sizeof(words)) {
		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			words[i] = o + 8 * i;
		assert_int_equal(pwrite(fd, words, MIN(sizeof(words), size - o),
					(off_t)o),
				 MIN(sizeof(words), size - o));
	}
	assert_int_equal(image_file_open(&file, path, NULL), 0);
	before = resident_kib();
	for (int round = 0; round < 2; round++)
		for (uint64_t o = 8; o + 12 <= size; o += 4000) {
			// The upper half of one word and the lower one of the next.
			assert_int_equal(image_file_read(&file, o + 4, &value, 8, NULL),
					 0);
			assert_int_equal(value >> 32, (uint32_t)(o + 8));
		}
	assert_in_range(resident_kib() - before + 1024, 0, 4 << 10);
	assert_int_equal(image_file_read(&file, size - 8, &value, 8, NULL), 0);
	assert_int_equal(image_file_read(&file, size - 7, &value, 8, NULL),
			 ERR_TRUNCATED);
	assert_int_equal(ftruncate(fd, 5000), 0);
	close(fd);
	assert_int_equal(image_file_read(&file, 1 << 20, &value, 8, NULL), ERR_TRUNCATED);
	image_file_close(&file);
}

static void without_mmap(void **state)
{
	struct image_file file;

	open_marked(&file, false);
	for (uint64_t o = MARK_STRIDE - 4; o + 8 <= FILE_SIZE; o += MARK_STRIDE)
		assert_mark(&file, o);
	assert_int_equal(windows_used(&file), 0);
	image_file_close(&file);
}

static void *read_marks(void *context)
{
	struct image_file *file = context;
	uint64_t wrong = 0;

	for (int round = 0; round < 20; round++)
		for (uint64_t o = MARK_STRIDE - 4; o + 8 <= FILE_SIZE; o += MARK_STRIDE) {
			uint64_t value = 0;

			image_file_read(file, o, &value, sizeof(value), NULL);
			wrong += value != o;
		}
	return (void *)(uintptr_t)wrong;
}

static void windows_by_threads(void **state)
{
	pthread_t threads[4];
	struct image_file file;

	open_marked(&file, true);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_marks, &file), 0);
	for (size_t i = 0; i < 4; i++) {
		void *wrong;

		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
	image_file_close(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts),
		cmocka_unit_test(arm64),
		cmocka_unit_test(qemu_arm64_notes_too_short),
		cmocka_unit_test(not_qemu_arm64_notes),
		cmocka_unit_test(notes),
		cmocka_unit_test(wide_notes),
		cmocka_unit_test(wide_notes_damaged),
		cmocka_unit_test(reads),
		cmocka_unit_test(left_out_here_but_there),
		cmocka_unit_test(many_segments),
		cmocka_unit_test(holes),
		cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(lost_here_but_there),
		cmocka_unit_test(every_byte_of_headers_damaged),
		cmocka_unit_test(notes_that_break_off),
		cmocka_unit_test(refused),
		cmocka_unit_test(more_memory_than_there_can_be),
		cmocka_unit_test(more_than_a_cut_takes),
		cmocka_unit_test(a_process),
		cmocka_unit_test(strangers),
		cmocka_unit_test(marked_by_its_writer),
		cmocka_unit_test(in_windows),
		cmocka_unit_test(without_mmap),
		cmocka_unit_test(windows_by_threads),
		cmocka_unit_test(small_reads_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
