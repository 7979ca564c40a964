// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as epitaph.conf. */
#include "fuzz.h"
#include "prepare/config.h"

static void ignore(void *context, enum log_level level, const char *message)
{
	fuzz_touch(message, strlen(message));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct log log = { .write = ignore };
	struct config config;
	char path[FUZZ_PATH_SIZE];
	int fd = fuzz_file(data, size, path);

	config_load(&config, path, &log, NULL);
	fuzz_check(config.dump_level <= 31 &&
		   memchr(config.archive, 0, sizeof(config.archive)));
	close(fd);
	return 0;
}
