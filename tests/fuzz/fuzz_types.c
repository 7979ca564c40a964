// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as BTF: made plain, and plain once more; parsed, and asked. */
#include "fuzz.h"
#include "kernel/btf_plain.h"
#include "kernel/types.h"

/* What was made plain is plain. */
static void check_plain(const uint8_t *data, size_t size)
{
	uint8_t *once, *twice;
	size_t once_size, twice_size;

	if (btf_plain(data, size, &once, &once_size, NULL) < 0 || !once)
		return;
	fuzz_check(btf_plain(once, once_size, &twice, &twice_size, NULL) == 0 && !twice);
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
		types_bits(types, "outer.bits", &value, &value, NULL);
		types_enum(types, "colour", "GREEN", &number, NULL);
		types_enum(types, NULL, "BIG", &number, NULL);
		types_free(types);
	}
	return 0;
}
