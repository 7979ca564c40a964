// SPDX-License-Identifier: GPL-2.0-or-later
#include "rehearse/phases.h"

#include <stdio.h>
#include <string.h>

#include "record/progress.h"
#include "rehearse/guest_lines.h"

static const struct {
	const char *key, *text;
	const char *prefix, *word; /* of its line */
} phase_table[PHASE_COUNT] = {
	[PHASE_BOOTED] = { "booted", "the first system is up", GUEST_PREFIX,
			   GUEST_BOOTED },
	[PHASE_ARMED] = { "armed", "armed", GUEST_PREFIX, GUEST_ARMED },
	[PHASE_PANIC] = { "panic", "panic", GUEST_PREFIX, GUEST_PANIC },
	[PHASE_CRASH_KERNEL] = { "crash_kernel", "the crash kernel is up",
				 PROGRESS_PREFIX, PROGRESS_STARTED },
	[PHASE_DMESG] = { "dmesg", "dmesg", PROGRESS_PREFIX, "dmesg" },
	[PHASE_REPORT] = { "report", "report", PROGRESS_PREFIX, "report" },
	[PHASE_DUMP] = { "dump", "dump", PROGRESS_PREFIX, "dump" },
	[PHASE_END] = { "end", "the crash kernel ends with", PROGRESS_PREFIX,
			PROGRESS_END },
	[PHASE_REBOOTED] = { "rebooted", "the machine is up again", GUEST_PREFIX,
			     GUEST_AGAIN },
	[PHASE_FOUND] = { "found", "the record is found", GUEST_PREFIX, GUEST_FOUND },
};

/* kernel/reboot.c, at the highest level: on every console. */
#define KERNEL_HALTED "reboot: System halted"

/* What is more than that is no crash kernel's memory, but a line that was torn. */
#define PHASES_MEMORY_MAX_MIB 1e9

void phases_init(struct phases *phases, const struct log *log)
{
	*phases = (struct phases){
		.memory_low_kib = -1,
		.memory_total_kib = -1,
		.log = log,
	};
}

const char *rehearse_phase_key(enum rehearse_phase phase)
{
	return (size_t)phase < PHASE_COUNT ? phase_table[phase].key : "unknown";
}

const char *rehearse_phase_text(enum rehearse_phase phase)
{
	return (size_t)phase < PHASE_COUNT ? phase_table[phase].text : "unknown";
}

/* The state of a part is the word behind its name: what else begins so is progress. */
static bool phase_is_part(enum rehearse_phase phase, const char *rest)
{
	static const char *const states[] = { " complete", " partial", " absent" };

	if (phase != PHASE_DMESG && phase != PHASE_REPORT && phase != PHASE_DUMP)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		if (strncmp(rest, states[i], strlen(states[i])) == 0)
			return true;
	}
	return false;
}

/* What follows the words of @phase in @line; NULL if it is not that phase's line. */
static const char *phase_match(enum rehearse_phase phase, const char *line)
{
	// A kernel's message may have come just before, on the same line.
	const char *at = strstr(line, phase_table[phase].prefix);
	size_t size = strlen(phase_table[phase].word);

	if (!at)
		return NULL;
	at += strlen(phase_table[phase].prefix);
	if (strncmp(at, phase_table[phase].word, size) != 0)
		return NULL;
	return phase_is_part(phase, at + size) ? at + size : NULL;
}

static void phases_reach(struct phases *phases, enum rehearse_phase phase,
			 const char *rest, double seconds)
{
	struct rehearse_phase_result *result = &phases->results[phase];

	if (result->is_reached)
		return;
	result->is_reached = true;
	result->seconds = seconds;
	while (*rest == ' ')
		rest++;
	snprintf(result->detail, sizeof(result->detail), "%s", rest);
	if (phases->reached)
		phases->reached(phases->context, phase, result);
}

bool phases_parse_memory(const char *text, int64_t *ret_low_kib, int64_t *ret_total_kib)
{
	double low, total;

	if (sscanf(text, PROGRESS_MEMORY "%lf MiB of %lf MiB", &low, &total) != 2 ||
	    !(low >= 0 && total >= low && total < PHASES_MEMORY_MAX_MIB))
		return false;
	*ret_low_kib = (int64_t)(low * 1024);
	*ret_total_kib = (int64_t)(total * 1024);
	return true;
}

/* "epitaph: lowest free memory 10.5 MiB of 40.8 MiB" */
static void phases_memory(struct phases *phases, const char *line)
{
	const char *at = strstr(line, PROGRESS_PREFIX PROGRESS_MEMORY);

	if (at)
		phases_parse_memory(at + strlen(PROGRESS_PREFIX), &phases->memory_low_kib,
				    &phases->memory_total_kib);
}

static void phases_line(struct phases *phases, const char *line, double seconds)
{
	const char *failed = strstr(line, GUEST_PREFIX GUEST_FAILED);

	log_debug(phases->log, "%7.1f  %s", seconds, line);
	phases_memory(phases, line);
	phases->wants_nmi |= strstr(line, GUEST_PREFIX GUEST_NMI) != NULL;
	if (strstr(line, KERNEL_HALTED))
		phases->is_halted = true;
	if (failed && !phases->failed[0]) {
		failed += strlen(GUEST_PREFIX GUEST_FAILED);
		failed += strspn(failed, ": ");
		snprintf(phases->failed, sizeof(phases->failed), "%s",
			 failed[0] ? failed : "the guest gave up");
	}
	for (int i = 0; i < PHASE_COUNT; i++) {
		const char *rest = phase_match((enum rehearse_phase)i, line);

		if (rest) {
			phases_reach(phases, (enum rehearse_phase)i, rest, seconds);
			return;
		}
	}
}

void phases_feed(struct phases *phases, const char *data, size_t size, double seconds)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)data[i];

		if (c == '\n') {
			phases->line[phases->line_size] = '\0';
			phases_line(phases, phases->line, seconds);
			phases->line_size = 0;
		} else if (c != '\r' && phases->line_size < PHASES_LINE_SIZE - 1) {
			// Whatever a firmware sends is not for our own terminal.
			phases->line[phases->line_size++] =
				c < ' ' || c == 0x7f ? '?' : (char)c;
		}
	}
}

int phases_last(const struct phases *phases)
{
	int last = -1;

	for (int i = 0; i < PHASE_COUNT; i++) {
		if (phases->results[i].is_reached)
			last = i;
	}
	return last;
}
