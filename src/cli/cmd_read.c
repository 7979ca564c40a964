// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph read: memory of a kernel that crashed, as numbers and characters. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/address.h"
#include "cli/answer.h"
#include "image/image.h"

#define READ_COUNT_DEFAULT 64
#define READ_BYTES_MAX	   (1u << 20)
#define READ_COUNT_DIGITS  8 /* a record's name has twelve */
#define READ_LINE	   16

struct subject {
	const char *address;
	uint64_t count;	   /* of units */
	unsigned int unit; /* bytes: 1, 2, 4, 8 */
	bool is_physical;
};

/* A line of at most READ_LINE bytes; -1 stands for a byte that is not there. */
static void add_line(const struct subject *subject, uint64_t at, const int *bytes,
		     size_t size, struct text *ret)
{
	text_add(ret, "0x%016" PRIx64 " ", at);
	for (size_t i = 0; i < READ_LINE; i += subject->unit) {
		for (size_t j = subject->unit; i < size && j-- > 0;) {
			const char *space = j == subject->unit - 1 ? " " : "";

			if (i + j >= size || bytes[i + j] < 0)
				text_add(ret, "%s??", space);
			else
				text_add(ret, "%s%02x", space, (unsigned)bytes[i + j]);
		}
		if (i >= size)
			text_add(ret, "%*s", (int)subject->unit * 2 + 1, "");
	}
	text_add(ret, "  ");
	for (size_t i = 0; i < size; i++)
		text_add(ret, "%c",
			 bytes[i] < 0			      ? '?'
			 : bytes[i] >= ' ' && bytes[i] <= '~' ? bytes[i]
							      : '.');
	text_add(ret, "\n");
}

static int add_json(struct answer *answer, uint64_t address, const int *bytes,
		    size_t size, struct err *err)
{
	char text[24];
	json_t *array = json_array();

	for (size_t i = 0; array && i < size; i++) {
		if (json_array_append_new(array, bytes[i] < 0 ? json_null()
							      : json_integer(bytes[i])))
			return err_nomem(err);
	}
	snprintf(text, sizeof(text), "0x%" PRIx64, address);
	if (answer_add(answer, "address", json_string(text), err) < 0) {
		json_decref(array);
		return ERR_NOMEM;
	}
	return answer_add(answer, "bytes", array, err);
}

/* What lies within a line shares a page, or two: the rest of a page is not lost with it.
 */
static void read_bytes(struct answer *answer, const struct subject *subject,
		       uint64_t address, int *ret, size_t size)
{
	struct err why = { 0 }, first = { 0 };
	size_t lost = 0;

	for (size_t i = 0; i < size;) {
		uint8_t bytes[READ_LINE];
		size_t n = MIN(size - i, READ_LINE - (address + i) % READ_LINE);
		int r = subject->is_physical ? image_read(kernel_image(answer->kernel),
							  address + i, bytes, n, &why)
					     : kernel_read(answer->kernel, address + i,
							   bytes, n, &why);

		for (size_t j = 0; j < n; j++)
			ret[i + j] = r < 0 ? -1 : bytes[j];
		if (r < 0 && !lost)
			first = why;
		lost += r < 0 ? n : 0;
		i += n;
	}
	if (lost)
		answer_lacks(answer, "%zu bytes that stand as ??: %s", lost,
			     err_text(&first));
}

static int ask(struct answer *answer, const void *about, struct err *err)
{
	const struct subject *subject = about;
	size_t size = subject->count * subject->unit;
	_cleanup_free int *bytes = calloc(size + 1, sizeof(*bytes));
	uint64_t address;
	int r = address_parse(answer->kernel, subject->address, &address, err);

	if (r < 0)
		return r;
	if (!bytes)
		return err_nomem(err);
	read_bytes(answer, subject, address, bytes, size);
	if (answer->json)
		return add_json(answer, address, bytes, size, err);
	for (size_t i = 0; i < size; i += READ_LINE)
		add_line(subject, address + i, bytes + i,
			 MIN(size - i, (size_t)READ_LINE), &answer->text);
	return 0;
}

static bool is_count(const char *word)
{
	size_t digits = strspn(word, "0123456789");

	return digits && !word[digits] && digits <= READ_COUNT_DIGITS;
}

static int parse_words(struct cli *cli, struct subject *subject, int argc, char **argv)
{
	if (optind == argc)
		return cli_usage(cli, "an address is missing");
	subject->address = argv[optind++];
	if (optind < argc && is_count(argv[optind]))
		subject->count = strtoull(argv[optind++], NULL, 10);
	if (!subject->count || subject->count > READ_BYTES_MAX / subject->unit)
		return cli_usage(cli, "between 1 and %u can be read at once",
				 READ_BYTES_MAX / subject->unit);
	if (argc - optind > 1)
		return cli_usage(cli, "only one crash at a time, not '%s' too",
				 argv[optind + 1]);
	return 0;
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "phys", no_argument, NULL, 'p' },
		{ "unit", required_argument, NULL, 'u' },
		{ 0 },
	};
	static const struct question question = { "memory", 1, true, ask };
	struct subject subject = { .count = READ_COUNT_DEFAULT, .unit = 1 };
	int c;

	while ((c = cli_option(cli, &cmd_read, argc, argv, "pu:", options)) != -1) {
		if (c == 'p')
			subject.is_physical = true;
		else if (c == 'u' && strlen(optarg) == 1 && strchr("1248", *optarg))
			subject.unit = (unsigned)(*optarg - '0');
		else if (c == 'u')
			return cli_usage(cli, "a unit has 1, 2, 4 or 8 bytes, not '%s'",
					 optarg);
		else
			return cli_exit(c);
	}
	c = parse_words(cli, &subject, argc, argv);
	return c ? c : answer_print(cli, &question, argv[optind], &subject);
}

const struct command cmd_read = {
	.name = "read",
	.arguments = "[OPTION...] ADDRESS [COUNT] [RECORD|DUMP]",
	.summary = "print memory, in hexadecimal and as characters",
	.options = "  -p, --phys           ADDRESS is a physical one\n"
		   "  -u, --unit BYTES     little-endian numbers of 1, 2, 4 or 8 bytes\n",
	.has_json = true,
	.run = run,
};
