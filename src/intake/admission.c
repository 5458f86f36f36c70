#include "intake/admission.h"

#include "base/check.h"
#include "base/json.h"
#include "base/plant.h"
#include "retail/card_text.h"
#include "retail/record.h"
#include "retail/rules.h"
#include "subjects/seal.h"

#include <pthread.h>
#include <stdlib.h>

enum {
	SCRATCH_BYTES_MAX = 32 << 20,
	RECORDS_BYTES_MAX = 64 << 20,
	TEXTS_BYTES_MAX = 16 << 20,
	SPARE_MAX = 512, /* batches kept for the next request */
	KEPT_BYTES_MAX = 256 << 10,
	/* An outcome without its findings: the key with every character escaped, and the words. */
	OUTCOME_BYTES_MAX = 6 * KEY_TEXT_MAX + 800,
};

/* What became of one line before the acceptor saw it. */
struct line_state {
	bool submitted;
	enum problem problem;        /* when it was not */
	size_t text_start, text_len; /* in `texts`: the problem's members, or the findings */
	uint32_t item;               /* of the work, when it was */
	size_t record_start, record_len;
};

/* Reused, because its buffers are what a request costs. */
struct batch {
	struct batch *next;
	struct admission *admission;
	struct arena scratch; /* of the document that is being decoded */
	struct buf records;   /* the journal's payloads, one behind the other */
	struct buf texts;
	struct line_state *lines;
	struct accept_item *items;
	uint32_t line_count, line_size;
	struct accept_work work;
	char store[ID_TEXT_MAX], reg[ID_TEXT_MAX]; /* of the first transaction */
	size_t store_len, reg_len;                 /* 0: there was none yet */
	void (*compose)(void *context);
	void (*done)(void *context);
	void *context;
};

struct admission {
	struct admission_config config;
	struct admission_counters counters;
	pthread_mutex_t lock;
	struct batch *spare;  /* lock */
	unsigned spare_count; /* lock */
};

enum status admission_open(
	const struct admission_config *config, struct admission **ret_admission, struct error *err)
{
	struct admission *admission = calloc(1, sizeof(*admission));
	if (admission == NULL)
		return error_set(err, E_FULL, "intake: out of memory");
	admission->config = *config;
	pthread_mutex_init(&admission->lock, NULL);
	*ret_admission = admission;
	return OK;
}

static void batch_free(struct batch *s)
{
	arena_release(&s->scratch);
	buf_release(&s->records);
	buf_release(&s->texts);
	free(s->lines);
	free(s->items);
	free(s);
}

void admission_close(struct admission *admission)
{
	if (admission == NULL)
		return;
	while (admission->spare != NULL) {
		struct batch *next = admission->spare->next;
		batch_free(admission->spare);
		admission->spare = next;
	}
	pthread_mutex_destroy(&admission->lock);
	free(admission);
}

struct admission_counters *admission_counters(struct admission *admission)
{
	return &admission->counters;
}

struct idempotency *admission_idempotency(const struct admission *admission)
{
	return admission->config.idempotency;
}

uint64_t admission_monotonic_ns(const struct admission *admission)
{
	return admission->config.clock->monotonic_ns(admission->config.clock);
}

struct admission *batch_admission(const struct batch *s)
{
	return s->admission;
}

struct batch *batch_take(struct admission *admission)
{
	atomic_fetch_add(&admission->counters.batches_total, 1);
	pthread_mutex_lock(&admission->lock);
	struct batch *s = admission->spare;
	if (s != NULL) {
		admission->spare = s->next;
		admission->spare_count--;
	}
	pthread_mutex_unlock(&admission->lock);
	if (s != NULL)
		return s;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->admission = admission;
	arena_init(&s->scratch, SCRATCH_BYTES_MAX);
	buf_init(&s->records, RECORDS_BYTES_MAX);
	buf_init(&s->texts, TEXTS_BYTES_MAX);
	return s;
}

void batch_give_back(struct batch *s)
{
	struct admission *admission = s->admission;
	bool small = s->records.size <= KEPT_BYTES_MAX && s->texts.size <= KEPT_BYTES_MAX;
	arena_reset(&s->scratch);
	buf_reset(&s->records);
	buf_reset(&s->texts);
	s->line_count = 0;
	s->store_len = s->reg_len = 0;
	s->work = (struct accept_work){ .count = 0 };
	pthread_mutex_lock(&admission->lock);
	bool keep = small && admission->spare_count < SPARE_MAX;
	if (keep) {
		s->next = admission->spare;
		admission->spare = s;
		admission->spare_count++;
	}
	pthread_mutex_unlock(&admission->lock);
	if (!keep)
		batch_free(s);
}

/* Room for the next line; NULL without memory. */
static struct line_state *add_line(struct batch *s)
{
	if (s->line_count == s->line_size) {
		uint32_t size = s->line_size == 0 ? 1 : s->line_size * 8;
		void *lines = realloc(s->lines, size * sizeof(*s->lines));
		if (lines != NULL)
			s->lines = lines;
		void *items = realloc(s->items, size * sizeof(*s->items));
		if (items != NULL)
			s->items = items;
		if (lines == NULL || items == NULL)
			return NULL;
		s->line_size = size;
	}
	s->lines[s->line_count] = (struct line_state){ 0 };
	return &s->lines[s->line_count++];
}

static void problem_line(struct batch *s, struct line_state *line, enum problem problem,
	const char *detail, const struct findings *findings)
{
	line->problem = problem;
	line->text_start = s->texts.len;
	problem_begin(&s->texts, problem, detail);
	if (findings != NULL) {
		json_write_name(&s->texts, "errors");
		findings_write(findings, true, &s->texts);
		if (findings->dropped > 0)
			json_write_member_u64(&s->texts, "errors_not_shown", findings->dropped);
	}
	line->text_len = s->texts.len - line->text_start;
	if (findings == NULL || findings->count > 0)
		atomic_fetch_add(&s->admission->counters.refused_total, 1);
}

/* What only this server knows of: its stores. */
static void check_here(
	const struct admission *admission, const struct transaction *t, struct findings *findings)
{
	if (admission->config.store_known != NULL &&
		!admission->config.store_known(admission->config.context, t->key.store))
		findings_add(findings, "store.unknown", true, "/store",
			"\"%.*s\" is not a store of the configuration", SLICE_ARG(t->key.store));
}

static bool decode_failed(struct batch *s, struct line_state *line, enum status status,
	const struct findings *findings)
{
	if (status == OK)
		return false;
	const struct finding *first = &findings->items[0];
	if (status == E_FULL || findings->count == 0)
		problem_line(
			s, line, PROBLEM_TOO_LARGE, "the document needs too much memory", NULL);
	else if (strcmp(first->rule, "json") == 0)
		problem_line(s, line, PROBLEM_MALFORMED, first->detail, NULL);
	else
		problem_line(s, line, PROBLEM_INVALID,
			"the document is not a transaction; errors says where", findings);
	return true;
}

static bool needs_memory(struct batch *s, struct line_state *line, enum status status)
{
	if (status == OK)
		return false;
	problem_line(s, line, PROBLEM_TOO_LARGE,
		"the document needs too much memory, or with stand-ins for its customer more than "
		"1048576 bytes",
		NULL);
	return true;
}

/* What was hidden goes into the record sealed. False: the line says why not. */
static bool seal_record(struct batch *s, struct line_state *line, const struct hidden *hidden,
	struct record *record)
{
	struct error err;
	bool durable;
	if (!hidden->any)
		return true;
	enum status status = subjects_seal(
		s->admission->config.subjects, hidden, record, &s->scratch, &durable, &err);
	if (status != OK) {
		problem_line(s, line, status == E_FULL ? PROBLEM_STORAGE_FULL : PROBLEM_BUSY,
			err.text, NULL);
		return false;
	}
	s->work.needs_keys |= !durable;
	return true;
}

static void write_record(struct batch *s, struct line_state *line, const struct record *record)
{
	line->submitted = true;
	line->record_start = s->records.len;
	line->item = s->work.count++;
	record_encode(record, &s->records);
	line->record_len = s->records.len - line->record_start;
}

/* What is good is hidden, hashed and sealed, in this order: the hash is of what is kept. */
static void keep_line(
	struct batch *s, struct line_state *line, struct transaction *t, const struct offer *offer)
{
	struct hidden hidden = { .any = false };
	struct record record = {
		.key = t->key,
		.revision = t->revision,
		.source = offer->source,
		.raw = offer->raw,
		.document = offer->document,
		.findings = slice_make(s->texts.ptr + line->text_start, line->text_len),
	};
	enum status status = OK;
	if (s->admission->config.subjects != NULL)
		status = subjects_hide(s->admission->config.subjects, t, offer->personal,
			&record.document, &s->scratch, &hidden);
	if (status == OK)
		status = transaction_hash(t, record.document, &s->scratch, &record.hash);
	if (!needs_memory(s, line, status) && seal_record(s, line, &hidden, &record))
		write_record(s, line, &record);
}

static void note_scope(struct batch *s, const struct key *key)
{
	if (s->store_len > 0)
		return;
	check(key->store.len <= sizeof(s->store) && key->reg.len <= sizeof(s->reg));
	memcpy(s->store, key->store.ptr, key->store.len);
	memcpy(s->reg, key->reg.ptr, key->reg.len);
	s->store_len = key->store.len;
	s->reg_len = key->reg.len;
}

/* What a card's magnetic stripe holds must never be kept, in no field and by no door. */
static bool has_track(struct slice text)
{
	struct card_match match;
	size_t at = 0;
	if (!card_text_suspicious(text))
		return false;
	while (card_text_next(text, &at, &match))
		if (match.kind == CARD_TRACK)
			return true;
	return false;
}

/* Decodes and checks one document; what is good stands in `records` afterwards. */
static void take_line(struct batch *s, struct line_state *line, const struct offer *offer)
{
	struct slice document = offer->document;
	struct findings findings = { .count = 0 };
	struct transaction t;
	arena_reset(&s->scratch);
	if (document.len > TRANSACTION_BYTES_MAX) {
		problem_line(s, line, PROBLEM_TOO_LARGE,
			"a transaction is larger than 1048576 bytes", NULL);
		return;
	}
	if (has_track(document) || has_track(offer->raw)) {
		findings_add(&findings, "card.authentication_data", true, "",
			"holds data of a card's magnetic stripe, which is never taken; nothing of "
			"it was kept");
		problem_line(s, line, PROBLEM_INVALID,
			"the transaction holds card data that is never taken", &findings);
		return;
	}
	enum status status = transaction_decode(document, &s->scratch, &t, &findings);
	if (decode_failed(s, line, status, &findings))
		return;
	note_scope(s, &t.key);
	check_here(s->admission, &t, &findings);
	transaction_check(&t, s->admission->config.rules, &findings);
	if (findings.refusing > 0) {
		problem_line(s, line, PROBLEM_INVALID,
			"the transaction breaks a rule; errors says which", &findings);
		return;
	}
	line->text_start = s->texts.len;
	if (findings.count > 0)
		findings_write(&findings, false, &s->texts);
	line->text_len = s->texts.len - line->text_start;
	if (t.unknown_count > 0)
		atomic_fetch_add(&s->admission->counters.unknown_fields_total, t.unknown_count);
	keep_line(s, line, &t, offer);
}

/* `records` has stopped growing: now its bytes can be pointed at. */
static void point_items(struct batch *s)
{
	for (uint32_t i = 0; i < s->line_count; i++) {
		struct line_state *line = &s->lines[i];
		if (!line->submitted)
			continue;
		struct record record;
		struct slice payload =
			slice_make(s->records.ptr + line->record_start, line->record_len);
		check(record_decode(payload, &record, NULL) == OK);
		s->items[line->item] = (struct accept_item){
			.payload = payload,
			.has_identity = true,
			.key = record.key,
			.revision = record.revision,
			.fingerprint = record_fingerprint(&record.hash),
		};
	}
}

static enum problem not_accepted_problem(enum status status)
{
	switch (status) {
	case E_FULL:
		return PROBLEM_STORAGE_FULL;
	case E_INPUT:
		return PROBLEM_CONFLICT;
	case E_RETRY:
		return PROBLEM_BUSY;
	default:
		return PROBLEM_STOPPING;
	}
}

/* Opens the object of one line's answer; its first member may be the status. */
static void begin_object(bool with_status, unsigned status, struct buf *buf)
{
	buf_char(buf, '{');
	if (with_status)
		json_write_member_u64(buf, "status_code", status);
}

/* What problem_begin() wrote, without its opening brace. */
static void add_problem(struct slice members, struct buf *buf)
{
	json_write_comma(buf);
	buf_append(buf, members.ptr + 1, members.len - 1);
}

static void write_problem(const struct batch *s, const struct accept_item *item, struct slice key,
	enum problem problem, bool with_status, struct buf *buf)
{
	struct buf members;
	bool conflict = item->outcome == CONFLICT;
	buf_init(&members, 4096);
	problem_begin(&members, problem,
		conflict ? "this key was accepted with other content; both are kept, do not resend"
			 : s->work.err.text);
	begin_object(with_status, problem_status(problem), buf);
	add_problem(buf_get(&members), buf);
	buf_release(&members);
	json_write_member(buf, "key", key);
	if (conflict)
		buf_format(buf, ",\"exception\":\"%llu-0\"", (unsigned long long)item->number);
	buf_char(buf, '}');
}

static void write_accepted(const struct batch *s, const struct line_state *line,
	const struct accept_item *item, struct slice key, struct buf *buf)
{
	char receipt[RECEIPT_TEXT_MAX];
	receipt_print(item->number + (PLANTED(6) && item->outcome == DUPLICATE), &item->fingerprint,
		receipt);
	json_write_member(buf, "key", key);
	json_write_member_text(buf, "status", "accepted");
	json_write_member_text(buf, "receipt", receipt);
	json_write_member_bool(buf, "duplicate", item->outcome == DUPLICATE);
	if (line->text_len > 0)
		json_write_member_raw(buf, "exceptions",
			slice_make(s->texts.ptr + line->text_start, line->text_len));
	buf_char(buf, '}');
}

struct batch_outcome batch_answer(
	const struct batch *s, uint32_t number, bool with_status, struct buf *buf)
{
	check(number < s->line_count);
	const struct line_state *line = &s->lines[number];
	if (!line->submitted) {
		unsigned status = problem_status(line->problem);
		begin_object(with_status, status, buf);
		add_problem(slice_make(s->texts.ptr + line->text_start, line->text_len), buf);
		buf_char(buf, '}');
		return (struct batch_outcome){ status, line->problem };
	}
	const struct accept_item *item =
		&s->items[PLANTED(12) && line->item > 0 ? line->item - 1 : line->item];
	char key_text[KEY_TEXT_MAX];
	struct slice key = slice_make(key_text, key_print(&item->key, key_text));
	if (item->outcome == CONFLICT || item->outcome == NOT_ACCEPTED) {
		enum problem problem = item->outcome == CONFLICT
					       ? PROBLEM_CONFLICT
					       : not_accepted_problem(item->status);
		write_problem(s, item, key, problem, with_status, buf);
		return (struct batch_outcome){ problem_status(problem), problem };
	}
	unsigned status = item->outcome == ACCEPTED ? 201 : 200;
	begin_object(with_status, status, buf);
	write_accepted(s, line, item, key, buf);
	return (struct batch_outcome){ .status = status };
}

enum status batch_offer(struct batch *s, const struct offer *offer)
{
	struct line_state *line = add_line(s);
	if (line == NULL)
		return E_FULL;
	take_line(s, line, offer);
	return OK;
}

enum status batch_refuse(
	struct batch *s, enum problem problem, const char *detail, const struct findings *findings)
{
	struct line_state *line = add_line(s);
	if (line == NULL)
		return E_FULL;
	problem_line(s, line, problem, detail, findings);
	return OK;
}

uint32_t batch_count(const struct batch *s)
{
	return s->line_count;
}

bool batch_put_off(const struct batch *s, uint32_t number)
{
	check(number < s->line_count);
	const struct line_state *line = &s->lines[number];
	return !line->submitted &&
	       (line->problem == PROBLEM_BUSY || line->problem == PROBLEM_STORAGE_FULL);
}

size_t batch_text_bytes(const struct batch *s)
{
	return s->texts.len;
}

bool batch_overflowed(const struct batch *s)
{
	return s->records.failed || s->texts.failed;
}

bool batch_scope(const struct batch *s, struct slice *ret_store, struct slice *ret_reg)
{
	*ret_store = slice_make(s->store, s->store_len);
	*ret_reg = slice_make(s->reg, s->reg_len);
	return s->store_len > 0;
}

size_t batch_answers_max(const struct batch *s)
{
	size_t bytes = 64;
	for (uint32_t i = 0; i < s->line_count; i++)
		bytes += s->lines[i].text_len + OUTCOME_BYTES_MAX;
	return bytes;
}

struct hash batch_fingerprint(const struct batch *s, struct slice body)
{
	struct hash hash = hash_of(body);
	return s->admission->config.subjects == NULL
		       ? hash
		       : subjects_fingerprint(s->admission->config.subjects, &hash);
}

static void compose(struct accept_work *work)
{
	struct batch *s = work->context;
	s->compose(s->context);
}

void batch_set_keyed(struct batch *s, struct keyed *keyed, void (*told)(void *context))
{
	s->work.keyed = keyed;
	s->work.compose = compose;
	s->compose = told;
}

static void durable(struct accept_work *work)
{
	struct batch *s = work->context;
	s->done(s->context);
}

enum status batch_submit(struct batch *s, void (*done)(void *context), void *context)
{
	if (batch_overflowed(s))
		return E_FULL;
	if (s->work.count == 0 && s->work.keyed == NULL) {
		done(context);
		return OK;
	}
	point_items(s);
	s->done = done;
	s->context = context;
	s->work.items = s->items;
	s->work.done = durable;
	s->work.context = s;
	return acceptor_submit(s->admission->config.acceptor, &s->work);
}
