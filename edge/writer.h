/* Who writes for this register: a name that is made up once for each queue folder, so that two
 * tills that are alive under one register's name can be told apart (the transaction's field
 * `writer`). */
#pragma once

#include "base/disk.h"

enum { WRITER_TEXT_MAX = 21 }; /* "till-" and 16 hexadecimal digits, terminated */

/* The folder's name, made up and kept when it has none yet. */
enum status writer_open(
	struct disk *disk, char writer[static WRITER_TEXT_MAX + 1], struct error *err);
