// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "record/progress.h"

/* That a line may wait for a console which is only slow: 11 KB/s at 115200 baud. */
#define CONSOLE_WAIT_MS	 500
#define CONSOLE_DRAIN_MS 20

uint64_t console_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void console_init(struct console *console, int fd)
{
	memset(console, 0, sizeof(*console));
	console->fd = fd;
	console->started_ms = console_now_ms();
}

void console_open(struct console *console, const char *path)
{
	int fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		console->fd = fd;
}

static void console_write(int fd, const char *data, size_t size)
{
	while (size > 0) {
		struct pollfd ready = { .fd = fd, .events = POLLOUT };
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return;
		if (n < 0 && poll(&ready, 1, CONSOLE_WAIT_MS) <= 0)
			return;
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
	}
}

void console_show(const struct console *console, const char *prefix, const char *line)
{
	char text[CONSOLE_LINE_SIZE + 64];
	int n = snprintf(text, sizeof(text) - 1, "%s%s", prefix, line);

	if (console->fd < 0 || n < 0)
		return;
	if ((size_t)n > sizeof(text) - 2)
		n = sizeof(text) - 2;
	for (int i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < ' ' || c == 0x7f)
			text[i] = '?';
	}
	text[n++] = '\n';
	console_write(console->fd, text, (size_t)n);
}

void console_drain(const struct console *console)
{
	int pending = 0;

	for (int waited = 0; waited < CONSOLE_WAIT_MS; waited += CONSOLE_DRAIN_MS) {
		if (console->fd < 0 || ioctl(console->fd, TIOCOUTQ, &pending) < 0)
			return;
		// One round more than the driver's buffer takes: the chip has its own.
		poll(NULL, 0, CONSOLE_DRAIN_MS);
		if (pending == 0)
			return;
	}
}

static const char *console_level_word(enum log_level level)
{
	return level == LOG_LEVEL_ERROR	    ? "error: "
	       : level == LOG_LEVEL_WARNING ? "warning: "
					    : "";
}

void console_say(struct console *console, enum log_level level, const char *message)
{
	char text[CONSOLE_LINE_SIZE];

	snprintf(text, sizeof(text), "%s%s", console_level_word(level), message);
	if (console->count < CONSOLE_LINES_MAX) {
		struct console_line *line = &console->lines[console->count++];

		line->at_ms = console_now_ms() - console->started_ms;
		memcpy(line->text, text, sizeof(text));
	} else {
		console->dropped++;
	}
	if (level != LOG_LEVEL_DEBUG)
		console_show(console, PROGRESS_PREFIX, text);
}

static void console_log_write(void *context, enum log_level level, const char *message)
{
	console_say(context, level, message);
}

struct log console_log(struct console *console)
{
	return (struct log){ .write = console_log_write, .context = console };
}

void console_format(const struct console *console, struct text *ret)
{
	for (size_t i = 0; i < console->count; i++)
		text_add(ret, "[%4llu.%03u] %s\n",
			 (unsigned long long)(console->lines[i].at_ms / 1000),
			 (unsigned int)(console->lines[i].at_ms % 1000),
			 console->lines[i].text);
	if (console->dropped > 0)
		text_add(ret, "%zu more lines were not kept\n", console->dropped);
}
