#include "retail/expression_lexer.h"

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static struct token bad(size_t offset, const char *problem)
{
	return (struct token){ .kind = TOKEN_BAD, .offset = offset, .problem = problem };
}

static struct token number(struct slice source, size_t *at)
{
	struct token token = { .kind = TOKEN_NUMBER, .offset = *at };
	struct decimal value;
	size_t end = *at;
	while (end < source.len && (is_digit(source.ptr[end]) || source.ptr[end] == '.'))
		end++;
	token.text = slice_make(source.ptr + *at, end - *at);
	if (end < source.len && is_letter(source.ptr[end]))
		return bad(end, "a letter stands right behind a number");
	enum decimal_problem problem = decimal_parse(token.text, &value);
	if (problem != DECIMAL_FINE)
		return bad(*at, decimal_problem_text(problem));
	token.number = total_of(value);
	*at = end;
	return token;
}

static struct token text(struct slice source, size_t *at)
{
	char quote = source.ptr[*at];
	size_t end = *at + 1;
	while (end < source.len && source.ptr[end] != quote) {
		if ((unsigned char)source.ptr[end] < ' ')
			return bad(end, "a text has no line ends or control characters");
		end++;
	}
	if (end == source.len)
		return bad(*at, "the text has no closing quote");
	struct token token = { .kind = TOKEN_TEXT,
		.offset = *at,
		.text = slice_make(source.ptr + *at + 1, end - *at - 1) };
	*at = end + 1;
	return token;
}

static struct token name(struct slice source, size_t *at)
{
	size_t end = *at;
	while (end < source.len &&
		(is_letter(source.ptr[end]) || is_digit(source.ptr[end]) || source.ptr[end] == '.'))
		end++;
	struct token token = {
		.kind = TOKEN_NAME, .offset = *at, .text = slice_make(source.ptr + *at, end - *at)
	};
	*at = end;
	return token;
}

static struct token sign(struct slice source, size_t *at)
{
	char c = source.ptr[*at];
	bool equals = *at + 1 < source.len && source.ptr[*at + 1] == '=';
	if (c == '=' && equals)
		return bad(*at, "\"==\" is not known; equality is \"=\"");
	if (c == '!' && !equals)
		return bad(*at, "\"!\" is not known; say \"not\" or \"!=\"");
	if (c == '\0' || strchr("(),+-*=<>!", c) == NULL)
		return bad(*at, "this character begins nothing that is known");
	size_t len = equals && (c == '<' || c == '>' || c == '!') ? 2 : 1;
	struct token token = {
		.kind = TOKEN_SIGN, .offset = *at, .text = slice_make(source.ptr + *at, len)
	};
	*at += len;
	return token;
}

struct token expression_token(struct slice source, size_t *at)
{
	while (*at < source.len && (source.ptr[*at] == ' ' || source.ptr[*at] == '\n' ||
					   source.ptr[*at] == '\t' || source.ptr[*at] == '\r'))
		(*at)++;
	if (*at >= source.len)
		return (struct token){ .kind = TOKEN_END, .offset = source.len };
	char c = source.ptr[*at];
	if (is_digit(c))
		return number(source, at);
	if (c == '"' || c == '\'')
		return text(source, at);
	if (is_letter(c))
		return name(source, at);
	return sign(source, at);
}
