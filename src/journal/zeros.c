#include "journal/zeros.h"

enum { ZEROS_BYTES = 64 << 10 };

static const char zeros[ZEROS_BYTES];

static size_t piece(uint64_t from, uint64_t to)
{
	return to - from < sizeof(zeros) ? (size_t)(to - from) : sizeof(zeros);
}

enum status zeros_write(struct disk_file *file, uint64_t from, uint64_t to, struct error *err)
{
	enum status s = OK;
	for (; s == OK && from < to; from += piece(from, to))
		s = file->ops->write(file, zeros, piece(from, to), from, err);
	return s;
}

void zeros_hash(struct hasher *hasher, uint64_t from, uint64_t to)
{
	for (; from < to; from += piece(from, to))
		hasher_add(hasher, zeros, piece(from, to));
}
