// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph gdbserve: a dump for a gdb that connects, on loopback or on the standard input
 * and output.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/number.h"
#include "cli/crash.h"
#include "explain/report.h"
#include "gdb/serve.h"
#include "gdb/symbol_file.h"
#include "kernel/printk.h"

#define LISTEN_DEFAULT "127.0.0.1:1234"

/* --- "monitor COMMAND" ---------------------------------------------------------------
 */

static void monitor_report(const struct crash *crash, struct text *ret)
{
	static const struct report_text_options options;
	_cleanup_report struct report *report = NULL;
	enum crash_source source;
	struct err err = { 0 };

	if (crash_report(crash, &report, &source, &err) < 0 ||
	    report_format_text(report, &options, ret, &err) < 0)
		text_add(ret, "%s\n", err_text(&err));
}

static void monitor_dmesg(const struct crash *crash, struct text *ret)
{
	_cleanup_printk_log struct printk_log log = { 0 };
	struct err err = { 0 };

	if (printk_read(crash->kernel, &log, &err) < 0)
		text_add(ret, "%s\n", err_text(&err));
	else
		printk_format(&log, ret);
}

static bool monitor(void *context, const char *command, struct text *ret)
{
	if (!strcmp(command, "report"))
		monitor_report(context, ret);
	else if (!strcmp(command, "dmesg"))
		monitor_dmesg(context, ret);
	else
		return false;
	return true;
}

/* --- listening -----------------------------------------------------------------------
 */

/* "127.0.0.1:1234", ":1234" and "1234"; a dump is secret, so it is loopback only. */
static bool parse_address(const char *text, struct sockaddr_in *ret)
{
	const char *colon = strrchr(text, ':');
	const char *port = colon ? colon + 1 : text;
	char host[64] = "127.0.0.1";
	uint64_t number;

	if (colon && colon > text)
		snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	if (!strcmp(host, "localhost"))
		snprintf(host, sizeof(host), "127.0.0.1");
	if (!number_parse(port, 10, 0, UINT16_MAX, &number))
		return false;
	*ret = (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)number) };
	return inet_pton(AF_INET, host, &ret->sin_addr) == 1 &&
	       ntohl(ret->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static int listen_at(struct sockaddr_in *address, int *ret_fd, struct err *err)
{
	_cleanup_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(*address);
	int on = 1;

	if (fd < 0)
		return err_os(err, errno, "unable to open a socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)address, size) < 0 || listen(fd, 1) < 0 ||
	    getsockname(fd, (struct sockaddr *)address, &size) < 0)
		return err_os(err, errno, "unable to listen at port %u",
			      ntohs(address->sin_port));
	*ret_fd = take_fd(&fd);
	return 0;
}

/* The first client; when it is gone, so are we. */
static int serve_socket(const struct cli *cli, struct server *server,
			struct sockaddr_in *address, struct err *err)
{
	_cleanup_fd int listen_fd = -1, fd = -1;
	char host[INET_ADDRSTRLEN];
	int r = listen_at(address, &listen_fd, err);

	if (r < 0)
		return r;
	inet_ntop(AF_INET, &address->sin_addr, host, sizeof(host));
	log_info(&cli->log, "waiting for gdb: target remote %s:%u", host,
		 ntohs(address->sin_port));
	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return err_os(err, errno, "waiting for gdb");
	return serve(server, fd, fd, err);
}

static int serve_crash(struct cli *cli, struct crash *crash, bool use_stdio,
		       struct sockaddr_in *address)
{
	const struct server_monitor commands = { .run = monitor, .context = crash };
	_cleanup_(server_freep) struct server *server = NULL;
	struct err err = { 0 };
	const char *cut;
	int r = server_new(crash->kernel, &commands, &server, &err);

	if (r < 0)
		return cli_failed(cli, &err);
	cut = server_cut_why(server);
	if (cut)
		log_warning(&cli->log, "incomplete: not all tasks can be shown: %s", cut);
	signal(SIGPIPE, SIG_IGN); // a gdb that goes away is no failure
	r = use_stdio ? serve(server, STDIN_FILENO, STDOUT_FILENO, &err)
		      : serve_socket(cli, server, address, &err);
	if (r < 0)
		return cli_failed(cli, &err);
	return cut ? EXIT_INCOMPLETE : EXIT_DONE;
}

/* For a gdb that is started by hand: add-symbol-file FILE. */
static int write_symbols(const struct cli *cli, struct kernel *kernel, const char *path,
			 struct err *err)
{
	_cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct symbol_file_facts facts = { 0 };
	int r;

	if (fd < 0)
		return err_os(err, errno, "unable to create '%s'", path);
	r = symbol_file_write(kernel, SYMBOL_FILE_WHOLE, fd, &facts, err);
	if (r == 0)
		r = fd_close(&fd, err);
	if (facts.no_cfi[0])
		log_warning(&cli->log, "gdb's backtraces are guesses: %s", facts.no_cfi);
	if (facts.no_symbols[0])
		log_warning(&cli->log, "some names are missing: %s", facts.no_symbols);
	return r;
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "stdio", no_argument, NULL, 's' },
		{ "symbols", required_argument, NULL, 'S' },
		{ 0 },
	};
	_cleanup_crash struct crash crash = { 0 };
	const char *listen_at_text = NULL, *symbols = NULL;
	struct sockaddr_in address;
	struct err err = { 0 };
	bool use_stdio = false;
	int c;

	while ((c = cli_option(cli, &cmd_gdbserve, argc, argv, "l:sS:", options)) >= 0) {
		if (c == 'l')
			listen_at_text = optarg;
		if (c == 'S')
			symbols = optarg;
		use_stdio |= c == 's';
	}
	if (c != -1)
		return cli_exit(c);
	if (argc - optind > 1)
		return cli_usage(cli, "more than one dump");
	if (use_stdio && listen_at_text)
		return cli_usage(cli, "--stdio and --listen are two different things");
	if (!parse_address(listen_at_text ? listen_at_text : LISTEN_DEFAULT, &address))
		return cli_usage(cli, "'%s' is no port of loopback, as 127.0.0.1:1234",
				 listen_at_text);
	if (crash_open(cli, argv[optind], &crash, &err) < 0)
		return cli_failed(cli, &err);
	if (!crash.kernel) {
		err_set(&err, ERR_NOTFOUND, "nothing to serve: %s", crash.no_kernel);
		return cli_failed(cli, &err);
	}
	if (symbols && write_symbols(cli, crash.kernel, symbols, &err) < 0)
		return cli_failed(cli, &err);
	return serve_crash(cli, &crash, use_stdio, &address);
}

const struct command cmd_gdbserve = {
	.name = "gdbserve",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "serve a dump to a gdb, every task a thread",
	.options = "  -l, --listen ADDRESS  a port of loopback (" LISTEN_DEFAULT ")\n"
		   "  -s, --stdio           standard input and output\n"
		   "  -S, --symbols FILE    write symbols for gdb first\n",
	.run = run,
};
