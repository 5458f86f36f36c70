/* Opens the folder: which segments there are, what they hold, and where appending goes on. */
#include "edge/queue_internal.h"

#include <stdlib.h>

enum { SEGMENT_FILE_MAX = 64 << 20 };

struct found {
	uint64_t *items;
	size_t count, size;
	bool failed;
	struct disk *disk;
};

static void each_name(void *context, const char *name)
{
	struct found *found = context;
	uint64_t index = queue_name_index(name);
	if (index == 0)
		return;
	if (found->count == found->size) {
		size_t size = found->size == 0 ? 64 : found->size * 2;
		uint64_t *items = realloc(found->items, size * sizeof(*items));
		if (items == NULL) {
			found->failed = true;
			return;
		}
		found->items = items;
		found->size = size;
	}
	found->items[found->count++] = index;
}

static int by_index(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void mark_range(void *context, struct queue_range range)
{
	queue_mark(context, range);
}

/* A write that failed is repeated in the next segment: its number stands there, not here. */
static void drop_from(struct queue *queue, uint64_t number)
{
	struct queue_segment *last = &queue->segments[queue->segment_count - 1];
	while (last->count > 0 && last->first_number + last->count > number) {
		if (!segment_is_done(last, last->first_number + last->count - 1))
			last->undone--;
		last->count--;
	}
}

static struct queue_segment *push(struct queue *queue)
{
	if (queue->segment_count == queue->segment_size) {
		size_t size = queue->segment_size == 0 ? 16 : queue->segment_size * 2;
		void *segments = realloc(queue->segments, size * sizeof(*queue->segments));
		if (segments == NULL)
			return NULL;
		queue->segments = segments;
		queue->segment_size = size;
	}
	struct queue_segment *segment = &queue->segments[queue->segment_count++];
	*segment = (struct queue_segment){ 0 };
	return segment;
}

static enum status scan_segment(struct queue *queue, struct disk_file *file,
	const struct queue_header *header, struct queue_scan *scan, struct error *err)
{
	if (queue->segment_count > 0 && header->first_number > queue->next_number)
		queue->damaged += header->first_number - queue->next_number;
	if (queue->segment_count > 0 && header->first_number < queue->next_number)
		drop_from(queue, header->first_number);
	struct queue_segment *segment = push(queue);
	if (segment == NULL)
		return error_set(err, E_FULL, "queue: out of memory");
	segment->index = header->index;
	segment->size = header->size;
	segment->first_number = header->first_number;
	segment->last_sequence = header->last_sequence > queue->last_sequence
					 ? header->last_sequence
					 : queue->last_sequence;
	*scan = (struct queue_scan){
		.segment = segment, .window = &queue->scratch, .done = mark_range, .context = queue
	};
	queue->bytes += header->size;
	enum status s = queue_scan(file, scan, err);
	queue->damaged += scan->damaged;
	queue->next_number = segment->first_number + segment->count;
	queue->last_sequence = segment->last_sequence;
	return s;
}

/* The header, or what can be said without one: only a disk that lost synced bytes has such a file,
 * and its transactions are still worth sending. */
static enum status read_header(struct queue *queue, struct disk_file *file, uint64_t index,
	struct queue_header *ret_header, bool *ret_valid, struct error *err)
{
	uint64_t size;
	size_t len = 0;
	enum status s = file->ops->size(file, &size, err);
	if (s == OK)
		s = file->ops->read(file, ret_header, sizeof(*ret_header), 0, &len, err);
	if (s != OK)
		return s;
	*ret_valid = len == sizeof(*ret_header) && size <= SEGMENT_FILE_MAX &&
		     queue_header_valid(ret_header, index, size);
	if (*ret_valid)
		return OK;
	if (size > SEGMENT_FILE_MAX)
		return error_set(err, E_CORRUPT, "queue: segment %llu has %llu bytes",
			(unsigned long long)index, (unsigned long long)size);
	*ret_header = (struct queue_header){ .index = index,
		.first_number = queue->next_number,
		.last_sequence = queue->last_sequence,
		.size = size };
	queue->damaged++;
	return OK;
}

/* Everything up to the last record is written again as it was read, what is behind it becomes
 * zeros: after a sync that failed, reads show bytes that the disk does not have. */
static enum status settle(struct queue *queue, struct disk_file *file,
	const struct queue_segment *segment, uint64_t dirty_end, struct error *err)
{
	char *bytes = queue->scratch.ptr;
	uint64_t end = dirty_end > segment->end ? dirty_end : segment->end;
	memset(bytes + segment->end, 0, (size_t)(end - segment->end));
	enum status s = file->ops->write(file, bytes, (size_t)end, 0, err);
	return s == OK ? file->ops->sync(file, err) : s;
}

static enum status open_segment(
	struct queue *queue, uint64_t index, bool is_last, struct error *err)
{
	char name[QUEUE_NAME_LEN + 7];
	struct disk *disk = queue->config.disk;
	struct disk_file *file = NULL;
	struct queue_header header;
	struct queue_scan scan;
	bool valid = false;
	queue_name(index, name);
	enum status s = disk->ops->open(disk, name, false, &file, err);
	if (s == OK)
		s = read_header(queue, file, index, &header, &valid, err);
	if (s == OK)
		s = scan_segment(queue, file, &header, &scan, err);
	if (s == OK) {
		struct queue_segment *segment = &queue->segments[queue->segment_count - 1];
		segment->sealed = !is_last || !valid || scan.holes;
		if (is_last && valid)
			s = settle(queue, file, segment, scan.dirty_end, err);
		if (s == OK && !segment->sealed) {
			queue->file = file;
			return OK;
		}
	}
	if (file != NULL)
		file->ops->close(file);
	return s;
}

/* A segment that was being made when the power went. */
static void remove_unfinished(void *context, const char *name)
{
	struct found *found = context;
	size_t len = strlen(name);
	if (len > 4 && strcmp(name + len - 4, ".new") == 0)
		(void)found->disk->ops->remove(found->disk, name, NULL);
}

enum status queue_recover(struct queue *queue, struct error *err)
{
	struct disk *disk = queue->config.disk;
	struct found found = { .disk = disk };
	enum status s = disk->ops->list(disk, each_name, &found, err);
	if (s == OK && found.failed)
		s = error_set(err, E_FULL, "queue: out of memory");
	if (s == OK)
		s = disk->ops->list(disk, remove_unfinished, &found, err);
	if (found.count > 0)
		qsort(found.items, found.count, sizeof(*found.items), by_index);
	for (size_t i = 0; i < found.count && s == OK; i++)
		s = open_segment(queue, found.items[i], i + 1 == found.count, err);
	free(found.items);
	return s;
}
