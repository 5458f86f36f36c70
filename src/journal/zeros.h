/* Zeros: what a segment holds where nothing was written. */
#pragma once

#include "base/disk.h"
#include "base/hash.h"

enum status zeros_write(struct disk_file *file, uint64_t from, uint64_t to, struct error *err);
void zeros_hash(struct hasher *hasher, uint64_t from, uint64_t to);
