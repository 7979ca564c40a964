/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ONE crash on a partition without a file system: written by the crash kernel where a
 * file system may be what is broken, brought into the archive by the next boot.
 *
 *	0	slot A  4096 bytes, see raw.c
 *	4096	slot B  the same
 *	65536	the parts, one behind the other, each at a multiple of 4096
 *
 * The slot of the greater sequence that is whole is the header; each change writes the
 * other one after what it tells of is on the disk. So a power cut leaves the header of
 * before. A partition is ours by its header, and nothing else is ever written to:
 * raw_make() gives one to a partition that holds nothing.
 *
 * A dump is a flattened one (dump/flat.h), because it can be written without seeking.
 * Integers are little endian.
 */
#ifndef RECORD_RAW_H
#define RECORD_RAW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "record/record.h"

#define RAW_SLOT_SIZE	4096
#define RAW_PARTS_START 65536
#define RAW_PARTS_MAX	(RECORD_PART_COUNT + 1)
#define RAW_META	RECORD_PART_COUNT /* meta.json, among the parts */
#define RAW_ALIGN	4096
#define RAW_SIZE_MIN	((uint64_t)1 << 20)
#define RAW_UUID_SIZE	37

struct raw_part {
	uint32_t part;	/* enum record_part, or RAW_META */
	uint32_t state; /* enum record_state: PARTIAL or COMPLETE */
	uint64_t offset, size;
	uint64_t checksum; /* XXH3 with 64 bits; 0: none was made */
};

struct raw_header {
	char uuid[RAW_UUID_SIZE]; /* of this partition, as text */
	uint64_t sequence;
	char stamp[32]; /* of the crash; "" where there is none */
	uint32_t part_count;
	struct raw_part parts[RAW_PARTS_MAX];
};

struct raw {
	int fd; /* read and write, O_EXCL where it is a block device */
	uint64_t size_bytes;
	struct raw_header header;
};

/*
 * ERR_NOTFOUND: no header of ours; @ret is then open, with an empty header, for
 * raw_is_empty(). Other errors: @ret is not open.
 */
int raw_open(const char *device, bool is_writable, struct raw *ret, struct err *err);
void raw_close(struct raw *raw);
#define _cleanup_raw _cleanup_(raw_close)

/* Is there nothing at all in the first MiB and at the end? No proof that nobody wants it,
 * but no file system, partition table, LVM, RAID or LUKS is without bytes there. */
int raw_is_empty(const struct raw *raw, bool *ret, struct err *err);

/* The first header, with a new UUID. The caller has seen that it is empty. */
int raw_make(struct raw *raw, struct err *err);

/* Where the next part would begin; ERR_LIMIT where there is no room. The descriptor
 * stands there. */
int raw_seek_end(struct raw *raw, uint64_t *ret_offset, struct err *err);

/* What was written from @offset on is part @part: fsync, checksum, the new header. One of
 * the same kind is replaced. */
int raw_publish(struct raw *raw, uint32_t part, enum record_state state, uint64_t offset,
		uint64_t size, struct err *err);

/* seek + copy of @fd + publish. */
int raw_copy_in(struct raw *raw, uint32_t part, enum record_state state, int fd,
		struct err *err);

/* NULL if there is none. */
const struct raw_part *raw_find(const struct raw *raw, uint32_t part);

/* To @fd, which is empty. ERR_CORRUPT: it has not its checksum; it is there all the same.
 */
int raw_copy_out(const struct raw *raw, const struct raw_part *part, int fd,
		 struct err *err);

/* Names the crash, or with "" none: its parts are forgotten. */
int raw_set_stamp(struct raw *raw, const char *stamp, struct err *err);

/* The bytes of a slot, both ways; ERR_CORRUPT for anything that is not as written. Of
 * @size_bytes: of the partition. */
void raw_header_encode(const struct raw_header *header,
		       uint8_t ret[static RAW_SLOT_SIZE]);
int raw_header_decode(const uint8_t *data, size_t size, uint64_t size_bytes,
		      struct raw_header *ret, struct err *err);

#endif
