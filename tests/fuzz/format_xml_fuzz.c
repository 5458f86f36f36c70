/* XML as a POSLog file brings it: read with a record's name and as one record. */
#include "format_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct format_options named = { .record = SLICE("T"), .record_bytes_max = 4096 };
	const struct format_options whole = { .record_bytes_max = 1 << 20 };
	fuzz_format(&format_xml, slice_make(bytes, len), &named);
	fuzz_format(&format_xml, slice_make(bytes, len), &whole);
	return 0;
}
