/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A dead kernel that has nothing but the ring of printk (Linux v5.10 and later). */
#ifndef FAKE_RING_H
#define FAKE_RING_H

#include "fake_image.h"
#include "kernel/kernel.h"
#include "kernel/printk.h"

#define TABLES	   UINT64_C(0x100000)
#define PRB_SYMBOL UINT64_C(0xffffffff81000000) /* struct printk_ringbuffer *prb */
#define PRB	   UINT64_C(0xffffffff81000100)
#define DESCS	   UINT64_C(0xffffffff81010000)
#define INFOS	   UINT64_C(0xffffffff81100000)
#define TEXT	   UINT64_C(0xffffffff81300000)
#define TEXT_PADDR UINT64_C(0x3000000)
#define INFO_PADDR UINT64_C(0x2000000)
#define DESC_PADDR UINT64_C(0x1000000)

#define COUNT_BITS 5
#define COUNT	   ((uint64_t)1 << COUNT_BITS)
#define TEXT_BITS  13 /* two pages */
#define TEXT_SIZE  ((uint64_t)1 << TEXT_BITS)
#define DESC_SIZE  24
#define INFO_SIZE  88
#define ID_MASK	   (UINT64_MAX >> 2)

enum {
	RESERVED,
	COMMITTED,
	FINALIZED,
	REUSABLE
};

/* The first record's id: the kernel starts there so that ids soon wrap at 2^62. */
#define FIRST_ID ((-COUNT) & ID_MASK)

struct fake_ring {
	struct fake_image fake;
	struct image *image;
	struct kernel *kernel;
	struct printk_log log;
	uint64_t lpos; /* where the next block begins */
	uint64_t id;   /* of the next record */
};

static inline void fake_ring_ends(struct fake_ring *m, uint64_t tail_id, uint64_t head_id)
{
	fake_u64(&m->fake, PRB + 24, head_id);
	fake_u64(&m->fake, PRB + 32, tail_id);
}

/* Offsets of a v6.12 kernel for x86-64. */
static inline void fake_ring_layout(struct fake_ring *m)
{
	static const char *const lines[] = {
		"SIZE(printk_ringbuffer)=88",
		"OFFSET(printk_ringbuffer.desc_ring)=0",
		"OFFSET(printk_ringbuffer.text_data_ring)=48",
		"OFFSET(prb_desc_ring.count_bits)=0",
		"OFFSET(prb_desc_ring.descs)=8",
		"OFFSET(prb_desc_ring.infos)=16",
		"OFFSET(prb_desc_ring.head_id)=24",
		"OFFSET(prb_desc_ring.tail_id)=32",
		"SIZE(prb_desc)=24",
		"OFFSET(prb_desc.state_var)=0",
		"OFFSET(prb_desc.text_blk_lpos)=8",
		"OFFSET(prb_data_blk_lpos.begin)=0",
		"OFFSET(prb_data_blk_lpos.next)=8",
		"SIZE(printk_info)=88",
		"OFFSET(printk_info.seq)=0",
		"OFFSET(printk_info.ts_nsec)=8",
		"OFFSET(printk_info.text_len)=16",
		"OFFSET(printk_info.caller_id)=20",
		"OFFSET(prb_data_ring.size_bits)=0",
		"OFFSET(prb_data_ring.data)=8",
	};

	fake_paging(&m->fake, TABLES, 5);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		fake_vmcoreinfo(&m->fake, "%s", lines[i]);
	fake_vmcoreinfo(&m->fake, "SYMBOL(prb)=%" PRIx64, PRB_SYMBOL);
}

static inline void fake_ring_init(struct fake_ring *m)
{
	*m = (struct fake_ring){ .id = FIRST_ID };
	fake_ring_layout(m);
	fake_memory(&m->fake, PRB_SYMBOL, 0x700000, 4096);
	fake_memory(&m->fake, DESCS, DESC_PADDR, COUNT * DESC_SIZE);
	fake_memory(&m->fake, INFOS, INFO_PADDR, COUNT * INFO_SIZE);
	fake_memory(&m->fake, TEXT, TEXT_PADDR, TEXT_SIZE);
	fake_u64(&m->fake, PRB_SYMBOL, PRB);
	fake_u32(&m->fake, PRB, COUNT_BITS);
	fake_u64(&m->fake, PRB + 8, DESCS);
	fake_u64(&m->fake, PRB + 16, INFOS);
	fake_u32(&m->fake, PRB + 48, TEXT_BITS);
	fake_u64(&m->fake, PRB + 56, TEXT);
	/* As the kernel begins: one free descriptor before the first. */
	fake_u64(&m->fake, DESCS + (COUNT - 1) * DESC_SIZE,
		 (uint64_t)REUSABLE << 62 | ((FIRST_ID - 1) & ID_MASK));
	fake_ring_ends(m, (FIRST_ID - 1) & ID_MASK, (FIRST_ID - 1) & ID_MASK);
}

/* A descriptor and its info; head goes on to it, tail is kept less than a lap behind. */
static inline void fake_ring_add_desc(struct fake_ring *m, int state, uint64_t begin,
				      uint64_t next, size_t text_len)
{
	uint64_t index = m->id % COUNT, number = (m->id - FIRST_ID) & ID_MASK;
	uint64_t desc = DESCS + index * DESC_SIZE, info = INFOS + index * INFO_SIZE;
	uint64_t tail = number < COUNT - 1 ? FIRST_ID - 1 : m->id - COUNT + 1;

	fake_u64(&m->fake, desc, (uint64_t)state << 62 | m->id);
	fake_u64(&m->fake, desc + 8, begin);
	fake_u64(&m->fake, desc + 16, next);
	fake_u64(&m->fake, info, number);
	fake_u64(&m->fake, info + 8, number * 1500000000 + 1234);
	fake_u16(&m->fake, info + 16, (uint16_t)text_len);
	fake_uint(&m->fake, info + 18, 3, 1);	       /* facility: daemon */
	fake_uint(&m->fake, info + 19, 4 << 5 | 8, 1); /* level: warning; flags */
	fake_u32(&m->fake, info + 20, number % 2 ? 0x80000001 : 247);
	fake_ring_ends(m, tail & ID_MASK, m->id);
	m->id = (m->id + 1) & ID_MASK;
}

/* As data_alloc(): a block that does not fit before the ring's end goes to its start. */
static inline void fake_ring_add(struct fake_ring *m, int state, const char *text,
				 size_t size)
{
	uint64_t begin = m->lpos, place = begin % TEXT_SIZE;
	uint64_t block = 8 + (size + 7) / 8 * 8;
	uint64_t next = begin + block;

	if (place + block > TEXT_SIZE) {
		fake_u64(&m->fake, TEXT + place, m->id);
		next = begin - place + TEXT_SIZE + block;
		place = 0;
	}
	fake_u64(&m->fake, TEXT + place, m->id);
	fake_bytes(&m->fake, TEXT + place + 8, text, size);
	fake_ring_add_desc(m, state, begin, next, size);
	m->lpos = next;
}

static inline void fake_ring_add_text(struct fake_ring *m, const char *text)
{
	fake_ring_add(m, FINALIZED, text, strlen(text));
}

#endif
