/* Progress of long work on standard error: a bar on a terminal, a line every few seconds elsewhere,
 * so that a log is not flooded. */
#pragma once

#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>

struct bar {
	struct clock *clock;
	FILE *file;
	bool terminal;
	bool shown;       /* something stands in the terminal's last line */
	uint64_t next_ns; /* when it is shown again */
};

void bar_init(struct bar *bar, struct clock *clock, FILE *file);
/* Shows done of total (0: unknown) and the text, unless it was shown a moment ago. */
void bar_show(struct bar *bar, uint64_t done, uint64_t total, const char *text);
/* Takes the bar away before something else is printed, and at the end. */
void bar_clear(struct bar *bar);
