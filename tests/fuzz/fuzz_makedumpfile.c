// SPDX-License-Identifier: GPL-2.0-or-later
/* A command line of makedumpfile's, its words on a line each. */
#include <fcntl.h>
#include <getopt.h>

#include "cli/makedumpfile.h"
#include "fuzz.h"

#define WORDS_MAX 64

/* What it says is not to be seen. */
static void be_quiet(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	fuzz_check(null >= 0);
	stdout = fdopen(null, "w");
	fuzz_check(stdout);
	opterr = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *said;
	struct mdf mdf = { .options = { .message_level = MDF_MESSAGES_DEFAULT } };
	char *copy = malloc(size + 1), *place = NULL, *words[WORDS_MAX + 2];
	FILE *out = stdout;
	int count = 1;

	fuzz_check(copy);
	if (size)
		memcpy(copy, data, size);
	copy[size] = '\0';
	words[0] = (char[]){ "makedumpfile" };
	for (char *word = strtok_r(copy, "\n", &place); word && count < WORDS_MAX;
	     word = strtok_r(NULL, "\n", &place))
		words[count++] = word;
	words[count] = NULL;
	if (!said) {
		be_quiet();
		said = stdout;
	}
	stdout = said;
	optind = 0;
	if (mdf_parse(&mdf, count, words) && !mdf.options.help && !mdf.options.version)
		fuzz_check(mdf.options.rearrange || mdf.options.source_count > 0);
	stdout = out;
	free(copy);
	return 0;
}
