/* CSV: a row for each record, and rows in groups. */
#include "format_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct format_options rows = { .record_bytes_max = 4096 };
	const struct format_options groups = {
		.group_by = SLICE("k"), .separator = ';', .record_bytes_max = 4096
	};
	fuzz_format(&format_csv, slice_make(bytes, len), &rows);
	fuzz_format(&format_csv, slice_make(bytes, len), &groups);
	return 0;
}
