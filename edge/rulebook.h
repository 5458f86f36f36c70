/* The centre's rules at the register: GET /v1/rules of its store, kept in the folder as rules.json,
 * so that they hold after a restart without a network. Without the file the table of retail/rules.h
 * holds as it stands. Any thread. */
#pragma once

#include "base/buf.h"
#include "base/disk.h"
#include "base/error.h"
#include "retail/rule_set.h"

struct rulebook;
struct rulebook_page; /* one state of the rules; lives as long as somebody has it */

/* The disk stays the caller's. A file that cannot be read is as good as none. */
enum status rulebook_open(struct disk *disk, struct rulebook **ret_book, struct error *err);
void rulebook_close(struct rulebook *book);

/* Keeps what the centre answered when it is new. E_INPUT: it is no rule set. */
enum status rulebook_take(struct rulebook *book, struct slice json, struct error *err);

/* The rules that hold now; NULL: the table. rulebook_put_back() afterwards. */
struct rulebook_page *rulebook_page(struct rulebook *book);
void rulebook_put_back(struct rulebook_page *page); /* NULL is fine */
const struct rule_set *rulebook_set(const struct rulebook_page *page);
