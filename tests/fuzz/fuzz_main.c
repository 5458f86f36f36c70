/* Replays a corpus where there is no libFuzzer: each file named on the command line, and each file
 * in each folder, is one input, in a process of its own.
 *
 * Ends with "N passed, N failed". No input at all counts as a failure: a folder that was renamed
 * must not look like success. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { INPUT_BYTES_MAX = 8 << 20, INPUT_SECONDS_MAX = 60 };

struct tally {
	unsigned passed, failed;
};

static _Noreturn void run_input(const char *path)
{
	alarm(INPUT_SECONDS_MAX);
	FILE *file = fopen(path, "rb");
	uint8_t *bytes = malloc(INPUT_BYTES_MAX);
	if (file == NULL || bytes == NULL)
		exit(2);
	size_t len = fread(bytes, 1, INPUT_BYTES_MAX, file);
	fclose(file);
	/* Memory of the exact size, so that reading behind its end shows. */
	uint8_t *exact = malloc(len);
	if (len > 0)
		memcpy(exact, bytes, len);
	free(bytes);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	exit(0);
}

static void replay_file(const char *path, struct tally *tally)
{
	int status = 0;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		run_input(path);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
		WEXITSTATUS(status) == 0) {
		tally->passed++;
		return;
	}
	printf("FAILED %s\n", path);
	tally->failed++;
}

static void replay(const char *path, struct tally *tally)
{
	struct dirent **entries;
	struct stat st;
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
		replay_file(path, tally);
		return;
	}
	int count = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		char inner[4096];
		snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			replay(inner, tally);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

int main(int argc, char **argv)
{
	struct tally tally = { 0 };
	for (int i = 1; i < argc; i++)
		replay(argv[i], &tally);
	printf("%u passed, %u failed\n", tally.passed, tally.failed);
	return tally.failed > 0 || tally.passed == 0;
}
