// SPDX-License-Identifier: GPL-2.0-or-later
#include "record/raw.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/fd.h"
#include "base/size.h"
#include "record/part.h"

/*
 * A slot, after the magic:
 *	16	u32 version, u32 number of parts
 *	24	u64 sequence
 *	32	the UUID as text, NUL, zeros up to 72
 *	72	the stamp, NUL, zeros up to 104
 *	104	parts of 40 bytes: u32 part, u32 state, u64 offset, u64 size, u64
 *checksum, 8 bytes of zeros 4088	u64 XXH3 of what is before it
 */
#define RAW_MAGIC	    "EPITAPH-RAW-DISK" /* 16 bytes, no NUL */
#define RAW_VERSION	    1
#define RAW_UUID_OFFSET	    32
#define RAW_STAMP_OFFSET    72
#define RAW_PARTS_OFFSET    104
#define RAW_PART_SIZE	    40
#define RAW_CHECKSUM_OFFSET (RAW_SLOT_SIZE - 8)
#define RAW_CHUNK	    ((size_t)128 << 10)
#define RAW_LOOK_BYTES	    ((uint64_t)1 << 20)
_Static_assert(RAW_PARTS_OFFSET + RAW_PARTS_MAX * RAW_PART_SIZE <= RAW_CHECKSUM_OFFSET,
	       "the parts must fit into a slot");

/* ---- a slot ---- */

static void put_u32(uint8_t *at, uint32_t value)
{
	value = htole32(value);
	memcpy(at, &value, sizeof(value));
}

static void put_u64(uint8_t *at, uint64_t value)
{
	value = htole64(value);
	memcpy(at, &value, sizeof(value));
}

static uint32_t get_u32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static uint64_t get_u64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return le64toh(value);
}

void raw_header_encode(const struct raw_header *header, uint8_t ret[static RAW_SLOT_SIZE])
{
	memset(ret, 0, RAW_SLOT_SIZE);
	memcpy(ret, RAW_MAGIC, strlen(RAW_MAGIC));
	put_u32(ret + 16, RAW_VERSION);
	put_u32(ret + 20, header->part_count);
	put_u64(ret + 24, header->sequence);
	memcpy(ret + RAW_UUID_OFFSET, header->uuid, sizeof(header->uuid));
	memcpy(ret + RAW_STAMP_OFFSET, header->stamp, sizeof(header->stamp));
	for (uint32_t i = 0; i < header->part_count; i++) {
		uint8_t *at = ret + RAW_PARTS_OFFSET + i * RAW_PART_SIZE;
		const struct raw_part *part = &header->parts[i];

		put_u32(at, part->part);
		put_u32(at + 4, part->state);
		put_u64(at + 8, part->offset);
		put_u64(at + 16, part->size);
		put_u64(at + 24, part->checksum);
	}
	put_u64(ret + RAW_CHECKSUM_OFFSET, XXH3_64bits(ret, RAW_CHECKSUM_OFFSET));
}

static int raw_part_decode(const uint8_t *at, uint64_t size_bytes, struct raw_part *ret,
			   struct err *err)
{
	uint64_t end;

	*ret = (struct raw_part){
		.part = get_u32(at),
		.state = get_u32(at + 4),
		.offset = get_u64(at + 8),
		.size = get_u64(at + 16),
		.checksum = get_u64(at + 24),
	};
	if (ret->part > RAW_META ||
	    (ret->state != RECORD_PARTIAL && ret->state != RECORD_COMPLETE))
		return err_set(err, ERR_CORRUPT, "part %u in state %u", ret->part,
			       ret->state);
	if (ret->offset < RAW_PARTS_START || ret->offset % RAW_ALIGN ||
	    !u64_add(ret->offset, ret->size, &end) || end > size_bytes)
		return err_set(err, ERR_CORRUPT, "part %u lies out of the partition",
			       ret->part);
	return 0;
}

int raw_header_decode(const uint8_t *data, size_t size, uint64_t size_bytes,
		      struct raw_header *ret, struct err *err)
{
	struct raw_header header = { 0 };
	int r = 0;

	if (size < RAW_SLOT_SIZE || memcmp(data, RAW_MAGIC, strlen(RAW_MAGIC)) != 0)
		return err_set(err, ERR_NOTFOUND, "no header of ours");
	if (get_u64(data + RAW_CHECKSUM_OFFSET) != XXH3_64bits(data, RAW_CHECKSUM_OFFSET))
		return err_set(err, ERR_CORRUPT, "the header has not its checksum");
	if (get_u32(data + 16) != RAW_VERSION)
		return err_set(err, ERR_UNSUPPORTED, "version %u of the header",
			       get_u32(data + 16));
	header.part_count = get_u32(data + 20);
	header.sequence = get_u64(data + 24);
	memcpy(header.uuid, data + RAW_UUID_OFFSET, sizeof(header.uuid));
	memcpy(header.stamp, data + RAW_STAMP_OFFSET, sizeof(header.stamp));
	if (header.part_count > RAW_PARTS_MAX || header.uuid[sizeof(header.uuid) - 1] ||
	    header.stamp[sizeof(header.stamp) - 1] ||
	    (header.stamp[0] && !part_stamp_is_valid(header.stamp)) ||
	    strspn(header.uuid, "0123456789abcdef-") != strlen(header.uuid))
		return err_set(err, ERR_CORRUPT, "the header makes no sense");
	for (uint32_t i = 0; r == 0 && i < header.part_count; i++)
		r = raw_part_decode(data + RAW_PARTS_OFFSET + i * RAW_PART_SIZE,
				    size_bytes, &header.parts[i], err);
	if (r == 0)
		*ret = header;
	return r;
}

/* ---- the partition ---- */

/* The better of the two slots. */
static int raw_read_header(struct raw *raw, struct err *err)
{
	uint8_t slot[RAW_SLOT_SIZE];
	int result = ERR_NOTFOUND;

	err_set(err, ERR_NOTFOUND, "no header of ours");
	for (uint64_t i = 0; i < 2; i++) {
		struct raw_header header;
		int r = fd_pread_full(raw->fd, slot, sizeof(slot), i * RAW_SLOT_SIZE,
				      err);

		if (r < 0)
			return r;
		r = raw_header_decode(slot, sizeof(slot), raw->size_bytes, &header, err);
		if (r == 0 && (result < 0 || header.sequence > raw->header.sequence))
			raw->header = header;
		// A slot that is damaged says at least that it is ours.
		if (r == 0 || (result != 0 && r != ERR_NOTFOUND))
			result = r;
	}
	return result;
}

int raw_open(const char *device, bool is_writable, struct raw *ret, struct err *err)
{
	struct raw raw = { .fd = -1 };
	struct stat st;
	off_t size;
	int r;

	raw.fd = open(device, (is_writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (raw.fd < 0)
		return err_os(err, errno, "unable to open '%s'", device);
	size = lseek(raw.fd, 0, SEEK_END);
	if (fstat(raw.fd, &st) < 0 || size < 0)
		r = err_os(err, errno, "unable to look at '%s'", device);
	else if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		r = err_set(err, ERR_INVALID, "'%s' is no partition", device);
	else if ((uint64_t)size < RAW_SIZE_MIN)
		r = err_set(err, ERR_LIMIT, "'%s' is smaller than 1 MiB", device);
	else
		r = 0;
	// Nobody may have it mounted, nor take it meanwhile.
	if (r == 0 && S_ISBLK(st.st_mode)) {
		close(raw.fd);
		raw.fd = open(device,
			      (is_writable ? O_RDWR : O_RDONLY) | O_EXCL | O_CLOEXEC);
		if (raw.fd < 0)
			r = err_os(err, errno, "unable to have '%s' alone", device);
	}
	raw.size_bytes = (uint64_t)size;
	if (r == 0)
		r = raw_read_header(&raw, err);
	if (r < 0 && r != ERR_NOTFOUND)
		fd_closep(&raw.fd);
	if (r == 0 || r == ERR_NOTFOUND)
		*ret = raw;
	return r < 0 ? err_in(err, r, "'%s'", device) : 0;
}

void raw_close(struct raw *raw)
{
	fd_closep(&raw->fd);
	raw->fd = -1;
}

static int raw_is_zero(const struct raw *raw, uint64_t start, uint64_t end, bool *ret,
		       struct err *err)
{
	_cleanup_free uint8_t *chunk = malloc(RAW_CHUNK);
	int r = 0;

	if (!chunk)
		return err_nomem(err);
	for (; *ret && start < end; start += RAW_CHUNK) {
		size_t size = (size_t)MIN(end - start, (uint64_t)RAW_CHUNK);

		r = fd_pread_full(raw->fd, chunk, size, start, err);
		if (r < 0)
			return r;
		*ret = chunk[0] == 0 && memcmp(chunk, chunk + 1, size - 1) == 0;
	}
	return 0;
}

int raw_is_empty(const struct raw *raw, bool *ret, struct err *err)
{
	uint64_t look = MIN(raw->size_bytes, RAW_LOOK_BYTES);
	bool is_empty = true;
	int r = raw_is_zero(raw, 0, look, &is_empty, err);

	if (r == 0)
		r = raw_is_zero(raw, raw->size_bytes - look, raw->size_bytes, &is_empty,
				err);
	if (r == 0)
		*ret = is_empty;
	return r;
}

static int raw_write_header(struct raw *raw, struct err *err)
{
	uint8_t slot[RAW_SLOT_SIZE];
	int r;

	if (fsync(raw->fd) < 0)
		return err_os(err, errno, "unable to fsync the partition");
	raw->header.sequence++;
	raw_header_encode(&raw->header, slot);
	r = fd_pwrite_full(raw->fd, slot, sizeof(slot),
			   raw->header.sequence % 2 * RAW_SLOT_SIZE, err);
	if (r == 0 && fsync(raw->fd) < 0)
		r = err_os(err, errno, "unable to fsync the header");
	return r;
}

int raw_make(struct raw *raw, struct err *err)
{
	uint8_t id[16];
	char *at = raw->header.uuid;

	raw->header = (struct raw_header){ 0 };
	if (getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id))
		return err_os(err, errno, "no random bytes");
	for (size_t i = 0; i < sizeof(id); i++)
		at += sprintf(at, "%s%02x",
			      i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
	return raw_write_header(raw, err);
}

int raw_set_stamp(struct raw *raw, const char *stamp, struct err *err)
{
	raw->header.part_count = 0;
	memset(raw->header.stamp, 0, sizeof(raw->header.stamp));
	snprintf(raw->header.stamp, sizeof(raw->header.stamp), "%s", stamp);
	return raw_write_header(raw, err);
}

/* ---- its parts ---- */

const struct raw_part *raw_find(const struct raw *raw, uint32_t part)
{
	for (uint32_t i = 0; i < raw->header.part_count; i++) {
		if (raw->header.parts[i].part == part)
			return &raw->header.parts[i];
	}
	return NULL;
}

int raw_seek_end(struct raw *raw, uint64_t *ret_offset, struct err *err)
{
	uint64_t end = RAW_PARTS_START;

	for (uint32_t i = 0; i < raw->header.part_count; i++) {
		const struct raw_part *part = &raw->header.parts[i];

		end = MAX(end, align_up(part->offset + part->size, RAW_ALIGN));
	}
	if (end >= raw->size_bytes)
		return err_set(err, ERR_LIMIT, "the partition is full");
	if (lseek(raw->fd, (off_t)end, SEEK_SET) < 0)
		return err_os(err, errno, "unable to seek");
	*ret_offset = end;
	return 0;
}

static int raw_checksum(const struct raw *raw, uint64_t offset, uint64_t size, int copy,
			uint64_t *ret, struct err *err)
{
	_cleanup_free uint8_t *chunk = malloc(RAW_CHUNK);
	XXH3_state_t *state = XXH3_createState();
	int r = 0;

	if (!chunk || !state)
		r = err_nomem(err);
	else
		XXH3_64bits_reset(state);
	for (uint64_t done = 0; r == 0 && done < size; done += RAW_CHUNK) {
		size_t part = (size_t)MIN(size - done, (uint64_t)RAW_CHUNK);

		r = fd_pread_full(raw->fd, chunk, part, offset + done, err);
		if (r == 0)
			XXH3_64bits_update(state, chunk, part);
		if (r == 0 && copy >= 0)
			r = fd_write_full(copy, chunk, part, err);
	}
	if (r == 0)
		*ret = XXH3_64bits_digest(state);
	XXH3_freeState(state);
	return r;
}

int raw_publish(struct raw *raw, uint32_t part, enum record_state state, uint64_t offset,
		uint64_t size, struct err *err)
{
	struct raw_header *header = &raw->header;
	struct raw_part made = {
		.part = part, .state = (uint32_t)state, .offset = offset, .size = size
	};
	uint32_t i = 0;
	int r = 0;

	if (size <= RECORD_CHECKSUM_MAX_BYTES)
		r = raw_checksum(raw, offset, size, -1, &made.checksum, err);
	if (r < 0)
		return r;
	while (i < header->part_count && header->parts[i].part != part)
		i++;
	if (i >= RAW_PARTS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d parts", RAW_PARTS_MAX);
	header->parts[i] = made;
	header->part_count = MAX(header->part_count, i + 1);
	return raw_write_header(raw, err);
}

int raw_copy_in(struct raw *raw, uint32_t part, enum record_state state, int fd,
		struct err *err)
{
	_cleanup_free uint8_t *chunk = malloc(RAW_CHUNK);
	uint64_t offset, size = 0;
	ssize_t n;
	int r;

	if (!chunk)
		return err_nomem(err);
	r = raw_seek_end(raw, &offset, err);
	while (r == 0 && (n = pread(fd, chunk, RAW_CHUNK, (off_t)size)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_os(err, errno, "unable to read back");
		r = fd_write_full(raw->fd, chunk, (size_t)n, err);
		size += (uint64_t)n;
	}
	return r < 0 ? r : raw_publish(raw, part, state, offset, size, err);
}

int raw_copy_out(const struct raw *raw, const struct raw_part *part, int fd,
		 struct err *err)
{
	uint64_t checksum = 0;
	int r = raw_checksum(raw, part->offset, part->size, fd, &checksum, err);

	if (r == 0 && part->checksum && part->checksum != checksum)
		r = err_set(err, ERR_CORRUPT, "it has not its checksum");
	return r;
}
