// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The lockless ring of the kernel's log, as it stood when the machine died.
 *
 *	descriptors  state and id; where the text begins and ends, as logical positions
 *	infos        beside each descriptor: sequence, time, length, level, caller
 *	text         blocks, each with the id of its descriptor before the text:
 *
 *	  |id|text...|id|text......|   |           the last block did not fit before the
 *end ^begin    ^next                         of the ring, so its data lie at the start
 *
 * A position grows for ever; its low bits are the place in the ring. Ids grow for ever
 *too, in 62 bits; the low bits are the place of the descriptor.
 *
 * Sources: Linux kernel/printk/printk_ringbuffer.[ch] and printk.c (v5.10 to v7.2);
 *layouts and sizes come from VMCOREINFO alone. The log of kernels before v5.10 is not
 *known here.
 */
#include "kernel/printk.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

#define COUNT_BITS_MAX \
	25 /* log_buf_len= ends at 2 GiB; a descriptor for 32 bytes of text */
#define SIZE_BITS_MAX 28
#define STRUCT_MAX    4096 /* bytes of one structure, far above all that there are */

#define NEWEST_TRIES 8 /* records that CPUs may have begun at once */

/* Descriptors and infos are read in windows, for a crash kernel has little memory. */
#define WINDOW_COUNT 2048

#define STATE_SHIFT 62
#define ID_MASK	    (((uint64_t)1 << STATE_SHIFT) - 1)

enum desc_state {
	DESC_RESERVED,
	DESC_COMMITTED, /* may still grow */
	DESC_FINALIZED,
	DESC_REUSABLE,
};

/* Positions of a record without a block of text; bit 0 tells. */
#define LPOS_DATALESS	UINT64_C(1)
#define LPOS_EMPTY_LINE UINT64_C(3) /* other values: there was no room for the text */

#define BLOCK_ID_SIZE 8

/* Offsets and sizes, all of them exported by every kernel since v5.10. */
struct layout {
	uint64_t prb_size, prb_desc_ring, prb_text_ring;
	uint64_t ring_count_bits, ring_descs, ring_infos, ring_head_id, ring_tail_id;
	uint64_t desc_size, desc_state_var, desc_lpos, lpos_begin, lpos_next;
	uint64_t info_size, info_seq, info_ts_nsec, info_text_len, info_caller_id;
	uint64_t data_size_bits, data_data;
};

/*
 * struct printk_info after its text_len: u8 facility; u8 flags:5, level:3. Not exported,
 * for makedumpfile does not print them; the same since v5.10.
 */
#define INFO_FACILITY_AFTER_TEXT_LEN 2
#define INFO_LEVEL_AFTER_TEXT_LEN    3

/* A piece of the kernel's memory, pages of which may be missing. */
struct region {
	uint8_t *bytes;
	size_t size;
	uint64_t vaddr;
	uint32_t page_size;
	bool *missing; /* a flag a page, by address; NULL: all is there */
	struct err why;
};

struct ring {
	struct kernel *kernel;
	struct layout layout;
	uint64_t desc_count, descs_vaddr, infos_vaddr;
	uint64_t head_id, tail_id;
	unsigned int text_bits;
	struct region text, descs, infos; /* the last two: of one window */
	size_t capacity;		  /* of the log's records */
};

static void note_lost(struct printk_log *log, const char *fmt, ...) PRINTF(2, 3);
static void note_lost(struct printk_log *log, const char *fmt, ...)
{
	va_list ap;

	if (log->lost++)
		return;
	va_start(ap, fmt);
	vsnprintf(log->lost_why, sizeof(log->lost_why), fmt, ap);
	va_end(ap);
}

/* --- regions --------------------------------------------------------------------- */

static size_t region_page(const struct region *region, size_t offset)
{
	return (size_t)((region->vaddr % region->page_size + offset) / region->page_size);
}

static int region_read_pages(struct region *region, struct kernel *kernel,
			     struct err *err)
{
	size_t pages = region_page(region, region->size - 1) + 1;
	size_t part;

	region->missing = calloc(pages, sizeof(*region->missing));
	if (!region->missing)
		return err_nomem(err);
	for (size_t done = 0; done < region->size; done += part) {
		uint64_t vaddr = region->vaddr + done;

		part = region->page_size - vaddr % region->page_size;
		part = MIN(part, region->size - done);
		if (kernel_read(kernel, vaddr, region->bytes + done, part, &region->why) <
		    0) {
			memset(region->bytes + done, 0, part);
			region->missing[region_page(region, done)] = true;
		}
	}
	return 0;
}

/* Fails for memory only: what can't be read is missing. Forgets what it held before. */
static int region_read(struct region *region, struct kernel *kernel, uint64_t vaddr,
		       size_t size, struct err *err)
{
	free(region->missing);
	region->missing = NULL;
	region->vaddr = vaddr;
	region->size = size;
	region->page_size = kernel_page_size(kernel);
	if (kernel_read(kernel, vaddr, region->bytes, size, &region->why) == 0)
		return 0;
	return region_read_pages(region, kernel, err);
}

/* The bytes at @offset, or NULL where one of them is missing or outside. */
static const uint8_t *region_at(const struct region *region, size_t offset, size_t size)
{
	if (offset > region->size || size > region->size - offset)
		return NULL;
	if (region->missing && size)
		for (size_t page = region_page(region, offset);
		     page <= region_page(region, offset + size - 1); page++)
			if (region->missing[page])
				return NULL;
	return region->bytes + offset;
}

static int region_init(struct region *region, size_t size, struct err *err)
{
	region->bytes = malloc(size);
	return region->bytes ? 0 : err_nomem(err);
}

static void region_done(struct region *region)
{
	free(region->bytes);
	free(region->missing);
	*region = (struct region){ 0 };
}

/* --- the ring -------------------------------------------------------------------- */

static const struct {
	bool is_size;
	const char *name;
	size_t at;
} layout_keys[] = {
	{ true, "printk_ringbuffer", offsetof(struct layout, prb_size) },
	{ false, "printk_ringbuffer.desc_ring", offsetof(struct layout, prb_desc_ring) },
	{ false, "printk_ringbuffer.text_data_ring",
	  offsetof(struct layout, prb_text_ring) },
	{ false, "prb_desc_ring.count_bits", offsetof(struct layout, ring_count_bits) },
	{ false, "prb_desc_ring.descs", offsetof(struct layout, ring_descs) },
	{ false, "prb_desc_ring.infos", offsetof(struct layout, ring_infos) },
	{ false, "prb_desc_ring.head_id", offsetof(struct layout, ring_head_id) },
	{ false, "prb_desc_ring.tail_id", offsetof(struct layout, ring_tail_id) },
	{ true, "prb_desc", offsetof(struct layout, desc_size) },
	{ false, "prb_desc.state_var", offsetof(struct layout, desc_state_var) },
	{ false, "prb_desc.text_blk_lpos", offsetof(struct layout, desc_lpos) },
	{ false, "prb_data_blk_lpos.begin", offsetof(struct layout, lpos_begin) },
	{ false, "prb_data_blk_lpos.next", offsetof(struct layout, lpos_next) },
	{ true, "printk_info", offsetof(struct layout, info_size) },
	{ false, "printk_info.seq", offsetof(struct layout, info_seq) },
	{ false, "printk_info.ts_nsec", offsetof(struct layout, info_ts_nsec) },
	{ false, "printk_info.text_len", offsetof(struct layout, info_text_len) },
	{ false, "printk_info.caller_id", offsetof(struct layout, info_caller_id) },
	{ false, "prb_data_ring.size_bits", offsetof(struct layout, data_size_bits) },
	{ false, "prb_data_ring.data", offsetof(struct layout, data_data) },
};

static int layout_read(const struct vmcoreinfo *info, struct layout *ret, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(layout_keys); i++) {
		const char *name = layout_keys[i].name;
		uint64_t value;
		int r;

		if (layout_keys[i].is_size)
			r = vmcoreinfo_size(info, name, &value, err);
		else
			r = vmcoreinfo_offset(info, name, &value, err);
		if (r < 0)
			return r;
		if (value > STRUCT_MAX)
			return err_set(err, ERR_LIMIT,
				       "VMCOREINFO says %" PRIu64 " of %s", value, name);
		memcpy((uint8_t *)ret + layout_keys[i].at, &value, sizeof(value));
	}
	return 0;
}

/* Is all that is looked at inside of its structure? Every value is <= STRUCT_MAX. */
static bool layout_fits(const struct layout *l)
{
	uint64_t desc = MAX(l->desc_state_var, l->desc_lpos + l->lpos_begin);
	uint64_t ring = MAX(l->ring_descs, l->ring_infos);
	uint64_t info = MAX(l->info_seq, l->info_ts_nsec);
	uint64_t text_len_end = l->info_text_len + INFO_LEVEL_AFTER_TEXT_LEN + 1;

	desc = MAX(desc, l->desc_lpos + l->lpos_next);
	ring = MAX(ring, MAX(l->ring_head_id, l->ring_tail_id));
	ring = MAX(ring + 8, l->ring_count_bits + 4);
	info = MAX(info + 8, MAX(text_len_end, l->info_caller_id + 4));
	return desc + 8 <= l->desc_size && info <= l->info_size &&
	       l->prb_desc_ring + ring <= l->prb_size &&
	       l->prb_text_ring + MAX(l->data_size_bits + 4, l->data_data + 8) <=
		       l->prb_size;
}

/* The two heads of rings that struct printk_ringbuffer consists of. */
static int ring_parse(struct ring *ring, const uint8_t *prb, uint64_t *ret_text_vaddr,
		      struct err *err)
{
	const struct layout *l = &ring->layout;
	const uint8_t *descs = prb + l->prb_desc_ring, *text = prb + l->prb_text_ring;
	uint32_t count_bits = load_le32(descs + l->ring_count_bits);

	ring->text_bits = load_le32(text + l->data_size_bits);
	if (count_bits == 0 || count_bits > COUNT_BITS_MAX)
		return err_set(err, ERR_CORRUPT,
			       "the log can't have 2^%" PRIu32 " descriptors",
			       count_bits);
	if (ring->text_bits < 3 || ring->text_bits > SIZE_BITS_MAX)
		return err_set(err, ERR_CORRUPT, "the log can't have 2^%u bytes of text",
			       ring->text_bits);
	ring->desc_count = (uint64_t)1 << count_bits;
	ring->descs_vaddr = load_le64(descs + l->ring_descs);
	ring->infos_vaddr = load_le64(descs + l->ring_infos);
	ring->head_id = load_le64(descs + l->ring_head_id) & ID_MASK;
	ring->tail_id = load_le64(descs + l->ring_tail_id) & ID_MASK;
	*ret_text_vaddr = load_le64(text + l->data_data);
	return 0;
}

static int ring_open_text(struct ring *ring, uint64_t vaddr, struct err *err)
{
	size_t size = (size_t)1 << ring->text_bits;
	size_t window = (size_t)MIN(ring->desc_count, WINDOW_COUNT);
	int r;

	r = region_init(&ring->text, size, err);
	if (r == 0)
		r = region_init(&ring->descs, window * ring->layout.desc_size, err);
	if (r == 0)
		r = region_init(&ring->infos, window * ring->layout.info_size, err);
	if (r == 0)
		r = region_read(&ring->text, ring->kernel, vaddr, size, err);
	return r;
}

/* All but its memory. */
static int ring_find(struct ring *ring, struct kernel *kernel, uint64_t *ret_text_vaddr,
		     struct err *err)
{
	const struct vmcoreinfo *info = kernel_vmcoreinfo(kernel);
	uint8_t prb[STRUCT_MAX];
	uint64_t vaddr;
	int r;

	ring->kernel = kernel;
	r = vmcoreinfo_symbol(info, "prb", &vaddr, err);
	if (r == ERR_NOTFOUND && vmcoreinfo_get(info, "SYMBOL(log_buf)"))
		return err_set(err, ERR_UNSUPPORTED,
			       "the log of a kernel before v5.10 is of another kind");
	if (r == 0)
		r = layout_read(info, &ring->layout, err);
	if (r == 0 && !layout_fits(&ring->layout))
		r = err_set(err, ERR_CORRUPT,
			    "VMCOREINFO describes a log that contradicts itself");
	if (r == 0)
		r = kernel_read_u64(kernel, vaddr, &vaddr, err);
	if (r == 0)
		r = kernel_read(kernel, vaddr, prb, ring->layout.prb_size, err);
	if (r == 0)
		r = ring_parse(ring, prb, ret_text_vaddr, err);
	return r;
}

static int ring_open(struct ring *ring, struct kernel *kernel, struct err *err)
{
	uint64_t text_vaddr = 0;
	int r = ring_find(ring, kernel, &text_vaddr, err);

	return r == 0 ? ring_open_text(ring, text_vaddr, err) : r;
}

static void ring_close(struct ring *ring)
{
	region_done(&ring->text);
	region_done(&ring->descs);
	region_done(&ring->infos);
}

/* --- records --------------------------------------------------------------------- */

/*
 * The text block of a descriptor. In recent kernels (v7.2, not v6.12) a block may end
 * exactly at the end of the ring, where the place of @next is 0: so it is the last byte's
 * position that tells in which lap the block ends. Older kernels never let a block end
 * there, for them both questions have one answer.
 */
static bool block_find(const struct ring *ring, uint64_t begin, uint64_t next,
		       size_t *ret_offset, size_t *ret_size)
{
	unsigned int bits = ring->text_bits;
	uint64_t mask = ((uint64_t)1 << bits) - 1;
	uint64_t last = next - 1;

	if (begin % BLOCK_ID_SIZE || next % BLOCK_ID_SIZE)
		return false;
	if (begin >> bits == last >> bits) {
		if (next <= begin)
			return false;
		*ret_offset = (size_t)(begin & mask);
		*ret_size = (size_t)(next - begin);
	} else if ((begin + mask + 1) >> bits == last >> bits) {
		*ret_offset = 0;
		*ret_size = (size_t)(last & mask) + 1;
	} else {
		return false;
	}
	return *ret_size >= BLOCK_ID_SIZE;
}

static int add_record(struct ring *ring, struct printk_log *log,
		      const struct printk_record *record, struct err *err)
{
	if (log->count == ring->capacity) {
		size_t capacity = ring->capacity ? ring->capacity * 2 : 1024;
		struct printk_record *records =
			reallocarray(log->records, capacity, sizeof(*records));

		if (!records)
			return err_nomem(err);
		log->records = records;
		ring->capacity = capacity;
	}
	log->records[log->count++] = *record;
	return 0;
}

static struct printk_record record_parse(const struct layout *l, const uint8_t *info)
{
	uint8_t level = info[l->info_text_len + INFO_LEVEL_AFTER_TEXT_LEN];

	return (struct printk_record){
		.seq = load_le64(info + l->info_seq),
		.ts_nsec = load_le64(info + l->info_ts_nsec),
		.caller_id = load_le32(info + l->info_caller_id),
		.facility = info[l->info_text_len + INFO_FACILITY_AFTER_TEXT_LEN],
		.level = level >> 5,
		.text_size = load_le16(info + l->info_text_len),
	};
}

/* A record whose descriptor says that it is whole. */
static int take_text(struct ring *ring, struct printk_log *log, uint64_t id,
		     const uint8_t *desc, const uint8_t *info, struct err *err)
{
	const struct layout *l = &ring->layout;
	uint64_t begin = load_le64(desc + l->desc_lpos + l->lpos_begin);
	uint64_t next = load_le64(desc + l->desc_lpos + l->lpos_next);
	struct printk_record record = record_parse(l, info);
	const uint8_t *block;
	size_t offset, size;

	if (begin & next & LPOS_DATALESS) {
		/* An empty line says nothing; makedumpfile leaves it out as well. */
		if (begin != LPOS_EMPTY_LINE || next != LPOS_EMPTY_LINE)
			note_lost(log, "record %" PRIu64 " found no room for its text",
				  record.seq);
		return 0;
	}
	if (!block_find(ring, begin, next, &offset, &size)) {
		note_lost(log, "text of record %" PRIu64 " can't lie where it is said to",
			  record.seq);
		return 0;
	}
	record.text_size = MIN(record.text_size, size - BLOCK_ID_SIZE);
	block = region_at(&ring->text, offset, BLOCK_ID_SIZE + record.text_size);
	if (!block) {
		note_lost(log, "text of record %" PRIu64 ": %s", record.seq,
			  err_text(&ring->text.why));
		return 0;
	}
	if (load_le64(block) != id) {
		note_lost(log, "text of record %" PRIu64 " was overwritten", record.seq);
		return 0;
	}
	record.text = (const char *)block + BLOCK_ID_SIZE;
	return add_record(ring, log, &record, err);
}

/* The @i-th descriptor of the window. */
static int take_record(struct ring *ring, struct printk_log *log, uint64_t id, size_t i,
		       struct err *err)
{
	size_t desc_size = ring->layout.desc_size, info_size = ring->layout.info_size;
	const uint8_t *desc = region_at(&ring->descs, i * desc_size, desc_size);
	const uint8_t *info = region_at(&ring->infos, i * info_size, info_size);
	uint64_t state_var, desc_id;
	enum desc_state state;

	if (!desc) {
		note_lost(log, "descriptor 0x%" PRIx64 ": %s", id,
			  err_text(&ring->descs.why));
		return 0;
	}
	state_var = load_le64(desc + ring->layout.desc_state_var);
	state = state_var >> STATE_SHIFT;
	desc_id = state_var & ID_MASK;
	/* Free, or of the lap before: its new owner did not come that far. */
	if (state == DESC_REUSABLE || state_var == 0 ||
	    desc_id == ((id - ring->desc_count) & ID_MASK))
		return 0;
	if (desc_id != id) {
		note_lost(log, "descriptor 0x%" PRIx64 " was overwritten", id);
		return 0;
	}
	if (state == DESC_RESERVED) {
		note_lost(log, "a record was being written when the machine died");
		return 0;
	}
	if (!info) {
		note_lost(log, "time and length of record 0x%" PRIx64 ": %s", id,
			  err_text(&ring->infos.why));
		return 0;
	}
	return take_text(ring, log, id, desc, info, err);
}

static int read_window(struct ring *ring, uint64_t index, size_t count, struct err *err)
{
	size_t desc_size = ring->layout.desc_size, info_size = ring->layout.info_size;
	int r;

	r = region_read(&ring->descs, ring->kernel, ring->descs_vaddr + index * desc_size,
			count * desc_size, err);
	if (r == 0)
		r = region_read(&ring->infos, ring->kernel,
				ring->infos_vaddr + index * info_size, count * info_size,
				err);
	return r;
}

static int read_records(struct ring *ring, struct printk_log *log, struct err *err)
{
	uint64_t id = ring->tail_id;
	uint64_t left = ((ring->head_id - ring->tail_id) & ID_MASK) + 1;

	if (left > ring->desc_count) {
		note_lost(log,
			  "the ring's ends 0x%" PRIx64 " and 0x%" PRIx64
			  " contradict each other",
			  ring->tail_id, ring->head_id);
		left = ring->desc_count;
		id = (ring->head_id - left + 1) & ID_MASK;
	}
	while (left) {
		uint64_t index = id & (ring->desc_count - 1);
		uint64_t count = MIN(left, MIN(WINDOW_COUNT, ring->desc_count - index));
		int r = read_window(ring, index, (size_t)count, err);

		for (size_t i = 0; i < count && r == 0; i++)
			r = take_record(ring, log, (id + i) & ID_MASK, i, err);
		if (r < 0)
			return r;
		id = (id + count) & ID_MASK;
		left -= count;
	}
	return 0;
}

int printk_read(struct kernel *kernel, struct printk_log *ret, struct err *err)
{
	_cleanup_printk_log struct printk_log log = { 0 };
	_cleanup_(ring_close) struct ring ring = { 0 };
	int r;

	r = ring_open(&ring, kernel, err);
	if (r == 0)
		r = read_records(&ring, &log, err);
	if (r < 0)
		return err_in(err, r, "reading the kernel's log");
	log.memory = (char *)take_ptr(ring.text.bytes);
	*ret = log;
	log = (struct printk_log){ 0 };
	return 0;
}

/* The newest may still have been written when the machine died. */
int printk_newest_ns(struct kernel *kernel, uint64_t *ret, struct err *err)
{
	_cleanup_(ring_close) struct ring ring = { 0 };
	const struct layout *l = &ring.layout;
	uint64_t text_vaddr;
	int r = ring_find(&ring, kernel, &text_vaddr, err);

	for (uint64_t back = 0; r == 0 && back < NEWEST_TRIES; back++) {
		uint64_t id = (ring.head_id - back) & ID_MASK, state_var;
		uint64_t index = id & (ring.desc_count - 1);

		r = kernel_read_u64(kernel,
				    ring.descs_vaddr + index * l->desc_size +
					    l->desc_state_var,
				    &state_var, err);
		if (r == 0 && ((state_var & ID_MASK) != id ||
			       state_var >> STATE_SHIFT == DESC_RESERVED ||
			       state_var >> STATE_SHIFT == DESC_REUSABLE))
			continue;
		return r < 0 ? r
			     : kernel_read_u64(kernel,
					       ring.infos_vaddr + index * l->info_size +
						       l->info_ts_nsec,
					       ret, err);
	}
	return r < 0 ? r : err_set(err, ERR_NOTFOUND, "the log has no record at its end");
}

void printk_log_done(struct printk_log *log)
{
	free(log->records);
	free(log->memory);
	*log = (struct printk_log){ 0 };
}

/* --- text ------------------------------------------------------------------------ */

#define PREFIX_SIZE 64

/* As makedumpfile's dump_record(): these go out as they are. */
static bool is_plain(char c)
{
	return (c >= 0x20 && c < 0x7f) || c == '\t' || c == '\v' || c == '\f' ||
	       c == '\r';
}

static void format_record(const struct printk_record *record, bool with_caller,
			  struct text *ret)
{
	char prefix[PREFIX_SIZE], caller[16] = "";
	const char *text = record->text;
	size_t size = record->text_size;
	int indent;

	indent = snprintf(prefix, sizeof(prefix), "[%5" PRIu64 ".%06" PRIu64 "] ",
			  record->ts_nsec / 1000000000,
			  record->ts_nsec % 1000000000 / 1000);
	if (with_caller) {
		snprintf(caller, sizeof(caller), "%c%" PRIu32,
			 record->caller_id >> 31 ? 'C' : 'T',
			 record->caller_id & 0x7fffffff);
		indent += snprintf(prefix + indent, sizeof(prefix) - (size_t)indent,
				   "[%8s] ", caller);
	}
	text_add_bytes(ret, prefix, (size_t)indent);
	for (size_t i = 0, plain; i < size; i += plain + 1) {
		for (plain = 0; i + plain < size && is_plain(text[i + plain]);)
			plain++;
		text_add_bytes(ret, text + i, plain);
		if (i + plain == size)
			break;
		if (text[i + plain] == '\n')
			text_add(ret, "\n%*s", indent, "");
		else
			text_add(ret, "\\x%02x", (uint8_t)text[i + plain]);
	}
	text_add_bytes(ret, "\n", 1);
}

void printk_format_record(const struct printk_record *record, struct text *ret)
{
	format_record(record, false, ret);
}

void printk_format(const struct printk_log *log, struct text *ret)
{
	for (size_t i = 0; i < log->count; i++)
		format_record(&log->records[i], false, ret);
}

void printk_format_with_callers(const struct printk_log *log, struct text *ret)
{
	for (size_t i = 0; i < log->count; i++)
		format_record(&log->records[i], true, ret);
}
