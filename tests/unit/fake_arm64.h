/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An arm64 machine made by a test: page tables of any granule and width in a fake image.
 *
 *	struct fake_arm64 f = { 0 };
 *	fake_arm64_paging(&f, 0x40100000, 12, 48);          pages of 4 KiB, 48 bits
 *	fake_arm64_memory(&f, 0xffff800080000000, 0x40200000, 0x2000);  RAM, and mapped
 *	fake_store(fake_arm64_virt(&f, 0xffff800080000010), 42, 8);
 *	fake_vmcoreinfo(&f.image, ...);
 *	struct image *image = fake_open(&f.image);
 */
#ifndef FAKE_ARM64_H
#define FAKE_ARM64_H

#include "fake_image.h"

#define FAKE_ARM64_TABLES  16
#define FAKE_ARM64_VOFFSET UINT64_C(0xffff7fff00000000) /* kimage_voffset */
#define FAKE_ARM64_TABLE   UINT64_C(3)
#define FAKE_ARM64_BLOCK   UINT64_C(0x701) /* accessed, inner shareable */
#define FAKE_ARM64_PAGE	   UINT64_C(0x403) /* accessed */

struct fake_arm64 {
	struct fake_image image;
	int page_shift, va_bits;
	uint64_t root, next, end; /* of tables */
};

/* Tables at @paddr, of what VMCOREINFO says. @va_bits is what the processor was told. */
static inline void fake_arm64_paging(struct fake_arm64 *f, uint64_t paddr, int page_shift,
				     int va_bits)
{
	uint64_t size = (uint64_t)FAKE_ARM64_TABLES << page_shift;

	f->image.machine = EM_AARCH64;
	f->page_shift = page_shift;
	f->va_bits = va_bits;
	fake_ram(&f->image, paddr, size);
	f->root = paddr;
	f->next = paddr + ((uint64_t)1 << page_shift);
	f->end = paddr + size;
	fake_vmcoreinfo(&f->image, "OSRELEASE=6.12.0-fake");
	fake_vmcoreinfo(&f->image, "PAGESIZE=%d", 1 << page_shift);
	fake_vmcoreinfo(&f->image, "SYMBOL(swapper_pg_dir)=%" PRIx64,
			paddr + FAKE_ARM64_VOFFSET);
	fake_vmcoreinfo(&f->image, "NUMBER(VA_BITS)=%d", va_bits);
	fake_vmcoreinfo(&f->image, "NUMBER(TCR_EL1_T1SZ)=0x%x", 64 - va_bits);
	fake_vmcoreinfo(&f->image, "NUMBER(kimage_voffset)=0x%" PRIx64,
			FAKE_ARM64_VOFFSET);
}

/* The bits of an address, where an entry has them. */
static inline uint64_t fake_arm64_address(const struct fake_arm64 *f, uint64_t paddr)
{
	if (f->page_shift == 16)
		return (paddr & UINT64_C(0xffffffff0000)) | (paddr >> 48 << 12);
	if (f->va_bits == 52)
		return (paddr & UINT64_C(0x3fffffffff000)) | (paddr >> 50 << 8);
	return paddr;
}

/* The entry for @vaddr in the table whose entries map 1 << @shift; makes tables. */
static inline uint8_t *fake_arm64_entry(struct fake_arm64 *f, uint64_t vaddr, int shift)
{
	int bits = f->page_shift - 3, s = f->page_shift;
	uint64_t table = f->root, mask;

	while (s + bits < f->va_bits)
		s += bits;
	mask = ((uint64_t)1 << (f->va_bits - s)) - 1;
	for (;; s -= bits, mask = ((uint64_t)1 << bits) - 1) {
		uint8_t *entry = fake_phys(&f->image, table + (vaddr >> s & mask) * 8, 8);

		if (s == shift)
			return entry;
		if (!fake_load(entry, 8)) {
			fake_check(f->next < f->end);
			fake_store(entry, f->next | FAKE_ARM64_TABLE, 8);
			f->next += (uint64_t)1 << f->page_shift;
		}
		table = fake_load(entry, 8) & ~FAKE_ARM64_TABLE;
	}
}

/* One page, or one block of 1 << @shift bytes. */
static inline void fake_arm64_map(struct fake_arm64 *f, uint64_t vaddr, uint64_t paddr,
				  int shift)
{
	uint64_t type = shift == f->page_shift ? FAKE_ARM64_PAGE : FAKE_ARM64_BLOCK;

	/* Where bits 9 and 8 are of the address they are no attributes. */
	if (f->va_bits == 52 && f->page_shift != 16)
		type &= ~UINT64_C(0x300);
	fake_store(fake_arm64_entry(f, vaddr, shift), fake_arm64_address(f, paddr) | type,
		   8);
}

/* RAM of whole pages, mapped. */
static inline void fake_arm64_memory(struct fake_arm64 *f, uint64_t vaddr, uint64_t paddr,
				     uint64_t size)
{
	uint64_t page = (uint64_t)1 << f->page_shift;

	for (uint64_t i = 0; i < size; i += page)
		fake_arm64_map(f, vaddr + i, paddr + i, f->page_shift);
	fake_ram(&f->image, paddr, size);
}

/* The bytes at @vaddr, mapped by pages below 2^48. */
static inline uint8_t *fake_arm64_virt(struct fake_arm64 *f, uint64_t vaddr)
{
	uint64_t page = (uint64_t)1 << f->page_shift;
	uint64_t entry = fake_load(fake_arm64_entry(f, vaddr, f->page_shift), 8);

	return fake_phys(&f->image,
			 (entry & UINT64_C(0xfffffffff000) & ~(page - 1)) +
				 (vaddr & (page - 1)),
			 1);
}

static inline void fake_arm64_u64(struct fake_arm64 *f, uint64_t vaddr, uint64_t value)
{
	fake_store(fake_arm64_virt(f, vaddr), value, 8);
}

static inline void fake_arm64_u32(struct fake_arm64 *f, uint64_t vaddr, uint32_t value)
{
	fake_store(fake_arm64_virt(f, vaddr), value, 4);
}

#endif
