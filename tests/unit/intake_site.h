/* Everything behind a door: admission, acceptor, identity and a journal in the test's folder. The
 * mapping is a stand-in: the record's text is the document, "skip" is no transaction and "none"
 * does not map; so doors are tested without the mapping language. */
#pragma once

#include "base/disk.h"
#include "harness.h"
#include "intake/admission.h"
#include "map/mapping.h"

#include <pthread.h>
#include <stdio.h>

struct intake {
	struct disk *disk;
	struct journal *journal;
	struct identity *identity;
	struct acceptor *acceptor;
	struct admission *admission;
};

static struct intake intake;
static pthread_mutex_t intake_gate =
	PTHREAD_MUTEX_INITIALIZER; /* who has it holds the acceptor up */
static atomic_bool intake_at_gate;

static void intake_advanced(void *context, uint64_t number)
{
	(void)context, (void)number;
	atomic_store(&intake_at_gate, true);
	pthread_mutex_lock(&intake_gate);
	pthread_mutex_unlock(&intake_gate);
}

static enum status intake_load(
	void *context, struct identity *identity, const struct key *day, struct error *err)
{
	(void)context, (void)identity, (void)day, (void)err;
	return OK;
}

static uint64_t intake_applied(void *context)
{
	(void)context;
	return 0;
}

/* Opens on an empty journal of its own. */
static inline void intake_open(const char *name, uint32_t queue_items)
{
	char path[4096];
	struct error err = { OK, "" };
	struct clock *clock = clock_system();
	struct identity_source source = { intake_load, intake_applied, NULL };
	snprintf(path, sizeof(path), "%s/%s", test_folder(), name);
	enum status s = disk_open_folder(path, &intake.disk, &err);
	if (s == OK)
		s = journal_open(intake.disk, clock, 1 << 20, &intake.journal, &err);
	if (s == OK)
		s = identity_open(&source, 100000, &intake.identity, &err);
	struct acceptor_config acceptor = { .journal = intake.journal,
		.identity = intake.identity,
		.clock = clock,
		.queue_bytes_max = 64 << 20,
		.queue_items_max = queue_items,
		.advanced = intake_advanced };
	if (s == OK)
		s = acceptor_open(&acceptor, &intake.acceptor, &err);
	struct admission_config admission = { .acceptor = intake.acceptor, .clock = clock };
	if (s == OK)
		s = admission_open(&admission, &intake.admission, &err);
	EXPECT_TEXT(err.text, "");
	EXPECT_NUMBER(s, OK);
}

static inline void intake_close(void)
{
	acceptor_close(intake.acceptor);
	admission_close(intake.admission);
	identity_close(intake.identity);
	journal_close(intake.journal);
	intake.disk->ops->close_disk(intake.disk);
	intake = (struct intake){ 0 };
}

/* A sale that breaks no rule. */
static inline void sale_document(char *text, size_t size, unsigned sequence, const char *amount)
{
	snprintf(text, size,
		"{\"store\":\"1\",\"register\":\"1\",\"business_date\":\"2026-11-23\","
		"\"sequence\":%u,\"type\":\"sale\",\"closed_at\":\"2026-11-23T10:00:00Z\","
		"\"currency\":\"EUR\",\"prices_include_tax\":true,\"lines\":[{\"number\":1,"
		"\"kind\":\"sale\",\"item\":\"A\",\"quantity\":\"1\",\"amount\":\"%s\"}],"
		"\"tenders\":[{\"number\":1,\"kind\":\"cash\",\"amount\":\"%s\"}],"
		"\"totals\":{\"net\":\"%s\",\"tax\":\"0\",\"gross\":\"%s\"}}",
		sequence, amount, amount, amount, amount);
}

static const struct format_options intake_options = {
	.record = SLICE("T"),
	.record_bytes_max = 1 << 20,
};

/* For door_config: the stand-in looks at none. */
#define INTAKE_MAPPING ((struct mapping *)(uintptr_t)&intake_options)

const struct format *mapping_format(const struct mapping *mapping)
{
	(void)mapping;
	return &format_xml;
}

const struct format_options *mapping_format_options(const struct mapping *mapping)
{
	(void)mapping;
	return &intake_options;
}

enum status mapping_apply(const struct mapping *mapping, struct value *record,
	const struct mapping_context *context, struct arena *arena, struct buf *ret_document,
	enum mapping_verdict *ret_verdict, struct findings *findings,
	const struct mapping_trace *trace)
{
	(void)mapping, (void)context, (void)arena, (void)trace;
	*ret_verdict = slice_is(record->text, "skip")   ? SKIPPED
		       : slice_is(record->text, "none") ? UNMAPPED
							: MAPPED;
	if (*ret_verdict == UNMAPPED)
		findings_add(findings, "mapping", true, "/store", "is missing");
	buf_slice(ret_document, record->text);
	return OK;
}

enum status mapping_keep(const struct mapping *mapping, struct value *record, struct slice raw,
	struct buf *buf, struct slice *ret_kept, bool *ret_personal)
{
	(void)mapping, (void)record, (void)buf;
	*ret_kept = raw;
	*ret_personal = false;
	return OK;
}
