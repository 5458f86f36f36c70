/* libtill: what a point-of-sale program embeds to hand its transactions to tillbridge.
 *
 *     struct till_config *config = till_config_new();
 *     till_config_set(config, "folder", "/var/lib/pos/till");
 *     till_config_set(config, "url", "https://tillbridge.example.com");
 *     till_config_set(config, "store", "0042");
 *     till_config_set(config, "register", "03");
 *     till_open(config, &till);                 the thread that sends starts here
 *
 *     till_sale_begin(till, "sale", &sale);     TILL_FULL: before the sale, not behind it
 *     till_sale_set(sale, "business_date", "2026-11-23");  ...
 *     till_line(sale, "sale", "85123A", "6", "2.55", "15.30");
 *     till_line_tax(sale, "S", "0.20", "12.75", "2.55");
 *     till_tender(sale, "cash", "20.00", "4.70");
 *     till_totals(sale, "12.75", "2.55", "15.30", NULL);
 *     till_commit(sale);                        TILL_OK: checked, and on the disk
 *     ... print the receipt ...
 *     till_sale_free(sale);
 *
 * From then on the library sends it, however long the centre cannot be reached and however often
 * the register is switched off. docs/EDGE.md is the guide.
 *
 * Amounts, quantities and rates are decimal texts ("15.30", "-1", "0.20"), at most 18 digits, at
 * most 9 of them behind the point. Texts are UTF-8 and are copied. Every function may be called
 * from any thread, but one sale belongs to one thread at a time. Functions that can fail return an
 * enum till_result; till_error() then has the sentence. The structs are never looked into: they
 * may change from version to version, what stands here does not. */
#ifndef TILL_H
#define TILL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TILL_VERSION "1.0.0"
#define TILL_VERSION_NUMBER 10000 /* major * 10000 + minor * 100 + patch */

#if defined(__GNUC__)
#define TILL_API __attribute__((visibility("default")))
#else
#define TILL_API
#endif

struct till;
struct till_config;
struct till_sale;

enum till_result {
	TILL_OK = 0,
	TILL_CONFIG = 1,  /* an option or argument is wrong */
	TILL_REFUSED = 2, /* the transaction breaks a rule: see till_finding() */
	TILL_FULL = 3,    /* the queue or the disk is full: nothing was kept */
	TILL_IO = 4,      /* the disk failed: commit the same sale again (see till_commit) */
	TILL_MISUSE = 5,  /* calls in an order that makes no sense */
	TILL_TIMEOUT = 6, /* not all of it was sent in time */
	TILL_NOTHING = 7, /* there is no such thing */
};

/* The version of the library that runs; TILL_VERSION is the one that was compiled with. */
TILL_API const char *till_version(void);
/* What went wrong in the last call that failed on this thread: one sentence, never NULL. */
TILL_API const char *till_error(void);
/* Frees a text that a function of this library returned. */
TILL_API void till_free(char *text);

/* ---- opening ---- */

/* NULL without memory. */
TILL_API struct till_config *till_config_new(void);
TILL_API void till_config_free(struct till_config *config);
/* One option by its name, as till_config_help() lists them. TILL_CONFIG says what is expected. */
TILL_API int till_config_set(struct till_config *config, const char *name, const char *value);
/* All options with their meaning, ranges and defaults; till_free() it. */
TILL_API char *till_config_help(void);

/* What became of a transaction at the centre. `key` is "store/register/date/sequence"; `detail` is
 * the receipt of an accepted one, else a sentence. Called on the library's own thread: return
 * soon, and do not call till_close() or till_flush() from there. */
enum till_outcome {
	TILL_ACCEPTED = 0, /* new at the centre, or already known there with the same content */
	TILL_CONFLICT = 1, /* the centre has this key with other content: held for a person */
	TILL_HELD = 2,     /* the centre refuses it: held for a person */
};
TILL_API void till_config_on_outcome(struct till_config *config,
	void (*outcome)(void *user, enum till_outcome outcome, const char *key, const char *detail),
	void *user);
/* A new version of prices, promotions or rules has arrived and is kept on the disk. Call
 * till_applied() once it is in use. The same thread as above. */
TILL_API void till_config_on_publication(struct till_config *config,
	void (*publication)(void *user, const char *kind, uint64_t version), void *user);
/* Where the bearer token comes from, instead of the option "token_file": writes at most `size`
 * bytes and returns the length, 0 for none. Asked before each request. */
TILL_API void till_config_token(struct till_config *config,
	size_t (*token)(void *user, char *text, size_t size), void *user);

/* Reads what the folder holds and starts sending. The folder belongs to one process at a time. The
 * config is copied. */
TILL_API int till_open(const struct till_config *config, struct till **ret_till);
/* Stops sending; what is unsent stays on the disk. NULL is fine. */
TILL_API void till_close(struct till *till);

/* ---- one transaction ---- */

/* `type` is sale, return, exchange, void, no_sale, training, open, close, paid_in, paid_out,
 * pickup, loan, count or adjustment. TILL_FULL: the queue has no room for another transaction. */
TILL_API int till_sale_begin(struct till *till, const char *type, struct till_sale **ret_sale);
/* A transaction that is canonical JSON already, with its own store, register and sequence. */
TILL_API int till_sale_from_json(
	struct till *till, const char *json, size_t length, struct till_sale **ret_sale);
TILL_API void till_sale_free(struct till_sale *sale);

/* The POS's own sequence number. Without it till_commit() takes the next one. */
TILL_API int till_sale_sequence(struct till_sale *sale, uint64_t sequence);
/* Takes the next number now, durably, for who must print it before the sale is complete. A number
 * that is taken and never committed is a gap that the centre will ask about: commit a "void". */
TILL_API int till_sale_take_sequence(struct till_sale *sale, uint64_t *ret_sequence);

/* business_date ("2026-11-23"), began_at, closed_at (RFC 3339 with offset; the time of the commit
 * when it is not set), operator, customer, currency (ISO 4217), prices_include_tax ("true" or
 * "false"), tax_rounding ("line" or "document"), reason, extensions and customer_details (JSON
 * objects; the latter with name, email, phone, loyalty, address). The centre keeps customer and
 * customer_details sealed. The queue of this register holds them as they are until the centre has
 * the transaction: keep its folder where nobody else can read it. */
TILL_API int till_sale_set(struct till_sale *sale, const char *field, const char *value);
/* `kind` is sale, return, gift_card, deposit, fee, write_off or adjustment. Any of the others may
 * be NULL when it is not known. Returned goods have negative quantities and amounts. */
TILL_API int till_line(struct till_sale *sale, const char *kind, const char *item,
	const char *quantity, const char *unit_price, const char *amount);
/* Of the last line: gtin, description, unit, list_price, extensions (a JSON object). */
TILL_API int till_line_set(struct till_sale *sale, const char *field, const char *value);
TILL_API int till_line_tax(struct till_sale *sale, const char *code, const char *rate,
	const char *base, const char *amount);
TILL_API int till_line_discount(
	struct till_sale *sale, const char *amount, const char *reason, const char *promotion);
/* The line that the last line returns. */
TILL_API int till_line_of(struct till_sale *sale, const char *store, const char *reg,
	const char *business_date, uint64_t sequence, uint64_t line);
/* `kind` is cash, card, gift_card, voucher, account or other; `change` may be NULL. */
TILL_API int till_tender(
	struct till_sale *sale, const char *kind, const char *amount, const char *change);
/* `rounding` may be NULL. */
TILL_API int till_totals(struct till_sale *sale, const char *net, const char *tax,
	const char *gross, const char *rounding);
/* Of a "close": what the till believes. */
TILL_API int till_declared(
	struct till_sale *sale, uint64_t transactions, uint64_t last_sequence, const char *gross);
/* By tender kind: what the till computed, and what was counted by hand (either may be NULL). */
TILL_API int till_declared_tender(
	struct till_sale *sale, const char *kind, const char *computed, const char *counted);

/* Holds the transaction to the centre's own schema and rules. TILL_OK: nothing refuses it, though
 * there may be findings that are only reported. TILL_REFUSED: findings say why. */
TILL_API int till_check(struct till_sale *sale);
/* Findings of the last till_check() or till_commit(), from 0 on; TILL_NOTHING behind the last. The
 * texts live until the next call with this sale: a JSON Pointer, the rule's id, a sentence. */
TILL_API int till_finding(const struct till_sale *sale, unsigned index, const char **ret_pointer,
	const char **ret_rule, const char **ret_sentence, int *ret_refuses);

/* Checks, gives the number, and writes to the disk: when it returns TILL_OK the transaction
 * survives a power cut. TILL_REFUSED and TILL_FULL: nothing was kept. TILL_IO: whether it was kept
 * is not known; the sale has its number for good, so commit it again (now or after the register was
 * restarted, with till_sale_sequence()): the centre recognises a second copy. */
TILL_API int till_commit(struct till_sale *sale);
/* After till_commit(): "0042/03/2026-11-23/18277", and the number in it. */
TILL_API const char *till_sale_key(const struct till_sale *sale);
TILL_API uint64_t till_sale_number(const struct till_sale *sale);

/* till_sale_from_json(), till_commit() and till_sale_free() in one. */
TILL_API int till_submit_json(struct till *till, const char *json, size_t length);

/* ---- what is unsent ---- */

/* TILL_OK when another transaction has room, else TILL_FULL with a sentence that says why. */
TILL_API int till_room(struct till *till);
/* Transactions that the centre has not taken yet. */
TILL_API uint64_t till_unsent(struct till *till);
/* Sends now. TILL_OK: nothing is unsent; TILL_TIMEOUT: something still is. */
TILL_API int till_flush(struct till *till, unsigned timeout_ms);

enum till_figure {
	TILL_FIGURE_UNSENT = 0,
	TILL_FIGURE_OLDEST_UNSENT_MS = 1,    /* age of the oldest unsent one; 0: none */
	TILL_FIGURE_HELD = 2,                /* kept for a person, see till_held() */
	TILL_FIGURE_REACHABLE = 3,           /* 1: the centre answered last time it was asked */
	TILL_FIGURE_LAST_ANSWER_MS = 4,      /* since when; -1: never since till_open() */
	TILL_FIGURE_CLOCK_SKEW_MS = 5,       /* this clock minus the centre's; 0 while unknown */
	TILL_FIGURE_CLOCK_SKEW_ERROR_MS = 6, /* how far that may be off; -1: not measured yet */
	TILL_FIGURE_LAST_SEQUENCE = 7,       /* the largest that was used or taken */
	TILL_FIGURE_QUEUE_BYTES = 8,         /* on the disk */
	TILL_FIGURE_DAMAGED = 9, /* that the disk lost; 0 on a disk that keeps its word */
	TILL_FIGURE_SENT = 10,   /* taken by the centre since till_open() */
};
/* -1 for a figure that this version does not know. */
TILL_API int64_t till_figure(struct till *till, enum till_figure figure);
/* All of it as a JSON object, with the last error in words; till_free() it. */
TILL_API char *till_status(struct till *till);

/* What is held for a person, oldest first: a JSON object with held_at, status, answer and document.
 * TILL_NOTHING behind the last; till_free() it. */
TILL_API int till_held(struct till *till, uint64_t index, char **ret_json);

/* ---- what comes down ---- */

/* The newest version of a kind ("prices", "promotions", "rules") as JSON; till_free() it.
 * TILL_NOTHING while there is none. */
TILL_API int till_publication(
	struct till *till, const char *kind, uint64_t *ret_version, char **ret_json);
/* This version is in use now: written down, and told to the centre. */
TILL_API int till_applied(struct till *till, const char *kind, uint64_t version);

#ifdef __cplusplus
}
#endif

#endif
