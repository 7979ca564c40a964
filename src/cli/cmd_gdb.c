// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph gdb: a stock gdb with the dump behind its remote protocol (epitaph gdbserve
 * --stdio), symbols made from the dump, and those of a vmlinux where there is one.
 *
 * What gdb is told lies in a directory of its own, which is removed when gdb ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "cli/crash.h"
#include "debuginfo/module_file.h"
#include "debuginfo/vmlinux.h"
#include "gdb/gdb_target.h"
#include "gdb/symbol_file.h"
#include "kernel/module_section.h"

#define PATH_SIZE 4096

enum {
	OPTION_GDB = 1000,
	OPTION_VMLINUX,
	OPTION_NO_VMLINUX,
	OPTION_DEBUG_DIR,
};

struct gdb {
	struct cli *cli;
	struct crash *crash;
	const struct gdb_target *target;
	const char *program; /* NULL: the one that knows the dump's machine */
	const char *vmlinux_path;
	const char *debug_directory; /* NULL: the usual one */
	bool wants_no_vmlinux;
	char **arguments; /* of gdb's own, NULL-terminated */

	char directory[PATH_SIZE]; /* "": none yet */
	struct text commands;
	bool is_incomplete;
};

/* For gdb and for the shell alike: a backslash before all that may mean something. */
static void add_quoted(struct text *text, const char *word)
{
	for (; *word; word++) {
		bool is_plain =
			strchr("/._-+,:@", *word) || (*word >= '0' && *word <= '9') ||
			(*word >= 'a' && *word <= 'z') || (*word >= 'A' && *word <= 'Z');

		text_add(text, "%s%c", is_plain ? "" : "\\", *word);
	}
}

static int make_file(const struct gdb *gdb, const char *name, char ret[PATH_SIZE],
		     int *ret_fd, struct err *err)
{
	if (snprintf(ret, PATH_SIZE, "%.4000s/%s", gdb->directory, name) >= PATH_SIZE)
		return err_set(err, ERR_LIMIT, "'%s' is too long a path", gdb->directory);
	*ret_fd = open(ret, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return *ret_fd < 0 ? err_os(err, errno, "unable to create '%s'", ret) : 0;
}

static int write_commands(const struct gdb *gdb, char ret[PATH_SIZE], struct err *err)
{
	_cleanup_fd int fd = -1;
	int r = text_check(&gdb->commands, err);

	if (r == 0)
		r = make_file(gdb, "commands", ret, &fd, err);
	if (r == 0)
		r = fd_write_full(fd, gdb->commands.data, gdb->commands.size, err);
	return r == 0 ? fd_close(&fd, err) : r;
}

/* A file of symbols, and the command that loads it. */
static int add_symbols(struct gdb *gdb, enum symbol_file_kind kind, const char *name,
		       struct err *err)
{
	struct symbol_file_facts facts = { 0 };
	_cleanup_fd int fd = -1;
	char path[PATH_SIZE];
	int r = make_file(gdb, name, path, &fd, err);

	if (r == 0)
		r = symbol_file_write(gdb->crash->kernel, kind, fd, &facts, err);
	if (r == 0)
		r = fd_close(&fd, err);
	if (r < 0)
		return r;
	text_add(&gdb->commands, "add-symbol-file ");
	add_quoted(&gdb->commands, path);
	text_add(&gdb->commands, "\n");
	if (kind == SYMBOL_FILE_BEFORE)
		return 0; // the other one says the same
	if (facts.no_cfi[0])
		log_warning(&gdb->cli->log, "gdb's backtraces are guesses: %s",
			    facts.no_cfi);
	if (facts.no_symbols[0])
		log_warning(&gdb->cli->log, "some names are missing: %s",
			    facts.no_symbols);
	gdb->is_incomplete |= facts.no_cfi[0] || facts.no_symbols[0];
	return 0;
}

/* What of a module is freed once it runs may be another module's memory by now. */
static bool is_freed(const struct module *module, const char *section)
{
	return module->state == MODULE_STATE_LIVE && strncmp(section, ".init", 5) == 0;
}

/*
 * The debug file of one module, with its sections where the dead kernel had them. Behind
 * our own symbols: those say how to unwind.
 */
static void add_module(struct gdb *gdb, const struct module *module,
		       const struct debug_files *files)
{
	struct kernel *kernel = gdb->crash->kernel;
	struct module_sections sections = { 0 };
	char path[PATH_MAX];
	struct err why = { 0 };
	int r = module_file_find(kernel, module, files, path, &why);

	if (r == 0)
		r = module_sections_read(kernel, module, &sections, &why);
	if (r < 0) {
		log_debug(&gdb->cli->log, "without debug symbols of module '%s': %s",
			  module->name, err_text(&why));
		return;
	}
	text_add(&gdb->commands, "add-symbol-file ");
	add_quoted(&gdb->commands, path);
	for (size_t i = 0; i < sections.count; i++) {
		if (is_freed(module, sections.items[i].name))
			continue;
		text_add(&gdb->commands, " -s ");
		add_quoted(&gdb->commands, sections.items[i].name);
		text_add(&gdb->commands, " 0x%llx",
			 (unsigned long long)sections.items[i].vaddr);
	}
	text_add(&gdb->commands, "\n");
	module_sections_done(&sections);
}

static void add_modules(struct gdb *gdb, const struct debug_files *files)
{
	const struct modules *modules;
	const struct module *items;
	size_t count;

	if (kernel_modules(gdb->crash->kernel, &modules, NULL) < 0)
		return;
	items = modules_get(modules, &count);
	for (size_t i = 0; i < count; i++)
		add_module(gdb, &items[i], files);
}

/* Without a vmlinux our symbols are all; a vmlinux that was named must be right. */
static int add_all_symbols(struct gdb *gdb, struct err *err)
{
	struct vmlinux vmlinux;
	struct debug_files files = { .vmlinux = gdb->vmlinux_path,
				     .directory = gdb->debug_directory };
	struct err why = { 0 };
	int r = ERR_NOTFOUND;

	if (!gdb->wants_no_vmlinux)
		r = vmlinux_find(gdb->crash->kernel, &files, &vmlinux, &why);
	if (r < 0 && gdb->vmlinux_path) {
		*err = why;
		return r;
	}
	if (r < 0) {
		log_debug(&gdb->cli->log, "without a vmlinux: %s", err_text(&why));
		return add_symbols(gdb, SYMBOL_FILE_WHOLE, "kernel", err);
	}
	if (!vmlinux.is_verified)
		log_warning(&gdb->cli->log,
			    "'%s' has no build id to compare: if it is another kernel's, "
			    "names and lines are wrong",
			    vmlinux.path);
	r = add_symbols(gdb, SYMBOL_FILE_BEFORE, "before-vmlinux", err);
	if (r < 0)
		return r;
	text_add(&gdb->commands, "symbol-file -o 0x%llx ",
		 (unsigned long long)vmlinux.offset);
	add_quoted(&gdb->commands, vmlinux.path);
	text_add(&gdb->commands, "\n");
	r = add_symbols(gdb, SYMBOL_FILE_AFTER, "behind-vmlinux", err);
	if (r == 0)
		add_modules(gdb, &files);
	return r;
}

static int add_target(struct gdb *gdb, struct err *err)
{
	_cleanup_free char *dump = realpath(gdb->crash->dump_path, NULL);
	_cleanup_free char *program = realpath("/proc/self/exe", NULL);

	if (!dump || !program)
		return err_os(err, errno, "looking for '%s'", gdb->crash->dump_path);
	if (strchr(dump, '\n') || strchr(program, '\n'))
		return err_set(err, ERR_UNSUPPORTED, "a path with a newline in it");
	text_add(&gdb->commands, "target remote | ");
	add_quoted(&gdb->commands, program);
	text_add(&gdb->commands, " gdbserve --stdio ");
	add_quoted(&gdb->commands, dump);
	text_add(&gdb->commands, "\n");
	return 0;
}

static int make_directory(struct gdb *gdb, struct err *err)
{
	const char *parent = getenv("TMPDIR");

	if (!parent || parent[0] != '/')
		parent = "/tmp";
	if (snprintf(gdb->directory, sizeof(gdb->directory), "%s/epitaph-gdb-XXXXXX",
		     parent) >= (int)sizeof(gdb->directory) ||
	    !mkdtemp(gdb->directory)) {
		gdb->directory[0] = '\0';
		return err_os(err, errno, "unable to make a directory in '%s'", parent);
	}
	return 0;
}

static void remove_directory(const struct gdb *gdb)
{
	static const char *const names[] = { "kernel", "before-vmlinux", "behind-vmlinux",
					     "commands" };
	char path[PATH_SIZE];

	if (!gdb->directory[0])
		return;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%.4000s/%s", gdb->directory, names[i]);
		unlink(path);
	}
	rmdir(gdb->directory);
}

/* gdb takes the terminal's signals by itself; we wait to tidy up after it. */
static int run_gdb(const struct gdb *gdb, char *const argv[], int *ret_status,
		   struct err *err)
{
	pid_t pid;

	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	pid = fork();
	if (pid < 0)
		return err_os(err, errno, "unable to start '%s'", gdb->program);
	if (pid == 0) {
		signal(SIGINT, SIG_DFL);
		signal(SIGQUIT, SIG_DFL);
		execvp(argv[0], argv);
		fprintf(stderr, "epitaph gdb: unable to start '%s': %m\n", argv[0]);
		_exit(127);
	}
	while (waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return err_os(err, errno, "waiting for '%s'", gdb->program);
	return 0;
}

static int start(struct gdb *gdb, int *ret_status, struct err *err)
{
	char commands[PATH_SIZE];
	_cleanup_free char **argv = NULL;
	size_t count = 0, given = 0;
	int r;

	text_add(&gdb->commands, "set confirm off\nset architecture %s\n",
		 gdb->target->gdb_name);
	r = add_all_symbols(gdb, err);
	if (r == 0)
		r = add_target(gdb, err);
	text_add(&gdb->commands, "set confirm on\n");
	if (r == 0)
		r = write_commands(gdb, commands, err);
	if (r < 0)
		return r;
	while (gdb->arguments[given])
		given++;
	argv = calloc(given + 5, sizeof(*argv));
	if (!argv)
		return err_nomem(err);
	argv[count++] = (char *)gdb->program;
	argv[count++] = (char *)"-q";
	argv[count++] = (char *)"-x";
	argv[count++] = commands;
	memcpy(&argv[count], gdb->arguments, given * sizeof(*argv));
	return run_gdb(gdb, argv, ret_status, err);
}

static int run_with(struct gdb *gdb)
{
	struct err err = { 0 };
	int status = 0, r;

	r = make_directory(gdb, &err);
	if (r == 0)
		r = start(gdb, &status, &err);
	remove_directory(gdb);
	text_done(&gdb->commands);
	if (r < 0)
		return cli_failed(gdb->cli, &err);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return EXIT_FAILED;
	return gdb->is_incomplete ? EXIT_INCOMPLETE : EXIT_DONE;
}

/* That of a distribution knows its own machine only, and has a brother for all others. */
static const char *default_program(struct kernel *kernel)
{
	struct utsname own;

	return uname(&own) == 0 && strcmp(own.machine, kernel_arch(kernel)->name)
		       ? "gdb-multiarch"
		       : "gdb";
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "gdb", required_argument, NULL, OPTION_GDB },
		{ "vmlinux", required_argument, NULL, OPTION_VMLINUX },
		{ "no-vmlinux", no_argument, NULL, OPTION_NO_VMLINUX },
		{ "debug-dir", required_argument, NULL, OPTION_DEBUG_DIR },
		{ 0 },
	};
	_cleanup_crash struct crash crash = { 0 };
	struct gdb gdb = { .cli = cli, .crash = &crash };
	const char *name;
	struct err err = { 0 };
	int c;

	// what stands behind "--" is gdb's, and argv ends with NULL
	gdb.arguments = &argv[argc];
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			gdb.arguments = &argv[i + 1];
			argv[i] = NULL;
			argc = i;
		}
	}
	while ((c = cli_option(cli, &cmd_gdb, argc, argv, NULL, options)) >= 0) {
		if (c == OPTION_GDB)
			gdb.program = optarg;
		if (c == OPTION_VMLINUX)
			gdb.vmlinux_path = optarg;
		if (c == OPTION_DEBUG_DIR)
			gdb.debug_directory = optarg;
		gdb.wants_no_vmlinux |= c == OPTION_NO_VMLINUX;
	}
	if (c != -1)
		return cli_exit(c);
	if (gdb.vmlinux_path && gdb.wants_no_vmlinux)
		return cli_usage(cli,
				 "--vmlinux and --no-vmlinux are two different things");
	if (argc - optind > 1)
		return cli_usage(cli,
				 "more than one dump; gdb's arguments stand behind --");
	name = argv[optind];
	if (crash_open(cli, name, &crash, &err) < 0)
		return cli_failed(cli, &err);
	if (!crash.kernel) {
		err_set(&err, ERR_NOTFOUND, "nothing for gdb: %s", crash.no_kernel);
		return cli_failed(cli, &err);
	}
	if (gdb_target_find(kernel_arch(crash.kernel), &gdb.target, &err) < 0)
		return cli_failed(cli, &err);
	if (!gdb.program)
		gdb.program = default_program(crash.kernel);
	return run_with(&gdb);
}

const struct command cmd_gdb = {
	.name = "gdb",
	.arguments = "[OPTION...] [RECORD|DUMP] [-- GDB-ARGUMENT...]",
	.summary = "look at a dump with gdb, every task a thread",
	.options =
		"      --vmlinux FILE   debug symbols, else those below /usr/lib/debug\n"
		"      --no-vmlinux     none: symbols are made from the dump\n"
		"      --debug-dir DIR  debug symbols below DIR instead\n"
		"      --gdb PROGRAM    another gdb than gdb, or gdb-multiarch for a dump of\n"
		"                       another machine\n",
	.run = run,
};
