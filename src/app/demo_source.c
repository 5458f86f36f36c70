#include "app/demo_source.h"

#include "app/input.h"
#include "app/output.h"
#include "app/simulator.h"
#include "app/uci.h"

static enum status write_line(void *context, struct slice line, struct error *err)
{
	return output_line(context, line, err);
}

static enum status write_uci(
	const char *path, uint64_t days, struct output *output, struct error *err)
{
	struct input *input = NULL;
	struct buf csv;
	struct uci_summary summary;
	struct uci_sink sink = { write_line, output };
	buf_init(&csv, UCI_FILE_BYTES_MAX);
	enum status s = input_open(path, &input, err);
	if (s == OK)
		s = input_read_all(input, &csv, err);
	if (s == OK)
		s = uci_convert(csv.ptr, csv.len, path, days, &sink, &summary, err);
	input_close(input);
	buf_release(&csv);
	return s;
}

/* A chain of a size that a person can watch; what goes wrong in it are things that tillbridge
 * settles by itself. */
static enum status write_simulation(uint64_t days, struct output *output, struct error *err)
{
	struct simulator_summary summary;
	struct simulator_sink sink = { write_line, output };
	struct simulator_config config = { .seed = 1,
		.stores = 21,
		.registers = 4,
		.days = days == 0 ? 3 : days,
		.sales = 60,
		.items = 2000,
		.first_date = 20261102,
		.gaps = 5,
		.late = 50,
		.repeats = 50,
		.miscounts = 500 };
	return simulator_run(&config, &sink, &summary, err);
}

enum status demo_source_write(
	const char *source, uint64_t days, const char *path, struct error *err)
{
	struct output *output = NULL;
	enum status s = output_open(path, &output, err);
	if (s == OK && slice_starts(slice_of(source), "uci:"))
		s = write_uci(source + 4, days, output, err);
	else if (s == OK)
		s = write_simulation(days, output, err);
	if (s == OK)
		s = output_finish(output, err);
	output_close(output);
	return s;
}
