// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph core: a dump as an ordinary ELF core, for a gdb without epitaph. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "base/fd.h"
#include "cli/crash.h"
#include "gdb/core_file.h"
#include "gdb/symbol_file.h"

/* A new file; what is there stays as it is. */
static int create_file(const char *path, int *ret_fd, struct err *err)
{
	*ret_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return *ret_fd < 0 ? err_os(err, errno, "unable to create '%s'", path) : 0;
}

/* On the disk, or not there at all. */
static int finish_file(const char *path, int *fd, int r, struct err *err)
{
	if (r == 0 && fsync(*fd) < 0)
		r = err_os(err, errno, "writing '%s'", path);
	if (r == 0)
		r = fd_close(fd, err);
	if (r < 0)
		unlink(path);
	return r;
}

static int write_symbols(const struct cli *cli, struct kernel *kernel, const char *path,
			 bool *ret_is_incomplete, struct err *err)
{
	struct symbol_file_facts facts = { 0 };
	_cleanup_fd int fd = -1;
	int r = create_file(path, &fd, err);

	if (r < 0)
		return r;
	r = symbol_file_write(kernel, SYMBOL_FILE_WHOLE, fd, &facts, err);
	r = finish_file(path, &fd, r, err);
	if (facts.no_cfi[0])
		log_warning(&cli->log, "gdb's backtraces are guesses: %s", facts.no_cfi);
	if (facts.no_symbols[0])
		log_warning(&cli->log, "some names are missing: %s", facts.no_symbols);
	*ret_is_incomplete |= facts.no_cfi[0] || facts.no_symbols[0];
	return r;
}

static int write_core(const struct cli *cli, struct kernel *kernel, const char *path,
		      bool *ret_is_incomplete, struct err *err)
{
	struct core_file_facts facts = { 0 };
	_cleanup_fd int fd = -1;
	char size[32];
	int r = create_file(path, &fd, err);

	if (r < 0)
		return r;
	r = core_file_write(kernel, fd, &facts, err);
	r = finish_file(path, &fd, r, err);
	if (r < 0)
		return err_in(err, r, "writing '%s'", path);
	cli_format_size(facts.memory_bytes, size, sizeof(size));
	log_info(&cli->log, "%zu threads, %s of memory in %zu segments", facts.threads,
		 size, facts.segments);
	if (facts.without_registers)
		log_info(&cli->log,
			 "%zu tasks have no registers and are no threads: "
			 "they are dead, or ran on a CPU that did not answer",
			 facts.without_registers);
	if (facts.pages_lost)
		log_warning(&cli->log, "%zu pages can't be read: they are zeros here",
			    facts.pages_lost);
	if (facts.cut_why[0])
		log_warning(&cli->log, "incomplete: %s", facts.cut_why);
	*ret_is_incomplete |= facts.pages_lost || facts.cut_why[0];
	return 0;
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "symbols", required_argument, NULL, 'S' },
		{ 0 },
	};
	_cleanup_crash struct crash crash = { 0 };
	const char *symbols = NULL;
	bool is_incomplete = false;
	struct err err = { 0 };
	int c, r = 0;

	while ((c = cli_option(cli, &cmd_core, argc, argv, "S:", options)) >= 0) {
		if (c == 'S')
			symbols = optarg;
	}
	if (c != -1)
		return cli_exit(c);
	if (argc - optind != 2)
		return cli_usage(cli, "a dump and the name of a new file are needed");
	if (crash_open(cli, argv[optind], &crash, &err) < 0)
		return cli_failed(cli, &err);
	if (!crash.kernel)
		r = err_set(&err, ERR_NOTFOUND, "nothing to write: %s", crash.no_kernel);
	if (r == 0)
		r = write_core(cli, crash.kernel, argv[optind + 1], &is_incomplete, &err);
	if (r == 0 && symbols)
		r = write_symbols(cli, crash.kernel, symbols, &is_incomplete, &err);
	if (r < 0)
		return cli_failed(cli, &err);
	return is_incomplete || image_info(crash.image)->is_incomplete ? EXIT_INCOMPLETE
								       : EXIT_DONE;
}

const struct command cmd_core = {
	.name = "core",
	.arguments = "[OPTION...] RECORD|DUMP FILE",
	.summary = "write a dump as an ELF core for gdb, a thread a task",
	.options = "  -S, --symbols FILE   write symbols for gdb too\n",
	.run = run,
};
