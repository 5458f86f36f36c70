/* What stands around a whole bridge in a simulation: its clock, its journal's disk, and the doors
 * by which requests come. The bridge's own calls of clock_system(), disk_open_folder() and
 * server_*() come here (sim_wraps in meson.build); the HTTP server is left out, requests go to
 * admission. */
#pragma once

#include "app/bridge.h"
#include "intake/admission.h"

/* A new disk and a new clock; the disk stays when the bridge is closed. */
void sim_world_begin(uint64_t seed);
void sim_world_end(void);
struct disk *sim_world_disk(void);
/* Of the bridge that is open. */
struct admission *sim_world_admission(void);
/* Called when the bridge closes its server: all requests must have been answered when it returns.
 */
void sim_world_on_drain(void (*drain)(void));
/* Called after each commit of the state, by the thread that did it. */
void sim_world_on_commit(void (*committed)(void));
