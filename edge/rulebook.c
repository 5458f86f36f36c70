#include "edge/rulebook.h"

#include "edge/files.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define RULES_FILE "rules.json"

struct rulebook_page {
	atomic_uint owners;
	struct rule_set *set;
	uint64_t bytes_hash; /* of the JSON */
	size_t bytes;
};

struct rulebook {
	struct disk *disk;
	pthread_mutex_t lock;
	struct rulebook_page *page; /* lock */
};

static enum status read_page(struct slice json, struct rulebook_page **ret_page, struct error *err)
{
	struct rulebook_page *page = calloc(1, sizeof(*page));
	unsigned unknown;
	if (page == NULL)
		return error_set(err, E_FULL, "out of memory");
	enum status s = rule_set_read(json, &page->set, &unknown, err);
	if (s != OK) {
		free(page);
		return s;
	}
	atomic_init(&page->owners, 1);
	page->bytes_hash = slice_hash(json, 0);
	page->bytes = json.len;
	*ret_page = page;
	return OK;
}

enum status rulebook_open(struct disk *disk, struct rulebook **ret_book, struct error *err)
{
	struct rulebook *book = calloc(1, sizeof(*book));
	struct buf buf;
	if (book == NULL)
		return error_set(err, E_FULL, "out of memory");
	book->disk = disk;
	pthread_mutex_init(&book->lock, NULL);
	buf_init(&buf, RULE_SET_JSON_MAX);
	enum status s = file_read(disk, RULES_FILE, &buf, err);
	if (s == OK)
		(void)read_page(buf_get(&buf), &book->page, NULL);
	buf_release(&buf);
	if (s != OK && s != E_INPUT) {
		rulebook_close(book);
		return s;
	}
	*ret_book = book;
	return OK;
}

void rulebook_close(struct rulebook *book)
{
	if (book == NULL)
		return;
	rulebook_put_back(book->page);
	pthread_mutex_destroy(&book->lock);
	free(book);
}

enum status rulebook_take(struct rulebook *book, struct slice json, struct error *err)
{
	struct rulebook_page *page = NULL;
	pthread_mutex_lock(&book->lock);
	bool known = book->page != NULL && book->page->bytes == json.len &&
		     book->page->bytes_hash == slice_hash(json, 0);
	pthread_mutex_unlock(&book->lock);
	if (known)
		return OK;
	enum status s = read_page(json, &page, err);
	if (s == OK)
		s = file_replace(book->disk, RULES_FILE, json, err);
	if (s != OK) {
		rulebook_put_back(page);
		return s;
	}
	pthread_mutex_lock(&book->lock);
	struct rulebook_page *before = book->page;
	book->page = page;
	pthread_mutex_unlock(&book->lock);
	rulebook_put_back(before);
	return OK;
}

struct rulebook_page *rulebook_page(struct rulebook *book)
{
	pthread_mutex_lock(&book->lock);
	struct rulebook_page *page = book->page;
	if (page != NULL)
		atomic_fetch_add(&page->owners, 1);
	pthread_mutex_unlock(&book->lock);
	return page;
}

void rulebook_put_back(struct rulebook_page *page)
{
	if (page == NULL || atomic_fetch_sub(&page->owners, 1) > 1)
		return;
	rule_set_close(page->set);
	free(page);
}

const struct rule_set *rulebook_set(const struct rulebook_page *page)
{
	return page == NULL ? NULL : page->set;
}
