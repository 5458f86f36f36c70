#include "app/agent.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
	RESCAN_MS = 500,
	SETTLE_SCANS = 2,
	FILE_BYTES_MAX = 256 << 20,
	PROBLEMS_BYTES_MAX = 4 << 20,
	PROBLEMS_SHOWN_MAX = 1000,
};

/* Waits for a scan's time; false when the agent stops. */
static bool wait_for_next(struct agent_folder *f)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += RESCAN_MS * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	int late = 0;
	pthread_mutex_lock(&f->lock);
	while (!f->stopping && late == 0)
		late = pthread_cond_timedwait(&f->changed, &f->lock, &until);
	bool go_on = !f->stopping;
	pthread_mutex_unlock(&f->lock);
	return go_on;
}

static bool is_stopping(struct agent_folder *f)
{
	pthread_mutex_lock(&f->lock);
	bool stopping = f->stopping;
	pthread_mutex_unlock(&f->lock);
	return stopping;
}

/* Once for each reason, however often it is tried again. */
static void complain(struct agent_folder *f, const char *name, const struct error *why)
{
	if (strcmp(f->complaint, why->text) == 0)
		return;
	snprintf(f->complaint, sizeof(f->complaint), "%s", why->text);
	fprintf(stderr, "tillbridge edge: %s: %s; it is tried again\n", name, why->text);
}

static void note_problem(
	struct buf *problems, unsigned *count, unsigned line, const struct agent_answer *answer)
{
	const char *pointer = "", *rule = "", *sentence = till_error();
	int refuses = 0;
	if ((*count)++ >= PROBLEMS_SHOWN_MAX)
		return;
	for (unsigned i = 0;
		answer->sale != NULL && !refuses &&
		till_finding(answer->sale, i, &pointer, &rule, &sentence, &refuses) == TILL_OK;
		i++)
		;
	buf_text(problems, problems->len > 1 ? ",\n{" : "\n{");
	json_write_member_u64(problems, "line", line);
	json_write_member_text(problems, "pointer", pointer);
	json_write_member_text(problems, "rule", rule);
	json_write_member_text(problems, "detail", sentence);
	buf_char(problems, '}');
}

/* Hands one document over, again and again while there is no room. False when the agent stops. */
static bool hand_over(struct agent_folder *f, struct slice document, unsigned line,
	struct buf *problems, unsigned *count)
{
	for (;;) {
		struct agent_answer answer;
		agent_submit(f->till, document, &answer);
		bool later = answer.result == TILL_FULL || answer.result == TILL_IO;
		if (answer.result != TILL_OK && !later)
			note_problem(problems, count, line, &answer);
		till_sale_free(answer.sale);
		if (!later)
			return !is_stopping(f);
		if (!wait_for_next(f))
			return false;
	}
}

static bool is_lines(const char *name)
{
	size_t len = strlen(name);
	return (len > 7 && strcmp(name + len - 7, ".ndjson") == 0) ||
	       (len > 6 && strcmp(name + len - 6, ".jsonl") == 0);
}

/* False when the agent stops; the file then stays in working/ and is read again, which the centre
 * recognises. */
static bool hand_over_all(struct agent_folder *f, const char *name, struct slice text,
	struct buf *problems, unsigned *count)
{
	unsigned number = 0;
	if (!is_lines(name))
		return hand_over(f, text, 1, problems, count);
	while (text.len > 0) {
		struct slice line = slice_cut(text, '\n', &text);
		number++;
		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		if (line.len > 0 && !hand_over(f, line, number, problems, count))
			return false;
	}
	return true;
}

/* Moves the file on. What of it is in the queue already is not handed over once more only because
 * the file cannot be moved. False when the agent stops. */
static bool finish(struct agent_folder *f, const char *name, const struct buf *problems)
{
	struct error err = { .text = "" };
	while (folder_files_finish(&f->files, name, problems, &err) != OK) {
		complain(f, name, &err);
		if (!wait_for_next(f))
			return false;
	}
	f->complaint[0] = '\0';
	return true;
}

static void end_problems(struct buf *problems)
{
	if (problems->failed) {
		buf_reset(problems);
		buf_text(problems, "[{\"detail\":\"there are more problems than fit here\"}");
	}
	buf_text(problems, "\n]\n");
}

static bool process(struct agent_folder *f, const char *name)
{
	struct buf problems;
	struct error err = { .text = "" };
	struct slice text = { NULL, 0 };
	unsigned count = 0;
	bool go_on = true;
	buf_init(&problems, PROBLEMS_BYTES_MAX);
	buf_char(&problems, '[');
	enum status s = folder_files_map(&f->files, name, f->scratch, &text, &err);
	if (s == OK) {
		go_on = hand_over_all(f, name, text, &problems, &count);
		if (text.len > 0)
			munmap((void *)(uintptr_t)text.ptr, text.len);
	} else if (s == E_INPUT) {
		count++;
		buf_char(&problems, '{');
		json_write_member_text(&problems, "detail", err.text);
		buf_char(&problems, '}');
	}
	end_problems(&problems);
	if (go_on && (s == OK || s == E_INPUT)) {
		go_on = finish(f, name, count > 0 ? &problems : NULL);
	} else if (go_on) {
		complain(f, name, &err);
		go_on = wait_for_next(f);
	}
	buf_release(&problems);
	return go_on;
}

static void *run(void *argument)
{
	struct agent_folder *f = argument;
	char name[FOLDER_NAME_MAX + 1];
	struct error err;
	bool go_on = true;
	while (go_on) {
		while (go_on && folder_files_left(&f->files, name))
			go_on = process(f, name);
		if (go_on && folder_files_scan(&f->files, true, &err) == OK &&
			folder_files_pick(&f->files, name))
			go_on = process(f, name);
		else
			go_on = go_on && wait_for_next(f);
	}
	return NULL;
}

enum status agent_folder_open(struct agent_folder *f, struct till *till, const char *path,
	const char *scratch, struct error *err)
{
	pthread_condattr_t attributes;
	*f = (struct agent_folder){ .till = till,
		.files = { .incoming = -1,
			.working = -1,
			.done = -1,
			.failed = -1,
			.pattern = "*",
			.settle_scans = SETTLE_SCANS,
			.bytes_max = FILE_BYTES_MAX },
		.scratch = -1 };
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&f->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	enum status s = folder_files_open(&f->files, path, err);
	if (s != OK)
		return s;
	f->scratch = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->scratch < 0)
		return error_errno(err, E_CONFIG, "folder: cannot open %s", scratch);
	if (pthread_create(&f->thread, NULL, run, f) != 0)
		return error_set(err, E_IO, "cannot start a thread");
	f->started = true;
	return OK;
}

void agent_folder_close(struct agent_folder *f)
{
	pthread_mutex_lock(&f->lock);
	f->stopping = true;
	pthread_cond_signal(&f->changed);
	pthread_mutex_unlock(&f->lock);
	if (f->started)
		pthread_join(f->thread, NULL);
	folder_files_close(&f->files);
	if (f->scratch >= 0)
		close(f->scratch);
	pthread_mutex_destroy(&f->lock);
	pthread_cond_destroy(&f->changed);
}
