#include "app/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 32, LOG_TAIL_BYTES = 1024, POLL_MS = 10 };

/* Between fork and exec: only calls that are safe there. */
static _Noreturn void become(char *const *argv, int log, pid_t parent)
{
	sigset_t none;
	sigemptyset(&none);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* The parent may have died before the line above. */
	if (getppid() == parent && dup2(log, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0) {
		sigprocmask(SIG_SETMASK, &none, NULL);
		execv("/proc/self/exe", argv);
	}
	_exit(127);
}

enum status child_start(
	struct child *child, const char *const *argv, const char *log_path, struct error *err)
{
	char *arguments[ARGUMENTS_MAX + 2] = { (char *)"tillbridge" };
	size_t count = 0;
	for (; argv[count] != NULL && count < ARGUMENTS_MAX; count++)
		arguments[count + 1] = (char *)argv[count];
	snprintf(child->name, sizeof(child->name), "%s", argv[0]);
	snprintf(child->log, sizeof(child->log), "%s", log_path);
	int log = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (log < 0)
		return error_errno(err, E_IO, "%s: cannot write", log_path);
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid == 0)
		become(arguments, log, parent);
	close(log);
	if (pid < 0)
		return error_errno(err, E_IO, "%s: no new process", argv[0]);
	child->pid = pid;
	return OK;
}

/* The last line of the log, for the error; empty when there is none. */
static void last_line(const char *path, char *line, size_t size)
{
	char tail[LOG_TAIL_BYTES + 1];
	line[0] = '\0';
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return;
	if (fseek(file, -LOG_TAIL_BYTES, SEEK_END) != 0)
		rewind(file);
	size_t len = fread(tail, 1, LOG_TAIL_BYTES, file);
	fclose(file);
	while (len > 0 && tail[len - 1] == '\n')
		len--;
	tail[len] = '\0';
	const char *start = strrchr(tail, '\n');
	snprintf(line, size, "%.*s", (int)size - 1, start == NULL ? tail : start + 1);
}

enum status child_check(struct child *child, struct error *err)
{
	int status = 0;
	char line[300];
	if (child->pid == 0)
		return OK;
	if (waitpid(child->pid, &status, WNOHANG) != child->pid)
		return OK;
	child->pid = 0;
	last_line(child->log, line, sizeof(line));
	if (WIFSIGNALED(status))
		return error_set(err, E_IO, "%s ended by signal %d: %s (see %.100s)", child->name,
			WTERMSIG(status), line, child->log);
	return error_set(err, E_IO, "%s ended with %d: %s (see %.100s)", child->name,
		WEXITSTATUS(status), line, child->log);
}

void child_stop(struct child *child, uint64_t wait_ms)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	if (child->pid == 0)
		return;
	kill(child->pid, SIGTERM);
	for (uint64_t waited_ms = 0; waited_ms < wait_ms; waited_ms += POLL_MS) {
		if (waitpid(child->pid, NULL, WNOHANG) != 0) {
			child->pid = 0;
			return;
		}
		nanosleep(&pause, NULL);
	}
	kill(child->pid, SIGKILL);
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
	child->pid = 0;
}
