// SPDX-License-Identifier: GPL-2.0-or-later
/* A flattened dump that is made a file of (makedumpfile -R). */
#include "dump/flat.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[FUZZ_PATH_SIZE];
	int in = fuzz_file(data, size, path), out = fuzz_file("", 0, path);
	uint64_t bytes = 0;

	flat_rearrange(in, out, &bytes, NULL);
	close(in);
	close(out);
	return 0;
}
