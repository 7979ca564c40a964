// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "capture/console.h"
#include "capture/movement.h"

#define WORKER_TICK_MS 100

enum message_kind {
	MESSAGE_LOG,
	MESSAGE_SHOW,
	MESSAGE_REPLY,
	MESSAGE_FAILED,
};

/* On the pipe, in one write each: no larger than PIPE_BUF, so none is torn. */
struct message {
	uint32_t kind;
	int32_t value; /* of the level, or of the error */
	char text[WORKER_REPLY_SIZE];
};
_Static_assert(sizeof(struct message) <= PIPE_BUF, "a message must be one write");

/* ---- in the worker ---- */

static void message_send(int fd, enum message_kind kind, int value, const char *text)
{
	struct message message = { .kind = kind, .value = value };
	ssize_t n;

	snprintf(message.text, sizeof(message.text), "%s", text);
	do
		n = write(fd, &message, sizeof(message));
	while (n < 0 && errno == EINTR);
}

static void worker_log_write(void *context, enum log_level level, const char *text)
{
	message_send(*(const int *)context, MESSAGE_LOG, level, text);
}

void worker_reply(const struct worker_call *call, const char *text)
{
	message_send(call->pipe_fd, MESSAGE_REPLY, 0, text);
}

void worker_show(const struct worker_call *call, const char *line)
{
	message_send(call->pipe_fd, MESSAGE_SHOW, 0, line);
}

void worker_beat(const struct worker_call *call)
{
	atomic_fetch_add(&call->shared->beats, 1);
}

/* Whatever runs out of memory, it is this process that goes, and not the supervisor. */
static void worker_limit(const struct worker *worker)
{
	const struct rlimit limit = { worker->data_limit_bytes,
				      worker->data_limit_bytes };

	file_write_existing(AT_FDCWD, "/proc/self/oom_score_adj", "1000", NULL);
	if (worker->data_limit_bytes)
		setrlimit(RLIMIT_DATA, &limit);
}

static _Noreturn void worker_main(const struct worker *worker, int fd,
				  struct worker_shared *shared)
{
	struct worker_call call = {
		.log = { .write = worker_log_write, .context = &fd },
		.cancel = &shared->cancel,
		.pipe_fd = fd,
		.shared = shared,
	};
	struct err err = { 0 };
	int r;

	setpgid(0, 0);
	worker_limit(worker);
	r = worker->run(worker->context, &call, &err);
	if (r < 0) {
		err.code = r;
		message_send(fd, MESSAGE_FAILED, r, err_text(&err));
	}
	_exit(r < 0 ? 1 : 0);
}

/* ---- beside it ---- */

struct watch {
	const struct worker *worker;
	struct worker_result *result;
	pid_t pid;
	int fd;
	struct worker_shared *shared;
	uint64_t started_ms;
	uint64_t pressed_ms; /* when its time was up; 0: it is not */
	struct movement movement;
	bool has_ended;
	bool is_stalled, is_killed;
	int status;
	bool said_why;
};

static void watch_take(struct watch *watch, struct message *message)
{
	struct worker_result *result = watch->result;

	message->text[sizeof(message->text) - 1] = '\0';
	movement_note(&watch->movement);
	switch (message->kind) {
	case MESSAGE_LOG:
		log_at(watch->worker->log, (enum log_level)message->value, "%s",
		       message->text);
		break;
	case MESSAGE_SHOW:
		if (watch->worker->show)
			watch->worker->show(watch->worker->caller, message->text);
		break;
	case MESSAGE_REPLY:
		memcpy(result->reply, message->text, sizeof(result->reply));
		break;
	case MESSAGE_FAILED:
		watch->said_why = true;
		result->code = message->value;
		snprintf(result->why, sizeof(result->why), "%.*s",
			 (int)sizeof(result->why) - 1, message->text);
		break;
	default:
		break;
	}
}

/* All that is in the pipe now; at most @timeout_ms for the first of it. */
static void watch_read(struct watch *watch, int timeout_ms)
{
	struct pollfd ready = { .fd = watch->fd, .events = POLLIN };
	struct message message;

	if (poll(&ready, 1, timeout_ms) <= 0)
		return;
	while (read(watch->fd, &message, sizeof(message)) == (ssize_t)sizeof(message))
		watch_take(watch, &message);
	// The write end is closed: nothing more will come, and poll() would not wait.
	if ((ready.revents & (POLLHUP | POLLIN)) == POLLHUP && !watch->has_ended)
		poll(NULL, 0, timeout_ms);
}

/* PID 1 inherits orphans: they are reaped here as well. */
static void watch_reap(struct watch *watch)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == watch->pid) {
			watch->has_ended = true;
			watch->status = status;
		}
	}
	if (pid < 0 && errno == ECHILD)
		watch->has_ended = true;
}

/* The next thing to do about a worker whose time is up. False: give it up. */
static bool watch_press(struct watch *watch)
{
	const struct worker *worker = watch->worker;
	uint64_t now = console_now_ms(), pressed;

	if (!watch->pressed_ms && worker->stall_ms &&
	    movement_idle_ms(&watch->movement) >= worker->stall_ms)
		watch->is_stalled = true;
	if (!watch->pressed_ms &&
	    (watch->is_stalled || now - watch->started_ms >= worker->timeout_ms)) {
		watch->pressed_ms = now;
		watch->shared->cancel = 1;
	}
	if (!watch->pressed_ms)
		return true;
	pressed = now - watch->pressed_ms;
	if (pressed >= worker->grace_ms && !watch->is_killed) {
		watch->is_killed = true;
		kill(-watch->pid, SIGKILL);
		kill(watch->pid, SIGKILL);
	}
	return pressed < 2 * (uint64_t)worker->grace_ms + WORKER_TICK_MS;
}

/* How the end came that was not its own. */
static void watch_why(const struct watch *watch, const char *more, char *ret, size_t size)
{
	if (watch->is_stalled)
		snprintf(ret, size, "nothing moved for %u s%s",
			 watch->worker->stall_ms / 1000, more);
	else
		snprintf(ret, size, "no end after %u s%s",
			 watch->worker->timeout_ms / 1000, more);
}

static void watch_judge(struct watch *watch)
{
	struct worker_result *result = watch->result;
	enum worker_end late = watch->is_stalled ? WORKER_STALLED : WORKER_TIMED_OUT;

	if (!watch->has_ended) {
		result->end = WORKER_STUCK;
		watch_why(watch, ", and it can't be killed", result->why,
			  sizeof(result->why));
	} else if (watch->is_killed) {
		result->end = late;
		watch_why(watch, "", result->why, sizeof(result->why));
	} else if (WIFSIGNALED(watch->status)) {
		result->end = WORKER_CRASHED;
		snprintf(result->why, sizeof(result->why), "ended by signal %d (%s)%s",
			 WTERMSIG(watch->status), strsignal(WTERMSIG(watch->status)),
			 WTERMSIG(watch->status) == SIGKILL ? ": no memory was left?"
							    : "");
	} else if (watch->said_why) {
		result->end = watch->pressed_ms ? late : WORKER_FAILED;
	} else if (WEXITSTATUS(watch->status) != 0) {
		result->end = WORKER_CRASHED;
		snprintf(result->why, sizeof(result->why),
			 "ended with status %d without a word",
			 WEXITSTATUS(watch->status));
	}
}

static int worker_start(struct watch *watch, struct err *err)
{
	int fds[2];

	watch->shared = mmap(NULL, sizeof(*watch->shared), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (watch->shared == MAP_FAILED) {
		watch->shared = NULL;
		return err_os(err, errno, "unable to share memory with a worker");
	}
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_os(err, errno, "unable to make a pipe");
	watch->pid = fork();
	if (watch->pid == 0) {
		close(fds[0]);
		worker_main(watch->worker, fds[1], watch->shared);
	}
	close(fds[1]);
	if (watch->pid < 0) {
		int why = errno;

		close(fds[0]);
		return err_os(err, why, "unable to start a worker");
	}
	// Only this end: a worker may wait for room.
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	watch->fd = fds[0];
	return 0;
}

void worker_run(const struct worker *worker, struct worker_result *ret)
{
	struct watch watch = { .worker = worker, .result = ret, .fd = -1 };
	struct err err = { 0 };
	int r;

	memset(ret, 0, sizeof(*ret));
	watch.started_ms = console_now_ms();
	movement_init(&watch.movement, worker->proc ? worker->proc : "/proc");
	r = worker_start(&watch, &err);
	if (r < 0) {
		ret->end = WORKER_FAILED;
		ret->code = r;
		snprintf(ret->why, sizeof(ret->why), "%.*s", (int)sizeof(ret->why) - 1,
			 err_text(&err));
	} else {
		while (!watch.has_ended && watch_press(&watch)) {
			watch_read(&watch, WORKER_TICK_MS);
			watch_reap(&watch);
			movement_look(&watch.movement, watch.pid,
				      atomic_load(&watch.shared->beats));
			if (worker->tick)
				worker->tick(worker->caller,
					     movement_idle_ms(&watch.movement));
		}
		watch_read(&watch, 0);
		watch_judge(&watch);
	}
	ret->duration_ms = console_now_ms() - watch.started_ms;
	fd_closep(&watch.fd);
	if (watch.shared)
		munmap(watch.shared, sizeof(*watch.shared));
}
