// SPDX-License-Identifier: GPL-2.0-or-later
/* A thin image over another one: everything is the source's, and borrowed. */
#include "image/image_watch.h"

#include <stdlib.h>
#include <string.h>

#include "image/image_format.h"

struct watch {
	struct image *source;
	struct image_watcher watcher;
};

static struct image *watch_source(struct image *image)
{
	return ((struct watch *)image->context)->source;
}

/* image_close() is left nothing that is the source's. */
static void watch_close(struct image *image)
{
	free(image->context);
	image->ranges = NULL;
	image->loads = NULL;
	image->notes = NULL;
	image->notes_raw = NULL;
}

static int watch_read(struct image *image, uint64_t paddr, void *buf, size_t size,
		      size_t *ret_done, struct err *err)
{
	const struct watch *watch = image->context;
	int r = watch->source->ops->read(watch->source, paddr, buf, size, ret_done, err);

	if (r == 0)
		watch->watcher.saw(watch->watcher.context, paddr, *ret_done);
	return r;
}

static uint64_t watch_next_data(struct image *image, uint64_t paddr)
{
	return image_next_data(watch_source(image), paddr);
}

static bool watch_has_page(struct image *image, uint64_t paddr)
{
	return image_has_page(watch_source(image), paddr);
}

static uint64_t watch_next_page(struct image *image, uint64_t paddr)
{
	return image_next_page(watch_source(image), paddr);
}

static int watch_page_storage(struct image *image, uint64_t paddr,
			      struct image_storage *ret, struct err *err)
{
	return image_page_storage(watch_source(image), paddr, ret, err);
}

static const struct image_ops watch_ops = {
	.close = watch_close,
	.read = watch_read,
	.next_data = watch_next_data,
	.has_page = watch_has_page,
	.next_page = watch_next_page,
	.page_storage = watch_page_storage,
};

int image_watch(struct image *source, const struct image_watcher *watcher,
		struct image **ret, struct err *err)
{
	_cleanup_free struct image *image = malloc(sizeof(*image));
	_cleanup_free struct watch *watch = malloc(sizeof(*watch));
	char *path = strdup(source->path);

	if (!image || !watch || !path) {
		free(path);
		return err_nomem(err);
	}
	*watch = (struct watch){ .source = source, .watcher = *watcher };
	*image = (struct image){
		.ops = &watch_ops,
		.path = path,
		.file = { .fd = -1 },
		.info = source->info,
		.ranges = source->ranges,
		.range_count = source->range_count,
		.loads = source->loads,
		.load_count = source->load_count,
		.notes_raw = source->notes_raw,
		.notes_size = source->notes_size,
		.notes = source->notes,
		.note_count = source->note_count,
		.vmcoreinfo = source->vmcoreinfo,
	};
	image->context = take_ptr(watch);
	*ret = take_ptr(image);
	return 0;
}
