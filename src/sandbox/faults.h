/* What the sandbox ERP does wrong on purpose. Chances are drawn for each request from a seeded
 * generator, so that a run can be repeated. */
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "base/random.h"

enum { FAULTS_CERTAIN = 1000000, FAULTS_SLOW_MS_MAX = 600000 };

struct faults {
	uint32_t lost_answer;       /* chance in millionths: closes the connection after the save */
	uint32_t error_after_apply; /* chance in millionths: answers 500 after the save */
	uint32_t throttle;          /* chance in millionths: answers 429 before anything is done */
	uint32_t refuse;            /* chance in millionths: refuses a sale that is right */
	uint64_t slow_ms;           /* answers come so much later */
	bool down;                  /* answers 503 to everything but /api/faults */
};

/* Sets one by its name: "lost_answer", "0.25"; "down", "true". E_CONFIG says what is expected. */
enum status faults_set(
	struct faults *faults, struct slice name, struct slice value, struct error *err);
/* "lost_answer=0.25,down=true", as on the command line. */
enum status faults_set_list(struct faults *faults, struct slice list, struct error *err);
/* A JSON object; what it does not name is off. E_INPUT. */
enum status faults_read(
	struct slice text, struct arena *arena, struct faults *ret_faults, struct error *err);
void faults_write(const struct faults *faults, struct buf *buf);

static inline bool faults_strike(uint32_t chance, struct random *random)
{
	return chance > 0 && random_chance(random, chance, FAULTS_CERTAIN);
}
