#include "journal/chain.h"

#include <stdio.h>
#include <stdlib.h>

/* What a listing of the folder found. */
struct names {
	uint64_t *indexes;
	size_t count;
	size_t size;
	uint64_t spare_index; /* the highest; 0 if none */
	uint64_t stale_index; /* another one */
	bool failed;
};

static void note_spare(struct names *names, uint64_t index)
{
	if (index > names->spare_index) {
		names->stale_index = names->spare_index;
		names->spare_index = index;
	} else {
		names->stale_index = index;
	}
}

static void note_name(void *context, const char *name)
{
	struct names *names = context;
	uint64_t index = 0;
	bool spare = false;
	if (!segment_name_parse(name, &index, &spare))
		return;
	if (spare) {
		note_spare(names, index);
		return;
	}
	if (names->count == names->size) {
		size_t size = names->size == 0 ? 64 : names->size * 2;
		uint64_t *grown = names->count >= SEGMENT_INDEX_MAX
					  ? NULL
					  : realloc(names->indexes, size * sizeof(*grown));
		names->failed = names->failed || grown == NULL;
		if (grown == NULL)
			return;
		names->indexes = grown;
		names->size = size;
	}
	names->indexes[names->count++] = index;
}

static int compare_indexes(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* The number of the first event of a segment; 0 when its header cannot be read either. */
static uint64_t first_number_of(struct disk *disk, uint64_t index)
{
	char name[SEGMENT_NAME_MAX];
	struct disk_file *file = NULL;
	struct segment_header header = { .first_number = 0 };
	segment_name(index, name);
	if (disk->ops->open(disk, name, false, &file, NULL) != OK)
		return 0;
	if (segment_header_read(file, index, &header, NULL) != OK)
		header.first_number = 0;
	disk->ops->close(file);
	return header.first_number;
}

/* Its neighbours say which events it held: the one before how many at least, the one behind all. */
static enum status missing(struct disk *disk, uint64_t index, struct error *err)
{
	char name[SEGMENT_NAME_MAX], before[80] = "", behind[80] = "";
	uint64_t from = index == 1 ? 1 : first_number_of(disk, index - 1);
	uint64_t to = first_number_of(disk, index + 1);
	segment_name(index, name);
	if (from > 0)
		snprintf(before, sizeof(before), " behind event %llu",
			(unsigned long long)(index == 1 ? 0 : from));
	if (to > 0)
		snprintf(behind, sizeof(behind), " before event %llu", (unsigned long long)to);
	return error_set(err, E_CORRUPT,
		"%s is missing: its events%s%s cannot be read; restore the file from a copy", name,
		before, behind);
}

/* Segments count 1, 2, 3 without gaps, and the one being prepared is the next. */
static enum status check_names(struct disk *disk, struct names *names, struct error *err)
{
	if (names->count > 1)
		qsort(names->indexes, names->count, sizeof(names->indexes[0]), compare_indexes);
	for (size_t i = 0; i < names->count; i++)
		if (names->indexes[i] != i + 1)
			return missing(disk, i + 1, err);
	if (names->spare_index > names->count + 1)
		return missing(disk, names->count + 1, err);
	return OK;
}

static enum status list_names(struct disk *disk, struct names *ret_names, struct error *err)
{
	struct names names = { 0 };
	enum status s = disk->ops->list(disk, note_name, &names, err);
	if (s == OK && names.failed)
		s = error_set(err, E_FULL, "no memory for a list of %zu segments", names.count);
	if (s == OK)
		s = check_names(disk, &names, err);
	if (s == OK)
		*ret_names = names;
	else
		free(names.indexes);
	return s;
}

static enum status read_link(
	struct disk *disk, uint64_t index, struct link *link, struct error *err)
{
	char name[SEGMENT_NAME_MAX];
	struct disk_file *file = NULL;
	struct record_header header = { 0 };
	segment_name(index, name);
	enum status s = disk->ops->open(disk, name, false, &file, err);
	if (s != OK)
		return s;
	s = segment_header_read(file, index, &link->header, err);
	if (s == OK)
		s = seal_read(file, link->header.size, &link->seal, &header, &link->sealed, err);
	link->seal_generation = header.generation;
	disk->ops->close(file);
	if (s != OK)
		error_wrap(err, "%s", name);
	return s;
}

static enum status check_seal(const struct link *link, struct error *err)
{
	const struct seal *seal = &link->seal;
	if (seal->first_number == link->header.first_number &&
		seal->last_number + 1 == seal->first_number + seal->count)
		return OK;
	return error_set(err, E_CORRUPT, "the seal does not belong to this segment's header");
}

static enum status check_follows(
	const struct link *link, const struct link *before, struct error *err)
{
	static const struct hash none;
	const struct hash *hash = before == NULL ? &none : &before->seal.hash;
	uint64_t first = before == NULL ? 1 : before->seal.last_number + 1;
	if (before != NULL && !before->sealed)
		return error_set(err, E_CORRUPT,
			"the segment before it, with events from %llu on, has no readable seal",
			(unsigned long long)before->header.first_number);
	if (link->header.first_number != first)
		return error_set(err, E_CORRUPT,
			"the segment begins with event %llu; event %llu was expected",
			(unsigned long long)link->header.first_number, (unsigned long long)first);
	if (memcmp(&link->header.previous, hash, sizeof(*hash)) != 0)
		return error_set(
			err, E_CORRUPT, "the segment does not carry the seal of the one before it");
	return link->sealed ? check_seal(link, err) : OK;
}

static enum status read_links(struct disk *disk, struct chain *chain, struct error *err)
{
	for (uint64_t i = 0; i < chain->count; i++) {
		struct link *link = &chain->links[i];
		enum status s = read_link(disk, i + 1, link, err);
		if (s != OK)
			return s;
		s = check_follows(link, i == 0 ? NULL : link - 1, err);
		if (s != OK) {
			char name[SEGMENT_NAME_MAX];
			segment_name(i + 1, name);
			error_wrap(err, "%s", name);
			return s;
		}
	}
	/* A segment is sealed only after the file of the next one is there to stay. */
	if (chain->count > 0 && chain->links[chain->count - 1].sealed && !chain->spare)
		return missing(disk, chain->count + 1, err);
	return OK;
}

enum status chain_load(struct disk *disk, struct chain *ret_chain, struct error *err)
{
	struct names names;
	enum status s = list_names(disk, &names, err);
	if (s != OK)
		return s;
	struct chain chain = { .count = names.count,
		.spare = names.spare_index == names.count + 1 };
	uint64_t stale = chain.spare ? names.stale_index : names.spare_index;
	if (stale > 0)
		segment_spare_name(stale, chain.stale);
	free(names.indexes);
	chain.links = calloc(chain.count + 1, sizeof(*chain.links));
	if (chain.links == NULL)
		s = error_set(err, E_FULL, "no memory for the headers of the segments");
	else
		s = read_links(disk, &chain, err);
	if (s == OK)
		*ret_chain = chain;
	else
		chain_release(&chain);
	return s;
}

void chain_release(struct chain *chain)
{
	free(chain->links);
	*chain = (struct chain){ 0 };
}
