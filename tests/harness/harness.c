#include "harness.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEST_SECONDS_MAX = 300 };

static struct test *tests; /* the one mutable global: constructors have nowhere else to write */
static uint64_t seed_used;

void test_register(struct test *test)
{
	struct test **at = &tests;
	while (*at != NULL)
		at = &(*at)->next;
	*at = test;
}

_Noreturn void test_fail(const char *file, int line, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "%s:%d: ", file, line);
	vfprintf(stderr, format, args);
	va_end(args);
	if (seed_used != 0)
		fprintf(stderr, " (TEST_SEED=%llu)", (unsigned long long)seed_used);
	fprintf(stderr, "\n");
	fflush(NULL);
	_exit(1);
}

void test_expect_text(const char *file, int line, const char *found, const char *expected)
{
	if (found == NULL || strcmp(found, expected) != 0)
		test_fail(file, line, "found    \"%s\"\n   expected \"%s\"",
			found == NULL ? "(null)" : found, expected);
}

void test_expect_number(
	const char *file, int line, const char *what, long long found, long long expected)
{
	if (found != expected)
		test_fail(file, line, "%s is %lld, expected %lld", what, found, expected);
}

static char folder[64];

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static void remove_folder(void)
{
	nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *test_folder(void)
{
	if (folder[0] == '\0') {
		snprintf(folder, sizeof(folder), "/tmp/tillbridge-test-XXXXXX");
		if (mkdtemp(folder) == NULL)
			test_fail(__FILE__, __LINE__, "mkdtemp: %s", strerror(errno));
		atexit(remove_folder);
	}
	return folder;
}

static uint64_t from_environment(const char *name, uint64_t fallback)
{
	const char *text = getenv(name);
	return text == NULL ? fallback : strtoull(text, NULL, 0);
}

uint64_t test_seed(uint64_t fallback)
{
	seed_used = from_environment("TEST_SEED", fallback);
	return seed_used;
}

unsigned test_rounds(unsigned fallback)
{
	return (unsigned)from_environment("TEST_ROUNDS", fallback);
}

static bool run(const struct test *test)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	if (pid == 0) {
		alarm((unsigned)from_environment("TEST_SECONDS", TEST_SECONDS_MAX));
		test->run();
		exit(0); /* runs atexit handlers: folders go, the leak checker looks */
	}
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	bool passed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	printf("%s %s\n", passed ? "ok    " : "FAILED", test->name);
	if (WIFSIGNALED(status))
		printf("       ended by signal %d (%s)\n", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	return passed;
}

static bool wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strstr(name, argv[i]) != NULL)
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	unsigned passed = 0, failed = 0;
	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		for (struct test *t = tests; t != NULL; t = t->next)
			puts(t->name);
		return 0;
	}
	for (struct test *t = tests; t != NULL; t = t->next) {
		if (!wanted(t->name, argc, argv))
			continue;
		if (run(t))
			passed++;
		else
			failed++;
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed > 0 || passed == 0;
}
