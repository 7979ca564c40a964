/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The main job, tried in a virtual machine: a real kernel boots, `epitaph arm` arms it
 * with the code that arms a real machine, it panics, the crash kernel writes the record,
 * the machine boots again and finds it. Needs no root, and nothing of this machine but
 * QEMU and a kernel.
 *
 * A good rehearsal says that this program, this configuration and that kernel work
 * together. It says nothing of this machine's disks, drivers and memory.
 */
#ifndef REHEARSE_REHEARSE_H
#define REHEARSE_REHEARSE_H

#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "prepare/config.h"
#include "prepare/rehearsed.h"
#include "rehearse/minimum.h"
#include "rehearse/trigger.h"

#define REHEARSE_SCHEMA_VERSION 1

#define REHEARSE_MEMORY_MIN_MIB 256
#define REHEARSE_MEMORY_MAX_MIB 65536
#define REHEARSE_DISK_MIN_MIB	64
#define REHEARSE_DISK_MAX_MIB	(1 << 20)
#define REHEARSE_CPUS_MAX	64

/* In the order in which they are reached. */
enum rehearse_phase {
	PHASE_BOOTED,
	PHASE_ARMED,
	PHASE_PANIC,
	PHASE_CRASH_KERNEL,
	PHASE_DMESG,
	PHASE_REPORT,
	PHASE_DUMP,
	PHASE_END,
	PHASE_REBOOTED,
	PHASE_FOUND,
	PHASE_COUNT,
};

struct rehearse_phase_result {
	bool is_reached;
	double seconds;	  /* since the machine was started */
	char detail[160]; /* "complete (30.1 KiB in 0.2 s)"; "" if there is nothing to say
			   */
};

struct rehearse_options {
	const char *kernel_root; /* "" or "/": this machine's own kernel */
	uint32_t memory_mib;
	uint32_t disk_mib; /* 0: as much as the memory, and some */
	uint32_t cpus;
	const char *crashkernel; /* "128M" */
	enum rehearse_trigger trigger;
	const char *module; /* a file, for REHEARSE_MODULE */
	const char *module_args;
	const char *append; /* more for the first kernel's command line, or NULL */
	const char *tree;   /* a directory whose files are on the disk too, or NULL */
	const char *qemu;   /* more arguments for QEMU, between blanks, or NULL */
	const char *load; /* more modules for the first system, between blanks, or NULL */
	const char *keep; /* a directory, or NULL: a new one */
	const struct config *config; /* with the mode and the end that are wanted */
	const char *config_path;     /* the file that it came from */
	uint32_t timeout_s;
	const struct log *log;
	const volatile sig_atomic_t *cancel;
	/* Called at each phase as it is reached; may be NULL. */
	void (*phase)(void *context, enum rehearse_phase phase,
		      const struct rehearse_phase_result *result);
	void *phase_context;
};

void rehearse_options_init(struct rehearse_options *options);

struct rehearse_result {
	enum rehearsed_verdict verdict; /* incomplete: a record, but not all of it */
	char why[512];			/* "" if good */
	struct rehearse_phase_result phases[PHASE_COUNT];
	double seconds;
	double capture_seconds; /* from the crash kernel's start to its end; < 0: unknown
				 */
	int64_t memory_low_kib; /* the crash kernel's, at the least; -1: unknown */
	int64_t memory_total_kib; /* of what; -1: unknown */
	char kernel[PATH_MAX];	  /* the image that was tried */
	char accelerator[8];	  /* "kvm" or "tcg" */
	char kernel_release[65];
	char marker[TRIGGER_MARKER_SIZE]; /* was logged just before the panic */
	char directory[PATH_MAX]; /* console.log, and what was taken off the disk */
	char record[PATH_MAX];	  /* of the record in there; "" if there is none */
	char console[PATH_MAX];	  /* the log of the serial console */
	bool is_temporary; /* directory was made by us: rehearse_clean() removes it */
};

/*
 * 0 if there is a verdict, be it a bad one. An error: the rehearsal could not be held
 * (no QEMU, no kernel, interrupted); nothing stays but ret->directory, where it is set.
 */
int rehearse_run(const struct rehearse_options *options, struct rehearse_result *ret,
		 struct err *err);

/* For rehearsal.json: what was tried, and how it ended. Reads the files that are still in
 * result->directory. */
void rehearse_to_verdict(const struct rehearse_options *options,
			 const struct rehearse_result *result, struct rehearsed *ret);

/*
 * A rehearsal each for smaller and smaller reservations, from options->crashkernel
 * ("128M") down: see minimum.h. Of the probes only directories in options->keep stay.
 */
struct rehearse_minimum {
	uint32_t step_mib;
	uint32_t minimum_mib;
	struct rehearsed lowest; /* the verdict of the probe with that, and the minimum */
	struct {
		uint32_t mib;
		enum rehearsed_verdict verdict;
		char why[256];
		double seconds;
		int64_t memory_low_kib; /* -1: unknown */
	} probes[MINIMUM_PROBES_MAX];
	size_t probe_count;
	char kernel_release[65], accelerator[8];
	/* Called before a probe and, with the same index, after it; may be NULL. */
	void (*tell)(void *context, const struct rehearse_minimum *minimum, size_t index,
		     bool is_done);
	void *tell_context;
};
int rehearse_find_minimum(const struct rehearse_options *options,
			  struct rehearse_minimum *minimum, struct err *err);

/* Removes ret->directory if it is a temporary one. */
void rehearse_clean(const struct rehearse_result *result);

/* With the record's report.json in it. */
int rehearse_to_json(const struct rehearse_result *result, json_t **ret, struct err *err);

/* "armed", "crash_kernel", ...: stable, as in the JSON. */
const char *rehearse_phase_key(enum rehearse_phase phase);
/* "the crash kernel runs", for people. */
const char *rehearse_phase_text(enum rehearse_phase phase);

#endif
