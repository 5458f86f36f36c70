#include "base/json.h"
#include "retail/card_text.h"
#include "retail/codec.h"

#include <stdarg.h>
#include <stdio.h>

/* Where `text` ends when at most `max` bytes of it are wanted and no character may be torn. */
static size_t whole_characters(const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);
	if (len <= max)
		return len;
	len = max;
	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static void copy_text(char *to, size_t size, const char *text)
{
	size_t len = whole_characters(text, size - 1);
	memcpy(to, text, len);
	to[len] = '\0';
}

void findings_add(struct findings *findings, const char *rule, bool refuses, const char *pointer,
	const char *format, ...)
{
	findings->refusing += refuses;
	if (findings->count == FINDINGS_MAX) {
		findings->dropped++;
		return;
	}
	/* One character more than fits may be printed, so that a torn one is seen and cut. */
	char detail[FINDING_DETAIL_MAX + 8];
	va_list args;
	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);

	struct finding *finding = &findings->items[findings->count++];
	finding->rule = rule;
	finding->refuses = refuses;
	copy_text(finding->pointer, sizeof(finding->pointer), pointer);
	copy_text(finding->detail, sizeof(finding->detail), detail);
	/* What is wrong is shown; a card's number is not, wherever it stood. */
	card_text_mask(finding->pointer, strlen(finding->pointer));
	card_text_mask(finding->detail, strlen(finding->detail));
}

void findings_write(const struct findings *findings, bool refusing, struct buf *buf)
{
	buf_char(buf, '[');
	for (uint32_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->items[i];
		if (finding->refuses != refusing)
			continue;
		json_write_comma(buf);
		buf_char(buf, '{');
		json_write_member_text(buf, "pointer", finding->pointer);
		json_write_member_text(buf, "rule", finding->rule);
		json_write_member_text(buf, "detail", finding->detail);
		buf_char(buf, '}');
	}
	buf_char(buf, ']');
}
