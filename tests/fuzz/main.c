// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A fuzz target without libFuzzer: each file of the directories that are named is given
 * to it once. What was found once is not found again.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "fuzz.h"

#define FILES_MAX 4096

static int number;

static void run_file(const char *path, const char *name)
{
	FILE *file = fopen(path, "rb");
	struct stat st;
	uint8_t *data;

	fuzz_check(file && fstat(fileno(file), &st) == 0);
	/* Its end is the memory's, too. */
	data = malloc((size_t)st.st_size + !st.st_size);
	fuzz_check(data &&
		   fread(data, 1, (size_t)st.st_size, file) == (size_t)st.st_size);
	fclose(file);
	/* Before it runs: it may be the last that is told. */
	printf("# %s\n", name);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
	free(data);
	printf("ok %d - %s\n", ++number, name);
}

static int is_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	struct dirent **names;

	setvbuf(stdout, NULL, _IOLBF, 0);
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	printf("ok %d - nothing\n", ++number);
	for (int i = 1; i < argc; i++) {
		int count = scandir(argv[i], &names, is_file, alphasort);

		fuzz_check(count >= 0 && count < FILES_MAX);
		for (int k = 0; k < count; k++) {
			char path[4096];

			snprintf(path, sizeof(path), "%s/%s", argv[i], names[k]->d_name);
			run_file(path, names[k]->d_name);
			free(names[k]);
		}
		free(names);
	}
	printf("1..%d\n", number);
	return 0;
}
