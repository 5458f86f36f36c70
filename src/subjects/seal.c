#include "subjects/seal.h"

#include "base/check.h"

enum { BOUND_MAX = 32 + KEY_TEXT_MAX + 8 + HASH_BYTES + SUBJECT_BYTES };

struct masker {
	const struct subjects *subjects;
	const struct subject_id *subject;
	bool named; /* the subject is known by its customer number */
};

static void make_stand_in(
	void *context, struct slice name, struct slice text, char stand_in[static SUBJECT_TEXT_MAX])
{
	const struct masker *m = context;
	if (m->named && slice_is(name, identifier_names[IDENTIFIER_CUSTOMER]))
		subject_print(m->subject, stand_in);
	else
		subjects_stand_in(m->subjects, m->subject, name, text, stand_in);
}

enum status subjects_hide(const struct subjects *subjects, struct transaction *t, bool raw_personal,
	struct slice *document, struct arena *arena, struct hidden *ret_hidden)
{
	enum identifier_kind kind;
	struct slice identifier;
	struct buf buf;
	*ret_hidden = (struct hidden){ .any = raw_personal || personal_present(t) };
	if (!ret_hidden->any)
		return OK;
	enum status s = personal_identifier(t, arena, &kind, &identifier);
	if (s != OK)
		return s;
	subjects_identify(subjects, kind, identifier, &ret_hidden->subject);
	buf_init(&buf, 2 * TRANSACTION_BYTES_MAX);
	personal_write(t, &buf);
	ret_hidden->personal = arena_copy(arena, buf_get(&buf));
	bool full = buf.failed || ret_hidden->personal.ptr == NULL;
	if (buf.ptr != NULL)
		crypt_wipe(buf.ptr, buf.size);
	buf_release(&buf);
	if (full)
		return E_FULL;
	struct masker masker = { subjects, &ret_hidden->subject, kind == IDENTIFIER_CUSTOMER };
	struct stand_in stand_in = { make_stand_in, &masker };
	return personal_replace(t, *document, &stand_in, arena, document);
}

/* What a sealed part is bound to. */
static struct slice bind_record(
	const struct record *record, const struct subject_id *subject, char bound[static BOUND_MAX])
{
	static const char preamble[] = "tillbridge sealed 1\n";
	char *out = mempcpy(bound, preamble, sizeof(preamble) - 1);
	out += key_print(&record->key, out);
	*out++ = '\n';
	out = mempcpy(out, &record->revision, sizeof(record->revision));
	out = mempcpy(out, record->hash.bytes, HASH_BYTES);
	out = mempcpy(out, subject->bytes, SUBJECT_BYTES);
	return slice_make(bound, (size_t)(out - bound));
}

static enum status seal(const struct secret *key, const struct hidden *hidden,
	const struct record *record, struct arena *arena, struct slice *ret_sealed,
	struct error *err)
{
	uint32_t len = (uint32_t)hidden->personal.len;
	size_t clear_len = sizeof(len) + len + record->raw.len;
	char bound[BOUND_MAX];
	char *clear = arena_alloc(arena, clear_len);
	char *sealed = arena_alloc(arena, SUBJECT_BYTES + clear_len + SEAL_OVERHEAD);
	if (clear == NULL || sealed == NULL)
		return error_set(err, E_FULL, "the document needs too much memory");
	char *out = mempcpy(clear, &len, sizeof(len));
	out = mempcpy(out, hidden->personal.ptr, len);
	if (record->raw.len > 0)
		memcpy(out, record->raw.ptr, record->raw.len);
	memcpy(sealed, hidden->subject.bytes, SUBJECT_BYTES);
	enum status s = crypt_seal(key, bind_record(record, &hidden->subject, bound),
		slice_make(clear, clear_len), sealed + SUBJECT_BYTES, err);
	crypt_wipe(clear, clear_len);
	*ret_sealed = slice_make(sealed, SUBJECT_BYTES + clear_len + SEAL_OVERHEAD);
	return s;
}

enum status subjects_seal(struct subjects *subjects, const struct hidden *hidden,
	struct record *record, struct arena *arena, bool *ret_durable, struct error *err)
{
	struct secret key;
	enum subject_state state;
	enum status s =
		subjects_key(subjects, &hidden->subject, true, &key, &state, ret_durable, err);
	if (s == OK && state == SUBJECT_KEPT)
		s = seal(&key, hidden, record, arena, &record->sealed, err);
	else if (s == OK)
		record->sealed =
			arena_copy(arena, slice_make(hidden->subject.bytes, SUBJECT_BYTES));
	crypt_wipe(&key, sizeof(key));
	record->raw = slice_make(NULL, 0);
	if (s == OK && record->sealed.ptr == NULL)
		s = error_set(err, E_FULL, "the document needs too much memory");
	return s;
}

bool record_subject(const struct record *record, struct subject_id *ret_subject)
{
	if (record->sealed.len < SUBJECT_BYTES)
		return false;
	memcpy(ret_subject->bytes, record->sealed.ptr, SUBJECT_BYTES);
	return true;
}

static enum status open_sealed(const struct secret *key, const struct record *record,
	struct arena *arena, struct unsealed *u, struct error *err)
{
	struct slice sealed =
		slice_make(record->sealed.ptr + SUBJECT_BYTES, record->sealed.len - SUBJECT_BYTES);
	char bound[BOUND_MAX];
	uint32_t len = 0;
	if (sealed.len < SEAL_OVERHEAD + sizeof(len))
		return error_set(err, E_CORRUPT, "the sealed part has %zu bytes", sealed.len);
	size_t clear_len = sealed.len - SEAL_OVERHEAD;
	char *clear = arena_alloc(arena, clear_len);
	if (clear == NULL)
		return error_set(err, E_FULL, "out of memory");
	if (!crypt_open(key, bind_record(record, &u->subject, bound), sealed, clear))
		return error_set(err, E_CORRUPT,
			"the sealed part does not open with its subject's key: it was changed, or "
			"belongs to another record");
	memcpy(&len, clear, sizeof(len));
	if (len > clear_len - sizeof(len))
		return error_set(err, E_CORRUPT, "the sealed part is shorter than it says");
	u->personal = slice_make(clear + sizeof(len), len);
	u->raw = slice_make(clear + sizeof(len) + len, clear_len - sizeof(len) - len);
	return OK;
}

enum status subjects_unseal(struct subjects *subjects, const struct record *record,
	struct arena *arena, struct unsealed *ret_unsealed, struct error *err)
{
	struct secret key;
	bool durable;
	*ret_unsealed = (struct unsealed){ .state = SUBJECT_UNKNOWN };
	if (!record_subject(record, &ret_unsealed->subject))
		return error_set(err, E_CORRUPT,
			"the sealed part has %zu bytes; it begins with "
			"16 of its subject",
			record->sealed.len);
	enum status s = subjects_key(
		subjects, &ret_unsealed->subject, false, &key, &ret_unsealed->state, &durable, err);
	/* Sealed after its subject was forgotten: nothing was kept. */
	if (s == OK && record->sealed.len == SUBJECT_BYTES)
		ret_unsealed->state = SUBJECT_FORGOTTEN;
	if (s == OK && ret_unsealed->state == SUBJECT_KEPT)
		s = open_sealed(&key, record, arena, ret_unsealed, err);
	crypt_wipe(&key, sizeof(key));
	return s;
}
