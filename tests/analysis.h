/* Included before every file that is analysed (script/stages/analyze.sh and tidy.sh), never built.
 *
 * A function that fails ends with `return error_set(...)` and leaves its outputs alone. A static
 * analyzer that looks at one file cannot know that error_set() and its sisters never return OK, and
 * follows a path on which the outputs are used all the same. Here it is told. */
#pragma once

#include "base/error.h"

#define never_ok(call)                                                                             \
	__extension__({                                                                            \
		const enum status never_ok_status = call;                                          \
		if (never_ok_status == OK)                                                         \
			__builtin_unreachable();                                                   \
		never_ok_status;                                                                   \
	})
#define error_set(...) never_ok((error_set)(__VA_ARGS__))
#define error_wrap(...) never_ok((error_wrap)(__VA_ARGS__))
#define error_errno(...) never_ok((error_errno)(__VA_ARGS__))
