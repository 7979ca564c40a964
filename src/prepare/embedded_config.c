// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/embedded_config.h"

#include <archive.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/text.h"

#define IMAGE_MAX_BYTES	    ((size_t)256 << 20) /* of the file */
#define UNPACKED_MAX_BYTES  ((uint64_t)1 << 30) /* of the kernel in it: bombs end here */
#define CONFIG_MAX_BYTES    ((size_t)8 << 20)
#define UNPACKED_SIZE_BYTES 4 /* scripts/Makefile.lib, size_append */
#define CHUNK_BYTES	    ((size_t)1 << 20)
#define MARK_BYTES	    8
#define MARK_START	    "IKCFG_ST"
#define MARK_END	    "IKCFG_ED"

static void archive_freep(struct archive **archive)
{
	if (*archive)
		archive_read_free(*archive);
}

/* Packed or not: what no filter knows is given as it is. */
static int stream_open(const uint8_t *data, size_t size, struct archive **ret,
		       struct err *err)
{
	_cleanup_(archive_freep) struct archive *archive = archive_read_new();
	struct archive_entry *entry;

	if (!archive)
		return err_nomem(err);
	archive_read_support_filter_gzip(archive);
	archive_read_support_filter_bzip2(archive);
	archive_read_support_filter_lzma(archive);
	archive_read_support_filter_xz(archive);
	archive_read_support_filter_lzop(archive);
	archive_read_support_filter_lz4(archive);
	archive_read_support_filter_zstd(archive);
	archive_read_support_format_raw(archive);
	if (archive_read_open_memory(archive, data, size) != ARCHIVE_OK ||
	    archive_read_next_header(archive, &entry) != ARCHIVE_OK)
		return err_set(err, ERR_CORRUPT, "unable to unpack: %s",
			       archive_error_string(archive));
	*ret = take_ptr(archive);
	return 0;
}

int embedded_config_unpack(const uint8_t *data, size_t size, char **ret, struct err *err)
{
	_cleanup_(archive_freep) struct archive *archive = NULL;
	_cleanup_text struct text text = { .limit = CONFIG_MAX_BYTES };
	char chunk[4096];
	la_ssize_t n;
	int r = stream_open(data, size, &archive, err);

	if (r < 0)
		return r;
	if (archive_filter_count(archive) < 2) // the last is "none"
		return err_set(err, ERR_CORRUPT, "is packed in no way that is known");
	while ((n = archive_read_data(archive, chunk, sizeof(chunk))) > 0)
		text_add_bytes(&text, chunk, (size_t)n);
	if (n < 0)
		return err_set(err, ERR_CORRUPT, "unable to unpack: %s",
			       archive_error_string(archive));
	text_add_bytes(&text, "", 1);
	r = text_check(&text, err);
	if (r < 0)
		return r;
	*ret = take_ptr(text.data);
	return 0;
}

/* ---- finding it in a stream ---- */

/* The marks may lie across two chunks: the last bytes of one stay before the next. */
struct search {
	uint8_t window[MARK_BYTES + CHUNK_BYTES];
	size_t kept; /* of the chunk before, at the start of the window */
	bool is_inside;
	bool is_done;
	struct text packed; /* what lies between the marks */
};

/* @count bytes have been read behind those that were kept. */
static void search_step(struct search *search, size_t count)
{
	const uint8_t *at = search->window;
	size_t size = search->kept + count, keep;
	const uint8_t *mark;

	if (!search->is_inside) {
		mark = memmem(at, size, MARK_START, MARK_BYTES);
		if (mark) {
			search->is_inside = true;
			size -= (size_t)(mark - at) + MARK_BYTES;
			at = mark + MARK_BYTES;
		}
	}
	keep = MIN(size, (size_t)MARK_BYTES - 1);
	if (search->is_inside) {
		mark = memmem(at, size, MARK_END, MARK_BYTES);
		search->is_done = mark;
		text_add_bytes(&search->packed, at,
			       mark ? (size_t)(mark - at) : size - keep);
	}
	memmove(search->window, at + size - keep, keep);
	search->kept = keep;
}

/*
 * Reads until the configuration is whole. An error after what was looked for is none.
 */
static int stream_search(struct archive *archive, struct search *search, struct err *err)
{
	uint64_t total = 0;
	la_ssize_t n = 1;

	while (n > 0 && !search->is_done) {
		n = archive_read_data(archive, search->window + search->kept,
				      CHUNK_BYTES);
		if (n <= 0)
			break;
		total += (uint64_t)n;
		search_step(search, (size_t)n);
		if (search->packed.failed || total > UNPACKED_MAX_BYTES)
			return err_set(err, ERR_LIMIT, "is larger than a kernel can be");
	}
	if (search->is_done)
		return 0;
	if (n < 0 && total == 0)
		return err_set(err, ERR_CORRUPT, "unable to unpack: %s",
			       archive_error_string(archive));
	return err_set(err, ERR_NOTFOUND,
		       search->is_inside
			       ? "its configuration is cut off"
			       : "has no configuration in it (CONFIG_IKCONFIG)");
}

/* Where the packed kernel lies in an x86 bzImage; the whole file if it is none. */
static void image_payload(const uint8_t *image, size_t size, const uint8_t **ret,
			  size_t *ret_size)
{
	uint64_t start, length;

	*ret = image;
	*ret_size = size;
	// payload_offset and payload_length came with protocol 2.08
	if (size < 0x250 || load_le16(image + 0x1fe) != 0xaa55 ||
	    memcmp(image + 0x202, "HdrS", 4) != 0 || load_le16(image + 0x206) < 0x208)
		return;
	start = ((image[0x1f1] ? image[0x1f1] : 4u) + 1u) * 512u +
		(uint64_t)load_le32(image + 0x248);
	length = load_le32(image + 0x24c);
	if (start >= size || length == 0)
		return;
	*ret = image + start;
	*ret_size = (size_t)MIN(length, size - start);
}

static int payload_search(const uint8_t *payload, size_t size, char **ret,
			  struct err *err)
{
	_cleanup_(archive_freep) struct archive *archive = NULL;
	struct search *search = calloc(1, sizeof(*search));
	int r;

	if (!search)
		return err_nomem(err);
	search->packed.limit = CONFIG_MAX_BYTES;
	r = stream_open(payload, size, &archive, err);
	if (r == 0)
		r = stream_search(archive, search, err);
	if (r == 0)
		r = text_check(&search->packed, err);
	if (r == 0)
		r = embedded_config_unpack((const uint8_t *)text_get(&search->packed),
					   search->packed.size, ret, err);
	if (r < 0 && search->is_done)
		r = err_in(err, r, "its configuration");
	text_done(&search->packed);
	free(search);
	return r;
}

/*
 * Some filters lose their last block for what stands behind the stream's end (lzma, xz),
 * others want it all (gzip, where the unpacked size is the stream's own end).
 */
int embedded_config_find(const uint8_t *image, size_t size, char **ret, struct err *err)
{
	const uint8_t *payload;
	size_t payload_size;
	int r;

	image_payload(image, size, &payload, &payload_size);
	r = payload_search(payload, payload_size, ret, err);
	if (r < 0 && payload != image && payload_size > UNPACKED_SIZE_BYTES &&
	    payload_search(payload, payload_size - UNPACKED_SIZE_BYTES, ret, NULL) == 0)
		return 0;
	return r;
}

int embedded_config_read(const char *path, char **ret, struct err *err)
{
	_cleanup_free char *data = NULL;
	size_t size;
	int r = file_read(AT_FDCWD, path, IMAGE_MAX_BYTES, &data, &size, err);

	if (r < 0)
		return r;
	r = embedded_config_find((const uint8_t *)data, size, ret, err);
	return r < 0 ? err_in(err, r, "the kernel '%s'", path) : 0;
}
