// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Entries of pstore: for each a byte of a name's length, two bytes of its content's, then
 * both; their texts, and the panics that they make.
 */
#include "archive/pstore_panic.h"
#include "fuzz.h"
#include "record/farewell.h"

#define ENTRIES_MAX 4

static bool add(struct pstore_entries *entries, struct fuzz_input *input)
{
	struct pstore_entry entry = { 0 };
	size_t name_size = fuzz_u8(input), size = fuzz_u16(input);
	char *name;

	name_size = MIN(name_size, input->size);
	name = fuzz_copy(input, name_size + 1);
	name[name_size] = '\0';
	if (!pstore_entry_parse_name(name, &entry)) {
		free(name);
		return false;
	}
	entry.path = name;
	entry.name = name;
	entry.size = MIN(size, input->size);
	entry.data = fuzz_copy(input, entry.size);
	fuzz_check(pstore_entry_read_text(&entry, NULL) == 0);
	fuzz_touch(entry.text, entry.text_size);
	entries->entries[entries->count++] = entry;
	return true;
}

static void panics(struct pstore_entries *entries)
{
	_cleanup_pstore_panics struct pstore_panics panics = { 0 };
	char damage[256];

	fuzz_check(pstore_panics_find(entries, &panics, NULL) == 0);
	for (size_t i = 0; i < panics.count; i++) {
		_cleanup_text struct text text = { 0 }, log = { 0 };

		pstore_panic_text(&panics.panics[i], &text, damage, NULL);
		// What a crash kernel has left there: no more than it was given.
		farewell_find_log(text_get(&text), text.size, &log);
		fuzz_check(log.size <= text.size + 1);
		fuzz_check(farewell_find_time(text_get(&text), text.size) >= 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	_cleanup_pstore_entries struct pstore_entries entries = {
		.entries = calloc(ENTRIES_MAX, sizeof(*entries.entries))
	};

	fuzz_check(entries.entries);
	while (entries.count < ENTRIES_MAX && input.size && add(&entries, &input))
		;
	panics(&entries);
	return 0;
}
