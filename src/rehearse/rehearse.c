// SPDX-License-Identifier: GPL-2.0-or-later
#include "rehearse/rehearse.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "rehearse/guest_disk.h"
#include "rehearse/guest_lines.h"
#include "rehearse/phases.h"
#include "rehearse/qemu.h"
#include "rehearse/verdict.h"

#define REHEARSE_POLL_MS     50
#define REHEARSE_READ	     4096
/* A machine that says nothing at all in that time does not run on this accelerator. */
#define REHEARSE_SILENCE_S   20
#define REHEARSE_REPORT_SIZE ((size_t)64 << 20)
#define REHEARSE_BOOTS_MAX   8
/*
 * Of the first kernel: it has to panic into the crash kernel, panic= is for when it
 * can't. Emulated on a machine that has much to do, the kernel's check of its timer fails
 * now and then ("IO-APIC + timer doesn't work"), in the crash kernel too, which takes
 * this word over.
 */
#define REHEARSE_CMDLINE     "console=ttyS0 panic=5 no_timer_check "

void rehearse_options_init(struct rehearse_options *options)
{
	*options = (struct rehearse_options){
		.kernel_root = "",
		.memory_mib = 1024,
		.cpus = 2,
		.crashkernel = "128M",
		.config_path = CONFIG_PATH,
		.timeout_s = 300,
	};
}

static double now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* ---- the machine ---- */

struct rehearsal {
	const struct rehearse_options *options;
	struct rehearse_result *result;
	struct guest_disk disk;
	char work[PATH_MAX];
	char errors[PATH_MAX + 16];
	char monitor[PATH_MAX + 16];
	char program[PATH_MAX];
	struct text cmdline;
	struct qemu_machine machine;
	struct qemu qemu;
	struct phases phases;
	int console_fd;
	double started;
	double heard; /* the console's last byte */
	bool has_spoken;
	int boots;
	bool has_sent_nmi;
};

static int rehearsal_switch_on(struct rehearsal *re, struct err *err)
{
	re->heard = now_seconds();
	log_info(re->options->log, "%s the machine: %s, %s",
		 re->boots ? "switching on" : "booting", re->disk.release,
		 qemu_accelerator_name(re->machine.accelerator));
	if (re->boots++ >= REHEARSE_BOOTS_MAX)
		return err_set(err, ERR_LIMIT, "the machine was switched on %d times",
			       REHEARSE_BOOTS_MAX);
	return qemu_start(&re->machine, &re->qemu, err);
}

/* What the console has said since; at most REHEARSE_POLL_MS of waiting for it. */
static int rehearsal_listen(struct rehearsal *re, struct err *err)
{
	struct pollfd ready = { .fd = re->qemu.console_fd, .events = POLLIN };
	char data[REHEARSE_READ];
	ssize_t n;
	int r;

	poll(&ready, 1, REHEARSE_POLL_MS);
	while ((n = read(re->qemu.console_fd, data, sizeof(data))) > 0) {
		re->heard = now_seconds();
		re->has_spoken = true;
		phases_feed(&re->phases, data, (size_t)n, re->heard - re->started);
		r = fd_write_full(re->console_fd, data, (size_t)n, err);
		if (r < 0)
			return err_in(err, r, "writing '%s'", re->result->console);
	}
	return 0;
}

/* QEMU's own words, on one line. */
static void rehearsal_errors(const struct rehearsal *re, char *ret, size_t size)
{
	char line[256];

	snprintf(ret, size, "status 0x%x", re->qemu.status);
	if (file_read_line(AT_FDCWD, re->errors, line, sizeof(line), NULL) == 0 &&
	    line[0])
		snprintf(ret, size, "%s", line);
}

/*
 * /dev/kvm being there does not mean that a machine runs on it (a cloud's machine in
 * another): QEMU gives up at once, or nothing ever comes. Emulation always works.
 */
static bool rehearsal_kvm_failed(const struct rehearsal *re)
{
	bool is_silent = now_seconds() - re->heard > REHEARSE_SILENCE_S;

	return re->machine.accelerator == QEMU_KVM && !re->has_spoken &&
	       (re->qemu.pid == 0 || is_silent);
}

static int rehearsal_use_tcg(struct rehearsal *re, struct err *err)
{
	char said[256];

	rehearsal_errors(re, said, sizeof(said));
	log_info(re->options->log, "KVM does not work here, emulating: %s", said);
	qemu_stop(&re->qemu);
	re->machine.accelerator = QEMU_TCG;
	re->started = now_seconds();
	return rehearsal_switch_on(re, err);
}

/* It is off, or halted. Switches it on again if that was the crash kernel's end. */
static int rehearsal_next_boot(struct rehearsal *re, bool *ret_is_over, struct err *err)
{
	char said[256];

	if (re->qemu.pid == 0 && re->qemu.status != 0) {
		rehearsal_errors(re, said, sizeof(said));
		return err_set(err, ERR_OS, "QEMU failed: %s", said);
	}
	qemu_stop(&re->qemu);
	re->phases.is_halted = false;
	if (re->phases.failed[0] || re->phases.results[PHASE_REBOOTED].is_reached ||
	    !re->phases.results[PHASE_CRASH_KERNEL].is_reached) {
		*ret_is_over = true;
		return 0;
	}
	return rehearsal_switch_on(re, err);
}

/* The guest asks, then waits. One only: the next would be the crash kernel's. */
static int rehearsal_send_nmi(struct rehearsal *re, struct err *err)
{
	if (!re->phases.wants_nmi || re->has_sent_nmi)
		return 0;
	re->has_sent_nmi = true;
	return qemu_nmi(re->monitor, err);
}

static int rehearsal_watch(struct rehearsal *re, struct err *err)
{
	bool is_over = false, has_ended;
	int r = 0;

	while (r == 0 && !is_over) {
		if (re->options->cancel && *re->options->cancel)
			return err_set(err, ERR_REFUSED, "interrupted");
		// Asked first: what was said before the end is then still read.
		has_ended = qemu_has_ended(&re->qemu);
		r = rehearsal_listen(re, err);
		if (r == 0)
			r = rehearsal_send_nmi(re, err);
		if (r < 0)
			break;
		if (rehearsal_kvm_failed(re))
			r = rehearsal_use_tcg(re, err);
		else if (has_ended || re->phases.is_halted)
			r = rehearsal_next_boot(re, &is_over, err);
		else if (now_seconds() - re->started > re->options->timeout_s) {
			snprintf(re->phases.failed, sizeof(re->phases.failed),
				 "not done after %u s", re->options->timeout_s);
			is_over = true;
		}
	}
	return r;
}

/* ---- its result ---- */

static void rehearsal_fail(struct rehearsal *re, const char *why)
{
	int last = phases_last(&re->phases);

	re->result->verdict = REHEARSED_FAILED;
	snprintf(re->result->why, sizeof(re->result->why), "%s; the last phase was: %s",
		 why, last < 0 ? "none" : rehearse_phase_text((enum rehearse_phase)last));
}

static int rehearsal_take(struct rehearsal *re, const char *path, struct err *err)
{
	return guest_disk_take(re->disk.disk, path, re->result->directory,
			       re->options->cancel, err);
}

static int rehearsal_judge(struct rehearsal *re, struct err *err)
{
	const struct config *config = re->options->config;
	const char *name = strrchr(config->archive, '/');
	struct rehearse_result *result = re->result;
	char archive[PATH_MAX];
	struct err why = { 0 };
	int r = rehearsal_take(re, config->archive, err);

	if (r == 0)
		r = rehearsal_take(re, GUEST_DIR, err);
	if (r == 0 && config->panic_log[0])
		r = rehearsal_take(re, config->panic_log, err);
	if (r < 0)
		return r;
	if (snprintf(archive, sizeof(archive), "%s/%s", result->directory,
		     name ? name + 1 : config->archive) >= (int)sizeof(archive))
		return err_set(err, ERR_LIMIT, "'%s' is too long", result->directory);
	if (verdict_find_record(archive, result->record, &why) < 0) {
		rehearsal_fail(re,
			       re->phases.failed[0] ? re->phases.failed : err_text(&why));
		return 0;
	}
	r = verdict_judge(result->record, config->mode, result->marker, &result->verdict,
			  result->why, sizeof(result->why), err);
	// A record that the next boot did not find is none to rely on.
	if (r == 0 && !re->phases.results[PHASE_FOUND].is_reached)
		rehearsal_fail(re, re->phases.failed[0] ? re->phases.failed
							: "the next boot did not see it");
	return r;
}

/* ---- before and after ---- */

static int make_temporary(const char *name, char ret[static PATH_MAX], struct err *err)
{
	const char *base = getenv("TMPDIR");

	// Not /tmp: that may be in memory, and the disk is not small.
	snprintf(ret, PATH_MAX, "%s/%s.XXXXXX", base && base[0] ? base : "/var/tmp",
		 name);
	if (!mkdtemp(ret)) {
		int why = errno;
		int r = err_os(err, why, "unable to create '%s'", ret);

		ret[0] = '\0';
		return r;
	}
	return 0;
}

/* What is there already would be taken for the machine's. */
static int check_empty(const char *path, struct err *err)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool is_empty = true;

	if (!dir)
		return err_os(err, errno, "unable to open '%s'", path);
	while ((entry = readdir(dir)))
		is_empty &= strcmp(entry->d_name, ".") == 0 ||
			    strcmp(entry->d_name, "..") == 0;
	closedir(dir);
	return is_empty ? 0
			: err_set(err, ERR_INVALID, "'%s' is not an empty directory",
				  path);
}

static int make_directories(struct rehearsal *re, struct err *err)
{
	struct rehearse_result *result = re->result;
	int r = 0;

	if (re->options->keep) {
		r = dir_make_path(re->options->keep, 0700, err);
		if (r == 0 && !realpath(re->options->keep, result->directory))
			r = err_os(err, errno, "unable to open '%s'", re->options->keep);
		if (r == 0)
			r = check_empty(result->directory, err);
	} else {
		r = make_temporary("epitaph-rehearsal", result->directory, err);
		result->is_temporary = r == 0;
	}
	if (r == 0)
		r = make_temporary("epitaph-work", re->work, err);
	if (r < 0)
		return r;
	snprintf(re->errors, sizeof(re->errors), "%s/qemu.log", re->work);
	snprintf(re->monitor, sizeof(re->monitor), "%s/monitor", re->work);
	if (snprintf(result->console, sizeof(result->console), "%s/console.log",
		     result->directory) >= (int)sizeof(result->console))
		return err_set(err, ERR_LIMIT, "'%s' is too long", result->directory);
	re->console_fd =
		open(result->console, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (re->console_fd < 0)
		return err_os(err, errno, "unable to create '%s'", result->console);
	return 0;
}

static int rehearsal_prepare(struct rehearsal *re, struct err *err)
{
	const struct rehearse_options *options = re->options;
	int r = qemu_find(re->program, err);

	if (r == 0)
		r = guest_disk_find_kernel(options->kernel_root, &re->disk, err);
	if (r == 0)
		r = trigger_make_marker(re->result->marker, err);
	if (r == 0)
		r = make_directories(re, err);
	if (r == 0)
		r = guest_disk_make(options, re->work, re->result->marker, &re->disk,
				    err);
	if (r < 0)
		return r;
	text_add(&re->cmdline, REHEARSE_CMDLINE "crashkernel=%s%s%s",
		 options->crashkernel, options->append ? " " : "",
		 options->append ? options->append : "");
	re->machine = (struct qemu_machine){
		.program = re->program,
		.accelerator = qemu_has_kvm() ? QEMU_KVM : QEMU_TCG,
		.memory_mib = options->memory_mib,
		.cpus = options->cpus,
		.kernel = re->disk.kernel,
		.initrd = re->disk.initrd,
		.disk = re->disk.disk,
		.cmdline = text_get(&re->cmdline),
		.errors = re->errors,
		.monitor = options->trigger == REHEARSE_NMI ? re->monitor : NULL,
		.more = options->qemu,
	};
	memcpy(re->result->kernel_release, re->disk.release,
	       sizeof(re->result->kernel_release));
	return text_check(&re->cmdline, err);
}

static void phase_reached(void *context, enum rehearse_phase phase,
			  const struct rehearse_phase_result *result)
{
	const struct rehearse_options *options = context;

	if (options->phase)
		options->phase(options->phase_context, phase, result);
}

/* What the machine took, as its console told. */
static void rehearsal_measure(const struct rehearsal *re)
{
	const struct rehearse_phase_result *phases = re->phases.results;
	struct rehearse_result *result = re->result;

	memcpy(result->phases, phases, sizeof(result->phases));
	result->memory_low_kib = re->phases.memory_low_kib;
	result->memory_total_kib = re->phases.memory_total_kib;
	result->capture_seconds =
		phases[PHASE_CRASH_KERNEL].is_reached && phases[PHASE_END].is_reached
			? phases[PHASE_END].seconds - phases[PHASE_CRASH_KERNEL].seconds
			: -1;
	memcpy(result->kernel, re->disk.kernel, sizeof(result->kernel));
}

int rehearse_run(const struct rehearse_options *options, struct rehearse_result *ret,
		 struct err *err)
{
	struct rehearsal re = {
		.options = options,
		.result = ret,
		.console_fd = -1,
		.qemu = { .console_fd = -1 },
	};
	int r;

	memset(ret, 0, sizeof(*ret));
	phases_init(&re.phases, options->log);
	re.phases.reached = phase_reached;
	re.phases.context = (void *)options;
	r = rehearsal_prepare(&re, err);
	re.started = now_seconds();
	if (r == 0)
		r = rehearsal_switch_on(&re, err);
	if (r == 0)
		r = rehearsal_watch(&re, err);
	qemu_stop(&re.qemu);
	ret->seconds = now_seconds() - re.started;
	rehearsal_measure(&re);
	snprintf(ret->accelerator, sizeof(ret->accelerator), "%s",
		 qemu_accelerator_name(re.machine.accelerator));
	if (r == 0)
		r = rehearsal_judge(&re, err);
	fd_closep(&re.console_fd);
	text_done(&re.cmdline);
	if (re.work[0])
		guest_disk_remove_tree(re.work);
	return r;
}

void rehearse_clean(const struct rehearse_result *result)
{
	if (result->is_temporary && result->directory[0])
		guest_disk_remove_tree(result->directory);
}

/* ---- for programs ---- */

static json_t *phases_to_json(const struct rehearse_result *result)
{
	json_t *array = json_array();

	for (int i = 0; i < PHASE_COUNT; i++) {
		const struct rehearse_phase_result *phase = &result->phases[i];

		if (phase->is_reached)
			json_array_append_new(
				array,
				json_pack("{s:s, s:f, s:s}", "name",
					  rehearse_phase_key((enum rehearse_phase)i),
					  "seconds", phase->seconds, "detail",
					  phase->detail));
	}
	return array;
}

/* null where there is none, or where it is none. */
static json_t *report_of(const struct rehearse_result *result)
{
	_cleanup_free char *json = NULL;
	char path[PATH_MAX + 16];
	json_t *report = NULL;
	size_t size;

	snprintf(path, sizeof(path), "%s/report.json", result->record);
	if (result->record[0] &&
	    file_read(AT_FDCWD, path, REHEARSE_REPORT_SIZE, &json, &size, NULL) == 0)
		report = json_loadb(json, size, 0, NULL);
	return report ? report : json_null();
}

int rehearse_to_json(const struct rehearse_result *result, json_t **ret, struct err *err)
{
	json_t *json =
		json_pack("{s:i, s:s, s:s, s:f, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o}",
			  "schema_version", REHEARSE_SCHEMA_VERSION, "verdict",
			  rehearsed_verdict_name(result->verdict), "why", result->why,
			  "seconds", result->seconds, "accelerator", result->accelerator,
			  "kernel_release", result->kernel_release, "marker",
			  result->marker, "directory", result->directory, "record",
			  result->record, "console", result->console, "phases",
			  phases_to_json(result), "report", report_of(result));

	if (!json)
		return err_nomem(err);
	*ret = json;
	return 0;
}
