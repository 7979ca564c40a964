/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dead machine (unit/fake_image.h) that is made once, and damaged anew by each input:
 * patches of its memory and notes. The empty input is the sound machine, so that any
 * input is not far from one that a reader goes through to its end.
 *
 * A patch: a byte, its low half the length less one, its high half the region; two bytes
 * of offset in that; then the bytes.
 */
#ifndef FUZZ_MACHINE_H
#define FUZZ_MACHINE_H

#include "fake_image.h"
#include "fuzz.h"

#define FUZZ_REGIONS 16

struct fuzz_region {
	uint64_t offset; /* in the file */
	uint64_t size;
};

struct fuzz_machine {
	uint8_t *file, *sound; /* mapped, and a copy of it as it was made */
	size_t size;
	struct fuzz_region regions[FUZZ_REGIONS];
	size_t region_count;
	char path[FUZZ_PATH_SIZE];
};

/* Takes the fake machine over. */
static inline void fuzz_machine_make(struct fuzz_machine *m, struct fake_image *f)
{
	char path[64];
	FILE *file;
	int fd;

	fake_write(f, path);
	file = fopen(path, "r");
	fuzz_check(file && fseek(file, 0, SEEK_END) == 0);
	m->size = (size_t)ftell(file);
	rewind(file);
	m->sound = malloc(m->size);
	fuzz_check(m->sound && fread(m->sound, 1, m->size, file) == m->size);
	fclose(file);
	unlink(path);
	fd = fuzz_file(m->sound, m->size, m->path);
	m->file = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fuzz_check(m->file != MAP_FAILED);
	m->region_count = 0;
	fake_done(f);
}

/* What can be patched: [paddr, paddr + size) by the file's own segments. */
static inline void fuzz_machine_region(struct fuzz_machine *m, uint64_t paddr,
				       uint64_t size)
{
	const Elf64_Ehdr *ehdr = (const void *)m->sound;
	const Elf64_Phdr *phdr = (const void *)(m->sound + ehdr->e_phoff);

	for (int i = 0; i < ehdr->e_phnum; i++)
		if (phdr[i].p_type == PT_LOAD && paddr >= phdr[i].p_paddr &&
		    paddr + size <= phdr[i].p_paddr + phdr[i].p_filesz) {
			fuzz_check(m->region_count < FUZZ_REGIONS);
			m->regions[m->region_count++] = (struct fuzz_region){
				phdr[i].p_offset + paddr - phdr[i].p_paddr, size
			};
			return;
		}
	fuzz_check(!"no memory of the machine");
}

/* And the notes, with VMCOREINFO. */
static inline void fuzz_machine_region_notes(struct fuzz_machine *m)
{
	const Elf64_Ehdr *ehdr = (const void *)m->sound;
	const Elf64_Phdr *phdr = (const void *)(m->sound + ehdr->e_phoff);

	fuzz_check(phdr->p_type == PT_NOTE && m->region_count < FUZZ_REGIONS);
	m->regions[m->region_count++] =
		(struct fuzz_region){ phdr->p_offset, phdr->p_filesz };
}

static inline void fuzz_machine_patch(struct fuzz_machine *m, struct fuzz_input input)
{
	while (input.size > 3) {
		uint8_t head = fuzz_u8(&input);
		uint16_t offset = fuzz_u16(&input);
		const struct fuzz_region *region =
			&m->regions[(size_t)(head >> 4) % m->region_count];
		size_t length = (head & 15) + 1u;

		offset = (uint16_t)(offset % region->size);
		length = MIN(MIN(length, (size_t)(region->size - offset)), input.size);
		fuzz_take(&input, m->file + region->offset + offset, length);
	}
}

static inline void fuzz_machine_mend(struct fuzz_machine *m)
{
	for (size_t i = 0; i < m->region_count; i++)
		memcpy(m->file + m->regions[i].offset, m->sound + m->regions[i].offset,
		       m->regions[i].size);
}

/* The damaged machine, opened; NULL where that fails. */
static inline struct image *fuzz_machine_open(struct fuzz_machine *m,
					      struct fuzz_input input)
{
	struct image *image = NULL;
	struct err err;

	fuzz_machine_patch(m, input);
	return image_open(m->path, &image, &err) == 0 ? image : NULL;
}

#endif
