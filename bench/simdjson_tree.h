/* simdjson behind C functions, for bench/decode.c: the document's tree, built again and again. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Copies the text, with the room behind it that simdjson wants. */
void *simdjson_open(const char *text, size_t len);
void simdjson_close(void *state);
/* Builds the tree once; false when it is no JSON. */
bool simdjson_load(void *state);

#ifdef __cplusplus
}
#endif
