#include "base/option.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

static void *place(const struct option *option, void *config)
{
	return (char *)config + option->offset;
}

void options_default(const struct option *options, void *config)
{
	struct error err;
	for (const struct option *o = options; o->name != NULL; o++)
		if (o->fallback != NULL)
			check(option_set(o, config, slice_of(o->fallback), &err) == OK);
}

struct unit {
	const char *suffix;
	uint64_t factor;
};

static const struct unit plain_units[] = { { "", 1 }, { NULL, 0 } };
static const struct unit byte_units[] = { { "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 },
	{ "G", 1 << 30 }, { NULL, 0 } };
static const struct unit duration_units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 },
	{ "h", 3600000 }, { "d", 86400000 }, { NULL, 0 } };

static bool number_with_unit(struct slice value, const struct unit *units, uint64_t *ret_number)
{
	size_t digits = 0;
	uint64_t number;
	while (digits < value.len && value.ptr[digits] >= '0' && value.ptr[digits] <= '9')
		digits++;
	if (!slice_to_u64(slice_make(value.ptr, digits), &number))
		return false;
	struct slice suffix = slice_make(value.ptr + digits, value.len - digits);
	for (; units->suffix != NULL; units++)
		if (slice_is(suffix, units->suffix))
			return !__builtin_mul_overflow(number, units->factor, ret_number);
	return false;
}

static enum status set_number(
	const struct option *option, void *config, struct slice value, struct error *err)
{
	static const char *const forms[] = {
		[OPTION_U64] = "a whole number",
		[OPTION_BYTES] = "a size such as 65536, 64K, 8M or 2G",
		[OPTION_DURATION] = "a time such as 250ms, 30s, 5m, 2h or 1d",
	};
	const struct unit *units = option->type == OPTION_BYTES      ? byte_units
				   : option->type == OPTION_DURATION ? duration_units
								     : plain_units;
	uint64_t number;
	if (!number_with_unit(value, units, &number))
		return error_set(err, E_CONFIG, "%s: \"%.*s\" is not %s", option->name,
			SLICE_ARG(value), forms[option->type]);
	if (number < option->min || (option->max != 0 && number > option->max))
		return error_set(err, E_CONFIG, "%s: %.*s is outside %llu to %llu%s", option->name,
			SLICE_ARG(value), (unsigned long long)option->min,
			(unsigned long long)option->max,
			option->type == OPTION_DURATION ? " ms" : "");
	*(uint64_t *)place(option, config) = number;
	return OK;
}

static enum status set_text(
	const struct option *option, void *config, struct slice value, struct error *err)
{
	if (value.len < option->min || (option->max != 0 && value.len > option->max))
		return error_set(err, E_CONFIG, "%s: has %zu characters; %llu to %llu are allowed",
			option->name, value.len, (unsigned long long)option->min,
			(unsigned long long)option->max);
	char *copy = strndup(value.ptr == NULL ? "" : value.ptr, value.len);
	if (copy == NULL)
		return error_set(err, E_FULL, "%s: out of memory", option->name);
	char **text = place(option, config);
	free(*text);
	*text = copy;
	return OK;
}

static enum status set_bool(
	const struct option *option, void *config, struct slice value, struct error *err)
{
	bool yes = slice_is(value, "yes") || slice_is(value, "true");
	if (!yes && !slice_is(value, "no") && !slice_is(value, "false"))
		return error_set(err, E_CONFIG, "%s: \"%.*s\" is not yes or no", option->name,
			SLICE_ARG(value));
	*(bool *)place(option, config) = yes;
	return OK;
}

static enum status set_choice(
	const struct option *option, void *config, struct slice value, struct error *err)
{
	char allowed[256] = "";
	size_t used = 0;
	for (unsigned i = 0; option->choices[i] != NULL; i++) {
		if (slice_is(value, option->choices[i])) {
			*(unsigned *)place(option, config) = i;
			return OK;
		}
		int n = snprintf(allowed + used, sizeof(allowed) - used, "%s%s", i > 0 ? ", " : "",
			option->choices[i]);
		used += n > 0 && (size_t)n < sizeof(allowed) - used ? (size_t)n : 0;
	}
	return error_set(err, E_CONFIG, "%s: \"%.*s\" is not one of %s", option->name,
		SLICE_ARG(value), allowed);
}

enum status option_set(
	const struct option *option, void *config, struct slice value, struct error *err)
{
	switch (option->type) {
	case OPTION_TEXT:
		return set_text(option, config, value, err);
	case OPTION_U64:
	case OPTION_BYTES:
	case OPTION_DURATION:
		return set_number(option, config, value, err);
	case OPTION_BOOL:
		return set_bool(option, config, value, err);
	case OPTION_CHOICE:
		return set_choice(option, config, value, err);
	}
	check(false);
}

const struct option *option_find(const struct option *options, struct slice name)
{
	for (const struct option *o = options; o->name != NULL; o++)
		if (slice_is(name, o->name))
			return o;
	return NULL;
}

void options_names(const struct option *options, char *text, size_t size)
{
	size_t used = 0;
	text[0] = '\0';
	for (const struct option *o = options; o->name != NULL && used < size; o++) {
		int n = snprintf(
			text + used, size - used, "%s%s", o > options ? ", " : "", o->name);
		used += n > 0 ? (size_t)n : 0;
	}
}

enum status options_complete(const struct option *options, const void *config, struct error *err)
{
	for (const struct option *o = options; o->name != NULL; o++) {
		check(!o->required || o->type == OPTION_TEXT);
		if (o->required && *(char *const *)((const char *)config + o->offset) == NULL)
			return error_set(err, E_CONFIG, "%s is missing: %s", o->name, o->help);
	}
	return OK;
}

void options_release(const struct option *options, void *config)
{
	for (const struct option *o = options; o->name != NULL; o++) {
		if (o->type != OPTION_TEXT)
			continue;
		char **text = place(o, config);
		if (*text != NULL && o->secret)
			explicit_bzero(*text, strlen(*text));
		free(*text);
		*text = NULL;
	}
}

void options_help(const struct option *options, const char *prefix, struct buf *buf)
{
	for (const struct option *o = options; o->name != NULL; o++) {
		buf_format(buf, "  %s%s", prefix, o->name);
		if (o->choices != NULL) {
			buf_text(buf, " (");
			for (unsigned i = 0; o->choices[i] != NULL; i++)
				buf_format(buf, "%s%s", i > 0 ? ", " : "", o->choices[i]);
			buf_text(buf, ")");
		}
		buf_format(buf, "\n      %s", o->help);
		if (o->fallback != NULL)
			buf_format(buf, " Default: %s.", o->fallback);
		buf_text(buf, "\n");
	}
}
