/* What the centre said of one transaction: the object that answers it, alone or on its line. */
#pragma once

#include "base/arena.h"

struct verdict {
	unsigned status; /* status_code of the line, or what the caller gave */
	struct slice key, receipt, detail;
	bool duplicate;
	bool accepted; /* it has a receipt */
	bool problem;  /* it is a problem of the API's own (RFC 9457), not of some proxy */
};

/* False when it is no such object. */
bool verdict_read(
	struct slice text, unsigned status, struct arena *arena, struct verdict *ret_verdict);
