#include "journal/archive_file.h"

#include "journal/chain.h"
#include "journal/scan.h"

#include <stdlib.h>

/* ---- the disk ---- */

struct both {
	struct disk disk;
	struct disk *journal, *archive;
};

static struct both *both_of(struct disk *disk)
{
	return (struct both *)disk;
}

struct listing {
	struct both *both;
	void (*each)(void *context, const char *name);
	void *context;
};

/* A segment that has not left the journal yet is listed there. */
static void list_archived(void *context, const char *name)
{
	struct listing *listing = context;
	struct disk *journal = listing->both->journal;
	struct disk_file *file = NULL;
	char segment[SEGMENT_NAME_MAX];
	uint64_t index = 0;
	if (!archive_name_parse(name, &index))
		return;
	segment_name(index, segment);
	if (journal->ops->open(journal, segment, false, &file, NULL) == OK)
		journal->ops->close(file);
	else
		listing->each(listing->context, segment);
}

static enum status both_list(struct disk *disk, void (*each)(void *context, const char *name),
	void *context, struct error *err)
{
	struct both *b = both_of(disk);
	struct listing listing = { b, each, context };
	enum status s = b->journal->ops->list(b->journal, each, context, err);
	return s == OK ? b->archive->ops->list(b->archive, list_archived, &listing, err) : s;
}

static void both_close_file(struct disk_file *file)
{
	if (archive_file_is(file))
		archive_file_close(file);
	else
		file->ops->close(file);
}

static enum status both_open(struct disk *disk, const char *name, bool create,
	struct disk_file **ret_file, struct error *err)
{
	struct both *b = both_of(disk);
	uint64_t index = 0;
	bool spare = false;
	enum status s = b->journal->ops->open(b->journal, name, create, ret_file, err);
	if (s != E_INPUT || create || !segment_name_parse(name, &index, &spare) || spare)
		return s;
	struct error own;
	enum status archived = archive_file_open(b->archive, index, ret_file, &own);
	if (archived == E_INPUT)
		return s;
	if (archived != OK && err != NULL)
		*err = own;
	return archived;
}

static enum status both_sync_names(struct disk *disk, struct error *err)
{
	struct disk *journal = both_of(disk)->journal;
	return journal->ops->sync_names(journal, err);
}

static enum status both_remove(struct disk *disk, const char *name, struct error *err)
{
	struct disk *journal = both_of(disk)->journal;
	return journal->ops->remove(journal, name, err);
}

static enum status both_rename(
	struct disk *disk, const char *from, const char *to, struct error *err)
{
	struct disk *journal = both_of(disk)->journal;
	return journal->ops->rename(journal, from, to, err);
}

static void both_close(struct disk *disk)
{
	struct both *b = both_of(disk);
	b->journal->ops->close_disk(b->journal);
	b->archive->ops->close_disk(b->archive);
	free(b);
}

static const struct disk_ops both_ops = {
	.list = both_list,
	.open = both_open,
	.close = both_close_file,
	.sync_names = both_sync_names,
	.remove = both_remove,
	.rename = both_rename,
	.close_disk = both_close,
};

enum status archive_disk_open(
	struct disk *journal, struct disk *archive, struct disk **ret_disk, struct error *err)
{
	struct both *b = calloc(1, sizeof(*b));
	if (b == NULL) {
		journal->ops->close_disk(journal);
		archive->ops->close_disk(archive);
		return error_set(err, E_FULL, "no memory for the archive");
	}
	*b = (struct both){ { &both_ops }, journal, archive };
	*ret_disk = &b->disk;
	return OK;
}

/* ---- archiving ---- */

/* Every byte is what was sealed. */
static enum status check_file(struct disk_file *file, const struct link *link, struct error *err)
{
	struct window window;
	struct hasher *hasher = hasher_open();
	window_init(&window, file, SCAN_READ_BYTES);
	enum status s = scan_sealed_segment(&window, &link->header, &link->seal, hasher, err);
	window_release(&window);
	hasher_close(hasher);
	return s;
}

static enum status check_archived(struct disk *archive, const struct link *link, struct error *err)
{
	struct disk_file *file = NULL;
	struct segment_header header;
	enum status s = archive_file_open(archive, link->header.index, &file, err);
	if (s != OK)
		return s;
	s = segment_header_read(file, link->header.index, &header, err);
	if (s == OK && memcmp(&header, &link->header, sizeof(header)) != 0)
		s = error_set(err, E_CORRUPT, "the archived header is another one");
	if (s == OK)
		s = check_file(file, link, err);
	archive_file_close(file);
	return s;
}

static enum status compress(
	struct disk *archive, struct disk_file *segment, const struct link *link, struct error *err)
{
	char name[ARCHIVE_NAME_MAX], unfinished[ARCHIVE_NAME_MAX];
	struct disk_file *to = NULL;
	uint64_t bytes = 0;
	archive_name(link->header.index, name);
	archive_unfinished_name(link->header.index, unfinished);
	(void)archive->ops->remove(archive, unfinished, NULL);
	enum status s = archive->ops->open(archive, unfinished, true, &to, err);
	if (s != OK)
		return s;
	s = archive_file_write(segment, link->header.size, to, &bytes, err);
	archive->ops->close(to);
	if (s == OK)
		s = archive->ops->rename(archive, unfinished, name, err);
	return s == OK ? archive->ops->sync_names(archive, err) : s;
}

static enum status archived_bytes(
	struct disk *archive, uint64_t index, uint64_t *ret_bytes, struct error *err)
{
	char name[ARCHIVE_NAME_MAX];
	struct disk_file *file = NULL;
	archive_name(index, name);
	enum status s = archive->ops->open(archive, name, false, &file, err);
	if (s != OK)
		return s;
	s = file->ops->size(file, ret_bytes, err);
	archive->ops->close(file);
	return s;
}

/* What an earlier run left whole in the archive is not written again; what it left broken is. */
static enum status move(struct disk *journal, struct disk *archive, struct disk_file *segment,
	const struct link *link, struct error *err)
{
	char name[SEGMENT_NAME_MAX];
	segment_name(link->header.index, name);
	enum status s = check_file(segment, link, err);
	if (s == OK && check_archived(archive, link, NULL) != OK)
		s = compress(archive, segment, link, err);
	if (s == OK)
		s = check_archived(archive, link, err);
	if (s == OK)
		s = archive->ops->sync_names(archive, err);
	if (s == OK)
		s = journal->ops->remove(journal, name, err);
	return s == OK ? journal->ops->sync_names(journal, err) : s;
}

static enum status archive_link(struct disk *journal, struct disk *archive, const struct link *link,
	struct archive_report *report, bool *ret_moved, struct error *err)
{
	static _Thread_local char name[SEGMENT_NAME_MAX];
	struct disk_file *segment = NULL;
	segment_name(link->header.index, name);
	*report = (struct archive_report){ .name = name,
		.first_number = link->seal.first_number,
		.last_number = link->seal.last_number,
		.bytes = link->header.size };
	*ret_moved = false;
	enum status s = journal->ops->open(journal, name, false, &segment, err);
	if (s == E_INPUT)
		return OK; /* it is there already */
	if (s != OK)
		return s;
	s = move(journal, archive, segment, link, err);
	journal->ops->close(segment);
	if (s == OK)
		s = archived_bytes(archive, link->header.index, &report->archived_bytes, err);
	*ret_moved = s == OK;
	return s == OK ? OK : error_wrap(err, "%s", name);
}

enum status journal_archive(struct disk *journal, struct disk *archive, uint64_t through,
	uint64_t keep, void (*each)(void *context, const struct archive_report *report),
	void *context, struct error *err)
{
	struct both both = { { &both_ops }, journal, archive };
	struct chain chain = { 0 };
	enum status s = chain_load(&both.disk, &chain, err);
	uint64_t sealed = 0;
	while (s == OK && sealed < chain.count && chain.links[sealed].sealed &&
		chain.links[sealed].seal.last_number <= through)
		sealed++;
	/* The last one is what opening goes on from, sealed or not. */
	if (sealed == chain.count && sealed > 0)
		sealed--;
	for (uint64_t i = 0; s == OK && i + keep < sealed; i++) {
		struct archive_report report;
		bool moved = false;
		s = archive_link(journal, archive, &chain.links[i], &report, &moved, err);
		if (moved && each != NULL)
			each(context, &report);
	}
	chain_release(&chain);
	return s;
}
