#include "journal/files.h"

#include "base/check.h"
#include "journal/segment.h"

void files_init(struct files *files, struct disk *disk)
{
	files->disk = disk;
	pthread_mutex_init(&files->lock, NULL);
}

void files_release(struct files *files)
{
	for (int i = 0; i < FILES_MAX; i++)
		if (files->slots[i].file != NULL)
			files->disk->ops->close(files->slots[i].file);
	pthread_mutex_destroy(&files->lock);
}

/* The slot that has the segment, else a free one, else the one that was not used for longest. */
static int choose_slot(const struct files *files, uint64_t index)
{
	int best = -1;
	for (int i = 0; i < FILES_MAX; i++) {
		if (files->slots[i].file != NULL && files->slots[i].index == index)
			return i;
		if (files->slots[i].pins == 0 &&
			(best < 0 || files->slots[i].used < files->slots[best].used))
			best = i;
	}
	return best;
}

static enum status fill_slot(struct files *files, int slot, uint64_t index, struct error *err)
{
	char name[SEGMENT_NAME_MAX];
	if (files->slots[slot].file != NULL)
		files->disk->ops->close(files->slots[slot].file);
	files->slots[slot].file = NULL;
	files->slots[slot].used = 0;
	segment_name(index, name);
	enum status s =
		files->disk->ops->open(files->disk, name, false, &files->slots[slot].file, err);
	files->slots[slot].index = index;
	return s;
}

enum status files_pin(
	struct files *files, uint64_t index, struct disk_file **ret_file, struct error *err)
{
	enum status s = OK;
	pthread_mutex_lock(&files->lock);
	int slot = choose_slot(files, index);
	if (slot < 0)
		s = error_set(err, E_RETRY, "%d segments are being read already", FILES_MAX);
	else if (files->slots[slot].file == NULL || files->slots[slot].index != index)
		s = fill_slot(files, slot, index, err);
	if (s == OK) {
		files->slots[slot].pins++;
		files->slots[slot].used = ++files->uses;
		*ret_file = files->slots[slot].file;
	}
	pthread_mutex_unlock(&files->lock);
	return s;
}

void files_unpin(struct files *files, struct disk_file *file)
{
	pthread_mutex_lock(&files->lock);
	int i = 0;
	while (i < FILES_MAX && files->slots[i].file != file)
		i++;
	check(i < FILES_MAX && files->slots[i].pins > 0);
	files->slots[i].pins--;
	pthread_mutex_unlock(&files->lock);
}
