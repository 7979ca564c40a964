// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as BTF: made plain, and plain once more; parsed, and asked. libFuzzer's
 *entry:
 *
 *	clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Isrc \
 *		tests/fuzz/fuzz_types.c src/kernel/?*.c src/image/?*.c src/base/?*.c \
 *		-lbpf -lz -llzo2 -lzstd -lpthread -o fuzz_types
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/btf_plain.h"
#include "kernel/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was made plain is plain. */
static void check_plain(const uint8_t *data, size_t size)
{
	uint8_t *once, *twice;
	size_t once_size, twice_size;

	if (btf_plain(data, size, &once, &once_size, NULL) < 0 || !once)
		return;
	if (btf_plain(once, once_size, &twice, &twice_size, NULL) < 0 || twice)
		abort();
	free(once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct types *types;
	uint64_t value;
	int64_t number;

	check_plain(data, size);
	if (types_new_bytes(data, size, &types, NULL) == 0) {
		types_offset(types, "outer.deeper", &value, NULL);
		types_offset(types, "outer.pair.b", &value, NULL);
		types_sizeof(types, "outer.bits", &value, NULL);
		types_enum(types, "colour", "GREEN", &number, NULL);
		types_enum(types, NULL, "BIG", &number, NULL);
		types_free(types);
	}
	return 0;
}
