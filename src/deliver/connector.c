#include "deliver/connector.h"

#include <stdio.h>

void external_id_write(
	const struct key *key, uint64_t revision, bool reversal, char text[static EXTERNAL_ID_MAX])
{
	size_t len = key_print(key, text);
	if (reversal)
		snprintf(text + len, EXTERNAL_ID_MAX - len, "~r%llu", (unsigned long long)revision);
	else if (revision > 1)
		snprintf(text + len, EXTERNAL_ID_MAX - len, "#%llu", (unsigned long long)revision);
}
