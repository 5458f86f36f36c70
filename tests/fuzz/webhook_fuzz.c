/* A message to a door that is called: a head, and the body behind it. Every kind of door judges it;
 * what one takes for authentic it refuses with another body. */
#include "fuzz.h"

#include "base/check.h"
#include "intake/door.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LEN_MAX = 64 << 10, DOORS_MAX = 32, NOW_S = 1614265330 };

static const char secrets[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"
			      "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\n";

static uint64_t monotonic_ns(struct clock *clock)
{
	(void)clock;
	return 0;
}

/* The time of the messages in the corpus. */
static int64_t wall_ms(struct clock *clock)
{
	(void)clock;
	return NOW_S * 1000LL;
}

static struct clock still = { monotonic_ns, wall_ms };

struct opened {
	struct door_config config;
	void *door;
};

static void set(const struct option *options, void *target, const char *name, const char *value)
{
	struct error err;
	const struct option *option = option_find(options, slice_of(name));
	if (option != NULL)
		check(option_set(option, target, slice_of(value), &err) == OK);
}

/* Texts that a door demands beside its secrets get a value that fits most of them. False: not this
 * one's. */
static bool open_one(const struct door_type *type, const char *path, struct opened *opened)
{
	struct error err = { .text = "" };
	void *options = calloc(1, type->options_size);
	check(options != NULL);
	options_default(type->options, options);
	for (const struct option *o = type->options; o->name != NULL; o++)
		if (o->required)
			set(type->options, options, o->name, "https://example.com/door");
	set(type->options, options, "secret_file", path);
	opened->config = (struct door_config){
		.name = "door", .type = type, .options = options, .clock = &still
	};
	if (type->open(&opened->config, &opened->door, &err) == OK)
		return true;
	options_release(type->options, options);
	free(options);
	return false;
}

/* Once; they live as long as the process. */
static unsigned open_all(struct opened doors[static DOORS_MAX])
{
	char path[64];
	unsigned count = 0;
	int fd = memfd_create("secrets", MFD_CLOEXEC);
	check(fd >= 0 && fchmod(fd, 0600) == 0);
	check(write(fd, secrets, sizeof(secrets) - 1) == (ssize_t)sizeof(secrets) - 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (const struct door_type *const *type = door_types; *type != NULL; type++)
		if ((*type)->authenticate != NULL && count < DOORS_MAX)
			count += open_one(*type, path, &doors[count]);
	close(fd);
	check(count > 0);
	return count;
}

static enum status judge(const struct opened *opened, const struct door_message *message)
{
	struct error err = { .text = "" };
	enum status s = opened->config.type->authenticate(opened->door, message, &err);
	check(s == OK || s == E_INPUT);
	check((s == E_INPUT) == (err.text[0] != '\0'));
	/* A secret is never in what the sender gets to read. */
	check(strstr(err.text, "MfKQ9r8G") == NULL);
	return s;
}

/* Doors that only know a token sign nothing; they are told from the others by their name. */
static bool signs_body(const struct door_type *type)
{
	static const char *const signing[] = { "standard", "square", "shopify", NULL };
	for (unsigned i = 0; signing[i] != NULL; i++)
		if (strcmp(signing[i], type->name) == 0)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	static struct http_head head;
	static struct opened doors[DOORS_MAX];
	static unsigned count;
	struct slice bytes = slice_make(input, len < LEN_MAX ? len : LEN_MAX);
	size_t head_len = 0;
	unsigned http_status;
	struct error err;
	if (count == 0)
		count = open_all(doors);
	if (http_parse_head(bytes, &head, &head_len, &http_status, &err) != OK)
		return 0;
	struct door_message message = { .head = &head,
		.target = head.target,
		.body = slice_make(bytes.ptr + head_len, bytes.len - head_len) };
	for (unsigned i = 0; i < count; i++) {
		if (judge(&doors[i], &message) != OK || !signs_body(doors[i].config.type))
			continue;
		struct door_message other = message;
		other.body = slice_of("another body");
		if (!slice_equal(message.body, other.body))
			check(judge(&doors[i], &other) == E_INPUT);
	}
	return 0;
}
