/* check(): for what only our own mistake can break. It stays on in release builds: a process
 * that stops loses nothing, one that goes on with a broken invariant may. Input, disks and
 * networks are never checked with it; they get an enum status. */
#pragma once

#include <assert.h> /* static_assert */

_Noreturn void check_failed(const char *expression, const char *file, int line);

/* The expression has no side effects: it is always evaluated, once. */
#define check(expression) ((expression) ? (void)0 : check_failed(#expression, __FILE__, __LINE__))
