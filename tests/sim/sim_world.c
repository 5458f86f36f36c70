#include "sim_world.h"

#include "net/server.h"
#include "sim_disk.h"
#include "sim_threads.h"
#include "store/store.h"

#include <string.h>

static struct {
	struct disk *disk;
	struct admission *admission;
	void (*drain)(void), (*committed)(void);
	int server; /* whose address stands for the server */
} world;

struct clock *__wrap_clock_system(void);
enum status __real_store_commit(struct store *store, struct error *err);
enum status __wrap_store_commit(struct store *store, struct error *err);
enum status __real_disk_open_folder(const char *path, struct disk **ret_disk, struct error *err);
enum status __wrap_disk_open_folder(const char *path, struct disk **ret_disk, struct error *err);
enum status __real_admission_open(
	const struct admission_config *config, struct admission **ret_admission, struct error *err);
enum status __wrap_admission_open(
	const struct admission_config *config, struct admission **ret_admission, struct error *err);
enum status __wrap_server_open(const struct server_config *config, struct clock *clock,
	struct server **ret_server, struct error *err);
void __wrap_server_close(struct server *server, uint64_t wait_ms);

static uint64_t monotonic_ns(struct clock *clock)
{
	(void)clock;
	return sim_now_ns();
}

static int64_t wall_ms(struct clock *clock)
{
	(void)clock;
	return (int64_t)(sim_now_ns() / 1000000);
}

struct clock *__wrap_clock_system(void)
{
	static struct clock clock = { monotonic_ns, wall_ms };
	return &clock;
}

/* The bridge closes its disk; ours goes on living. Every call gives others a turn. */
static enum status list(struct disk *disk, void (*each)(void *context, const char *name),
	void *context, struct error *err)
{
	(void)disk;
	return world.disk->ops->list(world.disk, each, context, err);
}

static enum status open_file(struct disk *disk, const char *name, bool create,
	struct disk_file **ret_file, struct error *err)
{
	(void)disk;
	sim_yield();
	return world.disk->ops->open(world.disk, name, create, ret_file, err);
}

static enum status sync_names(struct disk *disk, struct error *err)
{
	(void)disk;
	sim_sleep_ms(1);
	return world.disk->ops->sync_names(world.disk, err);
}

static enum status remove_file(struct disk *disk, const char *name, struct error *err)
{
	(void)disk;
	return world.disk->ops->remove(world.disk, name, err);
}

static enum status rename_file(
	struct disk *disk, const char *from, const char *to, struct error *err)
{
	(void)disk;
	return world.disk->ops->rename(world.disk, from, to, err);
}

static void close_disk(struct disk *disk)
{
	(void)disk;
}

enum status __wrap_disk_open_folder(const char *path, struct disk **ret_disk, struct error *err)
{
	static struct disk_ops ops;
	static struct disk disk = { &ops };
	const char *name = strrchr(path, '/');
	if (name == NULL || strcmp(name, "/" DATA_JOURNAL) != 0)
		return __real_disk_open_folder(path, ret_disk, err);
	/* What takes a file, finds its disk by itself. */
	ops = *world.disk->ops;
	ops.list = list;
	ops.open = open_file;
	ops.remove = remove_file;
	ops.rename = rename_file;
	ops.sync_names = sync_names;
	ops.close_disk = close_disk;
	*ret_disk = &disk;
	return OK;
}

/* Others see what is committed, before the thread that did it goes on. */
enum status __wrap_store_commit(struct store *store, struct error *err)
{
	enum status s = __real_store_commit(store, err);
	if (world.committed != NULL)
		world.committed();
	sim_yield();
	return s;
}

enum status __wrap_admission_open(
	const struct admission_config *config, struct admission **ret_admission, struct error *err)
{
	enum status s = __real_admission_open(config, ret_admission, err);
	world.admission = s == OK ? *ret_admission : NULL;
	return s;
}

enum status __wrap_server_open(const struct server_config *config, struct clock *clock,
	struct server **ret_server, struct error *err)
{
	(void)config, (void)clock, (void)err;
	*ret_server = (struct server *)&world.server;
	return OK;
}

void __wrap_server_close(struct server *server, uint64_t wait_ms)
{
	(void)wait_ms;
	if (server != NULL && world.drain != NULL)
		world.drain();
	world.admission = NULL;
}

static void sync_takes_time(void)
{
	sim_sleep_ms(2);
}

void sim_world_begin(uint64_t seed)
{
	memset(&world, 0, sizeof(world));
	world.disk = sim_disk_open(seed);
	sim_disk_on_sync(world.disk, sync_takes_time);
}

void sim_world_end(void)
{
	world.disk->ops->close_disk(world.disk);
	world.disk = NULL;
}

struct disk *sim_world_disk(void)
{
	return world.disk;
}

struct admission *sim_world_admission(void)
{
	return world.admission;
}

void sim_world_on_drain(void (*drain)(void))
{
	world.drain = drain;
}

void sim_world_on_commit(void (*committed)(void))
{
	world.committed = committed;
}
