#include "retail/transaction.h"

#include "base/check.h"
#include "base/plant.h"
#include "retail/fields.h"

const char *transaction_type_name(unsigned type)
{
	check(type < TYPE_MAX);
	return transaction_type_names[type];
}

const char *line_kind_name(unsigned kind)
{
	check(kind < LINE_KIND_MAX);
	return line_kind_names[kind];
}

static size_t put(char *text, size_t at, struct slice s)
{
	check(s.len <= ID_TEXT_MAX);
	if (s.len > 0)
		memcpy(text + at, s.ptr, s.len);
	text[at + s.len] = '/';
	return at + s.len + 1;
}

size_t key_print(const struct key *key, char text[static KEY_TEXT_MAX])
{
	char digits[20];
	size_t first = sizeof(digits);
	uint64_t rest = key->sequence;
	do {
		digits[--first] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);

	size_t at = put(text, 0, key->store);
	at = put(text, at, key->reg);
	date_print(key->business_date, text + at);
	at += DATE_TEXT_LEN;
	text[at++] = '/';
	memcpy(text + at, digits + first, sizeof(digits) - first);
	at += sizeof(digits) - first;
	text[at] = '\0';
	return at;
}

bool transaction_has_effect(const struct transaction *t)
{
	switch ((enum transaction_type)t->type) {
	case TYPE_SALE:
	case TYPE_RETURN:
	case TYPE_EXCHANGE:
	case TYPE_ADJUSTMENT:
	case TYPE_PAID_IN:
	case TYPE_PAID_OUT:
	case TYPE_PICKUP:
	case TYPE_LOAN:
		return true;
	case TYPE_VOID:
	case TYPE_NO_SALE:
	case TYPE_TRAINING:
	case TYPE_OPEN:
	case TYPE_CLOSE:
	case TYPE_COUNT:
	case TYPE_MAX:
		break;
	}
	return false;
}

bool transaction_is_posted(const struct transaction *t)
{
	return t->type == TYPE_SALE || t->type == TYPE_RETURN || t->type == TYPE_EXCHANGE ||
	       t->type == TYPE_ADJUSTMENT;
}

bool line_stock_change(const struct line *line, struct total *ret_change)
{
	if (line->item.ptr == NULL || !line->quantity.set)
		return false;
	switch ((enum line_kind)line->kind) {
	case LINE_SALE:
	case LINE_RETURN:
		if (PLANTED(5) && line->kind == LINE_RETURN) {
			*ret_change = total_of(line->quantity);
			return true;
		}
		*ret_change = total_negate(total_of(line->quantity));
		return true;
	case LINE_WRITE_OFF:
		*ret_change = total_of(line->quantity);
		return true;
	case LINE_GIFT_CARD:
	case LINE_DEPOSIT:
	case LINE_FEE:
	case LINE_ADJUSTMENT:
	case LINE_KIND_MAX:
		break;
	}
	return false;
}
