/* A child process of the demo: this very binary with other arguments, its output in a log file. It
 * gets SIGTERM when its parent dies, however that happens, and is not reached by the terminal's
 * Ctrl-C: the parent ends it in its own order. Start children before any thread. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { CHILD_NAME_MAX = 32, CHILD_PATH_MAX = 512 };

struct child {
	pid_t pid; /* 0: not running */
	char name[CHILD_NAME_MAX];
	char log[CHILD_PATH_MAX];
};

/* argv[0] is the command ("serve"); the list ends with NULL. The log is written from its start. */
enum status child_start(
	struct child *child, const char *const *argv, const char *log_path, struct error *err);
/* OK while it runs; E_IO with its end and the last line of its log when it does not. */
enum status child_check(struct child *child, struct error *err);
/* SIGTERM, and SIGKILL when it has not ended after `wait_ms`. */
void child_stop(struct child *child, uint64_t wait_ms);
