/* The words of an expression. */
#pragma once

#include "base/decimal.h"

enum token_kind {
	TOKEN_END,
	TOKEN_NAME, /* lines, totals.gross, and */
	TOKEN_NUMBER,
	TOKEN_TEXT, /* without its quotes */
	TOKEN_SIGN, /* one of ( ) , + - * = != < <= > >= */
	TOKEN_BAD,  /* `problem` says why */
};

struct token {
	enum token_kind kind;
	struct slice text;
	size_t offset;
	struct total number;
	const char *problem;
};

/* The token at or behind *at, which moves on behind it. */
struct token expression_token(struct slice source, size_t *at);
