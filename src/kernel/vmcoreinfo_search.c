// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/vmcoreinfo_search.h"

#include <stdbool.h>
#include <string.h>

#include "base/size.h"
#include "kernel/vmcoreinfo.h"

#define BEGINNING	"OSRELEASE="
#define BEGINNING_SIZE	(sizeof(BEGINNING) - 1)
#define PAGE		((uint64_t)4096)
#define WINDOW_PAGES	16
#define WINDOW_SIZE_MAX (WINDOW_PAGES * PAGE + BEGINNING_SIZE - 1)

/*
 * The bytes from @paddr on, to the end of some pages and a little further, so that no
 * beginning is cut in two. Where a page is missing: to the end of this one. 0: it is.
 */
static size_t read_window(struct image *image, uint64_t paddr, uint64_t end, uint8_t *ret)
{
	uint64_t page_end = MIN(align_down(paddr, PAGE) + PAGE, end);
	uint64_t window_end = MIN(page_end + (WINDOW_PAGES - 1) * PAGE, end);
	const uint64_t ends[] = { MIN(window_end + BEGINNING_SIZE - 1, end),
				  MIN(page_end + BEGINNING_SIZE - 1, end), page_end };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (image_read(image, paddr, ret, (size_t)(ends[i] - paddr), NULL) == 0)
			return (size_t)(ends[i] - paddr);
	return 0;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

/* Lines of printable text with what every kernel says of itself. */
static bool is_plausible(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((text[i] < ' ' || text[i] > '~') && text[i] != '\n')
			return false;
	return size && text[size - 1] == '\n' && strstr(text, "\nPAGESIZE=") &&
	       strstr(text, "\nSYMBOL(_stext)=");
}

/* The text from @paddr to its NUL. Left at NULL: it is not one. */
static int take_text(struct image *image, uint64_t paddr, char **ret, size_t *ret_size,
		     struct err *err)
{
	_cleanup_free char *text = malloc(VMCOREINFO_SIZE_MAX + 1);
	size_t size = 0, length = 0;

	if (!text)
		return err_nomem(err);
	while (length == size && size < VMCOREINFO_SIZE_MAX) {
		size_t part = (size_t)(PAGE - (paddr + size) % PAGE);

		part = MIN(part, VMCOREINFO_SIZE_MAX - size);
		if (image_read(image, paddr + size, text + size, part, NULL) < 0)
			return 0;
		length += strnlen(text + size, part);
		size += part;
	}
	text[length] = '\0';
	if (length == size || !is_plausible(text, length))
		return 0;
	*ret = take_ptr(text);
	*ret_size = length;
	return 0;
}

/* From search->paddr to @end, the end of its range; moves on behind what was looked at.
 */
static int search_range(struct vmcoreinfo_search *search, uint64_t end, char **ret,
			size_t *ret_size, struct err *err)
{
	uint8_t window[WINDOW_SIZE_MAX];

	while (search->paddr < end && !*ret) {
		size_t size = read_window(search->image, search->paddr, end, window);
		const uint8_t *found;
		int r;

		if (size == 0) { // a page that is not there
			search->paddr = align_down(search->paddr, PAGE) + PAGE;
			continue;
		}
		found = memmem(window, size, BEGINNING, BEGINNING_SIZE);
		if (!found) {
			bool is_end = search->paddr + size >= end;

			search->paddr += size >= BEGINNING_SIZE && !is_end
						 ? size - (BEGINNING_SIZE - 1)
						 : size;
			if (is_zero(window, size))
				search->paddr =
					image_next_data(search->image, search->paddr);
			continue;
		}
		search->paddr += (uint64_t)(found - window);
		r = take_text(search->image, search->paddr, ret, ret_size, err);
		search->paddr += BEGINNING_SIZE;
		if (r < 0)
			return r;
	}
	return 0;
}

int vmcoreinfo_search_next(struct vmcoreinfo_search *search, char **ret, size_t *ret_size,
			   struct err *err)
{
	size_t count, size = 0;
	const struct image_range *ranges = image_ranges(search->image, &count);
	char *text = NULL;
	int r = 0;

	for (; search->range < count && r == 0; search->range++) {
		const struct image_range *range = &ranges[search->range];

		search->paddr = MAX(search->paddr, range->paddr);
		r = search_range(search,
				 MIN(range->paddr + range->size_bytes, search->limit),
				 &text, &size, err);
		if (text)
			break;
	}
	if (r < 0)
		return r;
	if (!text)
		return err_set(err, ERR_NOTFOUND, "there is none in memory");
	if (++search->tries > VMCOREINFO_SEARCH_TRIES) {
		free(text);
		return err_set(err, ERR_LIMIT,
			       "memory has more than %d that are not true",
			       VMCOREINFO_SEARCH_TRIES);
	}
	*ret = text;
	*ret_size = size;
	return 0;
}
