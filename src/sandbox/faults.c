#include "sandbox/faults.h"

#include "base/check.h"
#include "base/decimal.h"
#include "sandbox/sale.h"

#include <stddef.h>

enum fault_type { FAULT_CHANCE, FAULT_MS, FAULT_SWITCH };

struct row {
	const char *name;
	enum fault_type type;
	size_t offset;
};

static const struct row rows[] = {
	{ "lost_answer", FAULT_CHANCE, offsetof(struct faults, lost_answer) },
	{ "error_after_apply", FAULT_CHANCE, offsetof(struct faults, error_after_apply) },
	{ "throttle", FAULT_CHANCE, offsetof(struct faults, throttle) },
	{ "refuse", FAULT_CHANCE, offsetof(struct faults, refuse) },
	{ "slow_ms", FAULT_MS, offsetof(struct faults, slow_ms) },
	{ "down", FAULT_SWITCH, offsetof(struct faults, down) },
	{ NULL },
};

static bool set_chance(struct slice value, uint32_t *ret_chance)
{
	struct decimal chance;
	if (decimal_parse(value, &chance) != DECIMAL_FINE || chance.coefficient < 0 ||
		decimal_compare(chance, decimal_make(1, 0)) > 0)
		return false;
	struct total millionths =
		total_product(chance, decimal_make(FAULTS_CERTAIN, 0), 0, ROUND_HALF_UP);
	struct decimal whole;
	check(total_to_decimal(millionths, &whole));
	whole = decimal_normal(whole);
	*ret_chance = (uint32_t)whole.coefficient;
	return true;
}

static bool set_value(const struct row *row, struct faults *faults, struct slice value)
{
	void *to = (char *)faults + row->offset;
	uint64_t ms;
	switch (row->type) {
	case FAULT_CHANCE:
		return set_chance(value, to);
	case FAULT_MS:
		if (!slice_to_u64(value, &ms) || ms > FAULTS_SLOW_MS_MAX)
			return false;
		*(uint64_t *)to = ms;
		return true;
	case FAULT_SWITCH:
		if (!slice_is(value, "true") && !slice_is(value, "false"))
			return false;
		*(bool *)to = slice_is(value, "true");
		return true;
	}
	check(false);
}

enum status faults_set(
	struct faults *faults, struct slice name, struct slice value, struct error *err)
{
	static const char *const forms[] = {
		[FAULT_CHANCE] = "a chance from 0 to 1 such as 0.25",
		[FAULT_MS] = "milliseconds from 0 to 600000",
		[FAULT_SWITCH] = "true or false",
	};
	for (const struct row *row = rows; row->name != NULL; row++) {
		if (!slice_is(name, row->name))
			continue;
		if (set_value(row, faults, value))
			return OK;
		return error_set(err, E_CONFIG, "%s: \"%.*s\" is not %s", row->name,
			SLICE_ARG(sale_excerpt(value)), forms[row->type]);
	}
	return error_set(err, E_CONFIG,
		"there is no fault \"%.*s\"; there are lost_answer, error_after_apply, throttle, "
		"refuse, slow_ms and down",
		SLICE_ARG(sale_excerpt(name)));
}

enum status faults_set_list(struct faults *faults, struct slice list, struct error *err)
{
	while (list.len > 0) {
		struct slice value, name = slice_cut(slice_cut(list, ',', &list), '=', &value);
		enum status s = faults_set(faults, slice_trim(name), slice_trim(value), err);
		if (s != OK)
			return s;
	}
	return OK;
}

static bool read_value(struct json *json, struct slice *ret_text)
{
	bool on;
	switch (json_peek(json)) {
	case JSON_STRING:
		return json_string(json, ret_text);
	case JSON_TRUE:
	case JSON_FALSE:
		if (!json_bool(json, &on))
			return false;
		*ret_text = slice_of(on ? "true" : "false");
		return true;
	default:
		return json_number(json, ret_text);
	}
}

enum status faults_read(
	struct slice text, struct arena *arena, struct faults *ret_faults, struct error *err)
{
	struct faults faults = { 0 };
	struct slice name, value;
	struct json json;
	json_init(&json, text, arena);
	if (json_object(&json)) {
		while (json_member(&json, &name)) {
			if (!read_value(&json, &value))
				break;
			if (faults_set(&faults, name, value, err) != OK)
				return E_INPUT;
		}
	}
	if (json.problem == NULL)
		json_end(&json);
	if (json.problem != NULL)
		return error_set(err, E_INPUT, "byte %zu: %s", json_offset(&json), json.problem);
	*ret_faults = faults;
	return OK;
}

static void write_value(const struct row *row, const struct faults *faults, struct buf *buf)
{
	const void *from = (const char *)faults + row->offset;
	switch (row->type) {
	case FAULT_CHANCE:
		decimal_write(decimal_normal(decimal_make(*(const uint32_t *)from, 6)), buf);
		return;
	case FAULT_MS:
		buf_u64(buf, *(const uint64_t *)from);
		return;
	case FAULT_SWITCH:
		buf_text(buf, *(const bool *)from ? "true" : "false");
		return;
	}
}

void faults_write(const struct faults *faults, struct buf *buf)
{
	buf_char(buf, '{');
	for (const struct row *row = rows; row->name != NULL; row++) {
		json_write_name(buf, row->name);
		write_value(row, faults, buf);
	}
	buf_char(buf, '}');
}
