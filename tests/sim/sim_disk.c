#include "sim_disk.h"

#include "base/check.h"
#include "base/slice.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME_MAX_BYTES = 48, NAMES_PENDING_MAX = 16 };

/* A sector as one write left it. */
struct pending {
	uint64_t sector;
	char bytes[SIM_SECTOR];
};

/* A file. Its names: the durable one, then every one it has had since names were synced. An empty
 * name is none. */
struct inode {
	struct inode *next; /* older */
	char *now;          /* what reads show; zeros behind `size` up to `room` */
	char *durable;
	uint64_t size;
	uint64_t durable_size;
	uint64_t room;
	struct pending *pending; /* in the order of the writes */
	size_t pending_count;
	size_t pending_room;
	char names[NAMES_PENDING_MAX][NAME_MAX_BYTES];
	unsigned name_count;
};

struct sim {
	struct disk disk;
	struct random random;
	struct inode *inodes; /* newest first */
	uint64_t bytes_max;
	unsigned fail_ops;
	uint64_t fail_in;
	bool fail_for_ever;
	uint64_t cut_in;
	bool off;
	uint64_t life; /* handles of an earlier one are dead */
	void (*pause)(void);
};

struct handle {
	struct disk_file file;
	struct sim *sim;
	struct inode *inode;
	uint64_t life;
};

static struct sim *sim_of(struct disk *disk)
{
	return (struct sim *)disk;
}

static struct handle *handle_of(struct disk_file *file)
{
	return (struct handle *)file;
}

static const char *name_of(const struct inode *inode)
{
	return inode->names[inode->name_count - 1];
}

static struct inode *find(const struct sim *sim, const char *name)
{
	for (struct inode *inode = sim->inodes; inode != NULL; inode = inode->next)
		if (strcmp(name_of(inode), name) == 0)
			return inode;
	return NULL;
}

static void set_name(struct inode *inode, const char *name)
{
	check(strlen(name) < NAME_MAX_BYTES && inode->name_count < NAMES_PENDING_MAX);
	snprintf(inode->names[inode->name_count++], NAME_MAX_BYTES, "%s", name);
}

static void free_inode(struct inode *inode)
{
	free(inode->now);
	free(inode->durable);
	free(inode->pending);
	free(inode);
}

static void make_room(struct inode *inode, uint64_t size)
{
	uint64_t room = (size + SIM_SECTOR - 1) / SIM_SECTOR * SIM_SECTOR;
	if (room <= inode->room)
		return;
	inode->now = realloc(inode->now, room);
	inode->durable = realloc(inode->durable, room);
	check(inode->now != NULL && inode->durable != NULL);
	memset(inode->now + inode->room, 0, room - inode->room);
	memset(inode->durable + inode->room, 0, room - inode->room);
	inode->room = room;
}

static void note_sector(struct inode *inode, uint64_t sector)
{
	if (inode->pending_count == inode->pending_room) {
		inode->pending_room = inode->pending_room == 0 ? 64 : inode->pending_room * 2;
		inode->pending =
			realloc(inode->pending, inode->pending_room * sizeof(*inode->pending));
		check(inode->pending != NULL);
	}
	struct pending *pending = &inode->pending[inode->pending_count++];
	pending->sector = sector;
	memcpy(pending->bytes, inode->now + sector * SIM_SECTOR, SIM_SECTOR);
}

static void note_sectors(struct inode *inode, uint64_t from, uint64_t to)
{
	for (uint64_t at = from / SIM_SECTOR; at * SIM_SECTOR < to; at++)
		note_sector(inode, at);
}

/* In a torn sector some runs of bytes are new and some are old. */
static void tear(struct random *random, char *to, const char *from)
{
	bool take = random_chance(random, 1, 2);
	for (size_t at = 0; at < SIM_SECTOR; take = !take) {
		size_t len = 1 + random_below(random, SIM_SECTOR);
		if (len > SIM_SECTOR - at)
			len = SIM_SECTOR - at;
		if (take)
			memcpy(to + at, from + at, len);
		at += len;
	}
}

/* Lets each unsynced sector reach the disk, or not. */
static void scatter(struct sim *sim, struct inode *inode)
{
	/* Some cuts lose nearly nothing, some nearly all: both find their own bugs. */
	uint32_t kept = (uint32_t)random_below(&sim->random, 11);
	for (size_t i = 0; i < inode->pending_count; i++) {
		const struct pending *pending = &inode->pending[i];
		char *to = inode->durable + pending->sector * SIM_SECTOR;
		if (random_chance(&sim->random, kept, 10))
			memcpy(to, pending->bytes, SIM_SECTOR);
		else if (random_chance(&sim->random, 1, 4))
			tear(&sim->random, to, pending->bytes);
	}
	inode->pending_count = 0;
	if (random_chance(&sim->random, 1, 2))
		inode->durable_size = inode->size;
}

static void lose_power(struct sim *sim)
{
	sim->off = true;
	sim->cut_in = 0;
}

/* OK when the operation goes on. */
static enum status begin(struct sim *sim, enum sim_op op, struct error *err)
{
	if (sim->cut_in > 0 && --sim->cut_in == 0)
		lose_power(sim);
	if (sim->off)
		return error_set(err, E_IO, "the power is off");
	if (sim->fail_in == 0 || !(sim->fail_ops & op))
		return OK;
	if (sim->fail_in > 1) {
		sim->fail_in--;
		return OK;
	}
	if (!sim->fail_for_ever)
		sim->fail_in = 0;
	return error_set(err, E_IO, "the simulated disk failed operation %d", op);
}

static enum status begin_file(struct handle *handle, enum sim_op op, struct error *err)
{
	if (handle->life != handle->sim->life)
		return error_set(err, E_IO, "the file was open when the power went");
	return begin(handle->sim, op, err);
}

static enum status sim_list(struct disk *disk, void (*each)(void *context, const char *name),
	void *context, struct error *err)
{
	struct sim *sim = sim_of(disk);
	enum status s = begin(sim, SIM_LIST, err);
	if (s != OK)
		return s;
	for (struct inode *inode = sim->inodes; inode != NULL; inode = inode->next)
		if (name_of(inode)[0] != '\0')
			each(context, name_of(inode));
	return OK;
}

static struct inode *create(struct sim *sim, const char *name)
{
	struct inode *inode = calloc(1, sizeof(*inode));
	check(inode != NULL);
	set_name(inode, ""); /* durably it has none yet */
	set_name(inode, name);
	inode->next = sim->inodes;
	sim->inodes = inode;
	return inode;
}

static enum status sim_open(struct disk *disk, const char *name, bool make,
	struct disk_file **ret_file, struct error *err)
{
	struct sim *sim = sim_of(disk);
	enum status s = begin(sim, SIM_OPEN, err);
	if (s != OK)
		return s;
	struct inode *inode = find(sim, name);
	if (inode == NULL && !make)
		return error_set(err, E_INPUT, "%s does not exist", name);
	if (inode != NULL && make)
		return error_set(err, E_IO, "%s exists", name);
	struct handle *handle = calloc(1, sizeof(*handle));
	check(handle != NULL);
	*handle = (struct handle){ .file = { disk->ops },
		.sim = sim,
		.inode = make ? create(sim, name) : inode,
		.life = sim->life };
	*ret_file = &handle->file;
	return OK;
}

static void sim_close(struct disk_file *file)
{
	free(file);
}

static enum status grow(struct handle *handle, uint64_t size, struct error *err)
{
	struct sim *sim = handle->sim;
	struct inode *inode = handle->inode;
	if (size <= inode->size)
		return OK;
	uint64_t free_bytes = sim->bytes_max - sim_disk_used(&sim->disk);
	if (sim_disk_used(&sim->disk) > sim->bytes_max || size - inode->size > free_bytes)
		return error_set(err, E_FULL, "the simulated disk is full");
	make_room(inode, size);
	inode->size = size;
	return OK;
}

static enum status sim_allocate(struct disk_file *file, uint64_t size, struct error *err)
{
	struct handle *handle = handle_of(file);
	enum status s = begin_file(handle, SIM_ALLOCATE, err);
	if (s != OK)
		return s;
	uint64_t from = handle->inode->size;
	s = grow(handle, size, err);
	if (s == OK && size > from)
		note_sectors(handle->inode, from, size);
	return s;
}

static enum status sim_write(
	struct disk_file *file, const void *bytes, size_t len, uint64_t offset, struct error *err)
{
	struct handle *handle = handle_of(file);
	bool was_off = handle->sim->off;
	enum status s = begin_file(handle, SIM_WRITE, err);
	/* A write that fails, or that the power cut meets, may reach the disk in part. */
	bool in_part = s != OK && !was_off && handle->life == handle->sim->life;
	if (s != OK && !in_part)
		return s;
	if (grow(handle, offset + len, in_part ? NULL : err) != OK)
		return in_part ? s : E_FULL;
	memcpy(handle->inode->now + offset, bytes, len);
	note_sectors(handle->inode, offset, offset + len);
	return s;
}

static enum status sim_read(struct disk_file *file, void *bytes, size_t len, uint64_t offset,
	size_t *ret_len, struct error *err)
{
	struct handle *handle = handle_of(file);
	enum status s = begin_file(handle, SIM_READ, err);
	if (s != OK)
		return s;
	uint64_t size = handle->inode->size;
	size_t there = offset >= size ? 0 : (size_t)(size - offset);
	*ret_len = len < there ? len : there;
	if (*ret_len > 0)
		memcpy(bytes, handle->inode->now + offset, *ret_len);
	return OK;
}

static enum status sim_size(struct disk_file *file, uint64_t *ret_size, struct error *err)
{
	enum status s = begin_file(handle_of(file), SIM_READ, err);
	if (s == OK)
		*ret_size = handle_of(file)->inode->size;
	return s;
}

static enum status sim_truncate(struct disk_file *file, uint64_t size, struct error *err)
{
	struct inode *inode = handle_of(file)->inode;
	enum status s = begin_file(handle_of(file), SIM_TRUNCATE, err);
	if (s != OK)
		return s;
	make_room(inode, size);
	if (size < inode->size)
		memset(inode->now + size, 0, (size_t)(inode->room - size));
	inode->size = size;
	return OK;
}

static void apply_all(struct inode *inode)
{
	for (size_t i = 0; i < inode->pending_count; i++)
		memcpy(inode->durable + inode->pending[i].sector * SIM_SECTOR,
			inode->pending[i].bytes, SIM_SECTOR);
	inode->pending_count = 0;
	inode->durable_size = inode->size;
}

static enum status sim_sync(struct disk_file *file, struct error *err)
{
	struct handle *handle = handle_of(file);
	bool was_off = handle->sim->off;
	if (handle->sim->pause != NULL)
		handle->sim->pause();
	enum status s = begin_file(handle, SIM_SYNC, err);
	if (s == OK)
		apply_all(handle->inode);
	else if (!was_off && !handle->sim->off && handle->life == handle->sim->life)
		scatter(handle->sim, handle->inode);
	return s;
}

static enum status sim_sync_names(struct disk *disk, struct error *err)
{
	struct sim *sim = sim_of(disk);
	enum status s = begin(sim, SIM_SYNC_NAMES, err);
	for (struct inode *inode = sim->inodes; s == OK && inode != NULL; inode = inode->next) {
		memmove(inode->names[0], name_of(inode), NAME_MAX_BYTES);
		inode->name_count = 1;
	}
	return s;
}

static enum status sim_rename(
	struct disk *disk, const char *from, const char *to, struct error *err)
{
	struct sim *sim = sim_of(disk);
	enum status s = begin(sim, SIM_RENAME, err);
	if (s != OK)
		return s;
	struct inode *inode = find(sim, from);
	if (inode == NULL)
		return error_set(err, E_IO, "%s does not exist", from);
	check(to[0] == '\0' || find(sim, to) == NULL);
	set_name(inode, to);
	return OK;
}

static enum status sim_remove(struct disk *disk, const char *name, struct error *err)
{
	struct sim *sim = sim_of(disk);
	enum status s = begin(sim, SIM_REMOVE, err);
	if (s != OK)
		return s;
	struct inode *inode = find(sim, name);
	if (inode == NULL)
		return error_set(err, E_IO, "%s does not exist", name);
	set_name(inode, "");
	return OK;
}

static void sim_close_disk(struct disk *disk)
{
	struct sim *sim = sim_of(disk);
	while (sim->inodes != NULL) {
		struct inode *next = sim->inodes->next;
		free_inode(sim->inodes);
		sim->inodes = next;
	}
	free(sim);
}

static const struct disk_ops sim_ops = {
	.list = sim_list,
	.open = sim_open,
	.close = sim_close,
	.allocate = sim_allocate,
	.write = sim_write,
	.read = sim_read,
	.size = sim_size,
	.truncate = sim_truncate,
	.sync = sim_sync,
	.sync_names = sim_sync_names,
	.remove = sim_remove,
	.rename = sim_rename,
	.close_disk = sim_close_disk,
};

struct disk *sim_disk_open(uint64_t seed)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	check(sim != NULL);
	sim->disk.ops = &sim_ops;
	sim->bytes_max = UINT64_MAX;
	random_init(&sim->random, seed);
	return &sim->disk;
}

void sim_disk_limit(struct disk *disk, uint64_t bytes)
{
	sim_of(disk)->bytes_max = bytes;
}

uint64_t sim_disk_used(struct disk *disk)
{
	uint64_t used = 0;
	for (struct inode *inode = sim_of(disk)->inodes; inode != NULL; inode = inode->next)
		used += name_of(inode)[0] == '\0' ? 0 : inode->size;
	return used;
}

void sim_disk_fail(struct disk *disk, unsigned ops, uint64_t n, bool for_ever)
{
	struct sim *sim = sim_of(disk);
	sim->fail_ops = ops;
	sim->fail_in = n;
	sim->fail_for_ever = for_ever;
}

void sim_disk_on_sync(struct disk *disk, void (*pause)(void))
{
	sim_of(disk)->pause = pause;
}

void sim_disk_cut_at(struct disk *disk, uint64_t n)
{
	sim_of(disk)->cut_in = n;
}

bool sim_disk_is_off(struct disk *disk)
{
	return sim_of(disk)->off;
}

static void forget_unsynced(struct sim *sim, struct inode *inode)
{
	scatter(sim, inode);
	make_room(inode, inode->durable_size);
	inode->size = inode->durable_size;
	if (inode->room > 0) {
		memset(inode->durable + inode->size, 0, (size_t)(inode->room - inode->size));
		memcpy(inode->now, inode->durable, (size_t)inode->room);
	}
	unsigned kept = (unsigned)random_below(&sim->random, inode->name_count);
	memmove(inode->names[0], inode->names[kept], NAME_MAX_BYTES);
	inode->name_count = 1;
}

void sim_disk_restart(struct disk *disk)
{
	struct sim *sim = sim_of(disk);
	struct inode **at = &sim->inodes;
	while (*at != NULL) {
		struct inode *inode = *at;
		forget_unsynced(sim, inode);
		/* A name belongs to the newest file that claims it. */
		bool gone = inode->names[0][0] == '\0' || find(sim, inode->names[0]) != inode;
		if (gone) {
			*at = inode->next;
			free_inode(inode);
		} else {
			at = &inode->next;
		}
	}
	sim->off = false;
	sim->cut_in = 0;
	sim->fail_in = 0;
	sim->life++;
}

const char *sim_disk_bytes(struct disk *disk, const char *name, uint64_t *ret_size)
{
	const struct inode *inode = find(sim_of(disk), name);
	if (inode == NULL)
		return NULL;
	*ret_size = inode->size;
	return inode->now;
}

void sim_disk_flip(struct disk *disk, const char *name, uint64_t offset, unsigned bit)
{
	struct inode *inode = find(sim_of(disk), name);
	check(inode != NULL && offset < inode->size && bit < 8);
	inode->now[offset] = (char)(inode->now[offset] ^ (1 << bit));
	inode->durable[offset] = (char)(inode->durable[offset] ^ (1 << bit));
}

uint64_t sim_disk_state(struct disk *disk)
{
	uint64_t state = 0;
	for (struct inode *inode = sim_of(disk)->inodes; inode != NULL; inode = inode->next) {
		if (name_of(inode)[0] == '\0')
			continue;
		uint64_t bytes = slice_hash(slice_make(inode->now, (size_t)inode->size), 1);
		state += slice_hash(slice_of(name_of(inode)), bytes);
	}
	return state;
}
