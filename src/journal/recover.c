/* Opening: finding the end of what was accepted, and making it safe to go on from there.
 *
 * Nothing is changed before every check has passed. What is found is made durable before anybody
 * sees it: bytes that the page cache still shows need not be on the disk, neither after a crash of
 * the process alone nor after a sync that failed (the kernel then forgets that they were dirty). So
 * everything that is not proven durable is written again, and then synced. */
#include "journal/chain.h"
#include "journal/journal_internal.h"
#include "journal/scan.h"
#include "journal/zeros.h"

#include <stdlib.h>

static enum status choose_size(struct journal *j, uint64_t segment_bytes, struct error *err)
{
	if (segment_bytes == 0)
		segment_bytes = JOURNAL_SEGMENT_BYTES;
	if (segment_bytes < SEGMENT_BYTES_MIN || segment_bytes > SEGMENT_BYTES_MAX)
		return error_set(err, E_CONFIG,
			"a segment of %llu bytes; %d to %d bytes are possible",
			(unsigned long long)segment_bytes, SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX);
	j->segment_bytes =
		(segment_bytes + SEGMENT_BYTES_MIN - 1) / SEGMENT_BYTES_MIN * SEGMENT_BYTES_MIN;
	return OK;
}

static enum status make_journal(struct disk *disk, struct clock *clock, uint64_t segment_bytes,
	struct journal **ret_journal, struct error *err)
{
	struct journal *j = calloc(1, sizeof(*j));
	if (j == NULL)
		return error_set(err, E_FULL, "no memory for the journal");
	j->disk = disk;
	j->clock = clock;
	j->next_number = 1;
	j->generation = 1;
	j->failed = true;
	j->hasher = hasher_open();
	pthread_mutex_init(&j->lock, NULL);
	files_init(&j->files, disk);
	j->group = malloc(GROUP_BYTES);
	enum status s = choose_size(j, segment_bytes, err);
	if (s == OK && j->group == NULL)
		s = error_set(err, E_FULL, "no memory for a group of %d bytes", GROUP_BYTES);
	if (s == OK)
		*ret_journal = j;
	else
		journal_close(j);
	return s;
}

static enum status first_segment(struct journal *j, struct error *err)
{
	enum status s = spare_grow(j->disk, &j->spare, 1, j->segment_bytes, err);
	if (s == OK)
		s = spare_finish(j->disk, &j->spare, err);
	if (s == OK)
		s = journal_start_segment(j, err);
	if (s == OK)
		journal_publish(j);
	return s;
}

/* The power went between the seal and the next segment. */
static enum status resume_behind_seal(struct journal *j, const struct link *link, struct error *err)
{
	char bytes[SEAL_BYTES];
	uint64_t offset = segment_room_end(link->header.size);
	size_t got = 0;
	j->next_number = link->seal.last_number + 1;
	j->generation = link->seal_generation + 1;
	j->seal_hash = link->seal.hash;
	j->sealed = true;
	enum status s = j->file->ops->read(j->file, bytes, sizeof(bytes), offset, &got, err);
	if (s == OK)
		s = j->file->ops->write(j->file, bytes, got, offset, err);
	if (s == OK)
		s = j->file->ops->sync(j->file, err);
	if (s == OK)
		s = spare_adopt(j->disk, &j->spare, link->header.index + 1, j->segment_bytes, err);
	if (s == OK)
		s = journal_start_segment(j, err);
	if (s == OK)
		journal_publish(j);
	return s;
}

static enum status write_again(struct window *window, uint64_t from, uint64_t to, struct error *err)
{
	enum status s = OK;
	while (s == OK && from < to) {
		size_t len = to - from < SCAN_READ_BYTES ? (size_t)(to - from) : SCAN_READ_BYTES;
		const char *bytes = NULL;
		s = window_get(window, from, len, to, &bytes, err);
		if (s == OK)
			s = window->file->ops->write(window->file, bytes, len, from, err);
		from += len;
	}
	return s;
}

/* Records that survived by luck are read from here on as accepted, so they must not go with the
 * next power cut; and what lies behind them must not come back behind new records. */
static enum status settle(
	struct journal *j, struct window *window, const struct scan *scan, struct error *err)
{
	enum status s = write_again(window, scan->proven_end, scan->end, err);
	if (s == OK)
		s = zeros_write(j->file, scan->end, scan->dirty_end, err);
	if (s == OK)
		s = j->file->ops->sync(j->file, err);
	if (s == OK)
		s = j->disk->ops->sync_names(j->disk, err);
	return s;
}

static enum status resume_open_segment(struct journal *j, struct error *err)
{
	struct window window;
	struct scan scan = { 0 };
	window_init(&window, j->file, SCAN_READ_BYTES);
	enum status s = scan_open_segment(&window, &j->header, j->hasher, &scan, err);
	if (s == OK)
		s = settle(j, &window, &scan, err);
	window_release(&window);
	if (s != OK)
		return s;
	j->end = scan.end;
	j->next_number = scan.next_number;
	j->segment_event_bytes = scan.event_bytes;
	j->event_bytes += scan.event_bytes;
	j->generation = scan.generation_max + 1;
	journal_publish(j);
	/* From here on everything found is proven, whatever happens to the bytes later. Where no
	 * mark fits no event does either, and the seal will prove it. */
	journal_put_mark(j);
	return journal_commit(j, err);
}

static enum status resume(struct journal *j, const struct link *link, struct error *err)
{
	char name[SEGMENT_NAME_MAX];
	segment_name(link->header.index, name);
	j->header = link->header;
	enum status s = j->disk->ops->open(j->disk, name, false, &j->file, err);
	if (s == OK)
		s = link->sealed ? resume_behind_seal(j, link, err) : resume_open_segment(j, err);
	if (s != OK)
		error_wrap(err, "%s", name);
	return s;
}

static enum status take_over(struct journal *j, const struct chain *chain, struct error *err)
{
	enum status s = OK;
	for (uint64_t i = 0; s == OK && i < chain->count; i++) {
		const struct link *link = &chain->links[i];
		s = journal_reserve_entry(j, err);
		if (s != OK)
			break;
		journal_add_entry(j, link->header.first_number, link->header.size);
		if (link->sealed)
			j->event_bytes += link->seal.event_bytes;
	}
	if (s == OK)
		s = journal_reserve_entry(j, err);
	if (s == OK && chain->count == 0)
		s = first_segment(j, err);
	else if (s == OK)
		s = resume(j, &chain->links[chain->count - 1], err);
	return s;
}

/* Prepared files that were not needed. A failure leaves garbage, not damage. */
static void remove_leftovers(struct journal *j, const struct chain *chain)
{
	char name[SEGMENT_NAME_MAX];
	if (chain->stale[0] != '\0')
		(void)j->disk->ops->remove(j->disk, chain->stale, NULL);
	if (!chain->spare || chain->count + 1 == j->header.index)
		return;
	segment_spare_name(chain->count + 1, name);
	(void)j->disk->ops->remove(j->disk, name, NULL);
}

enum status journal_open(struct disk *disk, struct clock *clock, uint64_t segment_bytes,
	struct journal **ret_journal, struct error *err)
{
	struct journal *j = NULL;
	struct chain chain = { 0 };
	enum status s = make_journal(disk, clock, segment_bytes, &j, err);
	if (s == OK)
		s = chain_load(disk, &chain, err);
	if (s == OK)
		s = take_over(j, &chain, err);
	if (s == OK) {
		remove_leftovers(j, &chain);
		j->failed = false;
		*ret_journal = j;
		j = NULL;
	}
	chain_release(&chain);
	journal_close(j);
	if (s != OK)
		error_wrap(err, "journal");
	return s;
}
