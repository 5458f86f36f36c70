#include "app/bar.h"

#include <unistd.h>

enum { WIDTH = 24, TERMINAL_MS = 200, LINE_MS = 5000 };

void bar_init(struct bar *bar, struct clock *clock, FILE *file)
{
	*bar = (struct bar){ .clock = clock, .file = file, .terminal = isatty(fileno(file)) == 1 };
	bar->next_ns = clock->monotonic_ns(clock) + (uint64_t)TERMINAL_MS * 1000000;
	if (!bar->terminal)
		bar->next_ns += (uint64_t)LINE_MS * 1000000;
}

static void draw(struct bar *bar, unsigned percent, const char *text)
{
	static const char full[] = "########################";
	static const char empty[] = "                        ";
	int filled = (int)(percent * WIDTH / 100);
	fprintf(bar->file, "\r[%.*s%.*s] %3u %%  %s\033[K", filled, full, WIDTH - filled, empty,
		percent, text);
	fflush(bar->file);
	bar->shown = true;
}

void bar_show(struct bar *bar, uint64_t done, uint64_t total, const char *text)
{
	uint64_t now_ns = bar->clock->monotonic_ns(bar->clock);
	if (now_ns < bar->next_ns)
		return;
	bar->next_ns = now_ns + (uint64_t)(bar->terminal ? TERMINAL_MS : LINE_MS) * 1000000;
	unsigned percent = total == 0 || done > total ? 0 : (unsigned)(done * 100 / total);
	if (bar->terminal)
		draw(bar, percent, text);
	else if (total == 0)
		fprintf(bar->file, "%s\n", text);
	else
		fprintf(bar->file, "%3u %%  %s\n", percent, text);
}

void bar_clear(struct bar *bar)
{
	if (bar->shown)
		fprintf(bar->file, "\r\033[K");
	bar->shown = false;
}
