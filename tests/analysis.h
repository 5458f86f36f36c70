/* Included before every file that is analysed (script/stages/analyze.sh and tidy.sh), never built.
 *
 * A function that fails ends with `return error_set(...)` and leaves its outputs alone. A static
 * analyzer that looks at one file cannot know that error_set() and its sisters never return OK, and
 * follows a path on which the outputs are used all the same. Here it is told. */
#pragma once

#include "base/error.h"

#define never_ok(call, given)                                                                      \
	__extension__({                                                                            \
		(void)call;                                                                        \
		const enum status never_ok_status = (given);                                       \
		if (never_ok_status == OK)                                                         \
			__builtin_unreachable();                                                   \
		never_ok_status;                                                                   \
	})
#define error_set(err, status, ...) never_ok((error_set)((err), (status), __VA_ARGS__), (status))
#define error_errno(err, status, ...)                                                              \
	never_ok((error_errno)((err), (status), __VA_ARGS__), (status))
#define error_wrap(...)                                                                            \
	__extension__({                                                                            \
		const enum status wrapped_status = (error_wrap)(__VA_ARGS__);                      \
		if (wrapped_status == OK)                                                          \
			__builtin_unreachable();                                                   \
		wrapped_status;                                                                    \
	})
