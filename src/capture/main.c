// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph-capture: the only program of the crash kernel. It is PID 1 of a machine whose
 * own kernel has died: there is no shell, no library, and nobody to ask.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/capture.h"
#include "capture/finish.h"
#include "capture/last_resort.h"
#include "capture/mounts.h"
#include "record/progress.h"

static int refuse(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		printf("epitaph-capture %s\n", EPITAPH_VERSION);
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "--help")) {
		printf("epitaph-capture is the first process of a crash kernel: see "
		       "epitaph-capture(8).\n"
		       "`epitaph arm` puts it there, `epitaph rehearse` tries it.\n");
		return 0;
	}
	fprintf(stderr, "epitaph-capture: it would unmount and reboot this machine: it "
			"runs as the first process of a crash kernel only; see `epitaph "
			"rehearse`\n");
	return 2;
}

static void capture_all(struct capture *capture)
{
	struct err err = { 0 };

	if (access(capture->vmcore, R_OK) < 0) {
		log_error(&capture->log,
			  "no '%s': this kernel was not started by the crash of another",
			  capture->vmcore);
		return;
	}
	if (capture_read_orders(capture, &err) < 0) {
		log_error(&capture->log, "no record: %s", err_text(&err));
		capture_show_last_words(capture, 0);
		return;
	}
	capture_start(capture);
	if (!capture_save(capture))
		last_resort(capture);
	else if (capture->orders.console_pages_s)
		capture_show_last_words(capture, capture->orders.console_pages_s);
	for (size_t i = 0; i < capture->orders.target_count; i++) {
		char mount_point[PATH_MAX];

		// Nothing comes of that but waiting.
		if (capture->is_stuck[i])
			continue;
		capture_mount_path(capture, i, mount_point);
		finish_target(mount_point, &capture->log);
	}
}

int main(int argc, char **argv)
{
	// Not on the stack: its size is the kernel's to choose.
	struct console *console;
	struct capture capture;
	struct err err = { 0 };
	int r;

	if (getpid() != 1)
		return refuse(argc, argv);
	umask(077);
	r = mounts_make("", &err);
	console = malloc(sizeof(*console));
	if (!console)
		finish_machine(ORDERS_REBOOT, NULL);
	console_init(console, STDOUT_FILENO);
	console_open(console, "/dev/console");
	capture_init(&capture, console);
	log_info(&capture.log, PROGRESS_STARTED);
	if (r < 0)
		log_error(&capture.log, "%s", err_text(&err));
	capture_all(&capture);
	log_info(&capture.log, PROGRESS_END "%s", orders_end_name(capture.orders.end));
	console_drain(console);
	watchdog_end(&capture.watchdog, capture.orders.end, &capture.log);
	finish_machine(capture.orders.end, &capture.log);
}
