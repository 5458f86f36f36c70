/* The state of a data folder that no server has open. */
#pragma once

#include "journal/journal.h"

/* Applies what the state does not have yet, or makes it when it is not there. */
enum status state_catch_up(struct journal *journal, const char *path, struct error *err);
