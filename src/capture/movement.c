// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/movement.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "capture/console.h"

#define MOVEMENT_LOOK_MS   1000
#define MOVEMENT_TEXT_SIZE 8192 /* of vmstat: 5 KiB */
#define STAT_UTIME	   12	/* fields behind the name, which may hold blanks */

void movement_init(struct movement *movement, const char *proc)
{
	*movement = (struct movement){ .proc = proc, .moved_ms = console_now_ms() };
}

void movement_note(struct movement *movement)
{
	movement->moved_ms = console_now_ms();
}

/* proc(5): "PID (NAME) STATE PPID ...", utime is field 14, stime 15. */
uint64_t movement_parse_stat(const char *text)
{
	const char *at = strrchr(text, ')');
	uint64_t utime;
	char *end;

	for (int i = 0; at && i < STAT_UTIME; i++) {
		at = strchr(at, ' ');
		if (at)
			at++;
	}
	if (!at)
		return 0;
	utime = strtoull(at, &end, 10);
	return utime + strtoull(end, NULL, 10);
}

static void read_text(const char *path, char *ret, size_t size)
{
	_cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);

	ret[n > 0 ? n : 0] = '\0';
}

void movement_look(struct movement *movement, pid_t pid, uint32_t beats)
{
	uint64_t now = console_now_ms(), ticks, out_kib;
	char text[MOVEMENT_TEXT_SIZE], path[128];
	const char *out;

	if (beats != movement->beats)
		movement->moved_ms = now;
	movement->beats = beats;
	if (now - movement->looked_ms < MOVEMENT_LOOK_MS)
		return;
	movement->looked_ms = now;
	snprintf(path, sizeof(path), "%.64s/%d/stat", movement->proc, (int)pid);
	read_text(path, text, sizeof(text));
	ticks = movement_parse_stat(text);
	snprintf(path, sizeof(path), "%.64s/vmstat", movement->proc);
	read_text(path, text, sizeof(text));
	out = strstr(text, "\npgpgout ");
	out_kib = out ? strtoull(out + strlen("\npgpgout "), NULL, 10) : 0;
	if (ticks != movement->cpu_ticks || out_kib != movement->out_kib)
		movement->moved_ms = now;
	movement->cpu_ticks = ticks;
	movement->out_kib = out_kib;
}

uint64_t movement_idle_ms(const struct movement *movement)
{
	return console_now_ms() - movement->moved_ms;
}
