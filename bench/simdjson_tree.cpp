#include "bench/simdjson_tree.h"

#include <simdjson.h>

namespace {

struct State {
	State(const char *bytes, size_t len) : text(bytes, len)
	{
	}

	simdjson::padded_string text;
	simdjson::dom::parser parser;
};

} // namespace

void *simdjson_open(const char *text, size_t len)
{
	return new State(text, len);
}

void simdjson_close(void *state)
{
	delete static_cast<State *>(state);
}

bool simdjson_load(void *state)
{
	auto *s = static_cast<State *>(state);
	simdjson::dom::element tree;
	return s->parser.parse(s->text).get(tree) == simdjson::SUCCESS;
}
