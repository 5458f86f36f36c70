/* Everything that can be watched, in one place: what the metrics, the status and the readiness
 * probe read. All of it may be read from any thread. */
#pragma once

#include "deliver/delivery.h"
#include "intake/admission.h"
#include "intake/door_set.h"
#include "net/server.h"
#include "store/apply.h"
#include "subjects/subjects.h"

/* What the query threads did. */
struct query_counters {
	atomic_uint_fast64_t answered_total;
	atomic_uint_fast64_t stopped_total; /* at their time limit */
	atomic_uint_fast64_t steps_total;   /* store_steps() */
};

struct sources {
	struct clock *clock;
	struct journal *journal;
	struct acceptor *acceptor;
	struct admission *admission;
	struct door_set *doors; /* NULL: none is configured */
	struct apply *apply;
	struct delivery *delivery;
	struct subjects *subjects;
	_Atomic(struct server *) server; /* NULL until it listens */
	struct query_counters queries;
	int64_t started_ms; /* wall clock */
};
